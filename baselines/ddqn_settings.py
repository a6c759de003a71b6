"""Every number of a DDQN run on one screen; validated, with the reason for each default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..rl.search_space import Range, SearchSpace
from ..rl.settings import changed, is_count, is_positive, is_within, require


@dataclass(frozen=True)
class DdqnSettings:
    """Of a run of both teams, for 128 environments of preset ``paper``."""

    updates: int = 1500
    rollout: int = 1
    """Epochs per update, in each environment."""
    gradient_steps: int = 1
    """Per update and team."""
    batch_steps: int = 2
    """Stored steps (of all environments) per gradient step."""
    capacity: int = 64
    """Of the replay, in steps. Checkpoints hold it."""
    warm_up: int = 2
    """Stored steps before the first gradient step."""
    hidden: int = 32
    levels: int = 7
    """Of each continuous action head."""
    reach: float = 0.9
    """Largest offset from the starting point: shares from 0.4 to 2.5 times it, in steps of 0.3 in the logarithm."""
    learning_rate: float = 2e-3
    """At the start; falls linearly to ``final_learning_rate`` of it."""
    final_learning_rate: float = 0.05
    max_gradient_norm: float = 1.0
    discount: float = 0.0
    """No action changes the state (model section 4): 0 has the same best action as any other discount and the least variance.
    Above 0 the double target is bootstrapped, see ``ddqn``."""
    target_rate: float = 0.01
    """How far the target network moves towards the network per gradient step."""
    epsilon_start: float = 0.5
    epsilon_end: float = 0.05
    """Chance of a random level in each slot, linear over the first ``explored`` of the run."""
    explored: float = 0.6
    value_decay: float = 0.99
    """Weight of the past in the normaliser of returns, per gradient step."""
    team: bool = True
    """Fit the sum over the team's agents; an agent that fits its own reward alone takes from the budget what others pay for."""

    def __post_init__(self) -> None:
        for name in ("updates", "rollout", "gradient_steps", "batch_steps", "capacity", "warm_up", "hidden"):
            require(is_count(getattr(self, name)), name, getattr(self, name), "a whole number >= 1")
        require(is_count(self.levels) and self.levels > 1, "levels", self.levels, "a whole number >= 2")
        for name in ("reach", "learning_rate", "max_gradient_norm"):
            require(is_positive(getattr(self, name)), name, getattr(self, name), "a finite number > 0")
        for name in ("final_learning_rate", "discount", "target_rate", "epsilon_start", "epsilon_end"):
            require(is_within(getattr(self, name), 0.0, 1.0), name, getattr(self, name), "a number from 0 to 1")
        require(is_within(self.explored, 1e-6, 1.0), "explored", self.explored, "a number above 0, at most 1")
        require(is_within(self.value_decay, 0.0, 0.99999), "value_decay", self.value_decay, "a number from 0 to 0.99999")
        require(isinstance(self.team, bool), "team", self.team, "true or false")
        require(self.warm_up <= self.capacity, "warm_up", self.warm_up, f"at most the capacity, {self.capacity}")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DdqnSettings:
        """From plain data; what is not named keeps its default. InputError for unknown fields and impossible values."""
        return changed(cls(), data)


SEARCH_SPACE: SearchSpace = {
    "hidden": Range(16, 128, log=True),
    "batch_steps": Range(1, 8),
    "gradient_steps": Range(1, 4),
    "target_rate": Range(1e-3, 0.3, log=True),
    "max_gradient_norm": Range(0.1, 10.0, log=True),
    "final_learning_rate": Range(1e-3, 0.5, log=True),
    "learning_rate": Range(2e-4, 2e-2, log=True),
    "levels": Range(3, 15),
    "reach": Range(0.3, 1.5),
    "epsilon_start": Range(0.05, 1.0),
    "epsilon_end": Range(0.005, 0.2, log=True),
    "explored": Range(0.2, 1.0),
}
"""What ``twingap tune ddqn`` varies: about a factor of ten around the defaults."""
