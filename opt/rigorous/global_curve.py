r"""Below the least spectrum S(t) with which a committee communicates within t: pieces S >= c + R^2 / (t - a) (rule Curve).

With max(x, y) >= q x + (1 - q) y and max(e_a / y, g_a / z) >= (1 - theta_a) e_a / y + theta_a g_a / z four phases remain that
add up, needs over times, weights times times. Any q and theta in [0, 1] give a true bound; floats guess the best ones. Phases
at the timeout T, and a z at a kink of its needs, stay there while that is proved to be best.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from flint import arb

from .balls import INFINITE, ONE, ZERO, exact
from .global_needs import Committee, Needs
from .global_worth import Piece

Terms = list[tuple[arb, arb]]


class Row(NamedTuple):
    """Delays, spectrum and root of some phases. Valid where the price of time l = root^2 / (t - delay)^2 is at most each of
    ``most`` and at least ``least``; meant for the prices from ``start`` down to ``stop``."""

    delay: arb
    spectrum: arb
    root: arb
    start: arb
    stop: arb
    most: tuple[arb, ...] = ()
    least: arb = ZERO

    def time_at(self, price: arb) -> arb:
        """t at which the price of time is this."""
        return self.delay + (ZERO if price == INFINITE else self.root / price.sqrt())


class Curve:
    """Rows of one committee in the order of falling prices of time; under ``cap`` alternatives of which it takes the best."""

    def __init__(self, needs: Needs, its: Committee) -> None:
        self.timeout, self.capped = needs.timeout, needs.capped
        replies = sum(its.replies, ZERO)
        terms = merged(its) if needs.group else [(sum(its.sends, ZERO), ZERO), (replies, replies)]
        q, shares = order_of(its.leader, terms)
        broadcast, reply = weighted(terms, shares)
        both = ((2 - q) * broadcast).sqrt() + reply.sqrt()
        if not self.capped:
            rows = [Row(ZERO, ZERO, both, INFINITE, broadcast / ((2 - q) * self.timeout**2))]
            self.rows = with_phase(rows + late_rows(terms, shares, 2 - q, self.timeout), its.leader, 1 + q, self.timeout)
            return
        alone, answer = weighted(terms, guess(terms, ZERO, 1.0))
        x, z = its.leader.sqrt(), replies.sqrt()
        # All served; x left; y left; x and y left; y and z left; all left. Commit takes the timeout when x or y does.
        roots = (both + ((1 + q) * its.leader).sqrt(), alone.sqrt() + answer.sqrt(), x + z, z, x, ZERO)
        delays = (timeouts * self.timeout for timeouts in (0, 2, 2, 3, 3, 4))
        self.rows = [Row(delay, ZERO, root, INFINITE, ZERO) for delay, root in zip(delays, roots, strict=True)]

    def pieces(self, load: arb) -> list[list[Piece]]:
        """Per alternative pieces that cover all t in which it can communicate. load: r of the request."""
        if not self.capped:
            return [in_turn(with_phase(self.rows, load, ONE, self.timeout))]
        ways = [(row.delay, row.root + load.sqrt()) for row in self.rows]
        ways += [(row.delay + self.timeout, row.root) for row in self.rows]
        return [[Piece(delay, INFINITE, delay, ZERO, root)] for delay, root in ways]


def with_phase(rows: list[Row], need: arb, weight: arb, timeout: arb) -> list[Row]:
    """The rows with one phase more, which is free until its time reaches the timeout, and stays there."""
    limit, found = need / (weight * timeout**2), list[Row]()
    for row in rows:
        if not row.start <= limit:
            found.append(row._replace(root=row.root + (need * weight).sqrt(), stop=row.stop.max(limit)))
        if not row.stop >= limit:
            late = row._replace(delay=row.delay + weight * timeout, spectrum=row.spectrum + need / timeout)
            found.append(late._replace(most=(*row.most, limit), start=row.start.min(limit)))
    return found


def late_rows(terms: Terms, shares: list[arb], weight: arb, timeout: arb) -> list[Row]:
    """Rows of y = T: z runs on to the next kink and waits there, until the last one."""
    found, late = list[Row](), weight * timeout**2
    start = weighted(terms, shares)[0] / late
    for a, (e, g) in enumerate(terms):
        before, after = sum((its for its, _ in terms[:a]), ZERO), sum((its for _, its in terms[a + 1 :]), ZERO)
        z = timeout * g / e
        if shares[a] == 1:
            stop = (after + g) / z**2
            found.append(Row(weight * timeout, before / timeout, (after + g).sqrt(), start, stop, (before / late,)))
            start = stop
        if not shares[a].is_zero():
            # Waiting: theta of this term makes up for a falling price of time, which is (after + theta g) / z^2.
            most = ((after + g) / z**2, (before + e + e / g * after) / (late + timeout * z))
            spectrum, least = (before + e) / timeout + after / z, after / z**2
            found.append(Row(weight * timeout + z, spectrum, ZERO, start, least, most, least))
            start = least
    return found


def in_turn(rows: list[Row]) -> list[Piece]:
    """Pieces of valid rows, each from its begin to that of the next. A row that is not proved to be valid by the end of the one
    before makes that one give way to its own predecessor, which has no end; the first row has none and is valid throughout."""
    found: list[tuple[Row, arb, arb]] = []
    for row in rows:
        valid = row.delay
        for limit in row.most:
            valid = valid.max(row.time_at(limit))
        end = INFINITE if row.least.is_zero() else row.time_at(row.least)
        if not valid.is_finite() or not valid < end:
            continue
        while found and not valid <= found[-1][2]:
            found.pop()
        begin = valid.max(row.time_at(row.start).min(found[-1][2] if found else INFINITE))
        if begin <= end:
            found.append((row, begin, end))
    while found[-1][2] < INFINITE:
        found.pop()
    ends = [*(begin for _, begin, _ in found[1:]), INFINITE]
    return [Piece(begin, end, row.delay, row.spectrum, row.root) for (row, begin, _), end in zip(found, ends, strict=True)]


def merged(its: Committee) -> Terms:
    """(e, g): prepare and reply need the sum of max(e / y, g / z). By falling e / g, those that agree nearly as one."""
    found: Terms = []
    for broadcast, reply in sorted(zip(its.sends, its.replies, strict=True), key=lambda pair: -kink(pair)):
        if found and kink(found[-1]) <= kink((broadcast, reply)) * (1.0 + 1e-13):
            last = found.pop()
            broadcast, reply = last[0] + broadcast, last[1] + reply
        found.append((broadcast, reply))
    return found


def kink(pair: tuple[arb, arb]) -> float:
    """y / z from which on the reply needs more."""
    return math.inf if pair[1].is_zero() else float(pair[0] / pair[1])


def weighted(terms: Terms, shares: list[arb]) -> tuple[arb, arb]:
    """(E, G): needs of prepare and reply with theta = shares."""
    both = list(zip(terms, shares, strict=True))
    return sum(((1 - share) * e for (e, _), share in both), ZERO), sum((share * g for (_, g), share in both), ZERO)


def guess(terms: Terms, extra: arb, weight: float) -> list[arb]:
    """theta that makes sqrt(weight (extra + E)) + sqrt(G) largest, nearly: replies rise until y / z is below a kink."""
    size, reply, shares = extra + sum((e for e, _ in terms), ZERO), 0.0, [ZERO] * len(terms)
    broadcast = 1.0
    for a in reversed(range(len(terms))):
        square, e, g = kink(terms[a]) ** 2 * weight, float(terms[a][0] / size), float(terms[a][1] / size)
        if math.isinf(square) or (reply > 0.0 and broadcast <= square * reply):
            break
        if broadcast - e < square * (reply + g):
            shares[a] = exact(min(max((broadcast - square * reply) / (e + square * g), 0.0), 1.0))
            break
        shares[a], broadcast, reply = ONE, broadcast - e, reply + g
    return shares


def order_of(leader: arb, terms: Terms) -> tuple[arb, list[arb]]:
    """(q, theta), the better of pre-prepare as the shorter one (0), as the longer one (1), and both alike."""
    shares = guess(terms, leader, 3.0)
    broadcast = weighted(terms, shares)[0]
    alike = min(max(float((2 * leader - broadcast) / (leader + broadcast)), 0.0), 1.0)
    choices = [(exact(alike), shares), (ZERO, guess(terms, ZERO, 2.0)), (ONE, guess(terms, ZERO, 1.0))]

    def root(choice: tuple[arb, list[arb]]) -> float:
        broadcast, reply = weighted(terms, choice[1])
        return float((((1 + choice[0]) * leader).sqrt() + ((2 - choice[0]) * broadcast).sqrt() + reply.sqrt()) / leader.sqrt())

    return max(choices, key=root)
