"""Which AP uses which committee when every load has a price: a transportation problem, solved by cancelling cycles.

Maximise sum of weight[i, k] over access with fixed numbers of APs per committee. Moving AP k from i to j gains
weight[j, k] - weight[i, k]; an assignment is best when no cycle of best moves gains. The potentials of the last check
(longest paths) are the dual solution; ``assignment_bound`` is a bound for any potentials, whatever made them.
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Floats, Integers
from ...compiled import compiled


@compiled
def improve_assignment(weight: Floats, counts: Floats, access: Integers, potential: Floats) -> None:
    """Improve ``access`` [K] in place until no cycle of moves gains; writes the ``potential`` [I] of each committee."""
    committees, points = weight.shape
    gain = np.empty((committees, committees))
    mover = np.empty((committees, committees), dtype=np.int64)
    before = np.empty(committees, dtype=np.int64)
    seen = np.empty(committees, dtype=np.int64)
    least = 1e-14 * np.abs(weight).max()
    for _ in range(50 * points + 50):
        gain[:] = -math.inf
        for k in range(points):
            i = access[k]
            for j in range(committees):
                if j != i and counts[j] > 0.0:
                    move = weight[j, k] - weight[i, k]
                    if move > gain[i, j]:
                        gain[i, j] = move
                        mover[i, j] = k
        potential[:] = 0.0
        before[:] = -1
        last = -1
        for _round in range(committees):
            last = -1
            for i in range(committees):
                for j in range(committees):
                    if potential[i] + gain[i, j] > potential[j] + least:
                        potential[j] = potential[i] + gain[i, j]
                        before[j] = i
                        last = j
            if last < 0:
                break
        if last < 0:
            return
        for _step in range(committees):
            last = before[last]
        seen[:] = 0
        at = last
        while seen[at] == 0:
            seen[at] = 1
            source = before[at]
            access[mover[source, at]] = at
            at = source


@compiled
def assignment_bound(weight: Floats, counts: Floats, potential: Floats) -> tuple[float, float]:
    """(bound, size of its terms) on the weight of every assignment with these counts, for any potentials:
    sum_i counts_i potential_i + sum_k max_i (weight_ik - potential_i)."""
    committees, points = weight.shape
    total, size = 0.0, 0.0
    for i in range(committees):
        total += counts[i] * potential[i]
        size += counts[i] * abs(potential[i])
    for k in range(points):
        best = -math.inf
        for i in range(committees):
            if counts[i] > 0.0:
                best = max(best, weight[i, k] - potential[i])
        total += best
        size += abs(best)
    return total, size


@compiled
def any_assignment(counts: Floats, access: Integers) -> None:
    """Some assignment with these counts, written to ``access`` [K]."""
    k = 0
    for i in range(counts.size):
        for _ in range(int(counts[i])):
            access[k] = i
            k += 1


@compiled
def count_vectors(capacity: Integers, points: int) -> Integers:
    """All ways to spread ``points`` APs over committees within their capacities (C3, C4); [ways, I]."""
    committees = capacity.size
    room = np.zeros(committees + 1, dtype=np.int64)
    for i in range(committees - 1, -1, -1):
        room[i] = room[i + 1] + capacity[i]
    ways = np.zeros(points + 1, dtype=np.int64)
    ways[0] = 1
    for i in range(committees):
        longer = np.zeros(points + 1, dtype=np.int64)
        for used in range(points + 1):
            for more in range(min(capacity[i], points - used) + 1):
                longer[used + more] += ways[used]
        ways = longer
    found = np.zeros((ways[points], committees), dtype=np.int64)
    current = np.zeros(committees, dtype=np.int64)
    left = points
    for i in range(committees):
        current[i] = max(0, left - room[i + 1])
        left -= current[i]
    for place in range(found.shape[0]):
        found[place] = current
        # The next vector: raise the last entry that can grow, then fill behind it as late as possible.
        behind = 0
        for i in range(committees - 1, -1, -1):
            if behind > 0 and current[i] < capacity[i]:
                current[i] += 1
                left = behind - 1
                for j in range(i + 1, committees):
                    current[j] = max(0, left - room[j + 1])
                    left -= current[j]
                break
            behind += current[i]
    return found
