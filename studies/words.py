"""What is told about a cell while it runs: by its keeper to the runner, by the runner to the progress."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# not_run: a cell that it needs failed, or nobody came to it yet.
Reason = Literal["time_limit", "memory_limit", "error", "died", "not_run"]


@dataclass(frozen=True)
class Failure:
    """Why a cell has no record: reason for machines, error for people (its last line says it all)."""

    reason: Reason
    error: str

    @property
    def line(self) -> str:
        """The last line of the error."""
        return self.error.strip().splitlines()[-1] if self.error.strip() else self.reason


@dataclass(frozen=True)
class Advanced:
    """So much of the cell's own work is done."""

    done: int
    total: int


@dataclass(frozen=True)
class Taken:
    """Another runner works at the cell."""


@dataclass(frozen=True)
class Ended:
    """The last word: how the cell failed, or None when it is done."""

    failure: Failure | None
    seconds: float
