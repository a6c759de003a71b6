"""Actors of the action space ``reduced`` (``reduced_actions``): a few numbers per agent from its pooled context.

Encoders, and so equivariance and any number of heads, delegates, APs and committees, are those of ``networks``.
"""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor, nn

from .distributions import Bernoulli, Gaussian, Hybrid
from .features import MULTICAST, TOTAL, CommitteeFeatures, HeadFeatures
from .mappo_settings import REDUCED_LOCAL_HEADS, Actions, TeamSettings
from .networks import GAIN, SMALL, CommitteeEncoder, HeadEncoder, PerSlot, Spreads, mlp

# Where the prices start: logarithms of what a budget is worth over all that it could earn. At the optimum of `paper` C1 is at
# -3.4 (system 0) and -3.1 (1), C5 near -1.7 when two committees share it, the same on `plant`; assumption elsewhere.
LOCAL_PRICE = -3.4
GLOBAL_PRICE = -1.8
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
    """Per manager: serve or not; which APs it would like, and how much it wants any (appetite); price of C5."""

    actions: ClassVar[Actions] = "reduced"

    def __init__(self, features: tuple[int, int, int], team: TeamSettings) -> None:
        super().__init__()
        self.encoder = CommitteeEncoder(features, team.hidden, team.context)
        width = self.encoder.width
        self.trunk = mlp(width, team.hidden, 3, out_gain=SMALL)
        self.bid = PerSlot(team.hidden, width, team.hidden, 1)
        self.spreads = Spreads(team.log_std_start, team.log_std_end)

    def forward(self, inputs: CommitteeFeatures) -> Hybrid:
        """The hybrid distribution of every manager."""
        context, _, access = self.encoder(inputs)
        serve, appetite, price = self.trunk(context).split(1, dim=-1)
        bid: Tensor = self.bid(access, context).squeeze(-1)
        log_std = self.spreads.log_std
        poor = inputs.committee[..., TOTAL : TOTAL + 1] - self.encoder.committee_scale.mean[TOTAL]
        return Hybrid(
            {
                "serve": Bernoulli(2.0 - 2.0 * poor + GAIN * serve),
                "bid": Bernoulli(GAIN * bid),
                "appetite": Gaussian(-2.0 * poor + appetite, log_std("appetite")),
                "price": Gaussian(GLOBAL_PRICE + price, log_std("price")),
            },
            gate="serve",
        )
