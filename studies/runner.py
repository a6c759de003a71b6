"""Runs cells, each in processes of its own: a cell that dies or overruns is a recorded failure and nothing else is lost."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from .cells import Cell
from .keeper import Advanced
from .progress import Progress
from .records import Records
from .workers import Workers


def run_cells(cells: Sequence[Cell], records: Records, progress: Progress, workers: int = 2) -> list[Cell]:
    """Run the cells that have no record yet, ``workers`` at a time; returns those that failed.

    They start in the given order, except that a cell waits for those that it needs; when one of these fails, it does not run.
    """
    crew = Workers(workers, records)
    missing = [cell for cell in cells if not records.has(cell)]
    waiting, undone = list(missing), {cell.key for cell in missing}
    failed: list[Cell] = []
    crew.prepare(missing)
    progress.begin(missing, done=len(cells) - len(missing))
    try:
        while waiting or crew.busy:
            for cell in list(islice((cell for cell in waiting if undone.isdisjoint(cell.needs)), crew.free)):
                waiting.remove(cell)
                if all(records.done(key) for key in cell.needs):
                    progress.started(cell)
                    crew.start(cell)
                else:
                    undone.remove(cell.key)
            for cell, word in crew.listen():
                if isinstance(word, Advanced):
                    progress.advanced(cell, word.done, word.total)
                    continue
                undone.remove(cell.key)
                if word.failure is not None:
                    failed.append(cell)
                progress.finished(cell, word.seconds, word.failure.error if word.failure else None)
    finally:
        crew.stop()
        progress.end()
    return failed
