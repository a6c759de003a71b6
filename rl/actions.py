"""What the agents choose: (21) per AP, (23) per block manager, for a batch of environments.

Actions are shares and scores without units; ``decoding`` turns them into a Decision of Problem (16).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ..opt.answers import plain_array
from ..opt.arguments import shown
from ..opt.arrays import Floats
from ..opt.errors import InputError
from ..opt.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class LocalAction:
    """(21) of all APs. uplink, multicast [env, J] >= 0: shares of the C1 budget; cpu [env, J] in [0, 1]: fraction of the
    observed capacity."""

    uplink: Floats
    multicast: Floats
    cpu: Floats


@dataclass(frozen=True, eq=False)
class GlobalAction:
    """(23) of all managers. preference [env, I, K]: score of each manager for each AP (0 or 1 for the learners);
    serve [env, I]: 1 runs the committee, 0 switches it off; request [env, I] >= 0: share of the C5 budget for all
    requests of the committee; multicast [env, I, V] >= 0: shares of the C5 budget; cpu [env, I, V] in [0, 1]: fraction of
    the observed capacity."""

    preference: Floats
    serve: Floats
    request: Floats
    multicast: Floats
    cpu: Floats


@dataclass(frozen=True, eq=False)
class Action:
    """Both teams' actions."""

    local: LocalAction
    global_: GlobalAction


# Fields in which true and false are numbers.
SWITCHES = ("global.serve", "global.preference")


def check_action(action: Action, truth: Snapshot) -> Action:
    """The action as float64; InputError naming the field whose shape, sign or range is wrong, or that holds NaN or no numbers
    (``opt.answers.plain_array``; ``serve`` and ``preference`` may be true and false)."""
    (envs,) = truth.batch_shape
    heads = len(truth.local.layout.ap)
    aps = len(truth.local.layout.heads)
    committees, delegates = truth.global_.layout.is_delegate.shape

    def field(name: str, values: object, shape: tuple[int, ...], high: float, *, signed: bool = False) -> Floats:
        array = np.asarray(plain_array(values, f"action.{name}", switches=name in SWITCHES), dtype=np.float64)
        if array.shape != (envs, *shape):
            raise InputError(f"has shape {array.shape}; it must be {(envs, *shape)}", field=f"action.{name}")
        # One pass each: NaN makes both extremes NaN, and no comparison with NaN holds.
        least, most = float(array.min()), float(array.max())
        low = -np.inf if signed else 0.0
        if not (low <= least and most <= high and math.isfinite(least) and math.isfinite(most)):
            allowed = "finite" if signed else "finite and >= 0" if high == np.inf else f"in [0, {high:g}]"
            raise InputError(f"lies in [{least}, {most}]; it must be {allowed}", field=f"action.{name}")
        return array

    local, global_ = cast(Any, action.local), cast(Any, action.global_)
    if not isinstance(local, LocalAction):
        raise InputError(f"is {shown(local)}; it must be a LocalAction", field="action.local")
    if not isinstance(global_, GlobalAction):
        raise InputError(f"is {shown(global_)}; it must be a GlobalAction", field="action.global")
    return Action(
        LocalAction(
            field("local.uplink", local.uplink, (heads,), np.inf),
            field("local.multicast", local.multicast, (heads,), np.inf),
            field("local.cpu", local.cpu, (heads,), 1.0),
        ),
        GlobalAction(
            field("global.preference", global_.preference, (committees, aps), np.inf, signed=True),
            field("global.serve", global_.serve, (committees,), 1.0),
            field("global.request", global_.request, (committees,), np.inf),
            field("global.multicast", global_.multicast, (committees, delegates), np.inf),
            field("global.cpu", global_.cpu, (committees, delegates), 1.0),
        ),
    )
