"""Tables as CSV with every digit, fast enough for those of ten thousand cells."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from pydantic_core import to_json

if TYPE_CHECKING:
    import pandas as pd


def csv_text(table: pd.DataFrame) -> str:
    """The table as pandas writes it, without its index: numbers with the fewest digits that read back
    exactly, missing ones empty.

    Several times as fast as ``DataFrame.to_csv``, which asks Python for the digits of one number at a time.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(zip(*(_written(table[name]) for name in table.columns), strict=True))
    return stream.getvalue()


def _written(column: pd.Series) -> Iterable[object]:
    values = column.to_numpy()
    if values.dtype == np.float64 and len(values):
        digits = to_json(values.tolist(), inf_nan_mode="constants").decode()[1:-1].replace("NaN", "").replace("Infinity", "inf")
        return digits.split(",")
    return column.astype(object).where(column.notna(), "").tolist()
