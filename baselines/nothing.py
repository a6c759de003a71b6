"""The empty decision of a batch of environments."""

from __future__ import annotations

import numpy as np

from ..opt.decision import Decision, GlobalDecision, LocalDecision
from ..opt.snapshot import Snapshot
from ..rl.assignment import assign


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
