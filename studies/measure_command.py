"""Measure schedulers on one's own epochs from the command line."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bars

from ..baselines.registry import registered_baselines
from ..opt.decision import Decision
from ..opt.errors import BrokenPromiseError, InputError
from ..opt.own_epochs import estimate_system
from ..opt.snapshot_table import load_snapshots
from ..rl.actions import Action
from ..rl.checkpoint import load_policy
from ..rl.observation import Observation
from ..rl.policy import Policy
from .command_output import aside
from .measure_gap import GapReport, measure_gap


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


@dataclass(frozen=True)
class OwnPolicy:
    """A user's policy, called so that one line tells what became of it: what it prints goes to stderr, and where it raises or
    exits, InputError names it and the place. From Python, ``measure_gap`` lets the user's own error through."""

    name: str
    answer: Callable[[Observation], Any]

    def act(self, observation: Observation) -> Action | Decision:
        """See Policy."""
        return _called(self.name, self.answer, observation)


def _scheduler(name: str) -> Policy | str:
    """A baseline by name, the policy in a checkpoint file, or what ``module:name`` names (looked for here too)."""
    if name in registered_baselines():
        return name
    if Path(name).is_file():
        return load_policy(name)
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        allowed = f"{', '.join(sorted(registered_baselines()))}, the path of a checkpoint, or module:function"
        raise InputError(f"is {name!r}; it must be one of {allowed}", field="--policy")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = _called(name, importlib.import_module, module)
    except InputError as error:
        cause = error.__cause__
        if isinstance(cause, ModuleNotFoundError) and cause.name and f"{module}.".startswith(f"{cause.name}."):
            raise InputError(f"is {name!r}; {cause}", field="--policy") from None
        raise
    finally:
        sys.path.pop(0)
    if not hasattr(found, attribute):
        raise InputError(f"is {name!r}; module {module} has no {attribute!r}", field="--policy")
    policy = getattr(found, attribute)
    answer = getattr(policy, "act", policy)
    if not callable(answer):
        raise InputError(f"is {name!r}, which is {type(policy).__name__}; it must be callable or have act", field="--policy")
    return OwnPolicy(name, answer)


def _called(name: str, call: Callable[..., Any], argument: object) -> Any:
    """The answer of the user's code. InputError when it ends otherwise; what our own code promised and broke is no fault of
    theirs."""
    try:
        return aside(call)(argument)
    except (KeyboardInterrupt, BrokenPromiseError):
        raise
    except (Exception, SystemExit) as error:
        # The last line of theirs rather than of a library that they call; the first two are ours.
        frames = traceback.extract_tb(error.__traceback__)[2:]
        theirs = [frame for frame in frames if "site-packages" not in frame.filename and frame.filename[0] != "<"]
        place = f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise InputError(f"ended with {said}{place}; it must return a decision", field=f"policy {name}") from error
