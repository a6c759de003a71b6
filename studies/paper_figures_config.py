"""Everything that decides the numbers of the paper's figures, on one screen."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from ..baselines.held_decisions import HOLDS
from ..opt.scenario import Scenario, preset
from ..rl.decoding import Decoding, OverCapacity, Rules
from ..rl.learners import find_learner, registered_learners
from .config import Config, StudyConfig
from .distinct import once, told_apart

# Baselines that are drawn beside what learns: the solver on the true state, and random decisions.
BASELINES = ("oracle", "random")
CHEAP = {
    "local_spectrum_cost": 0.002e-6,
    "global_spectrum_cost": 0.002e-6,
    "local_cpu_cost": 0.1e-9,
    "global_cpu_cost": 0.025e-9,
}


class Calibration(Config):
    """One choice of what the paper does not print. scenario: fields of Scenario to change; sigma: twin errors, of which 0 is
    the figures' "without error"; learners: of Figs. 4 and 5, the proposed one among them; training_episodes: instead of the
    study's."""

    scenario: dict[str, Any] = Field(default={})
    sigma: tuple[float, ...] = Field(default=(0.0, 0.1), min_length=1)
    learners: tuple[str, ...] = Field(default=("mappo", "ddqn", "ddpg", "a3c"), min_length=1)

    training_episodes: int | None = Field(default=None, ge=1)

    @field_validator("sigma")
    @classmethod
    def _sigma_has_zero(cls, sigma: tuple[float, ...]) -> tuple[float, ...]:
        if 0.0 not in sigma or not all(0.0 <= each < float("inf") for each in sigma) or len(set(sigma)) < len(sigma):
            raise ValueError(f"is {list(sigma)}; it must hold 0 and finite numbers > 0, every one once")
        return tuple(sorted(told_apart(sigma)))

    @field_validator("learners")
    @classmethod
    def _learners_exist(cls, learners: tuple[str, ...]) -> tuple[str, ...]:
        for name in learners:
            if name not in registered_learners():
                raise ValueError(f"names {name!r}; it must be one of {', '.join(registered_learners())}")
        if len(set(learners)) < len(learners):
            raise ValueError(f"is {list(learners)}; every entry must be there once")
        return learners


CALIBRATIONS = {
    "ours": Calibration(learners=("mappo", "mappo_paper", "ddqn", "ddpg", "a3c")),
    # Prices are printed nowhere. At a tenth of ours they hardly matter, and the largest utility is nearly the least delay.
    "prices / 10": Calibration(scenario=CHEAP, sigma=(0.0,), training_episodes=2000),
}


class PaperFiguresConfig(StudyConfig):
    """Learners, what is held, twin errors and seeds, for every calibration; the first one's figures come first."""

    preset: str = "paper"
    calibrations: dict[str, Calibration] = Field(default=CALIBRATIONS, min_length=1)
    proposed: str = "mappo"
    """The learner that stands for the paper's approach."""
    holds: tuple[str, ...] = tuple(HOLDS)
    """Kinds of decisions that are taken away from it (Figs. 6 to 9)."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2, 3, 4), min_length=1)
    """Each draws a system, its frozen epochs and its training runs."""
    length: int = Field(default=10, ge=1)
    """Epochs of an episode, in training and in evaluation (T of (26), not printed)."""
    training_episodes: int = Field(default=5000, ge=1)
    """Of every learner. Updates follow from it."""
    looks: int = Field(default=25, ge=2)
    """Points of a curve, at equal distances, besides the start."""
    episodes: int = Field(default=10, ge=1)
    """Frozen evaluation episodes per seed, the same at every look."""
    transaction_bytes: tuple[float, ...] = (200.0, 10e3, 20e3, 30e3, 40e3, 50e3)
    """Fig. 8: sizes of a transaction without the model that it carries."""
    block_bytes: tuple[float, ...] = (1e6, 2e6, 4e6, 6e6, 8e6, 10e6)
    """Fig. 9: sizes that every block has."""
    decoding: Decoding = "projection"
    """What breaks C1 to C6 is repaired, or (as_printed) paid 0 (25), in training and in evaluation."""
    over_capacity: OverCapacity | None = None
    """CPU above the true capacity (C2, C6): executed at the capacity (clip) or paid 0 (void). Without it projection clips and
    as_printed voids."""
    settings: dict[str, dict[str, Any]] = Field(default={})
    """By learner: fields of its settings to change."""
    replicates: int = Field(default=2000, ge=100)
    """Of the bootstrap."""
    level: float = Field(default=0.95, gt=0.0, lt=1.0)

    @field_validator("seeds")
    @classmethod
    def _seeds_are_counts(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise ValueError(f"is {list(seeds)}; every seed must be a whole number >= 0, and there once")
        return seeds

    @field_validator("transaction_bytes", "block_bytes")
    @classmethod
    def _sizes_rise(cls, sizes: tuple[float, ...]) -> tuple[float, ...]:
        if len(sizes) < 2 or min(sizes) <= 0.0 or list(sizes) != sorted(set(sizes)) or max(sizes) == float("inf"):
            raise ValueError(f"is {list(sizes)}; give at least two finite sizes > 0, rising")
        return told_apart(sizes)

    @model_validator(mode="after")
    def _names_exist(self) -> PaperFiguresConfig:
        for name in once(self.holds):
            if name not in HOLDS:
                raise ValueError(f"holds names {name!r}; it must be one of {', '.join(HOLDS)}")
        for name, calibration in self.calibrations.items():
            if self.proposed not in calibration.learners:
                raise ValueError(f"proposed is {self.proposed!r}, which calibrations.{name}.learners does not list")
        for name in self.settings:
            if name not in registered_learners():
                raise ValueError(f"settings names {name!r}; it must be one of {', '.join(registered_learners())}")
        return self

    def scenario(self, calibration: str) -> Scenario:
        """Of a calibration; InputError for unknown presets, fields and values."""
        return preset(self.preset, **self.calibrations[calibration].scenario)

    @property
    def rules(self) -> Rules:
        """Of all environments."""
        return Rules.of(self.decoding, self.over_capacity)

    def episodes_of(self, calibration: str) -> int:
        """Training episodes of its learners."""
        return self.calibrations[calibration].training_episodes or self.training_episodes

    def learner_settings(self, learner: str) -> dict[str, Any]:
        """All fields of the settings (except updates, which follow from the episodes), and num_envs. InputError for settings
        and rules that the learner does not allow."""
        entry = find_learner(learner)
        entry.check_rules(self.rules)
        # One process per cell, whatever the learner would start by itself.
        alone = {"workers": 1} if hasattr(entry.settings, "workers") else {}
        settings = entry.settings.from_json(alone | self.settings.get(learner, {})).to_json()
        del settings["updates"]
        return {"learner": learner, "num_envs": entry.num_envs, "settings": settings}
