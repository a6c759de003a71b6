"""What became of a study's cells, as their records and failures tell."""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .records import Records

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Outcome:
    """What became of the cells of a study, in their order.

    records: of those that are done, as in their files: title, settings, seconds, peak_memory [bytes], machine, code and
    ``result``, which is what the work returned. failures: of the others: title, settings, ``reason`` ("time_limit",
    "memory_limit", "error", "died" or "not_run"), ``error`` (one line) and seconds (NaN when it did not run).
    """

    records: tuple[dict[str, Any], ...]
    failures: tuple[dict[str, Any], ...]

    def failure_table(self) -> pd.DataFrame:
        """One row per cell that is not done: cell, reason, error."""
        import pandas as pd

        rows = [(each["title"], each["reason"], each["error"]) for each in self.failures]
        return pd.DataFrame(rows, columns=["cell", "reason", "error"])

    def cell_table(self) -> pd.DataFrame:
        """One row per record: cell, seconds, peak_memory [bytes], code and machine."""
        import pandas as pd

        shown = ("seconds", "peak_memory", "code")
        return pd.DataFrame([{"cell": r["title"]} | {name: r[name] for name in shown} | r["machine"] for r in self.records])


def read_outcome(records: Records, cells: Sequence[dict[str, Any]]) -> Outcome:
    """The outcome of cells given by key, title and settings. Raises InputError when a file is damaged."""
    done: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    with _uncollected():
        for cell in cells:
            record = records.record(cell["key"])
            if record is not None:
                done.append(record)
                continue
            failure = records.failure(cell["key"])
            if failure is None:
                failure = {"reason": "not_run", "error": "not run, or it needs a cell that failed", "seconds": math.nan}
            row = {name: failure[name] for name in ("reason", "error", "seconds")}
            row["error"] = row["error"].strip().splitlines()[-1]
            failures.append({"title": cell["title"], "settings": cell["settings"], **row})
    return Outcome(tuple(done), tuple(failures))


@contextmanager
def _uncollected() -> Iterator[None]:
    """Millions of numbers hold no cycles; looking for some among them again and again takes longer than reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
