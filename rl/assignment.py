"""Who uses which committee: the assignment within capacities that maximises the sum of preferences, exactly.

Everybody starts at the committee that prefers it most; while a committee holds too many, APs are moved along the chain of
moves (over to i, i to j, ...) that loses least and ends at a committee with room. This is the successive shortest path
algorithm for minimum-cost flow: the start has no improving cycle, shortest chains keep it so, hence the end is optimal.
Moves per epoch are few and committees fewer, so it runs as one compiled loop over environments.
"""

from __future__ import annotations

import numpy as np

from ..opt.arrays import Floats, Integers
from ..opt.compiled import compiled

# Losses that differ by less than this fraction of the largest preference are equal: rounding must not make a cycle.
TIE = 1e-12


def assign(preference: Floats, capacity: Integers) -> Integers:
    """access [env, K] maximising sum over k of preference[access[k], k], committee i serving at most capacity[i] APs.

    preference [env, I, K], finite; capacity [env, I], summing to at least K. Ties go to the lower committee, and of APs
    that lose the same, the one with the lower index moves.
    """
    return _assign(np.ascontiguousarray(preference), np.ascontiguousarray(capacity))


@compiled
def _assign(preference: Floats, capacity: Integers) -> Integers:
    envs, committees, aps = preference.shape
    access = np.empty((envs, aps), dtype=np.int64)
    count = np.empty(committees, dtype=np.int64)
    loss = np.empty((committees, committees))
    mover = np.empty((committees, committees), dtype=np.int64)
    total = np.empty(committees)
    before = np.empty(committees, dtype=np.int64)
    for env in range(envs):
        liking = preference[env]
        tie = TIE * np.abs(liking).max()
        count[:] = 0
        for k in range(aps):
            best = 0
            for i in range(1, committees):
                if liking[i, k] > liking[best, k]:
                    best = i
            access[env, k] = best
            count[best] += 1
        for full in range(committees):
            while count[full] > capacity[env, full]:
                loss[:, :] = np.inf
                for k in range(aps):
                    i = access[env, k]
                    for j in range(committees):
                        lost = liking[i, k] - liking[j, k]
                        if j != i and lost < loss[i, j]:
                            loss[i, j] = lost
                            mover[i, j] = k
                # Bellman-Ford from the full committee.
                total[:] = np.inf
                total[full] = 0.0
                for _ in range(committees - 1):
                    for i in range(committees):
                        for j in range(committees):
                            if total[i] + loss[i, j] < total[j] - tie:
                                total[j] = total[i] + loss[i, j]
                                before[j] = i
                end = -1
                for i in range(committees):
                    if count[i] < capacity[env, i] and (end < 0 or total[i] < total[end]):
                        end = i
                count[full] -= 1
                count[end] += 1
                while end != full:
                    start = before[end]
                    access[env, mover[start, end]] = end
                    end = start
    return access
