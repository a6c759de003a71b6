"""Everything that decides the gap study's numbers, on one screen."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ..baselines.registry import registered_baselines
from ..opt.scenario import Scenario, preset
from .config import Config

LEARNER = "mappo"


class Training(Config):
    """How MAPPO is trained, per twin error and seed. A fixed number of updates, never a time: same seed, same weights.

    settings: fields of rl.mappo_settings.MappoSettings to change.
    """

    updates: int = Field(default=500, ge=1)
    num_envs: int = Field(default=128, ge=1)
    settings: dict[str, Any] = Field(default={})


class GapConfig(Config):
    """Policies x twin errors x seeds. Seeds draw the system, the frozen epochs and the training run."""

    preset: str = "paper"
    scenario: dict[str, Any] = Field(default={})
    """Fields of Scenario to change."""
    sigma: tuple[float, ...] = Field(default=(0.0, 0.05, 0.1, 0.2), min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    policies: tuple[str, ...] = Field(default=(LEARNER, *registered_baselines()), min_length=1)
    episodes: int = Field(default=20, ge=1)
    """Evaluation episodes per seed."""
    length: int = Field(default=10, ge=1)
    """Epochs of an evaluation episode."""
    training: Training = Training()
    replicates: int = Field(default=2000, ge=100)
    """Of the bootstrap."""
    level: float = Field(default=0.95, gt=0.0, lt=1.0)
    cell_time_limit: float = Field(default=1800.0, gt=0.0)
    """Seconds after which one cell is killed and recorded as failed."""

    @field_validator("sigma")
    @classmethod
    def _sigma_is_an_error(cls, sigma: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0.0 <= each < float("inf") for each in sigma):
            raise ValueError(f"is {list(sigma)}; every twin error must be a finite number >= 0")
        return _once(sigma)

    @field_validator("seeds")
    @classmethod
    def _seeds_are_counts(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if min(seeds) < 0:
            raise ValueError(f"is {list(seeds)}; every seed must be a whole number >= 0")
        return _once(seeds)

    @field_validator("policies")
    @classmethod
    def _policies_exist(cls, policies: tuple[str, ...]) -> tuple[str, ...]:
        known = (LEARNER, *registered_baselines())
        for name in policies:
            if name not in known:
                raise ValueError(f"names {name!r}; it must be one of {', '.join(known)}")
        return _once(policies)

    def scenario_with_changes(self) -> Scenario:
        """The scenario; InputError for unknown presets, fields and values."""
        return preset(self.preset, **self.scenario)


def _once(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise ValueError(f"is {list(values)}; every entry must be there once")
    return values
