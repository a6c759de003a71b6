"""Every number of a DDQN run on one screen (the loop's beside it); validated, with the reason for each default."""

from __future__ import annotations

from dataclasses import dataclass

from ..rl.search_space import Range, SearchSpace
from ..rl.settings import is_count, is_positive, is_within, require
from .off_policy_settings import OFF_POLICY_SPACE, OffPolicySettings


@dataclass(frozen=True)
class DdqnSettings(OffPolicySettings):
    """Of a run of both teams, for 128 environments of preset ``paper``."""

    updates: int = 1500
    warm_up: int = 2
    levels: int = 7
    """Of each continuous action head."""
    reach: float = 0.9
    """Largest offset from the starting point: shares from 0.4 to 2.5 times it, in steps of 0.3 in the logarithm."""
    learning_rate: float = 2e-3
    epsilon_start: float = 0.5
    epsilon_end: float = 0.05
    """Chance of a random level in each slot, linear over the first ``explored`` of the run."""
    explored: float = 0.6
    team: bool = True
    """Fit the sum over the team's agents; an agent that fits its own reward alone takes from the budget what others pay for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(is_count(self.levels) and self.levels > 1, "levels", self.levels, "a whole number >= 2")
        require(is_positive(self.reach), "reach", self.reach, "a finite number > 0")
        for name in ("epsilon_start", "epsilon_end"):
            require(is_within(getattr(self, name), 0.0, 1.0), name, getattr(self, name), "a number from 0 to 1")
        require(is_within(self.explored, 1e-6, 1.0), "explored", self.explored, "a number above 0, at most 1")
        require(isinstance(self.team, bool), "team", self.team, "true or false")


SEARCH_SPACE: SearchSpace = {
    **OFF_POLICY_SPACE,
    "learning_rate": Range(2e-4, 2e-2, log=True),
    "levels": Range(3, 15),
    "reach": Range(0.3, 1.5),
    "epsilon_start": Range(0.05, 1.0),
    "epsilon_end": Range(0.005, 0.2, log=True),
    "explored": Range(0.2, 1.0),
}
"""What ``twingap tune ddqn`` varies."""
