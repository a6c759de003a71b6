"""What the solver of one part answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

from ...certificate.proof import GlobalProof, LocalProof, WholeGlobalProof
from ...decision import GlobalDecision, LocalDecision
from ...result import Stopped

PartDecision = TypeVar("PartDecision", LocalDecision, GlobalDecision)


@dataclass(frozen=True, eq=False)
class PartAnswer(Generic[PartDecision]):
    """decision: feasible, at link level; objective: what it earns; bound: proved upper bound of this part's optimum;
    trace: (seconds, objective, bound) as they improved; stages: seconds per stage of the solver; proof: of the
    bound, when it was asked for."""

    decision: PartDecision
    objective: float
    bound: float
    stopped: Stopped
    trace: tuple[tuple[float, float, float], ...] = ()
    stages: dict[str, float] = field(default_factory=dict[str, float])
    proof: LocalProof | GlobalProof | WholeGlobalProof | None = None
