r"""What prices prove about a box of the local part, and what of the box they leave.

The cone program of ``local_cone`` gives prices: pi of the budget, n_j of head j's view of the shared delay. For ANY pi, n >= 0
weak duality proves

    bound = pi + max_tau [-(p + pi) M/tau - sum_j n_j Q(tau)]
               + sum_j max( n_j Q_high  (off),   max over Q in {Q_low, Q_high} of n_j Q + peak_j(Q)  (on) ),

where a head on is convex in its copy Q_j of the shared delay, hence best at an end, and peak_j is the safe bound of
``earner``. So an inexact solve costs tightness, never truth. The term of tau is concave: it lies under its tangent anywhere.
What earns less than its maximum by more than (bound - incumbent) cannot be in a better solution: it is cut off (FBBT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ...arrays import Floats
from .earner import Earners, Peaks, kept, peaks
from .local_box import OUTWARD, Cut, LocalNode, LocalPrices
from .local_cone import CUTS, LocalNumbers

# Delays beyond ln(1/FAINT)/A are not followed: a head there earns at most FAINT of its worth, which every bound includes.
FAINT = 1e-16
# Relative outward slack of a sum of bounds, for its rounding and for the overlap of pieces.
SLACK = 1e-11
# How far along an infeasible program's ray of prices a proof is sought, in multiples of the largest worth.
RAY = (0.1, 1.0, 10.0, 100.0, 1e4)


@dataclass(frozen=True, eq=False)
class LocalProof:
    """A bound and what it is made of: prices as used; total; heads [J]; off [J]; cells of every head at both ends of Q and
    their offset n_j Q; the term of tau, where it is largest, and its numbers paid M and sum of views."""

    prices: LocalPrices
    total: float
    heads: Floats
    off: Floats
    found: Peaks
    offset: Floats
    term: float
    where: float
    multicast: float
    views: float


def horizon(numbers: LocalNumbers) -> float:
    """The longest delay that is followed [s]."""
    return math.log(1.0 / FAINT) / numbers.decay


def faint(numbers: LocalNumbers) -> float:
    """What all heads together may earn beyond the horizon."""
    return FAINT * float(numbers.worth.sum())


def bound_box(numbers: LocalNumbers, node: LocalNode, price: float, views: Floats) -> LocalProof:
    """The bound that pi = ``price`` and n = ``views`` [J] prove on a box (module docstring); true for any, >= 0."""
    n = numbers
    views = np.where(node.may_on, views, 0.0)
    total = float(views.sum())
    delays = np.array([node.piece.delay(node.left), node.piece.delay(node.right)])
    count = len(n.worth)
    paid = n.spectrum_price + price
    earners = Earners(
        worth=np.concatenate([n.worth * math.exp(-n.decay * q) for q in delays]),
        decay=n.decay,
        cost=np.tile(paid * n.need, 2)[:, None],
        weight=np.ones((2 * count, 1)),
        cap=np.full((2 * count, 1), np.inf),
        cpu=np.tile(n.cpu_price * n.work, 2),
        fastest=np.tile(n.work * (1.0 - OUTWARD), 2),
        low=np.tile(node.low, 2),
        high=np.where(np.tile(node.may_on, 2), np.tile(node.high, 2), -1.0),
    )
    found = peaks(earners)
    offset = np.repeat(delays, count) * np.tile(views, 2)
    on = (found.best + offset).reshape(2, count)
    off = np.where(node.may_off, views * delays[1], -np.inf)
    heads = np.maximum(on.max(axis=0), off)
    term, where = _concave_top(node, paid * n.multicast, total)
    size = price + float(np.abs(heads).sum()) + abs(term)
    bound = price + term + float(heads.sum()) + faint(n) + SLACK * size
    used = LocalPrices(price, views)
    return LocalProof(used, bound, heads, off, found, offset, term, where, paid * n.multicast, total)


def proved(numbers: LocalNumbers, node: LocalNode, prices: LocalPrices) -> LocalProof:
    """The bound that these prices prove; a ray is followed as far as it helps."""
    if not prices.ray:
        return bound_box(numbers, node, prices.budget, prices.views)
    unit = float(numbers.worth.max()) / max(prices.budget, float(prices.views.max()), 1e-300)
    along = (bound_box(numbers, node, prices.budget * unit * far, prices.views * unit * far) for far in RAY)
    return min(along, key=lambda dual: dual.total)


def tightened_box(node: LocalNode, prices: LocalPrices, dual: LocalProof, objective: float) -> LocalNode | None:
    """The box without what cannot earn more than ``objective``, remembering what these prices proved; None: nothing left."""
    room = max(dual.total - objective, 0.0)
    count = len(dual.heads)
    least = dual.heads - room
    low, high, any_left = kept(dual.found, np.tile(least, 2) - dual.offset)
    any_left = any_left.reshape(2, count)
    low = np.where(any_left, low.reshape(2, count), np.inf).min(axis=0)
    high = np.where(any_left, high.reshape(2, count), -np.inf).max(axis=0)
    may_on = node.may_on & any_left.any(axis=0)
    may_off = node.may_off & (dual.off >= least)
    # With nobody on nothing is earned, and every search starts from the decision that does just that.
    if not (may_on | may_off).all() or not may_on.any():
        return None
    low, high = np.where(may_on, low, node.low), np.where(may_on, high, node.high)
    left, right = _concave_level(node, dual, dual.term - room)
    return replace(
        node,
        left=left,
        right=right,
        low=np.maximum(low, node.low),
        high=np.minimum(high, node.high),
        may_on=may_on,
        may_off=may_off,
        bound=min(node.bound, dual.total),
        cuts=node.cuts if prices.ray else _remembered(node.cuts, Cut(prices, dual.prices, dual.heads, dual.total)),
    )


def _remembered(cuts: tuple[Cut, ...], latest: Cut) -> tuple[Cut, ...]:
    """The latest cut and the best of the others; prices seen before replace their older, looser cut."""
    others = sorted((cut for cut in cuts if cut.asked is not latest.asked), key=lambda cut: cut.total)
    return (latest, *others[: CUTS - 1])


def _concave(node: LocalNode, multicast: float, views: float, tau: float) -> tuple[float, float]:
    """-multicast/tau - views Q(tau) and its derivative."""
    if tau <= 0.0:
        return 0.0, 0.0
    return -multicast / tau - views * node.piece.delay(tau), multicast / tau**2 - views * node.piece.slope(tau)


def _concave_top(node: LocalNode, multicast: float, views: float) -> tuple[float, float]:
    """Upper bound of the term of tau over the node (the tangent at a near-stationary point) and that point."""
    low, high = node.left, node.right
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _concave(node, multicast, views, middle)[1] > 0.0:
            low = middle
        else:
            high = middle
    at = low if _concave(node, multicast, views, node.right)[1] <= 0.0 else node.right
    value, slope = _concave(node, multicast, views, at)
    return value + max(slope * (node.right - at), slope * (node.left - at), 0.0), at


def _concave_level(node: LocalNode, dual: LocalProof, least: float) -> tuple[float, float]:
    """Interval of tau outside which the term of tau is below ``least``."""
    ends: list[float] = []
    for end in (node.left, node.right):
        outside, inside = end, dual.where
        if _concave(node, dual.multicast, dual.views, end)[0] >= least:
            ends.append(end)
            continue
        for _ in range(40):
            middle = 0.5 * (outside + inside)
            if _concave(node, dual.multicast, dual.views, middle)[0] >= least:
                inside = middle
            else:
                outside = middle
        ends.append(outside)
    return ends[0], ends[1]
