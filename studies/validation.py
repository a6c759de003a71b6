"""Looks at a run while it trains, on validation epochs of its own: its gap bracket, the best so far, and when to stop.

Validation epochs are of the run's own system and twin error, but from another stream than the epochs of training, of evaluation
and of tuning. What they choose (the weights to keep, the end of the run) can therefore be measured on the evaluation epochs
without flattering it. A look changes nothing in the run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from ..opt.errors import InputError
from ..rl.decoding import PROJECTED, Rules
from ..rl.learners import Trainer
from .config import Config
from .frozen_epochs import Certificate, FrozenEpochs, certify
from .gap_table import PARTS, Measured, gap_brackets
from .scoring import score

# Added to the seed, as ``frozen_epochs.EVALUATION_SEED`` is: studies' seeds stay far below both, tuning's begin at 10 million.
VALIDATION_SEED = 5_000_011

Kept = Literal["last", "best"]


class Validation(Config):
    """How a run is looked at and what follows from it."""

    looks: int = Field(default=20, ge=1)
    """Per run of full length, evenly spread; the last one is after the last update."""
    keep: Kept = "last"
    """Which weights are measured: those after the last update, or those of the look with the smallest gap of both parts."""
    patience: int | None = Field(default=None, ge=1)
    """The run ends after so many looks in a row without a smaller gap; never early without it."""
    episodes: int = Field(default=10, ge=1)
    """Validation episodes."""
    length: int = Field(default=10, ge=1)
    """Epochs of a validation episode."""


@dataclass(frozen=True)
class Look:
    """After ``update`` updates. gaps: by part (sum, local, global) the bracket [gap to the incumbent, gap to the bound]."""

    update: int
    gaps: Mapping[str, tuple[float, float]]

    @property
    def gap(self) -> float:
        """Of both parts together, to the bound."""
        return self.gaps["sum"][1]

    def to_row(self) -> dict[str, float]:
        """Flat: update, PART_gap_to_incumbent and PART_gap."""
        return {"update": self.update} | bracket_columns(self.gaps)


def bracket_columns(gaps: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Brackets by part as columns."""
    ends = ("gap_to_incumbent", "gap")
    return {f"{part}_{name}": value for part, pair in gaps.items() for name, value in zip(ends, pair, strict=True)}


@dataclass(frozen=True)
class History:
    """All looks at a run so far, the earliest first."""

    looks: tuple[Look, ...] = ()

    @property
    def best(self) -> Look | None:
        """The look with the smallest gap; of equal ones the earliest."""
        return min(self.looks, key=lambda look: look.gap, default=None)

    @property
    def stale(self) -> int:
        """Looks since the best."""
        return 0 if self.best is None else len(self.looks) - 1 - self.looks.index(self.best)

    def to_json(self) -> list[Any]:
        """Plain data; numbers read back exactly."""
        return [[look.update, {part: list(pair) for part, pair in look.gaps.items()}] for look in self.looks]

    @classmethod
    def from_json(cls, content: Sequence[Any]) -> History:
        """From plain data. InputError for what ``to_json`` does not make."""
        try:
            looks = tuple(Look(update, {part: (low, high) for part, (low, high) in gaps.items()}) for update, gaps in content)
            for look in looks:
                numbers = [number for part in PARTS for number in look.gaps[part]]
                if not isinstance(look.update, int) or not all(isinstance(number, float) for number in numbers):
                    raise TypeError("numbers are missing")
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise InputError(f"is no history of looks ({error})", field="notes.looks") from None
        return cls(looks)


class Validator:
    """Looks at one run and remembers.

    epochs: the seed's evaluation epochs, which say system and seed; validation epochs are drawn apart from them. ``history`` of
    a run that is resumed: looks, and what follows from them, are those of an uninterrupted run.
    """

    def __init__(
        self,
        validation: Validation,
        epochs: FrozenEpochs,
        sigma: float,
        rules: Rules = PROJECTED,
        history: History | None = None,
    ) -> None:
        self.validation, self.sigma, self.rules = validation, sigma, rules
        self.epochs = replace(epochs, episodes=validation.episodes, length=validation.length, stream=VALIDATION_SEED)
        self.history = History() if history is None else history

    @cached_property
    def certificate(self) -> Certificate:
        """Bounds of the validation epochs; solved once, when first needed."""
        return certify(self.epochs, lambda _done, _total: None)

    def due(self, trainer: Trainer) -> bool:
        """Whether this point of the run is one to look at, and has not been looked at."""
        looks, updates = self.history.looks, trainer.updates
        every = max(1, trainer.settings.updates // self.validation.looks)
        seen = bool(looks) and looks[-1].update >= updates
        return updates > 0 and not seen and (updates % every == 0 or trainer.finished)

    def look(self, trainer: Trainer, keep: Callable[[History], None]) -> Look:
        """Look once. ``keep`` is called first, with the history that includes this look, when it is the best so far: if it does
        not return, nothing is remembered, and a resumed run looks again."""
        name = f"{trainer.learner}-update-{trainer.updates}"
        environment = self.epochs.environment(self.sigma, self.rules)
        scores = score(trainer.policy, environment, self.epochs, self.certificate, name)
        measured = Measured(name, self.sigma, self.epochs.seed, self.certificate, scores, self.rules)
        look = Look(trainer.updates, gap_brackets(measured))
        history = History((*self.history.looks, look))
        if history.best is look:
            keep(history)
        self.history = history
        return look

    @property
    def stops(self) -> bool:
        """Whether patience has run out."""
        return self.validation.patience is not None and self.history.stale >= self.validation.patience
