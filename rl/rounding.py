"""Whole subchannels: senders' totals made whole by largest remainder (``whole_subchannels``)."""

from __future__ import annotations

import numpy as np

from ..opt.arrays import Floats

# A total this close to a whole number is that number: rounding errors must not cost a subchannel.
SLACK = 1e-9


def whole_factor(totals: Floats, within: float | None) -> Floats:
    """Factors [..., n] that make each total [..., n] whole; 1 where a total already is, 0 where it becomes 0.

    ``within``: round down, then give one more to the largest remainders (ties to the lower index) as long as the sum stays
    within what was asked in total and within this budget. None: round each to the nearest.
    """
    if within is None:
        whole = np.rint(totals)
    else:
        whole = np.floor(totals + SLACK)
        allowed = np.floor(np.minimum(totals.sum(axis=-1), within) + SLACK)
        left = allowed - whole.sum(axis=-1)
        remainder = totals - whole
        rank = np.argsort(np.argsort(-remainder, axis=-1, kind="stable"), axis=-1, kind="stable")
        whole = whole + ((rank < left[..., None]) & (remainder > SLACK))
    return np.divide(whole, totals, out=np.zeros(totals.shape), where=totals > 0.0)
