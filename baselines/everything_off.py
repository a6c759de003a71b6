"""Everything off: no spectrum, no CPU. Earns exactly 0, which some schedulers do not reach."""

from __future__ import annotations

import numpy as np

from ..opt.decision import Decision
from ..rl.environment import Environment
from ..rl.observation import Observation
from .nothing import nothing


class EverythingOff:
    """Spends nothing and earns nothing."""

    def act(self, observation: Observation) -> Decision:
        """All zeros; access is some assignment within the observed capacities."""
        return nothing(observation.twin)


def make(environment: Environment, rng: np.random.Generator) -> EverythingOff:
    """Needs nothing; nothing is random."""
    del environment, rng
    return EverythingOff()
