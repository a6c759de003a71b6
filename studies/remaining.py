"""How long a study will still take, from the cells that it has done."""

from __future__ import annotations

from collections.abc import Sequence

from .cells import Cell


class Remaining:
    """Cells of the same kind of work take about as long as those that ended did; the others as long as the mean of all."""

    def __init__(self, cells: Sequence[Cell], workers: int) -> None:
        self.workers = workers
        self.open: dict[str, int] = {}
        self.ended: dict[str, list[float]] = {}
        for cell in cells:
            self.open[cell.work] = self.open.get(cell.work, 0) + 1

    def ended_after(self, cell: Cell, seconds: float) -> None:
        """A cell ended after so many seconds."""
        self.open[cell.work] -= 1
        self.ended.setdefault(cell.work, []).append(seconds)

    @property
    def seconds(self) -> float | None:
        """Estimate of the time until all are done; None before the first one is."""
        if not self.ended:
            return None
        means = {work: sum(times) / len(times) for work, times in self.ended.items()}
        overall = sum(map(sum, self.ended.values())) / sum(map(len, self.ended.values()))
        return sum(count * means.get(work, overall) for work, count in self.open.items()) / self.workers

    def __str__(self) -> str:
        left = self.seconds
        if left is None or not any(self.open.values()):
            return ""
        if left < 90.0:
            return f"about {max(1, round(left))} s left"
        if left < 5400.0:
            return f"about {round(left / 60.0)} min left"
        return f"about {left / 3600.0:.1f} h left"
