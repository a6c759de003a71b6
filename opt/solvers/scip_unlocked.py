"""Pyomo's interface to SCIP, which lets go of Python's lock while SCIP computes.

Pyomo reads SCIP's log through a pipe that a thread of Python empties. PySCIPOpt's ``optimize`` keeps the lock, so that a log
longer than the pipe (64 KiB) would stop SCIP for good; ``optimizeNogil`` is the same without the lock.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_ScipDirect: Any = import_module("pyomo.contrib.solver.solvers.scip.scip_direct").ScipDirect


class _Unlocked:
    """PySCIPOpt's model, whose ``optimize`` is ``optimizeNogil``."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def optimize(self) -> None:
        """Without Python's lock."""
        self._model.optimizeNogil()


class UnlockedScip(_ScipDirect):
    """``scip_direct`` that cannot be stopped by its own log."""

    def _create_solver_model(self, model: Any, config: Any) -> tuple[_Unlocked, Any, bool]:
        made, loader, has_objective = _ScipDirect._create_solver_model(self, model, config)
        return _Unlocked(made), loader, has_objective
