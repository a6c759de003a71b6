r"""How fast delegates can answer with m whole subchannels in all: rows below every (prepare y, reply z) that they can reach.

Delegate a needs max(e_a / y, g_a / z) subchannels in ``group``, E_a / y + R_a / z in ``per_link`` mode, as a whole number
(``opt.global_reduction``; E_a: links to other delegates, R_a: to the manager). A row (m, y from, y to, p, q) says: with m
subchannels and y in between, z >= 1 / (p - q / y); rows of an m cover all y that matter.

Why a row holds. Let delegate l have n_l and the others n_b, m in all. An answer with z < 1 / (p - q / y), p = n_l / R_l,
q = E_l / R_l, takes at least n_l + 1 of l. If on that line, at both ends of the row, each other b needs more than n_b - 1, it
does so between (needs are linear in (1/y, 1/z) and so is the line), and more still for a smaller z: together more than m.
``line_holds`` checks just this, so how n was guessed does not matter. A row with q = 0 says z >= the least z at its right end:
z only falls in y. In ``group`` mode needs change only where some e_a / y is whole: between such y the left end speaks for all.

What matters. A committee takes f(y) + z with 1 <= f' <= 2 (prepare, and commit max(x, y)), so y is not needed if a point
(y', z') of the rows has y' <= y and y' + z' < y + z, or y' >= y and 2 y' + z' < 2 y + z. (y_0, y_0), y_0 the least y, says
so of y > 2 y_0. Points that are dropped are at least as slow as some point that is kept.

Rounding. Whole needs are recognised 1e-13 from above where it makes rows weaker; p and q are moved outward by 2e-15.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Booleans, Floats, Integers
from ..compiled import compiled

MEMBERS, FROM, TO, LEVEL, SLOPE = range(5)
GUESS, SURE = 1e-12, 1e-13
OUTWARD = 2e-15


@compiled
def whole_need(amount: float, slack: float) -> int:
    """The least whole number that is not below ``amount`` by more than rounding."""
    return math.ceil(amount * (1.0 - slack))


@compiled
def give_rest(reply: Floats, taken: Floats, left: int, counts: Integers) -> int:
    """Gives ``left`` more to whoever replies last, one by one; returns who is last then. taken [a]: of counts, by prepare."""
    last = 0
    while True:
        slowest = -1.0
        for a in range(reply.size):
            own = counts[a] - taken[a]
            time = reply[a] / own if own > 0.0 else math.inf
            if time > slowest:
                slowest, last = time, a
        if left <= 0:
            return last
        counts[last] += 1
        left -= 1


@compiled
def least_prepare(needs: Floats, members: int) -> float:
    """The least y with needs [a] / y as whole numbers, ``members`` in all."""
    counts = np.ones(needs.size)
    for _ in range(members - needs.size):
        counts[np.argmax(needs / counts)] += 1.0
    return (needs / counts).max()


@compiled
def line_holds(broadcast: Floats, reply: Floats, members: int, last: int, counts: Integers, row: Floats) -> bool:
    """Whether the line of ``last`` with its count bounds z on the whole row (module docstring)."""
    own = counts[last]
    if own - broadcast[last] / row[FROM] <= 0.0:
        return False
    total = own + 1
    for b in range(reply.size):
        if b == last:
            continue
        least = members
        for y in (row[FROM], row[TO]):
            z = reply[last] / (own - broadcast[last] / y)
            least = min(least, whole_need(broadcast[b] / y + reply[b] / z, SURE))
        total += least
    return total > members


@compiled
def next_event(broadcast: Floats, reply: Floats, last: int, counts: Integers, y: float, end: float) -> float:
    """Where on the line of ``last`` from y on another delegate's need leaves (n_b - 1, n_b]; at most ``end``."""
    speed, nearest = 1.0 / y, 1.0 / end
    level, slope = counts[last] / reply[last], broadcast[last] / reply[last]
    for b in range(reply.size):
        # need(Y) = constant + bend Y along the line Z = level - slope Y, Y falling from ``speed``.
        constant, bend = reply[b] * level, broadcast[b] - reply[b] * slope
        if b == last or bend == 0.0:
            continue
        target = (counts[b] - 1) * (1.0 + 4.0 * SURE) if bend > 0.0 else counts[b] * (1.0 + GUESS)
        meets = (target - constant) / bend
        if nearest < meets < speed:
            nearest = meets
    return min(1.0 / nearest, end)


@compiled
def append(rows: Floats, used: int, members: int, first: float, last: float, level: float, slope: float) -> tuple[Floats, int]:
    """Adds a row, moved outward by rounding."""
    if used == rows.shape[0]:
        longer = np.empty((2 * used, 5))
        longer[:used] = rows
        rows = longer
    rows[used, MEMBERS], rows[used, FROM], rows[used, TO] = members, first, last
    rows[used, LEVEL], rows[used, SLOPE] = level * (1.0 + OUTWARD), slope * (1.0 - OUTWARD)
    return rows, used + 1


@compiled
def rows_on_lines(broadcast: Floats, reply: Floats, members: int, latest: float) -> Floats:
    """Rows of a ``per_link`` committee with these m subchannels, for all y from the least on to twice that or ``latest``."""
    rows, used = np.empty((32, 5)), 0
    together = broadcast + reply
    counts, taken = np.zeros(reply.size, dtype=np.int64), np.zeros(reply.size)
    y = least_prepare(together, members)
    end = min(2.0 * y, latest)
    step = GUESS
    while y < end:
        # A hair further on, where counts are what they are on the next piece; z there speaks for the hair.
        after = min(y * (1.0 + step), end)
        for a in range(reply.size):
            counts[a], taken[a] = whole_need(together[a] / after, GUESS), broadcast[a] / after
        left = members - counts.sum()
        if left < 0:
            # Rounding at the least y itself: nothing is said about the hair but y.
            rows, used = append(rows, used, members, y, after, math.inf, 0.0)
            y, step = after, 2.0 * step
            continue
        last = give_rest(reply, taken, left, counts)
        z = reply[last] / (counts[last] - taken[last])
        rows, used = append(rows, used, members, y, after, 1.0 / z, 0.0)
        y = after
        until = next_event(broadcast, reply, last, counts, y, end)
        if until <= y * (1.0 + 4.0 * GUESS):
            step = min(2.0 * step, 0.1)
            continue
        rows, used = append(rows, used, members, y, until, counts[last] / reply[last], broadcast[last] / reply[last])
        if line_holds(broadcast, reply, members, last, counts, rows[used - 1]):
            y, step = until, GUESS
        else:
            used -= 1
            step = min(2.0 * step, 0.1)
    return rows[:used]


@compiled
def rows_at_needs(broadcast: Floats, reply: Floats, budget: int, latest: float) -> Floats:
    """Rows of a ``group`` committee for all m: y only where some e_a / y is whole."""
    rows, used = np.empty((64, 5)), 0
    delegates = reply.size
    counts, nothing = np.zeros(delegates, dtype=np.int64), np.zeros(delegates)
    before = math.inf
    for members in range(delegates, budget + 1):
        y = least_prepare(broadcast, members)
        if y < before and y <= latest:
            for a in range(delegates):
                counts[a] = whole_need(broadcast[a] / y, GUESS)
            # The same y with more subchannels: they all go to replies.
            extra = members - counts.sum()
            for more in range(members, budget + 1):
                last = give_rest(reply, nothing, extra, counts)
                extra = 1
                rows, used = append(rows, used, more, y, y, counts[last] / reply[last], 0.0)
        before = min(before, y)
    return rows[:used]


@compiled
def rows_left(reply: Floats, budget: int, timeout: float) -> Floats:
    """Rows under ``cap`` when prepare is left (it counts the timeout), with and without a served reply."""
    rows, used = append(np.empty((16, 5)), 0, 0, timeout, timeout, 1.0 / timeout, 0.0)
    counts, nothing = np.ones(reply.size, dtype=np.int64), np.zeros(reply.size)
    for members in range(reply.size, budget + 1):
        last = give_rest(reply, nothing, 1 if members > reply.size else 0, counts)
        if reply[last] < timeout * counts[last]:
            rows, used = append(rows, used, members, timeout, timeout, counts[last] / reply[last], 0.0)
    return rows[:used]


@compiled
def matters(rows: Floats) -> Booleans:
    """Which rows of one m matter (module docstring)."""
    kept = np.ones(rows.shape[0], dtype=np.bool_)
    for place in range(rows.shape[0]):
        early, late = rows[place, FROM], rows[place, TO]
        least = 1.0 / (rows[place, LEVEL] - rows[place, SLOPE] / late)
        for other in range(rows.shape[0]):
            for end in (FROM, TO):
                y = rows[other, end]
                z = 1.0 / (rows[other, LEVEL] - rows[other, SLOPE] / y)
                if (y <= early and y + z < early + least) or (y >= late and 2.0 * y + z < 2.0 * early + least):
                    kept[place] = False
    return kept


def delegate_rows(needs: Floats, group: bool, budget: int, timeout: float, longest: float, capped: bool) -> Floats:
    """All rows of a committee, by m; needs [V, V]: of its links. Served phases take at most ``longest``."""
    reply = needs[1:, 0].copy()
    if group:
        found = rows_at_needs(needs[1:].max(axis=-1), reply, budget, longest)
    else:
        others = needs[1:, 1:].sum(axis=-1)
        totals: range = range(len(reply), budget + 1)
        found = np.concatenate([np.empty((0, 5)), *(rows_on_lines(others, reply, members, longest) for members in totals)])
    found = found[np.argsort(found[:, MEMBERS], kind="stable")]
    ends = np.searchsorted(found[:, MEMBERS], np.unique(found[:, MEMBERS])[1:])
    rows = [each[matters(each)] for each in np.split(found, ends) if len(each)]
    if capped:
        rows.append(rows_left(reply, budget, timeout))
    return np.concatenate([np.empty((0, 5)), *rows])
