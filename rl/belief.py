"""What an agent makes of the twin: the observation, drawn towards what the system is known to fluctuate around.

A system's means and the sizes of its fluctuations are static parameters, which agents know exactly, and so is the size of the
twin's error that they were trained under. A reading that deviates from its mean is then more likely an error the larger errors
are: for a normal quantity with mean m and variance v, read with an independent error of variance e, the posterior mean is
m + (v / (v + e)) (reading - m). That is applied to SINR in dB (exact there, away from correlations in time) and to CPU (the
best linear estimate). CPU and block sizes are kept in their ranges; data and capacities are taken as read. Without error
everything is the twin, bit for bit.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..opt.arrays import Floats
from ..opt.snapshot import Snapshot
from ..opt.system import BITS_PER_BYTE
from .observation import Observation
from .twin import DB_PER_SIGMA, TwinError


def believed(observation: Observation, error: TwinError) -> Snapshot:
    """The snapshot at the posterior mean of the observed state [env, ...], for a twin with this error."""
    if error.cpu == error.sinr == error.block == 0.0:
        return observation.twin
    system, seen = observation.encoding.system, observation.state
    numbers = system.scenario
    noise = DB_PER_SIGMA * error.sinr
    trust = _trust(numbers.sinr_fluctuation_db**2, noise**2)
    smallest, largest = (BITS_PER_BYTE * size for size in numbers.block_bytes)
    steady = _trust(numbers.cpu_fluctuation**2, error.cpu**2)
    state = replace(
        seen if noise == 0.0 else seen.with_sinr_db(_drawn(seen.sinr_db, system.mean_sinr_db, trust)),
        block_bits=seen.block_bits if error.block == 0.0 else np.clip(seen.block_bits, smallest, largest),
        cpu_head=_drawn(seen.cpu_head, system.mean_cpu_head, steady, numbers.head_cpu_hz),
        cpu_delegate=_drawn(seen.cpu_delegate, system.mean_cpu_delegate, steady, numbers.delegate_cpu_hz),
    )
    return system.snapshot(state, cycles=observation.twin.local.cycles)


def _trust(fluctuation: float, noise: float) -> float:
    """Weight of the reading; 1 without noise."""
    return 1.0 if noise == 0.0 else float(fluctuation / (fluctuation + noise))


def _drawn(reading: Floats, mean: Floats, trust: float, span: tuple[float, float] | None = None) -> Floats:
    if trust == 1.0:
        return reading
    drawn = mean + trust * (reading - mean)
    return np.asarray(drawn if span is None else np.clip(drawn, *span))
