"""Equal shares: the same spectrum for everybody, full CPU. What one does without a model of the system."""

from __future__ import annotations

import numpy as np

from ..opt.rates import spectral_efficiency
from ..rl.actions import Action, GlobalAction, LocalAction
from ..rl.environment import Environment
from ..rl.observation import Observation


class EqualShares:
    """Nothing is optimised. Uplinks and multicasts of all heads share C1 equally; requests of a committee and each of its
    delegates share C5 equally; all CPU runs at the observed capacity; every committee is served, and each AP goes to the
    manager that it reaches best (spectral efficiency), within the capacities."""

    def act(self, observation: Observation) -> Action:
        """The same shares in every environment; only access depends on the observed state."""
        twin = observation.twin
        envs, heads = twin.local.cpu_max_hz.shape
        real = twin.global_.layout.is_delegate
        committees = len(real)
        senders = committees + real.sum()
        share = np.full((envs, heads), 0.5 / heads)
        everywhere = np.broadcast_to(real / senders, (envs, *real.shape))
        return Action(
            LocalAction(share, share, np.ones((envs, heads))),
            GlobalAction(
                preference=spectral_efficiency(twin.global_.sinr_access),
                serve=np.ones((envs, committees)),
                request=np.full((envs, committees), 1.0 / senders),
                multicast=everywhere,
                cpu=np.broadcast_to(real.astype(np.float64), everywhere.shape),
            ),
        )


def make(environment: Environment, rng: np.random.Generator) -> EqualShares:
    """Needs nothing; nothing is random."""
    del environment, rng
    return EqualShares()
