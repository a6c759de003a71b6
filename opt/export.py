"""Models of (16) as files, for solvers that are run elsewhere.

AMPL ``nl`` (with .row and .col names) and GAMS ``gms`` hold (16) itself. ``lp`` is for linear models: it holds the
piecewise-linear relaxation of solver ``milp``, whose optimum is an upper bound on (16).
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import is_stream, write_atomically, written_together
from .snapshot import Snapshot

FORMULATIONS = ("link", "reduced")
FORMATS = ("nl", "gms", "lp")
# Pyomo's name of each format, and the files it makes by suffix.
PYOMO_FORMATS = {"nl": ("nl", (".nl", ".row", ".col")), "gms": ("gams", (".gms",))}


def export_model(
    snapshot: Snapshot,
    formulation: str,
    format: str,  # noqa: A002
    path: str | Path,
    gap: float = 1e-2,
    time_limit: float = 60.0,
) -> list[Path]:
    """Write (16) of one epoch to ``path`` (and name files beside it for ``nl``); returns the files written.

    ``nl`` and ``gms``: the model is maximised over both parts (blocks ``local`` and ``global_``), exact but for heads and
    committees slower than the horizon (formulations.modelling). ``lp``: a mixed-integer linear relaxation of ``reduced``
    (solvers.milp.linear_file), an upper bound whose grids are refined until ``gap`` is proved or ``time_limit`` [s] passes;
    both are used by ``lp`` alone. Raises InputError for an unknown formulation or format, for ``link`` as ``lp`` (its gains
    are exponential), for a mode that ``lp`` cannot hold, and when a package is not installed.
    """
    if formulation not in FORMULATIONS:
        raise InputError(f"is {formulation!r}; it must be one of {', '.join(FORMULATIONS)}", field="formulation")
    if format not in FORMATS:
        raise InputError(f"{format!r} is unknown; it must be one of {', '.join(FORMATS)}", field="format")
    if snapshot.batch_shape:
        raise InputError(f"is a batch of shape {snapshot.batch_shape}; take one epoch with .at(index)", field="snapshot")
    if format == "lp":
        if formulation != "reduced":
            problem = "'lp' is linear and holds only the relaxation of formulation reduced; give reduced, or format nl or gms"
            raise InputError(problem, field="format")
        return _write_relaxation(snapshot, Path(path), gap, time_limit)
    if importlib.util.find_spec("pyomo") is None:
        raise InputError("needs pyomo; install it first, e.g. pip install 'twingap[pyomo]'", field="formulation")
    name, suffixes = PYOMO_FORMATS[format]
    target = Path(path)
    if len(suffixes) > 1 and is_stream(target):
        problem = f"is a pipe or a device, and {format!r} takes {len(suffixes)} files; give a file name, or format gms or lp"
        raise InputError(problem, source=str(target))
    model = whole_model(snapshot, formulation)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"model{suffixes[0]}"
        model.write(str(made), format=name, io_options={"symbolic_solver_labels": True})
        contents = [made.with_suffix(suffix).read_bytes() for suffix in suffixes]
    if len(contents) == 1:
        write_atomically(target, contents[0])
        return [target]
    targets = [target, *(target.with_suffix(suffix) for suffix in suffixes[1:])]
    with written_together(target.parent, last=target.name) as beside:
        for final, content in zip(targets, contents, strict=True):
            write_atomically(beside / final.name, content)
    return targets


def _write_relaxation(snapshot: Snapshot, target: Path, gap: float, time_limit: float) -> list[Path]:
    if importlib.util.find_spec("highspy") is None:
        raise InputError("'lp' needs highspy; install it first, e.g. pip install 'twingap[highs]'", field="format")
    for name, value, least in (("gap", gap, "> 0"), ("time_limit", time_limit, "> 0, in seconds")):
        if not (math.isfinite(value) and value > 0.0):
            raise InputError(f"is {value!r}; it must be a number {least}", field=name)
    module: Any = import_module(f"{__package__}.solvers.milp.linear_file")
    write_atomically(target, module.relaxation_file(snapshot, gap, time_limit))
    return [target]


def whole_model(snapshot: Snapshot, formulation: str) -> Any:
    """The Pyomo model of both parts; ``objective`` is that of (16)."""
    pyo: Any = import_module("pyomo.environ")
    module: Any = import_module(f"{__package__}.formulations.{formulation}")
    model = pyo.ConcreteModel(name=snapshot.name)
    model.local, model.global_ = pyo.Block(concrete=True), pyo.Block(concrete=True)
    module.build_local(snapshot.local, model.local)
    module.build_global(snapshot.global_, model.global_)
    model.objective = pyo.Objective(expr=model.local.earned + model.global_.earned, sense=pyo.maximize)
    return model
