"""Hybrid action distributions: several discrete and continuous heads per agent, one log-probability per agent.

A head's tensors are [env, agent, slot]: a slot is a cluster head, a delegate, an AP to bid for, or the agent itself (one
slot). ``counts`` says which slots exist (padding and actions without effect are left out of log-probability and entropy).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

Latents = dict[str, Tensor]
HALF_LOG_TURN = 0.5 * math.log(2.0 * math.pi)


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Independent normal slots: mean [env, agent, slot], log_std (broadcasts), counts (broadcasts; None: all)."""

    mean: Tensor
    log_std: Tensor
    counts: Tensor | None = None

    @property
    def location(self) -> Tensor:
        """The parameter that says where the head points."""
        return self.mean

    def sample(self, generator: Generator) -> Tensor:
        """A draw per slot."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return self.mean + self.log_std.exp() * noise

    def mode(self) -> Tensor:
        """The mean."""
        return self.mean

    def log_prob(self, value: Tensor) -> Tensor:
        """[env, agent]: sum over the slots that count."""
        found: Tensor = NormalLogProb.apply(value, self.mean, self.log_std, self.counts)  # pyright: ignore[reportAssignmentType]
        return found

    def entropy(self) -> Tensor:
        """[env, agent]: sum over the slots that count [nats]."""
        entropy = 0.5 + HALF_LOG_TURN + self.log_std
        if entropy.dim() > 0:
            return _sum(entropy.expand_as(self.mean), self.counts)
        # All slots alike: counting them is enough.
        slots = self.mean.shape[-1] if self.counts is None else self.counts.sum(dim=-1)
        return (entropy * slots).expand(self.mean.shape[:-1])


@dataclass(frozen=True, eq=False)
class Bernoulli:
    """Independent yes/no slots: logit [env, agent, slot], counts as for Gaussian. Values are 0.0 or 1.0."""

    logit: Tensor
    counts: Tensor | None = None

    @property
    def location(self) -> Tensor:
        """The parameter that says where the head points."""
        return self.logit

    def sample(self, generator: Generator) -> Tensor:
        """A draw per slot."""
        uniform = torch.rand(self.logit.shape, generator=generator, device=self.logit.device)
        return (uniform < torch.sigmoid(self.logit)).to(self.logit.dtype)

    def mode(self) -> Tensor:
        """1.0 where yes is at least as likely as no."""
        return (self.logit >= 0).to(self.logit.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        """[env, agent]: sum over the slots that count."""
        return _sum(value * self.logit - functional.softplus(self.logit), self.counts)

    def entropy(self) -> Tensor:
        """[env, agent]: sum over the slots that count [nats]."""
        return _sum(functional.softplus(self.logit) - self.logit * torch.sigmoid(self.logit), self.counts)


@dataclass(frozen=True, eq=False)
class Hybrid:
    """Named heads of one agent kind, independent given the state.

    ``gate`` names a yes/no head of one slot: where it says no, the other heads are without effect on anything, so they do not
    count in the log-probability of the action.
    """

    heads: Mapping[str, Gaussian | Bernoulli]
    gate: str | None = None

    def sample(self, generator: Generator) -> Latents:
        """A draw of every head."""
        return {name: head.sample(generator) for name, head in self.heads.items()}

    def mode(self) -> Latents:
        """Mean of the continuous heads, likelier value of the discrete ones."""
        return {name: head.mode() for name, head in self.heads.items()}

    def log_prob(self, latents: Latents) -> Tensor:
        """[env, agent]: the log-probability of a hybrid action is the sum over its heads (those with an effect)."""
        by_head = {name: head.log_prob(latents[name]) for name, head in self.heads.items()}
        if self.gate is None:
            return torch.stack(list(by_head.values())).sum(dim=0)
        decided = by_head.pop(self.gate)
        return decided + latents[self.gate].squeeze(-1) * torch.stack(list(by_head.values())).sum(dim=0)

    def entropies(self) -> dict[str, Tensor]:
        """Entropy of each head [env, agent] in nats (a coefficient each, see MappoSettings)."""
        return {name: head.entropy() for name, head in self.heads.items()}


class NormalLogProb(torch.autograd.Function):
    """Sum over the slots that count of log N(value; mean, exp(log_std)); shapes as in Gaussian. Written out: by itself autograd
    takes nine small steps each way.

    With s = (value - mean) / std: d/d mean = s / std, d/d log_std = s^2 - 1. The value is an action taken: no gradient.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, mean: Tensor, log_std: Tensor, counts: Tensor | None) -> Tensor:
        """[env, agent]."""
        precision = (-log_std).exp()
        scaled = (value - mean).mul_(precision)
        if counts is not None:
            scaled.mul_(counts)
        ctx.save_for_backward(scaled, precision, log_std, counts)
        constant = log_std + HALF_LOG_TURN
        slots = constant.expand(mean.shape[-1:]).sum() if counts is None else (constant * counts).sum(dim=-1)
        return scaled.square().sum(dim=-1).mul_(-0.5).sub_(slots)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Of mean and log_std."""
        slope = gradients[0].unsqueeze(-1)
        scaled, precision, log_std, counts = ctx.saved_tensors
        weighted = slope * scaled
        of_log_std = weighted * scaled
        of_log_std -= slope if counts is None else slope * counts
        return None, weighted.mul_(precision), of_log_std.sum_to_size(log_std.shape), None


def _sum(per_slot: Tensor, counts: Tensor | None) -> Tensor:
    return (per_slot if counts is None else per_slot * counts).sum(dim=-1)
