"""Records: one JSON file per finished cell, written atomically and named by the cell's key; failures beside them.

A record is the resume marker: a study started again runs the cells that have none. A failure is a row of its own kind and
never counts as done.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from ..opt.errors import InputError
from ..opt.files import leftovers, write_atomically
from .cells import Cell
from .claims import prepare_claims
from .machine import describe_machine
from .sealed import is_whole, sealed
from .words import Ended, Failure

FORMAT = "twingap.record"


@dataclass(frozen=True)
class Records:
    """The records of one results directory."""

    directory: Path

    def prepare(self) -> None:
        """Make the directories. Raises InputError when that is not possible."""
        prepare_claims(self.directory)
        for folder in (self._records, self._failures):
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                problem = f"cannot be made ({error.strerror}); give a writable directory"
                raise InputError(problem, source=str(folder)) from None

    def has(self, cell: Cell) -> bool:
        """True when the cell is done."""
        return self.done(cell.key)

    def done(self, key: str) -> bool:
        """True when the cell of this key is done."""
        return (self._records / f"{key}.json").exists()

    def failed(self, cell: Cell) -> bool:
        """True when the cell failed when it was last run."""
        return self._failure(cell).exists()

    def ended(self, cell: Cell) -> Ended | None:
        """How the cell ended, or None when it did not."""
        content = self.record(cell.key) or self.failure(cell.key)
        if content is None:
            return None
        failure = Failure(content["reason"], content["error"]) if "reason" in content else None
        return Ended(failure, content["seconds"])

    def write(self, cell: Cell, result: dict[str, Any], seconds: float, peak_memory: int | None = None) -> None:
        """Keep the result of a finished cell; peak_memory [bytes]: resident size of its largest process."""
        content = self._about(cell) | {"seconds": seconds, "peak_memory": peak_memory, "result": result}
        write_atomically(self._path(cell), sealed(json.dumps(content)))
        self._failure(cell).unlink(missing_ok=True)

    def write_failure(self, cell: Cell, failure: Failure, seconds: float) -> None:
        """Keep why a cell failed."""
        content = self._about(cell) | {"seconds": seconds, "reason": failure.reason, "error": failure.error}
        write_atomically(self._failure(cell), sealed(json.dumps(content)))

    def clear(self, cell: Cell) -> None:
        """Forget how the cell failed, and what was being written when it was killed. For whoever holds its claim."""
        self._failure(cell).unlink(missing_ok=True)
        for path in (self._path(cell), self._failure(cell)):
            for left in leftovers(path):
                left.unlink(missing_ok=True)

    def result(self, key: str) -> dict[str, Any]:
        """What the work of a finished cell returned; InputError when it is not done."""
        record = self.record(key)
        if record is None:
            raise InputError(f"holds no record {key}; run its study first", source=str(self._records))
        return record["result"]

    def record(self, key: str) -> dict[str, Any] | None:
        """The record of a cell: settings, seconds, result and where it was made; None when the cell is not done."""
        return _read(self._records / f"{key}.json", key)

    def failure(self, key: str) -> dict[str, Any] | None:
        """Why the cell failed when it was last run (under ``reason`` and ``error``); None when it did not."""
        return _read(self._failures / f"{key}.json", key)

    def _about(self, cell: Cell) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "key": cell.key,
            "title": cell.title,
            "work": cell.work,
            "settings": cell.settings,
            "code": cell.code,
            "machine": describe_machine(),
        }

    @property
    def _records(self) -> Path:
        return self.directory / "records"

    @property
    def _failures(self) -> Path:
        return self.directory / "failures"

    def _path(self, cell: Cell) -> Path:
        return self._records / f"{cell.key}.json"

    def _failure(self, cell: Cell) -> Path:
        return self._failures / f"{cell.key}.json"


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """The content of a sealed file, or None when there is none. Raises InputError when it is not as it was written."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", source=str(path)) from None
    if not is_whole(data):
        raise InputError("is damaged: it is not as it was written; remove it and run the study again", source=str(path))
    content = _parsed(data)
    if content.get("format") != FORMAT or content.get("key") != key:
        raise InputError("is not the record that its name says; remove it and run the study again", source=str(path))
    return content


def _parsed(data: bytes) -> dict[str, Any]:
    """JSON as Python's own parser reads it, several times faster; numbers are the same to the last bit."""
    try:
        return from_json(data)
    except ValueError:
        # Half of a surrogate pair, as an error text may quote it.
        return json.loads(data)
