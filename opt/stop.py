"""What ends a solve from outside besides its time limit: an interrupt, or the memory that it may take.

``opt.solve`` opens one ``Stop`` for each solve; every ``Deadline`` made inside holds it, so that solvers which ask
``deadline.passed`` between steps obey all three limits. Steps in Python that cannot ask (a modelling library that builds a
large model) run under ``Deadline.enforced``, which raises ``LimitReached`` inside of them.
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

# Seconds between two looks at the process's memory: reading it takes about 20 microseconds.
LOOK_EVERY = 0.02
# Seconds between two looks of the thread that watches an enforced step, and before it raises again in one that carried on.
WATCH_EVERY = 0.05

StopReason = Literal["interrupted", "memory_limit"]


class LimitReached(BaseException):
    """Raised inside an enforced step when a limit is reached; no Exception, so that libraries do not swallow it."""


class Stop:
    """Whether a solve was interrupted, and whether the process has grown by more than ``memory_limit`` [bytes] since then."""

    def __init__(self, memory_limit: float = math.inf) -> None:
        self.memory_limit = memory_limit
        self.interrupted = False
        self._before = resident() if math.isfinite(memory_limit) else 0.0
        self._over = False
        self._looked = time.perf_counter()

    @property
    def reason(self) -> StopReason | None:
        """Why the solve must end; None: it may go on. A memory limit once passed stays passed."""
        if self.interrupted:
            return "interrupted"
        if math.isfinite(self.memory_limit) and not self._over:
            now = time.perf_counter()
            if now - self._looked >= LOOK_EVERY:
                self._looked = now
                self._over = resident() - self._before > self.memory_limit
        return "memory_limit" if self._over else None

    @property
    def memory_left(self) -> float:
        """Bytes that the process may still grow by; inf without a limit. Solvers ask before they make a large table."""
        if not math.isfinite(self.memory_limit):
            return math.inf
        return max(0.0, self.memory_limit - (resident() - self._before))

    def refuse_memory(self) -> None:
        """Note that a step was left out because it would have needed more memory than is left."""
        self._over = True


# The solve that this thread (or task) is in; outside of one nothing stops but the time.
_CURRENT: ContextVar[Stop | None] = ContextVar("twingap_stop", default=None)


def current_stop() -> Stop:
    """The solve's stop; one that never stops anything outside of a solve."""
    return _CURRENT.get() or Stop()


@contextmanager
def stopping(stop: Stop) -> Generator[None]:
    """Deadlines made inside hold ``stop``."""
    token = _CURRENT.set(stop)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@contextmanager
def enforced(passed: Callable[[], bool]) -> Generator[None]:
    """Raise LimitReached in this thread, wherever it is in Python code, as soon as ``passed`` says so.

    For steps that hold nothing which an exception could leave half done.
    """
    done, thread = threading.Event(), threading.get_ident()
    lock = threading.Lock()

    def watch() -> None:
        pause = WATCH_EVERY
        while not done.wait(pause):
            if passed():
                with lock:
                    if not done.is_set():
                        raise_in(thread, LimitReached)
                pause = 1.0

    said = sys.unraisablehook

    def unraisable(args: sys.UnraisableHookArgs) -> None:
        # It may arrive where Python lets no exception through (a finaliser): nothing is lost, it comes again.
        if args.exc_type is not LimitReached:
            said(args)

    watcher = threading.Thread(target=watch, daemon=True)
    sys.unraisablehook = unraisable
    watcher.start()
    try:
        yield
    finally:
        sys.unraisablehook = said
        # Whatever was raised but has not arrived yet is taken back: nothing may reach the code behind this step.
        done.set()
        with lock:
            raise_in(thread, None)


def raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Let ``exception`` be raised in a thread before its next step of Python; None takes back one that has not arrived."""
    raised = None if exception is None else ctypes.py_object(exception)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def resident() -> float:
    """Bytes of memory that this process holds now; 0 where the system does not say (then no memory limit acts)."""
    try:
        descriptor = os.open("/proc/self/statm", os.O_RDONLY)
    except OSError:
        return 0.0
    try:
        return int(os.read(descriptor, 100).split()[1]) * float(os.sysconf("SC_PAGE_SIZE"))
    except (OSError, AttributeError, ValueError, IndexError):
        return 0.0
    finally:
        os.close(descriptor)
