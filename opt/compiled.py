"""One door to numba: machine code for the solver's scalar loops, cached beside the source.

Strict IEEE arithmetic (no fast-math), so that stated rounding slacks hold and the same input gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile ``function`` on its first call; the signature stays what it says."""
    jit = cast(Callable[[Function], Function], numba.njit(cache=True, fastmath=False, error_model="numpy"))  # pyright: ignore[reportUnknownMemberType]
    return jit(function)
