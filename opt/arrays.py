"""Array types and the one rule for arrays inside frozen dataclasses: they are read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


def floats(values: ArrayLike) -> Floats:
    """A read-only float64 copy."""
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array


def integers(values: ArrayLike) -> Integers:
    """A read-only int64 copy."""
    array = np.array(values, dtype=np.int64)
    array.setflags(write=False)
    return array


def booleans(values: ArrayLike) -> Booleans:
    """A read-only boolean copy."""
    array = np.array(values, dtype=np.bool_)
    array.setflags(write=False)
    return array


def freeze(*arrays: NDArray[Any] | None) -> None:
    """Make arrays read-only in place (for arrays nobody else holds)."""
    for array in arrays:
        if array is not None:
            array.setflags(write=False)
