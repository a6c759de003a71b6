"""Decisions for a batch of environments: the same for all, or nothing at all."""

from __future__ import annotations

import numpy as np

from ..opt.arrays import Floats
from ..opt.decision import Decision, GlobalDecision, LocalDecision
from ..opt.snapshot import Snapshot
from ..rl.assignment import assign


def repeated(decision: Decision, envs: int) -> Decision:
    """A single-epoch decision in ``envs`` environments."""

    def spread(array: Floats | None) -> Floats | None:
        return None if array is None else np.broadcast_to(array, (envs, *array.shape))

    local, global_ = decision.local, decision.global_
    return Decision(
        LocalDecision(
            np.broadcast_to(local.uplink, (envs, *local.uplink.shape)),
            np.broadcast_to(local.cpu_hz, (envs, *local.cpu_hz.shape)),
            spread(local.multicast),
            spread(local.peer),
        ),
        GlobalDecision(
            np.broadcast_to(global_.access, (envs, *global_.access.shape)),
            np.broadcast_to(global_.request, (envs, *global_.request.shape)),
            np.broadcast_to(global_.cpu_hz, (envs, *global_.cpu_hz.shape)),
            spread(global_.multicast),
            spread(global_.peer),
        ),
    )


def nothing(snapshot: Snapshot) -> Decision:
    """No spectrum and no CPU for anybody in every environment; access is some assignment within the capacities."""
    (envs,) = snapshot.batch_shape
    local, global_ = snapshot.local, snapshot.global_
    heads = (envs, len(local.layout.ap))
    aps = len(local.layout.heads)
    committees = global_.layout.is_delegate.shape
    capacity = np.broadcast_to(global_.capacity, (envs, committees[0]))
    local_group, global_group = local.multicast == "group", global_.multicast == "group"
    return Decision(
        LocalDecision(
            np.zeros(heads),
            np.zeros(heads),
            np.zeros(heads) if local_group else None,
            None if local_group else np.zeros((envs, *local.layout.is_link.shape)),
        ),
        GlobalDecision(
            assign(np.zeros((envs, committees[0], aps)), capacity),
            np.zeros((envs, aps)),
            np.zeros((envs, *committees)),
            np.zeros((envs, *committees)) if global_group else None,
            None if global_group else np.zeros((envs, *global_.layout.is_link.shape)),
        ),
    )
