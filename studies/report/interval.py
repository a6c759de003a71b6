"""A share with its interval in one table cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup


class WithInterval(float):
    """A number that sorts as one and carries its interval."""

    low: float
    high: float

    @classmethod
    def of(cls, row: Mapping[Any, Any], name: str) -> WithInterval:
        """NAME, NAME_low and NAME_high of a table's row."""
        number = cls(row[name])
        number.low, number.high = row[f"{name}_low"], row[f"{name}_high"]
        return number


def percent_with_interval(digits: int) -> Callable[[WithInterval], Markup]:
    """How such a number is written: percent with this many digits, the interval in small brackets."""
    # z: no minus before a rounded zero.
    text = Markup('{{:z.{n}f}} <span class="small">[{{:z.{n}f}}, {{:z.{n}f}}]</span>').format(n=digits)
    return lambda share: text.format(100 * share, 100 * share.low, 100 * share.high)
