r"""The largest of nB exp(-A (t + v)) - C / v - P (c + R^2 / (t - a)) over low <= t <= high and v >= fastest (rule Worth).

It is reached at an end of t, at v = fastest, or where both are stationary: there v and t - a go as the roots of their costs,
and their sum is the local maximum of gain exp(-A T) - cost / T (``peak``). Infinite ends are numbers like others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from flint import arb

from .balls import EMPTY, INFINITE, ZERO
from .peak import peak_time


class Earner(NamedTuple):
    """gain: n B; decay A; verifying: C = n c E; fastest verification; price: P, what a subchannel costs the committee."""

    gain: arb
    decay: arb
    verifying: arb
    fastest: arb
    price: arb


class Piece(NamedTuple):
    """S >= spectrum + root^2 / (t - delay) for begin <= t <= end."""

    begin: arb
    end: arb
    delay: arb
    spectrum: arb
    root: arb


def highest(gain: arb, decay: arb, cost: arb, low: arb, high: arb = INFINITE) -> arb:
    """Encloses, or lies above, the largest gain exp(-A T) - cost / T on low <= T <= high, 0 at infinity.

    Between its ends the function is largest at its local maximum, if that is there at all; moved into [low, high] it is one of
    the values that are compared. Undecided: somewhere up to the gain.
    """
    times = [high] if low.is_zero() and cost > 0 else [low, high]
    if not cost.is_zero() and (time := peak_time(gain, decay, cost)) is not None:
        times.append(time.max(low).min(high))
    best = EMPTY
    for time in times:
        best = best.max(gain * (-decay * time).exp() - (ZERO if cost.is_zero() else cost / time))
    return best if best.is_finite() else gain.union(-gain)


def worth_on(earner: Earner, piece: Piece, low: arb, high: arb) -> arb:
    """The largest worth on a piece between two times; -inf where they are surely the wrong way round."""
    gain, decay, verifying, fastest, price = earner
    first, last = low.max(piece.begin) - piece.delay, high.min(piece.end) - piece.delay
    if first > last:
        return EMPTY
    spending, early = price * piece.root**2, gain * (-decay * piece.delay).exp()
    best = EMPTY
    for free in (first, last):
        if not (free.is_zero() and spending > 0):
            paid = ZERO if spending.is_zero() else spending / free
            best = best.max(highest(early * (-decay * free).exp(), decay, verifying, fastest) - paid)
    if not spending.is_zero():
        paid = ZERO if verifying.is_zero() else verifying / fastest
        best = best.max(highest(early * (-decay * fastest).exp(), decay, spending, first, last) - paid)
        if not verifying.is_zero():
            mine, theirs = verifying.sqrt(), spending.sqrt()
            time = peak_time(early, decay, (mine + theirs) ** 2)
            if time is not None:
                free, verified = time * theirs / (mine + theirs), time * mine / (mine + theirs)
                if not (free < first or free > last or verified < fastest):
                    best = best.max(early * (-decay * time).exp() - (mine + theirs) ** 2 / time)
    return best - price * piece.spectrum if best.is_finite() else gain.union(-gain)


def least_spectrum(pieces: Iterable[Piece], time: arb) -> arb:
    """Below S(time), 0 at infinity; infinite where no piece reaches it."""
    least = ZERO if time == INFINITE else INFINITE
    for piece in pieces:
        if not (time < piece.begin or time > piece.end):
            more = ZERO if piece.root.is_zero() else piece.root**2 / (time - piece.delay)
            least = least.min(piece.spectrum + (more if more.is_finite() else ZERO))
    return least


def earliest(pieces: list[Piece], low: arb, high: arb, spectrum: arb) -> arb | None:
    """No later than the first time >= low that this spectrum pays for; None where it surely pays for none up to ``high``."""
    for piece in pieces:
        begin, free = piece.begin.max(low), spectrum - piece.spectrum
        if not piece.root.is_zero() and free > 0:
            begin = begin.max(piece.delay + piece.root**2 / free)
        if not (free < 0 or (free <= 0 and not piece.root.is_zero()) or begin > high.min(piece.end)):
            return begin
    return None
