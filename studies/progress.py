"""How far a study is: bars on a terminal, plain lines elsewhere (logs, CI)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from .cells import Cell


class Progress(Protocol):
    """What the runner tells while it works."""

    def begin(self, cells: Sequence[Cell], done: int) -> None:
        """These cells will run; ``done`` more have a record already."""
        ...

    def started(self, cell: Cell) -> None:
        """A worker took the cell."""
        ...

    def advanced(self, cell: Cell, done: int, total: int) -> None:
        """The cell has done that much of its own work."""
        ...

    def finished(self, cell: Cell, seconds: float, error: str | None) -> None:
        """The cell ended, well when ``error`` is None."""
        ...

    def end(self) -> None:
        """All cells ended, or the study was interrupted."""
        ...


class Lines:
    """One line per finished cell."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.count = self.total = 0

    def begin(self, cells: Sequence[Cell], done: int) -> None:
        """See Progress."""
        self.count, self.total = done, done + len(cells)
        if done:
            self.console.print(f"{done} of {self.total} cells have a record already", highlight=False)

    def started(self, cell: Cell) -> None:
        """Nothing is printed."""

    def advanced(self, cell: Cell, done: int, total: int) -> None:
        """Nothing is printed."""

    def finished(self, cell: Cell, seconds: float, error: str | None) -> None:
        """See Progress."""
        self.count += 1
        self.console.print(_line(self.count, self.total, cell, seconds, error), soft_wrap=True)

    def end(self) -> None:
        """Nothing is printed."""


class TerminalBars:
    """One bar for the study and one for each cell under way."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.count = self.total = 0
        self.tasks: dict[str, TaskID] = {}

    def begin(self, cells: Sequence[Cell], done: int) -> None:
        """See Progress."""
        self.count, self.total = done, done + len(cells)
        self.bars = Bars(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=self.console
        )
        self.bars.start()
        self.study = self.bars.add_task("all cells", total=self.total, completed=done)

    def started(self, cell: Cell) -> None:
        """See Progress."""
        self.tasks[cell.key] = self.bars.add_task(cell.title, total=None)

    def advanced(self, cell: Cell, done: int, total: int) -> None:
        """See Progress."""
        self.bars.update(self.tasks[cell.key], completed=done, total=total)

    def finished(self, cell: Cell, seconds: float, error: str | None) -> None:
        """See Progress."""
        self.count += 1
        self.bars.remove_task(self.tasks.pop(cell.key))
        self.bars.update(self.study, completed=self.count)
        if error is not None:
            self.bars.console.print(_line(self.count, self.total, cell, seconds, error), soft_wrap=True)

    def end(self) -> None:
        """See Progress."""
        self.bars.stop()


def progress_on(console: Console) -> Progress:
    """Bars when the console is a terminal, lines otherwise."""
    return TerminalBars(console) if console.is_terminal else Lines(console)


def _line(count: int, total: int, cell: Cell, seconds: float, error: str | None) -> Text:
    ended = f"{seconds:6.1f} s" if error is None else f"FAILED: {error.strip().splitlines()[-1]}"
    return Text(f"[{count:3d}/{total}] {cell.title:40s} {ended}", style="" if error is None else "bold red")
