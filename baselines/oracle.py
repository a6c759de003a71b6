"""The oracle: solve the true snapshot. What can be had without any twin error, up to the solver's gap."""

from __future__ import annotations

import numpy as np

from ..opt.decision import Decision
from ..rl.environment import Environment
from ..rl.observation import Observation
from .solver_decisions import planned_decisions


class Oracle:
    """Reads the environment's truth, which it is given explicitly; the observation is ignored."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment

    def act(self, observation: Observation) -> Decision:
        """The solver's decisions for the true snapshots of the environment's present epoch."""
        del observation
        return planned_decisions(self.environment.truth)


def make(environment: Environment, rng: np.random.Generator) -> Oracle:
    """The oracle of this environment; nothing is random."""
    del rng
    return Oracle(environment)
