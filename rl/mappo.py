"""Multi-agent PPO for one team: clipped policy loss (28)(29), value loss, one shared actor and one team critic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable

from ..opt.arrays import Booleans, Floats
from .advantages import gae, share_credit
from .distributions import Hybrid, Latents
from .features import CommitteeFeatures, HeadFeatures
from .flat_adam import FlatAdam
from .mappo_settings import MappoSettings, TeamSettings
from .networks import GlobalActor, GlobalCritic, LocalActor, LocalCritic
from .own_networks import OwnGlobalCritic, OwnLocalCritic
from .reduced_networks import ReducedGlobalActor, ReducedLocalActor
from .saved_tensors import below
from .value_normalisation import ValueNormaliser

Features = HeadFeatures | CommitteeFeatures
Actor = LocalActor | GlobalActor | ReducedLocalActor | ReducedGlobalActor
Critic = LocalCritic | GlobalCritic | OwnLocalCritic | OwnGlobalCritic


def clipped_loss(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """(loss, clip fraction): the negative mean of (28), and the share of entries whose ratio (29) left [1 - clip, 1 + clip].

    Ratio beta = exp(log_prob - old_log_prob); objective min(beta a, clip(beta, 1 - clip, 1 + clip) a). Same shapes.
    """
    loss, outside = ClippedLoss.apply(log_prob, old_log_prob, advantage, clip)  # pyright: ignore[reportGeneralTypeIssues]
    return loss, outside


class ClippedLoss(torch.autograd.Function):
    """``clipped_loss`` with its slope written out: d/d log_prob of beta a is beta a where that is the lesser, else 0."""

    @staticmethod
    def forward(ctx: Any, log_prob: Tensor, old: Tensor, advantage: Tensor, clip: float) -> tuple[Tensor, Tensor]:
        """(loss, clip fraction)."""
        ratio = (log_prob - old).exp_()
        free, held = ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip).mul_(advantage)
        ctx.save_for_backward(free, held)
        outside = (ratio.sub_(1.0).abs_() > clip).float().mean()
        ctx.mark_non_differentiable(outside)
        return torch.minimum(free, held).mean().neg_(), outside

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Of log_prob; the rest is data."""
        free, held = ctx.saved_tensors
        return (free * (free <= held)).mul_(gradients[0] / -free.numel()), None, None, None


@dataclass(frozen=True, eq=False)
class Batch:
    """One rollout of one team, steps and environments flattened into rows. log_prob, advantage, returns: [row, agent]."""

    features: Features
    latents: Latents
    log_prob: Tensor
    advantage: Tensor
    returns: Tensor

    def at(self, rows: Tensor) -> Batch:
        """Some of the rows."""
        latents = {name: values.index_select(0, rows) for name, values in self.latents.items()}
        log_prob, advantage, returns = (each.index_select(0, rows) for each in (self.log_prob, self.advantage, self.returns))
        return Batch(self.features.at(rows), latents, log_prob, advantage, returns)


@dataclass(frozen=True)
class TeamRecord:
    """Of one update, means over its passes: losses, clip fraction, KL(old, new) estimate [nats per agent], entropy per action
    head [nats per agent], explained variance of the returns by the critic before the update, gradient norm of the actor."""

    policy_loss: float
    value_loss: float
    clip_fraction: float
    kl: float
    explained_variance: float
    gradient_norm: float
    entropy: dict[str, float]

    def figures(self, team: str) -> dict[str, float]:
        """All numbers by name, each behind the team's."""
        named = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "entropy"}
        named |= {f"entropy.{head}": value for head, value in self.entropy.items()}
        return {f"{team}.{name}": value for name, value in named.items()}


@dataclass(frozen=True, eq=False)
class Pass:
    """Of one gradient step: figures (policy loss, value loss, clip fraction, KL, gradient norm), and entropy [head]."""

    figures: Tensor
    heads: tuple[str, ...]
    entropy: Tensor


class Learner:
    """One team's networks, optimisers and value normaliser."""

    def __init__(self, actor: Actor, critic: Critic, settings: MappoSettings, team: TeamSettings, device: torch.device) -> None:
        self.actor, self.critic = actor.to(device), critic.to(device)
        self.settings, self.team = settings, team
        self.normaliser = ValueNormaliser(settings.value_decay).to(device)
        self.actor_optimiser, self.critic_optimiser = FlatAdam(self.actor), FlatAdam(self.critic)
        self.decay = 1.0
        self.steps: list[tuple[Features, Latents, Tensor, Tensor]] = []

    def advance(self, progress: float) -> None:
        """Set learning rates and standard deviations for this point of the run, progress in [0, 1)."""
        self.decay = 1.0 - progress * (1.0 - self.team.final_learning_rate)
        self.actor.spreads.progress = progress

    @torch.no_grad()
    def schedules(self, team: str) -> dict[str, float]:
        """The actor's learning rate and the standard deviation of each continuous head as they stand, by name."""
        spreads = self.actor.spreads
        deviations = {f"{team}.std.{name}": float(spreads.log_std(name).exp()) for name in spreads.place}
        return {f"{team}.learning_rate": self.team.learning_rate * self.decay} | deviations

    @torch.no_grad()
    def sample(self, features: Features, generator: Generator) -> Latents:
        """A draw of every action head; remembered for the update together with its log-probability and value."""
        distribution: Hybrid = self.actor(features)
        latents = distribution.sample(generator)
        value = self.normaliser.denormalise(self.critic(features))
        self.steps.append((features, latents, distribution.log_prob(latents), value))
        return latents

    @torch.no_grad()
    def batch(self, rewards: Floats, terminated: Booleans, last: Features) -> Batch:
        """The remembered steps with advantages; forgets them. rewards [step, env, agent]; terminated [step, env]; ``last`` is
        observed after the last step. Advantages are normalised over the batch."""
        features, latents, log_probs, values = zip(*self.steps, strict=True)
        self.steps = []
        known = torch.stack(values).double().cpu().numpy()
        after = self.normaliser.denormalise(self.critic(last)).double().cpu().numpy()
        settings = self.settings
        advantages = gae(rewards, known, after, terminated, settings.discount, settings.gae_lambda)
        returns = advantages + known
        credited = share_credit(advantages, self.team.team_credit)
        credited = (credited - credited.mean()) / (credited.std() + 1e-8)

        def rows(array: Floats) -> Tensor:
            flat = np.reshape(array, (-1, array.shape[-1]))
            return torch.as_tensor(flat, dtype=torch.float32, device=log_probs[0].device)

        return Batch(
            features=type(features[0]).join(list(features)),
            latents={name: torch.cat([step[name] for step in latents]) for name in latents[0]},
            log_prob=torch.cat(log_probs),
            advantage=rows(credited),
            returns=rows(returns),
        )

    def update(self, batch: Batch, generator: Generator) -> TeamRecord:
        """Several passes over one batch."""
        team = self.team
        with torch.no_grad():
            error = batch.returns - self.normaliser.denormalise(self.critic(batch.features))
            explained = 1.0 - float(error.var() / batch.returns.var().clamp(min=1e-12))
        self.normaliser.update(batch.returns)
        batch = replace(batch, returns=self.normaliser.normalise(batch.returns))
        number = len(batch.returns)
        passes: list[Pass] = []
        for _ in range(team.epochs):
            order = torch.randperm(number, generator=generator, device=batch.returns.device)
            for rows in order.chunk(team.minibatches):
                part = batch if team.minibatches == 1 else batch.at(rows)
                passes.append(self._descend(part))
        policy_loss, value_loss, clipped, kl, norm = torch.stack([each.figures for each in passes]).mean(dim=0).tolist()
        entropy = torch.stack([each.entropy for each in passes]).mean(dim=0).tolist()
        by_head = dict(zip(passes[0].heads, entropy, strict=True))
        return TeamRecord(policy_loss, value_loss, clipped, kl, explained, norm, by_head)

    def _descend(self, batch: Batch) -> Pass:
        """One gradient step of actor and critic; the batch's returns as the critic has them."""
        team = self.team
        distribution: Hybrid = self.actor(batch.features)
        log_prob = distribution.log_prob(batch.latents)
        policy_loss, clipped = clipped_loss(log_prob, batch.log_prob, batch.advantage, team.clip)
        heads = distribution.heads
        wanted = {name: heads[name].entropy().mean() for name, weight in team.entropy.items() if weight > 0.0}
        bonus = sum((team.entropy[name] * entropy for name, entropy in wanted.items()), torch.zeros_like(policy_loss))
        value_loss = (self.critic(batch.features) - batch.returns).square().mean()
        self.actor_optimiser.zero()
        self.critic_optimiser.zero()
        (policy_loss - bonus + value_loss).backward()
        norm = self.actor_optimiser.step(team.learning_rate * self.decay, team.max_gradient_norm)
        self.critic_optimiser.step(team.critic_learning_rate * self.decay, team.max_gradient_norm)
        with torch.no_grad():
            difference = log_prob - batch.log_prob
            kl = (difference.exp() - 1.0 - difference).mean()
            entropy = torch.stack([wanted[name] if name in wanted else head.entropy().mean() for name, head in heads.items()])
            return Pass(torch.stack([policy_loss, value_loss, clipped, kl, norm]), tuple(heads), entropy)

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes in training, by name: weights, scales, normaliser, and the optimiser's moments."""
        found: dict[str, Tensor] = {}
        for part, module in self._modules().items():
            found |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
        for part, optimiser in self._optimisers().items():
            found |= {f"{part}.{name}": tensor for name, tensor in optimiser.tensors().items()}
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()`` of another learner with the same settings."""
        for part, module in self._modules().items():
            module.load_state_dict(below(part, tensors))
        for part, optimiser in self._optimisers().items():
            optimiser.restore(below(part, tensors))

    def _modules(self) -> dict[str, nn.Module]:
        return {"actor": self.actor, "critic": self.critic, "normaliser": self.normaliser}

    def _optimisers(self) -> dict[str, FlatAdam]:
        return {"actor_optimiser": self.actor_optimiser, "critic_optimiser": self.critic_optimiser}
