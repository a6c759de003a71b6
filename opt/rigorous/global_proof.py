r"""Re-proves the global part of a certificate by weak duality (``docs/proof-format-global.md``, rules Counts, Times and Leaf)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from flint import arb, ctx

from ..certificate.proof import LOAD_CUT, GlobalProof
from ..snapshot import GlobalPart
from .balls import EMPTY, INFINITE, ZERO, exact
from .global_curve import Curve, curve_of
from .global_needs import LATE, Needs, largest, needs_of
from .global_worth import Earner, Piece, worth_on
from .tree import leaves

Interval = TypeVar("Interval")
PRECISIONS = (64, 128, 256)


@dataclass(frozen=True, eq=False)
class Cell:
    """APs per committee, and per committee its access loads and its communication times, from and to; no end: None."""

    counts: tuple[int, ...]
    loads: tuple[tuple[arb, arb], ...]
    times: tuple[tuple[arb, arb | None], ...]

    def cut(self, i: int, where: arb, in_load: bool) -> tuple[Cell, Cell]:
        """The parts below and above."""
        if in_load:
            low, high = self.loads[i]
            parts = ((low, high.min(where)), (low.max(where), high))
            return (replace(self, loads=_with(self.loads, i, parts[0])), replace(self, loads=_with(self.loads, i, parts[1])))
        low, end = self.times[i]
        below = (low, where if end is None else end.min(where))
        return (replace(self, times=_with(self.times, i, below)), replace(self, times=_with(self.times, i, (low.max(where), end))))


def _with(intervals: tuple[Interval, ...], i: int, its: Interval) -> tuple[Interval, ...]:
    return (*intervals[:i], its, *intervals[i + 1 :])


def prove_global(part: GlobalPart, proof: GlobalProof) -> list[arb] | None:
    """An upper bound of every leaf, at a precision that proves its claim if one does; None when the trees do not cover
    everything."""
    claims: list[float] = proof.bounds.tolist()
    proved, open_ = [INFINITE] * len(claims), list(range(len(claims)))
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            needs = needs_of(part)
            cells = cells_of(needs, proof)
            if cells is None:
                return None
            curves = [curve_of(needs, its) for its in needs.committees]
            for leaf in open_:
                multipliers = (float(proof.prices[leaf]), proof.slopes[leaf].tolist(), proof.potentials[leaf].tolist())
                proved[leaf] = leaf_bound(needs, curves, cells[leaf], *multipliers)
        open_ = [leaf for leaf in open_ if not proved[leaf] <= claims[leaf]]
        if not open_:
            break
    return proved


def cells_of(needs: Needs, proof: GlobalProof) -> list[Cell] | None:
    """The leaves' cells; None unless there is one tree for each way to spread the APs over the committees."""
    points = len(needs.committees[0].access)
    ways = [tuple(int(count) for count in way) for way in proof.counts.tolist()]
    fitting = all(len(way) == len(needs.capacity) and sum(way) == points for way in ways)
    fitting = fitting and all(0 <= count <= room for way in ways for count, room in zip(way, needs.capacity, strict=True))
    if not fitting or len(set(ways)) != len(ways) or len(ways) != ways_to_spread(needs.capacity, points):
        return None

    def split(cell: Cell, kind: int, cut: int) -> tuple[Cell, Cell] | None:
        i = int(proof.committees[cut])
        return cell.cut(i, exact(float(proof.cuts[cut])), kind == LOAD_CUT) if i < len(needs.committees) else None

    return leaves(proof.tree.tolist(), [root_cell(needs, way) for way in ways], split)


def ways_to_spread(capacity: Sequence[int], points: int) -> int:
    """How many vectors of counts there are: sum K, each at most its capacity."""
    ways = [1] + [0] * points
    for room in capacity:
        ways = [sum(ways[max(0, total - room) : total + 1]) for total in range(points + 1)]
    return ways[points]


def root_cell(needs: Needs, counts: tuple[int, ...]) -> Cell:
    """All decisions with these counts."""
    loads: list[tuple[arb, arb]] = []
    for count, its in zip(counts, needs.committees, strict=True):
        # Ends of balls are exact, so their order is known.
        low, high = sorted(need.lower() for need in its.access), sorted(need.upper() for need in its.access)
        loads.append((sum(low[:count], ZERO), sum(high[len(high) - count :], ZERO)))
    return Cell(counts, tuple(loads), tuple((ZERO, None) for _ in counts))


def leaf_bound(
    needs: Needs, curves: Sequence[Curve], cell: Cell, price: float, slopes: Sequence[float], potentials: Sequence[float]
) -> arb:
    """Rule Leaf: the bound of a cell at these multipliers; -inf when it is empty."""
    serving = [i for i, count in enumerate(cell.counts) if count]
    allowed = allowed_times(needs, curves, cell, serving)
    if allowed is None:
        return EMPTY
    bound = exact(price) * needs.budget
    for i in serving:
        slope, count = exact(slopes[i]), cell.counts[i]
        ends = [worth(needs, curves[i], i, cell, load, price, allowed[i]) - slope * load for load in cell.loads[i]]
        bound += ends[0].max(ends[1]) + count * exact(potentials[i])
    for k in range(len(needs.committees[0].access)):
        bound += largest([exact(slopes[i]) * needs.committees[i].access[k] - exact(potentials[i]) for i in serving])
    return bound


def allowed_times(
    needs: Needs, curves: Sequence[Curve], cell: Cell, serving: Sequence[int]
) -> dict[int, list[arb | None]] | None:
    """Rule Times: per committee and alternative the earliest time that the budget allows at the smallest loads; None: no time does."""
    budget = needs.budget if needs.capped else needs.budget * (1 + LATE)
    pieces = {i: curves[i].pieces(cell.loads[i][0]) for i in serving}
    least = {i: least_spectrum(pieces[i], cell.times[i][1]) for i in serving}
    total = sum(least.values(), ZERO)
    if total > budget:
        return None
    found: dict[int, list[arb | None]] = {}
    for i in serving:
        low, high = cell.times[i]
        found[i] = [earliest(its, low, high, budget - (total - least[i])) for its in pieces[i]]
        if all(time is None for time in found[i]):
            return None
    return found


def least_spectrum(alternatives: Sequence[Sequence[Piece]], time: arb | None) -> arb:
    """Below S(time), 0 for ever (None); infinite where no alternative communicates in it."""
    if time is None:
        return ZERO
    least = INFINITE
    for piece in (piece for pieces in alternatives for piece in pieces):
        if time < piece.begin or (piece.end is not None and time > piece.end):
            continue
        spectrum = piece.spectrum + (ZERO if piece.root.is_zero() else piece.root**2 / (time - piece.delay))
        least = least.min(spectrum if spectrum.is_finite() else piece.spectrum)
    return least


def earliest(pieces: Sequence[Piece], low: arb, high: arb | None, spectrum: arb) -> arb | None:
    """Before the first time >= low that this spectrum pays for; None where it surely pays for none up to ``high``."""
    for piece in pieces:
        begin, free = piece.begin.max(low), spectrum - piece.spectrum
        if free < 0 or (free <= 0 and not piece.root.is_zero()):
            continue
        if not piece.root.is_zero() and free > 0:
            begin = begin.max(piece.delay + piece.root**2 / free)
        last = piece.end if high is None else high if piece.end is None else high.min(piece.end)
        if last is None or not begin > last:
            return begin
    return None


def worth(
    needs: Needs, curve: Curve, i: int, cell: Cell, load: arb, price: float, allowed: Sequence[arb | None]
) -> arb:
    """Rule Worth: the most that committee i earns with this load at this price of C5."""
    count, its, high = cell.counts[i], needs.committees[i], cell.times[i][1]
    spending = count * needs.spectrum_price + exact(price)
    earner = Earner(
        gain=count * needs.benefit,
        decay=needs.decay,
        verifying=count * needs.cpu_cost * its.cycles,
        fastest=its.fastest,
        price=spending,
    )
    # Phases that pass the timeout within their tolerance need less, by a fraction of what is there at most.
    late = ZERO if needs.capped else LATE * spending * needs.budget
    best = ZERO if high is None else EMPTY
    for pieces, low in zip(curve.pieces(load), allowed, strict=True):
        for piece in pieces if low is not None else ():
            assert low is not None
            start = low.max(piece.begin)
            if best >= earner.gain * (-earner.decay * (start + its.fastest)).exp() - earner.price * piece.spectrum + late:
                continue
            best = best.max(worth_on(earner, piece, low, high) + late)
    return best
