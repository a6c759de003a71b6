"""How far a study is: bars on a terminal, plain lines elsewhere (logs, CI)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from .cells import Cell
from .remaining import Remaining
from .words import Failure


class Progress(Protocol):
    """What the runner tells while it works."""

    def begin(self, cells: Sequence[Cell], done: int, failed: int, workers: int) -> None:
        """These cells will run, so many at a time; ``done`` more have a record already, ``failed`` more failed before."""
        ...

    def started(self, cell: Cell) -> None:
        """A worker took the cell."""
        ...

    def advanced(self, cell: Cell, done: int, total: int) -> None:
        """The cell has done that much of its own work."""
        ...

    def put_back(self, cell: Cell) -> None:
        """Another runner works at the started cell."""
        ...

    def finished(self, cell: Cell, seconds: float, failure: Failure | None) -> None:
        """The cell ended, well when ``failure`` is None; here, or where another runner worked at it."""
        ...

    def end(self) -> None:
        """All cells ended, or the study was interrupted."""
        ...


class Lines:
    """One line per finished cell."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.count = self.total = 0

    def begin(self, cells: Sequence[Cell], done: int, failed: int, workers: int) -> None:
        """See Progress."""
        self.count, self.total = done + failed, done + failed + len(cells)
        self.remaining = Remaining(cells, workers)
        _announce(self.console, self.total, done, failed)

    def started(self, cell: Cell) -> None:
        """Nothing is printed."""

    def advanced(self, cell: Cell, done: int, total: int) -> None:
        """Nothing is printed."""

    def put_back(self, cell: Cell) -> None:
        """Nothing is printed."""

    def finished(self, cell: Cell, seconds: float, failure: Failure | None) -> None:
        """See Progress."""
        self.count += 1
        self.remaining.ended_after(cell, seconds)
        line = _line(self.count, self.total, cell, seconds, failure)
        self.console.print(line.append(f"  {self.remaining}".rstrip(), "dim"), soft_wrap=True)

    def end(self) -> None:
        """Nothing is printed."""


class TerminalBars:
    """One bar for the study and one for each cell under way."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.count = self.total = 0
        self.tasks: dict[str, TaskID] = {}

    def begin(self, cells: Sequence[Cell], done: int, failed: int, workers: int) -> None:
        """See Progress."""
        self.count, self.total = done + failed, done + failed + len(cells)
        self.remaining = Remaining(cells, workers)
        _announce(self.console, self.total, done, failed)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bars = Bars(*columns, TextColumn("{task.fields[left]}"), console=self.console)
        self.bars.start()
        self.study = self.bars.add_task("all cells", total=self.total, completed=self.count, left="")

    def started(self, cell: Cell) -> None:
        """See Progress."""
        self.tasks[cell.key] = self.bars.add_task(cell.title, total=None, left="")

    def advanced(self, cell: Cell, done: int, total: int) -> None:
        """See Progress."""
        self.bars.update(self.tasks[cell.key], completed=done, total=total)

    def put_back(self, cell: Cell) -> None:
        """See Progress."""
        self.bars.remove_task(self.tasks.pop(cell.key))

    def finished(self, cell: Cell, seconds: float, failure: Failure | None) -> None:
        """See Progress."""
        self.count += 1
        self.remaining.ended_after(cell, seconds)
        if cell.key in self.tasks:
            self.put_back(cell)
        self.bars.update(self.study, completed=self.count, left=str(self.remaining))
        if failure is not None:
            self.bars.console.print(_line(self.count, self.total, cell, seconds, failure), soft_wrap=True)

    def end(self) -> None:
        """See Progress."""
        self.bars.stop()


def progress_on(console: Console) -> Progress:
    """Bars when the console is a terminal, lines otherwise."""
    return TerminalBars(console) if console.is_terminal else Lines(console)


def _announce(console: Console, total: int, done: int, failed: int) -> None:
    if done:
        console.print(f"{done} of {total} cells have a record already", highlight=False)
    if failed:
        console.print(f"{failed} of {total} cells failed before; --retry-failed runs them again", highlight=False)


def _line(count: int, total: int, cell: Cell, seconds: float, failure: Failure | None) -> Text:
    ended = f"{seconds:6.1f} s" if failure is None else f"FAILED: {failure.line}"
    return Text(f"[{count:3d}/{total}] {cell.title:40s} {ended}", style="" if failure is None else "bold red")
