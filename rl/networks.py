"""Actors and critics of both teams: shared encoders per head, delegate and AP, pooled inside an agent.

Relabelling an agent's heads (delegates, APs) relabels its actions and nothing else, and the same weights run on any number
of them. Continuous actions start from a sensible answer (spectrum in proportion to the root of the need, and so on) and the
network learns the offset from it: its last layer starts near zero.
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .distributions import Bernoulli, Gaussian, Hybrid
from .encoders import CommitteeEncoder, HeadEncoder
from .features import (
    BROADCAST,
    CPU_MAX,
    DELEGATE_CPU,
    MULTICAST,
    RATIO,
    REQUESTS,
    SEND,
    SHARED,
    TOTAL,
    TRAINING,
    UPLOAD,
    VERIFY,
    CommitteeFeatures,
    HeadFeatures,
)
from .layers import SMALL, PerSlot, Spreads, beside_team, mlp
from .mappo_settings import LOCAL_HEADS, Actions, TeamSettings

# Logits move further than logarithms of shares before they matter.
GAIN = 5.0
# serve, appetite, spread, manager, request, reply, pace.
COMMON_OUTPUTS = 7


class Offsets(NamedTuple):
    """A manager's outputs. common [env, I, COMMON_OUTPUTS]; bid per AP [env, I, K]; deviation: share and speed per delegate
    [env, I, V, 2]."""

    common: Tensor
    bid: Tensor
    deviation: Tensor


class LocalActor(nn.Module):
    """Per cluster head: log uplink share, log multicast share, logit of the CPU fraction; one network for all heads."""

    actions: ClassVar[Actions] = "full"

    def __init__(self, features: int, team: TeamSettings) -> None:
        super().__init__()
        hidden = team.hidden
        self.encoder = HeadEncoder(features, hidden, team.context)
        self.offset = PerSlot(hidden, self.encoder.width, hidden, len(LOCAL_HEADS))
        self.spreads = Spreads(team.log_std_start, team.log_std_end)

    def forward(self, inputs: HeadFeatures) -> Hybrid:
        """The hybrid distribution of every AP, slots = its heads."""
        means = self.start(inputs) + self.offsets(inputs)
        return Hybrid(
            {
                name: Gaussian(mean, self.spreads.log_std(name), inputs.is_head)
                for name, mean in zip(LOCAL_HEADS, means.unbind(dim=-1), strict=True)
            }
        )

    def offsets(self, inputs: HeadFeatures) -> Tensor:
        """What the network adds to the starting point [env, K, N, 3]."""
        return self.offset(*self.encoder(inputs))

    def start(self, inputs: HeadFeatures) -> Tensor:
        """Starting point [env, K, N, 3]: 1/5 of C1 to uplink and 4/5 to multicast (assumption; at the optimum of `paper`
        uplink takes 18 %), each in proportion to the root of the need, as the cheapest spectrum for a mean time is; CPU in
        proportion to the root of the work, 60 % of an average head's capacity on average work."""
        standardise = self.encoder.standardise
        relative = inputs.values - standardise.mean
        heads = inputs.is_head.sum()
        uplink = math.log(0.2) - heads.log() + 0.5 * relative[..., UPLOAD]
        multicast = math.log(0.8) - heads.log() + 0.5 * relative[..., MULTICAST]
        fraction = (math.log(0.6) + 0.5 * relative[..., TRAINING] - relative[..., CPU_MAX]).exp().clamp(0.05, 0.95)
        return torch.stack([uplink, multicast, torch.logit(fraction)], dim=-1)


class LocalCritic(nn.Module):
    """Normalised return of each AP [env, K], from its heads and the mean over all APs (a team critic on pooled features)."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.encoder = HeadEncoder(features, hidden)
        self.value = mlp(2 * hidden, hidden, 1)

    def forward(self, inputs: HeadFeatures) -> Tensor:
        """Value of each AP."""
        _, own = self.encoder(inputs)
        return self.value(beside_team(own)).squeeze(-1)


class GlobalActor(nn.Module):
    """Per manager: serve or not; which APs it would like (yes or no each) and how much it wants any (appetite); spectrum of its
    delegates, of itself and of the requests; how long replies may take; the CPU pace; and small deviations per delegate.

    Delegates send in the same phases and the slowest counts, so a common amount (``spread``) shared out in proportion to
    the need carries nearly everything; independent noise per delegate would cost the maximum of it, hence small deviations
    (``share``, ``speed``). ``teams.global_action`` puts the heads together.
    """

    actions: ClassVar[Actions] = "full"

    def __init__(self, features: tuple[int, int, int], team: TeamSettings) -> None:
        super().__init__()
        hidden = team.hidden
        self.encoder = CommitteeEncoder(features, hidden, team.context)
        width = self.encoder.width
        self.trunk = mlp(width, hidden, COMMON_OUTPUTS, out_gain=SMALL)
        self.bid = PerSlot(hidden, width, hidden, 1)
        self.deviation = PerSlot(hidden, width, hidden // 2, 2)
        self.spreads = Spreads(team.log_std_start, team.log_std_end)

    def forward(self, inputs: CommitteeFeatures) -> Hybrid:
        """The hybrid distribution of every manager."""
        common, bid, deviation = self.offsets(inputs)
        serve, appetite, spread, manager, request, reply, pace = common.split(1, dim=-1)
        log_std = self.spreads.log_std
        real, others = inputs.is_delegate, inputs.others

        def gaussian(name: str, mean: Tensor, counts: Tensor | None = None) -> Gaussian:
            return Gaussian(mean, log_std(name), counts)

        # Times add up as need / spectrum, so spectrum in proportion to the root of the need is the cheapest (``equalisation``).
        committee = inputs.committee
        broadcast, ratio, shared = (committee[..., place : place + 1] for place in (BROADCAST, RATIO, SHARED))
        beside = shared - inputs.delegates_need - 0.5 * broadcast
        of_total = self.encoder.committee_scale
        poor = committee[..., TOTAL : TOTAL + 1] - of_total.mean[TOTAL]
        cycles = inputs.delegate[..., VERIFY]
        return Hybrid(
            {
                "serve": Bernoulli(2.0 - 2.0 * poor + GAIN * serve),
                "bid": Bernoulli(GAIN * bid),
                "appetite": gaussian("appetite", -2.0 * poor + appetite),
                "spread": gaussian("spread", math.log(0.5) + spread),
                "manager": gaussian("manager", 0.5 * inputs.delegate[..., :1, SEND] + beside + manager),
                "request": gaussian("request", 0.5 * committee[..., REQUESTS : REQUESTS + 1] + beside + request),
                "reply": gaussian("reply", -ratio + reply),
                "pace": gaussian("pace", math.log(1e9) - cycles[..., 1:2] + pace),
                "share": gaussian("share", deviation[..., 0], others),
                "speed": gaussian("speed", cycles - inputs.delegate[..., DELEGATE_CPU] + deviation[..., 1], real),
            },
            gate="serve",
        )

    def offsets(self, inputs: CommitteeFeatures) -> Offsets:
        """What the network adds to the starting point."""
        context, delegate, access = self.encoder(inputs)
        return Offsets(self.trunk(context), self.bid(access, context).squeeze(-1), self.deviation(delegate, context))


class GlobalCritic(nn.Module):
    """Normalised return of each manager [env, I], from its context and the mean over all committees."""

    def __init__(self, features: tuple[int, int, int], hidden: int) -> None:
        super().__init__()
        self.encoder = CommitteeEncoder(features, hidden)
        self.value = mlp(6 * hidden, hidden, 1)

    def forward(self, inputs: CommitteeFeatures) -> Tensor:
        """Value of each manager."""
        own, _, _ = self.encoder(inputs)
        return self.value(beside_team(own)).squeeze(-1)
