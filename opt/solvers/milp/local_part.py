"""The local part as a refinable relaxation: grids, program, incumbent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

from ...arrays import Floats
from ...decision import LocalDecision
from ...errors import InputError
from ...local_equations import evaluate_local
from ...local_reduction import recover_local, reduce_local
from ...snapshot import LocalPart
from .cells import first_ends, split_all
from .local_delay import delay_in, first_taus, latest_tau
from .local_model import TAIL, LocalModel, head_ranges
from .local_polish import Polish
from .program import Program
from .refinement import Case

# Relative slack for sums of exponentials that are bounds by themselves.
ROUNDING = 1e-9
# Intervals of tau are not cut below this relative width.
NARROW = 1e-9


class LocalRelaxation:
    """Grids of the local part, refined where the relaxation was too optimistic; see ``local_model`` for the program."""

    def __init__(self, part: LocalPart) -> None:
        if part.whole_subchannels:
            raise InputError("is true; solver milp handles divisible subchannels only (false)", field="local.whole_subchannels")
        self.part = part
        self.problem = problem = reduce_local(part)
        nothing = np.zeros(len(problem.worth))
        self.decision: LocalDecision = recover_local(part, math.inf, nothing, nothing)
        self.objective = 0.0
        self.tau_low = problem.multicast_need / problem.budget * (1.0 - 1e-12)
        soonest = delay_in(problem, self.tau_low, self.tau_low, self.tau_low) if 0.0 < self.tau_low < math.inf else 0.0
        self.ranges = head_ranges(problem, soonest)
        self.tail = self.ranges.tail
        self.unit = max(float(problem.worth.max()), 1e-300)
        self.cases: Sequence[Case] = self._first_cases()
        self.ends = [
            first_ends(float(early), float(late), problem.decay) if able else np.zeros(0)
            for early, late, able in zip(self.ranges.early, self.ranges.late, self.ranges.able, strict=True)
        ]

    def _first_cases(self) -> list[Case]:
        """Intervals of tau; none when a link has no rate or no head can pay: then everything off is best."""
        problem, ranges = self.problem, self.ranges
        if not (math.isfinite(problem.multicast_need) and bool(ranges.able.any())):
            return []
        if problem.multicast_need <= 0.0:
            return [Case(0.0, 0.0)]
        # From the last one on all heads together earn less than the tail.
        fastest = float((problem.worth * np.exp(-problem.decay * (ranges.upload + ranges.training))).sum())
        delay = math.log(max(1.0, fastest / (TAIL * float(problem.worth.sum())))) / problem.decay
        taus = first_taus(problem, self.tau_low, latest_tau(problem, self.tau_low * 1.01, delay)).tolist()
        return [Case(left, right) for left, right in itertools.pairwise(taus)]

    def quick_bound(self, case: Case) -> float:
        """All heads at their fastest, for free, with the least wait."""
        ranges, problem = self.ranges, self.problem
        wait = delay_in(problem, case.left, *case) if case.left > 0.0 else 0.0
        fastest = ranges.upload + ranges.training + wait
        return float((problem.worth * np.exp(-problem.decay * fastest)).sum()) * (1.0 + ROUNDING)

    def build(self, case: Case) -> Program:
        """The program of one interval of tau."""
        self.model = LocalModel(self.problem, self.ranges, self.ends, case)
        return self.model.program

    def attempt(self, values: Floats, accuracy: float) -> None:
        """Look for a decision near a solution of the relaxation and keep it if it earns more than the one held."""
        choice = self.model.choice(values)
        if not choice.on.any():
            return
        problem, on = self.problem, choice.on
        times = Polish(problem, self.ranges, choice).run(accuracy)
        uplink, cpu = np.zeros(len(on)), np.zeros(len(on))
        uplink[on] = problem.need[on] / times.upload[on]
        working = on & (problem.work > 0.0)
        cpu[working] = np.minimum(problem.work[working] / times.training[working], problem.cpu_max[working])
        decision = recover_local(self.part, times.tau if times.tau > 0.0 else math.inf, uplink, cpu)
        earned = evaluate_local(self.part, decision)
        if float(earned.utility) > self.objective and earned.violation <= 1e-12:
            self.objective, self.decision = float(earned.utility), decision

    def loose(self, values: Floats) -> float:
        """Money that the relaxation earns at ``values`` by secants and by waits that are too short."""
        return float(self.model.promise(values).error.sum()) + self.model.waived(values)[0]

    def refine(self, values: Floats, allowed: float) -> tuple[bool, Sequence[Case]]:
        """Split intervals of delays whose secants promise too much, and the interval of tau when heads wait too little."""
        model, (left, right) = self.model, self.model.case
        finer = split_all(self.ends, model.head, model.promise(values), self.problem.decay, 0.5 * allowed)
        waived, tau = model.waived(values)
        if waived <= 0.5 * allowed or right <= left * (1.0 + NARROW):
            return finer, [model.case]
        margin = 0.1 * (right - left)
        cut = min(max(tau, left + margin), right - margin)
        return True, [Case(left, cut), Case(cut, right)]
