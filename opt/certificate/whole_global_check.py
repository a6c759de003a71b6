r"""Re-proves the global part of a certificate for whole subchannels: tables of all sets of APs, prices and a tree of totals.

A committee's worth depends on its APs T (their number and load) and its number N of whole subchannels alone; ``whole_worth``
bounds worth_i(T, N). For a price p >= 0 of C5 all decisions with N_i in given intervals earn at most

    p W + max over partitions (T_1, ..., T_I) of all APs, |T_i| <= psi_i, of sum_i v_i(T_i),
    v_i(T) = max over N of worth_i(T, N) - p N.

The maximum is exact, best_i(S) = max over T in S of best_{i-1}(S \ T) + v_i(T) for all sets S. Any price gives a true bound.
The number of APs of a committee is at most psi_i and at least what all others have no room for; sets of other sizes are in no
partition. A committee without a block, or without APs, may hold subchannels for nothing: worth -n p_0 N, not -inf.
Coverage: the root has all 0 <= N_i <= W; a cut at c parts N_i <= c from N_i >= c + 1; cells with sum_i N_i > W hold nothing.
A table has 2^K I rows: at most ``MOST_POINTS`` APs (beyond, a proof for divisible subchannels proves whole ones too).

Rounding: 3e-13 of p W and of the largest worths is added to every leaf; a leaf of price 0 where nobody earns is exactly 0.
Unresolved: as in ``global_check``; the worths of ``whole_worth`` are numbers or inf, and a price times a number of
subchannels that overflows makes the size of the terms inf, and the bound.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Floats, Integers
from ..compiled import compiled
from ..global_equations import TIMEOUT_TOLERANCE
from ..global_range import GlobalNumbers, global_numbers, most_benefit
from ..snapshot import GlobalPart
from ..whole_subchannels import whole_budget
from .proof import LEAF, WholeGlobalProof
from .whole_delegates import delegate_rows
from .whole_worth import SLACK, Committee, worths

MOST_POINTS = 12


@compiled
def size_of(chosen: int) -> int:
    """Number of APs in a set written as bits."""
    count = 0
    while chosen:
        chosen &= chosen - 1
        count += 1
    return count


@compiled
def table(committee: Committee, needs: Floats, least: int, capacity: int, worth: Floats) -> None:
    """Writes worth [sets, W + 1] of every set of APs that fits; needs [K]: of their requests."""
    points = needs.size
    for chosen in range(1, worth.shape[0]):
        count = size_of(chosen)
        if least <= count <= capacity:
            load = 0.0
            for k in range(points):
                if chosen >> k & 1:
                    load += needs[k]
            worths(committee, float(count), load, worth[chosen])


@compiled
def best_partition(value: Floats) -> float:
    """Largest sum_i value[i, T_i] over partitions of all APs; value [I, sets], -inf for sets that do not fit."""
    committees, sets = value.shape
    best, following = value[0].copy(), np.empty(sets)
    for i in range(1, committees - 1):
        for together in range(sets):
            most, mine = -math.inf, together
            while True:
                most = max(most, best[together ^ mine] + value[i, mine])
                if mine == 0:
                    break
                mine = (mine - 1) & together
            following[together] = most
        best, following = following, best
    if committees == 1:
        return float(best[sets - 1])
    most = -math.inf
    for mine in range(sets):
        most = max(most, best[sets - 1 - mine] + value[committees - 1, mine])
    return most


@compiled
def leaf_bound(
    worth: Floats, least: Integers, capacity: Integers, low: Integers, high: Integers, price: float, value: Floats
) -> float:
    """The bound of a cell at one price (module docstring), rounding included; -inf: empty. value [I, sets]: for work."""
    committees, sets, width = worth.shape
    budget = width - 1
    if low.sum() > budget or (low > high).any():
        return -math.inf
    size = price * budget
    for i in range(committees):
        largest = 0.0
        for chosen in range(sets):
            most = -math.inf
            if least[i] <= size_of(chosen) <= capacity[i]:
                for total in range(low[i], high[i] + 1):
                    most = max(most, worth[i, chosen, total] - price * total)
                if most > -math.inf:
                    largest = max(largest, abs(most))
            value[i, chosen] = most
        size += largest
    return price * budget + best_partition(value) + SLACK * size if size < math.inf else math.inf


@compiled
def prove_leaves(
    worth: Floats,
    least: Integers,
    capacity: Integers,
    tree: Integers,
    committees: Integers,
    cuts: Integers,
    prices: Floats,
    proved: Floats,
) -> bool:
    """Walks the tree and writes the bound of every leaf; False when it is not one whole tree."""
    path, sides = np.zeros(cuts.size + 1, dtype=np.int64), np.zeros(cuts.size + 1, dtype=np.int64)
    low, high = np.zeros(worth.shape[0], dtype=np.int64), np.zeros(worth.shape[0], dtype=np.int64)
    value = np.zeros(worth.shape[:2])
    depth, cut, leaf = 0, 0, 0
    for node in range(tree.size):
        low[:], high[:] = 0, worth.shape[2] - 1
        for level in range(depth):
            i, where = committees[path[level]], cuts[path[level]]
            if sides[level] == 0:
                high[i] = min(high[i], where)
            else:
                low[i] = max(low[i], where + 1)
        if tree[node] != LEAF:
            path[depth], sides[depth] = cut, 0
            depth, cut = depth + 1, cut + 1
            continue
        price = prices[leaf]
        proved[leaf] = leaf_bound(worth, least, capacity, low, high, price, value) if 0.0 <= price < math.inf else math.inf
        leaf += 1
        while depth > 0 and sides[depth - 1] == 1:
            depth -= 1
        if depth == 0:
            return node == tree.size - 1
        sides[depth - 1] = 1
    return False


def sizes(part: GlobalPart) -> tuple[Integers, Integers]:
    """(least, most) APs of each committee: the others must find room for the rest (C3, C4)."""
    points = part.sinr_access.shape[-1]
    most = np.minimum(np.array(part.capacity, dtype=np.int64), points)
    return np.maximum(points - (most.sum() - most), 0), most


def worth_tables(part: GlobalPart, numbers: GlobalNumbers) -> Floats:
    """Upper bounds of worth_i(T, N), [I, sets, W + 1], of sets with a possible number of APs; 0 for no APs."""
    least, most = sizes(part)
    committees, points = numbers.access.shape
    budget, capped, timeout = whole_budget(numbers.budget), part.timeout_rule == "cap", numbers.timeout
    longest = timeout if capped else timeout * (1.0 + TIMEOUT_TOLERANCE) * (1.0 + SLACK)
    worth = np.zeros((committees, 1 << points, budget + 1))
    for i, delegates in enumerate(part.layout.delegates):
        its = numbers.link[i, :delegates, :delegates]
        committee = Committee(
            leader=float(numbers.leader[i]),
            rows=delegate_rows(its, part.multicast == "group", budget, timeout, longest, capped),
            cpu_cost=float(numbers.cpu_cost[i]),
            fastest=float(numbers.fastest[i]),
            benefit=numbers.benefit,
            decay=numbers.decay,
            spectrum_price=numbers.spectrum_price,
            timeout=timeout,
            capped=capped,
        )
        table(committee, numbers.access[i].copy(), int(least[i]), int(most[i]), worth[i])
    return worth


def prove_whole_global(part: GlobalPart, proof: WholeGlobalProof) -> Floats | None:
    """Proved bound of every leaf; None when the tree does not cover the feasible set."""
    committees, points = part.sinr_access.shape
    if points > MOST_POINTS or (proof.committees >= committees).any():
        return None
    numbers = global_numbers(part)
    if numbers is None:
        return np.full(len(proof.prices), most_benefit(part)) if len(proof.prices) else None
    proved = np.zeros(len(proof.prices))
    tree = (proof.tree, proof.committees, proof.cuts, proof.prices)
    return proved if prove_leaves(worth_tables(part, numbers), *sizes(part), *tree, proved) else None
