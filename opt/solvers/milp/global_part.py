"""The global part as a refinable relaxation: grids, program, incumbent."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ...arrays import Floats, Integers
from ...decision import GlobalDecision
from ...errors import InputError
from ...global_equations import evaluate_global
from ...global_reduction import committee_needs, decision_of_times
from ...snapshot import GlobalPart
from .cells import first_ends, split_all
from .global_model import GlobalModel, committee_ranges
from .global_polish import Polish
from .program import Program
from .refinement import Case

# A need that would take this many timeouts with the whole budget is as good as none that can be met.
HOPELESS = 1e3
# Relative slack for an exponential that is a bound by itself.
ROUNDING = 1e-9


class GlobalRelaxation:
    """Grids of the global part, refined where the relaxation was too optimistic; see ``global_model`` for the program."""

    def __init__(self, part: GlobalPart) -> None:
        if part.whole_subchannels:
            raise InputError(
                "is true; solver milp handles divisible subchannels only (false)", field="global.whole_subchannels"
            )
        self.part = part
        needs = committee_needs(part)
        most = HOPELESS * float(part.timeout) * float(part.subchannels_max)
        self.needs = replace(
            needs, **{name: np.minimum(getattr(needs, name), most) for name in ("access", "leader", "broadcast", "reply")}
        )
        self.ranges = committee_ranges(part, self.needs)
        self.tail = self.ranges.tail
        committees, points = int(self.needs.access.shape[0]), int(self.needs.access.shape[1])
        self.unit = float(part.benefit) * points
        off = np.full((committees, 4), np.inf)
        self.decision: GlobalDecision = decision_of_times(
            part, self._any_access(points), np.zeros(committees, dtype=np.bool_), off, off[:, 0]
        )
        self.objective = float(evaluate_global(part, self.decision).utility)
        self.cases: Sequence[Case] = [Case(0.0, 0.0)]
        self.ends = [
            first_ends(early, late, part.decay) if early < late else np.zeros(0)
            for early, late in zip(self.ranges.early.tolist(), self.ranges.late.tolist(), strict=True)
        ]

    def _any_access(self, points: int) -> Integers:
        seats = np.repeat(np.arange(len(self.part.capacity)), np.minimum(self.part.capacity, points))
        return seats[:points]

    def quick_bound(self, case: Case) -> float:
        """All APs at the fastest committee, for free."""
        del case
        fastest = float(self.ranges.early.min())
        return len(self.decision.access) * self.part.benefit * math.exp(-self.part.decay * fastest) * (1.0 + ROUNDING)

    def build(self, case: Case) -> Program:
        """The program on the grids of now; there is one case."""
        self.case = case
        self.model = GlobalModel(self.part, self.needs, self.ranges, self.ends)
        return self.model.program

    def attempt(self, values: Floats, accuracy: float) -> None:
        """Look for a decision near a solution of the relaxation and keep it if it earns more than the one held."""
        choice = self.model.choice(values)
        counts = np.bincount(choice.access, minlength=len(self.part.capacity))
        if not choice.on.any() or (counts > self.part.capacity).any():
            return
        for plan in Polish(self.part, self.needs, self.ranges.late, choice).plans(accuracy):
            decision = decision_of_times(self.part, choice.access, choice.on, plan.phases, plan.verification)
            earned = evaluate_global(self.part, decision)
            if float(earned.utility) > self.objective and earned.violation <= 1e-11:
                self.objective, self.decision = float(earned.utility), decision

    def loose(self, values: Floats) -> float:
        """Money that the relaxation earns at ``values`` by secants."""
        return float(self.model.promise(values).error.sum())

    def refine(self, values: Floats, allowed: float) -> tuple[bool, Sequence[Case]]:
        """Split intervals of delays whose secants promise too much."""
        model = self.model
        return split_all(self.ends, model.i, model.promise(values), self.part.decay, allowed), [self.case]
