"""One cell under hard limits: a keeper process that forks the worker, looks after it and ends everything it started.

    runner --(fork server)--> keeper --(fork)--> worker --> whatever its work starts (solvers)

The keeper computes nothing, so that nothing can keep it from its duty: it kills the worker and all its descendants when they
use too much time or memory, when the worker ends and leaves something behind, and when the runner is gone. The worker dies with
its keeper. What the worker did not record as done, the keeper records as a failure.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import time
import traceback
from contextlib import suppress
from multiprocessing import util
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, NoReturn

from .cells import Cell, code_version
from .claims import claimed
from .limits import Limits, descendants, end_descendants, exceeds, refuse_huge_requests
from .records import Records
from .words import Advanced, Ended, Failure, Taken

# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
# Seconds between two looks, and the largest share of a core that looking may take (it reads all of /proc).
LOOK, SHARE = 0.05, 0.02


def keep(cell: Cell, directory: Path, runner: Any) -> None:
    """Run a cell to its record or its failure, telling ``runner`` (a connection) how far it is."""
    # Ctrl-C reaches the whole terminal group; the runner decides what becomes of its cells.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    # Sending fails, and reading ends, when the runner is gone; then nobody wants the cell any more.
    with suppress(BrokenPipeError, EOFError), claimed(directory, cell.key) as claim:
        if claim is None:
            runner.send(Taken())
        else:
            runner.send(_run(cell, Records(directory), runner, claim))


def _run(cell: Cell, records: Records, runner: Any, claim: int) -> Ended:
    """How the cell ended; its record or failure is written, and nothing that it started is left."""
    started = time.monotonic()
    if records.has(cell):
        return Ended(None, 0.0)
    records.clear(cell)
    words, theirs = multiprocessing.get_context("forkserver").Pipe(duplex=False)
    keeper = os.getpid()
    worker = os.fork()
    if worker == 0:
        runner.close()
        words.close()
        # The worker shares the claim until it ends; what it forks does not.
        os.register_at_fork(after_in_child=lambda: os.close(claim))
        _work(cell, records, theirs, keeper)
    theirs.close()
    try:
        failure = _watch(worker, words, runner, cell.limits, started)
    finally:
        end_descendants(keeper)
    seconds = time.monotonic() - started
    # It may have become done between the last look and its end.
    if failure is None or records.has(cell):
        return Ended(None, seconds)
    records.write_failure(cell, failure, seconds)
    return Ended(failure, seconds)


def _watch(worker: int, words: Any, runner: Any, limits: Limits, started: float) -> Failure | None:
    """Wait for the worker's end or make it; how it failed. Raises EOFError when the runner is gone."""
    failure: Failure | None = None
    end = os.pidfd_open(worker)
    pause = LOOK
    while True:
        heard = wait([runner, end] if words.closed else [runner, end, words], timeout=pause)
        if runner in heard:
            raise EOFError
        if not words.closed:
            failure = _relay(words, runner) or failure
        if end in heard:
            return failure or _death(os.waitpid(worker, 0)[1])
        if limits.time is not None and time.monotonic() - started >= limits.time:
            return Failure("time_limit", f"time limit {limits.time:g} s: killed")
        if limits.memory is not None:
            before = time.perf_counter()
            if exceeds(descendants(os.getpid()), limits.memory):
                return Failure("memory_limit", f"memory limit {limits.memory / 1e9:g} GB: killed")
            pause = max(LOOK, (time.perf_counter() - before) / SHARE)
        if limits.time is not None:
            pause = min(pause, max(0.0, started + limits.time - time.monotonic()))


def _relay(words: Any, runner: Any) -> Failure | None:
    """Read what the worker said; pass on how far it is (the latest word only), return how it failed."""
    failure: Failure | None = None
    latest: Advanced | None = None
    try:
        while words.poll():
            word = words.recv()
            if isinstance(word, Failure):
                failure = word
            else:
                latest = word
    except EOFError:
        words.close()
    if latest is not None:
        runner.send(latest)
    return failure


def _death(status: int) -> Failure | None:
    """Why a worker that said nothing ended; None when it ended well."""
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return None
    if code > 0:
        return Failure("died", f"the process died with exit code {code}")
    hint = " (from outside; the system does so when memory runs out)" if code == -signal.SIGKILL else ""
    return Failure("died", f"the process was killed by {signal.Signals(-code).name}{hint}")


def _work(cell: Cell, records: Records, words: Any, keeper: int) -> NoReturn:
    """The worker: do the cell's work, keep its record, or tell why not."""
    code = 1
    try:
        # A group and session of its own: signals meant for the terminal's programs do not reach it.
        os.setsid()
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == keeper:
            _record(cell, records, words)
            code = 0
    except MemoryError:
        # Nothing of what filled the memory may be kept alive by the traceback's frames while it is written down.
        told = traceback.format_exc(limit=-3)
        limit = cell.limits.memory
        reason = "error" if limit is None else "memory_limit"
        text = "memory" if limit is None else f"memory limit {limit / 1e9:g} GB: a request far above it was refused"
        words.send(Failure(reason, f"{told}\n{text}"))
    except BaseException as error:
        words.send(Failure("error", _told(error)))
    finally:
        # As multiprocessing does when a process of its own ends: named semaphores (Pyomo makes one when it is imported) would
        # stay behind until the whole study ends.
        util._run_finalizers()  # pyright: ignore[reportAttributeAccessIssue]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _told(error: BaseException) -> str:
    """The traceback, what was raised as its last line; notes (who raised it, on what) before."""
    told = traceback.TracebackException.from_exception(error)
    notes, told.__notes__ = told.__notes__ or [], None
    return "".join([*(f"{note}\n" for note in notes), *told.format()])


def _record(cell: Cell, records: Records, words: Any) -> None:
    started = time.perf_counter()
    if cell.limits.memory is not None:
        refuse_huge_requests(cell.limits.memory)
    result = cell.function()(cell.settings, records.directory, lambda done, total: words.send(Advanced(done, total)))
    if code_version() != cell.code:
        raise RuntimeError("the source changed while the study ran; start the study again")
    peak = 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    records.write(cell, result, time.perf_counter() - started, peak)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
