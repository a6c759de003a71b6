r"""Pieces of the delay that all heads share, Q(tau) = max(0, iota tau - H/(2 lambda)) + max(0, level(tau)) tau, (6) and (11).

On an interval of tau with one adaptation level (floor) Q is a maximum of lines. Without the floor tau ln(2 lambda tau) is
convex where it counts, and tangents lie below it. The relaxation only needs Q from below: more delay never earns more.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from ...arrays import Floats
from ...local_equations import ADAPTATION_SLOPE
from ...local_reduction import ReducedLocal

# Intervals reach this much (relative) over their ends, so that rounding in the level cannot leave a gap between them.
OVERLAP = 1e-11
# A decision that wants the right end of a level stays this much below: there the level jumps, the best value is approached.
STEP_BACK = 1e-9


def level_edge(problem: ReducedLocal, level: float) -> float:
    """The multicast time [s] at which the floored level becomes ``level`` >= 1."""
    return math.exp(level / ADAPTATION_SLOPE) / problem.load_rate


def level_between(problem: ReducedLocal, left: float, right: float) -> float:
    """The adaptation level inside an interval that crosses no edge; without the floor the one at its middle."""
    load = problem.load_rate * math.sqrt(left * right)
    level = max(0.0, ADAPTATION_SLOPE * math.log(load)) if load > 0.0 else 0.0
    return float(math.floor(level)) if problem.stepped else level


def delay_in(problem: ReducedLocal, tau: float, left: float, right: float) -> float:
    """Q at ``tau`` with the level of the interval (left, right) that holds it, i.e. its limit from inside at the ends."""
    if problem.stepped:
        level = level_between(problem, left, right)
    else:
        level = max(0.0, ADAPTATION_SLOPE * math.log(problem.load_rate * tau))
    return max(0.0, problem.queue_slope * tau - problem.queue_relief) + level * tau


def lines_below(problem: ReducedLocal, left: float, right: float) -> list[tuple[float, float]]:
    """(intercept, slope) of lines that Q stays above on [left, right]: exact with the floor, tangents without."""
    queue = [(0.0, 0.0), (-problem.queue_relief, problem.queue_slope)]
    if problem.stepped:
        level = level_between(problem, left, right)
        return [(intercept, slope + level) for intercept, slope in queue]
    adaptation = [(0.0, 0.0)]
    for point in np.linspace(left, right, 5).tolist():
        load = problem.load_rate * point
        if load > 1.0:
            # d/dtau [2.84 tau ln(2 lambda tau)] = 2.84 (ln(2 lambda tau) + 1); the tangent meets tau = 0 at -2.84 tau.
            adaptation.append((-ADAPTATION_SLOPE * point, ADAPTATION_SLOPE * (math.log(load) + 1.0)))
    return [(a + b, r + s) for a, r in queue for b, s in adaptation]


def first_taus(problem: ReducedLocal, low: float, high: float) -> Floats:
    """Ends of intervals of tau: all level edges in between, and none wider than a factor of 1.3."""
    ends = [low, high]
    if problem.stepped:
        level = 1
        while level_edge(problem, level) < high:
            ends.append(level_edge(problem, level))
            level += 1
    ends = sorted({end for end in ends if low <= end <= high})
    between: list[float] = []
    for left, right in itertools.pairwise(ends):
        parts = math.ceil(math.log(right / left) / math.log(1.3))
        between += [left * (right / left) ** (part / parts) for part in range(1, parts)]
    return np.array(sorted(ends + between))


def latest_tau(problem: ReducedLocal, low: float, delay: float) -> float:
    """A multicast time >= low from which Q is at least ``delay``; within a factor of 1.01 of the first."""
    tau = low
    while delay_in(problem, tau, tau, tau * (1.0 + 1e-6)) < delay:
        tau *= 1.01
    return tau
