"""The tables of a results directory: CSV always, Parquet on request."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..opt.errors import InputError
from ..opt.files import write_atomically
from .csv_text import csv_text

if TYPE_CHECKING:
    import pandas as pd


def require_parquet() -> None:
    """Raise InputError when Parquet cannot be written."""
    if find_spec("pyarrow") is None:
        raise InputError("needs pyarrow; install the extra: pip install 'twingap[parquet]'", field="parquet")


def write_tables(directory: Path, tables: Mapping[str, pd.DataFrame], *, parquet: bool) -> None:
    """Write NAME.csv and, with ``parquet``, NAME.parquet. Raises InputError."""
    for stem, table in tables.items():
        write_atomically(directory / f"{stem}.csv", csv_text(table))
        if parquet:
            stream = io.BytesIO()
            table.to_parquet(stream, engine="pyarrow", index=False)
            write_atomically(directory / f"{stem}.parquet", stream.getvalue())


def remove_parquet(directory: Path, names: Iterable[str]) -> None:
    """Remove the Parquet files of these tables: those of earlier numbers, once there are new ones without."""
    for stem in names:
        (directory / f"{stem}.parquet").unlink(missing_ok=True)
