r"""Below the least spectrum S(t) with which a committee communicates within t: pieces S >= c + R^2 / (t - a).

With max(x, y) >= q x + (1 - q) y and max(e_a / y, g_a / z) >= (1 - theta_a) e_a / y + theta_a g_a / z four phases remain that add
up, needs over times, weights times times. Any q and theta in [0, 1] give a true bound; floats guess the best ones. Phases at the
timeout T, and a z at a kink of its needs, stay there while that is proved to be best (``docs/proof-format-global.md``, rule Curve).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from flint import arb

from .balls import ONE, ZERO, exact
from .global_needs import CommitteeNeeds, Needs
from .global_worth import Piece

# Delegates whose ratios e_a / g_a agree to this are taken as one.
ALIKE = 1e-13


@dataclass(frozen=True, eq=False)
class Row:
    """Delays, spectrum and root of some phases. Valid where the price of time l = root^2 / (t - delay)^2 is at most each of ``most``
    and at least ``least``; meant for the prices from ``start`` (None: any) down to ``stop``."""

    delay: arb
    spectrum: arb
    root: arb
    stop: arb
    most: list[arb] = field(default_factory=list[arb])
    start: arb | None = None
    least: arb = ZERO

    def time_at(self, price: arb) -> arb:
        """t at which the price of time is this."""
        return self.delay + self.root / price.sqrt()


def with_phase(rows: Sequence[Row], need: arb, weight: arb, timeout: arb) -> list[Row]:
    """The rows with one phase more, which is free until its time reaches the timeout, and stays there."""
    limit, found = need / (weight * timeout**2), list[Row]()
    for row in rows:
        straddles = not (row.start is not None and row.start <= limit)
        if straddles:
            found.append(replace(row, root=row.root + (need * weight).sqrt(), stop=row.stop.max(limit)))
        if not row.stop >= limit:
            late = replace(row, delay=row.delay + weight * timeout, spectrum=row.spectrum + need / timeout)
            found.append(replace(late, most=[*row.most, limit], start=limit if straddles else row.start))
    return found


@dataclass(frozen=True, eq=False)
class Curve:
    """Alternatives of which a committee takes the best: rows in the order of falling prices of time."""

    timeout: arb
    capped: bool
    alternatives: list[list[Row]]

    def pieces(self, load: arb) -> list[list[Piece]]:
        """Per alternative pieces that cover all t in which it can communicate. load: r of the request."""
        if not self.capped:
            return [in_turn(with_phase(self.alternatives[0], load, ONE, self.timeout))]
        roots = [(row.delay, row.root + load.sqrt()) for (row,) in self.alternatives]
        roots += [(row.delay + self.timeout, row.root) for (row,) in self.alternatives]
        return [[Piece(delay, None, delay, ZERO, root)] for delay, root in roots]


def in_turn(rows: Sequence[Row]) -> list[Piece]:
    """Pieces of valid rows, each from its begin to that of the next. A row that is not proved to be valid by the end of the one
    before makes that one give way to its own predecessor, which has no end; the first row has none and is valid throughout."""
    found: list[tuple[Row, arb, arb | None]] = []
    for row in rows:
        if row.root.is_zero() and not row.least.is_zero():
            continue  # valid at one time only
        valid = row.delay
        for limit in row.most:
            valid = valid.max(row.time_at(limit))
        end = None if row.least.is_zero() else row.time_at(row.least)
        if not valid.is_finite() or (end is not None and not valid <= end):
            continue
        while found and (last := found[-1][2]) is not None and not valid <= last:
            found.pop()
        meant = valid if row.start is None else row.time_at(row.start)
        if found and (last := found[-1][2]) is not None:
            meant = meant.min(last)
        begin = valid.max(meant)
        if end is None or begin <= end:
            found.append((row, begin, end))
    while found[-1][2] is not None:
        found.pop()
    ends = [*(begin for _, begin, _ in found[1:]), None]
    return [Piece(begin, end, row.delay, row.spectrum, row.root) for (row, begin, _), end in zip(found, ends, strict=True)]


def curve_of(needs: Needs, its: CommitteeNeeds) -> Curve:
    """The curve of one committee."""
    timeout, leader, terms = needs.timeout, its.leader, terms_of(needs.group, its)
    q, shares = order_of(leader, terms)
    broadcast, reply = weighted(terms, shares)
    x_weight, y_weight = 1 + exact(q), 2 - exact(q)
    both = (y_weight * broadcast).sqrt() + reply.sqrt()
    if not needs.capped:
        rows = [Row(ZERO, ZERO, both, broadcast / (y_weight * timeout**2)), *late_rows(terms, shares, y_weight, timeout)]
        return Curve(timeout, False, [with_phase(rows, leader, x_weight, timeout)])
    broadcast_alone, reply_alone = weighted(terms, guess(terms, ZERO, 1.0))
    replies = sum(its.replies, ZERO).sqrt()
    choices = (
        (0, both + (x_weight * leader).sqrt()),
        (2, broadcast_alone.sqrt() + reply_alone.sqrt()),
        (2, leader.sqrt() + replies),
        (3, replies),
        (3, leader.sqrt()),
        (4, ZERO),
    )
    return Curve(timeout, True, [[Row(delay * timeout, ZERO, root, ZERO)] for delay, root in choices])


def terms_of(group: bool, its: CommitteeNeeds) -> list[tuple[arb, arb]]:
    """(e, g): prepare and reply need the sum of max(e / y, g / z); dearest replies last, like ones together."""
    if not group:
        replies = sum(its.replies, ZERO)
        pairs = [(sum(its.sends, ZERO), ZERO), (replies, replies)]
        return [pair for pair in pairs if not pair[0].is_zero()]
    found: list[tuple[arb, arb]] = []
    for broadcast, reply in sorted(zip(its.sends, its.replies, strict=True), key=lambda pair: -kink(pair)):
        if found and kink(found[-1]) <= kink((broadcast, reply)) * (1.0 + ALIKE):
            broadcast, reply = found[-1][0] + broadcast, found[-1][1] + reply
            found.pop()
        found.append((broadcast, reply))
    return found


def kink(pair: tuple[arb, arb]) -> float:
    """y / z from which on the reply needs more."""
    return math.inf if pair[1].is_zero() else float(pair[0] / pair[1])


def weighted(terms: Sequence[tuple[arb, arb]], shares: Sequence[float]) -> tuple[arb, arb]:
    """(E, G): needs of prepare and reply with theta = shares."""
    broadcast = sum(((1 - exact(share)) * e for (e, _), share in zip(terms, shares, strict=True)), ZERO)
    return broadcast, sum((exact(share) * g for (_, g), share in zip(terms, shares, strict=True)), ZERO)


def guess(terms: Sequence[tuple[arb, arb]], extra: arb, weight: float) -> list[float]:
    """theta that makes sqrt(weight (extra + E)) + sqrt(G) largest, nearly: replies rise one by one until y / z is below a kink."""
    size = extra + sum((e for e, _ in terms), ZERO)
    e_of, g_of = [float(e / size) for e, _ in terms], [float(g / size) for _, g in terms]
    broadcast, reply, shares = float(extra / size) + sum(e_of), 0.0, [0.0] * len(terms)
    for a in reversed(range(len(terms))):
        square = kink(terms[a]) ** 2 * weight
        if math.isinf(square) or (reply > 0.0 and broadcast <= square * reply):
            break
        if broadcast - e_of[a] < square * (reply + g_of[a]):
            shares[a] = min(max((broadcast - square * reply) / (e_of[a] + square * g_of[a]), 0.0), 1.0)
            break
        shares[a] = 1.0
        broadcast, reply = broadcast - e_of[a], reply + g_of[a]
    return shares


def order_of(leader: arb, terms: Sequence[tuple[arb, arb]]) -> tuple[float, list[float]]:
    """(q, theta): pre-prepare is the shorter one (0), the longer one (1), or both are alike."""
    shares = guess(terms, ZERO, 2.0)
    if 2 * leader <= weighted(terms, shares)[0]:
        return 0.0, shares
    shares = guess(terms, ZERO, 1.0)
    if leader >= 2 * weighted(terms, shares)[0]:
        return 1.0, shares
    shares = guess(terms, leader, 3.0)
    broadcast = weighted(terms, shares)[0]
    return min(max(float((2 * leader - broadcast) / (leader + broadcast)), 0.0), 1.0), shares


def late_rows(terms: Sequence[tuple[arb, arb]], shares: Sequence[float], weight: arb, timeout: arb) -> list[Row]:
    """Rows of y = T: z runs on to the next kink and waits there, until the last one."""
    found: list[Row] = []
    start = weighted(terms, shares)[0] / (weight * timeout**2)
    first = next((a for a, share in enumerate(shares) if share > 0.0), len(terms))
    for a in range(first, len(terms)):
        e, g = terms[a]
        before = sum((its for its, _ in terms[:a]), ZERO)
        after = sum((its for _, its in terms[a + 1 :]), ZERO)
        z = timeout * g / e
        if shares[a] >= 1.0:
            stop = (after + g) / z**2
            most = before / (weight * timeout**2)
            found.append(Row(weight * timeout, before / timeout, (after + g).sqrt(), stop, [most], start))
            start = stop
        # Waiting: theta of this term makes up for a falling price of time, (after + theta g) / z^2.
        most = [(after + g) / z**2, (before + e + e / g * after) / (weight * timeout**2 + timeout * z)]
        stop = after / z**2
        spectrum = (before + e) / timeout + after / z
        found.append(Row(weight * timeout + z, spectrum, ZERO, stop, most, start, stop))
        start = stop
    return found
