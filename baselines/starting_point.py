"""The sensible answer that all learners start from, as a frozen network: what MAPPO's actors say before they have learnt.

It needs no more than an agent observes. DDQN's levels are offsets from it and the critics of DDPG read actions relative to
it, so that no learner loses for want of a start that another had.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from ..rl.distributions import Hybrid, Latents
from ..rl.features import CommitteeFeatures, HeadFeatures
from ..rl.mappo_settings import GLOBAL_DEFAULTS, LOCAL_DEFAULTS, Context
from ..rl.networks import GlobalActor, LocalActor
from ..rl.team_networks import global_networks, local_networks

# Action heads whose latents are choices (yes or no); relaxed, they are numbers from 0 to 1.
CHOICES = ("serve", "bid")


def local_actor(calibration: HeadFeatures, hidden: int) -> LocalActor:
    """A fresh actor of the AP team on its own context, scales fitted on the calibration epochs."""
    actor, _ = local_networks(calibration, replace(LOCAL_DEFAULTS, hidden=hidden, context="own"))
    assert isinstance(actor, LocalActor)
    return actor


def global_actor(calibration: CommitteeFeatures, hidden: int, context: Context = "own") -> GlobalActor:
    """A fresh actor of the manager team on this context, scales fitted on the calibration epochs."""
    actor, _ = global_networks(calibration, replace(GLOBAL_DEFAULTS, hidden=hidden, context=context))
    assert isinstance(actor, GlobalActor)
    return actor


@torch.no_grad()
def frozen_start(actor: LocalActor | GlobalActor) -> LocalActor | GlobalActor:
    """The actor with its last layers at zero, so that it says its starting point exactly; it takes no gradient."""
    if isinstance(actor, LocalActor):
        outputs = [actor.offset.rest[-1]]
    else:
        outputs = [actor.trunk[-1], actor.bid.rest[-1], actor.deviation.rest[-1]]
    for layer in outputs:
        assert isinstance(layer, nn.Linear)
        layer.weight.zero_()
        layer.bias.zero_()
    return actor.requires_grad_(False)


def relaxed(distribution: Hybrid) -> Latents:
    """Means of the continuous heads, probabilities of yes of the discrete ones."""
    return {
        name: torch.sigmoid(head.location) if name in CHOICES else head.location for name, head in distribution.heads.items()
    }
