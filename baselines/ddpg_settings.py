"""Every number of a DDPG run on one screen (the loop's beside it); validated, with the reason for each default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..rl.mappo_settings import COMMON, DISCRETE, LOCAL_HEADS, PER_DELEGATE
from ..rl.search_space import Range, SearchSpace
from ..rl.settings import is_positive, require
from .off_policy_settings import OFF_POLICY_SPACE, OffPolicySettings

HEADS = (*LOCAL_HEADS, *DISCRETE, *COMMON, *PER_DELEGATE)


def _noise(scale: float) -> dict[str, float]:
    """Standard deviation by action head: logarithms of shares and logits 0.4, common amounts of a committee 0.25, deviations of
    single delegates 0.03 (a phase waits for the worst of 21), relaxed choices 0.25; all times ``scale``."""
    sizes = dict.fromkeys(LOCAL_HEADS, 0.4) | dict.fromkeys(DISCRETE, 0.25)
    sizes |= dict.fromkeys(COMMON, 0.25) | dict.fromkeys(PER_DELEGATE, 0.03)
    return {name: scale * size for name, size in sizes.items()}


@dataclass(frozen=True)
class DdpgSettings(OffPolicySettings):
    """Of a run of both teams, for 128 environments of preset ``paper``. ``learning_rate`` is the actor's; both fall alike.
    Rates and ``exploration`` are what ``twingap tune`` found (docs/tuning.md)."""

    learning_rate: float = 1.4e-4
    critic_learning_rate: float = 1.3e-2
    final_learning_rate: float = 0.25
    actor_warm_up: int = 60
    """Critic steps before the first actor step: an actor that follows a critic of noise leaves a good start at once."""
    noise_start: Mapping[str, float] = field(default_factory=lambda: _noise(1.0))
    noise_end: Mapping[str, float] = field(default_factory=lambda: _noise(0.25))
    """Standard deviation of exploration by action head at both ends of the run, geometric between."""
    exploration: float = 0.33
    """Times all of them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("critic_learning_rate", "exploration"):
            require(is_positive(getattr(self, name)), name, getattr(self, name), "a finite number > 0")
        whole = isinstance(self.actor_warm_up, int) and not isinstance(self.actor_warm_up, bool) and self.actor_warm_up >= 0
        require(whole, "actor_warm_up", self.actor_warm_up, "a whole number >= 0")
        for name in ("noise_start", "noise_end"):
            given = getattr(self, name)
            require(sorted(given) == sorted(HEADS), name, sorted(given), f"exactly the heads {', '.join(HEADS)}")
            for head, value in given.items():
                require(is_positive(value), f"{name}.{head}", value, "a finite number > 0")


SEARCH_SPACE: SearchSpace = {
    **OFF_POLICY_SPACE,
    "learning_rate": Range(3e-5, 3e-3, log=True),
    "critic_learning_rate": Range(3e-4, 3e-2, log=True),
    "actor_warm_up": Range(0, 200),
    "exploration": Range(0.3, 3.0, log=True),
}
"""What ``twingap tune ddpg`` varies."""
