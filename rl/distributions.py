"""Hybrid action distributions: several discrete and continuous heads per agent, one log-probability per agent.

A head's tensors are [env, agent, slot]: a slot is a cluster head, a delegate, an AP to bid for, or the agent itself (one
slot). ``counts`` says which slots exist (padding and actions without effect are left out of log-probability and entropy).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

Latents = dict[str, Tensor]


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
        scaled = (value - self.mean) * (-self.log_std).exp()
        return _sum(-0.5 * scaled.square() - self.log_std - 0.5 * math.log(2.0 * math.pi), self.counts)

    def entropy(self) -> Tensor:
        """[env, agent]: sum over the slots that count [nats]."""
        entropy = 0.5 + 0.5 * math.log(2.0 * math.pi) + self.log_std
        return _sum(entropy.expand_as(self.mean), self.counts)


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


def _sum(per_slot: Tensor, counts: Tensor | None) -> Tensor:
    return (per_slot if counts is None else per_slot * counts).sum(dim=-1)
