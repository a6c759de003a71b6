"""Networks as Algorithms 1 and 2 print them: every AP and every manager has an actor and a critic of its own.

Each reads its agent's whole observation at once, so the weights fit one system only: as many agents, heads, delegates and APs
as it was made for. Action heads, starting points and decoding are those of ``networks``, so that only the sharing differs.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..opt.errors import InputError
from .encoders import CommitteeEncoder, HeadEncoder
from .features import CommitteeFeatures, HeadFeatures
from .layers import SMALL
from .mappo_settings import LOCAL_HEADS, TeamSettings
from .networks import COMMON_OUTPUTS, GlobalActor, LocalActor, Offsets

PER_DELEGATE_OUTPUTS = 2


class OwnMlp(nn.Module):
    """One two-layer network per agent, side by side: [env, agent, inputs] to [env, agent, outputs]."""

    def __init__(self, agents: int, inputs: int, hidden: int, outputs: int, *, out_gain: float = 1.0) -> None:
        super().__init__()
        sizes = ((inputs, hidden), (hidden, hidden), (hidden, outputs))
        # As torch's own linear layers start: uniform within 1 / sqrt(inputs).
        self.weights = nn.ParameterList(
            nn.Parameter((2.0 * torch.rand(agents, *size) - 1.0) / size[0] ** 0.5) for size in sizes
        )
        self.biases = nn.ParameterList(nn.Parameter(torch.zeros(agents, 1, size[1])) for size in sizes)
        with torch.no_grad():
            self.weights[-1].mul_(out_gain)

    def forward(self, inputs: Tensor) -> Tensor:
        """Each agent through its own weights."""
        values = inputs.transpose(0, 1)
        made_for, given = tuple(self.weights[0].shape[:2]), (values.shape[0], values.shape[-1])
        if given != made_for:
            problem = f"are for {made_for[0]} agents of {made_for[1]} numbers; this system has {given[0]} of {given[1]}"
            raise InputError(problem, field="networks")
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias, values, weight)
            if place < len(self.weights) - 1:
                values = nn.functional.silu(values)
        return values.transpose(0, 1)


class OwnLocalActor(LocalActor):
    """An actor per AP on all features of its heads. slots: (APs, most heads of one)."""

    def __init__(self, features: int, team: TeamSettings, slots: tuple[int, int]) -> None:
        super().__init__(features, team)
        aps, most = slots
        del self.encoder.embed
        self.offset = OwnMlp(aps, most * features, team.hidden, most * len(LOCAL_HEADS), out_gain=SMALL)

    @staticmethod
    def slots_of(weights: Mapping[str, Tensor], features: int) -> tuple[int, int]:
        """The slots that saved weights were made for. KeyError when they are of no such actor."""
        aps, inputs, _ = weights["offset.weights.0"].shape
        return aps, inputs // features

    def offsets(self, inputs: HeadFeatures) -> Tensor:
        """From the starting point [env, K, N, 3]."""
        seen = self.encoder.standardise(inputs.values) * inputs.is_head.unsqueeze(-1)
        return self.offset(seen.flatten(-2)).unflatten(-1, (-1, len(LOCAL_HEADS)))


class OwnLocalCritic(nn.Module):
    """A critic per AP [env, K]."""

    def __init__(self, features: int, hidden: int, slots: tuple[int, int]) -> None:
        super().__init__()
        self.encoder = HeadEncoder(features, hidden)
        del self.encoder.embed
        self.value = OwnMlp(slots[0], slots[1] * features, hidden, 1)

    def forward(self, inputs: HeadFeatures) -> Tensor:
        """Value of each AP."""
        seen = self.encoder.standardise(inputs.values) * inputs.is_head.unsqueeze(-1)
        return self.value(seen.flatten(-2)).squeeze(-1)


def scales_only(encoder: CommitteeEncoder) -> CommitteeEncoder:
    """The encoder without its embeddings, which nothing here reads."""
    del encoder.committee, encoder.delegate, encoder.access
    return encoder


def observed(inputs: CommitteeFeatures, scales: nn.ModuleList) -> Tensor:
    """All that a manager sees in one row [env, I, n]."""
    committee, delegate, access = scales
    delegates = delegate(inputs.delegate) * inputs.is_delegate.unsqueeze(-1)
    return torch.cat([committee(inputs.committee), delegates.flatten(-2), access(inputs.access).flatten(-2)], dim=-1)


class OwnGlobalActor(GlobalActor):
    """An actor per manager on all it sees. slots: (committees, most delegates, APs)."""

    def __init__(self, features: tuple[int, int, int], team: TeamSettings, slots: tuple[int, int, int]) -> None:
        super().__init__(features, team)
        committees, delegates, aps = slots
        self.slots = slots
        inputs = features[0] + delegates * features[1] + aps * features[2]
        outputs = COMMON_OUTPUTS + aps + delegates * PER_DELEGATE_OUTPUTS
        del self.trunk, self.bid, self.deviation
        scales_only(self.encoder)
        self.all = OwnMlp(committees, inputs, team.hidden, outputs, out_gain=SMALL)

    @staticmethod
    def slots_of(weights: Mapping[str, Tensor], features: tuple[int, int, int]) -> tuple[int, int, int]:
        """The slots that saved weights were made for. KeyError when they are of no such actor."""
        committee, delegate, access = features
        committees, inputs, _ = weights["all.weights.0"].shape
        outputs = weights["all.weights.2"].shape[-1] - COMMON_OUTPUTS
        # outputs = APs + 2 delegates, inputs = committee + delegate x delegates + access x APs.
        delegates = (inputs - committee - access * outputs) // (delegate - PER_DELEGATE_OUTPUTS * access)
        return committees, delegates, outputs - PER_DELEGATE_OUTPUTS * delegates

    def offsets(self, inputs: CommitteeFeatures) -> Offsets:
        """From the starting point."""
        _, delegates, aps = self.slots
        out = self.all(observed(inputs, self.encoder.standardise))
        common, bid, deviation = out.split([COMMON_OUTPUTS, aps, delegates * PER_DELEGATE_OUTPUTS], dim=-1)
        return Offsets(common, bid, deviation.unflatten(-1, (delegates, PER_DELEGATE_OUTPUTS)))


class OwnGlobalCritic(nn.Module):
    """A critic per manager [env, I]."""

    def __init__(self, features: tuple[int, int, int], hidden: int, slots: tuple[int, int, int]) -> None:
        super().__init__()
        committees, delegates, aps = slots
        self.encoder = scales_only(CommitteeEncoder(features, hidden))
        self.value = OwnMlp(committees, features[0] + delegates * features[1] + aps * features[2], hidden, 1)

    def forward(self, inputs: CommitteeFeatures) -> Tensor:
        """Value of each manager."""
        return self.value(observed(inputs, self.encoder.standardise)).squeeze(-1)
