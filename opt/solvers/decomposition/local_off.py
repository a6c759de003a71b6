r"""Cells in which nobody can earn anything, by signs alone: their bound is 0 exactly, without slack for rounding.

Whatever the others do, a head in a cell with tau <= r has at most W - M/r subchannels, which cost at least the money price p_0
each, and delays of at least i + s l. If off is best for every head even so, nobody earns. Worths are raised by 2e-9 of
themselves, which is far more than all rounding in what a head earns takes from it, so that a sign is certain.
"""

from __future__ import annotations

from ...arrays import Floats
from ...compiled import compiled
from ...local_reduction import ReducedLocal
from .local_delay import OVERLAP, fade_above, line_on
from .response import boxed_response

CERTAIN = 2e-9


@compiled
def nobody_runs(
    problem: ReducedLocal, low: Floats, high: Floats, left: float, right: float, intercept: float, slope: float
) -> bool:
    """Whether off is best for every head of the cell [left, right] x [low, high] under the delay line intercept + slope tau."""
    start, intercept, slope = line_on(intercept, slope, left, right)
    fade = fade_above(problem.decay, intercept, slope, start) * (1.0 + CERTAIN)
    most = problem.budget * (1.0 + 1e-14)
    if problem.multicast_need > 0.0:
        most -= problem.multicast_need / (right * (1.0 + OVERLAP))
    for j in range(low.size):
        if low[j] > 0.0:
            return False
        value, _, _ = boxed_response(
            fade * problem.worth[j],
            problem.decay,
            problem.work[j],
            problem.cpu_max[j],
            problem.cpu_price,
            problem.need[j],
            problem.spectrum_price,
            0.0,
            min(high[j], max(most, 0.0)),
        )
        if not value <= 0.0:
            return False
    return True
