"""Worker processes on this machine: each cell gets a keeper (and the keeper a worker) of its own.

Keepers are forked from a small server process that has the packages imported but has run nothing, so that a cell starts in
milliseconds and inherits no threads. Every worker computes with one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from types import ModuleType
from typing import Any

from ..opt.errors import InputError
from .cells import Cell
from .keeper import keep
from .records import Records
from .words import Advanced, Ended, Failure, Taken

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

# Seconds that a keeper may take to end its cell's processes once it is asked to.
PATIENCE = 10.0
# What surrounds a start belongs to the whole process; tasks of a cluster start cells from several threads.
_START = threading.Lock()


@dataclass
class _Kept:
    cell: Cell
    keeper: ForkServerProcess
    pipe: Any
    started: float


class Workers:
    """``count`` cells at a time."""

    def __init__(self, count: int, records: Records) -> None:
        if count < 1:
            raise InputError(f"is {count}; it must be a whole number >= 1", field="workers")
        if not sys.platform.startswith("linux"):
            raise InputError(
                f"is {sys.platform}; studies run on Linux, where cells can be held to their limits", field="system"
            )
        self.size = count
        self.records = records
        self.kept: list[_Kept] = []

    @property
    def free(self) -> int:
        """See Crew."""
        return self.size - len(self.kept)

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Have the server import what the cells' work needs. Without effect when this process has run cells before."""
        modules = (
            {keep.__module__} | {cell.work.split(":")[0] for cell in cells} | {name for cell in cells for name in cell.preload}
        )
        multiprocessing.get_context("forkserver").set_forkserver_preload(sorted(modules))

    def start(self, cell: Cell) -> None:
        """See Crew."""
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        # Not a daemon: those may have no children, and the work of a cell may want some.
        keeper = context.Process(target=keep, args=(cell, self.records.directory, theirs), daemon=False)
        with _START, one_thread_each(), without_main():
            keeper.start()
        theirs.close()
        self.kept.append(_Kept(cell, keeper, ours, time.monotonic()))

    def listen(self, timeout: float) -> Iterator[tuple[Cell, Advanced | Ended | Taken]]:
        """See Crew."""
        heard = wait([each for one in self.kept for each in (one.pipe, one.keeper.sentinel)], timeout)
        for one in [one for one in self.kept if one.pipe in heard or one.keeper.sentinel in heard]:
            for word in self._words(one):
                if isinstance(word, (Ended, Taken)):
                    self.kept.remove(one)
                    self._dismiss(one)
                yield one.cell, word

    def stop(self) -> None:
        """End all cells under way; nothing of them is recorded."""
        for one in self.kept:
            one.pipe.close()
        for one in self.kept:
            self._dismiss(one)
        self.kept.clear()

    def _words(self, one: _Kept) -> Iterator[Advanced | Ended | Taken]:
        """Everything said so far. A keeper that is gone without a last word was killed, and its cell died with it."""
        try:
            while one.pipe.poll():
                word = one.pipe.recv()
                yield word
                if isinstance(word, (Ended, Taken)):
                    return
            if one.keeper.is_alive():
                return
        except (EOFError, OSError):
            pass
        seconds = time.monotonic() - one.started
        if self.records.has(one.cell):
            yield Ended(None, seconds)
            return
        failure = Failure("died", "the cell's keeper was killed, and the cell with it; from outside, or because memory ran out")
        self.records.write_failure(one.cell, failure, seconds)
        yield Ended(failure, seconds)

    def _dismiss(self, one: _Kept) -> None:
        """A keeper whose pipe is closed ends its cell's processes and itself."""
        one.pipe.close()
        one.keeper.join(PATIENCE)
        if one.keeper.is_alive():
            one.keeper.kill()
            one.keeper.join()


@contextmanager
def without_main() -> Iterator[None]:
    """Processes started inside do not run the program's main module again: they need nothing of it, it takes time, and a script
    that runs a study without asking ``__name__`` would run it in every cell."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


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
