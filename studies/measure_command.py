"""Measure schedulers on one's own epochs from the command line."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bars

from ..baselines.registry import registered_baselines
from ..opt.errors import InputError
from ..opt.own_epochs import estimate_system
from ..opt.snapshot_table import load_snapshots
from ..rl.checkpoint import load_policy
from ..rl.policy import Policy
from .measure_gap import GapReport, Scheduler, measure_gap


def measure_own(
    source: Path,
    policies: Sequence[str],
    sigma: Sequence[float],
    *,
    base: Path | None = None,
    history: Path | None = None,
    seeds: int = 1,
    length: int = 1,
    console: Console,
) -> GapReport:
    """``measure_gap`` on the epochs of ``source`` (see ``load_snapshots``), with a bar on ``console``.

    history: earlier epochs, in the form of ``source`` and on the same base, that the system is estimated from.
    """
    named = {name: _scheduler(name) for name in policies}
    snapshots = load_snapshots(source, base)
    system = None if history is None else estimate_system(load_snapshots(history, base))
    with Bars(console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("certify and play")
        return measure_gap(
            named,
            sigma=sigma,
            seeds=range(seeds),
            episode_length=length,
            snapshots=snapshots,
            system=system,
            report=lambda done, total: bars.update(bar, completed=done, total=total),
        )


def _scheduler(name: str) -> Policy | Scheduler | str:
    """A baseline by name, the policy in a checkpoint file, or what ``module:name`` names (looked for here too)."""
    if name in registered_baselines():
        return name
    if Path(name).is_file():
        return load_policy(name)
    module, colon, attribute = name.partition(":")
    if not colon:
        allowed = f"{', '.join(sorted(registered_baselines()))}, the path of a checkpoint, or module:function"
        raise InputError(f"is {name!r}; it must be one of {allowed}", field="--policy")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(f"is {name!r}; {error}", field="--policy") from None
    finally:
        sys.path.pop(0)
    if not hasattr(found, attribute):
        raise InputError(f"is {name!r}; module {module} has no {attribute!r}", field="--policy")
    return getattr(found, attribute)
