r"""Random access (Figs. 7 and 9 of the paper): APs are assigned at random, everything else is optimised on the twin.

Fixed: the access, a random assignment within the observed capacities. Optimised by the decomposition solver on the observed
state: all spectrum, all CPU, which committees run, and the whole local part.

How the solver is held to an access it did not choose: it is given the twin with every capacity equal to the number of APs
drawn for that committee, and with all other APs' links to the manager next to dead. A committee then has its drawn number of
APs, and is worth least when one of them is not its own (a request that never ends), so the drawn access is optimal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..opt.arrays import Integers
from ..opt.decision import Decision
from ..opt.snapshot import Snapshot
from ..rl.assignment import assign
from ..rl.environment import Environment
from ..rl.observation import Observation
from .solver_decisions import planned_decisions

# SINR of a link that nobody would use: a request over it takes hours.
DEAD_SINR = 1e-6


class RandomAccess:
    """The solver's plan around an access drawn anew in every epoch."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, observation: Observation) -> Decision:
        """Draw the access of every environment, then solve the rest on the observed state."""
        twin = observation.twin
        envs, committees, _ = twin.global_.sinr_access.shape
        aps = len(twin.local.layout.heads)
        capacity = np.broadcast_to(twin.global_.capacity, (envs, committees))
        access = assign(self.rng.random((envs, committees, aps)), capacity)
        return held_to(planned_decisions(with_access(twin, access)), access)


def with_access(twin: Snapshot, access: Integers) -> Snapshot:
    """The twin in which only ``access`` [env, K] is worth choosing (module docstring)."""
    part = twin.global_
    served = access[:, None, :] == np.arange(part.sinr_access.shape[-2])[:, None]
    sinr = np.where(served, part.sinr_access, DEAD_SINR)
    return replace(twin, global_=replace(part, capacity=served.sum(axis=-1), sinr_access=sinr))


def held_to(decision: Decision, access: Integers) -> Decision:
    """The decision with this access; an AP that the solver left elsewhere (its committees are off) requests nothing."""
    plan = decision.global_
    request = np.where(plan.access == access, plan.request, 0.0)
    return Decision(decision.local, replace(plan, access=access, request=request))


def make(environment: Environment, rng: np.random.Generator) -> RandomAccess:
    """The access comes from ``rng``."""
    del environment
    return RandomAccess(rng)
