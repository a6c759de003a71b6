"""Every solver by name. A new one is one file and one line here, or an entry point in the group ``twingap.solvers``."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import numpy as np

from .arguments import one_of, shown
from .errors import InputError
from .result import Answer, Budget
from .snapshot import Snapshot
from .targets import UnloadableError, found, loaded

Solver = Callable[[Snapshot, Budget, np.random.Generator], Answer]
GROUP = "twingap.solvers"


@dataclass(frozen=True)
class SolverEntry:
    """target "module:function", imported on use; proves: what its bound rests on ("nothing" when it has none);
    handles: which modes; requires: importable packages it needs; certifies: whether it writes certificates when asked;
    draws: whether its answer depends on the generator it is given; origin: the distribution that registers it;
    prepare: "module:function", called with the snapshot before the clock starts (compiling, loading: what only a process's
    first solve needs); unusable: why it cannot be used ("" when it can), of a package that breaks while it is loaded."""

    target: str
    proves: str
    handles: str
    requires: tuple[str, ...] = ()
    certifies: bool = False
    draws: bool = False
    origin: str = "twingap"
    prepare: str = ""
    unusable: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Required packages that are not installed."""
        return tuple(name for name in self.requires if not _is_installed(name))

    @property
    def why_not(self) -> str:
        """Why it cannot be used, in words; "" when it can."""
        return self.unusable or (f"needs {', '.join(self.missing)}" if self.missing else "")


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

    A package whose own imports are missing is listed as not installed. One that breaks when it is loaded, in whatever way, is
    listed with the reason: it is never more than a row.
    """
    origin = point.dist.name if point.dist else "unknown"
    unsaid = SolverEntry(point.value, "see its package", "see its package", draws=True, origin=origin)
    try:
        named = loaded(point.load)
    except UnloadableError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError):
            return replace(unsaid, requires=(cause.name or point.module,))
        return replace(unsaid, unusable=f"{point.value} cannot be loaded: {error}")
    if isinstance(named, SolverEntry):
        fault = _fault(named)
        return replace(unsaid, unusable=f"{point.value} {fault}") if fault else replace(named, origin=origin)
    if not callable(named):
        kind = type(named).__name__
        return replace(unsaid, unusable=f"{point.value} is a {kind}; it must be a SolverEntry or the solver function")
    return unsaid


def _fault(entry: SolverEntry) -> str:
    """What is wrong with an entry of another package, in words; "" when nothing is."""
    given: dict[str, Any] = {each.name: getattr(entry, each.name) for each in fields(entry)}
    for name, value in given.items():
        if name == "requires":
            right = cast(Any, type(value)) is tuple and all(isinstance(each, str) for each in cast("tuple[object, ...]", value))
            allowed = "a tuple of names"
        elif name in ("certifies", "draws"):
            right, allowed = isinstance(value, bool), "True or False"
        else:
            right, allowed = isinstance(value, str), "a text"
        if not right:
            return f"says {name}={shown(value)}; it must be {allowed}"
    return "" if ":" in entry.target else f"says target={entry.target!r}; it must be module:function"


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        # A package inside one that is missing, or no name of a package at all.
        return False


def find_entry(name: str) -> SolverEntry:
    """What is registered under this name; InputError with all names when there is nothing. Other packages are only asked (and
    imported) when the name is none of ours."""
    known = SOLVERS if isinstance(name, str) and name in SOLVERS else registered_solvers()  # pyright: ignore[reportUnnecessaryIsInstance]
    return known[one_of(name, "solver", sorted(known))]


def find_solver(name: str) -> Solver:
    """The solver function. InputError when the name is unknown, a package it needs is missing or it cannot be loaded."""
    entry = find_entry(name)
    if entry.unusable:
        raise InputError(f"is {name!r} of {entry.origin}, which cannot be used: {entry.unusable}", field="solver")
    if entry.missing:
        raise InputError(f"{name!r} needs {', '.join(entry.missing)}; install it first", field="solver")
    return found(name, entry.target, "solver")


def prepare_solver(name: str, snapshot: Snapshot) -> None:
    """Whatever the solver of that name wants done before its clock starts."""
    entry = find_entry(name)
    if not entry.prepare:
        return
    prepare = found(name, entry.prepare, "solver")
    try:
        prepare(snapshot)
    except InputError:
        raise
    except Exception as error:
        error.add_note(f"solver {name!r} raised this while it prepared for {snapshot.name}")
        raise
