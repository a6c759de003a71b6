"""What an agent makes of the twin: the observation, drawn towards what the system is known to fluctuate around.

A system's means and the sizes of its fluctuations are static parameters, which agents know exactly, and so is the size of the
twin's error that they were trained under. A reading that deviates from its mean is then more likely an error the larger errors
are: for a normal quantity with mean m and variance v, read with an independent error of variance e, the posterior mean is
m + (v / (v + e)) (reading - m). That is applied to SINR in dB (exact there, away from correlations in time) and to CPU (the
best linear estimate). CPU and block sizes are kept in their ranges; data and capacities are taken as read. Without error, and
where nobody knows the means (epochs of a user's own without a system), everything is the twin, bit for bit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..opt.arrays import Floats
from ..opt.snapshot import Snapshot
from ..opt.system import BITS_PER_BYTE, with_state
from .clones import cloned
from .observation import Observation
from .twin import DB_PER_SIGMA, TwinError


class NormalBelief(NamedTuple):
    """Posterior of independent normal quantities: mean [...], one standard deviation for all (0: read exactly)."""

    mean: Floats
    deviation: float


def normal_belief(reading: Floats, mean: Floats, fluctuation: float, error: float) -> NormalBelief:
    """Posterior of a quantity with prior normal(mean, fluctuation), reading = truth + normal(0, error); arrays broadcast."""
    if error == 0.0:
        return NormalBelief(reading, 0.0)
    if fluctuation == 0.0:
        return NormalBelief(np.broadcast_to(mean, reading.shape), 0.0)
    trust = fluctuation**2 / (fluctuation**2 + error**2)
    return NormalBelief(mean + trust * (reading - mean), error * float(np.sqrt(trust)))


def believed(observation: Observation, error: TwinError) -> Snapshot:
    """The snapshot at the posterior mean of the observed state [env, ...], for a twin with this error."""
    if error.cpu == error.sinr == error.block == 0.0 or not observation.encoding.means_known:
        return observation.twin
    system, seen = observation.encoding.system, observation.state
    numbers = system.scenario
    noise = DB_PER_SIGMA * error.sinr
    smallest, largest = (BITS_PER_BYTE * size for size in numbers.block_bytes)

    def sinr_db(reading: Floats) -> Floats:
        return normal_belief(reading, system.mean_sinr_db, numbers.sinr_fluctuation_db, noise).mean

    def cpu(reading: Floats, mean: Floats, span: tuple[float, float]) -> Floats:
        if error.cpu == 0.0:
            return reading
        return np.clip(normal_belief(reading, mean, numbers.cpu_fluctuation, error.cpu).mean, *span)

    state = replace(
        seen,
        sinr_db=sinr_db(seen.sinr_db),
        block_bits=seen.block_bits if error.block == 0.0 else np.clip(seen.block_bits, smallest, largest),
        cpu_head=cpu(seen.cpu_head, system.mean_cpu_head, numbers.head_cpu_hz),
        cpu_delegate=cpu(seen.cpu_delegate, system.mean_cpu_delegate, numbers.delegate_cpu_hz),
    )
    if noise == 0.0:
        return with_state(observation.twin, state, same_sinr=True)
    return cloned(with_state(observation.twin, state), observation.clones)
