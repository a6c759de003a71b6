r"""The best CPU when all spectrum is fixed, in closed form, for heads and for committees.

A head earns b exp(-A a/f) - z f with b = B exp(-A (T_j without training)): opt's best response at spectrum price zero. A
committee that verifies in t seconds runs every delegate at f_v = c_v/t, so it is the same problem with a = sum of c_v, the
total F = a/t, and t no shorter than the slowest delegate allows.
"""

from __future__ import annotations

import numpy as np

from ..opt.arrays import Floats
from ..opt.compiled import compiled
from ..opt.decision import GlobalDecision, LocalDecision
from ..opt.global_equations import TIMEOUT_TOLERANCE, phase_times
from ..opt.local_equations import evaluate_local, training_work
from ..opt.snapshot import GlobalPart, LocalPart
from ..opt.solvers.decomposition.response import best_response


@compiled
def _best_cpu(worth: Floats, work: Floats, cpu_max: Floats, price: float, decay: float, value: Floats, cpu: Floats) -> None:
    """max of worth exp(-decay work/f) - price f on 0 <= f <= cpu_max, elementwise on flat arrays; writes value and f."""
    for n in range(worth.size):
        if worth[n] > 0.0 and cpu_max[n] > 0.0:
            value[n], _, cpu[n] = best_response(worth[n], decay, work[n], cpu_max[n], price, 1.0, 0.0)


def best_cpu(worth: Floats, work: Floats, cpu_max: Floats, price: float, decay: float) -> tuple[Floats, Floats]:
    """(value, f) of max worth exp(-decay work/f) - price f on [0, cpu_max]; arrays broadcast; 0 and 0 when off is best."""
    arrays = np.broadcast_arrays(worth, work, cpu_max)
    flat = [array.astype(np.float64).ravel() for array in arrays]
    value, cpu = np.zeros(flat[0].size), np.zeros(flat[0].size)
    _best_cpu(flat[0], flat[1], flat[2], price, decay, value, cpu)
    return value.reshape(arrays[0].shape), cpu.reshape(arrays[0].shape)


def best_head_cpu(part: LocalPart, spectrum: LocalDecision) -> Floats:
    """CPU of every head [..., J] that maximises (14) given the spectrum in ``spectrum`` (whose CPU is ignored)."""
    found = evaluate_local(part, spectrum)
    rest = found.upload + (found.queueing + found.adaptation)[..., None] + found.confirmation
    worth = part.benefit * np.exp(-part.decay * rest)
    return best_cpu(worth, training_work(part), part.cpu_max_hz, part.cpu_cost, part.decay)[1]


def best_delegate_cpu(part: GlobalPart, spectrum: GlobalDecision) -> Floats:
    """CPU of every delegate [..., I, V] that maximises (15) given access and spectrum in ``spectrum`` (CPU ignored).

    0 for a committee that misses a timeout or is not worth running.
    """
    phases = phase_times(part, spectrum)
    _, total = best_cpu(_gross(part, phases), *_committee_cpu(part), part.cpu_cost, part.decay)
    share = part.cycles / part.cycles.sum(axis=-1, keepdims=True)
    # Rounding must not push the slowest delegate past its capacity.
    return np.where(part.layout.is_delegate, np.minimum(share * total[..., None], part.cpu_max_hz), 0.0)


def committee_worth(part: GlobalPart, spectrum: GlobalDecision, request: Floats) -> Floats:
    """B exp(-A T_i) - cpu_cost sum f_v at best CPU if the request phase took ``request`` [..., I, K] seconds; [..., I, K]."""
    phases = np.repeat(phase_times(part, spectrum)[..., None, :], request.shape[-1], axis=-2)
    phases[..., 0] = request
    work, cpu_max = _committee_cpu(part)
    return best_cpu(_gross(part, phases), work[..., None], cpu_max[..., None], part.cpu_cost, part.decay)[0]


def _gross(part: GlobalPart, phases: Floats) -> Floats:
    """B exp(-A sum of phases) [...] as counted under the timeout rule; 0 where a phase fails."""
    worth = part.benefit * np.exp(-part.decay * np.minimum(phases, part.timeout).sum(axis=-1))
    late = (phases > part.timeout * (1.0 + TIMEOUT_TOLERANCE)).any(axis=-1)
    return np.where(late, 0.0, worth) if part.timeout_rule == "fail" else worth


def _committee_cpu(part: GlobalPart) -> tuple[Floats, Floats]:
    """(sum of cycles, largest total CPU with all delegates finishing together), each [..., I]."""
    work = part.cycles.sum(axis=-1)
    slowest = np.where(part.layout.is_delegate, part.cycles / part.cpu_max_hz, 0.0).max(axis=-1)
    return work, np.divide(work, slowest, out=np.zeros(np.broadcast_shapes(work.shape, slowest.shape)), where=slowest > 0.0)
