"""Every study by name. A new one is one file and one line here, or an entry point in the group ``twingap.studies``."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import Any

from ..opt.errors import InputError
from .study import Study

GROUP = "twingap.studies"

# name: "module:study", imported on use.
STUDIES: dict[str, str] = {
    "gap": "twingap.studies.gap:STUDY",
}


def registered_studies() -> dict[str, str]:
    """Our studies and those that other packages register under the entry point group ``twingap.studies``."""
    found = dict(STUDIES)
    for point in entry_points(group=GROUP):
        found.setdefault(point.name, point.value)
    return found


def find_study(name: str) -> Study[Any, Any]:
    """The study registered under ``name``; InputError with all names when there is none."""
    known = registered_studies()
    if name not in known:
        raise InputError(f"is {name!r}; it must be one of {', '.join(sorted(known))}", field="study")
    module, _, attribute = known[name].partition(":")
    return getattr(importlib.import_module(module), attribute)
