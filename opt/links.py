"""The weakest link of every sender: what a multicast to all receivers at once is as fast as."""

from __future__ import annotations

import numpy as np

from .arrays import Booleans, Floats, Integers
from .compiled import compiled

# Bits of +inf: of numbers >= 0, whole numbers read from the bits are ordered as the numbers are, and NaN lies above.
INFINITY = int(np.array(np.inf).view(np.int64))


def weakest_link(sinr: Floats, is_link: Booleans) -> Floats:
    """Least SINR over each sender's real links; sinr [..., m, n, n] >= 0 (row transmits), is_link [m, n, n]; [..., m, n].

    +inf for a sender without links, NaN where one of its links has NaN.
    """
    batch = sinr.shape[:-3]
    groups, senders, receivers = is_link.shape
    bits = np.ascontiguousarray(sinr, dtype=np.float64).view(np.int64).reshape(-1, groups, senders, receivers)
    # Snapshots from files are read-only, drawn ones may not be: one type, so that nothing is compiled when the clock runs.
    bits.flags.writeable = False
    weakest = _weakest(bits, is_link).view(np.float64)
    return weakest.reshape((*batch, groups, senders))


@compiled
def _weakest(bits: Integers, is_link: Booleans) -> Integers:
    """Least of whole numbers, which unlike floating point the machine compares several at a time."""
    weakest = np.empty(bits.shape[:3], dtype=np.int64)
    for epoch in range(bits.shape[0]):
        for group in range(bits.shape[1]):
            for sender in range(bits.shape[2]):
                least, most = INFINITY, INFINITY
                for receiver in range(bits.shape[3]):
                    value = bits[epoch, group, sender, receiver] if is_link[group, sender, receiver] else INFINITY
                    least, most = min(least, value), max(most, value)
                weakest[epoch, group, sender] = least if most == INFINITY else most
    return weakest
