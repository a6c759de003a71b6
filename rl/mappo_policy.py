"""The trained scheduler: both teams' actors, acting on observations. Critics stay behind with the trainer."""

from __future__ import annotations

import torch
from torch import Generator

from ..opt.errors import InputError
from .actions import Action
from .distributions import Hybrid
from .features import committee_features, head_features
from .networks import GlobalActor, LocalActor
from .observation import Observation
from .teams import best_latents, global_action, local_action
from .threads import one_thread


class MappoPolicy:
    """Acts on any observation of any size: networks are shared by heads, delegates and agents."""

    def __init__(self, local: LocalActor, global_: GlobalActor, device: torch.device) -> None:
        self.local, self.global_, self.device = local, global_, device

    @one_thread()
    @torch.no_grad()
    def act(self, observation: Observation, deterministic: bool = True, generator: Generator | None = None) -> Action:
        """Both teams' actions; a draw instead of the best answer when not deterministic (with this generator)."""
        twin = observation.twin
        committees = committee_features(twin.global_, self.device)
        local: Hybrid = self.local(head_features(twin.local, self.device))
        global_: Hybrid = self.global_(committees)
        if deterministic:
            chosen, chosen_global = best_latents(local), best_latents(global_)
        else:
            if generator is None:
                raise InputError("is missing; a draw needs a torch generator", field="generator")
            chosen, chosen_global = local.sample(generator), global_.sample(generator)
        return Action(local_action(chosen, twin.local.layout), global_action(chosen_global, committees))
