"""One door to cvxpy and Clarabel: a cone program compiled once, solved again and again with new numbers.

cvxpy writes min q'x, A x + s = b, s in a cone, where q, A and b are affine in the parameters (disciplined parametrised
programming). Compiling asks cvxpy for this form at four random parameter values, reads off which entry follows which
parameter and how, and checks the last one; afterwards a solve only writes numbers into q, A and b and calls Clarabel.
Nothing is warm-started: the same numbers give the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ...arrays import Floats, Integers
from ...result import Deadline
from ...stop import LimitReached

# Libraries without types: whatever comes out of them becomes a typed array in this file.
cp: Any = import_module("cvxpy")
clarabel: Any = import_module("clarabel")
sp: Any = import_module("scipy.sparse")

# Two parameters are told apart by a ratio of random numbers; each entry of the form must match one this closely.
MATCH = 1e-9
TOLERANCE = 1e-8
MOST_ITERATIONS = 60


class ConicSolution(NamedTuple):
    """usable: whether ``values`` and ``duals`` (arrays by name) are numbers at all; how exact they are is not promised.
    infeasible: whether Clarabel holds that no point exists, and then ``duals`` are a ray."""

    usable: bool
    infeasible: bool
    values: dict[str, Floats]
    duals: dict[str, Floats]


class CompiledCone:
    """A parametrised cvxpy problem (cp.Problem) as plain arrays.

    parameters, variables: cp.Parameter and cp.Variable by name, as the caller writes and reads them. rows: inequality
    constraints whose duals the caller wants, by name. Everything else about the problem stays inside.
    """

    def __init__(
        self,
        problem: Any,
        parameters: Mapping[str, Any],
        variables: Mapping[str, Any],
        rows: Mapping[str, Any],
    ) -> None:
        if not problem.is_dcp(dpp=True):
            raise ValueError("the relaxation is not a disciplined parametrised convex program")
        self._parameters = dict(parameters)
        rng = np.random.default_rng(20241122)
        draws: list[Floats] = []
        forms: list[Floats] = []
        form: Any = None
        chain: Any = None
        inverse: Any = None
        for _ in range(4):
            draw: list[Floats] = []
            for parameter in self._parameters.values():
                shape: tuple[int, ...] = parameter.shape
                numbers = np.asarray(rng.uniform(1.0, 2.0, shape))
                parameter.value = numbers
                draw.append(np.atleast_1d(numbers).ravel(order="F"))
            form, chain, inverse = problem.get_problem_data(cp.CLARABEL, solver_opts={})
            draws.append(np.concatenate(draw))
            forms.append(np.concatenate([form["c"], form["A"].data, form["b"]]))
        self._pattern = sp.csc_matrix(form["A"])
        self._sizes = (len(form["c"]), self._pattern.nnz, len(form["b"]))
        self._cones = _cones(form["dims"])
        self._base, self._entries, self._sources, self._factors = _affine_map(draws, forms)
        # A made-up solution whose numbers are their own positions shows where each variable and each dual lives.
        made_up = SimpleNamespace(
            status="Solved",
            x=list(np.arange(1.0, self._sizes[0] + 1.0)),
            z=list(np.arange(1.0, self._sizes[2] + 1.0)),
            obj_val=0.0,
            solve_time=0.0,
            iterations=0,
        )
        problem.unpack_results(made_up, chain, inverse)
        self._columns: dict[str, Integers] = {n: _positions(v.value) for n, v in variables.items()}
        self._rows: dict[str, Integers] = {n: _positions(c.dual_value) for n, c in rows.items()}
        self._settings = clarabel.DefaultSettings()
        self._settings.verbose = False
        self._settings.presolve_enable = False
        self._settings.max_iter = MOST_ITERATIONS
        self._settings.max_threads = 1
        self.solves = 0

    def solve(self, numbers: Mapping[str, Floats | float], deadline: Deadline, tolerance: float = TOLERANCE) -> ConicSolution:
        """Solve with these parameter values; every parameter must be given. Duals of inequalities are clipped to >= 0.

        Clarabel asks between iterations whether the deadline has passed; where it stops, its numbers are as good as any prices.
        """
        flat = np.concatenate(
            [np.atleast_1d(np.asarray(numbers[name], dtype=np.float64)).ravel(order="F") for name in self._parameters]
        )
        data = self._base.copy()
        data[self._entries] += self._factors * flat[self._sources]
        variables = self._sizes[0]
        matrix = sp.csc_matrix(
            (data[variables : -self._sizes[2]], self._pattern.indices, self._pattern.indptr), self._pattern.shape
        )
        settings = self._settings
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
        settings.time_limit = max(deadline.left, 1e-3)
        nothing = sp.csc_matrix((variables, variables))
        solver = clarabel.DefaultSolver(nothing, data[:variables], matrix, data[-self._sizes[2] :], self._cones, settings)
        solver.set_termination_callback(_asks(deadline))
        solution = solver.solve()
        self.solves += 1
        status = str(solution.status)
        x: Floats = np.array(solution.x, dtype=np.float64)
        z: Floats = np.array(solution.z, dtype=np.float64)
        return ConicSolution(
            usable=bool(np.isfinite(x).all() and np.isfinite(z).all()),
            infeasible=status in ("PrimalInfeasible", "AlmostPrimalInfeasible"),
            values={name: x[columns] for name, columns in self._columns.items()},
            duals={name: np.maximum(z[rows], 0.0) for name, rows in self._rows.items()},
        )


def _cones(dims: Any) -> list[Any]:
    """Clarabel's cones, in cvxpy's order, of a form with only linear and second-order cone rows."""
    cones: list[Any] = []
    if dims.zero:
        cones.append(clarabel.ZeroConeT(dims.zero))
    if dims.nonneg:
        cones.append(clarabel.NonnegativeConeT(dims.nonneg))
    return cones + [clarabel.SecondOrderConeT(size) for size in dims.soc]


def _asks(deadline: Deadline) -> Callable[[Any], bool]:
    """What Clarabel asks after each iteration: whether to end."""
    return lambda _information: deadline.passed


def compiled_by(deadline: Deadline, compiling: Callable[[], CompiledCone]) -> CompiledCone | None:
    """The compiled program; None when the deadline passes while cvxpy works on it."""
    try:
        with deadline.enforced():
            return compiling()
    except LimitReached:
        return None


def _affine_map(draws: list[Floats], forms: list[Floats]) -> tuple[Floats, Integers, Integers, Floats]:
    """Base of every entry, then entry, parameter and factor of those that follow one: base + factor x parameter."""
    first, second = forms[1] - forms[0], forms[2] - forms[0]
    moves = np.flatnonzero(np.abs(first) > 1e-14)
    ratios = (draws[2] - draws[0]) / (draws[1] - draws[0])
    order = np.argsort(ratios)
    place = np.clip(np.searchsorted(ratios[order], second[moves] / first[moves]), 1, len(order) - 1)
    wanted = second[moves] / first[moves]
    lower, upper = order[place - 1], order[place]
    nearer = np.abs(ratios[lower] - wanted) < np.abs(ratios[upper] - wanted)
    sources = np.where(nearer, lower, upper)
    factors = first[moves] / (draws[1] - draws[0])[sources]
    base = forms[0].copy()
    base[moves] -= factors * draws[0][sources]
    again = base.copy()
    again[moves] += factors * draws[3][sources]
    if np.abs(again - forms[3]).max() > MATCH:
        raise ValueError("an entry of the cone program follows more than one parameter")
    # Differences of random numbers leave rounding dust where the base is zero and the factor a short number.
    base[np.abs(base) < 1e-12] = 0.0
    return base, moves, sources, factors


def _positions(marked: Any) -> Integers:
    return np.rint(np.abs(np.atleast_1d(marked))).astype(np.int64) - 1
