"""How far a decision is from feasible, constraint by constraint."""

from __future__ import annotations

import numpy as np

from .arrays import Floats

# Relative (C1, C2, C5, C6) or absolute violation that still counts as feasible: room for rounding, not for cheating.
FEASIBLE = 5e-10


def excess(used: Floats, allowed: Floats | float) -> Floats:
    """max(0, used/allowed - 1): relative excess over a positive budget (C1, C2, C5, C6)."""
    return np.maximum(0.0, used / allowed - 1.0)


def below_zero(values: Floats, axes: int) -> Floats:
    """max(0, -minimum) over the last ``axes`` axes."""
    return np.maximum(0.0, -values.min(axis=tuple(range(-axes, 0))))


def not_whole(totals: Floats, axes: int) -> Floats:
    """Largest distance to a whole number over the last ``axes`` axes (``whole_subchannels``)."""
    return np.abs(totals - np.round(totals)).max(axis=tuple(range(-axes, 0)))


def worst(violations: dict[str, Floats]) -> Floats:
    """Largest violation of each epoch; NaN anywhere counts as infinitely infeasible."""
    together = np.stack(np.broadcast_arrays(*violations.values()))
    return np.where(np.isnan(together), np.inf, together).max(axis=0)
