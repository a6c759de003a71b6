"""Everything that decides the gap study's numbers, on one screen."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from ..baselines.registry import registered_baselines
from ..opt.scenario import Scenario, preset
from ..rl.decoding import Decoding, OverCapacity, Rules
from ..rl.learners import find_learner, registered_learners
from .config import Config, StudyConfig
from .distinct import once, told_apart
from .validation import Validation


class Training(Config):
    """How learners are trained, per twin error and seed. A fixed number of updates, never a time: same seed, same weights.
    What is not given is the learner's own default."""

    updates: int | None = Field(default=None, ge=1)
    num_envs: int | None = Field(default=None, ge=1)
    validation: Validation | None = None
    """Looks while it trains, on epochs of their own; with ``keep: best`` they choose the weights, with ``patience`` the end."""


class LearnerRun(Training):
    """One row of the table that learns. learner: the registered name (without it: the row's own name); settings: fields of the
    learner's settings class to change."""

    learner: str | None = None
    settings: dict[str, Any] = Field(default={})
    tuned_on: tuple[int, ...] = ()
    """Seeds that chose the settings (``twingap tune`` writes them); the study refuses to report on them."""


class GapConfig(StudyConfig):
    """Policies x twin errors x seeds. Seeds draw the system, the frozen epochs and the training run."""

    preset: str = "paper"
    scenario: dict[str, Any] = Field(default={})
    """Fields of Scenario to change."""
    sigma: tuple[float, ...] = Field(default=(0.0, 0.05, 0.1, 0.2), min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    decoding: tuple[Decoding, ...] = Field(default=("projection",), min_length=1)
    """How actions become decisions: ``projection`` repairs what breaks C1 to C6, ``as_printed`` pays 0 for it (25)."""
    over_capacity: tuple[OverCapacity, ...] | None = Field(default=None, min_length=1)
    """CPU above the true capacity (C2, C6): ``clip`` executes it at the capacity, ``void`` pays 0 for the epoch. Without it
    projection clips and as_printed voids; several are crossed with ``decoding``."""
    policies: tuple[str, ...] = Field(default=("mappo", *registered_baselines()), min_length=1)
    episodes: int = Field(default=20, ge=1)
    """Evaluation episodes per seed."""
    length: int = Field(default=10, ge=1)
    """Epochs of an evaluation episode."""
    training: Training = Training()
    """Of every learner that ``learners`` does not say otherwise about."""
    learners: dict[str, LearnerRun] = Field(default={})
    """Variants of learners under names of their own, to be listed in ``policies``."""
    transfer: tuple[str, ...] = ()
    """Presets that learners are measured on as well, as trained, on the same seeds; ``scenario`` does not change them."""
    replicates: int = Field(default=2000, ge=100)
    """Of the bootstrap."""
    level: float = Field(default=0.95, gt=0.0, lt=1.0)

    @field_validator("sigma")
    @classmethod
    def _sigma_is_an_error(cls, sigma: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.0 <= each < float("inf") for each in sigma):
            raise ValueError(f"is {list(sigma)}; every twin error must be a finite number >= 0")
        return told_apart(sigma)

    @field_validator("transfer")
    @classmethod
    def _transferonce(cls, presets: tuple[str, ...]) -> tuple[str, ...]:
        return once(presets)

    @field_validator("decoding", "over_capacity")
    @classmethod
    def _rulesonce(cls, values: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if values is None else once(values)

    @field_validator("seeds")
    @classmethod
    def _seeds_are_counts(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if min(seeds) < 0:
            raise ValueError(f"is {list(seeds)}; every seed must be a whole number >= 0")
        return once(seeds)

    @model_validator(mode="after")
    def _policies_exist(self) -> GapConfig:
        known = (*self.learners, *registered_learners(), *registered_baselines())
        for name in once(self.policies):
            if name not in known:
                raise ValueError(f"policies names {name!r}; it must be one of {', '.join(known)}")
        for name in self.learners:
            if name in registered_baselines():
                raise ValueError(f"learners names {name!r}, which is a baseline; give the variant a name of its own")
        for name, run in self.learners.items():
            if overlap := sorted(set(run.tuned_on) & set(self.seeds)):
                raise ValueError(f"seeds holds {overlap[0]}, on which learner {name!r} was tuned; give fresh seeds")
        return self

    def learner_run(self, policy: str) -> LearnerRun | None:
        """How the policy of this name is trained, defaults filled in; None for one that does not learn. InputError for
        settings and rules that the learner does not allow."""
        if policy not in self.learners and policy not in registered_learners():
            return None
        run = self.learners.get(policy, LearnerRun())
        name = run.learner or policy
        entry = find_learner(name)
        for rules in self.rules:
            entry.check_rules(rules)
        updates = run.updates or self.training.updates
        settings = entry.settings.from_json(run.settings if updates is None else run.settings | {"updates": updates})
        num_envs = run.num_envs or self.training.num_envs or entry.num_envs
        return LearnerRun(
            learner=name,
            updates=settings.updates,
            num_envs=num_envs,
            settings=settings.to_json(),
            validation=run.validation or self.training.validation,
        )

    @property
    def rules(self) -> tuple[Rules, ...]:
        """Every decoding with every treatment of CPU above capacity."""
        return tuple(Rules.of(decoding, each) for decoding in self.decoding for each in self.over_capacity or (None,))

    def scenario_with_changes(self) -> Scenario:
        """The scenario; InputError for unknown presets, fields and values."""
        return preset(self.preset, **self.scenario)
