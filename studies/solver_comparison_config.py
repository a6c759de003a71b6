"""Everything that decides the solver comparison's numbers, on one screen."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from ..opt.families import FAMILIES as KNOWN_FAMILIES
from ..opt.registry import registered_solvers
from .config import Config, StudyConfig
from .distinct import once

# Seeds of the snapshots of each family. With every solver this takes about ten minutes on two idle cores.
FAMILIES: dict[str, tuple[int, ...]] = {name: (0, 1) if name in ("tiny", "small") else (0,) for name in KNOWN_FAMILIES}


class Draws(Config):
    """Snapshots of a preset with fields of Scenario changed. name: how they are called; one snapshot per seed."""

    name: str = Field(min_length=1)
    preset: str = "paper"
    changes: dict[str, Any] = Field(default={})
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)


class ComparisonConfig(StudyConfig):
    """Solvers x snapshots x seeds under a time limit of the solver and hard limits of its process."""

    solvers: tuple[str, ...] = Field(
        default_factory=lambda: tuple(name for name, entry in registered_solvers().items() if not entry.why_not), min_length=1
    )
    """Registered and installed solvers; without it all of them."""
    families: dict[str, tuple[int, ...]] = Field(default=FAMILIES)
    """Seeds of the snapshots of each family (opt.families); {} for none."""
    draws: tuple[Draws, ...] = ()
    """Snapshots of presets with changes."""
    snapshots: tuple[str, ...] = ()
    """Snapshot files of your own, or folders of them (every .json in it)."""
    seeds: tuple[int, ...] = Field(default=(0, 1), min_length=1)
    """Of solvers whose answer depends on a random generator; the others run once, with the first."""
    gap: float = Field(default=1e-3, ge=0.0, lt=1.0)
    """Relative gap that is asked of the solvers, and within which a decision counts as found."""
    time_limit: float = Field(default=20.0, gt=0.0, allow_inf_nan=False)
    """Seconds that a solver is given; whoever needs longer has not solved the snapshot."""
    warm_up: float = Field(default=1.0, ge=0.0, allow_inf_nan=False)
    """Seconds of solving the same snapshot before the clock runs, so that imports and compilation are over; 0: none."""
    cell_time_limit: float = Field(default=90.0, gt=0.0, allow_inf_nan=False)
    """Seconds of wall clock after which a solver that ignores its limit is killed, warm-up included."""
    cell_memory_limit: float = Field(default=4.0, gt=0.0, allow_inf_nan=False)
    """GB (1e9 bytes) at which a solver is killed."""

    @field_validator("solvers")
    @classmethod
    def _solvers_exist(cls, solvers: tuple[str, ...]) -> tuple[str, ...]:
        for name in solvers:
            if name not in registered_solvers():
                raise ValueError(f"names {name!r}; it must be one of {', '.join(registered_solvers())}")
        return once(solvers)

    @field_validator("families")
    @classmethod
    def _family_seeds_are_counts(cls, families: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        for name, seeds in families.items():
            _counts(seeds, f"of {name} ")
        return families

    @field_validator("seeds")
    @classmethod
    def _seeds_are_counts(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        return _counts(seeds)


def _counts(seeds: tuple[int, ...], whose: str = "") -> tuple[int, ...]:
    if not seeds or min(seeds) < 0:
        raise ValueError(f"{whose}is {list(seeds)}; give at least one seed, whole numbers >= 0")
    return once(seeds)
