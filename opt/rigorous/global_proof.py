"""Re-proves the global part of a certificate by weak duality (``docs/proof-format-global.md``: Counts, Times, Leaf)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from flint import arb, ctx

from ..certificate.proof import LOAD_CUT, GlobalProof
from ..snapshot import GlobalPart
from .balls import EMPTY, INFINITE, ZERO, exact
from .global_curve import Curve
from .global_needs import LATE, Needs, largest
from .global_worth import Earner, Piece, earliest, least_spectrum, worth_on
from .tree import leaves

PRECISIONS = (64, 128, 256)
# Counts of APs, then (from, to) of the committees' access loads, then of their communication times.
Cell = tuple[tuple[int, ...], tuple[tuple[arb, arb], ...]]


def prove_global(part: GlobalPart, proof: GlobalProof) -> list[arb] | None:
    """An upper bound of every leaf, at a precision that proves its claim if one does; None if they do not cover everything."""
    claims: list[float] = proof.bounds.tolist()
    proved, open_ = [INFINITE] * len(claims), list(range(len(claims)))
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            needs = Needs(part)
            cells, curves = cells_of(needs, proof), [Curve(needs, its) for its in needs.committees]
            if cells is None:
                return None
            for leaf in open_:
                multipliers = ([exact(x) for x in its[leaf].tolist()] for its in (proof.slopes, proof.potentials))
                proved[leaf] = leaf_bound(needs, curves, cells[leaf], exact(float(proof.prices[leaf])), *multipliers)
        open_ = [leaf for leaf in open_ if not proved[leaf] <= claims[leaf]]
        if not open_:
            break
    return proved


def cells_of(needs: Needs, proof: GlobalProof) -> list[Cell] | None:
    """The leaves' cells; None unless there is one tree for each way to spread the APs over the committees."""
    points, committees = len(needs.committees[0].access), len(needs.capacity)
    ways, number = [tuple(way) for way in proof.counts.tolist()], [1] + [0] * points
    for room in needs.capacity:
        number = [sum(number[max(0, total - room) : total + 1]) for total in range(points + 1)]
    for way in ways:
        if (
            len(way) != committees
            or sum(way) != points
            or any(n not in range(room + 1) for n, room in zip(way, needs.capacity, strict=True))
        ):
            return None
    if len(set(ways)) != len(ways) or len(ways) != number[points]:
        return None

    def split(cell: Cell, kind: int, cut: int) -> tuple[Cell, Cell] | None:
        i, where = int(proof.committees[cut]), exact(float(proof.cuts[cut]))
        if i >= committees:
            return None
        place, (counts, intervals) = (i if kind == LOAD_CUT else committees + i), cell
        low, high = intervals[place]
        parts = ((low, high.min(where)), (low.max(where), high))
        below, above = ((counts, (*intervals[:place], its, *intervals[place + 1 :])) for its in parts)
        return below, above

    def root(counts: tuple[int, ...]) -> Cell:
        loads: list[tuple[arb, arb]] = []
        for count, its in zip(counts, needs.committees, strict=True):
            # Ends of balls are exact numbers, so their order is known.
            low, high = sorted(need.lower() for need in its.access), sorted(need.upper() for need in its.access)
            loads.append((sum(low[:count], ZERO), sum(high[points - count :], ZERO)))
        return counts, (*loads, *((ZERO, INFINITE) for _ in counts))

    return leaves(proof.tree.tolist(), [root(way) for way in ways], split)


def leaf_bound(
    needs: Needs, curves: Sequence[Curve], cell: Cell, price: arb, slopes: Sequence[arb], potentials: Sequence[arb]
) -> arb:
    """Rule Leaf: the bound of a cell at these multipliers; -inf when it is empty."""
    counts, loads, times = cell[0], cell[1][: len(cell[0])], cell[1][len(cell[0]) :]
    serving = [i for i, count in enumerate(counts) if count]
    budget = needs.budget if needs.capped else needs.budget * (1 + LATE)
    ways = {i: curves[i].pieces(loads[i][0]) for i in serving}
    least = {i: least_spectrum(chain.from_iterable(ways[i]), times[i][1]) for i in serving}
    bound, total = price * needs.budget, sum(least.values(), ZERO)
    if total > budget:
        return EMPTY
    for i in serving:
        low, high = times[i]
        begins = [earliest(pieces, low, high, budget - (total - least[i])) for pieces in ways[i]]
        if all(begin is None for begin in begins):
            return EMPTY
        ends = [worth(needs, i, counts[i], curves[i].pieces(r), price, begins, high) - slopes[i] * r for r in loads[i]]
        bound += largest(ends) + counts[i] * potentials[i]
    for k in range(len(needs.committees[0].access)):
        bound += largest([slopes[i] * needs.committees[i].access[k] - potentials[i] for i in serving])
    return bound


def worth(
    needs: Needs, i: int, count: int, ways: Sequence[list[Piece]], price: arb, begins: Sequence[arb | None], high: arb
) -> arb:
    """Rule Worth: the most that committee i earns with ``count`` APs at this price of C5; off is 0, where times have no end."""
    its, spending = needs.committees[i], count * needs.spectrum_price + price
    earner = Earner(count * needs.benefit, needs.decay, count * needs.cpu_cost * its.cycles, its.fastest, spending)
    # Phases that pass the timeout within their tolerance need less, by a fraction of what is there at most.
    late = ZERO if needs.capped else LATE * spending * needs.budget
    best = ZERO if high == INFINITE else EMPTY
    for pieces, begin in zip(ways, begins, strict=True):
        for piece in () if begin is None else pieces:
            start = piece.begin if begin is None else begin.max(piece.begin)
            if not best >= earner.gain * (-earner.decay * (start + its.fastest)).exp() - spending * piece.spectrum + late:
                best = best.max(worth_on(earner, piece, start, high) + late)
    return best
