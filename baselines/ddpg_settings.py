"""Every number of a DDPG run on one screen; validated, with the reason for each default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..rl.mappo_settings import COMMON, DISCRETE, LOCAL_HEADS, PER_DELEGATE
from ..rl.search_space import Range, SearchSpace
from ..rl.settings import changed, is_count, is_positive, is_within, require

HEADS = (*LOCAL_HEADS, *DISCRETE, *COMMON, *PER_DELEGATE)


def _noise(scale: float) -> dict[str, float]:
    """Standard deviation by action head: logarithms of shares and logits 0.4, common amounts of a committee 0.25, deviations of
    single delegates 0.03 (a phase waits for the worst of 21), relaxed choices 0.25; all times ``scale``."""
    sizes = dict.fromkeys(LOCAL_HEADS, 0.4) | dict.fromkeys(DISCRETE, 0.25)
    sizes |= dict.fromkeys(COMMON, 0.25) | dict.fromkeys(PER_DELEGATE, 0.03)
    return {name: scale * size for name, size in sizes.items()}


@dataclass(frozen=True)
class DdpgSettings:
    """Of a run of both teams, for 128 environments of preset ``paper``."""

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
    learning_rate: float = 3e-4
    """Of the actor, at the start; falls linearly to ``final_learning_rate`` of it."""
    critic_learning_rate: float = 3e-3
    final_learning_rate: float = 0.05
    max_gradient_norm: float = 1.0
    actor_warm_up: int = 60
    """Critic steps before the first actor step: an actor that follows a critic of noise leaves a good start at once."""
    discount: float = 0.0
    """No action changes the state (model section 4): 0 has the same best action as any other discount and the least variance.
    Above 0 the target is bootstrapped from the slow copies, see ``ddpg``."""
    target_rate: float = 0.01
    """How far the slow copies move per gradient step."""
    noise_start: Mapping[str, float] = field(default_factory=lambda: _noise(1.0))
    noise_end: Mapping[str, float] = field(default_factory=lambda: _noise(0.25))
    """Standard deviation of exploration by action head at both ends of the run, geometric between."""
    value_decay: float = 0.99
    """Weight of the past in the normaliser of returns, per gradient step."""

    def __post_init__(self) -> None:
        for name in ("updates", "rollout", "gradient_steps", "batch_steps", "capacity", "warm_up", "hidden"):
            require(is_count(getattr(self, name)), name, getattr(self, name), "a whole number >= 1")
        for name in ("learning_rate", "critic_learning_rate", "max_gradient_norm"):
            require(is_positive(getattr(self, name)), name, getattr(self, name), "a finite number > 0")
        for name in ("final_learning_rate", "discount", "target_rate"):
            require(is_within(getattr(self, name), 0.0, 1.0), name, getattr(self, name), "a number from 0 to 1")
        whole = isinstance(self.actor_warm_up, int) and not isinstance(self.actor_warm_up, bool) and self.actor_warm_up >= 0
        require(whole, "actor_warm_up", self.actor_warm_up, "a whole number >= 0")
        require(is_within(self.value_decay, 0.0, 0.99999), "value_decay", self.value_decay, "a number from 0 to 0.99999")
        require(self.warm_up <= self.capacity, "warm_up", self.warm_up, f"at most the capacity, {self.capacity}")
        for name in ("noise_start", "noise_end"):
            given = getattr(self, name)
            require(sorted(given) == sorted(HEADS), name, sorted(given), f"exactly the heads {', '.join(HEADS)}")
            for head, value in given.items():
                require(is_positive(value), f"{name}.{head}", value, "a finite number > 0")

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DdpgSettings:
        """From plain data; what is not named keeps its default. InputError for unknown fields and impossible values."""
        return changed(cls(), data)


SEARCH_SPACE: SearchSpace = {
    "hidden": Range(16, 128, log=True),
    "batch_steps": Range(1, 8),
    "gradient_steps": Range(1, 4),
    "target_rate": Range(1e-3, 0.3, log=True),
    "max_gradient_norm": Range(0.1, 10.0, log=True),
    "final_learning_rate": Range(1e-3, 0.5, log=True),
    "learning_rate": Range(3e-5, 3e-3, log=True),
    "critic_learning_rate": Range(3e-4, 3e-2, log=True),
    "actor_warm_up": Range(0, 200),
}
"""What ``twingap tune ddpg`` varies: about a factor of ten around the defaults."""
