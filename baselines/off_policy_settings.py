"""What every off-policy learner is told: the loop's numbers, their checks, and how they are read and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from ..rl.search_space import Range, SearchSpace
from ..rl.settings import changed, is_count, is_positive, is_within, require


@dataclass(frozen=True)
class OffPolicySettings:
    """Of a run of both teams, for 128 environments of preset ``paper``; validated. Learners add what is theirs."""

    updates: int = 1000
    rollout: int = 1
    """Epochs per update, in each environment."""
    gradient_steps: int = 1
    """Per update and team."""
    batch_steps: int = 2
    """Stored steps (of all environments) per gradient step."""
    capacity: int = 64
    """Of the replay, in steps. Checkpoints hold it."""
    warm_up: int = 10
    """Stored steps before the first gradient step."""
    hidden: int = 32
    learning_rate: float = 1e-3
    """At the start; falls linearly to ``final_learning_rate`` of it."""
    final_learning_rate: float = 0.05
    max_gradient_norm: float = 1.0
    discount: float = 0.0
    """No action changes the state (model section 4): 0 has the same best action as any other discount and the least variance.
    Above 0 targets are bootstrapped from the slow copies."""
    target_rate: float = 0.01
    """How far the slow copies move per gradient step."""
    value_decay: float = 0.99
    """Weight of the past in the normaliser of returns, per gradient step."""

    def __post_init__(self) -> None:
        for name in ("updates", "rollout", "gradient_steps", "batch_steps", "capacity", "warm_up", "hidden"):
            require(is_count(getattr(self, name)), name, getattr(self, name), "a whole number >= 1")
        for name in ("learning_rate", "max_gradient_norm"):
            require(is_positive(getattr(self, name)), name, getattr(self, name), "a finite number > 0")
        for name in ("final_learning_rate", "discount", "target_rate"):
            require(is_within(getattr(self, name), 0.0, 1.0), name, getattr(self, name), "a number from 0 to 1")
        require(is_within(self.value_decay, 0.0, 0.99999), "value_decay", self.value_decay, "a number from 0 to 0.99999")
        require(self.warm_up <= self.capacity, "warm_up", self.warm_up, f"at most the capacity, {self.capacity}")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From plain data; what is not named keeps its default. InputError for unknown fields and impossible values."""
        return changed(cls(), data)


OFF_POLICY_SPACE: SearchSpace = {
    "hidden": Range(16, 128, log=True),
    "batch_steps": Range(1, 8),
    "gradient_steps": Range(1, 4),
    "target_rate": Range(1e-3, 0.3, log=True),
    "max_gradient_norm": Range(0.1, 10.0, log=True),
    "final_learning_rate": Range(1e-3, 0.5, log=True),
}
"""What is tuned of these: about a factor of ten around the defaults."""
