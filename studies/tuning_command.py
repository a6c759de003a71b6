"""What ``twingap tune`` does with its options, and what it prints."""

from __future__ import annotations

import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from ..opt.errors import InputError
from ..rl.search_space import at_path
from .config import checked
from .yaml_text import parse_yaml


def given_settings(options: list[str]) -> dict[str, Any]:
    """Settings by path from PATH=VALUE, values as in YAML. InputError."""
    settings: dict[str, Any] = {}
    for option in options:
        path, sign, value = option.partition("=")
        if not (path and sign):
            raise InputError(f"is {option!r}; it must be PATH=VALUE, as in workers=1", field="--set")
        try:
            settings[path] = parse_yaml(value)
        except InputError as error:
            raise InputError(f"is {option!r}, whose value {error}", field="--set") from None
    return settings


def print_space(name: str) -> None:
    """One line per setting that is tuned: range, scale and default."""
    from .tuning.config import tunable

    entry = tunable(name)
    defaults = entry.settings.from_json({}).to_json()
    width = max(len(path) for path in entry.space)
    for path, each in entry.space.items():
        kind = "whole" if each.whole else "real"
        scale = ", logarithmic" if each.log else ""
        typer.echo(f"{path:{width}s}  {each.low:g} to {each.high:g}, {kind}{scale}; default {at_path(defaults, path):g}")


def run_tuning(
    values: dict[str, Any],
    trials: int,
    storage: str,
    directory: Path,
    study: str | None,
    workers: int,
    heartbeat: float,
    compare: bool,
) -> bool:
    """Tune, print what came out; False when no trial is complete. values: of ``TuneConfig``."""
    from .tuning.config import TuneConfig, tunable

    tunable(values["learner"])
    if find_spec("optuna") is None:
        raise InputError("needs optuna; install the extra: pip install 'twingap[tune]'", field="tune")
    from .tuning.tune import BEST_FILE, PAGE, WorkersDiedError, tune

    config = checked(TuneConfig, values)
    # Only our own command line is worth repeating; inside another program it is not what was typed.
    command = f"twingap {shlex.join(sys.argv[1:])}"
    try:
        found = tune(
            config,
            trials,
            storage,
            directory,
            study=study,
            workers=workers,
            heartbeat=heartbeat,
            compare=compare,
            command=command,
        )
    except WorkersDiedError as error:
        typer.echo(f"twingap: {error}", err=True)
        return False
    states = [row.state for row in found.trials]
    typer.echo(
        f"{len(states)} finished trials: "
        + ", ".join(f"{states.count(each)} {each}" for each in ("complete", "pruned", "failed"))
    )
    best = found.best
    if best is None:
        typer.echo("no trial is complete", err=True)
        return False
    typer.echo(f"best on the tuning epochs: trial {best.slot}, gap {100 * (best.gap or 0.0):.3f} %")
    if found.check is not None:
        typer.echo(f"on fresh seeds {found.check.verdict}")
    elif best.slot == 0:
        typer.echo("these are the defaults: nothing better was found")
    typer.echo(f"settings: {directory / BEST_FILE}")
    typer.echo(f"report: {directory / PAGE}")
    return True
