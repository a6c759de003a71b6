r"""Asynchronous advantage actor-critic (Mnih et al., 2016): what one worker does, and what workers share.

Every worker has an environment and a copy of the networks. It rolls out, computes the gradient of

    - mean of log pi(a|s) A - sum of coefficient x entropy + (V - return)^2,      A by ``advantages.gae``,

on its copy, pushes the gradient through Adam or RMSProp into the shared parameters (whose moments are shared, too) and pulls
them. Other workers have pushed meanwhile, so gradients are stale by up to one push of each: the asynchrony that gives the
method its name.
There is no clip (28): nothing holds the policy near the one that drew the data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ..opt.arrays import Booleans, Floats
from ..rl.advantages import gae, share_credit
from ..rl.distributions import Hybrid, Latents
from ..rl.layers import Spreads
from ..rl.value_normalisation import ValueNormaliser
from .game import Features, Game, Outcome

BETA, BETA_SQUARE, EPSILON = 0.9, 0.999, 1e-5
# Weight of the past in RMSProp's second moment (Mnih et al., 2016).
ALPHA = 0.99

Optimiser = Literal["adam", "rmsprop"]


@dataclass(frozen=True)
class A3cNumbers:
    """Of one team: see A3cTeam, whose fields most of these are."""

    learning_rate: float
    critic_learning_rate: float
    final_learning_rate: float
    rollout: int
    discount: float
    gae_lambda: float
    team_credit: float
    max_gradient_norm: float
    value_decay: float
    entropy: Mapping[str, float]
    batch_normalised: bool
    optimiser: Optimiser = "adam"


@dataclass(frozen=True, eq=False)
class Networks:
    """One team's. actor: features to Hybrid; critic: features to the normalised value of each agent [row, agent]; spreads: what
    follows a schedule in the actor, if anything does."""

    actor: nn.Module
    critic: nn.Module
    spreads: Spreads | None = None

    def parameters(self) -> list[nn.Parameter]:
        """Actor's, then critic's."""
        return [*self.actor.parameters(), *self.critic.parameters()]


class SharedTeam:
    """What all workers read and write of one team: weights as one vector (the actor's first), the optimiser's moments, step
    count, and the running statistics of returns. All tensors lie in shared memory once ``share`` was called."""

    def __init__(self, networks: Networks, numbers: A3cNumbers) -> None:
        self.numbers = numbers
        self.weights = parameters_to_vector(networks.parameters()).detach().clone()
        self.actor_size = sum(each.numel() for each in networks.actor.parameters())
        self.mean, self.square = torch.zeros_like(self.weights), torch.zeros_like(self.weights)
        self.pushes = torch.zeros((), dtype=torch.int64)
        self.normaliser = ValueNormaliser(numbers.value_decay)

    def share(self) -> None:
        """Move everything to shared memory."""
        for tensor in self.tensors().values():
            tensor.share_memory_()

    @torch.no_grad()
    def push(self, gradient: Tensor, returns: Tensor, progress: float) -> None:
        """One step of the optimiser on the shared weights, at the rates of this point of the run; counts the returns.

        gradient: one vector in the order of the weights; returns: any shape, in the reward's unit; progress in [0, 1)."""
        numbers = self.numbers
        decay = 1.0 - progress * (1.0 - numbers.final_learning_rate)
        self.pushes += 1
        step = self._adam(gradient) if numbers.optimiser == "adam" else self._rmsprop(gradient)
        step[: self.actor_size] *= numbers.learning_rate * decay
        step[self.actor_size :] *= numbers.critic_learning_rate * decay
        self.weights -= step
        self.normaliser.update(returns)

    def _adam(self, gradient: Tensor) -> Tensor:
        """mean / (sqrt(square) + eps), both moments corrected for their start at zero."""
        steps = int(self.pushes)
        self.mean.lerp_(gradient, 1.0 - BETA)
        self.square.lerp_(gradient.square(), 1.0 - BETA_SQUARE)
        size = (self.square / (1.0 - BETA_SQUARE**steps)).sqrt_().add_(EPSILON)
        return (self.mean / (1.0 - BETA**steps)).div_(size)

    def _rmsprop(self, gradient: Tensor) -> Tensor:
        """gradient / (sqrt(square) + eps), as published: no momentum, statistics shared by all workers."""
        self.square.lerp_(gradient.square(), 1.0 - ALPHA)
        return gradient / self.square.sqrt().add_(EPSILON)

    @torch.no_grad()
    def pull(self, networks: Networks, normaliser: ValueNormaliser) -> None:
        """Copy the shared weights and statistics into a worker's own."""
        vector_to_parameters(self.weights.clone(), networks.parameters())
        normaliser.load_state_dict(self.normaliser.state_dict())

    def tensors(self) -> dict[str, Tensor]:
        """All of it, by name (not copies)."""
        found = {"weights": self.weights, "mean": self.mean, "square": self.square, "pushes": self.pushes}
        return found | {f"normaliser.{name}": tensor for name, tensor in self.normaliser.state_dict().items()}

    @torch.no_grad()
    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()``, in place: workers see it. RuntimeError or KeyError when they do not fit."""
        for name, tensor in self.tensors().items():
            tensor.copy_(tensors[name])


def actor_critic_loss(
    distribution: Hybrid, latents: Latents, advantage: Tensor, value: Tensor, returns: Tensor, entropy: Mapping[str, float]
) -> Tensor:
    """- mean(log pi A) - sum over heads of coefficient x mean entropy + mean((V - return)^2); [row, agent] each, returns and
    values in the critic's unit, no gradient through the advantage."""
    policy = -(distribution.log_prob(latents) * advantage).mean()
    entropies = distribution.entropies() if entropy else {}
    bonus = sum((weight * entropies[name].mean() for name, weight in entropy.items()), torch.zeros_like(policy))
    return policy - bonus + (value - returns).square().mean()


# The block in which a worker pushes and pulls: begins when it is its turn.
Turn = Callable[[], AbstractContextManager[None]]


class Worker:
    """Plays its own game with its own copies."""

    def __init__(
        self, game: Game, networks: Mapping[str, Networks], shared: Mapping[str, SharedTeam], generator: Generator
    ) -> None:
        self.game, self.networks, self.shared, self.generator = game, networks, shared, generator
        self.normalisers = {team: ValueNormaliser(each.numbers.value_decay) for team, each in shared.items()}

    def pull(self) -> None:
        """Make the shared weights its own."""
        for team, shared in self.shared.items():
            shared.pull(self.networks[team], self.normalisers[team])

    def run(self, pushes: int, progress: float, turn: Turn = nullcontext) -> dict[str, Floats]:
        """Roll out and push this many times, pulling after each; mean reward per agent by team [agent]. turn: without one it is
        always its turn."""
        for networks in self.networks.values():
            if networks.spreads is not None:
                networks.spreads.progress = progress
        paid: dict[str, list[Floats]] = {team: [] for team in self.shared}
        for _ in range(pushes):
            found = self.gradients()
            for team, (_, _, rewards) in found.items():
                paid[team].append(rewards)
            with turn():
                for team, (gradient, returns, _) in found.items():
                    self.shared[team].push(gradient, returns, progress)
                self.pull()
        return {team: np.mean(each, axis=0) for team, each in paid.items()}

    def gradients(self) -> dict[str, tuple[Tensor, Tensor, Floats]]:
        """By team: gradient as one vector, returns [row, agent], mean rewards [agent] of one rollout."""
        numbers = next(iter(self.shared.values())).numbers
        seen: dict[str, list[Features]] = {team: [] for team in self.shared}
        drawn: dict[str, list[Latents]] = {team: [] for team in self.shared}
        paid: dict[str, list[Floats]] = {team: [] for team in self.shared}
        ends: list[Booleans] = []
        for _ in range(numbers.rollout):
            features = dict(self.game.features)
            latents: dict[str, Latents] = {}
            with torch.no_grad():
                for team, networks in self.networks.items():
                    latents[team] = networks.actor(features[team]).sample(self.generator)
            outcome = self.game.step(latents)
            ends.append(outcome.terminated if outcome.truncated is None else outcome.terminated | outcome.truncated)
            for team in self.shared:
                seen[team].append(features[team])
                drawn[team].append(latents[team])
                paid[team].append(outcome.reward[team] + self._beyond(team, outcome))
        terminated = np.stack(ends)
        return {team: self._gradient(team, seen[team], drawn[team], np.stack(paid[team]), terminated) for team in self.shared}

    def _beyond(self, team: str, outcome: Outcome) -> Floats | float:
        """discount x value of what follows a cut episode [env, agent]: it counts as paid, and the episode as over."""
        if outcome.truncated is None or not outcome.truncated.any():
            return 0.0
        with torch.no_grad():
            value = self.normalisers[team].denormalise(self.networks[team].critic(outcome.following[team]))
        beyond: Floats = value.double().numpy()
        return self.shared[team].numbers.discount * outcome.truncated[:, None] * beyond

    def _gradient(
        self, team: str, seen: list[Features], drawn: list[Latents], rewards: Floats, terminated: Booleans
    ) -> tuple[Tensor, Tensor, Floats]:
        networks, normaliser, numbers = self.networks[team], self.normalisers[team], self.shared[team].numbers
        features = type(seen[0]).join(seen)
        latents = {name: torch.cat([each[name] for each in drawn]) for name in drawn[0]}
        value = networks.critic(features)
        with torch.no_grad():
            known = normaliser.denormalise(value).double().numpy().reshape(rewards.shape)
            after = normaliser.denormalise(networks.critic(self.game.features[team])).double().numpy()
            advantages = gae(rewards, known, after, terminated, numbers.discount, numbers.gae_lambda)
            returns = torch.as_tensor((advantages + known).reshape(value.shape), dtype=torch.float32)
            credited = share_credit(advantages, numbers.team_credit)
            if numbers.batch_normalised:
                credited = (credited - credited.mean()) / (credited.std() + 1e-8)
            else:
                credited = credited / float(normaliser.statistics()[1])
            advantage = torch.as_tensor(credited.reshape(value.shape), dtype=torch.float32)
        distribution = networks.actor(features)
        goal = normaliser.normalise(returns)
        loss = actor_critic_loss(distribution, latents, advantage, value, goal, numbers.entropy)
        for parameter in networks.parameters():
            parameter.grad = None
        loss.backward()
        for module in (networks.actor, networks.critic):
            nn.utils.clip_grad_norm_(module.parameters(), numbers.max_gradient_norm)
        flat = [torch.zeros_like(each) if each.grad is None else each.grad for each in networks.parameters()]
        return parameters_to_vector(flat).detach(), returns, rewards.mean(axis=(0, 1))
