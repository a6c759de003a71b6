"""From what agents choose to a Decision of Problem (16): (21), (23) and constraints C1 to C6.

``projection`` (default) makes any action feasible on the truth: shares are scaled down together when they ask for more than
the budget (C1, C5), links of one sender get spectrum in proportion to what each needs on the OBSERVED state, access is the
capacitated assignment that maximises the managers' preferences under the true capacities (C3, C4), and CPU is a fraction of
the observed capacity, executed at no more than the true one (C2, C6). A committee that is switched off or serves nobody takes
no resources.
``as_printed`` takes shares of the budget as absolute amounts and lets every manager choose its APs on its own; what breaks a
constraint is left broken, and (25) pays 0 for it.
What happens to CPU above the true capacity is a treatment of its own (C2, and C6 of delegates): ``clip`` executes it at the
capacity, ``void`` leaves it, and (25) pays 0 for the epoch. Projection clips and as_printed voids unless told otherwise.
With ``whole_subchannels`` each sender's total becomes whole: ``projection`` rounds down and gives what is left to the largest
remainders, ``as_printed`` rounds to the nearest; the split inside a sender keeps its proportions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np

from ..opt import global_reduction, local_reduction
from ..opt.arrays import Booleans, Floats
from ..opt.decision import Decision, GlobalDecision, LocalDecision
from ..opt.errors import InputError
from ..opt.snapshot import GlobalPart, LocalPart, Snapshot
from .actions import Action, GlobalAction, LocalAction
from .assignment import assign
from .rounding import whole_factor

Decoding = Literal["projection", "as_printed"]
OverCapacity = Literal["clip", "void"]
# A score above this claims the AP in ``as_printed``; a committee serves from this value on.
CHOSEN = 0.5


@dataclass(frozen=True)
class Rules:
    """What becomes of answers that break constraints: decoding of actions, and treatment of CPU above the true capacity."""

    decoding: Decoding = "projection"
    over_capacity: OverCapacity = "clip"

    @classmethod
    def of(cls, decoding: str, over_capacity: str | None = None) -> Rules:
        """Checked; without a treatment the decoding's own. InputError naming the field."""
        if decoding not in get_args(Decoding):
            raise InputError(f"is {decoding!r}; allowed: {', '.join(get_args(Decoding))}", field="decoding")
        if over_capacity is None:
            over_capacity = "clip" if decoding == "projection" else "void"
        if over_capacity not in get_args(OverCapacity):
            raise InputError(f"is {over_capacity!r}; allowed: {', '.join(get_args(OverCapacity))}", field="over_capacity")
        return cls(cast(Decoding, decoding), cast(OverCapacity, over_capacity))

    def __str__(self) -> str:
        return f"{self.decoding}, {self.over_capacity}"

    @property
    def projects(self) -> bool:
        """Whether shares and access are repaired."""
        return self.decoding == "projection"

    @property
    def clips(self) -> bool:
        """Whether CPU is executed at no more than the true capacity."""
        return self.over_capacity == "clip"

    @property
    def can_void(self) -> bool:
        """Whether an epoch can be paid 0 (25); otherwise every decision is feasible by construction."""
        return not (self.projects and self.clips)


PROJECTED = Rules()


@dataclass(frozen=True, eq=False)
class Decoded:
    """decision [env, ...]; claims_hold [env]: whether exactly one manager claimed each AP (C3; always true in projection)."""

    decision: Decision
    claims_hold: Booleans


def decode(action: Action, twin: Snapshot, truth: Snapshot, rules: Rules = PROJECTED) -> Decoded:
    """The decision that an action (checked, see ``actions.check_action``) stands for; all batched [env, ...]."""
    local = _decode_local(action.local, twin.local, truth.local, rules)
    global_, claims_hold = _decode_global(action.global_, twin.global_, truth.global_, rules)
    return Decoded(Decision(local, global_), claims_hold)


def _decode_local(action: LocalAction, twin: LocalPart, truth: LocalPart, rules: Rules) -> LocalDecision:
    layout = truth.layout
    uplink, multicast = action.uplink, action.multicast
    if rules.projects:
        multicast = multicast * (layout.heads[layout.ap] > 1)
    asked = uplink + multicast
    scale = truth.subchannels_max * (shrink(asked.sum(axis=-1)) if rules.projects else np.ones(asked.shape[:-1]))[..., None]
    if truth.whole_subchannels:
        scale = scale * whole_factor(scale * asked, within=truth.subchannels_max if rules.projects else None)
    uplink, multicast = scale * uplink, scale * multicast
    cpu = action.cpu * twin.cpu_max_hz
    if rules.clips:
        cpu = np.minimum(cpu, truth.cpu_max_hz)
    if truth.multicast == "group":
        return LocalDecision(uplink, cpu, multicast=multicast)
    share = equalised(local_reduction.link_needs(twin))
    to_place = np.where(layout.is_head, multicast[..., layout.head], 0.0)
    return LocalDecision(uplink, cpu, peer=to_place[..., None] * share)


def _decode_global(action: GlobalAction, twin: GlobalPart, truth: GlobalPart, rules: Rules) -> tuple[GlobalDecision, Booleans]:
    layout = truth.layout
    committees = len(layout.delegates)
    if rules.projects:
        access = assign(action.preference, truth.capacity)
        claims_hold = np.ones(access.shape[:-1], dtype=np.bool_)
    else:
        access = action.preference.argmax(axis=-2)
        claims_hold = ((action.preference > CHOSEN).sum(axis=-2) == 1).all(axis=-1)
    serves = access[..., None, :] == np.arange(committees)[:, None]
    working = action.serve >= CHOSEN
    if rules.projects:
        working = working & serves.any(axis=-1)
    request = action.request * working
    multicast = action.multicast * (working[..., None] & layout.is_delegate)
    asked = multicast.copy()
    asked[..., 0] += request
    total = asked.sum(axis=(-1, -2))
    scale = truth.subchannels_max * (shrink(total) if rules.projects else np.ones(total.shape))[..., None, None]
    if truth.whole_subchannels:
        flat = (scale * asked).reshape(*total.shape, -1)
        factor = whole_factor(flat, within=truth.subchannels_max if rules.projects else None)
        scale = scale * factor.reshape(asked.shape)
    multicast = scale * multicast
    request = scale[..., 0] * request
    cpu = action.cpu * twin.cpu_max_hz
    if rules.clips:
        cpu = np.minimum(cpu, truth.cpu_max_hz)
    cpu = cpu * (working[..., None] & layout.is_delegate)
    needs = np.where(serves, global_reduction.request_needs(twin), 0.0)
    requests = (request[..., None] * equalised(needs)).sum(axis=-2)
    if truth.multicast == "group":
        return GlobalDecision(access, requests, cpu, multicast=multicast), claims_hold
    share = equalised(global_reduction.link_needs(twin))
    return GlobalDecision(access, requests, cpu, peer=multicast[..., None] * share), claims_hold


def shrink(total: Floats) -> Floats:
    """Factor that brings a total of shares down to 1; exactly 1 where it is no more than that."""
    return 1.0 / np.maximum(total, 1.0)


def equalised(needs: Floats) -> Floats:
    """Each link's part of its sender's share when all finish together: in proportion to need; 0 where there is none."""
    total = needs.sum(axis=-1, keepdims=True)
    return np.divide(needs, total, out=np.zeros(needs.shape), where=total > 0.0)
