r"""Re-proves the global part of a certificate by weak duality on the reduced problem (``opt.global_reduction``).

A cell fixes the number n_i of APs of each committee and holds its access load r_i (sum of its APs' request needs) and its
communication time t_i in intervals; t_i = inf (off, worth 0) belongs to intervals without an end. For any price p >= 0 of C5
every decision in it earns at most p W + sum_i v_i(r_i), with (15)

    v_i(r) = max over t, v of n_i B exp(-A (t + v)) - n_i c E_i / v - (n_i p_0 + p) S_i(t; r),      v >= fastest_i,

costs being billed once per AP served. For fixed times the worth is affine and falling in r, and which times are allowed does
not depend on r, so v_i is convex, and for any slope s_i it lies below the line s_i r + c_i, c_i = max of v_i(r) - s_i r at the
ends of the cell's loads. Then, for any potentials mu,

    p W + sum_i [c_i + n_i mu_i] + sum_k max_i (s_i need_ik - mu_i)

bounds every assignment with these counts (``committee`` computes v_i).

Coverage. The trees' roots must be all vectors of counts within the capacities that serve every AP, each with all loads between
the sums of its smallest and its largest needs and all times. A committee that is on can use at most the budget less what the
others need at least at the smallest loads and longest times of the cell; times for which this is too little hold no decision.

Timeouts. The equations confirm a phase up to T (1 + e), e = 1e-9, and count it as T. So spectrum of at least S(t) / (1 + e)
reaches t: e (n_i p_0 + p) W is added to the worth of each committee that is on, and times are affordable with W (1 + e).

Rounding. A worth is a few dozen operations on numbers no larger than n_i (g + p_0 W) + p W, g = B (1 + A t) exp(-A t) at the
earliest time t that a cell leaves (exp loses A t ulps, and g falls in t; D sums at most V terms, and stationary times enter
with the square of their error): 3e-13 of that size is added to each that is not exactly "off", 3e-13 of their sizes and an ulp
of that for each term to the sums, and 3e-13 of the budget to what times must be affordable with.

Unresolved. Numbers are those of ``opt.global_range``, else every leaf proves B for each AP and no more. A price that is
negative, no number or too large to multiply proves inf; below, worths are finite, or -inf where no time is possible. Other
multipliers that are infinite or no number make the size of the terms infinite or no number, and the bound inf.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats, Integers
from ..compiled import compiled
from ..global_range import global_numbers, most_benefit
from ..snapshot import GlobalPart
from .committee import (
    COUNT,
    LOAD_HIGH,
    LOAD_LOW,
    SLACK,
    TIME_HIGH,
    TIME_LOW,
    Committees,
    committees_of,
    earliest_times,
    worth,
)
from .proof import LEAF, LOAD_CUT, GlobalProof

ULP = 2.0**-52


@compiled
def leaf_bound(model: Committees, cell: Floats, price: float, slope: Floats, potential: Floats) -> float:
    """The bound of a cell at one price, these slopes and potentials (module docstring), rounding included; -inf: empty."""
    committees, points = model.needs.shape
    if not 0.0 <= price * model.budget < math.inf:
        return math.inf
    earliest = np.zeros((committees, 2 * model.rows.shape[1]))
    if not earliest_times(model, cell, earliest):
        return -math.inf
    bound = price * model.budget
    size = bound
    for i in range(committees):
        served, low, high = cell[COUNT, i], cell[LOAD_LOW, i], cell[LOAD_HIGH, i]
        if served <= 0.0:
            continue
        value = worth(model, i, served, low, price, earliest[i], cell[TIME_HIGH, i])
        if value == -math.inf:
            return value  # none of the times that the cell leaves to this committee is possible
        other = value
        if high > low:
            other = worth(model, i, served, high, price, earliest[i], cell[TIME_HIGH, i])
            other = other if other > -math.inf else value  # the same times are possible at all loads: rounding
        end = low
        if other - slope[i] * high > value - slope[i] * low:
            end, value = high, other
        bound += value - slope[i] * end + served * potential[i]
        size += abs(value) + abs(slope[i]) * end + served * abs(potential[i])
    for k in range(points):
        best = -math.inf
        for i in range(committees):
            if cell[COUNT, i] > 0.0:
                best = max(best, slope[i] * model.needs[i, k] - potential[i])
        bound += best
        size += abs(best)
    if not size < math.inf:
        return math.inf
    return bound + (SLACK + ULP * (points + committees)) * size


@compiled
def root_cell(model: Committees, counts: Integers, cell: Floats) -> None:
    """Writes the cell of all decisions with these counts."""
    points = model.needs.shape[1]
    cell[TIME_LOW], cell[TIME_HIGH] = 0.0, math.inf
    for i in range(counts.size):
        needs = np.sort(model.needs[i])
        cell[COUNT, i] = counts[i]
        cell[LOAD_LOW, i], cell[LOAD_HIGH, i] = needs[: counts[i]].sum(), needs[points - counts[i] :].sum()


@compiled
def prove_leaves(
    model: Committees,
    counts: Integers,
    tree: Integers,
    committees: Integers,
    cuts: Floats,
    prices: Floats,
    slopes: Floats,
    potentials: Floats,
    proved: Floats,
) -> bool:
    """Walks the trees and writes the bound of every leaf; False when they are not whole trees of cuts inside their cells."""
    path, sides = np.zeros(cuts.size + 1, dtype=np.int64), np.zeros(cuts.size + 1, dtype=np.int64)
    in_load = np.zeros(cuts.size + 1, dtype=np.bool_)
    cell = np.zeros((5, counts.shape[1]))
    node, cut, leaf = 0, 0, 0
    for way in range(counts.shape[0]):
        depth = 0
        while True:
            if node >= tree.size:
                return False
            root_cell(model, counts[way], cell)
            for level in range(depth):
                low_row = LOAD_LOW if in_load[level] else TIME_LOW
                cell[low_row + 1 if sides[level] == 0 else low_row, committees[path[level]]] = cuts[path[level]]
            node += 1
            if tree[node - 1] != LEAF:
                in_load[depth] = tree[node - 1] == LOAD_CUT
                low_row, i = LOAD_LOW if in_load[depth] else TIME_LOW, committees[cut]
                if not cell[low_row, i] < cuts[cut] < cell[low_row + 1, i]:
                    return False
                path[depth], sides[depth] = cut, 0
                depth, cut = depth + 1, cut + 1
                continue
            proved[leaf] = leaf_bound(model, cell, prices[leaf], slopes[leaf], potentials[leaf])
            leaf += 1
            while depth > 0 and sides[depth - 1] == 1:
                depth -= 1
            if depth == 0:
                break
            sides[depth - 1] = 1
    return node == tree.size


def count_vectors(capacity: Integers, points: int) -> Integers:
    """All ways to spread ``points`` APs over committees within their capacities (C3, C4), in lexicographic order; [ways, I]."""
    ways = np.zeros((1, 0), dtype=np.int64)
    for i, room in enumerate(capacity):
        left = points - ways.sum(axis=1)
        later = capacity[i + 1 :].sum()
        longer = np.repeat(ways, room + 1, axis=0)
        upto: Integers = np.arange(int(room) + 1)
        more: Integers = np.tile(upto, len(ways))
        rest = np.repeat(left, room + 1) - more
        possible = (rest >= 0) & (rest <= later)
        ways = np.concatenate([longer, more[:, None]], axis=1)[possible]
    return ways


def prove_global(part: GlobalPart, proof: GlobalProof) -> Floats | None:
    """Proved bound of every leaf; None when the trees do not cover the feasible set."""
    numbers = global_numbers(part)
    if numbers is None:
        return np.full(len(proof.prices), most_benefit(part)) if len(proof.prices) else None
    model = committees_of(numbers, part.timeout_rule == "cap")
    committees, points = model.needs.shape
    if proof.counts.shape[1:] != (committees,) or (proof.committees >= committees).any():
        return None
    order = np.lexsort(proof.counts.T[::-1])
    if not np.array_equal(proof.counts[order], count_vectors(np.minimum(part.capacity, points), points)):
        return None
    proved = np.zeros(len(proof.prices))
    whole = prove_leaves(
        model,
        proof.counts,
        proof.tree,
        proof.committees,
        proof.cuts,
        proof.prices,
        proof.slopes,
        proof.potentials,
        proved,
    )
    return proved if whole else None
