"""Solve (16) with a solver behind Pyomo's new interface: part by part, bound from its dual bound, decision judged anew.

Both parts share nothing, so they are solved one after the other and their bounds add up.

What a bound is worth. These solvers prove in floating point: they accept constraints violated by their tolerance (set to 1e-9
here, on models whose numbers are near 1) and their relaxations carry rounding. The bound we report adds ``ROOM`` times all
the part could earn at most to the dual bound, plus what the horizon cuts off (modelling.horizon). That has covered every excess
we saw at this tolerance (below 1e-8 of it); it is a margin, not a proof in exact arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Literal, TypeVar

import numpy as np

from ..decision import Decision, GlobalDecision, LocalDecision
from ..formulations import link, reduced
from ..formulations.decisions import any_access, global_off, local_off
from ..formulations.global_model import GlobalModel
from ..formulations.local_model import LocalModel
from ..formulations.modelling import pyo
from ..formulations.recovery import global_decision, local_decision
from ..formulations.tightening import tighten_local
from ..global_equations import evaluate_global
from ..local_equations import evaluate_local
from ..result import Answer, Budget, Deadline, Stopped, TracePoint, relative_gap
from ..snapshot import Snapshot
from ..stop import LimitReached

FormulationName = Literal["link", "reduced"]
FORMULATIONS: dict[FormulationName, ModuleType] = {"link": link, "reduced": reduced}

# Share of everything a part could earn that is added to its dual bound (see the module).
ROOM = 1e-7


@dataclass(frozen=True)
class Backend:
    """make: Pyomo's solver, which ends when the deadline passes; options: of the solver; trace: reads (seconds, incumbent, dual
    bound) from its log; explain: turns an exception of the solver into an InputError, or returns when it is none of its
    business."""

    make: Callable[[Deadline], Any]
    options: dict[str, Any]
    trace: Callable[[str], list[tuple[float, float, float]]]
    explain: Callable[[Exception], None] = field(default=lambda _: None)


@dataclass(frozen=True, eq=False)
class _Run:
    """One part solved: bound, whether values were loaded, whether its time ran out, trace in seconds since the solve began."""

    bound: float
    holds: bool
    out_of_time: bool
    trace: list[tuple[float, float, float]]


_NOTHING = _Run(math.inf, False, True, [])


def solve_with(backend: Backend, formulation: FormulationName, snapshot: Snapshot, budget: Budget, proof: str) -> Answer:
    """Solve both parts: the global part first with half the time, the local part with what is left.

    Building a model and handing it over count as solving. A part whose time (or memory) ends before is everything off, under
    the bound that nobody can pay more than the full benefit.
    """
    deadline = Deadline(budget.time_limit)
    build = FORMULATIONS[formulation]
    share = 0.5 * budget.gap

    worth = float(snapshot.global_.benefit) * snapshot.global_.sinr_access.shape[-1]
    half = Deadline(0.5 * budget.time_limit)
    global_model = _built(lambda block: build.build_global(snapshot.global_, block), half)
    second = _NOTHING
    if global_model is not None:
        second = _solve_part(backend, global_model.block, half, share, 0.0, ROOM * worth + global_model.cut_off)
    # Costs are never negative: no part earns more than all its benefits.
    second = replace(second, bound=min(second.bound, worth * (1.0 + ROOM)))
    global_: GlobalDecision = (
        global_decision(global_model)
        if second.holds and global_model is not None
        else global_off(snapshot.global_, any_access(snapshot.global_))
    )
    global_earned = float(evaluate_global(snapshot.global_, global_).utility)
    middle = deadline.elapsed

    def tightened(block: Any) -> LocalModel:
        model = build.build_local(snapshot.local, block)
        tighten_local(model)
        return model

    worth = float(snapshot.local.benefit) * len(snapshot.local.layout.ap)
    local_model = _built(tightened, deadline)
    first = _NOTHING
    if local_model is not None:
        margin = ROOM * float(local_model.data.worth.sum()) + local_model.cut_off
        # Neither part need be negative, so what the global part left of the gap is the local part's to use.
        relative = 0.99 * budget.gap
        absolute = max(0.0, relative * global_earned - (second.bound - global_earned) - margin)
        goal = (relative if absolute > 0.0 else share, absolute)
        first = _solve_part(backend, local_model.block, deadline, *goal, margin)
    # The tightened model multicasts whatever it costs; with everything off the local part earns 0.
    local_bound = min(max(first.bound, 0.0), worth * (1.0 + ROOM))
    local: LocalDecision = local_decision(local_model) if first.holds and local_model is not None else local_off(snapshot.local)
    local_earned = float(evaluate_local(snapshot.local, local).utility)

    objective, bound = local_earned + global_earned, local_bound + second.bound
    met = relative_gap(objective, bound) <= budget.gap
    stopped: Stopped = "gap" if met else "time_limit" if first.out_of_time or second.out_of_time else "exhausted"
    return Answer(
        decision=Decision(local, global_),
        local_bound=local_bound,
        global_bound=second.bound,
        proof=proof,
        stopped=stopped,
        trace=_joint_trace(second, first, global_earned, objective, bound, deadline.elapsed),
        stages={"global": middle, "local": deadline.elapsed - middle},
    )


Model = TypeVar("Model", LocalModel, GlobalModel)


def _built(build: Callable[[Any], Model], deadline: Deadline) -> Model | None:
    """A part's model on a block of its own; None when the deadline passes before it is there."""
    if deadline.passed:
        return None
    model = pyo.ConcreteModel()
    model.part = pyo.Block(concrete=True)
    try:
        with deadline.enforced():
            return build(model.part)
    except LimitReached:
        return None


def _solve_part(backend: Backend, block: Any, deadline: Deadline, relative: float, absolute: float, margin: float) -> _Run:
    """Solve max part.earned until the deadline; its values are loaded into the model."""
    model = block.model()
    model.objective = pyo.Objective(expr=block.earned, sense=pyo.maximize)
    began = deadline.elapsed
    if deadline.passed:
        return _NOTHING
    try:
        results = backend.make(deadline).solve(
            model,
            raise_exception_on_nonoptimal_result=False,
            load_solutions=False,
            time_limit=deadline.left,
            rel_gap=relative,
            abs_gap=absolute,
            threads=1,
            solver_options=backend.options,
        )
    except LimitReached:
        return _NOTHING
    except Exception as error:
        backend.explain(error)
        raise
    ended = results.termination_condition.name
    if ended == "interrupted" and not deadline.passed:
        # Gurobi hears Ctrl-C before Python does, and keeps it.
        deadline.stop.interrupted = True
    dual = results.objective_bound
    bound = math.inf if dual is None or not math.isfinite(dual) else float(dual) + margin
    holds = results.incumbent_objective is not None
    if holds:
        results.solution_loader.load_vars()
    trace = [(began + t, x, y + margin + 1e-6 * abs(y)) for t, x, y in backend.trace(results.solver_log or "")]
    return _Run(bound, holds, ended == "maxTimeLimit" or deadline.passed, trace)


def _joint_trace(
    second: _Run, first: _Run, global_earned: float, objective: float, bound: float, end: float
) -> tuple[TracePoint, ...]:
    """Bounds of the whole problem over time: while the local part waits, nothing is proved of the sum."""
    points = [TracePoint(t, x, math.inf) for t, x, _ in second.trace]
    points += [TracePoint(t, global_earned + max(x, 0.0), second.bound + max(y, 0.0)) for t, x, y in first.trace]
    # The solver's clock is not ours: its last line may lie a hair after our end.
    points = [replace(p, seconds=min(p.seconds, end)) for p in points if np.isfinite(p.objective)]
    return (*points, TracePoint(end, objective, bound))
