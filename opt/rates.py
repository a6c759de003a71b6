"""Transmission rates and times: the only place where spectrum becomes seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats

# A job that needs more than this many seconds is never done (model section 2: nothing to serve with means never).
NEVER = 1e12
FAINT_SINR = 0.1
# 2 to the power of more would not be a number; 3000 dB.
LARGEST_EFFICIENCY = 1000.0


def spectral_efficiency(sinr: NDArray[np.floating[Any]]) -> Floats:
    """log2(1 + SINR) [bit/s/Hz], (2); SINR linear. Below -10 dB by log1p: 1 + SINR would lose its digits."""
    efficiency = np.log2(1.0 + sinr)
    faint = np.asarray(sinr < FAINT_SINR)
    return np.where(faint, np.log1p(sinr) / np.log(2.0), efficiency) if faint.any() else efficiency


def seconds(amount: Floats | float, rate: Floats) -> Floats:
    """amount / rate [s]; +inf where the rate is zero or the job would take more than 1e12 s.

    amount in bits (or cycles), rate in bit/s (or cycles/s); arrays broadcast.
    """
    possible = np.asarray(rate > amount / NEVER)
    return np.divide(amount, rate, out=np.full(possible.shape, np.inf), where=possible)


def sinr_of(efficiency: NDArray[np.floating[Any]]) -> Floats:
    """2^efficiency - 1: the linear SINR at which a link carries ``efficiency`` bit/s/Hz, inverse of (2)."""
    return np.expm1(np.log(2.0) * np.minimum(efficiency, LARGEST_EFFICIENCY))
