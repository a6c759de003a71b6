"""DDPG's networks for both teams: MAPPO's actors without their spread, and critics that read a whole team's actions.

A critic sees each action as its offset from the common starting point (``starting_point``) in units of the exploration noise
at the start, so that all of its inputs are of size one. What an agent is paid depends on what others took from the common
budget and (through T_multi, a mean over all heads) on everybody's multicast, hence the team's mean beside each agent's own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..rl.distributions import Latents
from ..rl.features import CommitteeFeatures, HeadFeatures
from ..rl.layers import PerSlot, beside_team, masked_mean, mlp
from ..rl.mappo_settings import COMMON, LOCAL_HEADS, PER_DELEGATE
from ..rl.networks import GlobalActor, LocalActor
from .ddpg import Noise
from .game import Features
from .starting_point import frozen_start, relaxed


class Deterministic(nn.Module):
    """An actor of MAPPO as a deterministic one: means, and probabilities for choices."""

    def __init__(self, actor: LocalActor | GlobalActor) -> None:
        super().__init__()
        self.actor = actor
        # What only draws need takes no gradient.
        actor.spreads.requires_grad_(False)

    def forward(self, features: Features) -> Latents:
        """Action by head."""
        return relaxed(self.actor(features))


def offsets_from(start: Latents, actions: Mapping[str, Tensor], noise: Mapping[str, Noise]) -> Latents:
    """Actions relative to the starting point, in units of the noise at the start."""
    return {name: (actions[name] - start[name]) / noise[name].start for name in start}


class LocalActionValue(nn.Module):
    """Normalised value of each AP [env, K] given every head's features and actions."""

    def __init__(self, actor: LocalActor, hidden: int, noise: Mapping[str, Noise]) -> None:
        super().__init__()
        self.noise = dict(noise)
        self.standardise = copy.deepcopy(actor.encoder.standardise)
        width = len(self.standardise.mean)
        self.embed = nn.Sequential(nn.Linear(width + len(LOCAL_HEADS), hidden), nn.SiLU())
        self.head = PerSlot(hidden, 2 * hidden, hidden, 1)
        self.rest = mlp(2 * hidden, hidden, 1)
        self.start = frozen_start(actor)

    def forward(self, features: HeadFeatures, actions: Mapping[str, Tensor]) -> Tensor:
        """A sum over the AP's heads, each in the context of its AP and its team, plus the context's own worth."""
        offsets = offsets_from(relaxed(self.start(features)), actions, self.noise)
        chosen = torch.stack([offsets[name] for name in LOCAL_HEADS], dim=-1)
        each = self.embed(torch.cat([self.standardise(features.values), chosen], dim=-1))
        context = beside_team(masked_mean(each, features.is_head))
        heads = self.head(each, context).squeeze(-1)
        return (heads * features.is_head).sum(dim=-1) + self.rest(context).squeeze(-1)


class GlobalActionValue(nn.Module):
    """Normalised value of each manager [env, I] given every manager's features and actions."""

    def __init__(self, actor: GlobalActor, hidden: int, noise: Mapping[str, Noise]) -> None:
        super().__init__()
        self.noise = dict(noise)
        self.encoder = copy.deepcopy(actor.encoder)
        self.delegate = nn.Sequential(nn.Linear(hidden + len(PER_DELEGATE), hidden), nn.SiLU())
        self.access = nn.Sequential(nn.Linear(hidden + 1, hidden), nn.SiLU())
        self.own = nn.Sequential(nn.Linear(5 * hidden + 1 + len(COMMON), hidden), nn.SiLU())
        self.value = mlp(2 * hidden, hidden, 1)
        self.start = frozen_start(actor)

    def forward(self, features: CommitteeFeatures, actions: Mapping[str, Tensor]) -> Tensor:
        """Each committee beside the mean over all."""
        offsets = offsets_from(relaxed(self.start(features)), actions, self.noise)
        context, delegate, access = self.encoder(features)
        of_delegate = torch.stack([offsets[name] for name in PER_DELEGATE], dim=-1)
        delegates = masked_mean(self.delegate(torch.cat([delegate, of_delegate], dim=-1)), features.is_delegate)
        accesses = self.access(torch.cat([access, offsets["bid"].unsqueeze(-1)], dim=-1)).mean(dim=-2)
        common = [actions["serve"], *(offsets[name] for name in COMMON)]
        own = self.own(torch.cat([context, delegates, accesses, *common], dim=-1))
        return self.value(beside_team(own)).squeeze(-1)
