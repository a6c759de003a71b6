"""What the line of a registry names: "module:attribute", of ours or of an entry point of another package."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any


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
