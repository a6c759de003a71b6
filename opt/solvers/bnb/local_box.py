"""Boxes of the local part: pieces of the shared delay Q(tau), nodes, and what prices have proved about them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ...arrays import Booleans, Floats
from ...local_equations import ADAPTATION_SLOPE
from ...local_reduction import ReducedLocal

# Ends of pieces are moved outward by this fraction, so that rounding in the floor cannot hide a tau from both neighbours.
OUTWARD = 1e-12


@dataclass(frozen=True)
class Piece:
    """Q(tau) = start + rise tau (+ 2.84 tau ln(load tau) when curved) for tau in [left, right]."""

    left: float
    right: float
    rise: float
    start: float
    curved: bool
    load: float

    def delay(self, tau: float) -> float:
        """Q(tau) [s]."""
        bend = ADAPTATION_SLOPE * tau * math.log(self.load * tau) if self.curved and tau > 0.0 else 0.0
        return max(0.0, self.start + self.rise * tau + bend)

    def slope(self, tau: float) -> float:
        """Q'(tau)."""
        return self.rise + (ADAPTATION_SLOPE * (math.log(self.load * tau) + 1.0) if self.curved else 0.0)


def pieces(reduced: ReducedLocal) -> Iterator[Piece]:
    """Pieces of Q(tau) in ascending order from the least tau that the budget allows, without end; one point when no head has
    peers. A piece ends where the floor steps, where the queue begins, or where the smooth level begins."""
    r = reduced
    least = r.multicast_need / r.budget * (1.0 - OUTWARD)
    if least <= 0.0:
        yield Piece(0.0, 0.0, 0.0, 0.0, False, r.load_rate)
        return
    kink = r.queue_relief / r.queue_slope if r.queue_slope > 0.0 else math.inf
    left, level = least, 0
    if r.stepped:
        level = max(0, math.floor(ADAPTATION_SLOPE * math.log(left * r.load_rate)))
    while True:
        if r.stepped:
            right = math.exp((level + 1) / ADAPTATION_SLOPE) / r.load_rate
        else:
            right = 1.0 / r.load_rate if left < (1.0 - OUTWARD) / r.load_rate else 2.0 * left
        queued = left >= kink * (1.0 - 2.0 * OUTWARD)
        level_ends = queued or right <= kink
        right = right if level_ends else kink
        right *= 1.0 + OUTWARD
        rise, start = (r.queue_slope, -r.queue_relief) if queued else (0.0, 0.0)
        if right > left:
            curved = not r.stepped and left >= (1.0 - 2.0 * OUTWARD) / r.load_rate
            yield Piece(left, right, rise + level, start, curved, r.load_rate)
            left = right * (1.0 - 2.0 * OUTWARD)
        if r.stepped and level_ends:
            level += 1


class LocalPrices(NamedTuple):
    """pi of the budget, n_j of head j's view of the shared delay [J]; ray: only their direction means something."""

    budget: float
    views: Floats
    ray: bool = False


class Cut(NamedTuple):
    """What prices proved about every head of a box: g_j - (p + pi) u_j + n_j Q <= tops_j [J], and the bound it came with.
    asked: the prices as they came; prices: as they were used, without the views of heads that are off."""

    asked: LocalPrices
    prices: LocalPrices
    tops: Floats
    total: float


@dataclass(frozen=True, eq=False)
class LocalNode:
    """tau in [left, right] within ``piece``; own delays in [low, high] [J]; may_off, may_on [J]; bound proved so far;
    cuts: what prices proved on this box or a larger one."""

    piece: Piece
    left: float
    right: float
    low: Floats
    high: Floats
    may_off: Booleans
    may_on: Booleans
    bound: float
    cuts: tuple[Cut, ...] = ()

    @property
    def prices(self) -> LocalPrices | None:
        """Prices that proved the best bound so far."""
        return min(self.cuts, key=lambda cut: cut.total).asked if self.cuts else None
