r"""The one door to HiGHS: linear relaxations cut until they are tight, then mixed-integer search with a watched bound.

What a bound from HiGHS is worth. Its dual bound of a maximisation is the largest objective of the linear programs at open
nodes, each solved to TOLERANCE = 1e-9 in rows, column bounds and reduced costs (the integrality tolerance, the same,
concerns solutions, not bounds). Columns are O(1): binaries, weights of vertices, seconds, subchannels; money is divided by
``unit``, the largest amount one thing can earn. A wrong bound therefore needs rows that are violated by 1e-9 and pay for it:
a row relaxed by epsilon lets one thing be epsilon more on, or its time or share be off by epsilon, which earns about epsilon
units; a reduced cost of the wrong sign by epsilon earns at most epsilon times the width of its column. We add
2 TOLERANCE (rows + sum of widths) units: every row and column wrong at once, each as much as the tolerance lets it be.
This is an argument about scales, not interval arithmetic: HiGHS computes in floating point and is trusted to keep tolerances.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import highspy
import numpy as np

from ...arrays import Floats, Integers
from ...result import Deadline
from .program import Linear, Program, TangentPoints, linearise

TOLERANCE = 1e-9
# Ratio of neighbouring tangent points before anything is known; solutions ask for the points that matter.
FIRST_RATIO = 3.0
OPTIONS: dict[str, str | float | int | bool] = {
    "threads": 1,
    "parallel": "off",
    "random_seed": 0,
    "primal_feasibility_tolerance": TOLERANCE,
    "dual_feasibility_tolerance": TOLERANCE,
    "mip_feasibility_tolerance": TOLERANCE,
    "mip_rel_gap": 0.0,
    # Presolving and restarting cost more than they save on programs this small.
    "presolve": "off",
    # Solutions of the relaxation are only a means: our own repair finds decisions, HiGHS should prove.
    "mip_heuristic_effort": 0.0,
    "mip_heuristic_run_rins": False,
    "mip_heuristic_run_rens": False,
    "mip_heuristic_run_root_reduced_cost": False,
    "mip_heuristic_run_feasibility_jump": False,
    "mip_allow_restart": False,
}


class Watch(Protocol):
    """Sees (values attained in the relaxation, bound) as the search runs, in money; True ends the search."""

    def __call__(self, relaxed: float, bound: float, /) -> bool:
        """Whether the search may end."""
        ...


@dataclass(frozen=True, eq=False)
class Searched:
    """Best point of the relaxation met, what it earns there, and a proved bound on the relaxation's optimum; in money."""

    values: Floats
    bound: float
    relaxed: float
    nodes: int


def to_highs(linear: Linear, unit: float) -> highspy.HighsLp:
    """The linear program as HiGHS takes it, money in ``unit``; whole columns are not marked."""
    matrix = linear.matrix
    order = np.argsort(matrix.row, kind="stable")
    counts: Integers = np.bincount(matrix.row, minlength=len(matrix.lower))
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(linear.lower), len(matrix.lower)
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = linear.money / unit, linear.lower, linear.upper
    lp.row_lower_, lp.row_upper_ = matrix.lower, matrix.upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    lp.a_matrix_.index_ = matrix.column[order].astype(np.int32)
    lp.a_matrix_.value_ = matrix.coefficient[order]
    return lp


class Relaxation:
    """A program in HiGHS, with the tangents that are known and those that its own solutions ask for."""

    def __init__(self, program: Program, unit: float, points: TangentPoints, deadline: Deadline) -> None:
        self.program, self.unit, self.points, self.deadline = program, unit, points, deadline
        self._load()

    def _load(self) -> None:
        self.linear = linearise(self.program, self.points, FIRST_RATIO)
        self.highs = highspy.Highs()
        self.highs.silent()
        for name, value in OPTIONS.items():
            self._set(name, value)
        self.highs.passModel(to_highs(self.linear, self.unit))
        self.highs.cbSimplexInterrupt.subscribe(self._leave)

    def _leave(self, event: highspy.highs.HighsCallbackEvent) -> None:
        """Python sees signals, and the deadline what they say, only where HiGHS comes back to it."""
        if self.deadline.passed:
            event.interrupt()

    def _set(self, name: str, value: str | float) -> None:
        if self.highs.setOptionValue(name, value) != highspy.HighsStatus.kOk:
            raise ValueError(f"HiGHS refuses option {name} = {value}")

    def _run(self) -> highspy.HighsModelStatus:
        # HiGHS counts its limit from the creation of the object.
        self._set("time_limit", self.highs.getRunTime() + min(self.deadline.left, 1e20))
        self.highs.run()
        return self.highs.getModelStatus()

    def _values(self) -> Floats:
        return self.linear.values(np.array(self.highs.getSolution().col_value))

    def sharpen(self, values: Floats, precision: float) -> bool:
        """Remember tangents for every hyperbola that ``values`` violates by more than ``precision``; any new?"""
        curves = self.linear.curves
        which, at = curves.violated(values, precision)
        return self.points.add(curves.family[which], at, 0.5 * precision**0.5)

    @property
    def slack(self) -> float:
        """What tolerances may hide [money]; see the module."""
        widths = float((self.linear.upper - self.linear.lower).sum())
        return 2.0 * TOLERANCE * self.unit * (len(self.linear.matrix.lower) + widths)

    def tighten(self, precision: float, rounds: int) -> Searched | None:
        """Solve the linear relaxation and cut its solutions off until it respects the hyperbolas to ``precision``.

        The last solution and bound; None when there was no time for one.
        """
        solved = None
        for _ in range(rounds):
            if self._run() != highspy.HighsModelStatus.kOptimal:
                return solved
            value = float(self.highs.getInfo().objective_function_value) * self.unit
            solved = Searched(self._values(), value + self.slack, value, 0)
            if not self.sharpen(solved.values, precision) or self.deadline.passed:
                return solved
            self._load()
        return solved

    def search(self, floor: float, absolute: float, watch: Watch) -> Searched:
        """Mixed-integer search for points that earn at least ``floor``; the bound is never below it.

        Ends at an absolute gap (money), or when the deadline passes, or when ``watch`` says so.
        """
        # A fresh object: HiGHS would take the linear program's solution as a start, solve a smaller program around it, and
        # report the bounds of that one to the same callbacks.
        self._load()
        linear, slack = self.linear, self.slack
        columns = np.flatnonzero(linear.whole).astype(np.int32)
        self.highs.changeColsIntegrality(len(columns), columns, np.full(len(columns), highspy.HighsVarType.kInteger))
        self._set("mip_abs_gap", absolute / self.unit)
        if np.isfinite(floor):
            paid = np.flatnonzero(linear.money).astype(np.int32)
            self.highs.addRow(floor / self.unit, highspy.kHighsInf, len(paid), paid, linear.money[paid] / self.unit)

        def interrupt(event: highspy.highs.HighsCallbackEvent) -> None:
            out = event.data_out
            held = watch(out.mip_primal_bound * self.unit, max(floor, out.mip_dual_bound * self.unit) + slack)
            if held or self.deadline.passed:
                event.interrupt()

        self.highs.cbMipInterrupt.subscribe(interrupt)
        status = self._run()
        info = self.highs.getInfo()
        found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        sound = status in (
            highspy.HighsModelStatus.kOptimal,
            highspy.HighsModelStatus.kInterrupt,
            highspy.HighsModelStatus.kTimeLimit,
        )
        bound = max(floor, float(info.mip_dual_bound) * self.unit) + slack if sound else np.inf
        if status == highspy.HighsModelStatus.kInfeasible:
            bound = floor + slack
        return Searched(
            values=self._values() if found else np.zeros(0),
            bound=bound if np.isfinite(bound) else np.inf,
            relaxed=float(info.objective_function_value) * self.unit if found else -np.inf,
            nodes=int(info.mip_node_count),
        )
