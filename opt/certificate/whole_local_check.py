r"""Re-proves the local part of a certificate for whole subchannels, by weak duality and an exact knapsack.

Head j has n_j whole subchannels, u_j for its upload and m_j = n_j - u_j for multicast, which takes it s_j / m_j seconds
(``opt.local_reduction``: nothing else of its links matters). sum_j s_j / m_j = J tau and sum_j n_j <= W couple heads. For any
price nu >= 0 of the first, a decision with tau in [l, r] and n, u in its boxes earns at most

    V(y(tau)) + nu J tau,    V(y) = max over n, sum_j n_j <= W, of sum_j [ v_j(y, n_j) - p_0 n_j ],    y(tau) = exp(-A Q(tau)),
    v_j(y, n) = max over u, f of y b_j exp(-A (a_j/f + d_j/u)) - z f - nu s_j / (n - u)        (``head.split_value``: exact).

V is a maximum of functions affine and rising in y, so convex and rising in it; with Q replaced by a line below it
(``local_check`` says why it is) y is convex in tau. A convex rising function of a convex one is convex,
and so is the sum with nu J tau: it is largest at l or at r. Where the line is below 0 (Q >= 0 is not) y is 1 and the sum rises,
so l is moved to where it is 0. Without an end r = inf, nu counts as 0: then it is largest at l. V is computed over all whole
numbers.

Coverage. A head with peers must have n_j >= 1, or tau is infinite, nobody earns anything, and everything off (0) is best. tau
needs M / tau <= W. The part of a cut in time is widened as in ``local_check``. All numbers of heads equal in every
number may be exchanged (then tau stays as it is): some best decision has their n in falling order.

Rounding and numbers as in ``local_check``: (1e-12 + 2e-16 J) times y sum_j b_j + p_0 W + nu J r, and ``TINY``, are put on top.
Where sums of nu s_j / m_j exceed these, the bound lies below 0 by more than what rounding does to them. With nu = 0 and V <= 0
at worths raised by (1e-12 + 1e-15 J) of themselves nobody earns, whatever rounding does: the bound is 0 exactly.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats, Integers
from ..compiled import compiled
from ..local_reduction import ReducedLocal, equal_heads, multicast_needs, reduce_local
from ..snapshot import LocalPart
from ..whole_subchannels import whole_budget
from .head import head_of, split_value
from .local_check import BEYOND, delay_line, fade_at, slack, untamed, where_positive
from .proof import COUNT_CUT, LEAF, MULTIPLIERS, TIME_CUT, LocalProof


@compiled
def most_worth(
    problem: ReducedLocal, seconds: Floats, budget: int, numbers: Integers, shares: Floats, fade: float, price: float
) -> float:
    """V at y = ``fade``; numbers and shares [2, J]: ends of n_j and u_j; -inf when the budget does not allow these."""
    heads = seconds.size
    fewest, most = numbers[0], numbers[1]
    spare = budget - fewest.sum()
    if spare < 0 or (fewest > most).any():
        return -math.inf
    best, following = np.zeros(spare + 1), np.zeros(spare + 1)
    value = np.zeros(spare + 1)
    for j in range(heads):
        head, worth = head_of(problem, j), fade * problem.worth[j]
        extras = min(spare, most[j] - fewest[j])
        for extra in range(extras + 1):
            total = float(fewest[j] + extra)
            earned = split_value(head, worth, seconds[j], price, total, shares[0, j], shares[1, j])
            value[extra] = earned - problem.spectrum_price * total
        for used in range(spare + 1):
            most_here = -math.inf
            for extra in range(min(used, extras) + 1):
                most_here = max(most_here, best[used - extra] + value[extra])
            following[used] = most_here
        best, following = following, best
    return float(best[spare])


@compiled
def leaf_bound(
    problem: ReducedLocal,
    seconds: Floats,
    budget: int,
    left: float,
    right: float,
    numbers: Integers,
    shares: Floats,
    price: float,
    touch: float,
) -> float:
    """The bound of a cell at one price nu >= 0 (module docstring), rounding included; -inf: empty."""
    heads, decay = seconds.size, problem.decay
    if (shares[0] > shares[1]).any():
        return -math.inf
    right *= 1.0 + BEYOND
    intercept, slope = (0.0, 0.0) if left <= 0.0 else delay_line(problem, left, touch)
    left, intercept, slope = where_positive(intercept, slope, left, right)
    price = 0.0 if right == math.inf or price < 1.0 / MULTIPLIERS else price
    fade = fade_at(decay, intercept, slope, left)
    seconds_paid = price * heads * right if price > 0.0 else 0.0
    if price <= 0.0:
        certain = fade * (1.0 + 1e-12 + 1e-15 * heads)
        if most_worth(problem, seconds, budget, numbers, shares, certain, 0.0) <= 0.0:
            return 0.0
    bound = most_worth(problem, seconds, budget, numbers, shares, fade, price)
    if seconds_paid > 0.0:
        bound += price * heads * left
        last = fade_at(decay, intercept, slope, right)
        at_right = most_worth(problem, seconds, budget, numbers, shares, last, price) + seconds_paid
        bound = at_right if not at_right <= bound else bound
    size = fade * problem.worth.sum() + problem.spectrum_price * budget + seconds_paid
    return bound + slack(heads, size, 0.0)


@compiled
def cut_cell(
    tree_kind: int, below: bool, head: int, where: float, labels: Integers, numbers: Integers, shares: Floats, times: Floats
) -> None:
    """Cuts a cell: times [2], numbers and shares [2, J]."""
    if tree_kind == TIME_CUT:
        times[1 if below else 0] = where
    elif tree_kind != COUNT_CUT:
        shares[1, head] = min(shares[1, head], where) if below else shares[1, head]
        shares[0, head] = shares[0, head] if below else max(shares[0, head], where)
    elif below:
        for later in range(head, labels.size):
            if labels[later] == labels[head]:
                numbers[1, later] = min(numbers[1, later], int(where))
    else:
        for earlier in range(head + 1):
            if labels[earlier] == labels[head]:
                numbers[0, earlier] = max(numbers[0, earlier], int(where) + 1)


@compiled
def prove_leaves(
    problem: ReducedLocal,
    seconds: Floats,
    budget: int,
    labels: Integers,
    tree: Integers,
    heads: Integers,
    cuts: Floats,
    prices: Floats,
    touches: Floats,
    proved: Floats,
) -> bool:
    """Walks the tree and writes the bound of every leaf; False when it is not one whole tree of cuts inside their cells."""
    numbers, shares = np.zeros((2, labels.size), dtype=np.int64), np.zeros((2, labels.size))
    path, sides = np.zeros(cuts.size + 1, dtype=np.int64), np.zeros(cuts.size + 1, dtype=np.int64)
    kinds, times = np.zeros(cuts.size + 1, dtype=np.int64), np.zeros(2)
    depth, cut, leaf = 0, 0, 0
    for node in range(tree.size):
        times[0], times[1] = 0.0, 0.0
        if problem.multicast_need > 0.0:
            times[0], times[1] = problem.multicast_need / budget * (1.0 - 1e-12), math.inf
        numbers[0], numbers[1] = (seconds > 0.0).astype(np.int64), budget
        shares[0], shares[1] = 0.0, math.inf
        for level in range(depth):
            at = path[level]
            head, where = int(heads[at]), float(cuts[at])
            cut_cell(kinds[level], sides[level] == 0, head, where, labels, numbers, shares, times)
        if tree[node] != LEAF:
            where = float(cuts[cut])
            if tree[node] == TIME_CUT and not times[0] < where < times[1]:
                return False
            if tree[node] == COUNT_CUT and not 0.0 <= where <= budget:
                return False
            path[depth], sides[depth], kinds[depth] = cut, 0, tree[node]
            depth, cut = depth + 1, cut + 1
            continue
        proved[leaf] = leaf_bound(
            problem, seconds, budget, times[0], times[1], numbers, shares, max(prices[leaf], 0.0), touches[leaf]
        )
        leaf += 1
        while depth > 0 and sides[depth - 1] == 1:
            depth -= 1
        if depth == 0:
            return node == tree.size - 1
        sides[depth - 1] = 1
    return False


def prove_whole_local(part: LocalPart, proof: LocalProof) -> Floats | None:
    """Proved bound of every leaf; None when the tree does not cover the feasible set."""
    problem, seconds = reduce_local(part), np.array(multicast_needs(part))
    budget = whole_budget(problem.budget)
    fewest = int((seconds > 0.0).sum())
    if not problem.tame:
        return untamed(problem, proof)
    if not math.isfinite(problem.multicast_need) or budget < max(1, fewest):
        return np.zeros(0) if len(proof.tree) == 0 else None
    if (proof.heads >= len(seconds)).any():
        return None
    proved = np.zeros(len(proof.prices))
    labels = equal_heads(problem.worth, problem.work, problem.need, problem.cpu_max, seconds)
    tree = (proof.tree, proof.heads, proof.cuts, proof.prices, proof.touches)
    return proved if prove_leaves(problem, seconds, budget, labels, *tree, proved) else None
