"""Models of (16) as files, for solvers that are run elsewhere: AMPL ``nl`` (with .row and .col names) and GAMS ``gms``."""

from __future__ import annotations

import importlib.util
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from .errors import InputError
from .files import write_atomically
from .snapshot import Snapshot

FORMULATIONS = ("link", "reduced")
# Pyomo's name of each format, and the files it makes by suffix.
FORMATS = {"nl": ("nl", (".nl", ".row", ".col")), "gms": ("gams", (".gms",))}


def export_model(snapshot: Snapshot, formulation: str, format: str, path: str | Path) -> list[Path]:  # noqa: A002
    """Write (16) of one epoch to ``path`` (and name files beside it for ``nl``); returns the files written.

    The model is maximised over both parts (blocks ``local`` and ``global_``), exact but for heads and committees slower than
    the horizon (formulations.modelling). Raises InputError for an unknown formulation, a format that cannot hold the model
    (``lp``: linear and quadratic models only, and gains are exponential) and when Pyomo is not installed.
    """
    if formulation not in FORMULATIONS:
        raise InputError(f"is {formulation!r}; it must be one of {', '.join(FORMULATIONS)}", field="formulation")
    if format not in FORMATS:
        why = "cannot hold exponential gains (it is for linear and quadratic models)" if format == "lp" else "is unknown"
        raise InputError(f"{format!r} {why}; formats that work: {', '.join(FORMATS)}", field="format")
    if snapshot.batch_shape:
        raise InputError(f"is a batch of shape {snapshot.batch_shape}; take one epoch with .at(index)", field="snapshot")
    if importlib.util.find_spec("pyomo") is None:
        raise InputError("needs pyomo; install it first, e.g. pip install 'twingap[pyomo]'", field="formulation")
    model = whole_model(snapshot, formulation)
    name, suffixes = FORMATS[format]
    target = Path(path)
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"model{suffixes[0]}"
        model.write(str(made), format=name, io_options={"symbolic_solver_labels": True})
        targets = [target, *(target.with_suffix(suffix) for suffix in suffixes[1:])]
        for suffix, final in zip(suffixes, targets, strict=True):
            write_atomically(final, made.with_suffix(suffix).read_bytes())
    return targets


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
