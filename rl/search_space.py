"""Search spaces: which settings of a learner are worth tuning, and within which limits. Data that lies beside the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """From low to high, ends included; whole numbers when both ends are. log: ratios count, not differences."""

    low: float
    high: float
    log: bool = False

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are meant."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high and (not self.whole or value == int(value))


# Setting by path (``local.learning_rate``) to its range.
SearchSpace = Mapping[str, Range]


def at_path(settings: Mapping[str, Any], path: str) -> Any:
    """The value at a path of nested settings. KeyError when there is none."""
    value: Any = settings
    for name in path.split("."):
        value = value[name]
    return value


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by path as the nested mapping that ``LearnerSettings.from_json`` takes."""
    settings: dict[str, Any] = {}
    for path, value in values.items():
        *parents, name = path.split(".")
        inside = settings
        for parent in parents:
            inside = inside.setdefault(parent, {})
        inside[name] = value
    return settings
