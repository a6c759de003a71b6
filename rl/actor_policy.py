"""The trained scheduler: both teams' actors, acting on observations. Critics stay behind with the trainer."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Generator, Tensor

from ..opt.errors import InputError
from .action_spaces import ACTION_SPACES
from .actions import Action
from .distributions import Hybrid
from .mappo_settings import TeamSettings
from .observation import Observation
from .saved_tensors import below
from .team_networks import AnyGlobalActor, AnyLocalActor, saved_global_actor, saved_local_actor
from .teams import best_latents
from .threads import one_thread
from .twin import TwinError
from .view import View

# Readings are taken as they are.
EXACT = TwinError()


class ActorPolicy:
    """Acts on observations of any size where networks are shared by heads, delegates and agents; networks per agent
    (``own_networks``) act on systems of their own sizes only. error: of the twin that it was trained under, which says how far
    to trust a reading (``belief``); without it readings are taken as they are."""

    def __init__(self, local: AnyLocalActor, global_: AnyGlobalActor, device: torch.device, error: TwinError = EXACT) -> None:
        self.local, self.global_, self.error, self.device = local, global_, error, device

    @one_thread()
    @torch.no_grad()
    def act(self, observation: Observation, deterministic: bool = True, generator: Generator | None = None) -> Action:
        """Both teams' actions [env, ...]; a draw instead of the best answer when not deterministic, which needs a generator.
        InputError without one, and for sizes that networks per agent were not made for."""
        view = View.of(observation, self.error, self.local.actions, self.global_.actions, self.device)
        local: Hybrid = self.local(view.heads)
        global_: Hybrid = self.global_(view.committees)
        if deterministic:
            chosen, chosen_global = best_latents(local), best_latents(global_)
        else:
            if generator is None:
                raise InputError("is missing; a draw needs a torch generator", field="generator")
            chosen, chosen_global = local.sample(generator), global_.sample(generator)
        return Action(
            ACTION_SPACES[self.local.actions].local_action(chosen, view.heads, view.local),
            ACTION_SPACES[self.global_.actions].global_action(chosen_global, view.committees, view.global_),
        )


def saved_policy(
    local_team: TeamSettings,
    global_team: TeamSettings,
    tensors: Mapping[str, Tensor],
    progress: float = 1.0,
    error: TwinError = EXACT,
) -> ActorPolicy:
    """The scheduler of a run's tensors (``local.actor.*``, ``global.actor.*``), on the CPU. RuntimeError or KeyError when they
    do not fit.

    progress: where the schedule of the standard deviations stands; only draws depend on it. error: see ActorPolicy."""
    local = saved_local_actor(below("local.actor", tensors), local_team)
    global_ = saved_global_actor(below("global.actor", tensors), global_team)
    local.spreads.progress = global_.spreads.progress = progress
    return ActorPolicy(local, global_, torch.device("cpu"), error)
