"""Shared encoders of what an agent sees: per head, delegate and AP, pooled inside the agent."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .features import CommitteeFeatures, HeadFeatures
from .layers import Standardise, beside_team, masked_mean
from .mappo_settings import Context
from .stack import Stack


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


def with_team(own: Tensor, context: Context) -> Tensor:
    """The agents' summaries [env, agent, a], with the mean over all agents behind each when ``context`` is team."""
    return own if context == "own" else beside_team(own)
