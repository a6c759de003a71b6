"""What a solver is given (Budget), what it answers (Answer) and what the caller gets (Result): three things.

A solver never scores itself: ``opt.solve`` evaluates its decision with the equations and turns the Answer into a Result.
"""

from __future__ import annotations

import math
import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Literal

from .certificate.proof import Certificate
from .decision import Decision
from .stop import current_stop, enforced

# "interrupted" and "memory_limit": a solver says "time_limit" whatever ended it early, and ``opt.solve`` names the cause.
Stopped = Literal["gap", "time_limit", "exhausted", "error", "interrupted", "memory_limit"]
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
    """What ends a solver early, to be asked between steps: its time limit, an interrupt, its memory limit (``opt.stop``)."""

    def __init__(self, seconds: float) -> None:
        self.started = time.perf_counter()
        self.limit = seconds
        self.stop = current_stop()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def passed(self) -> bool:
        """True once the time limit is reached, or the solve must end for another reason."""
        return self.elapsed >= self.limit or self.stop.reason is not None

    @property
    def left(self) -> float:
        """Seconds that may still be used: 0 once passed."""
        return 0.0 if self.stop.reason is not None else max(0.0, self.limit - self.elapsed)

    def enforced(self) -> AbstractContextManager[None]:
        """Steps inside end with ``LimitReached`` when the deadline passes, wherever they are in Python code."""
        return enforced(lambda: self.passed)
