"""Which cell next: in the given order, except that a cell waits for those that it needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .cells import Cell
from .records import Records


class Agenda:
    """The cells that are still to run: those that are not done, did not fail before (unless these are retried), and need none
    that failed.

    open: all of them by key; ready: those whose needs are done, in order; failed: those that failed before and are not retried;
    done: how many have a record.
    """

    def __init__(self, cells: Sequence[Cell], records: Records, retry_failed: bool = False) -> None:
        missing = [cell for cell in cells if not records.has(cell)]
        self.done = len(cells) - len(missing)
        self.failed = [] if retry_failed else [cell for cell in missing if records.failed(cell)]
        given_up = {cell.key for cell in self.failed}
        self.open = {cell.key: cell for cell in missing if cell.key not in given_up}
        self.ready: deque[Cell] = deque()
        self._missing: dict[str, set[str]] = {}
        self._needing: dict[str, list[Cell]] = {}
        for cell in list(self.open.values()):
            missing_needs = {key for key in cell.needs if not records.done(key)}
            for key in missing_needs:
                self._needing.setdefault(key, []).append(cell)
            self._missing[cell.key] = missing_needs
            if not missing_needs:
                self.ready.append(cell)
        for key in list(self._needing):
            if key not in self.open:
                self._drop(key)

    def conclude(self, cell: Cell, done: bool) -> None:
        """The cell ended; what waited for it becomes ready, or is dropped."""
        del self.open[cell.key]
        if not done:
            self._drop(cell.key)
            return
        for needing in self._needing.pop(cell.key, ()):
            missing = self._missing[needing.key]
            missing.discard(cell.key)
            if not missing and needing.key in self.open:
                self.ready.append(needing)

    def _drop(self, key: str) -> None:
        for needing in self._needing.pop(key, ()):
            if self.open.pop(needing.key, None) is not None:
                self._drop(needing.key)


def with_needs(cells: Sequence[Cell], among: Sequence[Cell]) -> list[Cell]:
    """These cells and, before them, all those ``among`` others that they need, directly or not; in the order of ``among``."""
    known = {cell.key: cell for cell in among}
    wanted: set[str] = set()
    heads = [cell.key for cell in cells]
    while heads:
        key = heads.pop()
        if key in known and key not in wanted:
            wanted.add(key)
            heads += known[key].needs
    return [cell for cell in among if cell.key in wanted]
