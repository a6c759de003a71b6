r"""Re-proves the local part of a certificate by weak duality on the reduced problem (``opt.local_reduction``).

For any price pi = p_0 + p >= p_0 of a subchannel, a decision with tau in [l, r] and u in its boxes earns at most

    p W + sum_j h_j(y(tau)) - pi M / tau,     h_j(y) = max over u, f of y b_j exp(-A (a_j/f + d_j/u)) - pi u - z f,

y(tau) = exp(-A Q(tau)). h_j is a maximum of functions affine and rising in y, so it is convex and rising: it stays below its
chord, also when Q is replaced by a line i + s tau below it. (The queue is convex, any tangent is below it; so is the smooth
adaptation term; with the floor it is at least level(l) tau from l on.) The chord less pi M / tau is the problem of
``stationary`` again, largest at its root clipped to [l, r], or at r.

Coverage. tau = T_multi needs M / tau <= W, and u >= 0: that is the root of the tree, cut here and nowhere else. The part of a
cut at c covers up to c (1 + 1e-11) below it and from c (1 + 2e-12) above it. Levels are taken with 1e-12 added, which is worth
3.6e-13 of tau: from c (1 + 2e-12) on no rounding in (11) gives a lower one. Everything off earns 0 and needs no cell.

Equal heads. u_j and f_j of heads with the same b, a, d and f_max may be exchanged (M / tau stays): some best decision has
their u in falling order, and only such decisions need to be covered.

Rounding. A term of the sum errs by a few units of 2^-53 of y b_j + pi low_j, the sum itself by J units of the total, an
exponent A Q <= 745 where y is not 0 makes y wrong by 1.7e-13 of itself, and where i and s tau cancel by 4e-16 A (|i| + s l)
more. (3e-13 + 2e-16 J + 5e-16 A (|i| + s l)) times all that is added or subtracted is put on top. With tau at r only y_r
counts, 0 if r is infinite; where ``nobody_earns`` heads are worth exactly 0. At the money price, pi = p_0, a head has at most
W - M/r subchannels: if nobody earns even so, the bound is exactly 0.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats, Integers
from ..compiled import compiled
from ..local_equations import ADAPTATION_SLOPE
from ..local_reduction import ReducedLocal, equal_heads, reduce_local
from ..snapshot import LocalPart
from .head import boxed_value, free_value, head_of
from .proof import COUNT_CUT, LEAF, SHARE_CUT, LocalProof
from .stationary import best_time

LEVEL_SLACK = 1e-12
BEYOND = 1e-11


@compiled
def all_values(problem: ReducedLocal, low: Floats, high: Floats, fade: float, price: float) -> float:
    """sum_j h_j at y = ``fade``."""
    total = 0.0
    for j in range(low.size):
        worth = fade * problem.worth[j]
        if low[j] <= 0.0 and high[j] == math.inf:
            total += free_value(head_of(problem, j), worth, price)
        else:
            total += boxed_value(head_of(problem, j), worth, price, low[j], high[j])
    return total


@compiled
def delay_line(problem: ReducedLocal, left: float, touch: float) -> tuple[float, float]:
    """(i, s) of a line below Q on [left, inf); any touch > 0 will do."""
    intercept, slope = 0.0, 0.0
    if touch * problem.queue_slope >= problem.queue_relief:
        intercept, slope = -problem.queue_relief, problem.queue_slope
    load = problem.load_rate * (left if problem.stepped else touch)
    if load <= 1.0:
        return intercept, slope
    level = ADAPTATION_SLOPE * math.log(load)
    if problem.stepped:
        return intercept, slope + math.floor(level + LEVEL_SLACK)
    return intercept - ADAPTATION_SLOPE * touch, slope + level + ADAPTATION_SLOPE


@compiled
def leaf_bound(
    problem: ReducedLocal, left: float, right: float, low: Floats, high: Floats, price: float, touch: float
) -> float:
    """The bound of a cell at one price pi >= p_0 (module docstring), rounding included."""
    if (low > high).any():
        return -math.inf
    decay, need = problem.decay, problem.multicast_need
    right *= 1.0 + BEYOND
    intercept, slope = (0.0, 0.0) if left <= 0.0 else delay_line(problem, left, touch)
    fade_left = math.exp(-decay * (intercept + slope * left))
    fade_right = math.exp(-decay * (intercept + slope * right)) if slope > 0.0 else fade_left
    if price <= problem.spectrum_price:
        most = problem.budget * (1.0 + 1e-15) - (need / right if need > 0.0 else 0.0)
        if nobody_earns(problem, low, np.minimum(high, max(most, 0.0)), fade_left, price):
            return 0.0
    at_left, paid = all_values(problem, low, high, fade_left, price), price * need / right if need > 0.0 else 0.0
    at_right = all_values(problem, low, high, fade_right, price) if fade_right < fade_left else at_left
    extra, relative = (price - problem.spectrum_price) * problem.budget, 3e-13 + 2e-16 * low.size
    relative += 5e-16 * decay * (abs(intercept) + slope * left)
    total, boxes = problem.worth.sum(), price * low.sum()
    gross = fade_right * total
    if at_left <= at_right:
        gross = 0.0 if nobody_earns(problem, low, high, fade_left, price) else fade_left * total
    best = extra + at_right - paid + relative * (gross + extra + paid + boxes)
    if fade_right < fade_left and at_right < at_left:
        rise = (at_left - at_right) / (fade_left - fade_right)
        # rise exp(-A (i + s tau)) - pi M / tau, in T = tau
        time = best_time(rise * math.exp(-decay * intercept), decay * slope, price * need)
        inner = min(max(time, left), right)
        if inner < math.inf:
            there = at_right + rise * (math.exp(-decay * (intercept + slope * inner)) - fade_right)
            paid = price * need / inner
            best = max(best, extra + there - paid + relative * (fade_left * total + extra + paid + boxes))
    return best


@compiled
def nobody_earns(problem: ReducedLocal, low: Floats, high: Floats, fade: float, price: float) -> bool:
    """Whether every head is worth exactly 0 at y = ``fade``: so it is if nobody earns anything at y (1 + 1e-9).

    A head that would be on at y has benefits that cover its costs, and so earns 1e-9 of them more at y (1 + 1e-9): far more
    than rounding, which is relative to benefits and costs, can hide.
    """
    return not low.any() and all_values(problem, low, high, fade * (1.0 + 1e-9), price) == 0.0


@compiled
def cell_of(
    path: Integers, sides: Integers, depth: int, heads: Integers, cuts: Floats, same: Integers, low: Floats, high: Floats
) -> tuple[float, float]:
    """Cuts the whole set (0, inf) x {u >= 0} along a path of cuts; returns (after, before) in tau, writes the boxes of u."""
    after, before = 0.0, math.inf
    low[:], high[:] = 0.0, math.inf
    for level in range(depth):
        cut = path[level]
        j, where = int(heads[cut]), float(cuts[cut])
        if j < 0:
            if sides[level] == 0:
                before = where
            else:
                after = where
        elif sides[level] == 0:
            for later in range(j, low.size):
                if same[later] == same[j]:
                    high[later] = min(high[later], where)
        else:
            for earlier in range(j + 1):
                if same[earlier] == same[j]:
                    low[earlier] = max(low[earlier], where)
    return after, before


@compiled
def prove_leaves(
    problem: ReducedLocal,
    same: Integers,
    tree: Integers,
    heads: Integers,
    cuts: Floats,
    prices: Floats,
    touches: Floats,
    proved: Floats,
) -> bool:
    """Walks the tree and writes the bound of every leaf; False when it is not one whole tree of cuts inside their cells.

    heads: -1 for a cut in time.
    """
    low, high = np.zeros(problem.worth.size), np.full(problem.worth.size, math.inf)
    path, sides = np.zeros(cuts.size + 1, dtype=np.int64), np.zeros(cuts.size + 1, dtype=np.int64)
    depth, cut, leaf = 0, 0, 0
    need = problem.multicast_need
    start = need / problem.budget * (1.0 - 1e-12) if need > 0.0 else 0.0
    end = math.inf if need > 0.0 else 0.0
    for node in range(tree.size):
        after, before = cell_of(path, sides, depth, heads, cuts, same, low, high)
        left, right = max(after, start), min(before, end)
        if tree[node] != LEAF:
            if heads[cut] < 0 and not left < cuts[cut] < right:
                return False
            path[depth], sides[depth] = cut, 0
            depth, cut = depth + 1, cut + 1
            continue
        proved[leaf] = leaf_bound(problem, left, right, low, high, max(prices[leaf], problem.spectrum_price), touches[leaf])
        leaf += 1
        while depth > 0 and sides[depth - 1] == 1:
            depth -= 1
        if depth == 0:
            return node == tree.size - 1
        sides[depth - 1] = 1
    return False


def prove_local(part: LocalPart, proof: LocalProof) -> Floats | None:
    """Proved bound of every leaf; None when the tree does not cover the feasible set."""
    problem = reduce_local(part)
    if not math.isfinite(problem.multicast_need):
        return np.zeros(0) if len(proof.tree) == 0 else None
    cuts = proof.tree[proof.tree != LEAF]
    in_share = cuts == SHARE_CUT
    if (cuts == COUNT_CUT).any() or (proof.heads >= np.where(in_share, len(problem.worth), 1)).any():
        return None
    heads = np.where(in_share, proof.heads, -1)
    proved = np.zeros(len(proof.prices))
    labels = equal_heads(problem.worth, problem.work, problem.need, problem.cpu_max)
    whole = prove_leaves(problem, labels, proof.tree, heads, proof.cuts, proof.prices, proof.touches, proved)
    return proved if whole else None
