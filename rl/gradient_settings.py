"""Every number of a run of the gradient learner on one screen; validated, with the reason for each default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from .clones import CLONES, Clones
from .mappo_settings import Actions, Context, require_actions
from .search_space import Range, SearchSpace
from .settings import changed, is_count, is_positive, is_within, require


@dataclass(frozen=True)
class Anneal:
    """A width that goes from start to end geometrically over the run; see ``differentiable.Smoothing``."""

    start: float
    end: float

    def at(self, progress: float) -> float:
        """The width at this point of the run, progress in [0, 1)."""
        return self.start * (self.end / self.start) ** progress


@dataclass(frozen=True)
class GradientTeamSettings:
    """Of one team."""

    hidden: int = 64
    actions: Actions = "full"
    """See ``mappo_settings.TeamSettings``."""
    context: Context = "team"
    """See ``mappo_settings.TeamSettings``."""
    learning_rate: float = 3e-3
    """At the start; falls along a half cosine to ``final_learning_rate`` of it."""
    final_learning_rate: float = 0.01
    max_gradient_norm: float = 1.0
    """Of the gradient of the utility per unit of the team's largest benefit."""


@dataclass(frozen=True)
class GradientSettings:
    """Of a run, tuned for 64 environments of preset ``paper``."""

    updates: int = 4000
    level: Anneal = Anneal(0.3, 0.03)
    """Width of a step of the floor in (11) [levels]."""
    timeout: Anneal = Anneal(0.1, 0.02)
    """Width of the step at the timeout, as a fraction of it."""
    slowest: Anneal = Anneal(0.1, 0.01)
    """How far behind the slowest link another still shares its gradient, as a fraction of its time."""
    temperature: Anneal = Anneal(1.0, 0.1)
    """Of the mixture of assignments; an AP that a manager likes adds 1 to its score."""
    clones: Clones = CLONES
    """Larger systems that the managers train on beside the given one."""
    local: GradientTeamSettings = GradientTeamSettings()
    global_: GradientTeamSettings = GradientTeamSettings()

    def __post_init__(self) -> None:
        require(is_count(self.updates), "updates", self.updates, "a whole number >= 1")
        for name in ("level", "timeout", "slowest", "temperature"):
            width: Anneal = getattr(self, name)
            for end in ("start", "end"):
                value = getattr(width, end)
                require(is_within(value, 1e-6, 10.0), f"{name}.{end}", value, "a number from 1e-6 to 10")
        self.clones.check("clones")
        for name in ("local", "global_"):
            _check_team(getattr(self, name), name)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GradientSettings:
        """From plain data; what is not named keeps its default. InputError for unknown fields and impossible values."""
        return changed(cls(), data)


def _team_space(team: str) -> dict[str, Range]:
    return {
        f"{team}.hidden": Range(16, 128, log=True),
        f"{team}.learning_rate": Range(3e-4, 3e-2, log=True),
        f"{team}.final_learning_rate": Range(1e-3, 0.3, log=True),
        f"{team}.max_gradient_norm": Range(0.1, 10.0, log=True),
    }


SEARCH_SPACE: SearchSpace = {
    "level.start": Range(0.05, 1.0, log=True),
    "level.end": Range(0.005, 0.1, log=True),
    "timeout.start": Range(0.02, 0.5, log=True),
    "timeout.end": Range(0.003, 0.1, log=True),
    "slowest.start": Range(0.02, 0.5, log=True),
    "slowest.end": Range(0.001, 0.1, log=True),
    "temperature.start": Range(0.3, 3.0, log=True),
    "temperature.end": Range(0.02, 0.5, log=True),
    **_team_space("local"),
    **_team_space("global_"),
}
"""What ``twingap tune gradient`` varies: about a factor of ten around the defaults."""


def _check_team(team: GradientTeamSettings, prefix: str) -> None:
    require_actions(team.actions, prefix)
    require(team.context in get_args(Context), f"{prefix}.context", team.context, " or ".join(get_args(Context)))
    require(is_count(team.hidden), f"{prefix}.hidden", team.hidden, "a whole number >= 1")
    for name in ("learning_rate", "max_gradient_norm"):
        value = getattr(team, name)
        require(is_positive(value), f"{prefix}.{name}", value, "a finite number > 0")
    value = team.final_learning_rate
    require(is_within(value, 0.0, 1.0), f"{prefix}.final_learning_rate", value, "a number from 0 to 1")
