"""Every study by name. A new one is one file and one line here, or an entry point in the group ``twingap.studies``."""

from __future__ import annotations

from typing import Any

from ..opt.errors import InputError
from ..opt.targets import found, imported, registered_targets
from .study import Study

GROUP = "twingap.studies"

# name: "module:study", imported on use.
STUDIES: dict[str, str] = {
    "gap": "twingap.studies.gap:STUDY",
    "paper_figures": "twingap.studies.paper_figures:STUDY",
    "solver_comparison": "twingap.studies.solver_comparison:STUDY",
}


def registered_studies() -> dict[str, str]:
    """Our studies and those that other packages register under the entry point group ``twingap.studies``."""
    return registered_targets(STUDIES, GROUP)


def find_study(name: str) -> Study[Any, Any]:
    """The study registered under ``name``, or the one that "module:study" names; InputError when there is none."""
    known = registered_studies()
    if name not in known and ":" not in name:
        problem = f"is {name!r}; it must be one of {', '.join(sorted(known))}, or module:study of your own"
        raise InputError(problem, field="study")
    try:
        study = found(name, known[name], "study") if name in known else imported(name)
    except (ImportError, ValueError, AttributeError) as error:
        if name in known:
            raise
        raise InputError(f"is {name!r}, which cannot be imported ({error})", field="study") from None
    if not isinstance(study, Study):
        raise InputError(f"is {name!r}, which is no Study", field="study")
    return study
