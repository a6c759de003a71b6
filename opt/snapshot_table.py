"""Epochs of one's own: a folder of snapshot files, or a table of what changes from epoch to epoch.

A table has one row per epoch and one column per number that changes. A column's name is the path of that number in the snapshot
file, as error messages write it (``local.sinr_uplink[3]``, ``local.sinr_peer[0][1][2]``, ``global.committees[1].block_bits``),
and its values have the file's units (SI, SINR linear). The column ``epoch``, where there is one, names the epochs. What has no
column is as in the base snapshot.
"""

from __future__ import annotations

import copy
import csv
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from .errors import InputError
from .snapshot import Snapshot
from .snapshot_file import load_snapshot, snapshot_from_json, snapshot_to_json

EPOCH = "epoch"
# What spreadsheets write instead of commas.
OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(\d{1,9})\]")
Place = tuple[str | int, ...]


class Table(Protocol):
    """What is needed of a table in memory; a pandas DataFrame is one."""

    @property
    def columns(self) -> Iterable[object]:
        """Names of the columns."""
        ...

    def itertuples(self, index: bool = ..., name: str | None = ...) -> Iterable[tuple[Any, ...]]:
        """Rows."""
        ...


def load_snapshots(source: str | Path | Table, base: Snapshot | str | Path | None = None) -> list[Snapshot]:
    """Snapshots of a folder (its ``*.json`` in the order of their names), of one such file, or of a table (a CSV file or a
    DataFrame).

    base: the snapshot, or its file, that holds what a table does not; needed for a table and for nothing else. Each epoch is
    checked like a snapshot file. Raises InputError naming file, row and column (or field), what is wrong and what is allowed.
    """
    if isinstance(source, (str, Path)) and Path(source).is_dir():
        if base is not None:
            raise InputError("is given, but a folder of snapshot files needs none", field="base")
        paths = sorted(Path(source).glob("*.json"))
        if not paths:
            raise InputError("holds no *.json; give a folder of snapshot files", source=str(source))
        return [load_snapshot(path) for path in paths]
    if isinstance(source, (str, Path)) and Path(source).suffix == ".json":
        if base is not None:
            raise InputError("is given, but a snapshot file needs none", field="base")
        return [load_snapshot(source)]
    if base is None:
        raise InputError("is missing; a table needs the snapshot that holds what does not change", field="base")
    start = base if isinstance(base, Snapshot) else load_snapshot(base)
    if start.batch_shape:
        raise InputError(f"is a batch of shape {start.batch_shape}; take one epoch with .at(index)", field="base")
    if isinstance(source, (str, Path)):
        name = str(source)
        columns, rows = _read_csv(Path(source))
    else:
        name = "table"
        columns, rows = [str(column) for column in source.columns], list(source.itertuples(index=False, name=None))
    return list(_epochs(name, columns, rows, start))


def _epochs(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]], base: Snapshot) -> Iterator[Snapshot]:
    twice = next((column for column in columns if columns.count(column) > 1), None)
    if twice is not None:
        raise InputError("stands in the header twice; keep one", field=twice, source=name)
    if not rows:
        raise InputError("has no rows; give one per epoch", source=name)
    fixed: dict[str, Any] = snapshot_to_json(base)
    # Somebody's certificate for the base says nothing about its epochs.
    fixed.pop("certified_elsewhere", None)
    places = [None if column == EPOCH else _place(fixed, column, name) for column in columns]
    for number, row in enumerate(rows, start=1):
        here = f"{name}, row {number}"
        if len(row) != len(columns):
            raise InputError(f"has {len(row)} entries; the header has {len(columns)}", source=here)
        content = copy.deepcopy(fixed)
        content["name"] = f"{base.name}-{number}"
        for column, place, value in zip(columns, places, row, strict=True):
            if place is None:
                content["name"] = str(value)
            else:
                _put(content, place, _number(value, column, here))
        yield snapshot_from_json(content, here)


def _place(content: object, column: str, source: str) -> Place:
    """The keys and indices that lead to a number of the base; InputError when they lead nowhere or to something else."""
    steps: list[str | int] = []
    end = 0
    for step in _STEP.finditer(column):
        if step.start() != end:
            break
        steps.append(step[1] if step[2] is None else int(step[2]))
        end = step.end()
    found: Any = content
    known = end == len(column) and bool(steps)
    for step in steps if known else ():
        inside = isinstance(found, dict) if isinstance(step, str) else isinstance(found, list)
        try:
            found = found[step] if inside else None
        except (KeyError, IndexError):
            found = None
    if not known or found is None:
        problem = "is no field of the base snapshot; columns are paths such as local.sinr_uplink[3], or epoch"
        raise InputError(problem, field=column, source=source)
    if isinstance(found, bool) or not isinstance(found, (int, float)):
        raise InputError("is no single number in the base snapshot; one column holds one number", field=column, source=source)
    return tuple(steps)


def _put(content: Any, place: Place, value: float) -> None:
    for step in place[:-1]:
        content = content[step]
    content[place[-1]] = value


def _number(value: object, column: str, source: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"is {value!r}; it must be a finite number", field=column, source=source)
    return number


def _read_csv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows, blank lines left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            lines = [line for line in csv.reader(stream, strict=True) if line]
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give a folder or a CSV file", source=str(path)) from None
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start}); give a CSV file", source=str(path)) from None
    except csv.Error as error:
        raise InputError(f"is not CSV ({error})", source=str(path)) from None
    if not lines:
        raise InputError("is empty; the first line must name the columns", source=str(path))
    for separator, name in OTHER_SEPARATORS.items():
        # No path of a field holds any of these, so a header that does is no header of ours.
        if separator in ",".join(lines[0]):
            wanted = "save it with commas between fields and points in numbers"
            raise InputError(f"separates its fields by {name}; {wanted}", source=str(path))
    return [column.strip() for column in lines[0]], [list(line) for line in lines[1:]]
