"""Pyomo's interface to SCIP, which lets go of Python's lock while SCIP computes and can be ended from outside.

Pyomo reads SCIP's log through a pipe that a thread of Python empties. PySCIPOpt's ``optimize`` keeps the lock, so that a log
longer than the pipe (64 KiB) would stop SCIP for good; ``optimizeNogil`` is the same without the lock. It runs in a thread of
its own, since Python handles signals in the main thread only: here they are seen, and SCIP is told to stop.
"""

from __future__ import annotations

import math
from importlib import import_module
from threading import Thread, stack_size
from typing import Any

from ..result import Deadline

_ScipDirect: Any = import_module("pyomo.contrib.solver.solvers.scip.scip_direct").ScipDirect

# Seconds between two looks at the deadline while SCIP computes, and by which SCIP may pass its own limit before it is told
# to stop, again and again.
LOOK_EVERY, LATE = 0.02, 0.5
# Bytes: SCIP walks the trees of its expressions by recursion, and a thread's usual stack may be smaller than the main one.
STACK = 64 * 2**20


class _Unlocked:
    """PySCIPOpt's model, whose ``optimize`` is ``optimizeNogil`` until the deadline passes."""

    def __init__(self, model: Any, deadline: Deadline) -> None:
        self._model, self._deadline = model, deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def optimize(self) -> None:
        """Without Python's lock; handing over the model has already used some of the time."""
        deadline = self._deadline
        # SCIP would catch Ctrl-C itself, end this part and let the next one begin.
        self._model.setParam("misc/catchctrlc", False)
        self._model.setParam("limits/time", min(deadline.left, 1e20))
        if math.isfinite(deadline.stop.memory_left):
            self._model.setParam("limits/memory", deadline.stop.memory_left / 2**20)
        failures: list[BaseException] = []

        def run() -> None:
            try:
                self._model.optimizeNogil()
            except BaseException as error:
                failures.append(error)

        before = stack_size(STACK)
        try:
            working = Thread(target=run, daemon=True)
            working.start()
        finally:
            stack_size(before)
        # Not at the time limit, which SCIP keeps itself, and not all the time: it may just be taking its solution apart.
        tell, asked = deadline.limit + LATE, False
        while working.is_alive():
            working.join(LOOK_EVERY)
            if deadline.stop.reason is not None and not asked:
                tell, asked = deadline.elapsed, True
            if deadline.elapsed >= tell:
                self._model.interruptSolve()
                tell = deadline.elapsed + LATE
        if failures:
            raise failures[0]


class UnlockedScip(_ScipDirect):
    """``scip_direct`` that its own log cannot stop, and a deadline can."""

    def __init__(self, deadline: Deadline) -> None:
        _ScipDirect.__init__(self)
        self._deadline = deadline

    def _create_solver_model(self, model: Any, config: Any) -> tuple[_Unlocked, Any, bool]:
        with self._deadline.enforced():
            made, loader, has_objective = _ScipDirect._create_solver_model(self, model, config)
        return _Unlocked(made, self._deadline), loader, has_objective
