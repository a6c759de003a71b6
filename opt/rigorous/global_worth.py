r"""The largest of nB exp(-A (t + v)) - C / v - P (c + R^2 / (t - a)) over low <= t <= high and v >= fastest.

It is reached at an end of t, at v = fastest, or where both are stationary: there v and t - a go as the roots of their costs, and
their sum is the local maximum of gain exp(-A T) - cost / T (``peak``; ``docs/proof-format-global.md``, rule Worth).
"""

from __future__ import annotations

from typing import NamedTuple

from flint import arb

from .balls import EMPTY, ZERO
from .peak import peak_time


class Earner(NamedTuple):
    """gain: n B; decay A; verifying: C = n c E; fastest verification; price: P, what a subchannel costs the committee."""

    gain: arb
    decay: arb
    verifying: arb
    fastest: arb
    price: arb


class Piece(NamedTuple):
    """S >= spectrum + root^2 / (t - delay) for begin <= t <= end; end None: for ever."""

    begin: arb
    end: arb | None
    delay: arb
    spectrum: arb
    root: arb


def highest(gain: arb, decay: arb, cost: arb, low: arb, high: arb | None) -> arb:
    """Encloses, or lies above, the largest gain exp(-A T) - cost / T on low <= T <= high; high None: 0 (never) is included.

    Between its ends the function is largest at its local maximum, if that is there at all; moved into [low, high] it is one of
    the values that are compared. Undecided: somewhere up to the gain.
    """

    def at(time: arb) -> arb:
        return gain * (-decay * time).exp() - (ZERO if cost.is_zero() else cost / time)

    best = ZERO if high is None else at(high)
    if not (low.is_zero() and cost > 0):
        best = best.max(at(low))
    if not cost.is_zero():
        time = peak_time(gain, decay, cost)
        if time is not None:
            time = time.max(low)
            best = best.max(at(time if high is None else time.min(high)))
    return best if best.is_finite() else gain.union(-gain)


def worth_on(earner: Earner, piece: Piece, low: arb, high: arb | None) -> arb:
    """The largest worth on a piece between two times; -inf where they are surely the wrong way round."""
    low = low.max(piece.begin)
    high = piece.end if high is None else high if piece.end is None else high.min(piece.end)
    if high is not None and low > high:
        return EMPTY
    gain, decay, verifying, fastest, price = earner
    spending = price * piece.root * piece.root
    fixed = price * piece.spectrum
    first, last = low - piece.delay, None if high is None else high - piece.delay
    best = ZERO - fixed if last is None else EMPTY
    for free in (first, last):
        if free is not None and not (free.is_zero() and spending > 0):
            paid = ZERO if spending.is_zero() else spending / free
            value = highest(gain * (-decay * (piece.delay + free)).exp(), decay, verifying, fastest, None) - paid - fixed
            best = best.max(value)
    early = gain * (-decay * piece.delay).exp()
    if not spending.is_zero():
        paid = fixed if verifying.is_zero() else fixed + verifying / fastest
        best = best.max(highest(early * (-decay * fastest).exp(), decay, spending, first, last) - paid)
        if not verifying.is_zero():
            mine, theirs = verifying.sqrt(), spending.sqrt()
            cost = (mine + theirs) ** 2
            time = peak_time(early, decay, cost)
            if time is not None:
                free, verified = time * theirs / (mine + theirs), time * mine / (mine + theirs)
                outside = free < first or verified < fastest or (last is not None and free > last)
                if not outside:
                    best = best.max(early * (-decay * time).exp() - cost / time - fixed)
    return best if best.is_finite() else gain.union(-gain)
