"""Lists of a configuration in which every entry is there once, and can be told from all others where it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value")


def once(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """The values; ValueError when one is there twice."""
    if len(set(values)) < len(values):
        raise ValueError(f"is {list(values)}; every entry must be there once")
    return values


def told_apart(values: Sequence[float]) -> tuple[float, ...]:
    """The numbers, -0.0 as 0.0; ValueError when two are equal or print alike: tables, pages and titles show six digits."""
    numbers = once(tuple(each + 0.0 for each in values))
    printed: dict[str, float] = {}
    for number in numbers:
        other = printed.setdefault(f"{number:g}", number)
        if other != number:
            raise ValueError(f"holds {other!r} and {number!r}, which both print as {number:g}; keep one")
    return numbers
