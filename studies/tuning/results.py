"""What a tuning found: its trials, the best configuration, and the file that trains or studies with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd
from optuna.trial import FrozenTrial, TrialState

from ...rl.search_space import nested
from ..few_seeds import weakness
from ..yaml_text import dump_yaml
from .config import TuneConfig
from .slots import ERROR


@dataclass(frozen=True, eq=False)
class TrialRow:
    """One finished trial. slot: its place among the N; number: Optuna's; state: complete, pruned or failed; gap: after the last
    update (of a pruned trial: when it was stopped); gaps: at every look; cpu_seconds: of its worker, looks included."""

    slot: int
    number: int
    state: str
    gap: float | None
    updates: int
    gaps: tuple[float, ...]
    parameters: Mapping[str, float]
    error: str = ""
    cpu_seconds: float | None = None


@dataclass(frozen=True)
class Check:
    """The tuned settings against the defaults on fresh seeds: gaps and their paired difference (tuned minus default, episode by
    episode) as interquartile means with intervals, and on how many seeds tuned was better."""

    tuned: tuple[float, float, float]
    default: tuple[float, float, float]
    difference: tuple[float, float, float]
    better: int
    seeds: tuple[int, ...]

    @property
    def verdict(self) -> str:
        """In words; better only where no seed says otherwise and the interval of the paired difference lies below zero."""
        tuned, default, difference = (
            f"{100 * gap:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"
            for gap, low, high in (self.tuned, self.default, self.difference)
        )
        numbers = (
            f"gap {tuned} against {default}, paired difference {difference}, "
            f"better on {self.better} of {len(self.seeds)} fresh seeds"
        )
        if self.difference[2] < 0.0 and self.better == len(self.seeds):
            return f"the tuned settings beat the defaults: {numbers}"
        if self.difference[0] < 0.0:
            return f"the tuned settings look better than the defaults, but that is not certain: {numbers}"
        return f"the tuned settings do not beat the defaults: {numbers}"


@dataclass(frozen=True, eq=False)
class Tuning:
    """config: what was measured; trials: the finished ones by slot; command: what was typed; check: None when there was nothing
    to compare."""

    config: TuneConfig
    trials: Sequence[TrialRow]
    storage: str
    command: str = ""
    check: Check | None = None
    importance: Mapping[str, float] = field(default_factory=dict)

    @property
    def best(self) -> TrialRow | None:
        """The complete trial with the smallest gap (the first of equals)."""
        complete = [row for row in self.trials if row.state == "complete" and row.gap is not None]
        return min(complete, key=lambda row: row.gap if row.gap is not None else 0.0, default=None)

    def table(self) -> pd.DataFrame:
        """One row per trial, parameters in columns of their own. warning: where gaps rest on too few seeds."""
        return pd.DataFrame(
            [
                {"trial": row.slot, "number": row.number, "state": row.state, "gap": row.gap, "updates": row.updates}
                | {"cpu_seconds": row.cpu_seconds}
                | dict(row.parameters)
                | {"error": row.error, "warning": weakness(self.config.seeds)}
                for row in self.trials
            ]
        )

    def study_file(self) -> str:
        """The best configuration beside the default as YAML that ``twingap study gap --config`` and ``twingap train --config``
        accept. The study refuses the tuning's seeds."""
        best, config = self.best, self.config
        if best is None:
            raise ValueError("no trial is complete")
        run = {"learner": config.learner, "updates": config.updates, "num_envs": config.num_envs}
        settings = nested({**config.fixed, **best.parameters})
        seeds = [*config.tuning_seeds, *(self.check.seeds if self.check else ())]
        content = {
            "preset": config.preset,
            "sigma": [config.sigma],
            "policies": [config.learner, f"{config.learner}_tuned"],
            "training": {"updates": config.updates, "num_envs": config.num_envs},
            "learners": {f"{config.learner}_tuned": run | {"settings": settings, "tuned_on": seeds}},
        }
        lines = [f"{self.command or 'twingap tune'}", f"trial {best.slot}, gap {best.gap:.6f} on the tuning epochs"]
        lines += [self.check.verdict] if self.check else ["these are the defaults"] if best.slot == 0 else []
        return "".join(f"# {line}\n" for line in lines) + dump_yaml(content)


def row_of(slot: int, trial: FrozenTrial) -> TrialRow:
    """From Optuna's record of a finished trial."""
    states = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
    reported = tuple(trial.intermediate_values[step] for step in sorted(trial.intermediate_values))
    return TrialRow(
        slot=slot,
        number=trial.number,
        state=states.get(trial.state, "failed"),
        gap=trial.value if trial.state == TrialState.COMPLETE else (reported[-1] if reported else None),
        updates=trial.user_attrs.get("updates", 0),
        gaps=reported,
        parameters=trial.params,
        error=trial.user_attrs.get(ERROR, ""),
        cpu_seconds=trial.user_attrs.get("cpu_seconds"),
    )


def check_to_json(check: Check) -> dict[str, Any]:
    """Plain data for the storage."""
    return asdict(check)


def check_from_json(content: Mapping[str, Any]) -> Check:
    """From plain data."""
    difference = tuple(content["difference"])
    return Check(tuple(content["tuned"]), tuple(content["default"]), difference, content["better"], tuple(content["seeds"]))
