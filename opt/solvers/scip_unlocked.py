"""Pyomo's interface to SCIP, which lets go of Python's lock while SCIP computes and can be ended from outside.

Pyomo reads SCIP's log through a pipe that a thread of Python empties. PySCIPOpt's ``optimize`` keeps the lock, so that a log
longer than the pipe (64 KiB) would stop SCIP for good; ``optimizeNogil`` is the same without the lock. It stays in the thread
that calls it (in another one SCIP crashed now and then), and there Python handles no signal before SCIP is back: a second
thread is woken by the signal itself and tells SCIP to stop.
"""

from __future__ import annotations

import math
import os
import select
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from ..result import Deadline

_ScipDirect: Any = import_module("pyomo.contrib.solver.solvers.scip.scip_direct").ScipDirect

# Seconds between two looks at the deadline while SCIP computes, and by which SCIP may pass its own limit before it is told
# to stop, again and again.
LOOK_EVERY, LATE = 0.02, 0.5
ENDING = {signal.SIGINT, signal.SIGTERM}


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
        done = threading.Event()
        with woken() as signals:
            watcher = threading.Thread(target=self._watch, args=(signals, done), daemon=True)
            watcher.start()
            try:
                self._model.optimizeNogil()
            finally:
                done.set()
                watcher.join()

    def _watch(self, signals: int, done: threading.Event) -> None:
        """Tell SCIP to stop, again and again: at a signal, or another limit than its own, or late."""
        deadline, asked = self._deadline, False
        tell = deadline.limit + LATE
        while not done.is_set():
            seen = os.read(signals, 64) if select.select([signals], [], [], LOOK_EVERY)[0] else b""
            if not asked and (deadline.stop.reason is not None or ENDING.intersection(seen)):
                tell, asked = deadline.elapsed, True
            if deadline.elapsed >= tell and not done.is_set():
                self._model.interruptSolve()
                tell = deadline.elapsed + LATE


@contextmanager
def woken() -> Generator[int]:
    """A descriptor from which the numbers of signals can be read as they come; nothing comes outside the main thread."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    main = threading.current_thread() is threading.main_thread()
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False) if main else -1
    try:
        yield reading
    finally:
        if main:
            signal.set_wakeup_fd(before)
        os.close(reading)
        os.close(writing)


class UnlockedScip(_ScipDirect):
    """``scip_direct`` that its own log cannot stop, and a deadline can."""

    def __init__(self, deadline: Deadline) -> None:
        _ScipDirect.__init__(self)
        self._deadline = deadline

    def _create_solver_model(self, model: Any, config: Any) -> tuple[_Unlocked, Any, bool]:
        with self._deadline.enforced():
            made, loader, has_objective = _ScipDirect._create_solver_model(self, model, config)
        return _Unlocked(made, self._deadline), loader, has_objective
