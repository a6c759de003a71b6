"""Everything that decides what a tuning measures; a storage holds it, and a study never goes on with another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from ...opt.errors import InputError
from ...opt.registry import registered_solvers
from ...opt.scenario import preset
from ...rl.learners import LearnerEntry, find_learner, registered_learners
from ...rl.search_space import SearchSpace, at_path, nested
from ..config import Config

# Seeds that tuning may use: apart from those of reports (small numbers) and from the streams that these derive
# (``frozen_epochs.EVALUATION_SEED`` + seed). The second block is for the comparison of the tuned settings with the defaults.
TUNING_SEEDS, CHECK_SEEDS, MOST_SEEDS = 10_000_000, 20_000_000, 1000


class TuneConfig(Config):
    """Of one Optuna study. The seeds are given as counts only, so that no choice of them meets a report's."""

    learner: str
    preset: str = "paper"
    sigma: float = Field(default=0.1, ge=0.0, allow_inf_nan=False)
    """Twin error."""
    seeds: int = Field(default=3, ge=1, le=MOST_SEEDS)
    """How many systems a configuration is trained and measured on."""
    episodes: int = Field(default=10, ge=1)
    """Frozen episodes per seed."""
    length: int = Field(default=10, ge=1)
    """Epochs of an episode."""
    updates: int | None = Field(default=None, ge=1)
    """Length of every training run; the learner's own number without it."""
    num_envs: int | None = Field(default=None, ge=1)
    """The learner's own number without it."""
    looks: int = Field(default=8, ge=1)
    """How often a run is measured while it trains; each is a chance to prune it."""
    vary: tuple[str, ...] = ()
    """Settings of the learner's search space that are varied; all of them without it. A trial is a fixed number of updates, so
    leave out what changes the cost of an update where trials or learners shall have equal budgets."""
    fixed: dict[str, Any] = Field(default_factory=dict)
    """Settings by path that all runs have, the defaults' included."""
    fresh_seeds: int = Field(default=3, ge=1, le=MOST_SEEDS)
    """On how many systems the best settings are compared with the defaults."""

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """What the objective is measured on."""
        return tuple(range(TUNING_SEEDS, TUNING_SEEDS + self.seeds))

    @property
    def check_seeds(self) -> tuple[int, ...]:
        """What the tuned settings are compared with the defaults on: fresh for both."""
        return tuple(range(CHECK_SEEDS, CHECK_SEEDS + self.fresh_seeds))

    def complete(self) -> TuneConfig:
        """With the learner's own numbers filled in. InputError for what only learner and scenario can judge."""
        entry = tunable(self.learner)
        preset(self.preset)
        for path in self.vary:
            if path not in entry.space:
                raise InputError(f"names {path!r}; it must be of {', '.join(entry.space)}", field="vary")
        for path, value in self.fixed.items():
            if isinstance(value, Mapping):
                raise InputError("is a mapping; name its settings one by one, as in local.hidden", field=f"fixed.{path}")
            if path == "updates" or path in self.space:
                raise InputError(f"names {path!r}, which is varied or has an option of its own", field="fixed")
        changes = nested(self.fixed) | ({} if self.updates is None else {"updates": self.updates})
        updates = entry.settings.from_json(changes).updates
        return self.model_copy(update={"updates": updates, "num_envs": self.num_envs or entry.num_envs})

    @property
    def space(self) -> SearchSpace:
        """What is varied."""
        space = tunable(self.learner).space
        return {path: space[path] for path in space if path in self.vary} if self.vary else space

    @property
    def defaults(self) -> dict[str, Any]:
        """The learner's own values of what is varied, by path: the first trial."""
        settings = tunable(self.learner).settings.from_json(nested(self.fixed)).to_json()
        return {path: at_path(settings, path) for path in self.space}

    def settings(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration (by path) as fields of the learner's settings."""
        return {**nested({**self.fixed, **parameters}), "updates": self.updates}


def tunable(name: str) -> LearnerEntry:
    """The learner of this name; InputError when there is nothing to tune."""
    learners = registered_learners()
    if name not in learners and name in registered_solvers():
        problem = f"is the solver {name!r}, which has no parameters to tune (gap and time limit are budgets of the caller)"
        raise InputError(f"{problem}; learners: {', '.join(learners)}", field="NAME")
    if name not in learners:
        raise InputError(f"is {name!r}; it must be one of {', '.join(learners)}", field="NAME")
    entry = find_learner(name)
    if not entry.space:
        raise InputError(f"is {name!r}, whose LearnerEntry has no search space; give it one (space=...)", field="NAME")
    return entry
