"""Solver ``scip`` (formulation ``reduced``) and ``scip-link`` (formulation ``link``): SCIP through Pyomo and PySCIPOpt."""

from __future__ import annotations

import math
import re

import numpy as np

from ..result import Answer, Budget
from ..snapshot import Snapshot
from .pyomo_backend import Backend, FormulationName, solve_with
from .scip_unlocked import UnlockedScip

PROOF = "SCIP's dual bound in floating point at feasibility tolerance 1e-9, plus 1e-7 of the most each part could earn"

# Tolerances: with SCIP's default of 1e-6 its incumbent exceeds the optimum by 1e-5. The clock is the wall's. Its NLP
# heuristic is off: we saw it spend whole time limits at the root node. Without restarts the tiny presets take a half to a tenth
# of the CPU time.
OPTIONS = {
    "numerics/feastol": 1e-9,
    "numerics/dualfeastol": 1e-9,
    "timing/clocktype": 2,
    "heuristics/subnlp/freq": -1,
    "presolving/maxrestarts": 0,
    "estimation/restarts/restartpolicy": "n",
}

CLOCK = re.compile(r"([\d.]+)([smhd])")
SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
NUMBER = re.compile(r"[+-]?\d[\d.]*(e[+-]?\d+)?")


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve the reduced formulation. Deterministic up to its time limit: ``rng`` is not used."""
    del rng
    return _solve("reduced", snapshot, budget)


def solve_link(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve the printed, link-level formulation. Deterministic up to its time limit: ``rng`` is not used."""
    del rng
    return _solve("link", snapshot, budget)


def _solve(formulation: FormulationName, snapshot: Snapshot, budget: Budget) -> Answer:
    return solve_with(Backend(UnlockedScip, OPTIONS, read_log), formulation, snapshot, budget, PROOF)


def read_log(log: str) -> list[tuple[float, float, float]]:
    """(seconds, incumbent, dual bound) of every line of SCIP's progress table; nan where there is no incumbent yet."""
    points: list[tuple[float, float, float]] = []
    columns: list[str] = []
    for line in log.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if "dualbound" in cells:
            columns = cells
        elif columns and len(cells) == len(columns):
            row = dict(zip(columns, cells, strict=True))
            clock = CLOCK.search(row["time"])
            if clock and NUMBER.fullmatch(row["dualbound"]):
                primal = float(row["primalbound"]) if NUMBER.fullmatch(row["primalbound"]) else math.nan
                points.append((float(clock[1]) * SECONDS[clock[2]], primal, float(row["dualbound"])))
    return points
