"""A decision that a policy made itself (a solver on the twin, a user's own scheduler), made feasible on the truth.

The change is the least that the constraints ask for: what already holds is passed on bit for bit, so a solver's decision for
the true snapshot earns exactly the solver's objective.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..opt.arrays import Floats, Integers
from ..opt.decision import Decision, GlobalDecision, LocalDecision
from ..opt.errors import InputError
from ..opt.evaluation import FEASIBLE, check_shapes
from ..opt.global_equations import committee_spectrum
from ..opt.local_equations import head_spectrum
from ..opt.snapshot import GlobalPart, LocalPart, Snapshot
from .assignment import assign
from .decoding import PROJECTED, Rules
from .rounding import whole_factor

Number = TypeVar("Number", bound=np.generic)


def execute(decision: Decision, truth: Snapshot, rules: Rules = PROJECTED) -> Decision:
    """The decision [env, ...] (or one for all environments) as the rules have it executed on the truth [env, ...]: feasible
    when nothing can be void.

    Projection: negative amounts become 0. C1, C5: all shares of a part shrink together when they exceed its budget by more than
    1e-9 of it; with ``whole_subchannels`` senders' totals are then made whole within the budget. C4: access is repaired by the
    assignment under the true capacities that moves the fewest APs; a moved AP keeps its request share. As printed: all that is
    left alone. C2, C6: CPU is executed at min(asked, true) where the rules clip it. Raises InputError for a wrong shape, NaN,
    infinity or an unknown committee.
    """
    decision = in_batch(decision, truth)
    local, global_ = decision.local, decision.global_
    if rules.clips:
        local = replace(local, cpu_hz=_within(local.cpu_hz, truth.local.cpu_max_hz))
        global_ = replace(global_, cpu_hz=_within(global_.cpu_hz, truth.global_.cpu_max_hz))
    if rules.projects:
        local, global_ = _execute_local(local, truth.local), _execute_global(global_, truth.global_)
    return Decision(local, global_)


def in_batch(decision: Decision, truth: Snapshot) -> Decision:
    """The decision with the truth's batch axis on every array, all finite; InputError names the field that is not, or that
    does not fit."""
    check_shapes(truth, decision)
    batch = truth.batch_shape
    committees = len(truth.global_.layout.delegates)

    def numbers(array: Floats, axes: int, name: str) -> Floats:
        if not np.isfinite(array).all():
            raise InputError("holds NaN or infinity; every amount must be finite", field=name)
        return of_batch(array, axes, name)

    def of_batch(array: NDArray[Number], axes: int, name: str) -> NDArray[Number]:
        whole = batch + array.shape[array.ndim - axes :]
        if array.shape[: array.ndim - axes] not in ((), (1,) * len(batch), batch):
            raise InputError(f"has shape {array.shape}; it must be {whole}", field=name)
        return np.broadcast_to(array, whole)

    def optional(array: Floats | None, axes: int, name: str) -> Floats | None:
        return None if array is None else numbers(array, axes, name)

    local, global_ = decision.local, decision.global_
    if not ((global_.access >= 0) & (global_.access < committees)).all():
        raise InputError(f"names an unknown committee; it must lie in 0..{committees - 1}", field="global.access")
    return Decision(
        LocalDecision(
            numbers(local.uplink, 1, "local.uplink"),
            numbers(local.cpu_hz, 1, "local.cpu_hz"),
            optional(local.multicast, 1, "local.multicast"),
            optional(local.peer, 3, "local.peer"),
        ),
        GlobalDecision(
            of_batch(global_.access, 1, "global.access"),
            numbers(global_.request, 1, "global.request"),
            numbers(global_.cpu_hz, 2, "global.cpu_hz"),
            optional(global_.multicast, 2, "global.multicast"),
            optional(global_.peer, 3, "global.peer"),
        ),
    )


def _execute_local(asked: LocalDecision, truth: LocalPart) -> LocalDecision:
    layout = truth.layout
    at_least_zero = LocalDecision(
        _not_negative(asked.uplink),
        _not_negative(asked.cpu_hz),
        None if asked.multicast is None else _not_negative(asked.multicast),
        None if asked.peer is None else _not_negative(asked.peer),
    )
    factor = _budget_factor(head_spectrum(truth, at_least_zero), truth.subchannels_max, whole=truth.whole_subchannels)
    peer = at_least_zero.peer
    if peer is not None:
        peer = peer * np.where(layout.is_head, factor[..., layout.head], 1.0)[..., None]
    multicast = at_least_zero.multicast
    return LocalDecision(
        at_least_zero.uplink * factor, at_least_zero.cpu_hz, None if multicast is None else multicast * factor, peer
    )


def _execute_global(asked: GlobalDecision, truth: GlobalPart) -> GlobalDecision:
    access = _repaired(asked.access, truth.capacity)
    at_least_zero = GlobalDecision(
        access,
        _not_negative(asked.request),
        _not_negative(asked.cpu_hz),
        None if asked.multicast is None else _not_negative(asked.multicast),
        None if asked.peer is None else _not_negative(asked.peer),
    )
    totals = committee_spectrum(truth, at_least_zero)
    flat = totals.reshape(*totals.shape[:-2], -1)
    factor = _budget_factor(flat, truth.subchannels_max, whole=truth.whole_subchannels).reshape(totals.shape)
    request = at_least_zero.request * np.take_along_axis(factor[..., 0], access, axis=-1)
    multicast, peer = at_least_zero.multicast, at_least_zero.peer
    return GlobalDecision(
        access,
        request,
        at_least_zero.cpu_hz,
        None if multicast is None else multicast * factor,
        None if peer is None else peer * factor[..., None],
    )


def _not_negative(amounts: Floats) -> Floats:
    return np.maximum(amounts, 0.0)


def _within(asked: Floats, allowed: Floats) -> Floats:
    """min(asked, allowed), leaving alone what exceeds by no more than what counts as feasible."""
    return np.where(asked > allowed * (1.0 + FEASIBLE), allowed, asked)


def _repaired(access: Integers, capacity: Integers) -> Integers:
    """The access within capacities that differs from the asked one for the fewest APs."""
    committees = np.arange(capacity.shape[-1])
    asked = (access[..., None, :] == committees[:, None]).astype(np.float64)
    return assign(asked, np.broadcast_to(capacity, asked.shape[:-1]))


def _budget_factor(totals: Floats, budget: float, *, whole: bool) -> Floats:
    """Factor for each sender's shares [..., n]: exactly 1 where totals [..., n] keep the budget (and are whole, if asked)."""
    used = totals.sum(axis=-1, keepdims=True)
    factor = np.where(used > budget * (1.0 + FEASIBLE), budget / np.maximum(used, budget), 1.0)
    factor = np.broadcast_to(factor, totals.shape)
    if not whole:
        return factor
    spent = totals * factor
    holds = (np.abs(spent - np.rint(spent)).max(axis=-1, keepdims=True) <= FEASIBLE) & (used <= budget * (1.0 + FEASIBLE))
    return np.where(holds, 1.0, factor * whole_factor(spent, within=budget))
