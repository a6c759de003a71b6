"""Runs cells, each in processes of its own: a cell that dies or overruns is a recorded failure and nothing else is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from .agenda import Agenda
from .cells import Cell
from .claims import is_claimed, tidy_claims
from .progress import Progress
from .records import Records
from .words import Advanced, Ended, Taken

# Seconds to wait for a word, and between two looks at cells that another runner works at.
PAUSE = 1.0


class Crew(Protocol):
    """Who does the work: processes of this machine, or a cluster."""

    @property
    def size(self) -> int:
        """How many cells at a time."""
        ...

    @property
    def free(self) -> int:
        """How many more cells may start now."""
        ...

    def prepare(self, cells: Sequence[Cell]) -> None:
        """These cells will be started."""
        ...

    def start(self, cell: Cell) -> None:
        """Start a cell."""
        ...

    def listen(self, timeout: float) -> Iterator[tuple[Cell, Advanced | Ended | Taken]]:
        """What the cells have to say, after waiting for the first word for at most ``timeout`` seconds."""
        ...

    def stop(self) -> None:
        """The run is over, well or not."""
        ...


def run_cells(
    cells: Sequence[Cell], records: Records, progress: Progress, crew: Crew, retry_failed: bool = False
) -> list[Cell]:
    """Run the cells that have no record yet; returns those that failed. Those that failed before run only when
    ``retry_failed``; a cell whose needs failed does not run; one that another runner works at is waited for."""
    agenda = Agenda(cells, records, retry_failed)
    failed = list(agenda.failed)
    elsewhere = Elsewhere(records.directory)

    def conclude(cell: Cell, ended: Ended) -> None:
        agenda.conclude(cell, done=ended.failure is None)
        if ended.failure is not None:
            failed.append(cell)
        progress.finished(cell, ended.seconds, ended.failure)

    progress.begin(list(agenda.open.values()), agenda.done, len(failed), crew.size)
    try:
        crew.prepare(list(agenda.open.values()))
        while agenda.open:
            while agenda.ready and crew.free > 0:
                cell = agenda.ready.popleft()
                if is_claimed(records.directory, cell.key):
                    elsewhere.cells.append(cell)
                else:
                    progress.started(cell)
                    crew.start(cell)
            for cell, word in crew.listen(PAUSE):
                if isinstance(word, Advanced):
                    progress.advanced(cell, word.done, word.total)
                elif isinstance(word, Taken):
                    progress.put_back(cell)
                    elsewhere.cells.append(cell)
                else:
                    conclude(cell, word)
            for cell in elsewhere.released():
                ended = records.ended(cell)
                if ended is None:
                    agenda.ready.append(cell)
                else:
                    conclude(cell, ended)
    finally:
        crew.stop()
        tidy_claims(records.directory, [cell.key for cell in cells])
        progress.end()
    return failed


class Elsewhere:
    """Cells that other runners work at; asked for the released ones, it looks once in a while."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.cells: list[Cell] = []
        self.looked = time.monotonic()

    def released(self) -> list[Cell]:
        """Those that nobody works at any more; they are taken off."""
        if not self.cells or time.monotonic() - self.looked < PAUSE:
            return []
        self.looked = time.monotonic()
        free = [cell for cell in self.cells if not is_claimed(self.directory, cell.key)]
        self.cells = [cell for cell in self.cells if cell not in free]
        return free
