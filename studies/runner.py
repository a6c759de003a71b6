"""Runs cells, each in a process of its own: a cell that dies or overruns is a recorded failure and nothing else is lost.

Workers are forked from a small server process that has the packages imported but has run nothing, so that a cell starts in
milliseconds and inherits no threads. Every worker computes with one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from .cells import Cell, code_version
from .progress import Progress
from .records import Records

# Imported once, by the server process.
PRELOAD = ["twingap.studies.gap_cells", "twingap.studies.training_run", "twingap.opt.solvers.decomposition"]
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass
class _Running:
    cell: Cell
    process: ForkServerProcess
    pipe: Any
    started: float
    error: str | None = None


def run_cells(
    cells: Sequence[Cell], records: Records, progress: Progress, workers: int = 2, time_limit: float = 1800.0
) -> list[Cell]:
    """Run the cells that have no record yet, ``workers`` at a time in the given order; returns those that failed.

    time_limit [s]: wall clock after which one cell is killed and recorded as failed.
    """
    missing = [cell for cell in cells if not records.has(cell)]
    progress.begin(missing, done=len(cells) - len(missing))
    waiting, failed = list(reversed(missing)), []
    running: list[_Running] = []
    try:
        with one_thread_each():
            while waiting or running:
                while waiting and len(running) < workers:
                    running.append(_start(waiting.pop(), records.directory))
                    progress.started(running[-1].cell)
                _listen(running, progress)
                for one in [one for one in running if _is_over(one, time_limit)]:
                    running.remove(one)
                    if not _conclude(one, records, progress):
                        failed.append(one.cell)
    finally:
        for one in running:
            one.process.kill()
            one.process.join()
        progress.end()
    return failed


@contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes started inside compute with one thread (the libraries read these variables when they are loaded)."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start(cell: Cell, directory: Path) -> _Running:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(cell, directory, theirs), daemon=True)
    process.start()
    theirs.close()
    return _Running(cell, process, ours, time.perf_counter())


def _work(cell: Cell, directory: Path, pipe: Connection) -> None:
    """What the child does: run the cell, keep its record, or tell why not."""
    # Ctrl-C reaches the whole terminal group; the parent decides what becomes of its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    started = time.perf_counter()
    try:
        result = cell.function()(cell.settings, directory, lambda done, total: pipe.send((done, total)))
        if code_version() != cell.code:
            raise RuntimeError("the source changed while the study ran; start the study again")
        Records(directory).write(cell, result, time.perf_counter() - started)
    except BaseException:
        pipe.send(traceback.format_exc())
        raise SystemExit(1) from None


def _listen(running: list[_Running], progress: Progress) -> None:
    """Wait for a word from a child or a child's end, for at most a second."""
    pipes = {one.pipe: one for one in running if not one.pipe.closed}
    wait([*pipes, *(one.process.sentinel for one in running)], timeout=1.0)
    for pipe, one in pipes.items():
        try:
            while pipe.poll():
                word = pipe.recv()
                if isinstance(word, str):
                    one.error = word
                else:
                    progress.advanced(one.cell, *word)
        except EOFError:
            pipe.close()


def _is_over(one: _Running, time_limit: float) -> bool:
    if not one.process.is_alive():
        return True
    if time.perf_counter() - one.started <= time_limit:
        return False
    one.process.kill()
    one.error = f"killed after {time_limit:g} s"
    return True


def _conclude(one: _Running, records: Records, progress: Progress) -> bool:
    """Note how the cell ended; True when it is done."""
    one.process.join()
    if not one.pipe.closed:
        _listen([one], progress)
        one.pipe.close()
    seconds = time.perf_counter() - one.started
    done = records.has(one.cell)
    error = one.error or f"the process died with exit code {one.process.exitcode}"
    if not done:
        records.write_failure(one.cell, error, seconds)
    progress.finished(one.cell, seconds, None if done else error)
    return done
