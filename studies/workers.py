"""Worker processes on this machine: each cell gets a keeper (and the keeper a worker) of its own.

Keepers are forked from a small server process that has the packages imported but has run nothing, so that a cell starts in
milliseconds and inherits no threads. Every worker computes with one thread.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from typing import Any

from ..opt.errors import InputError
from .cells import Cell
from .keeper import Advanced, Ended, keep
from .records import Failure, Records

# Imported once, by the server process, besides the modules of the cells' work.
PRELOAD = ["twingap.opt.solvers.decomposition", "twingap.studies.keeper"]
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

# Seconds that a keeper may take to end its cell's processes once it is asked to.
PATIENCE = 10.0


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
        self.count = count
        self.records = records
        self.kept: list[_Kept] = []

    @property
    def free(self) -> int:
        """How many more cells may start now."""
        return self.count - len(self.kept)

    @property
    def busy(self) -> bool:
        """Whether any cell is under way."""
        return bool(self.kept)

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Have the server import what the cells' work needs. Without effect when this process has run cells before."""
        modules = sorted({cell.work.split(":")[0] for cell in cells})
        multiprocessing.get_context("forkserver").set_forkserver_preload(PRELOAD + modules)

    def start(self, cell: Cell) -> None:
        """Start a cell."""
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        # Not a daemon: those may have no children, and the work of a cell may want some.
        keeper = context.Process(target=keep, args=(cell, self.records.directory, theirs), daemon=False)
        with one_thread_each():
            keeper.start()
        theirs.close()
        self.kept.append(_Kept(cell, keeper, ours, time.monotonic()))

    def listen(self, timeout: float = 1.0) -> Iterator[tuple[Cell, Advanced | Ended]]:
        """What the cells have to say, after waiting for the first word for at most ``timeout`` seconds."""
        if not self.kept:
            return
        heard = wait([each for one in self.kept for each in (one.pipe, one.keeper.sentinel)], timeout)
        for one in [one for one in self.kept if one.pipe in heard or one.keeper.sentinel in heard]:
            for word in self._words(one):
                if isinstance(word, Ended):
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

    def _words(self, one: _Kept) -> Iterator[Advanced | Ended]:
        """Everything said so far. A keeper that is gone without a last word was killed, and its cell died with it."""
        try:
            while one.pipe.poll():
                word = one.pipe.recv()
                yield word
                if isinstance(word, Ended):
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
