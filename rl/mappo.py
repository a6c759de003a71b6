"""Multi-agent PPO for one team: clipped policy loss (28)(29), value loss, one shared actor and one team critic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Generator, Tensor, nn

from ..opt.arrays import Booleans, Floats
from .advantages import gae, share_credit
from .distributions import Hybrid, Latents
from .features import CommitteeFeatures, HeadFeatures
from .flat_adam import FlatAdam
from .mappo_settings import MappoSettings, TeamSettings
from .memory import keep_freed_memory
from .networks import GlobalActor, GlobalCritic, LocalActor, LocalCritic
from .own_networks import OwnGlobalCritic, OwnLocalCritic
from .reduced_networks import ReducedGlobalActor, ReducedLocalActor
from .saved_tensors import below
from .value_normalisation import ValueNormaliser

Features = HeadFeatures | CommitteeFeatures
Actor = LocalActor | GlobalActor | ReducedLocalActor | ReducedGlobalActor
Critic = LocalCritic | GlobalCritic | OwnLocalCritic | OwnGlobalCritic


def clipped_loss(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """The negative mean of (28): objective min(beta a, clip(beta, 1 - clip, 1 + clip) a) with beta = exp(log_ratio) (29). Both
    tensors have the same shape."""
    return -torch.minimum(*_objectives(log_ratio, advantage, clip)).mean()


def clipped_slope(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """d clipped_loss / d log_ratio, entry by entry: d/d log_ratio of beta a is beta a where that is the lesser, else 0."""
    free, held = _objectives(log_ratio, advantage, clip)
    return free.mul_(free <= held).mul_(-1.0 / free.numel())


def _objectives(log_ratio: Tensor, advantage: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    ratio = log_ratio.exp()
    return ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage


def movement(log_ratio: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """(share of entries whose ratio (29) left [1 - clip, 1 + clip], KL(old, new) estimate [nats per agent]: the mean of
    beta - 1 - log beta, which is never negative and has less variance than that of -log beta)."""
    excess = log_ratio.exp() - 1.0
    return (excess.abs() > clip).float().mean(), (excess - log_ratio).mean()


@dataclass(frozen=True, eq=False)
class Batch:
    """One rollout of one team, steps and environments flattened into rows. log_prob, advantage, returns: [row, agent];
    explained: share of the returns' variance that the critic explains."""

    features: Features
    latents: Latents
    log_prob: Tensor
    advantage: Tensor
    returns: Tensor
    explained: float

    def at(self, rows: Tensor) -> Batch:
        """Some of the rows."""
        latents = {name: values.index_select(0, rows) for name, values in self.latents.items()}
        log_prob, advantage, returns = (each.index_select(0, rows) for each in (self.log_prob, self.advantage, self.returns))
        return Batch(self.features.at(rows), latents, log_prob, advantage, returns, self.explained)


@dataclass(frozen=True)
class TeamRecord:
    """Of one update, means over its gradient steps: losses, clip fraction, KL(old, new) estimate [nats per agent], gradient
    norm of the actor. Entropy per action head [nats per agent]: at the last step of each pass, mean over passes. Explained
    variance of the returns by the critic before the update."""

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
class Descent:
    """Of one gradient step, before it: log-ratio of the actions, their advantage, and error of the critic [row, agent]; norm of
    the actor's gradient. Figures are made of them once an update."""

    log_ratio: Tensor
    advantage: Tensor
    error: Tensor
    norm: float


class Learner:
    """One team's networks, optimisers and value normaliser."""

    def __init__(self, actor: Actor, critic: Critic, settings: MappoSettings, team: TeamSettings, device: torch.device) -> None:
        self.actor, self.critic = actor.to(device), critic.to(device)
        self.settings, self.team = settings, team
        self.normaliser = ValueNormaliser(settings.value_decay).to(device)
        self.actor_optimiser, self.critic_optimiser = FlatAdam(self.actor), FlatAdam(self.critic)
        self.decay = 1.0
        # A gradient step allocates and frees the same few megabytes every time.
        keep_freed_memory()
        self.steps: list[tuple[Features, Latents, Hybrid]] = []

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
        """A draw of every action head; remembered for the update together with where it was drawn from."""
        distribution: Hybrid = self.actor(features)
        latents = distribution.sample(generator)
        self.steps.append((features, latents, distribution))
        return latents

    @torch.no_grad()
    def batch(self, rewards: Floats, terminated: Booleans, last: Features) -> Batch:
        """The remembered steps with advantages; forgets them. rewards [step, env, agent]; terminated [step, env]; ``last`` is
        observed after the last step. Advantages are normalised over the batch."""
        seen, drawn, distributions = zip(*self.steps, strict=True)
        self.steps = []
        # The weights have not changed since the first step, so values and log-probabilities can be had for all steps at once.
        features = type(last).join(list(seen))
        latents = {name: torch.cat([step[name] for step in drawn]) for name in drawn[0]}
        known = self.normaliser.denormalise(self.critic(features)).double().cpu().numpy().reshape(rewards.shape)
        after = self.normaliser.denormalise(self.critic(last)).double().cpu().numpy()
        settings = self.settings
        advantages = gae(rewards, known, after, terminated, settings.discount, settings.gae_lambda)
        returns = advantages + known
        credited = share_credit(advantages, self.team.team_credit)
        credited = (credited - credited.mean()) / (credited.std() + 1e-8)

        def rows(array: Floats) -> Tensor:
            flat = np.reshape(array, (-1, array.shape[-1]))
            return torch.as_tensor(flat, dtype=torch.float32, device=self.normaliser.mean.device)

        return Batch(
            features=features,
            latents=latents,
            log_prob=Hybrid.join(distributions).log_prob(latents),
            advantage=rows(credited),
            returns=rows(returns),
            explained=1.0 - float(advantages.var() / max(returns.var(), 1e-12)),
        )

    def update(self, batch: Batch, generator: Generator) -> TeamRecord:
        """Several passes over one batch."""
        team = self.team
        self.normaliser.update(batch.returns)
        batch = replace(batch, returns=self.normaliser.normalise(batch.returns))
        passes = [self._pass(batch, generator) for _ in range(team.epochs)]
        steps = [step for taken, _ in passes for step in taken]
        log_ratio, advantage, error = (
            torch.cat([getattr(each, name) for each in steps]) for name in ("log_ratio", "advantage", "error")
        )
        clipped, kl = movement(log_ratio, team.clip)
        return TeamRecord(
            policy_loss=float(clipped_loss(log_ratio, advantage, team.clip)),
            value_loss=float(error.square().mean()),
            clip_fraction=float(clipped),
            kl=float(kl),
            explained_variance=batch.explained,
            gradient_norm=float(np.mean([each.norm for each in steps])),
            entropy={name: float(torch.stack([found[name] for _, found in passes]).mean()) for name in passes[0][1]},
        )

    def _pass(self, batch: Batch, generator: Generator) -> tuple[list[Descent], dict[str, Tensor]]:
        """One pass over the batch in shuffled minibatches: its steps, and the mean entropy by head at the last of them."""
        order = torch.randperm(len(batch.returns), generator=generator, device=batch.returns.device)
        minibatches = self.team.minibatches
        found = [self._descend(batch if minibatches == 1 else batch.at(rows)) for rows in order.chunk(minibatches)]
        with torch.no_grad():
            entropy = {name: each.mean() for name, each in found[-1][1].entropies().items()}
        return [step for step, _ in found], entropy

    def _descend(self, batch: Batch) -> tuple[Descent, Hybrid]:
        """One gradient step of actor and critic; the batch's returns as the critic has them. The slopes of the losses are
        written out: autograd goes through the networks only."""
        team = self.team
        distribution: Hybrid = self.actor(batch.features)
        values = self.critic(batch.features)
        with torch.no_grad():
            log_prob, pull = distribution.log_prob_and_pull(batch.latents)
            log_ratio = log_prob - batch.log_prob
            error = values - batch.returns
            pairs = pull(clipped_slope(log_ratio, batch.advantage, team.clip))
            # Of the mean squared error.
            pairs.append((values, error * (2.0 / error.numel())))
        outputs: list[Tensor] = [output for output, _ in pairs]
        slopes: list[Tensor | None] = [slope for _, slope in pairs]
        for name, weight in team.entropy.items():
            if weight > 0.0:
                outputs.append(-weight * distribution.heads[name].entropy().mean())
                slopes.append(None)
        self.actor_optimiser.zero()
        self.critic_optimiser.zero()
        torch.autograd.backward(outputs, slopes)
        norm = self.actor_optimiser.step(team.learning_rate * self.decay, team.max_gradient_norm)
        self.critic_optimiser.step(team.critic_learning_rate * self.decay, team.max_gradient_norm)
        return Descent(log_ratio, batch.advantage, error, norm), distribution

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
