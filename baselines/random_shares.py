"""Random decisions (Figs. 6 to 9 of the paper): every decision drawn at random, feasible by construction."""

from __future__ import annotations

import numpy as np

from ..rl.actions import Action, GlobalAction, LocalAction
from ..rl.environment import Environment
from ..rl.observation import Observation


class RandomShares:
    """Nothing is optimised. Each part's budget is split by a flat Dirichlet draw over all its senders (a head's uplink and its
    multicast count as two), CPU is uniform in [0, observed capacity], access is random within the capacities, and every
    committee is served."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, observation: Observation) -> Action:
        """Draw a decision for every environment."""
        twin, rng = observation.twin, self.rng
        envs, heads = twin.local.cpu_max_hz.shape
        real = twin.global_.layout.is_delegate
        committees, delegates = real.shape
        local = rng.dirichlet(np.ones(2 * heads), size=envs)
        global_ = rng.exponential(size=(envs, committees, delegates + 1))
        global_[..., 1:] *= real
        global_ /= global_.sum(axis=(1, 2), keepdims=True)
        return Action(
            LocalAction(local[:, :heads], local[:, heads:], rng.random((envs, heads))),
            GlobalAction(
                preference=rng.random((envs, committees, len(twin.local.layout.heads))),
                serve=np.ones((envs, committees)),
                request=global_[..., 0],
                multicast=global_[..., 1:],
                cpu=rng.random((envs, committees, delegates)) * real,
            ),
        )


def make(environment: Environment, rng: np.random.Generator) -> RandomShares:
    """All chance comes from ``rng``."""
    del environment
    return RandomShares(rng)
