"""What networks of both teams are made of; none of it knows how many heads, delegates, APs or agents there are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .stack import Stack

# Gain of an actor's last layer: it starts at its starting point, but for this.
SMALL = 0.01


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


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the second last axis of values [..., slot, feature] where mask [..., slot] is 1; 0 where none is."""
    weights = mask.unsqueeze(-1)
    return (values * weights).sum(dim=-2) / weights.sum(dim=-2).clamp(min=1.0)


def beside_team(own: Tensor) -> Tensor:
    """The agents' summaries [env, agent, a], each with the mean over all agents behind it [env, agent, 2 a]."""
    return torch.cat([own, own.mean(dim=-2, keepdim=True).expand_as(own)], dim=-1)


def _last(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """An output layer that starts near zero."""
    layer = nn.Linear(inputs, outputs)
    with torch.no_grad():
        layer.weight.mul_(gain)
        layer.bias.zero_()
    return layer
