"""The certified optimum of the epochs that an adapter's agents were paid for, to stand beside their reward."""

from __future__ import annotations

import numpy as np

from ...opt.arrays import Floats
from ...opt.bounds import assert_not_beaten
from ...opt.solve import solve
from ..environment import Step


def certified_bounds(step: Step, gap: float) -> dict[str, Floats]:
    """Proved upper bounds on what the step's epoch could have paid, each [env]: bound, bound_local, bound_global.

    Solves every epoch's truth to this relative gap, which takes milliseconds each. Raises FalseBoundError when a team was paid
    more than its bound.
    """
    truth = step.truth
    solved = [solve(truth.at(env), gap=gap) for env in range(truth.batch_shape[0])]
    local = np.array([result.local.bound for result in solved])
    global_ = np.array([result.global_.bound for result in solved])
    assert_not_beaten(step.reward_local, local, truth, step.decision, "adapter-local")
    assert_not_beaten(step.reward_global, global_, truth, step.decision, "adapter-global")
    return {"bound": local + global_, "bound_local": local, "bound_global": global_}
