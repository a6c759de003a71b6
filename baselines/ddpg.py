r"""Deep deterministic policy gradient (Lillicrap et al., 2016) for teams that mix continuous and relaxed discrete actions.

The actor says one action; exploration adds normal noise to it; the critic Q(s, a) is fitted to
y = r + discount Q'(s', mu'(s')) from a replay, with slow target copies of both; the actor follows the gradient of the critic.
Choices (serve, bids for APs) are relaxed to numbers from 0 to 1, which the environment reads as preferences: the rounding is
hidden from the gradient, which is DDPG's weakness on hybrid actions. In a team the critic is central: it reads the whole
team's observations and actions and gives each agent's value, and every actor follows the sum (Lowe et al., 2017).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from ..rl.distributions import Latents
from ..rl.saved_tensors import below, optimiser_tensors, restore_optimiser
from ..rl.value_normalisation import ValueNormaliser
from .game import Features
from .replay import Chosen, Experience
from .target_network import follow


def critic_target(
    reward: Tensor,
    continues: Tensor,
    following: Tensor,
    discount: float,
    unit: Callable[[Tensor], Tensor] = lambda values: values,
) -> Tensor:
    """y = r + discount * continues * unit(Q'(s', mu'(s'))) [row, agent].

    reward, following [row, agent]; continues [row]; unit: from the networks' scale to the reward's.
    """
    return reward + discount * continues.unsqueeze(-1) * unit(following)


@dataclass(frozen=True)
class Noise:
    """Of one action head. start, end: standard deviation at both ends of a run, geometric between; low, high: where actions
    stay."""

    start: float
    end: float
    low: float = -torch.inf
    high: float = torch.inf

    def at(self, progress: float) -> float:
        """Standard deviation at this point of the run, progress in [0, 1)."""
        return self.start * (self.end / self.start) ** progress


@dataclass(frozen=True)
class DdpgNumbers:
    """Of one player: see DdpgSettings, whose fields these are."""

    learning_rate: float
    critic_learning_rate: float
    final_learning_rate: float
    discount: float
    target_rate: float
    max_gradient_norm: float
    value_decay: float
    actor_warm_up: int


class DeterministicPolicyGradient:
    """One team's player.

    actor: an nn.Module from features to an action by head, a dict of tensors [row, agent, slot]; critic: an nn.Module from
    (features, actions) to the normalised value of each agent [row, agent]; noise: of each head.
    """

    def __init__(self, actor: nn.Module, critic: nn.Module, noise: Mapping[str, Noise], numbers: DdpgNumbers) -> None:
        self.actor, self.critic, self.noise, self.numbers = actor, critic, dict(noise), numbers
        self.slow_actor = copy.deepcopy(actor).requires_grad_(False)
        self.slow_critic = copy.deepcopy(critic).requires_grad_(False)
        self.normaliser = ValueNormaliser(numbers.value_decay)
        trained = [each for each in actor.parameters() if each.requires_grad]
        self.actor_optimiser = torch.optim.Adam(trained, lr=numbers.learning_rate, eps=1e-5, fused=True)
        trained = [each for each in critic.parameters() if each.requires_grad]
        self.critic_optimiser = torch.optim.Adam(trained, lr=numbers.critic_learning_rate, eps=1e-5, fused=True)
        self.learnt = 0

    def explore(self, features: Features, progress: float, generator: Generator) -> Chosen:
        """The actor's action with noise, kept where actions stay."""
        chosen: Chosen = {}
        for name, action in self.actor(features).items():
            noise = self.noise[name]
            drawn = torch.randn(action.shape, generator=generator)
            chosen[name] = (action + noise.at(progress) * drawn).clamp(noise.low, noise.high)
        return chosen

    def decide(self, features: Features) -> Chosen:
        """The actor's action."""
        return dict(self.actor(features))

    def latents(self, chosen: Chosen, features: Features) -> Latents:
        """Actions are latents."""
        del features
        return chosen

    def learn(self, batch: Experience, progress: float) -> dict[str, float]:
        """One step of the critic towards its target, then (once it has had its warm-up) one of the actor up the critic."""
        numbers = self.numbers
        decay = 1.0 - progress * (1.0 - numbers.final_learning_rate)
        with torch.no_grad():
            goal = batch.reward
            if batch.following is not None:
                after = self.slow_critic(batch.following, self.slow_actor(batch.following))
                goal = critic_target(goal, batch.continues, after, numbers.discount, self.normaliser.denormalise)
            self.normaliser.update(goal)
            goal = self.normaliser.normalise(goal)
        found = self.critic(batch.features, batch.chosen)
        loss = (found - goal).square().mean()
        norm = self._step(self.critic_optimiser, self.critic, loss, numbers.critic_learning_rate * decay)
        unexplained = (found.detach() - goal).var() / goal.var().clamp(min=1e-12)
        figures = {"loss": float(loss.detach()), "critic_gradient_norm": norm, "explained_variance": 1.0 - float(unexplained)}
        self.learnt += 1
        if self.learnt > numbers.actor_warm_up:
            value = self.critic(batch.features, self.actor(batch.features)).sum(dim=-1).mean()
            figures["actor_gradient_norm"] = self._step(self.actor_optimiser, self.actor, -value, numbers.learning_rate * decay)
            figures["value"] = float(value.detach())
            follow(self.slow_actor, self.actor, numbers.target_rate)
        follow(self.slow_critic, self.critic, numbers.target_rate)
        return figures

    def _step(self, optimiser: torch.optim.Optimizer, module: nn.Module, loss: Tensor, rate: float) -> float:
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(module.parameters(), self.numbers.max_gradient_norm)
        optimiser.step()
        return float(norm)

    def tensors(self) -> dict[str, Tensor]:
        """Weights of all networks, normaliser, moments and how many steps were learnt, by name."""
        found: dict[str, Tensor] = {"learnt": torch.tensor(self.learnt)}
        for part, module in self._modules().items():
            found |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
        for part, optimiser in self._optimisers().items():
            found |= {f"{part}.{name}": tensor for name, tensor in optimiser_tensors(optimiser).items()}
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()``."""
        self.learnt = int(tensors["learnt"])
        for part, module in self._modules().items():
            module.load_state_dict(below(part, tensors))
        for part, optimiser in self._optimisers().items():
            restore_optimiser(optimiser, below(part, tensors))

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "actor": self.actor,
            "critic": self.critic,
            "slow_actor": self.slow_actor,
            "slow_critic": self.slow_critic,
            "normaliser": self.normaliser,
        }

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor_optimiser": self.actor_optimiser, "critic_optimiser": self.critic_optimiser}
