r"""What a solver held at every moment, and integrals over time. The one home of each formula.

Of one run with time limit L, objective p(t) is the best that was held at t and bound d(t) the smallest proved by then; after
the run's end both stay as they are. With the project's relative gap g(p, d) = (d - p) / max(|p|, 1e-9) and P the best objective
that any solver holds on the snapshot,

    gap     G(t) = g(p(t), d(t))       clipped to [0, 1]; 1 while there is no bound or no decision
    primal  p'(t) = -g(P, p(t))        clipped to [0, 1]; 1 while there is no decision: (P - p) / max(|P|, 1e-9)
    dual    d'(t) = g(P, d(t))         clipped to [0, 1]; 1 while there is no bound

and each integral is that over [0, L] in seconds: 0 is best, L is worst, and a run that failed has L.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..opt.arrays import Floats, floats
from ..opt.result import relative_gap


@dataclass(frozen=True, eq=False)
class Trace:
    """Steps: from seconds[n] on, objective[n] is held (-inf: none) and bound[n] is proved (+inf: none). All [n], times rise."""

    seconds: Floats
    objective: Floats
    bound: Floats

    def at(self, moment: float) -> tuple[float, float]:
        """(objective, bound) at a moment: nothing before the first step."""
        n = int(np.searchsorted(self.seconds, moment, side="right")) - 1
        return (-math.inf, math.inf) if n < 0 else (float(self.objective[n]), float(self.bound[n]))


NOTHING = Trace(floats([]), floats([]), floats([]))


def monotone_trace(points: Sequence[tuple[float, float, float]], end: tuple[float, float, float]) -> Trace:
    """The trace of a run from its points (seconds, objective, bound; NaN or infinite: none) and what it ended with.

    Objectives only rise and bounds only fall. What a solver says on the way it may believe within its own tolerances only, so
    no step is better than the end, which the equations have evaluated.
    """
    last, objective, bound = end
    best = objective if math.isfinite(objective) else -math.inf
    least = bound if math.isfinite(bound) else math.inf
    rows: list[tuple[float, float, float]] = []
    held, proved = -math.inf, math.inf
    for seconds, claimed, claimed_bound in sorted(points, key=lambda point: point[0]):
        if math.isfinite(claimed):
            held = max(held, min(claimed, best))
        if math.isfinite(claimed_bound):
            proved = min(proved, max(claimed_bound, least))
        rows.append((min(seconds, last), held, proved))
    rows.append((last, best, least))
    return Trace(*(floats(column) for column in zip(*rows, strict=True)))


def clipped_gap(objective: float, bound: float) -> float:
    """G of the module: relative gap clipped to [0, 1], 1 when either number is missing."""
    return min(1.0, max(0.0, relative_gap(objective, bound)))


def primal_gap(objective: float, best: float) -> float:
    """p' of the module: what is missing to the best objective that anyone holds."""
    return min(1.0, max(0.0, -relative_gap(best, objective))) if math.isfinite(objective) else 1.0


def dual_gap(bound: float, best: float) -> float:
    """d' of the module: what the bound is above the best objective that anyone holds."""
    return clipped_gap(best, bound)


def gap_steps(trace: Trace) -> Floats:
    """G from every step of the trace on [n]."""
    return floats([clipped_gap(p, d) for p, d in zip(trace.objective, trace.bound, strict=True)])


def gap_at(trace: Trace, moments: Floats) -> Floats:
    """G at each moment [moment]: 1 before the first step."""
    return np.append(1.0, gap_steps(trace))[np.searchsorted(trace.seconds, moments, side="right")]


def step_integral(seconds: Floats, values: Floats, until: float) -> float:
    """Integral over [0, until] of a step function that is 1 before its first step and values[n] from seconds[n] on."""
    edges = np.clip(np.concatenate([[0.0], seconds, [until]]), 0.0, until)
    return float((np.concatenate([[1.0], values]) * np.diff(edges)).sum())


@dataclass(frozen=True)
class Integrals:
    """In seconds, from 0 (best) to the time limit (worst)."""

    gap: float
    primal: float
    dual: float


def integrals(trace: Trace, best: float, time_limit: float) -> Integrals:
    """The three integrals of a run; ``best``: P, NaN when nobody holds a decision (then primal and dual gap are 1)."""
    primal = floats([primal_gap(p, best) if math.isfinite(best) else 1.0 for p in trace.objective])
    dual = floats([dual_gap(d, best) for d in trace.bound])
    return Integrals(*(step_integral(trace.seconds, steps, time_limit) for steps in (gap_steps(trace), primal, dual)))


def first_within(trace: Trace, bound: float, gap: float) -> float:
    """Seconds until a decision is held within the relative gap of ``bound``; +inf when that never happens."""
    for seconds, objective in zip(trace.seconds, trace.objective, strict=True):
        if relative_gap(float(objective), bound) <= gap:
            return float(seconds)
    return math.inf
