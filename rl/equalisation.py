"""What a committee's phases need together when its spectrum is split in the best way: the closed form of ``opt`` for a batch.

Times add up (13), so spectrum S given to phases with needs n_1, n_2, ... is best split in proportion to their roots, and then
takes (sum of roots)^2 / S seconds. Delegates send thrice: prepare and commit at the rate of their slowest receiver, the reply
to the manager alone; if replies are rho times as fast as broadcasts they need A(rho) (2 + 1 / rho) in all, A(rho) = sum over
delegates of max(e, g rho), and ``cheapest_ratio`` of the solver says which rho is best.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..opt.arrays import Floats
from ..opt.compiled import compiled
from ..opt.solvers.decomposition.global_curve import cheapest_ratio, free_phases

# Prepare and commit take the time of one broadcast each.
BROADCASTS = 2.0


class Broadcasting(NamedTuple):
    """Of each committee [...]. need: least A(rho) (2 + 1 / rho) [subchannel seconds]; ratio: its rho >= 1; total: A(rho)."""

    need: Floats
    ratio: Floats
    total: Floats


class Phases(NamedTuple):
    """Of each committee [...]: how long each phase takes, over the square root of what one second costs. leader: pre-prepare
    x; prepare: y; reply: z; all: x + y + max(x, y) + z (commit counted). Without the requests, and where no timeout binds."""

    leader: Floats
    prepare: Floats
    reply: Floats
    all: Floats


def phases(leader: Floats, broadcast: Floats, reply: Floats) -> Phases:
    """Cheapest split of a committee's time, whichever of pre-prepare and prepare is longer: a manager with need ``leader``
    [...], delegates as in ``broadcasting`` [subchannel seconds]."""
    batch = leader.shape
    rows = (np.ascontiguousarray(each).reshape(-1, broadcast.shape[-1]) for each in (broadcast, reply))
    return Phases(*(each.reshape(batch) for each in _phases(np.ascontiguousarray(leader).reshape(-1), *rows)))


def broadcasting(broadcast: Floats, reply: Floats) -> Broadcasting:
    """Of delegates with needs e (``broadcast``) and g (``reply``), [..., M], 0 in the padding [subchannel seconds]."""
    batch = broadcast.shape[:-1]
    rows = (np.ascontiguousarray(each).reshape(-1, broadcast.shape[-1]) for each in (broadcast, reply))
    need, ratio, total = (each.reshape(batch) for each in _broadcasting(*rows))
    return Broadcasting(need, ratio, total)


@compiled
def _broadcasting(broadcast: Floats, reply: Floats) -> tuple[Floats, Floats, Floats]:
    need, ratio, total = np.zeros(len(broadcast)), np.ones(len(broadcast)), np.zeros(len(broadcast))
    for row in range(len(broadcast)):
        least, best = cheapest_ratio(0.0, broadcast[row], reply[row], BROADCASTS)
        need[row], ratio[row], total[row] = least, best, least / (BROADCASTS + 1.0 / best)
    return need, ratio, total


@compiled
def _phases(leader: Floats, broadcast: Floats, reply: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    units = np.zeros((4, len(leader)))
    for row in range(len(leader)):
        of_x, of_y, _, ratio, x, y = free_phases(leader[row], broadcast[row], reply[row])
        z = y / ratio
        units[0, row], units[1, row], units[2, row], units[3, row] = x, y, z, of_x * x + of_y * y + z
    return units[0], units[1], units[2], units[3]
