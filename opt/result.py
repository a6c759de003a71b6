"""What a solver is given (Budget), what it answers (Answer) and what the caller gets (Result): three things.

A solver never scores itself: ``opt.solve`` evaluates its decision with the equations and turns the Answer into a Result.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Literal

from .certificate.proof import Certificate
from .decision import Decision

Stopped = Literal["gap", "time_limit", "exhausted", "error"]
Holds = Literal["optimal", "feasible", "none"]


@dataclass(frozen=True)
class Budget:
    """gap: relative gap at which to stop; time_limit [s]: wall clock after which to stop with what is held;
    certificate: whether the answer must hold what proves its bound."""

    gap: float = 1e-4
    time_limit: float = 60.0
    certificate: bool = False


@dataclass(frozen=True)
class TracePoint:
    """Both bounds at one moment: seconds since the start, objective held, bound proved (whole problem)."""

    seconds: float
    objective: float
    bound: float


@dataclass(frozen=True, eq=False)
class Answer:
    """What a solver returns: a decision (None: none found), proved upper bounds of both parts (+inf: none proved),
    what proves them, why it stopped, the trace of both bounds, seconds spent per stage, and the certificate if asked for."""

    decision: Decision | None
    local_bound: float = math.inf
    global_bound: float = math.inf
    proof: str = ""
    stopped: Stopped = "exhausted"
    trace: tuple[TracePoint, ...] = ()
    stages: dict[str, float] = field(default_factory=dict[str, float])
    certificate: Certificate | None = None


@dataclass(frozen=True)
class PartResult:
    """objective earned and bound proved (+inf when none) of one part."""

    objective: float
    bound: float


@dataclass(frozen=True, eq=False)
class Result:
    """A solved snapshot. ``objective`` is what ``decision`` earns by the equations, not what the solver believes."""

    snapshot: str
    solver: str
    objective: float
    bound: float
    stopped: Stopped
    holds: Holds
    seconds: float
    local: PartResult
    global_: PartResult
    decision: Decision | None
    proof: str = ""
    trace: tuple[TracePoint, ...] = ()
    stages: dict[str, float] = field(default_factory=dict[str, float])
    certificate: Certificate | None = None

    @property
    def gap(self) -> float:
        """(bound - objective) / max(|objective|, 1e-9); +inf without a bound or a decision."""
        return relative_gap(self.objective, self.bound)


def relative_gap(objective: float, bound: float) -> float:
    """(bound - objective) / max(|objective|, 1e-9); +inf when either is missing (nan or infinite)."""
    if not (math.isfinite(objective) and math.isfinite(bound)):
        return math.inf
    return (bound - objective) / max(abs(objective), 1e-9)


class Deadline:
    """Wall-clock limit that solvers ask between steps."""

    def __init__(self, seconds: float) -> None:
        self.started = time.perf_counter()
        self.limit = seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def passed(self) -> bool:
        """True once the limit is reached."""
        return self.elapsed >= self.limit
