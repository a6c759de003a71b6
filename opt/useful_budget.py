"""How much of a budget of spectrum can matter when spectrum has a price."""

from __future__ import annotations

import math


def useful_budget(subchannels: float, worth: float, price: float) -> float:
    """min(W, worth / p_0) [subchannels]: no optimum uses more of W than it could pay for.

    worth: what all who share W could earn at most; price p_0 [per subchannel]. A decision that costs more than that earns
    less than 0, which everybody off earns with no spectrum. Bounds add slack in proportion to their budget, so an
    absurdly large W would blur them. The quotient is rounded up, a worth that underflows counts 1e-300 more, and what is no
    number leaves W as it is. A millionth of W is always left, to be a number to divide by.
    """
    if not 0.0 < price < math.inf:
        return subchannels
    useful = (worth + 1e-300) / price * (1.0 + 1e-9)
    return min(subchannels, max(useful, 1e-6 * subchannels)) if useful < math.inf else subchannels
