"""Static: solve once at the mean state and never look again. The line that a learner must beat to have learnt anything."""

from __future__ import annotations

import numpy as np

from ..opt.decision import Decision
from ..rl.environment import Environment
from ..rl.observation import Observation
from .solver_decisions import planned


class Static:
    """One decision for every epoch; what does not fit the true capacities is cut by the environment."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def act(self, observation: Observation) -> Decision:
        """The same decision, for every environment."""
        del observation
        return self.decision


def make(environment: Environment, rng: np.random.Generator) -> Static:
    """Solves the system's mean state (every quantity at its mean); nothing is random. InputError where the means are not known
    (epochs of a user's own without a system)."""
    del rng
    decision = planned(environment.system.snapshot(environment.system.mean_state(), "mean-state")).decision
    assert decision is not None
    return Static(decision)
