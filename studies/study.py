"""What a study is: a grid of cells, and what is made of their records.

Everything else (running, resuming, limits, files, the command line) is the same for all and knows no study by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .cells import Cell
from .config import StudyConfig
from .outcome import Outcome

if TYPE_CHECKING:
    import pandas as pd

C = TypeVar("C", bound=StudyConfig)
R = TypeVar("R")


@dataclass(frozen=True)
class Study(Generic[C, R]):
    """The functions that make a study.

    config: everything that decides its numbers. cells: the grid; raises InputError for what the configuration's types cannot
    tell. collect: results from what became of the cells; raises InputError when there is nothing to show. tables: by file name
    without ending; written as CSV, same seeds same bytes. page: writes one self-contained HTML page at the given path, figures
    beside it. lines: what the command line prints.
    tiny: a configuration that shows everything in seconds; the contract tests run it.
    """

    config: type[C]
    cells: Callable[[C], Sequence[Cell]]
    collect: Callable[[C, Outcome], R]
    tables: Callable[[R], Mapping[str, pd.DataFrame]]
    page: Callable[[R, Path], None]
    lines: Callable[[R], Sequence[str]]
    tiny: Mapping[str, Any]
