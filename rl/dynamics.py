"""How the true state moves: exogenous, first-order Gauss-Markov, stationary from the first epoch (model section 6).

Each entry of the latent state z (see ``opt.system``) follows z' = rho z + sqrt(1 - rho^2) e with e standard normal, so
SINR in dB and CPU fluctuate around each entity's mean with correlation rho between consecutive epochs, and block size and psi
keep their uniform ranges. rho = 0 draws every epoch afresh. No action changes the state.
"""

from __future__ import annotations

import numpy as np

from ..opt.system import System
from .normals import Normals, standard_normals


def first_epoch(system: System, envs: int, rng: np.random.Generator) -> Normals:
    """z [env, latent] drawn from the stationary distribution."""
    return standard_normals((envs, system.latent_size), rng)


def next_epoch(latent: Normals, correlation: float, rng: np.random.Generator) -> Normals:
    """z of the epoch after ``latent`` [env, latent]; every call takes the same number of draws whatever the correlation."""
    envs, size = latent.shape
    fresh = standard_normals((envs, size), rng)
    if correlation == 0.0:
        return fresh
    fresh *= np.sqrt(1.0 - correlation**2)
    fresh += correlation * latent
    return fresh
