"""Ctrl-C and SIGTERM while solving: the first ends the solver with what it holds, the second ends everything.

Python runs a signal's handler between two steps of Python in the main thread. So solvers look at the flag that the handler sets
(through ``Deadline.passed``) wherever they come back to Python, and what stays in foreign code for long (SCIP, Gurobi, HiGHS,
Ipopt) runs where Python still gets a turn: in a thread, or with callbacks.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType

from .result import Result
from .stop import Stop, raise_in

# Seconds that a solver which never looks at its deadline has after the first Ctrl-C.
GRACE = 2.0

# What a second signal meets: Python's KeyboardInterrupt, or the end of the process (``ends_the_process``).
_SECOND_ENDS: ContextVar[bool] = ContextVar("twingap_second_signal", default=False)


class SolveInterrupted(KeyboardInterrupt):
    """A solve that Ctrl-C ended. ``result`` (``stopped`` "interrupted") is what it held: decision and bound proved so far."""

    def __init__(self, result: Result) -> None:
        super().__init__("interrupted")
        self.result = result


@contextmanager
def listening(stop: Stop, patient: bool) -> Generator[None]:
    """Ctrl-C sets ``stop.interrupted`` instead of raising KeyboardInterrupt; with ``patient`` false it is raised all the same
    when the solver goes on for ``GRACE`` seconds.

    Only in the main thread, and only for signals that would raise KeyboardInterrupt: who ignores or handles a signal otherwise
    keeps that.
    """
    solving = threading.current_thread() is threading.main_thread()
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if solving and signal.getsignal(n) is signal.default_int_handler]
    after = signal.SIG_DFL if _SECOND_ENDS.get() else signal.default_int_handler
    alarms: list[threading.Timer] = []

    def first(_number: int, _frame: FrameType | None) -> None:
        for each in numbers:
            signal.signal(each, after)
        stop.interrupted = True
        if not patient:
            alarm = threading.Timer(GRACE, raise_in, (threading.main_thread().ident, KeyboardInterrupt))
            alarm.daemon = True
            alarms.append(alarm)
            alarm.start()

    for number in numbers:
        signal.signal(number, first)
    try:
        yield
    finally:
        for alarm in alarms:
            alarm.cancel()
        for number in numbers:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def ends_the_process() -> Generator[None]:
    """For commands: SIGTERM is like Ctrl-C inside, and a second one of either ends the process at once."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, signal.default_int_handler) if main else None
    token = _SECOND_ENDS.set(True)
    try:
        yield
    finally:
        _SECOND_ENDS.reset(token)
        if main:
            signal.signal(signal.SIGTERM, before)
