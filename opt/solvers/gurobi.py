"""Solver ``gurobi``: the reduced formulation through Pyomo's Gurobi interface for general nonlinear models."""

from __future__ import annotations

import math
import re
from importlib import import_module
from typing import Any

import numpy as np

from ..errors import LicenceError
from ..result import Answer, Budget, Deadline
from ..snapshot import Snapshot
from .pyomo_backend import Backend, solve_with

PROOF = "Gurobi's dual bound in floating point at feasibility tolerance 1e-9, plus 1e-7 of the most each part could earn"

OPTIONS = {"FeasibilityTol": 1e-9, "IntFeasTol": 1e-9, "OptimalityTol": 1e-9}

# Gurobi's error numbers: no licence found, model too large for the licence.
NO_LICENCE, TOO_LARGE = 10009, 10010

LINE = re.compile(r"\s([+-]?[\d.]+(?:e[+-]?\d+)?|-)\s+([+-]?[\d.]+(?:e[+-]?\d+)?)\s+(?:[\d.]+%|-)\s+\S+\s+(\d+)s\s*$")


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve the reduced formulation. Deterministic up to its time limit: ``rng`` is not used.

    Raises LicenceError when the licence is missing or too small (the wheel's own allows about 200 variables).
    """
    del rng
    return solve_with(Backend(_stoppable, OPTIONS, read_log, explain), "reduced", snapshot, budget, PROOF)


def _stoppable(deadline: Deadline) -> Any:
    """Pyomo's interface to Gurobi for general nonlinear models, which ends when the deadline passes."""
    direct: Any = import_module("pyomo.contrib.solver.solvers.gurobi.gurobi_direct_minlp").GurobiDirectMINLP

    class Stoppable(direct):
        def _create_solver_model(self, pyomo_model: Any, config: Any) -> Any:
            with deadline.enforced():
                made = direct._create_solver_model(self, pyomo_model, config)
            if math.isfinite(deadline.stop.memory_left):
                made[0].setParam("SoftMemLimit", deadline.stop.memory_left / 1e9)
            return made

    solver: Any = Stoppable()

    def look(model: Any, _where: int) -> None:
        if deadline.passed:
            model.terminate()

    solver._callback = look
    return solver


def explain(error: Exception) -> None:
    """Raise LicenceError for a licence problem; return for any other exception."""
    code = getattr(error, "errno", None)
    if code == TOO_LARGE:
        raise LicenceError(
            "is 'gurobi', whose licence here is too small for this snapshot (size-limited); install a full licence or choose "
            "'scip'",
            field="solver",
        ) from None
    if code == NO_LICENCE:
        raise LicenceError("is 'gurobi', and no licence was found; install one or choose 'scip'", field="solver") from None


def read_log(log: str) -> list[tuple[float, float, float]]:
    """(seconds, incumbent, dual bound) of every line of Gurobi's progress table; nan where there is no incumbent yet."""
    points: list[tuple[float, float, float]] = []
    for line in log.splitlines():
        found = LINE.search(line)
        if found:
            primal, dual, seconds = found.groups()
            points.append((float(seconds), math.nan if primal == "-" else float(primal), float(dual)))
    return points
