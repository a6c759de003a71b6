r"""Double deep Q-learning (van Hasselt et al., 2016) for agents whose action has several discrete parts.

An agent chooses one level in each of many slots, so its joint action is far too large to enumerate. Its value is a sum,

    Q(s, a) = V(s) + sum over slots of A_slot(s, a_slot),      A_slot centred over its levels,

whose maximum over joint actions is exact and takes one argmax per slot (a branching dueling network, Tavakoli et al., 2018;
with one slot it is the plain dueling DDQN). A gate slot (serve or not) switches the others off: where it says 0 they add
nothing. Targets are double: y = r + discount Q_target(s', argmax_a Q(s', a)).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from ..rl.distributions import Latents
from ..rl.saved_tensors import below, optimiser_tensors, restore_optimiser
from ..rl.value_normalisation import ValueNormaliser
from .game import Features
from .replay import Chosen, Experience
from .target_network import follow


@dataclass(frozen=True, eq=False)
class LevelValues:
    """Q of every joint action. value [row, agent]; advantage by group of slots [row, agent, slot, level], not yet centred;
    counts by group [agent, slot]: 1.0 where the slot exists (groups not named: all); gate: the group (one slot, levels no and
    yes) that switches the others on."""

    value: Tensor
    advantage: Mapping[str, Tensor]
    counts: Mapping[str, Tensor]
    gate: str | None = None

    def best(self) -> Chosen:
        """The joint action of largest Q: levels by group [row, agent, slot]; ties go to the lower level."""
        chosen = {name: values.argmax(dim=-1) for name, values in self.advantage.items()}
        if self.gate is not None:
            centred = self._centred(self.gate)[..., 0, :]
            others = self._sum({name: level for name, level in chosen.items() if name != self.gate})
            chosen[self.gate] = (centred[..., 1] + others > centred[..., 0]).long().unsqueeze(-1)
        return chosen

    def of(self, chosen: Chosen) -> Tensor:
        """Q of these levels [row, agent]."""
        if self.gate is None:
            return self.value + self._sum(chosen)
        on = chosen[self.gate][..., 0]
        decided = self._centred(self.gate)[..., 0, :].gather(-1, on.unsqueeze(-1)).squeeze(-1)
        others = self._sum({name: level for name, level in chosen.items() if name != self.gate})
        return self.value + decided + on * others

    def _centred(self, name: str) -> Tensor:
        values = self.advantage[name]
        return values - values.mean(dim=-1, keepdim=True)

    def _sum(self, chosen: Chosen) -> Tensor:
        total = torch.zeros_like(self.value)
        for name, level in chosen.items():
            picked = self._centred(name).gather(-1, level.unsqueeze(-1)).squeeze(-1)
            counts = self.counts.get(name)
            total = total + (picked if counts is None else picked * counts).sum(dim=-1)
        return total


def double_target(
    reward: Tensor,
    continues: Tensor,
    online: LevelValues,
    target: LevelValues,
    discount: float,
    unit: Callable[[Tensor], Tensor] = lambda values: values,
) -> Tensor:
    """y = r + discount * continues * unit(Q_target(s', argmax_a Q_online(s', a))) [row, agent].

    reward [row, agent]; continues [row]; online, target: both networks' Q of s'; unit: from their scale to the reward's.
    """
    return reward + discount * continues.unsqueeze(-1) * unit(target.of(online.best()))


def epsilon_at(progress: float, start: float, end: float, explored: float) -> float:
    """Linear from start to end over the first ``explored`` of the run, then constant."""
    return start + (end - start) * min(1.0, progress / explored)


@dataclass(frozen=True)
class DdqnNumbers:
    """Of one player: see DdqnSettings, whose fields these are."""

    learning_rate: float
    final_learning_rate: float
    discount: float
    target_rate: float
    epsilon_start: float
    epsilon_end: float
    explored: float
    max_gradient_norm: float
    value_decay: float
    team: bool


class DoubleQ:
    """One team's player: shared weights, every agent its own levels.

    network: an nn.Module from features to LevelValues. numbers.team: fit the sum of the agents' Q to the sum of their rewards
    (value decomposition, Sunehag et al., 2018), since what an agent takes from a common budget is paid by the others;
    otherwise each agent fits its own reward. meaning: (levels, features) to latents.
    """

    def __init__(self, network: nn.Module, numbers: DdqnNumbers, meaning: Callable[[Chosen, Features], Latents]) -> None:
        self.network, self.numbers, self.meaning = network, numbers, meaning
        self.target = copy.deepcopy(network).requires_grad_(False)
        self.normaliser = ValueNormaliser(numbers.value_decay)
        self.optimiser = torch.optim.Adam(network.parameters(), lr=numbers.learning_rate, eps=1e-5, fused=True)

    def explore(self, features: Features, progress: float, generator: Generator) -> Chosen:
        """Each slot by itself random with probability epsilon, else best."""
        numbers = self.numbers
        values: LevelValues = self.network(features)
        epsilon = epsilon_at(progress, numbers.epsilon_start, numbers.epsilon_end, numbers.explored)
        chosen = values.best()
        for name, level in chosen.items():
            any_level = torch.randint(values.advantage[name].shape[-1], level.shape, generator=generator)
            chosen[name] = torch.where(torch.rand(level.shape, generator=generator) < epsilon, any_level, level)
        return chosen

    def decide(self, features: Features) -> Chosen:
        """The levels of largest Q."""
        return self.network(features).best()

    def latents(self, chosen: Chosen, features: Features) -> Latents:
        """What the levels stand for."""
        return self.meaning(chosen, features)

    def learn(self, batch: Experience, progress: float) -> dict[str, float]:
        """One step towards the double target (Huber loss in units of the returns' deviation)."""
        numbers = self.numbers
        for group in self.optimiser.param_groups:
            group["lr"] = numbers.learning_rate * (1.0 - progress * (1.0 - numbers.final_learning_rate))
        with torch.no_grad():
            goal = batch.reward
            if batch.following is not None:
                online, target = self.network(batch.following), self.target(batch.following)
                discount, unit = numbers.discount, self.normaliser.denormalise
                goal = double_target(goal, batch.continues, online, target, discount, unit)
            self.normaliser.update(goal)
            goal = self.normaliser.normalise(goal)
        found = self.network(batch.features).of(batch.chosen)
        if numbers.team:
            found, goal = found.sum(dim=-1), goal.sum(dim=-1)
        loss = functional.smooth_l1_loss(found, goal)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), numbers.max_gradient_norm)
        self.optimiser.step()
        follow(self.target, self.network, numbers.target_rate)
        unexplained = (found.detach() - goal).var() / goal.var().clamp(min=1e-12)
        return {"loss": float(loss.detach()), "gradient_norm": float(norm), "explained_variance": 1.0 - float(unexplained)}

    def tensors(self) -> dict[str, Tensor]:
        """Weights of both networks, normaliser and moments, by name."""
        found: dict[str, Tensor] = {}
        for part, module in self._modules().items():
            found |= {f"{part}.{name}": tensor for name, tensor in module.state_dict().items()}
        return found | {f"optimiser.{name}": tensor for name, tensor in optimiser_tensors(self.optimiser).items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()``."""
        for part, module in self._modules().items():
            module.load_state_dict(below(part, tensors))
        restore_optimiser(self.optimiser, below("optimiser", tensors))

    def _modules(self) -> dict[str, nn.Module]:
        return {"network": self.network, "target": self.target, "normaliser": self.normaliser}
