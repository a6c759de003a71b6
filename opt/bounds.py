"""Where attained utility meets a proved bound. No policy and no solver may ever beat a bound."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from .arrays import Floats
from .decision import Decision
from .errors import FalseBoundError
from .files import write_atomically
from .snapshot import Snapshot
from .snapshot_file import save_snapshot
from .solution_file import decision_to_json

# Room for the rounding of the evaluator and for constraints met to 1e-9: far below any gap that is reported.
ROUNDING = 1e-8

REPLAY_VARIABLE = "TWINGAP_REPLAY_DIR"


def rounding_room(bound: Floats | float) -> Floats:
    """Utility by which an evaluated decision may exceed a true bound through rounding: 1e-8 max(1, |bound|)."""
    return np.asarray(ROUNDING * np.maximum(1.0, np.abs(bound)))


def replay_directory() -> Path:
    """Where evidence of a false bound is saved: $TWINGAP_REPLAY_DIR, or ``twingap-replay`` in the working directory."""
    return Path(os.environ.get(REPLAY_VARIABLE, "twingap-replay"))


def file_stem(name: str) -> str:
    """A name made fit for a file: letters, digits and ``-_.`` stay, anything else becomes ``-``."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)


def assert_not_beaten(utility: Floats | float, bound: Floats | float, snapshot: Snapshot, decision: Decision, who: str) -> None:
    """Raise FalseBoundError when ``utility`` exceeds ``bound`` anywhere (NaN counts as exceeding).

    utility, bound: [...] of the snapshot's batch shape (one axis at most); decision: of the same batch shape. The first
    offending epoch's snapshot and decision are saved for replay and the error names the files.
    """
    attained, proved = np.broadcast_arrays(np.atleast_1d(utility), np.atleast_1d(bound))
    holds = attained <= proved + rounding_room(proved)
    if holds.all():
        return
    worst = int(np.flatnonzero(~holds)[0])
    single = not snapshot.batch_shape
    epoch = snapshot if single else snapshot.at(worst)
    chosen = decision if single else decision.at(worst)
    directory = replay_directory()
    directory.mkdir(parents=True, exist_ok=True)
    stem = file_stem(f"{epoch.name}-{who}")
    save_snapshot(epoch, directory / f"{stem}.snapshot.json")
    evidence = {"who": who, "utility": float(attained[worst]), "bound": float(proved[worst])}
    content = {**evidence, "decision": decision_to_json(epoch, chosen)}
    write_atomically(directory / f"{stem}.evidence.json", json.dumps(content) + "\n")
    raise FalseBoundError(
        f"{who} earns {attained[worst]!r} on {epoch.name}, above the proved bound {proved[worst]!r}: the bound is false or "
        f"the utility is not what the decision earns. Replay from {directory / stem}.snapshot.json and .evidence.json"
    )
