"""What heads and committees have in common: the best of gain exp(-A T) - cost / T, in closed form.

The attack's own code: it shares nothing with the solver or the checkers, and need not be exact, since everything it finds is
scored by the link-level equations.
"""

from __future__ import annotations

import numpy as np

LARGEST = np.exp(-1.0)
# Just inside the tolerance with which a phase may exceed its timeout.
LATE = 1.0 + 1e-9 * (1.0 - 1e-4)


def stationary(gain: np.ndarray, decay: float, cost: np.ndarray) -> np.ndarray:
    """T of the local maximum of gain exp(-A T) - cost / T; 0 without cost, inf where there is none.

    x = A T / 2 is the root in [0, 1] of x exp(-x) = q: Halley's method from the series at 0 or at the branch point.
    """
    with np.errstate(all="ignore"):
        q = np.where(gain > 0.0, 0.5 * np.sqrt(decay * cost / gain), np.inf)
        some = np.minimum(q, LARGEST)
        root = np.sqrt(np.maximum(0.0, 2.0 - some * (2.0 * np.e)))
        x = np.where(some < 0.2, some * (1.0 + some * (1.0 + 1.5 * some)), 1.0 - root * (1.0 - root * (1.0 / 3.0 - root * (11.0 / 72.0))))
        for _ in range(3):
            bend = some * np.exp(x)
            f, slope = x - bend, 1.0 - bend
            step = 2.0 * f * slope / (2.0 * slope * slope + f * bend)
            x = np.where(np.abs(slope) > 1e-8, x - step, x)
    return np.where(q < LARGEST, 2.0 * np.clip(x, 0.0, 1.0) / decay, np.inf)
