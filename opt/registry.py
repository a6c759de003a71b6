"""Every solver by name. A new one is one file and one line here, or an entry point in the group ``twingap.solvers``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points

import numpy as np

from .errors import InputError
from .result import Answer, Budget
from .snapshot import Snapshot
from .targets import imported

Solver = Callable[[Snapshot, Budget, np.random.Generator], Answer]
GROUP = "twingap.solvers"


@dataclass(frozen=True)
class SolverEntry:
    """target "module:function", imported on use; proves: what its bound rests on ("nothing" when it has none);
    handles: which modes; requires: importable packages it needs; certifies: whether it writes certificates when asked;
    draws: whether its answer depends on the generator it is given; origin: the distribution that registers it;
    prepare: "module:function", called with the snapshot before the clock starts (compiling, loading: what only a process's
    first solve needs)."""

    target: str
    proves: str
    handles: str
    requires: tuple[str, ...] = ()
    certifies: bool = False
    draws: bool = False
    origin: str = "twingap"
    prepare: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Required packages that are not installed."""
        return tuple(name for name in self.requires if importlib.util.find_spec(name) is None)


SOLVERS: dict[str, SolverEntry] = {
    "decomposition": SolverEntry(
        target="twingap.opt.solvers.decomposition:solve",
        proves="upper bound by weak duality on prices, branch and bound on multicast time and access",
        handles="group and per_link, fail and cap, floor and smooth, divided and whole subchannels",
        certifies=True,
        prepare="twingap.opt.solvers.decomposition.warm_up:prepare",
    ),
    "bnb": SolverEntry(
        target="twingap.opt.solvers.bnb:solve",
        proves="upper bound by weak duality at the duals of cone relaxations, spatial branch and bound",
        handles="group and per_link, fail and cap, floor and smooth; divisible subchannels",
        requires=("cvxpy", "clarabel"),
    ),
    "milp": SolverEntry(
        target="twingap.opt.solvers.milp:solve",
        proves="dual bounds of HiGHS on adaptively refined piecewise-linear relaxations, slack for its tolerances added",
        handles="group and per_link, fail and cap, floor and smooth; divisible subchannels",
        requires=("highspy",),
    ),
    "scip": SolverEntry(
        target="twingap.opt.solvers.scip:solve",
        proves="SCIP's dual bound on the reduced formulation: floating point, tolerance 1e-9, slack added",
        handles="every mode, whole subchannels included",
        requires=("pyomo", "pyscipopt"),
    ),
    "scip-link": SolverEntry(
        target="twingap.opt.solvers.scip:solve_link",
        proves="SCIP's dual bound on the equations as printed: floating point, tolerance 1e-9, slack added",
        handles="every mode, whole subchannels included",
        requires=("pyomo", "pyscipopt"),
    ),
    "gurobi": SolverEntry(
        target="twingap.opt.solvers.gurobi:solve",
        proves="Gurobi's dual bound on the reduced formulation: floating point, tolerance 1e-9, slack added",
        handles="every mode, whole subchannels included; as far as its licence allows",
        requires=("pyomo", "gurobipy"),
    ),
    "multistart": SolverEntry(
        target="twingap.opt.solvers.multistart:solve",
        proves="nothing: local optima of Ipopt from random starts",
        handles="group and per_link, fail and cap, floor and smooth; divisible subchannels",
        requires=("casadi",),
        draws=True,
    ),
}


def registered_solvers() -> dict[str, SolverEntry]:
    """Our solvers and those that other packages register under the entry point group ``twingap.solvers``."""
    return dict(_of_other_packages()) | SOLVERS


@cache
def _of_other_packages() -> tuple[tuple[str, SolverEntry], ...]:
    """Read once: looking through all installed packages takes longer than most solves."""
    return tuple((point.name, _entry(point)) for point in entry_points(group=GROUP))


def _entry(point: EntryPoint) -> SolverEntry:
    """What an entry point names: a SolverEntry, which says what the solver proves and handles, or the solver function alone.

    A package whose own imports are missing is listed as not installed; InputError when it has not what it registers.
    """
    origin = point.dist.name if point.dist else "unknown"
    unsaid = SolverEntry(point.value, "see its package", "see its package", draws=True, origin=origin)
    try:
        named: object = point.load()
    except ModuleNotFoundError as error:
        return replace(unsaid, requires=(error.name or point.module,))
    except AttributeError as error:
        raise InputError(
            f"names {point.value}, which is not there ({error})", field=f"{GROUP}.{point.name}", source=origin
        ) from None
    return replace(named, origin=origin) if isinstance(named, SolverEntry) else unsaid


def _find(name: str) -> SolverEntry:
    """Other packages are only asked (and imported) when the name is none of ours."""
    known = SOLVERS if name in SOLVERS else registered_solvers()
    if name not in known:
        raise InputError(f"is {name!r}; it must be one of {', '.join(sorted(known))}", field="solver")
    return known[name]


def find_solver(name: str) -> Solver:
    """The solver function. InputError when the name is unknown or a package it needs is missing."""
    entry = _find(name)
    if entry.missing:
        raise InputError(f"{name!r} needs {', '.join(entry.missing)}; install it first", field="solver")
    return imported(entry.target)


def prepare_solver(name: str, snapshot: Snapshot) -> None:
    """Whatever the solver of that name wants done before its clock starts."""
    entry = _find(name)
    if entry.prepare:
        imported(entry.prepare)(snapshot)
