"""Boxes of the global part, the prices that bound them, and the loads they allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats, Integers
from .global_cone import GlobalNumbers

# scipy has no types: minimum-cost assignment, (rows, columns) of a table.
_assign: Callable[[Floats], tuple[Integers, Integers]] = import_module("scipy.optimize").linear_sum_assignment


class GlobalPrices(NamedTuple):
    """pi of the budget, rho [I] of the loads, omega [I] and theta [I, M] of the maxima; ray: pi and rho are a direction."""

    budget: float
    loads: Floats
    omega: Floats
    theta: Floats
    ray: bool = False


@dataclass(frozen=True, eq=False)
class GlobalNode:
    """counts [I]; may_use [I, K]; may_off, may_on [I]; may_serve, may_skip [I, 4] (request, pre-prepare, prepare, reply);
    delay in [low, high] [I]; bound and the prices that proved it."""

    counts: Integers
    may_use: Booleans
    may_off: Booleans
    may_on: Booleans
    may_serve: Booleans
    may_skip: Booleans
    low: Floats
    high: Floats
    bound: float
    prices: GlobalPrices | None = None


def count_vectors(capacity: Integers, aps: int) -> Iterator[Integers]:
    """Every vector of counts with sum ``aps`` and 0 <= counts <= capacity."""
    if len(capacity) == 1:
        if aps <= capacity[0]:
            yield np.array([aps])
        return
    rest = int(capacity[1:].sum())
    for first in range(max(0, aps - rest), min(int(capacity[0]), aps) + 1):
        for others in count_vectors(capacity[1:], aps - first):
            yield np.concatenate([[first], others])


def loads(numbers: GlobalNumbers, node: GlobalNode) -> tuple[Floats, Floats]:
    """Least and largest load r_i [s over W] of each committee with its count and what access is left; least inf: none."""
    need = numbers.access
    forced = node.may_use & (node.may_use.sum(axis=0) == 1)
    free = node.may_use & ~forced
    base = np.where(forced, need, 0.0).sum(axis=1)
    left = node.counts - forced.sum(axis=1)
    least, most = base.copy(), base.copy()
    for i, missing in enumerate(left):
        options = np.sort(need[i, free[i]])
        if missing < 0 or missing > len(options):
            return np.full(len(base), np.inf), most
        least[i] += options[:missing].sum()
        most[i] += options[len(options) - missing :].sum()
    return least, most


def assigned(cost: Floats, node: GlobalNode) -> Integers | None:
    """Access [K] of least total cost [I, K] with these counts, among what is left to each AP; None when there is none."""
    seats = np.repeat(np.arange(len(node.counts)), node.counts)
    # Infinite costs are left out of the arithmetic; a large finite stand-in would drown the differences that matter.
    table: Floats = np.where(node.may_use, cost, np.inf)[seats].T
    try:
        places: Integers = _assign(table)[1]
    except ValueError:
        if np.isnan(table).any():
            raise
        return None
    return seats[places]
