r"""The least time and the best worth of a committee with N whole subchannels in all, exactly.

The manager has n_0 = N - m of them: w for the requests (r / w seconds, r the load of its APs) and n_0 - w for pre-prepare,
x = e_0 / (n_0 - w). For given y, z the time r/w + x + max(x, y) + y + z is convex in w, with x >= y where x is free of y:

    w = n_0 sqrt(r) / (sqrt(r) + sqrt(2 e_0))   if that leaves x >= y;   with e_0 for 2 e_0 if that leaves x <= y;   else x = y,

moved into the w that keep both phases within the timeout. Along a row z(y) = 1/(p - q/y) is convex, and the least over w of a
jointly convex function is convex in y: its slope changes sign once. Under ``cap`` request and pre-prepare are served or left.

Worth (15) with n APs: max_v n B exp(-A (t + v)) - n c E / v - n p_0 N, against being off. It falls in t, so the least t of
each N is enough.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ...compiled import compiled
from .global_response import verification
from .whole_curve import FROM, LEVEL, MEMBERS, SLOPE, TO

# Differences of numbers may be off by this fraction of the numbers: times that a bound rests on are shorter by it.
DIGITS = 1e-15


class Manager(NamedTuple):
    """What the manager does: time t, y and z of its delegates' row, w for requests; place of the row and n_0."""

    time: float
    prepare: float
    request: float
    row: int
    own: int


@compiled
def _split(load: float, leader: float, own: float, prepare: float, low: float, high: float) -> tuple[float, bool]:
    """(the best w in [low, high] for given y, whether x = y there)."""
    root, both, single = math.sqrt(load), math.sqrt(2.0 * leader), math.sqrt(leader)
    request, tied = own * root / (root + both), False
    if leader < prepare * (own - request):
        request = own * root / (root + single)
        if leader > prepare * (own - request):
            request, tied = own - leader / prepare, True
    if low <= request <= high:
        return request, tied
    return min(max(request, low), high), False


@compiled
def _rise(load: float, leader: float, own: float, prepare: float, low: float, high: float) -> float:
    """Slope in y of min over w of r/w + x + max(x, y), between 0 and 1."""
    request, tied = _split(load, leader, own, prepare, low, high)
    if tied:
        return min(max(2.0 - load * leader / (prepare * request) ** 2, 0.0), 1.0)
    return 1.0 if leader < prepare * (own - request) else 0.0


@compiled
def reply_on(row: Floats, prepare: float) -> float:
    """z at this y on a row, no more than it is (``DIGITS``); 0 where that cannot be told."""
    speed = row[LEVEL] * (1.0 + DIGITS) - row[SLOPE] / prepare * (1.0 - DIGITS)
    return 1.0 / speed if speed > 0.0 else 0.0


@compiled
def _least_on_row(
    load: float, leader: float, own: float, row: Floats, low: float, high: float, timeout: float
) -> tuple[float, float, float]:
    """(t, y, w) with both phases of the manager served, low <= w <= high."""
    level, slope = row[LEVEL], row[SLOPE]
    first, last = row[FROM], row[TO]
    falls = slope > 0.0 and first < last
    falls = falls and 1.0 + _rise(load, leader, own, first, low, high) < slope / (level * first - slope) ** 2
    if falls and 1.0 + _rise(load, leader, own, last, low, high) <= slope / (level * last - slope) ** 2:
        first = last
    elif falls:
        for _ in range(60):
            middle = 0.5 * (first + last)
            if last - first <= 1e-14 * last:
                break
            if 1.0 + _rise(load, leader, own, middle, low, high) < slope / (level * middle - slope) ** 2:
                first = middle
            else:
                last = middle
    prepare = first
    request, _ = _split(load, leader, own, prepare, low, high)
    x = leader / (own - request + DIGITS * own)
    time = min(load / request, timeout) + min(x, timeout) + min(max(x, prepare), timeout) + min(prepare, timeout)
    return time + min(reply_on(row, prepare), timeout), prepare, request


@compiled
def _least_apart(row: Floats, x: float) -> tuple[float, float]:
    """(max(x, y) + y + z, y) on a row whatever the request does; x given."""
    level, slope = row[LEVEL], row[SLOPE]
    best, best_at = math.inf, row[FROM]
    for place in range(5):
        y = row[FROM]
        if place == 1:
            y = row[TO]
        elif place == 2:
            y = x
        elif place >= 3:
            y = (math.sqrt(slope / (place - 2.0)) + slope) / level
        y = min(max(y, row[FROM]), row[TO])
        time = max(x, y) + y + reply_on(row, y)
        if time < best:
            best, best_at = time, y
    return best, best_at


@compiled
def manager_best(
    load: float, leader: float, own: int, row: Floats, timeout: float, tolerance: float, capped: bool
) -> tuple[float, float, float]:
    """(t, y, w) of the best the manager can do with n_0 = ``own`` beside this row.

    w = 0: requests are left; w = n_0: pre-prepare is left.
    """
    best, best_prepare, best_request = math.inf, row[FROM], 0.0
    mine = float(own)
    longest = timeout if capped else timeout * (1.0 + tolerance)
    low, high = load / longest, mine - leader / longest
    if low <= high and own > 0:
        best, best_prepare, best_request = _least_on_row(load, leader, mine, row, low, high, timeout)
    if capped:
        rest, prepare = _least_apart(row, timeout)
        if own == 0:
            return 2.0 * timeout + rest, prepare, 0.0
        if load <= timeout * mine and load / mine + timeout + rest < best:
            best, best_prepare, best_request = load / mine + timeout + rest, prepare, mine
        if leader <= timeout * mine:
            x = leader / mine
            rest, prepare = _least_apart(row, x)
            if timeout + x + rest < best:
                best, best_prepare, best_request = timeout + x + rest, prepare, 0.0
    return best, best_prepare, best_request


@compiled
def least_times(
    load: float, leader: float, rows: Floats, budget: int, timeout: float, tolerance: float, capped: bool
) -> Floats:
    """t(N) for N = 0 ... budget, inf where the committee cannot work."""
    times = np.full(budget + 1, math.inf)
    for place in range(rows.shape[0]):
        members = int(rows[place, MEMBERS])
        # Nothing of a row is faster than this.
        fastest = rows[place, FROM] * 2.0 + 1.0 / (rows[place, LEVEL] - rows[place, SLOPE] / rows[place, TO])
        for own in range(budget - members + 1):
            total = members + own
            if not capped and own > 0:
                least = (math.sqrt(load) + math.sqrt(leader)) ** 2 / own + fastest
                if least * (1.0 - 2.0 * tolerance) >= times[total]:
                    continue
            time, _, _ = manager_best(load, leader, own, rows[place], timeout, tolerance, capped)
            # A time that is no number is not resolved: no time is shorter than 0.
            times[total] = 0.0 if math.isnan(time) else min(times[total], time)
    return times


@compiled
def manager_with(
    load: float, leader: float, rows: Floats, total: int, timeout: float, tolerance: float, capped: bool
) -> Manager:
    """What attains t(total)."""
    best = Manager(math.inf, 0.0, 0.0, -1, 0)
    for place in range(rows.shape[0]):
        own = total - int(rows[place, MEMBERS])
        if own < 0:
            continue
        time, prepare, request = manager_best(load, leader, own, rows[place], timeout, tolerance, capped)
        if time < best.time:
            best = Manager(time, prepare, request, place, own)
    return best


@compiled
def worth_of(
    times: Floats, served: float, benefit: float, decay: float, spectrum_price: float, cpu_cost: float, fastest: float
) -> Floats:
    """Worth for N = 0 ... budget subchannels, at least 0 at N = 0 (off); -inf where the committee cannot work."""
    worth = np.full(times.shape[0], -math.inf)
    worth[0] = 0.0
    for total in range(times.shape[0]):
        if times[total] < math.inf:
            gross = served * benefit * math.exp(-decay * times[total])
            value, _ = verification(gross, decay, served * cpu_cost, fastest)
            earned = value - served * spectrum_price * total
            if not earned <= worth[total]:
                worth[total] = math.inf if math.isnan(earned) else earned
    return worth
