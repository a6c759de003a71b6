"""Hybrid action distributions: several discrete and continuous heads per agent, one log-probability per agent.

A head's tensors are [env, agent, slot]: a slot is a cluster head, a delegate, an AP to bid for, or the agent itself (one
slot). ``counts`` says which slots exist (padding and actions without effect are left out of log-probability and entropy).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Generator, Tensor
from torch.nn import functional

Latents = dict[str, Tensor]
# What a network put out, each with the slope of some function with respect to it.
Slopes = list[tuple[Tensor, Tensor]]
# From the slope with respect to a log-probability.
Pull = Callable[[Tensor], Slopes]
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

    def at(self, location: Tensor) -> Gaussian:
        """With another mean."""
        return Gaussian(location, self.log_std, self.counts)

    def sample(self, generator: Generator) -> Tensor:
        """A draw per slot."""
        noise = torch.randn(self.mean.shape, generator=generator, device=self.mean.device)
        return torch.addcmul(self.mean, self.log_std.exp(), noise)

    def mode(self) -> Tensor:
        """The mean."""
        return self.mean

    def log_prob_and_pull(self, value: Tensor) -> tuple[Tensor, Pull]:
        """[env, agent]: sum over the slots that count of log N(value; mean, exp(log_std)); and its slopes: with
        s = (value - mean) / std, d/d mean = s / std, d/d log_std = s^2 - 1."""
        precision = (-self.log_std).exp()
        scaled = (value - self.mean) * precision
        if self.counts is not None:
            scaled = scaled * self.counts
        log_prob = torch.add(
            self._per_agent(HALF_LOG_TURN + self.log_std), torch.linalg.vecdot(scaled, scaled), alpha=0.5
        ).neg()

        def pull(slope: Tensor) -> Slopes:
            slope = slope.unsqueeze(-1)
            weighted = scaled * slope
            of_log_std = weighted * scaled
            of_log_std -= slope if self.counts is None else slope * self.counts
            return [(self.mean, weighted.mul_(precision)), (self.log_std, of_log_std.sum_to_size(self.log_std.shape))]

        return log_prob, pull

    def entropy(self) -> Tensor:
        """[env, agent]: sum over the slots that count [nats]."""
        return self._per_agent(0.5 + HALF_LOG_TURN + self.log_std).expand(self.mean.shape[:-1])

    def _per_agent(self, per_slot: Tensor) -> Tensor:
        """Sum over the slots that count of what is as log_std is: agents that are alike are summed once."""
        return _sum(per_slot.expand(self.mean.shape[-1:]) if per_slot.dim() == 0 else per_slot, self.counts)


@dataclass(frozen=True, eq=False)
class Bernoulli:
    """Independent yes/no slots: logit [env, agent, slot], counts as for Gaussian. Values are 0.0 or 1.0."""

    logit: Tensor
    counts: Tensor | None = None

    @property
    def location(self) -> Tensor:
        """The parameter that says where the head points."""
        return self.logit

    def at(self, location: Tensor) -> Bernoulli:
        """With another logit."""
        return Bernoulli(location, self.counts)

    def sample(self, generator: Generator) -> Tensor:
        """A draw per slot."""
        uniform = torch.rand(self.logit.shape, generator=generator, device=self.logit.device)
        return (uniform < torch.sigmoid(self.logit)).to(self.logit.dtype)

    def mode(self) -> Tensor:
        """1.0 where yes is at least as likely as no."""
        return (self.logit >= 0).to(self.logit.dtype)

    def log_prob_and_pull(self, value: Tensor) -> tuple[Tensor, Pull]:
        """[env, agent]: sum over the slots that count; and its slope, value - P(yes)."""
        log_prob = _sum(-functional.binary_cross_entropy_with_logits(self.logit, value, reduction="none"), self.counts)

        def pull(slope: Tensor) -> Slopes:
            weighted = (value - torch.sigmoid(self.logit)).mul_(slope.unsqueeze(-1))
            return [(self.logit, weighted if self.counts is None else weighted.mul_(self.counts))]

        return log_prob, pull

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

    @staticmethod
    def join(parts: Sequence[Hybrid]) -> Hybrid:
        """Several steps of one network as one longer batch. What belongs to the network (standard deviations, what counts) is
        the same in all of them."""
        first = parts[0]
        heads = {name: head.at(torch.cat([each.heads[name].location for each in parts])) for name, head in first.heads.items()}
        return Hybrid(heads, first.gate)

    def sample(self, generator: Generator) -> Latents:
        """A draw of every head."""
        return {name: head.sample(generator) for name, head in self.heads.items()}

    def mode(self) -> Latents:
        """Mean of the continuous heads, likelier value of the discrete ones."""
        return {name: head.mode() for name, head in self.heads.items()}

    def log_prob(self, latents: Latents) -> Tensor:
        """[env, agent]: the log-probability of a hybrid action is the sum over its heads (those with an effect)."""
        return self.log_prob_and_pull(latents)[0]

    def log_prob_and_pull(self, latents: Latents) -> tuple[Tensor, Pull]:
        """``log_prob``, and what takes the slope of any function with respect to it [env, agent] back to what the network put
        out. It finds what autograd would, which takes several steps for every head."""
        found = {name: head.log_prob_and_pull(latents[name]) for name, head in self.heads.items()}
        log_prob = reduce(torch.add, (each for name, (each, _) in found.items() if name != self.gate))
        works: Tensor | None = None
        if self.gate is not None:
            works = latents[self.gate].squeeze(-1)
            log_prob = torch.addcmul(found[self.gate][0], works, log_prob)

        def pull(slope: Tensor) -> Slopes:
            others = slope if works is None else slope * works
            pairs = [pair for name, (_, each) in found.items() for pair in each(slope if name == self.gate else others)]
            return [(output, known) for output, known in pairs if output.requires_grad]

        return log_prob, pull

    def entropies(self) -> dict[str, Tensor]:
        """Entropy of each head [env, agent] in nats (a coefficient each, see MappoSettings)."""
        return {name: head.entropy() for name, head in self.heads.items()}


def _sum(per_slot: Tensor, counts: Tensor | None) -> Tensor:
    return (per_slot if counts is None else per_slot * counts).sum(dim=-1)
