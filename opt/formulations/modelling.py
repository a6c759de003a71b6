"""The door to Pyomo, and the few constants and idioms that both formulations share.

Pyomo carries no type information that a strict checker can use, so it enters here once, as ``Any``.

Idiom: ``x * t >= need * on**2``. With a binary ``on`` it says t >= need / x when on, and nothing when off. It is a rotated
second-order cone, the convex hull of both cases, and needs no big-M.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from ..arrays import Floats

pyo: Any = import_module("pyomo.environ")

# A head or committee whose exp(-A T) is below this counts as off. What that can hide from the optimum is at most this
# fraction of the benefit of each, and solvers add it to their bounds (``cut_off``).
NEGLIGIBLE = 1e-12

# Bounds proved from budgets give way by this fraction: the evaluator forgives violations up to 1e-9.
GIVE = 4e-9


def horizon(decay: float) -> float:
    """Seconds after which exp(-A T) is negligible: ln(1e12) / A."""
    return -math.log(NEGLIGIBLE) / decay


def variable(block: Any, name: str, index: Any, low: Any, high: Any, *, domain: Any = None) -> Any:
    """An indexed variable ``name`` of ``block`` with bounds by position in arrays (or the same for all)."""
    lows, highs = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)

    def bounds(_: Any, *where: int) -> tuple[float, float]:
        return float(lows[where] if lows.ndim else lows), float(highs[where] if highs.ndim else highs)

    made = pyo.Var(*index, bounds=bounds, domain=pyo.Reals if domain is None else domain)
    block.add_component(name, made)
    return made


def conditions(block: Any, name: str) -> Any:
    """An empty list of constraints called ``name``; filled with ``.add(expression)``."""
    made = pyo.ConstraintList()
    block.add_component(name, made)
    return made


def values(variables: Any, count: int) -> Floats:
    """Values of variables indexed 0..count-1; 0 where a solver left one out because nothing mentions it."""
    return np.array([pyo.value(variables[i], exception=False) or 0.0 for i in range(count)])
