r"""DDQN's networks for both teams and what its levels mean: the documented discretisation.

Every continuous action head takes one of L = ``levels`` offsets from the common starting point (``starting_point``), evenly
spaced from -reach to reach: logarithms of shares, logits of a head's CPU fraction. Slots of an AP: uplink, multicast and CPU
of each of its heads (30 slots for ten heads). Slots of a manager: serve (two levels, the gate), one bid per AP (two levels),
and L levels each for appetite, spread, manager, request, reply and pace. Its delegates share in proportion to need, which is
the starting point of ``share`` and ``speed``: another 42 slots per manager would multiply the noise of exploration in phases
that wait for the slowest.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from torch import Tensor, nn

from ..rl.distributions import Latents
from ..rl.features import CommitteeFeatures, HeadFeatures
from ..rl.layers import PerSlot, beside_team, mlp
from ..rl.mappo_settings import COMMON, LOCAL_HEADS
from ..rl.networks import GlobalActor, LocalActor
from .ddqn import LevelValues
from .game import Features
from .replay import Chosen
from .starting_point import frozen_start, relaxed


class LocalLevels(nn.Module):
    """Q of every AP's levels: group "heads", slots head by head in the order of LOCAL_HEADS."""

    def __init__(self, actor: LocalActor, hidden: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.encoder = copy.deepcopy(actor.encoder)
        self.advantage = PerSlot(hidden, 2 * hidden, hidden, len(LOCAL_HEADS) * levels)
        self.value = mlp(2 * hidden, hidden, 1)
        self.start = frozen_start(actor)

    def forward(self, features: HeadFeatures) -> LevelValues:
        """LevelValues [env, K, N * 3, L]."""
        each, own = self.encoder(features)
        context = beside_team(own)
        advantage = self.advantage(each, context)
        kinds = len(LOCAL_HEADS)
        counts = features.is_head.repeat_interleave(kinds, dim=-1)
        slots = advantage.reshape(*advantage.shape[:2], -1, self.levels)
        return LevelValues(self.value(context).squeeze(-1), {"heads": slots}, {"heads": counts})


class GlobalLevels(nn.Module):
    """Q of every manager's levels: groups "serve" (the gate), "bid" (one slot per AP) and "common" (the order of COMMON)."""

    def __init__(self, actor: GlobalActor, hidden: int, levels: int) -> None:
        super().__init__()
        self.levels = levels
        self.encoder = copy.deepcopy(actor.encoder)
        self.trunk = mlp(6 * hidden, hidden, 2 + len(COMMON) * levels)
        self.bid = PerSlot(hidden, 6 * hidden, hidden, 2)
        self.value = mlp(6 * hidden, hidden, 1)
        self.start = frozen_start(actor)

    def forward(self, features: CommitteeFeatures) -> LevelValues:
        """LevelValues [env, I, ...]."""
        own, _, access = self.encoder(features)
        context = beside_team(own)
        trunk = self.trunk(context)
        return LevelValues(
            self.value(context).squeeze(-1),
            {
                "serve": trunk[..., :2].unsqueeze(-2),
                "bid": self.bid(access, context),
                "common": trunk[..., 2:].reshape(*trunk.shape[:-1], len(COMMON), self.levels),
            },
            {},
            gate="serve",
        )


def offsets(level: Tensor, levels: int, reach: float) -> Tensor:
    """Level 0 .. levels - 1 to evenly spaced offsets from -reach to reach: logarithms of shares or logits; same shape."""
    return reach * (2.0 * level / (levels - 1) - 1.0)


def local_meaning(network: LocalLevels, reach: float) -> Callable[[Chosen, Features], Latents]:
    """From levels to latents [env, K, N]."""

    def meaning(chosen: Chosen, features: Features) -> Latents:
        start = relaxed(network.start(features))
        shape = (*chosen["heads"].shape[:2], features.is_head.shape[-1], len(LOCAL_HEADS))
        by_kind = offsets(chosen["heads"], network.levels, reach).reshape(shape)
        return {name: start[name] + by_kind[..., kind] for kind, name in enumerate(LOCAL_HEADS)}

    return meaning


def global_meaning(network: GlobalLevels, reach: float) -> Callable[[Chosen, Features], Latents]:
    """From levels to latents, see ``teams.global_action``."""

    def meaning(chosen: Chosen, features: Features) -> Latents:
        latents = relaxed(network.start(features))
        common = offsets(chosen["common"], network.levels, reach)
        latents |= {name: latents[name] + common[..., place : place + 1] for place, name in enumerate(COMMON)}
        return latents | {"serve": chosen["serve"].float(), "bid": chosen["bid"].float()}

    return meaning
