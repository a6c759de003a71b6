"""What both teams make of one observation: the state that they plan on, and its features."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..opt.snapshot import GlobalPart, LocalPart
from .action_spaces import ACTION_SPACES
from .features import CommitteeFeatures, HeadFeatures, committee_features, head_features
from .mappo_settings import Actions
from .observation import Observation
from .twin import TwinError


@dataclass(frozen=True, eq=False)
class View:
    """local, global_: the parts as their teams take them [env, ...] (``ActionSpace.seen``); heads, committees: features."""

    local: LocalPart
    global_: GlobalPart
    heads: HeadFeatures
    committees: CommitteeFeatures

    @classmethod
    def of(cls, observation: Observation, error: TwinError, local: Actions, global_: Actions, device: torch.device) -> View:
        """Under a twin with this error, in the action spaces of both teams."""
        twin = observation.twin
        seen = ACTION_SPACES[local].seen(observation, error)
        seen_global = (seen if global_ == local else ACTION_SPACES[global_].seen(observation, error)).global_
        return cls(
            seen.local,
            seen_global,
            head_features(seen.local, device, twin.local),
            committee_features(seen_global, device, twin.global_),
        )
