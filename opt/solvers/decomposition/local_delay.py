r"""The delay that all heads share, Q(tau) = max(0, iota tau - H/(2 lambda)) + max(0, level(tau)) tau, and lines below it.

(6) and (11) of the paper with tau = T_multi, level(tau) = 2.84 ln(2 lambda tau), floored when ``stepped``. Q never falls.
Its pieces: with the floor Q is affine between the edges e_l = exp(l/2.84)/(2 lambda), l = 1, 2, ..., and the kink of the
queue; without it Q is convex throughout (tau ln(2 lambda tau) is, with slope 2.84 > 0 where it sets in).
"""

from __future__ import annotations

import math

from ...compiled import compiled
from ...local_equations import ADAPTATION_SLOPE
from ...local_reduction import ReducedLocal

# Levels are compared with this slack (3.5e-13 of tau); bounds reach OVERLAP beyond the right end of their cell, so that
# whichever level rounding gives the equations next to an edge, a cell with a delay no longer than that covers it.
LEVEL_SLACK = 1e-12
OVERLAP = 1.2e-12
# Of the terms of an exponent, more than all that rounding takes from it, and more than a checker grants.
CANCELLED = 1.6e-14
# A decision that wants the right end of a level stays this much below it: there the level jumps, and the end is not attained.
STEP_BACK = 2e-12
# Cells that are narrower are not cut in time.
NARROW = 1e-8


@compiled
def level_at(problem: ReducedLocal, tau: float) -> float:
    """Adaptation level at ``tau`` (right-continuous at edges)."""
    load = problem.load_rate * tau
    if load <= 1.0:
        return 0.0
    level = ADAPTATION_SLOPE * math.log(load)
    return math.floor(level + LEVEL_SLACK) if problem.stepped else level


@compiled
def edge(problem: ReducedLocal, level: float) -> float:
    """The multicast time at which the adaptation level reaches ``level``."""
    return math.exp(level / ADAPTATION_SLOPE) / problem.load_rate


@compiled
def kink(problem: ReducedLocal) -> float:
    """The multicast time from which heads queue; +inf if they never do."""
    return problem.queue_relief / problem.queue_slope if problem.queue_slope > 0.0 else math.inf


@compiled
def shared_delay(problem: ReducedLocal, tau: float) -> float:
    """Q(tau) [s]."""
    if tau == math.inf:
        return math.inf
    return max(0.0, problem.queue_slope * tau - problem.queue_relief) + level_at(problem, tau) * tau


@compiled
def delay_slope(problem: ReducedLocal, tau: float) -> float:
    """A slope of Q at ``tau`` (the right-hand one, inside the level)."""
    slope = problem.queue_slope if tau >= kink(problem) else 0.0
    level = level_at(problem, tau)
    if problem.stepped:
        return slope + level
    return slope + (level + ADAPTATION_SLOPE if problem.load_rate * tau >= 1.0 else 0.0)


@compiled
def line_below(problem: ReducedLocal, left: float, touch: float) -> tuple[float, float]:
    """(intercept, slope) of a line that Q never passes below on [left, inf); touch >= left is where it should be close.

    The queue is convex, so any tangent lies below it. So is the adaptation term without the floor; with the floor it is at
    least level(left) tau from ``left`` on. The line equals Q on a piece (one level, one side of the kink) that holds both.
    """
    intercept, slope = (-problem.queue_relief, problem.queue_slope) if touch >= kink(problem) else (0.0, 0.0)
    if problem.stepped:
        return intercept, slope + level_at(problem, left)
    if problem.load_rate * touch > 1.0:
        intercept -= ADAPTATION_SLOPE * touch
        slope += level_at(problem, touch) + ADAPTATION_SLOPE
    return intercept, slope


@compiled
def line_on(intercept: float, slope: float, left: float, right: float) -> tuple[float, float, float]:
    """(left, intercept, slope) of a line below Q where it is not negative: the cell's part from there on.

    Before it, Q >= 0 is the better line: nothing fades, and what multicast costs falls, so whatever a cell is worth there it is
    worth where the line starts, too. A line that is negative throughout the cell, or no line, gives way to 0 altogether.
    """
    if not intercept >= 0.0:
        start = -intercept / slope if slope > 0.0 else math.inf
        return (max(left, start), intercept, slope) if start < right else (left, 0.0, 0.0)
    return left, intercept, slope


@compiled
def fade_above(decay: float, intercept: float, slope: float, tau: float) -> float:
    """y = exp(-A max(0, intercept + slope tau)), rounded up; 0 at tau = inf only, 1 where the exponent is no number.

    The exponent is taken less ``CANCELLED`` of the terms it is made of, however much they cancel, and at most 690.
    """
    if slope > 0.0 and tau == math.inf:
        return 0.0
    exponent = decay * (intercept + slope * tau * (1.0 - CANCELLED) - CANCELLED * abs(intercept)) * (1.0 - 1e-15)
    return math.exp(-min(exponent, 690.0)) if exponent > 0.0 else 1.0


@compiled
def piece_edge(problem: ReducedLocal, left: float, right: float, near: float) -> float:
    """Where to cut (left, right) so that each side holds fewer pieces of Q; 0 if it is one piece already.

    Among many levels the middle one (or, without a right end, the one next to ``near``): that takes logarithmically many cuts.
    """
    inner_left, inner_right = left * (1.0 + OVERLAP), right * (1.0 - OVERLAP)
    if problem.stepped:
        lowest = level_at(problem, inner_left) + 1.0
        if edge(problem, lowest) < inner_right:
            if right < math.inf:
                highest = level_at(problem, inner_right)
            else:
                highest = max(lowest, 2.0 * level_at(problem, near) - lowest) if near < math.inf else 2.0 * lowest + 8.0
            chosen = edge(problem, max(lowest, math.floor(0.5 * (lowest + highest))))
            if inner_left < chosen < inner_right:
                return chosen
            return edge(problem, lowest)
    else:
        start = 1.0 / problem.load_rate
        if inner_left < start < inner_right:
            return start
    turn = kink(problem)
    return turn if inner_left < turn < inner_right else 0.0
