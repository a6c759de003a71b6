"""Certainty equivalent: solve the twin's snapshot as if it were the truth, execute on the truth."""

from __future__ import annotations

import numpy as np

from ..opt.decision import Decision
from ..rl.environment import Environment
from ..rl.observation import Observation
from .solver_decisions import planned_decisions


class CertaintyEquivalent:
    """Everything is optimised by the decomposition solver on the observed state; nothing is fixed."""

    def act(self, observation: Observation) -> Decision:
        """The solver's decisions for the observed snapshots."""
        return planned_decisions(observation.twin)


def make(environment: Environment, rng: np.random.Generator) -> CertaintyEquivalent:
    """No part of the environment is needed; nothing is random."""
    del environment, rng
    return CertaintyEquivalent()
