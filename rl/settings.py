"""How settings are read and checked: a frozen dataclass of numbers, whose faults are one line with the path of the field."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..opt.errors import InputError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")


def changed(settings: Settings, changes: Mapping[str, Any], prefix: str = "") -> Settings:
    """The settings with these fields changed, nested ones field by field; InputError for unknown fields and impossible
    values."""
    names = [each.name for each in fields(settings)]
    given: dict[str, Any] = {}
    for name, value in changes.items():
        require(name in names, f"{prefix}{name}", "not a field", f"one of {', '.join(names)}")
        present = getattr(settings, name)
        if is_dataclass(present) or isinstance(present, Mapping):
            require(isinstance(value, Mapping), f"{prefix}{name}", value, "a mapping")
        if is_dataclass(present):
            given[name] = changed(cast("DataclassInstance", present), value, f"{prefix}{name}.")
        elif isinstance(present, Mapping):
            given[name] = {**present, **value}
        else:
            given[name] = value
    return replace(settings, **given)


def is_count(value: object) -> bool:
    """A whole number >= 1."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def is_within(value: object, low: float, high: float) -> bool:
    """A finite number from low to high."""
    # Whole numbers may be too large for a float, and compare with one all the same.
    largest = sys.float_info.max
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high and abs(value) <= largest


def is_positive(value: object) -> bool:
    """A finite number > 0."""
    return is_within(value, 0.0, math.inf) and cast(float, value) > 0.0


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Raise the InputError of a field that does not hold what is allowed."""
    if not holds:
        raise InputError(f"is {value!r}; it must be {allowed}", field=f"settings.{name}")
