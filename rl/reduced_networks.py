"""Actors of the action space ``reduced`` (``reduced_actions``): a few numbers per agent from its pooled context.

Encoders, and so equivariance and any number of heads, delegates, APs and committees, are those of ``encoders``.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from .distributions import Bernoulli, Gaussian, Hybrid
from .encoders import CommitteeEncoder, HeadEncoder, with_team
from .features import BELIEVED_CPU, MULTICAST, TOTAL, VERIFY, CommitteeFeatures, HeadFeatures
from .layers import SMALL, PerSlot, Spreads, mlp
from .mappo_settings import REDUCED_LOCAL_HEADS, Actions, Context, TeamSettings
from .networks import GAIN
from .own_networks import scales_only
from .stack import Stack

# Where the prices start: logarithms of what a budget is worth over all that it could earn. At the optimum of `paper` C1 is at
# -3.4 (system 0) and -3.1 (1), C5 near -1.7 when two committees share it, the same on `plant`; assumption elsewhere.
LOCAL_PRICE = -3.4
GLOBAL_PRICE = -1.8
# Nothing to verify counts as this many factors of e faster than 10 ms.
FASTER = 5.0
# Of C1, as in ``networks.LocalActor.start``.
MULTICAST_SHARE = 0.8


class ReducedLocalActor(nn.Module):
    """Per AP: price of C1, share of multicasting, delay; one network for all."""

    actions: ClassVar[Actions] = "reduced"

    def __init__(self, features: int, team: TeamSettings) -> None:
        super().__init__()
        self.encoder = HeadEncoder(features, team.hidden, team.context)
        self.offset = mlp(self.encoder.width, team.hidden, len(REDUCED_LOCAL_HEADS), out_gain=SMALL)
        self.spreads = Spreads(team.log_std_start, team.log_std_end)

    def forward(self, inputs: HeadFeatures) -> Hybrid:
        """The distribution of every AP, one slot each."""
        _, context = self.encoder(inputs)
        # Shares of a typical head add up to the share of multicasting.
        multicast = math.log(MULTICAST_SHARE) - 0.5 * self.encoder.standardise.mean[MULTICAST]
        start = torch.stack([torch.full_like(multicast, LOCAL_PRICE), multicast, torch.zeros_like(multicast)])
        means = (start + self.offset(context)).split(1, dim=-1)
        return Hybrid(
            {name: Gaussian(mean, self.spreads.log_std(name)) for name, mean in zip(REDUCED_LOCAL_HEADS, means, strict=True)}
        )


class ReducedGlobalActor(nn.Module):
    """Per manager: serve or not; which APs it would like, and how much it wants any (appetite); price of C5.

    It reads what its worth depends on once shares are in equilibrium: what all phases need in all, how fast its delegates can
    verify, and for each AP how its request compares with the others'. None of it changes its meaning with the number of APs.
    """

    actions: ClassVar[Actions] = "reduced"

    def __init__(self, features: tuple[int, int, int], team: TeamSettings) -> None:
        super().__init__()
        hidden = team.hidden
        self.context: Context = team.context
        self.encoder = scales_only(CommitteeEncoder(features, hidden))
        width = hidden if team.context == "own" else 2 * hidden
        self.summary = Stack(nn.Linear(2, hidden), nn.SiLU())
        self.trunk = mlp(width, hidden, 3, out_gain=SMALL)
        self.bid = PerSlot(1, width, hidden, 1)
        self.spreads = Spreads(team.log_std_start, team.log_std_end)

    def forward(self, inputs: CommitteeFeatures) -> Hybrid:
        """The hybrid distribution of every manager."""
        scale = self.encoder.committee_scale
        poor = inputs.committee[..., TOTAL : TOTAL + 1] - scale.mean[TOTAL]
        # 0 where the slowest delegate verifies in 10 ms at best.
        slowness = (inputs.delegate[..., VERIFY] - inputs.delegate[..., BELIEVED_CPU]).where(inputs.is_delegate > 0, -torch.inf)
        slowness = (slowness.amax(dim=-1, keepdim=True) - math.log(0.01)).clamp(min=-FASTER)
        context = with_team(self.summary(torch.cat([poor / scale.std[TOTAL], slowness], dim=-1)), self.context)
        serve, appetite, price = self.trunk(context).split(1, dim=-1)
        asks = inputs.access - inputs.access.mean(dim=-2, keepdim=True)
        bid = self.bid(asks, context).squeeze(-1)
        log_std = self.spreads.log_std
        return Hybrid(
            {
                "serve": Bernoulli(2.0 - 2.0 * poor + GAIN * serve),
                "bid": Bernoulli(GAIN * bid - asks.squeeze(-1)),
                "appetite": Gaussian(-2.0 * poor + appetite, log_std("appetite")),
                "price": Gaussian(GLOBAL_PRICE + price, log_std("price")),
            },
            gate="serve",
        )
