"""What the line of a registry names: "module:attribute", of ours or of an entry point of another package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib.metadata import entry_points
from typing import Any

from .errors import InputError


def registered_targets(ours: Mapping[str, str], group: str) -> dict[str, str]:
    """Our targets by name, then those that other packages register under the entry point group; a name of ours stays ours."""
    found = dict(ours)
    for point in entry_points(group=group):
        found.setdefault(point.name, point.value)
    return found


def imported(target: str) -> Any:
    """The attribute. ImportError, AttributeError or ValueError when it is not there."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def found(name: str, target: str, kind: str) -> Any:
    """What is registered under ``name`` as a ``kind`` ("baseline"). InputError naming it when somebody else's cannot be loaded,
    whatever its import does; what is wrong with ours is a bug of ours, and raised as it is."""
    if target.startswith("twingap."):
        return imported(target)
    try:
        return loaded(lambda: imported(target))
    except UnloadableError as error:
        raise InputError(f"is {name!r} ({target}), which cannot be loaded: {error}", field=kind) from error.__cause__


class UnloadableError(Exception):
    """Somebody else's code cannot be imported; ``str(error)`` is one line that says why, the cause what it raised."""


def loaded(load: Callable[[], Any]) -> Any:
    """What ``load`` imports. UnloadableError for whatever the import raises, SystemExit and syntax errors among them; only an
    interrupt goes through. What the import prints goes to stderr, since stdout may be somebody's JSON."""
    try:
        with redirect_stdout(sys.stderr):
            return load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UnloadableError(in_one_line(error)) from error


def in_one_line(error: BaseException) -> str:
    """What was raised, in words for one line."""
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
