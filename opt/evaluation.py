"""What a decision earns on a snapshot: the objective of (16) with every term, delay and violation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arguments import shown
from .arrays import Booleans, Floats
from .decision import Decision
from .errors import InputError
from .global_equations import GlobalEvaluation, evaluate_global
from .local_equations import LocalEvaluation, evaluate_local
from .snapshot import Snapshot
from .violations import FEASIBLE


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Both parts; ``utility`` and ``violation`` have the batch shape ([...])."""

    local: LocalEvaluation
    global_: GlobalEvaluation

    @cached_property
    def utility(self) -> Floats:
        """Objective of (16): sum of (14) over APs plus sum of (15) over committees."""
        return self.local.utility + self.global_.utility

    @cached_property
    def violation(self) -> Floats:
        """Largest violation of C1 to C6, signs and wholeness; +inf for NaN."""
        return np.maximum(self.local.violation, self.global_.violation)

    @property
    def feasible(self) -> Booleans:
        """True where no constraint is violated by more than ``violations.FEASIBLE``."""
        return self.violation <= FEASIBLE


def check_shapes(snapshot: Snapshot, decision: Decision) -> None:
    """Raise InputError naming the field of a decision whose shape does not fit the snapshot, or that the mode does not use."""
    local, global_ = snapshot.local, snapshot.global_
    heads = len(local.layout.ap)
    aps, most = local.layout.is_head.shape
    committees, delegates = global_.layout.is_delegate.shape
    links = {
        "local": ((heads,), (aps, most, most), local.multicast),
        "global": ((committees, delegates), (committees, delegates, delegates), global_.multicast),
    }
    expected: dict[str, tuple[NDArray[Any], tuple[int, ...]]] = {
        "local.uplink": (decision.local.uplink, (heads,)),
        "local.cpu_hz": (decision.local.cpu_hz, (heads,)),
        "global.access": (decision.global_.access, (aps,)),
        "global.request": (decision.global_.request, (aps,)),
        "global.cpu_hz": (decision.global_.cpu_hz, (committees, delegates)),
    }
    for side, part in (("local", decision.local), ("global", decision.global_)):
        group, per_link, mode = links[side]
        used, unused = ("multicast", "peer") if mode == "group" else ("peer", "multicast")
        array = part.multicast if mode == "group" else part.peer
        if array is None:
            raise InputError(f"is missing; multicast mode {mode!r} needs it", field=f"{side}.{used}")
        if (part.peer if mode == "group" else part.multicast) is not None:
            raise InputError(f"must be absent in multicast mode {mode!r}; give {used!r}", field=f"{side}.{unused}")
        expected[f"{side}.{used}"] = (array, group if mode == "group" else per_link)
    for field, (array, shape) in expected.items():
        if not isinstance(array, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError(f"is {shown(array)}; it must be a numpy array", field=field)
        if array.shape[array.ndim - len(shape) :] != shape:
            raise InputError(f"has shape {array.shape}; its last axes must be {shape}", field=field)


def evaluate(snapshot: Snapshot, decision: Decision) -> Evaluation:
    """Evaluate a decision (or a batch; leading axes broadcast) by equations (1)-(16).

    Raises InputError, naming the field, when shapes do not fit. NaN is never feasible: its violation is +inf.
    """
    check_shapes(snapshot, decision)
    return Evaluation(evaluate_local(snapshot.local, decision.local), evaluate_global(snapshot.global_, decision.global_))
