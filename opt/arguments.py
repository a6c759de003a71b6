"""What callers give in memory, by the rules that files follow: one line names the field, what it holds and what is allowed.

Numbers of Python and of numpy are numbers, true and false are not; a text is never read as a number.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, cast

import numpy as np

from .errors import InputError

# numpy's seeds may be larger, torch's may not.
LARGEST_SEED = 2**63 - 1


def shown(value: object) -> str:
    """A value for an error line: as Python writes it, or what it is where that would be long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:40]}... ({type(value).__name__})"


def is_whole(value: object) -> bool:
    """A whole number of Python or numpy."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """A real number of Python or numpy, infinity and NaN among them."""
    return is_whole(value) or isinstance(value, (float, np.floating))


def whole(value: object, field: str, least: int = 0, most: int | None = None) -> int:
    """The whole number from ``least`` to ``most``; InputError naming the field."""
    given = _alone(value)
    if is_whole(given):
        number = int(given)
        if number >= least and (most is None or number <= most):
            return number
    # The upper end is only told to who passes it.
    allowed = f"a whole number >= {least}" + (f" and <= {most}" if most is not None and is_whole(given) else "")
    raise InputError(f"is {shown(value)}; it must be {allowed}", field=field)


def number(value: object, field: str, least: float = 0.0, *, above: bool = False, finite: bool = True, unit: str = "") -> float:
    """The number >= ``least`` (``above``: greater); +inf is allowed where not ``finite``. InputError naming the field."""
    given = _alone(value)
    if is_number(given):
        try:
            found = float(given)
        except OverflowError:
            # A whole number beyond all floats is no infinity.
            found = math.nan
        # NaN fails every comparison.
        if found >= least and not (above and found == least) and not (finite and found == math.inf):
            return found
    allowed = f"a {'finite ' if finite else ''}number {'>' if above else '>='} {least:g}{unit}"
    raise InputError(f"is {shown(value)}; it must be {allowed}", field=field)


def switch(value: object, field: str) -> bool:
    """True or false; InputError naming the field."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"is {shown(value)}; it must be True or False", field=field)
    return bool(cast(Any, value))


def one_of(value: object, field: str, allowed: Collection[str]) -> str:
    """One of these names; InputError naming the field."""
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"is {shown(value)}; it must be one of {', '.join(allowed)}", field=field)
    return value


def seed(value: object, field: str = "seed") -> int:
    """A seed: a whole number from 0 to 2^63 - 1. The same rule wherever one is given."""
    return whole(value, field, 0, LARGEST_SEED)


def seeds(values: object, field: str = "seeds") -> tuple[int, ...]:
    """One seed or a sequence of them, each there once."""
    return once(tuple(seed(each, field) for each in several(values, field)), field)


def several(values: object, field: str) -> tuple[Any, ...]:
    """One value or a sequence of them (a list, tuple, range or array), not empty, as a tuple."""
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        return (cast(Any, values),)
    given = cast(Any, values)
    if issubclass(cast(Any, type(given)), np.ndarray) and given.ndim == 0:
        return (given[()],)
    found: tuple[Any, ...] = tuple(given)
    if not found:
        raise InputError("is empty; give at least one value", field=field)
    return found


def once(values: tuple[Any, ...], field: str) -> tuple[Any, ...]:
    """The values; InputError when one is there twice (0.0 and -0.0 are one): it would count twice in every mean."""
    if len(set(values)) < len(values):
        raise InputError(f"is {shown(list(values))}; every entry must be there once", field=field)
    return values


def _alone(value: object) -> Any:
    """What an array without axes holds; anything else as it is."""
    array = cast(Any, value)
    return array[()] if issubclass(type(array), np.ndarray) and array.ndim == 0 else array
