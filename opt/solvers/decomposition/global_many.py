r"""The global part when there are too many vectors of counts to start from each: one price, no enumeration.

For any price p >= 0 on C5 a decision with counts n earns at most p W + sum_i v_i(n_i), where v_i(n) is the best worth of
committee i with n APs and the least access load that n APs can have (its n smallest needs): worth falls with the load
(``global_response``), and every time that the whole budget allows is allowed. So

    p W + max { sum_i v_i(n_i) : sum_i n_i = K, 0 <= n_i <= psi_i }

bounds the part for every p, and the maximum over all count vectors is found by adding committees one after the other: I K psi
steps. It is the largest of the bounds that the boxes of all vectors have at p before any assignment is looked at, hence weaker
than a search, and the best that one price can say. Margins for the timeout's tolerance and for rounding are in ``respond``; the
sums here add SLACK of the size of their terms. A worth that is nan (an overflow) makes the bound infinite.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from ...arrays import Floats, Integers
from ...compiled import compiled
from ...result import Deadline
from .global_bound import COUNT, LOAD_HIGH, LOAD_LOW, TIME_HIGH, next_price, tighten_times
from .global_leaf import exchange, leaf_dual
from .global_response import SLACK, GlobalModel, respond

# Ways to share the APs that a search may start from: each costs it about a millisecond twice, and some memory.
MOST_WAYS = 20_000
# So few that neither time nor memory is asked.
FEW_WAYS = 2_000
WAYS_PER_SECOND = 500
TURNS = 60
# With more committees exchanging spectrum in pairs takes longer than a deadline may wait.
MOST_EXCHANGING = 30


def ways_to_share(capacity: Integers, points: int) -> int:
    """Number of vectors of counts (C3, C4); it may have fifty digits."""
    ways = [1] + [0] * points
    for most in capacity.tolist():
        sums = [0, *itertools.accumulate(ways)]
        ways = [sums[k + 1] - sums[max(0, k - most)] for k in range(points + 1)]
    return ways[points]


def enumerable(capacity: Integers, points: int, deadline: Deadline) -> bool:
    """Whether starting from each vector of counts leaves time for a search, and fits into memory."""
    if math.prod(min(most, points) + 1 for most in capacity.tolist()[1:]) <= FEW_WAYS:
        return True
    ways = ways_to_share(capacity, points)
    each = 40.0 * len(capacity) + 8.0 * points + 1000.0  # bytes: the box, the access, Python's objects around them
    return ways <= max(MOST_WAYS, WAYS_PER_SECOND * deadline.left) and ways * each <= 0.25 * deadline.stop.memory_left


class OnePrice:
    """The bound above at its best price, and decisions near the counts that attain it there.

    bound, price; counts, access, loads, spectrum and what they earn by the model (0: everything off).
    """

    def __init__(self, model: GlobalModel, capacity: Integers, start: float) -> None:
        committees, points = model.needs.shape
        self.model = model
        self.most = np.minimum(capacity, points).astype(np.int64)
        self.loads_of, self.earliest = least_loads(model, self.most)
        self.bound, self.price = math.inf, start
        self.objective: float = 0.0
        self.counts: Floats = np.zeros(committees)
        self.loads: Floats = np.zeros(committees)
        self.spectrum: Floats = np.zeros(committees)
        self.access: Integers = np.zeros(points, dtype=np.int64)
        self.tried: list[tuple[Floats, float]] = []

    def minimise(self, accuracy: float, deadline: Deadline) -> None:
        """Lower the bound over the price; true wherever the deadline ends it."""
        price, points = self.price, self.model.needs.shape[1]
        smallest = 1e-9 * points * self.model.benefit / self.model.budget
        low = high = (-1.0, 0.0, 0.0)
        for turn in range(TURNS):
            value, slope, counts = price_bound(self.model, self.most, self.loads_of, self.earliest, price)
            if value < self.bound:
                self.bound, self.price = value, price
            self.tried.append((counts, price))
            if slope >= 0.0:
                high = (price, value, slope)
            else:
                low = (price, value, slope)
            if deadline.passed or (slope >= 0.0 and price <= 0.0):
                return
            if high[0] < 0.0:
                price = max(2.0 * price, smallest)
            elif low[0] < 0.0:
                price = 0.5 * price if price > smallest else 0.0
            else:
                price, estimate = next_price(*low, *high, turn)
                if self.bound - estimate <= accuracy or high[0] - low[0] <= 1e-14 * high[0]:
                    return

    def decide(self, deadline: Deadline) -> None:
        """Decisions with the counts met last, most promising first, until the deadline."""
        seen: set[bytes] = set()
        for counts, price in sorted(self.tried, key=lambda tried: abs(tried[1] - self.price)):
            if deadline.passed:
                return
            if counts.tobytes() not in seen:
                seen.add(counts.tobytes())
                self._decide(counts, price)

    def _decide(self, counts: Floats, price: float) -> None:
        model = self.model
        access = cheap_access(model.needs, counts)
        loads: Floats = np.bincount(access, model.needs[access, np.arange(len(access))], len(counts)).astype(np.float64)
        box = np.zeros((5, len(counts)))
        box[COUNT], box[LOAD_LOW], box[LOAD_HIGH], box[TIME_HIGH] = counts, loads, loads, math.inf
        spectrum, asked = np.zeros(len(counts)), np.zeros((2, len(counts)))
        accuracy = 1e-6 * max(self.objective, 1e-9)
        _, _, earned = leaf_dual(model, box, loads, price, accuracy, spectrum, asked)
        if len(counts) <= MOST_EXCHANGING:
            earned = exchange(model, counts, loads, spectrum, accuracy)
        if earned > self.objective:
            self.objective, self.counts, self.access = earned, counts, access
            self.loads, self.spectrum = loads, spectrum


def cheap_access(needs: Floats, counts: Floats) -> Integers:
    """An access with these counts and small loads: APs with most to lose choose first. A heuristic, no bound rests on it."""
    room, points = counts.copy(), len(needs[0])
    access: Integers = np.zeros(points, dtype=np.int64)
    relative: Floats = needs / np.maximum(needs.min(axis=1, keepdims=True), 1e-300)
    logs: Floats = np.log(np.maximum(relative, 1e-300))
    order = np.argsort(logs.min(axis=0) - logs.max(axis=0), kind="stable")
    for k in order.tolist():
        free = np.where(room > 0.0, relative[:, k], math.inf)
        access[k] = int(free.argmin())
        room[access[k]] -= 1.0
    return access


@compiled
def least_loads(model: GlobalModel, most: Integers) -> tuple[Floats, Floats]:
    """(least load of committee i with n APs [I, N + 1], earliest times of its rows there [I, N + 1, R]; inf: none)."""
    committees = model.needs.shape[0]
    widest = most.max() + 1
    loads = np.zeros((committees, widest))
    earliest = np.full((committees, widest, model.rows.shape[1]), math.inf)
    box, alone = np.zeros((5, committees)), np.zeros((committees, model.rows.shape[1]))
    box[TIME_HIGH] = math.inf
    for i in range(committees):
        needs = np.sort(model.needs[i])
        box[COUNT] = 0.0
        for n in range(1, most[i] + 1):
            loads[i, n] = needs[:n].sum()
            box[COUNT, i] = n
            box[1:4, :] = 0.0
            box[LOAD_LOW, i] = loads[i, n]
            if tighten_times(model, box[COUNT], box[LOAD_LOW], box, alone):
                earliest[i, n] = alone[i]
    return loads, earliest


@compiled
def price_bound(
    model: GlobalModel, most: Integers, loads: Floats, earliest: Floats, price: float
) -> tuple[float, float, Floats]:
    """(bound at this price, its slope, counts [I] that attain it); see the module."""
    committees, points = model.needs.shape
    best = np.full((committees + 1, points + 1), -math.inf)
    best[0, 0] = 0.0
    taken = np.zeros((committees, points + 1), dtype=np.int64)
    asked, size = np.zeros((committees, loads.shape[1])), 0.0
    sound = True
    for i in range(committees):
        worth = np.zeros(loads.shape[1])
        for n in range(1, most[i] + 1):
            worth[n], _, asked[i, n] = respond(model, i, float(n), loads[i, n], price, earliest[i, n], math.inf)
            sound = sound and worth[n] < math.inf
        size += np.abs(worth).max()
        for k in range(points + 1):
            for n in range(min(most[i], k) + 1):
                value = best[i, k - n] + worth[n]
                if value > best[i + 1, k]:
                    best[i + 1, k] = value
                    taken[i, k] = n
    counts = np.zeros(committees)
    slope, left = model.budget, points
    for i in range(committees - 1, -1, -1):
        n = taken[i, left]
        counts[i] = n
        slope -= asked[i, n]
        left -= n
    bound = float(best[committees, points]) + price * model.budget
    if not sound or not bound > -math.inf:
        bound = math.inf
    return bound + 2.0 * SLACK * (size + price * model.budget), slope, counts
