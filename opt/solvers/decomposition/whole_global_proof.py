r"""What proves a bound of the global part with whole subchannels: prices of C5, and cuts of committees' totals where they mix.

At a price p the best partition of the APs is found without the budget, each committee taking the total that pays best:
p W + its value bounds a cell, for any p. Where the answers on both sides of the best price differ in a total, the cell is cut
there. With all totals fixed the bound is exact, so the tables' own optimum is proved in the end.
"""

from __future__ import annotations

import heapq
import math

import numpy as np

from ...arrays import Floats, Integers, floats, integers
from ...certificate.proof import LEAF, TOTAL_CUT, WholeGlobalProof
from ...compiled import compiled
from ...result import Deadline
from .global_bound import LEAST_PRICE
from .global_response import SLACK
from .proof_tree import ProofTree, leaf_claims

PRICES = 60


@compiled
def priced(worth: Floats, low: Integers, high: Integers, price: float, totals: Integers) -> tuple[float, float]:
    """(best sum of worth - price N over partitions, size of its terms); writes the totals [I] of the best one.

    worth [I, sets, W + 1], -inf where a set does not fit or a total does not work; N_i in [low_i, high_i].
    """
    committees, sets, _ = worth.shape
    value, taken = np.full((committees, sets), -math.inf), np.zeros((committees, sets), dtype=np.int64)
    size = 0.0
    for i in range(committees):
        largest = 0.0
        for chosen in range(sets):
            for total in range(low[i], high[i] + 1):
                mine = worth[i, chosen, total] - price * total
                if mine > value[i, chosen]:
                    value[i, chosen], taken[i, chosen] = mine, total
            if value[i, chosen] > -math.inf:
                largest = max(largest, abs(value[i, chosen]))
        size += largest
    best, pick = np.full((committees, sets), -math.inf), np.zeros((committees, sets), dtype=np.int64)
    best[0], pick[0] = value[0], np.arange(sets)
    for i in range(1, committees):
        for together in range(sets):
            if i == committees - 1 and together < sets - 1:
                continue  # the last committee takes what is left
            mine = together
            while True:
                found = best[i - 1, together ^ mine] + value[i, mine]
                if found > best[i, together]:
                    best[i, together], pick[i, together] = found, mine
                if mine == 0:
                    break
                mine = (mine - 1) & together
    together = sets - 1
    for i in range(committees - 1, -1, -1):
        mine = pick[i, together]
        totals[i] = taken[i, mine]
        together ^= mine
    return float(best[committees - 1, sets - 1]), size


@compiled
def best_price(
    worth: Floats, low: Integers, high: Integers, price: float, slack: float, enough: float, many: Integers, few: Integers
) -> tuple[float, float]:
    """(least bound found, its price), from ``price`` on; stops once it is ``enough``. many, few [I]: totals that the best
    partitions take just below and just above the best price, in all more and no more than the budget."""
    budget = worth.shape[2] - 1
    totals = np.zeros(low.size, dtype=np.int64)
    best, chosen = math.inf, 0.0
    below, above, at_below, at_above = -1.0, -1.0, 0.0, 0.0
    for step in range(PRICES):
        value, size = priced(worth, low, high, price, totals)
        bound = value + price * budget
        if bound == -math.inf:
            return bound, 0.0
        if bound + slack + SLACK * (size + price * budget) < best:
            best, chosen = bound + slack + SLACK * (size + price * budget), price
        if totals.sum() <= budget:
            above, at_above, few[:] = price, bound, totals
            if price <= 0.0:
                many[:] = totals
                break
        else:
            below, at_below, many[:] = price, bound, totals
        if best <= enough:
            break
        if above < 0.0:
            price = max(2.0 * price, 1e-12 * max(at_below, 1.0) / budget)
            continue
        if below < 0.0:
            price = 0.1 * price if step < 20 else 0.0
            continue
        slope_below, slope_above = float(budget - many.sum()), float(budget - few.sum())
        meet = (at_above - at_below + slope_below * below - slope_above * above) / (slope_below - slope_above)
        if not below < meet < above or bound <= at_below + slope_below * (meet - below) + 1e-13 * abs(bound):
            break
        price = meet if meet > LEAST_PRICE else 0.0
    return best, chosen


def whole_global_proof(worth: Floats, claim: float, slack: float, deadline: Deadline) -> WholeGlobalProof:
    """The proof of ``claim``, or of what could be proved by the deadline.

    worth [I, sets, W + 1]: what each set of APs can earn at most with each total, idle ones too; -inf where it does not fit.
    slack: for the rounding of worths.
    """
    committees, _, width = worth.shape
    tree = ProofTree()
    open_: list[tuple[float, int, Integers, Integers, Integers, Integers, float]] = []

    def consider(low: Integers, high: Integers, price: float) -> int:
        many, few = low.copy(), low.copy()
        bound, price = -math.inf, max(price, 0.0)
        if claim <= 0.0:
            bound = 0.0  # no worth is above 0, rounding included
        elif low.sum() < width and (low <= high).all():
            bound, price = best_price(worth, low, high, price, slack, claim, many, few)
        number = tree.add(bound, price)
        heapq.heappush(open_, (-bound, number, low, high, many, few, price))
        return number

    root: Integers = np.zeros((2, committees), dtype=np.int64)
    root[1] = width - 1
    consider(root[0], root[1], 0.0)
    while -open_[0][0] > claim and not deadline.passed:
        _, number, low, high, many, few, price = heapq.heappop(open_)
        differ = np.abs(many - few)
        i = int(differ.argmax())
        if differ[i] == 0:
            heapq.heappush(open_, (tree.nodes[number].bound * -1.0, number, low, high, many, few, price))
            break  # nothing but rounding is left
        where = int(many[i] + few[i]) // 2
        less, more = high.copy(), low.copy()
        less[i], more[i] = where, where + 1
        tree.cut(number, TOTAL_CUT, i, float(where), consider(low, less, price), consider(more, high, price))
    claim = max(claim, -open_[0][0])
    listed = tree.preorder([0], claim)
    cuts = [node for node, is_leaf in listed if not is_leaf]
    leaves = [node for node, is_leaf in listed if is_leaf]
    return WholeGlobalProof(
        bound=claim,
        tree=integers([LEAF if is_leaf else node.kind for node, is_leaf in listed]),
        committees=integers([node.index for node in cuts]),
        cuts=integers([int(node.where) for node in cuts]),
        prices=floats([node.multipliers[0] for node in leaves]),
        bounds=leaf_claims(node.bound for node in leaves),
    )
