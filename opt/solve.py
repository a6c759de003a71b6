"""The one way to run a solver: it answers, the equations score, the bound is checked against what was attained."""

from __future__ import annotations

import math
import time

import numpy as np

from .answers import answer_of
from .arguments import number, shown, switch
from .arguments import seed as checked_seed
from .bounds import assert_not_beaten
from .errors import BrokenPromiseError, InputError
from .evaluation import FEASIBLE, evaluate
from .frozen import frozen_copy
from .interrupt import SolveInterrupted, listening
from .registry import SOLVERS, find_entry, find_solver, prepare_solver, registered_solvers
from .result import Answer, Budget, Holds, PartResult, Result, Stopped, relative_gap
from .snapshot import Snapshot
from .stop import Stop, stopping


class InfeasibleAnswerError(BrokenPromiseError):
    """A solver returned a decision that breaks a constraint: a bug in the solver."""


def solve(
    snapshot: Snapshot,
    solver: str = "decomposition",
    gap: float = 1e-4,
    time_limit: float = 60.0,
    seed: int = 0,
    certificate: bool = False,
    memory_limit: float = 3.0,
) -> Result:
    """Solve one snapshot of Problem (16).

    gap: relative gap ``(bound - objective) / max(|objective|, 1e-9)`` at which to stop; time_limit: seconds of wall clock, from
    when the solver is ready (the first solve on a fresh machine compiles before that, for half a minute to a minute).
    certificate: whether the result must hold a ``certificate`` of its bound, for solvers that write one.
    memory_limit: how much more memory [GB] the process may take while it solves; what would pass it is left out or ended, and
    the result says ``stopped`` "memory_limit".
    The objective is what the decision earns by the equations; the bound is +inf unless the solver proves one.
    The solver gets a copy of the snapshot: nothing that it writes changes what it is scored on.
    Raises InputError (unknown solver, impossible option, unsupported mode, an answer that is none), FalseBoundError (the
    decision beats the bound; the snapshot is saved for replay), InfeasibleAnswerError; what a solver raises, with a note.
    Ctrl-C ends the solver at once and raises SolveInterrupted, a KeyboardInterrupt whose ``result`` is what was held.
    """
    gap, time_limit = number(gap, "gap"), number(time_limit, "time_limit", above=True, finite=False, unit=" seconds")
    memory_limit = number(memory_limit, "memory_limit", above=True, finite=False, unit=" GB")
    rng, certificate = np.random.default_rng(checked_seed(seed)), switch(certificate, "certificate")
    if not isinstance(snapshot, Snapshot):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"is {shown(snapshot)}; it must be a Snapshot, see load_snapshot and draw", field="snapshot")
    if snapshot.batch_shape:
        raise InputError(f"is a batch of shape {snapshot.batch_shape}; take one epoch with .at(index)", field="snapshot")
    run = find_solver(solver)
    if certificate and not find_entry(solver).certifies:
        writers = ", ".join(name for name, entry in registered_solvers().items() if entry.certifies)
        raise InputError(f"is true, but {solver!r} writes no certificate; solvers that do: {writers}", field="certificate")
    given = frozen_copy(snapshot)
    prepare_solver(solver, given)
    stop = Stop(memory_limit * 1e9)
    started = time.perf_counter()
    with stopping(stop), listening(stop, patient=solver in SOLVERS):
        try:
            answer = answer_of(run, solver, given, Budget(gap, time_limit, certificate), rng)
        except MemoryError:
            # The system refused memory before our own limit was reached: what the solver held is lost, and the result says so.
            stop.refuse_memory()
            answer = Answer(None, stopped="time_limit")
        result = _judged(snapshot, solver, answer, gap, time.perf_counter() - started, stop)
    if stop.interrupted:
        raise SolveInterrupted(result)
    return result


def _judged(snapshot: Snapshot, solver: str, answer: Answer, gap: float, seconds: float, stop: Stop) -> Result:
    """The answer, scored by the equations and held against its own bound."""
    bound = answer.local_bound + answer.global_bound
    objective, local, global_ = math.nan, math.nan, math.nan
    holds: Holds = "none"
    if answer.decision is not None:
        earned = evaluate(snapshot, answer.decision)
        if not earned.violation <= FEASIBLE:
            raise InfeasibleAnswerError(f"{solver} violates a constraint of {snapshot.name} by {float(earned.violation):.3e}")
        objective, local, global_ = float(earned.utility), float(earned.local.utility), float(earned.global_.utility)
        for part, attained, proved in (("local", local, answer.local_bound), ("global", global_, answer.global_bound)):
            assert_not_beaten(attained, proved, snapshot, answer.decision, f"{solver}-{part}")
        holds = "optimal" if relative_gap(objective, bound) <= gap else "feasible"
    return Result(
        snapshot=snapshot.name,
        solver=solver,
        objective=objective,
        # Rounding may put the evaluated objective an ulp above a tight bound; the larger of the two is still a bound.
        bound=max(bound, objective) if math.isfinite(objective) else bound,
        stopped=_why(answer, stop),
        holds=holds,
        seconds=seconds,
        local=PartResult(local, answer.local_bound),
        global_=PartResult(global_, answer.global_bound),
        decision=answer.decision,
        proof=answer.proof,
        trace=answer.trace,
        stages=answer.stages,
        certificate=answer.certificate,
    )


def _why(answer: Answer, stop: Stop) -> Stopped:
    """An interrupt is named whatever the solver says; the memory limit where it kept the solver from its end."""
    if stop.interrupted:
        return "interrupted"
    return "memory_limit" if answer.stopped == "time_limit" and stop.reason == "memory_limit" else answer.stopped
