"""What the page of a solver comparison shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..solver_traces import Trace
from .origin import Origin
from .page import Section


@dataclass(frozen=True, eq=False)
class ComparisonContent:
    """What the page shows; tables and traces as in ``ComparisonResults``. about: per solver what it proves, handles and its
    versions; gap: asked for; time_limit [s]; settings: shown as they are; origin: what made the numbers; data: downloads."""

    runs: pd.DataFrame
    traces: Mapping[tuple[str, str], Trace]
    scores: pd.DataFrame
    solvers: pd.DataFrame
    families: pd.DataFrame
    pairs: pd.DataFrame
    bounds: pd.DataFrame
    cells: pd.DataFrame
    failures: pd.DataFrame
    about: Sequence[Mapping[str, str]]
    gap: float
    time_limit: float
    settings: Mapping[str, Any]
    origin: Origin | None
    data: Section
