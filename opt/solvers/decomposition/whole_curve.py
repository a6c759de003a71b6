r"""How fast the delegates of a committee answer with m whole subchannels in all, whatever its manager does.

With prepare y and reply z <= y [s] (``opt.global_reduction``), delegate a needs at least, as a whole number,

    group: max(e_a / y, g_a / z),        per_link: E_a / y + R_a / z        subchannels,

E_a: its links to the other delegates, R_a: to the manager. For given y the least z is exact: start from the whole numbers that
y needs (with z = y), then give the rest one by one to the delegate that replies last; any counts that beat the result would
have to be larger for every delegate that was raised. What remains is y.

* ``group``: y matters only where some e_a / y is whole: at most one y per total, so all pairs (y, z) are listed.
* ``per_link``: for given counts z = R_a / (n_a - E_a / y) of the delegate that replies last. If the greedy counts and the last
  delegate are the same at both ends of an interval of y, they are so in between: in (1/y, 1/z) its answers lie on the line of
  that delegate, on which the other delegates' needs are linear, so within (n_b - 1, n_b] between the ends as at the ends; a
  smaller z would need one more for the last delegate and no less for the others. Other intervals are halved, or cut where the
  lines of their ends meet, until they are narrow; a narrow one keeps both y of its left and z of its right end, which is at
  least as fast as anything in it.

The time of a committee is t = f(y) + z where 1 <= f' <= 2 (prepare, and commit max(x, y)); so y with y + z or 2 y + z worse
than at a smaller or larger y is never needed, and y > 2 y_0 neither, y_0 the least y possible (there z = y). A row
(m, y from, y to, p, q) says z = 1 / (p - q / y). ``cap``: phases that are left count T_th: rows at y = T_th and z = T_th.
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Floats, Integers
from ...compiled import compiled

MEMBERS, FROM, TO, LEVEL, SLOPE = range(5)
COLUMNS = 5
# Whole numbers are recognised from this far above; relative width at which an interval of y is narrow.
WHOLE_SLACK = 1e-12
NARROW = 1e-11


@compiled
def needed(amount: float) -> int:
    """The least whole number that is not below ``amount`` (by more than rounding)."""
    return math.ceil(amount * (1.0 - WHOLE_SLACK))


@compiled
def reply_time(
    group: bool, broadcast: Floats, reply: Floats, prepare: float, members: int, counts: Integers
) -> tuple[float, int]:
    """(least z, who replies last) with ``members`` subchannels and y = ``prepare`` (inf: left); writes ``counts``; (inf, -1):
    too few. broadcast: e_a or E_a; reply: g_a or R_a."""
    delegates = broadcast.shape[0]
    left = members
    for a in range(delegates):
        if group or prepare == math.inf:
            counts[a] = needed(broadcast[a] / prepare)
        else:
            counts[a] = needed((broadcast[a] + reply[a]) / prepare)
        left -= counts[a]
    if left < 0:
        return math.inf, -1
    times = np.empty(delegates)
    for a in range(delegates):
        own = float(counts[a]) if group else counts[a] - broadcast[a] / prepare
        times[a] = reply[a] / own if own > 0.0 else math.inf
    while True:
        last = 0
        for a in range(1, delegates):
            if times[a] > times[last]:
                last = a
        if left <= 0:
            return times[last], last
        counts[last] += 1
        left -= 1
        own = float(counts[last]) if group else counts[last] - broadcast[last] / prepare
        times[last] = reply[last] / own


@compiled
def least_prepare(group: bool, broadcast: Floats, reply: Floats, members: int) -> float:
    """The least y with ``members`` subchannels; inf when they are fewer than the delegates."""
    delegates = broadcast.shape[0]
    if members < delegates:
        return math.inf
    counts = np.ones(delegates, dtype=np.int64)
    times = broadcast.copy() if group else broadcast + reply
    needs = times.copy()
    for _ in range(members - delegates):
        last = int(np.argmax(times))
        counts[last] += 1
        times[last] = needs[last] / counts[last]
    return times.max()


@compiled
def _append(rows: Floats, used: int, members: int, low: float, high: float, level: float, slope: float) -> tuple[Floats, int]:
    if used == rows.shape[0]:
        longer = np.empty((2 * used, COLUMNS))
        longer[:used] = rows
        rows = longer
    rows[used, MEMBERS] = members
    rows[used, FROM], rows[used, TO] = low, high
    rows[used, LEVEL], rows[used, SLOPE] = level, slope
    return rows, used + 1


@compiled
def group_rows(broadcast: Floats, reply: Floats, budget: int, latest: float) -> Floats:
    """Rows of a ``group`` committee for all m <= budget with y <= latest."""
    delegates = broadcast.shape[0]
    counts = np.empty(delegates, dtype=np.int64)
    rows, used = np.empty((64, COLUMNS)), 0
    prepares = np.full(budget + 1, math.inf)
    for members in range(delegates, budget + 1):
        prepares[members] = least_prepare(True, broadcast, reply, members)
    pair = np.empty(budget + 1)
    for members in range(delegates, budget + 1):
        first, second = math.inf, math.inf
        for place in range(delegates, members + 1):
            pair[place] = math.inf
            if prepares[place] <= latest:
                pair[place], _ = reply_time(True, broadcast, reply, prepares[place], members, counts)
                first = min(first, prepares[place] + pair[place])
                second = min(second, 2.0 * prepares[place] + pair[place])
        # From the smallest y: a larger y must lower 2 y + z; from the largest: a smaller y must lower y + z.
        for place in range(delegates, members + 1):
            y, z = prepares[place], pair[place]
            if z == math.inf or (place > delegates and y == prepares[place - 1]):
                continue
            keep = True
            for other in range(delegates, members + 1):
                if (prepares[other] < y and prepares[other] + pair[other] <= y + z) or (
                    prepares[other] > y and 2.0 * prepares[other] + pair[other] <= 2.0 * y + z
                ):
                    keep = False
                    break
            if keep:
                rows, used = _append(rows, used, members, y, y, 1.0 / z, 0.0)
    return rows[:used].copy()


@compiled
def link_rows(broadcast: Floats, reply: Floats, budget: int, latest: float) -> Floats:
    """Rows of a ``per_link`` committee for all m <= budget with y <= latest."""
    delegates = broadcast.shape[0]
    rows, used = np.empty((64, COLUMNS)), 0
    at_low, at_high = np.empty(delegates, dtype=np.int64), np.empty(delegates, dtype=np.int64)
    stack = np.empty((4096, 2))
    for members in range(delegates, budget + 1):
        start = least_prepare(False, broadcast, reply, members) * (1.0 + 0.1 * WHOLE_SLACK)
        end = min(2.0 * start, latest)
        if start > latest:
            continue
        # Points seen: the best y + z and 2 y + z, each with its y.
        first, first_at, second, second_at = 2.0 * start, start, math.inf, start
        depth = 0
        pieces = 8
        for piece in range(pieces):
            low = start * (end / start) ** ((pieces - 1 - piece) / pieces)
            high = start * (end / start) ** ((pieces - piece) / pieces)
            stack[depth, 0], stack[depth, 1] = low, high
            depth += 1
            z, _ = reply_time(False, broadcast, reply, high, members, at_high)
            if high + z < first:
                first, first_at = high + z, high
            if 2.0 * high + z < second:
                second, second_at = 2.0 * high + z, high
        while depth > 0:
            depth -= 1
            low, high = stack[depth, 0], stack[depth, 1]
            z_high, last_high = reply_time(False, broadcast, reply, high, members, at_high)
            if last_high < 0:
                continue
            if high + z_high < first:
                first, first_at = high + z_high, high
            if 2.0 * high + z_high < second:
                second, second_at = 2.0 * high + z_high, high
            if (first_at <= low and low + z_high > first) or (second_at >= high and 2.0 * low + z_high > second):
                continue
            narrow = high - low <= NARROW * high
            _, last_low = reply_time(False, broadcast, reply, low, members, at_low)
            same = last_low == last_high
            for a in range(delegates):
                same = same and at_low[a] == at_high[a]
            if same and not narrow:
                a = last_high
                scale = 1.0 / reply[a]
                rows, used = _append(rows, used, members, low, high, at_high[a] * scale, broadcast[a] * scale)
                # Its best points, where the slope of z is -1 or -2.
                for weight in range(1, 3):
                    root = math.sqrt(broadcast[a] * scale / weight)
                    y = min(max((root + broadcast[a] * scale) / (at_high[a] * scale), low), high)
                    z = 1.0 / (at_high[a] * scale - broadcast[a] * scale / y)
                    if y + z < first:
                        first, first_at = y + z, y
                    if 2.0 * y + z < second:
                        second, second_at = 2.0 * y + z, y
                continue
            if narrow or depth + 3 > stack.shape[0]:
                rows, used = _append(rows, used, members, low, high, 1.0 / z_high, 0.0)
                continue
            middle = 0.5 * (low + high)
            if last_low >= 0 and last_low != last_high:
                # Lines n_a = E_a Y + R_a Z of both ends meet at Y = 1/y.
                a, b = last_low, last_high
                over = broadcast[a] * reply[b] - broadcast[b] * reply[a]
                if over != 0.0:
                    meet = over / (at_low[a] * reply[b] - at_high[b] * reply[a])
                    if low * (1.0 + 4.0 * NARROW) < meet < high * (1.0 - 4.0 * NARROW):
                        before, after = meet * (1.0 - 0.4 * NARROW), meet * (1.0 + 0.4 * NARROW)
                        stack[depth, 0], stack[depth, 1] = low, before
                        stack[depth + 1, 0], stack[depth + 1, 1] = before, after
                        stack[depth + 2, 0], stack[depth + 2, 1] = after, high
                        depth += 3
                        continue
            stack[depth, 0], stack[depth, 1] = low, middle
            stack[depth + 1, 0], stack[depth + 1, 1] = middle, high
            depth += 2
    return rows[:used].copy()


@compiled
def left_rows(reply: Floats, budget: int, timeout: float) -> Floats:
    """Rows under ``cap`` whose prepare is left, with and without a served reply."""
    rows, used = np.empty((64, COLUMNS)), 0
    rows, used = _append(rows, used, 0, timeout, timeout, 1.0 / timeout, 0.0)
    counts = np.empty(reply.shape[0], dtype=np.int64)
    nothing = 0.0 * reply
    for members in range(1, budget + 1):
        z, _ = reply_time(True, nothing, reply, math.inf, members, counts)
        if z < timeout:
            rows, used = _append(rows, used, members, timeout, timeout, 1.0 / z, 0.0)
    return rows[:used].copy()


def committee_rows(
    group: bool, broadcast: Floats, reply: Floats, budget: int, timeout: float, tolerance: float, capped: bool
) -> Floats:
    """All rows of one committee, ordered by m. Phases may last timeout (1 + tolerance) (the equations allow it)."""
    build = group_rows if group else link_rows
    rows = build(broadcast, reply, budget, timeout if capped else timeout * (1.0 + tolerance))
    if capped:
        rows = np.concatenate([rows, left_rows(reply, budget, timeout)])
    return rows[np.argsort(rows[:, MEMBERS], kind="stable")]
