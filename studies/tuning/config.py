"""Everything that decides what a tuning measures; a storage holds it, and a study never goes on with another one."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from ...opt.errors import InputError
from ...opt.registry import registered_solvers
from ...opt.scenario import preset
from ...rl.learners import LearnerEntry, find_learner, registered_learners
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

    @property
    def tuning_seeds(self) -> tuple[int, ...]:
        """What the objective is measured on."""
        return tuple(range(TUNING_SEEDS, TUNING_SEEDS + self.seeds))

    @property
    def check_seeds(self) -> tuple[int, ...]:
        """What the tuned settings are compared with the defaults on: fresh for both."""
        return tuple(range(CHECK_SEEDS, CHECK_SEEDS + self.seeds))

    def complete(self) -> TuneConfig:
        """With the learner's own numbers filled in. InputError for what only learner and scenario can judge."""
        entry = tunable(self.learner)
        preset(self.preset)
        changes = {} if self.updates is None else {"updates": self.updates}
        updates = entry.settings.from_json(changes).updates
        return self.model_copy(update={"updates": updates, "num_envs": self.num_envs or entry.num_envs})

    def settings(self, changes: dict[str, Any]) -> dict[str, Any]:
        """A configuration as fields of the learner's settings."""
        return {**changes, "updates": self.updates}


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
