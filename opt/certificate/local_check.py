r"""Re-proves the local part of a certificate by weak duality on the reduced problem (``opt.local_reduction``).

For any price pi = p_0 + p >= p_0 of a subchannel, a decision with tau in [l, r] and u in its boxes earns at most

    p W + sum_j h_j(y(tau)) - pi M / tau,     h_j(y) = max over u, f of y b_j exp(-A (a_j/f + d_j/u)) - pi u - z f,

y(tau) = exp(-A Q(tau)). h_j is a maximum of functions affine and rising in y, so it is convex and rising: it stays below its
chord, also when Q is replaced by a line i + s tau below it. (The queue is convex, any tangent is below it; so is the smooth
adaptation term; with the floor it is at least level(l) tau from l on.) The chord less pi M / tau is the problem of
``stationary`` again, largest at its root clipped to [l, r], or at r.

Where the line is below 0, Q >= 0 is the better line, y is 1, and what is left, -pi M / tau, rises: the cell is worth no more
there than where the line meets 0. So l is moved there, and y never exceeds 1 (``fade_at``), wherever a line touches.

Coverage. tau = T_multi needs M / tau <= W, and u >= 0: that is the root of the tree, cut here and nowhere else. C1 is judged to
``FEASIBLE``: W counts as that much more at the root, and in cells that end just above M / W (``local_reduction.JUST``). The
part of a cut at c covers up to c (1 + 1e-12) below it and from c (1 + 5e-13) above it. Levels are taken with 1e-12 added, which
is worth 3.6e-13 of tau: from c (1 + 5e-13) on no rounding in (11) gives a lower one. Everything off earns 0 and needs no cell.

Equal heads. u_j and f_j of heads with the same b, a, d and f_max may be exchanged (M / tau stays): some best decision has
their u in falling order, and only such decisions need to be covered.

Rounding. b_j, exp of up to 745, is wrong by up to 4e-13 of itself; a term of the sum errs by a few units of 2^-53 of
y b_j + pi low_j, the sum itself by J units of the total; M by less than 1e-14. (1e-12 + 2e-16 J) times the gains and what the
boxes' low ends cost, 2e-14 of p W and of what multicast costs, and ``TINY`` for what underflows are put on top. y is rounded up
(``fade_at``). Where rounding moves the chord it moves it by as much, and its maximum by no more, wherever the maximum seems to
be. With tau at r only y_r counts, 0 if r is infinite; where ``nobody_earns``
heads are worth exactly 0. At the money price, pi = p_0, a head has at most W - M/r subchannels: if nobody earns even so, the
bound is exactly 0.

Numbers. Multipliers and cuts are 0 or within [1/1e160, 1e160] (``certificate_file``; a price below the money price counts as
that), numbers of the problem 0 or within [1/1e75, 1e75] (``local_reduction``), and roots are taken before products: none of
those above overflows or turns denormal, and where one should, its maximum counts as unresolved. A problem with others is not
``tame``: its leaves prove ``everything``, what heads could earn at once and at no cost.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats, Integers
from ..compiled import compiled
from ..local_equations import ADAPTATION_SLOPE
from ..local_reduction import GRANTED, JUST, ReducedLocal, equal_heads, everything, reduce_local
from ..snapshot import LocalPart
from .head import boxed_value, free_value, head_of
from .proof import COUNT_CUT, LEAF, MULTIPLIERS, SHARE_CUT, LocalProof
from .stationary import LARGEST, root

LEVEL_SLACK = 1e-12
BEYOND = 1e-12
# Of the terms of an exponent, more than all that rounding takes from it.
CANCELLED = 8e-15
# Far more than all heads of any problem lose to underflow, and far less than anything that is reported.
TINY = 1e-200


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
def where_positive(intercept: float, slope: float, left: float, right: float) -> tuple[float, float, float]:
    """(l, i, s): the cell's part where the line is not negative; i = s = 0 where it is throughout, or is no line."""
    if intercept >= 0.0:
        return left, intercept, slope
    start = -intercept / slope if slope > 0.0 else math.inf
    if start < right:
        return max(left, start), intercept, slope
    return left, 0.0, 0.0


@compiled
def fade_at(decay: float, intercept: float, slope: float, tau: float) -> float:
    """y = exp(-A max(0, i + s tau)), rounded up: an exponent is taken less 8e-15 of what it is made of and at most 690, so that
    y is 0 at tau = inf only; 1 where it is no number."""
    if slope > 0.0 and tau == math.inf:
        return 0.0
    exponent = decay * (intercept + slope * tau * (1.0 - CANCELLED) - CANCELLED * abs(intercept)) * (1.0 - 1e-15)
    return math.exp(-min(exponent, 690.0)) if exponent > 0.0 else 1.0


@compiled
def slack(heads: int, gains: float, air: float) -> float:
    """What rounding may take from a bound made of terms that are ``gains`` and ``air`` (spectrum and multicast) together; 0
    where there are none."""
    return (1e-12 + 2e-16 * heads) * gains + 2e-14 * air + TINY if gains + air > 0.0 else 0.0


@compiled
def leaf_bound(
    problem: ReducedLocal,
    budget: float,
    left: float,
    right: float,
    low: Floats,
    high: Floats,
    price: float,
    touch: float,
) -> float:
    """The bound of a cell at one price pi >= p_0 (module docstring), rounding included; budget: W, and what is granted."""
    if (low > high).any():
        return -math.inf
    decay, need = problem.decay, problem.multicast_need
    right *= 1.0 + BEYOND
    intercept, slope = (0.0, 0.0) if left <= 0.0 else delay_line(problem, left, touch)
    left, intercept, slope = where_positive(intercept, slope, left, right)
    fade_left, fade_right = fade_at(decay, intercept, slope, left), fade_at(decay, intercept, slope, right)
    if price <= problem.spectrum_price:
        most = budget * (1.0 + 1e-15) - (need / right if need > 0.0 else 0.0)
        if nobody_earns(problem, low, np.minimum(high, max(most, 0.0)), fade_left, price):
            return 0.0
    at_left, paid = all_values(problem, low, high, fade_left, price), price * need / right if need > 0.0 else 0.0
    at_right = all_values(problem, low, high, fade_right, price) if fade_right < fade_left else at_left
    extra = (price - problem.spectrum_price) * budget
    total, boxes = problem.worth.sum(), price * low.sum()
    gross = fade_right * total
    if not at_left > at_right:
        gross = 0.0 if nobody_earns(problem, low, high, fade_left, price) else fade_left * total
    best = extra + at_right - paid + slack(low.size, gross + boxes, extra + paid)
    if fade_right < fade_left and at_right < at_left:
        inner = chord_peak(at_left - at_right, fade_left - fade_right, decay, intercept, slope, price * need, left, right)
        if inner < right:
            share = (fade_at(decay, intercept, slope, inner) - fade_right) / (fade_left - fade_right)
            there = at_right + min(max(share, 0.0), 1.0) * (at_left - at_right)
            paid = price * need / inner if inner > 0.0 else 0.0
            there += extra - paid + slack(low.size, fade_left * total + boxes, extra + paid)
            best = there if not there <= best else best
    return best if not math.isnan(best) else math.inf


@compiled
def chord_peak(
    rise: float, fall: float, decay: float, intercept: float, slope: float, cost: float, left: float, right: float
) -> float:
    """Where rise/fall exp(-A (i + s tau)) - cost / tau, in T = tau, is largest within [left, right] but for its right end.

    i <= 0, so only exp(A i / 2), at most 1, enters: the root of a gain too large to be a number lies below ``left``. ``right``
    where it only rises; a rise so small that q is no number is less than ``TINY``.
    """
    if not cost > 0.0:
        return left
    rate = decay * slope
    q = 0.5 * math.sqrt(rate) * math.sqrt(cost) * math.sqrt(fall / rise) * math.exp(0.5 * decay * intercept)
    if not q < LARGEST:
        return right
    return min(max(2.0 * root(q) / rate, left), right)


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
    start = need / (problem.budget * (1.0 + GRANTED)) * (1.0 - 1e-12) if need > 0.0 else 0.0
    end, just = math.inf if need > 0.0 else 0.0, need / problem.budget * (1.0 + JUST)
    for node in range(tree.size):
        after, before = cell_of(path, sides, depth, heads, cuts, same, low, high)
        left, right = max(after, start), min(before, end)
        if tree[node] != LEAF:
            if heads[cut] < 0 and not left < cuts[cut] < right:
                return False
            path[depth], sides[depth] = cut, 0
            depth, cut = depth + 1, cut + 1
            continue
        price = prices[leaf] if prices[leaf] >= max(problem.spectrum_price, 1.0 / MULTIPLIERS) else problem.spectrum_price
        budget = problem.budget * (1.0 + GRANTED) if 0.0 < right <= just else problem.budget
        proved[leaf] = leaf_bound(problem, budget, left, right, low, high, price, touches[leaf])
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
    if not problem.tame:
        return untamed(problem, proof)
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


def untamed(problem: ReducedLocal, proof: LocalProof) -> Floats | None:
    """The proof of a problem that is not tame: one leaf, whatever its multipliers (module docstring)."""
    return np.array([everything(problem)]) if len(proof.tree) == 1 and len(proof.prices) == 1 else None
