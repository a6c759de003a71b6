r"""Intervals of a delay on which exp(-A T) is replaced by its secant, and where to split them.

exp(-A T) is convex, so on [L, R] it lies below its secant, by at most about (A (R - L))^2/8 of exp(-A L). An interval that the
relaxation picks although its secant promises too much is split: at the delay it chose, and evenly as often as that asks for.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Integers

# First intervals: the secant is then at most 4 % of the value at the left end above exp(-A T).
FIRST_WIDTH = 0.6
# No interval is split into more parts at once; none shorter than this fraction of 1/A is split at all.
MOST_PARTS = 5
SHORTEST = 1e-7


def first_ends(low: float, high: float, decay: float) -> Floats:
    """Ends of equal intervals of [low, high] no longer than FIRST_WIDTH / A."""
    return np.linspace(low, high, max(1, math.ceil((high - low) * decay / FIRST_WIDTH)) + 1)


def secants(left: Floats, right: Floats, decay: float) -> tuple[Floats, Floats]:
    """(value at 0, slope) of the line through exp(-A T) at both ends of each interval; slope <= 0."""
    start, end = np.exp(-decay * left), np.exp(-decay * right)
    slope = (end - start) / (right - left)
    return start - slope * left, slope


class Promise(NamedTuple):
    """What intervals with a weight b > 0 promise: which [m] intervals, the delay ``at`` [m] each one chose, and by how much
    money ``error`` [m] its secant exceeds the truth there."""

    which: Integers
    at: Floats
    error: Floats


def promises(left: Floats, right: Floats, decay: float, worth: Floats, weight: Floats, weighted_delay: Floats) -> Promise:
    """Compare secants with exp(-A T) at a solution: weights b and b T of all intervals, worth: money at T = 0."""
    which = np.flatnonzero(weight > 1e-6)
    start, slope = secants(left[which], right[which], decay)
    at = np.clip(weighted_delay[which] / weight[which], left[which], right[which])
    return Promise(which, at, worth[which] * weight[which] * (start + slope * at - np.exp(-decay * at)))


def split(ends: Floats, at: float, decay: float, error: float, allowed: float) -> Floats:
    """Ends after splitting the interval that holds ``at``: its secant promises ``error`` too much, ``allowed`` would do."""
    place = int(np.clip(np.searchsorted(ends, at) - 1, 0, len(ends) - 2))
    left, right = float(ends[place]), float(ends[place + 1])
    if (right - left) * decay <= SHORTEST:
        return ends
    parts = int(np.clip(math.ceil(math.sqrt(error / max(allowed, 1e-300))), 2, MOST_PARTS))
    inner = np.linspace(left, right, parts + 1)
    # The chosen delay itself becomes an end, in place of the one nearest to it.
    margin = 0.1 * (right - left) / parts
    if left + margin < at < right - margin:
        inner[1 + int(np.argmin(np.abs(inner[1:-1] - at)))] = at
    return np.unique(np.concatenate([ends, inner]))


def split_all(grids: list[Floats], owner: Integers, promise: Promise, decay: float, allowed: float) -> bool:
    """Split the intervals (of grid ``owner``) that promise more than their part of ``allowed``; any? Changes ``grids``."""
    share = allowed / max(1, len(promise.which))
    finer = False
    for row in np.flatnonzero(promise.error > share).tolist():
        grid = int(owner[promise.which[row]])
        ends = split(grids[grid], float(promise.at[row]), decay, float(promise.error[row]), share)
        finer |= len(ends) > len(grids[grid])
        grids[grid] = ends
    return finer
