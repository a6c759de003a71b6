"""Actors and critics of both teams: shared encoders per head, delegate and AP, pooled inside an agent.

Relabelling an agent's heads (delegates, APs) relabels its actions and nothing else, and the same weights run on any number
of them. Continuous actions start from a sensible answer (spectrum in proportion to the root of the need, and so on) and the
network learns the offset from it: its last layer starts near zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from .distributions import Bernoulli, Gaussian, Hybrid
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
from .mappo_settings import LOCAL_HEADS, Actions, Context, TeamSettings
from .stack import Stack

# Logits move further than logarithms of shares before they matter.
GAIN = 5.0
# Gain of an actor's last layer: it starts at its starting point, but for this.
SMALL = 0.01
# serve, appetite, spread, manager, request, reply, pace.
COMMON_OUTPUTS = 7
GLOBAL_HEADS = ("serve", "bid", "appetite", "spread", "manager", "request", "reply", "pace", "share", "speed")


class Offsets(NamedTuple):
    """A manager's outputs. common [env, I, COMMON_OUTPUTS]; bid per AP [env, I, K]; deviation: share and speed per delegate
    [env, I, V, 2]."""

    common: Tensor
    bid: Tensor
    deviation: Tensor


class Standardise(nn.Module):
    """(x - mean) / std per feature, fitted once on calibration epochs and kept with the weights."""

    mean: Tensor
    std: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("std", torch.ones(features))

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Mean and standard deviation of rows [row, feature]; a feature that never varies keeps std 1."""
        self.mean.copy_(rows.mean(dim=0))
        std = rows.std(dim=0, correction=0)
        self.std.copy_(torch.where(std > 1e-4, std, torch.ones_like(std)))

    def forward(self, values: Tensor) -> Tensor:
        """Standardised features, same shape."""
        return (values - self.mean) / self.std


def mlp(inputs: int, hidden: int, outputs: int, *, out_gain: float = 1.0) -> Stack:
    """Two hidden layers of ``hidden`` units; the last layer is scaled by ``out_gain``."""
    last = _last(hidden, outputs, out_gain)
    return Stack(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), last)


class PerSlot(nn.Module):
    """One network for every slot: slot [..., slot, a] and its agent's context [..., b] to [..., slot, outputs].

    The first layer reads both by adding what it makes of each, which saves repeating the context for every slot.
    """

    def __init__(self, slot: int, context: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.of_slot = nn.Linear(slot, hidden)
        self.of_context = nn.Linear(context, hidden, bias=False)
        self.rest = Stack(nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), _last(hidden, outputs, SMALL))

    def forward(self, slot: Tensor, context: Tensor) -> Tensor:
        """Outputs per slot."""
        return self.rest(self.of_slot(slot) + self.of_context(context).unsqueeze(-2))


class Spreads(nn.Module):
    """Log standard deviation of each continuous head: a schedule plus a learned offset that starts at zero.

    The schedule goes from log_std_start to log_std_end (linear in the run's progress). The offset is what entropy bonuses
    and the policy gradient act on.
    """

    def __init__(self, start: Mapping[str, float], end: Mapping[str, float]) -> None:
        super().__init__()
        self.start, self.end = dict(start), dict(end)
        self.place = {name: place for place, name in enumerate(start)}
        self.offset = nn.Parameter(torch.zeros(len(start)))
        self.progress = 0.0

    def log_std(self, name: str) -> Tensor:
        """Of one head, at the present progress."""
        return self.start[name] + self.progress * (self.end[name] - self.start[name]) + self.offset[self.place[name]]


class HeadEncoder(nn.Module):
    """Embedding of each head [env, K, N, hidden] and the AP's context [env, K, width]: the mean over its heads, and with
    context ``team`` the mean of that over all APs behind it."""

    def __init__(self, features: int, hidden: int, context: Context = "own") -> None:
        super().__init__()
        self.context: Context = context
        self.width = hidden if context == "own" else 2 * hidden
        self.standardise = Standardise(features)
        self.embed = Stack(nn.Linear(features, hidden), nn.SiLU())

    def forward(self, inputs: HeadFeatures) -> tuple[Tensor, Tensor]:
        """(each head, context)."""
        embedded = self.embed(self.standardise(inputs.values))
        return embedded, with_team(masked_mean(embedded, inputs.is_head), self.context)


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
        team = own.mean(dim=-2, keepdim=True).expand_as(own)
        return self.value(torch.cat([own, team], dim=-1)).squeeze(-1)


class CommitteeEncoder(nn.Module):
    """Committee context [env, I, width]: its own features beside the means over its delegates and over the APs; with context
    ``team`` the mean of all that over the committees behind it."""

    def __init__(self, features: tuple[int, int, int], hidden: int, context: Context = "own") -> None:
        super().__init__()
        self.context: Context = context
        self.width = 3 * hidden if context == "own" else 6 * hidden
        committee, delegate, access = features
        self.standardise = nn.ModuleList(Standardise(width) for width in features)
        self.committee = Stack(nn.Linear(committee, hidden), nn.SiLU())
        self.delegate = Stack(nn.Linear(delegate, hidden), nn.SiLU())
        self.access = Stack(nn.Linear(access, hidden), nn.SiLU())

    @property
    def committee_scale(self) -> Standardise:
        """Of the committee's own features."""
        scale = self.standardise[0]
        assert isinstance(scale, Standardise)
        return scale

    def forward(self, inputs: CommitteeFeatures) -> tuple[Tensor, Tensor, Tensor]:
        """(context [env, I, width], delegates [env, I, V, hidden], APs [env, I, K, hidden])."""
        of_committee, of_delegate, of_access = self.standardise
        delegate = self.delegate(of_delegate(inputs.delegate))
        access = self.access(of_access(inputs.access))
        own = self.committee(of_committee(inputs.committee))
        pooled = masked_mean(delegate, inputs.is_delegate)
        context = with_team(torch.cat([own, pooled, access.mean(dim=-2)], dim=-1), self.context)
        return context, delegate, access


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
        team = own.mean(dim=-2, keepdim=True).expand_as(own)
        return self.value(torch.cat([own, team], dim=-1)).squeeze(-1)


def with_team(own: Tensor, context: Context) -> Tensor:
    """The agents' summaries [env, agent, a], with the mean over all agents behind each when ``context`` is team."""
    if context == "own":
        return own
    return torch.cat([own, own.mean(dim=-2, keepdim=True).expand_as(own)], dim=-1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the second last axis of values [..., slot, feature] where mask [..., slot] is 1; 0 where none is."""
    weights = mask.unsqueeze(-1)
    return (values * weights).sum(dim=-2) / weights.sum(dim=-2).clamp(min=1.0)


def _last(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """An output layer that starts near zero."""
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.mul_(gain)
        layer.bias.zero_()
    return layer
