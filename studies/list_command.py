"""Names that commands and the API take, kind by kind, each with a line about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from importlib import import_module
from typing import Annotated

import typer

from .cli_options import JsonOption
from .command_output import aside


class Kind(StrEnum):
    """What can be listed."""

    PRESETS = "presets"
    FAMILIES = "families"
    POLICIES = "policies"
    LEARNERS = "learners"
    SOLVERS = "solvers"
    STUDIES = "studies"


def list_names(
    kind: Annotated[Kind, typer.Argument(metavar="presets|families|policies|learners|solvers|studies", help="Which names.")],
    as_json: JsonOption = False,
) -> None:
    """List the names of presets, families, policies (baselines), learners, solvers or studies."""
    found = aside(LISTED[kind])()
    if as_json:
        typer.echo(json.dumps([{"name": name, "about": about} for name, about in found.items()]))
        return
    width = max(map(len, found), default=0)
    for name, about in found.items():
        typer.echo(f"{name:{width}s}  {about}".rstrip())


def _presets() -> dict[str, str]:
    from ..opt.scenario import PRESETS, preset

    sizes = {name: preset(name) for name in PRESETS}
    return {
        name: f"{each.aps} APs, {each.local_subchannels:g} local and {each.global_subchannels:g} global subchannels"
        for name, each in sizes.items()
    }


def _families() -> dict[str, str]:
    from ..opt.families import FAMILIES

    return {name: each.note for name, each in FAMILIES.items()}


def _policies() -> dict[str, str]:
    from ..baselines.registry import registered_baselines

    return _first_lines(registered_baselines())


def _learners() -> dict[str, str]:
    from ..rl.learners import registered_learners

    return _first_lines(registered_learners())


def _solvers() -> dict[str, str]:
    from ..opt.registry import registered_solvers

    return {name: f"proves: {entry.proves}" for name, entry in registered_solvers().items()}


def _studies() -> dict[str, str]:
    from .registry import registered_studies

    return _first_lines(registered_studies())


def _first_lines(targets: Mapping[str, str]) -> dict[str, str]:
    """First line of the docstring of each target's module; of one that cannot be imported, why."""
    about: dict[str, str] = {}
    for name, target in targets.items():
        module = target.partition(":")[0]
        try:
            import_module(module)
        except (Exception, SystemExit) as error:
            # Somebody else's package, which may end in any way; the others are still listed.
            about[name] = f"cannot be imported ({type(error).__name__}: {' '.join(str(error).split())})"
            continue
        lines = (sys.modules[module].__doc__ or "").strip().splitlines()
        about[name] = lines[0] if lines else ""
    return about


LISTED: Mapping[Kind, Callable[[], dict[str, str]]] = {
    Kind.PRESETS: _presets,
    Kind.FAMILIES: _families,
    Kind.POLICIES: _policies,
    Kind.LEARNERS: _learners,
    Kind.SOLVERS: _solvers,
    Kind.STUDIES: _studies,
}
