r"""The largest worth of one committee on an interval of communication times, and which times the budget allows.

With n APs served, load r (sum of their request needs) and price p of C5, off (worth 0) included where times have no end:

    max over t, v of n B exp(-A (t + v)) - n c E / v - (n p_0 + p) S(t; r),      v >= fastest.

On a row S = c + R^2 / (t - a) of ``communication``, joined with the request, it is largest at an end, or where t and v are both
stationary, or t is while v = fastest: two problems of ``stationary``. Every candidate is a possible answer.

Unresolved. Numbers are those of ``opt.global_range``; multipliers any. At a candidate S is rounded down (t - a may be off by
some ulps of t), so that no candidate is left out because spectrum for it cannot be told; a value that is no number counts as
inf, and ends of intervals that should meet may miss each other by rounding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..arrays import Floats, Integers
from ..compiled import compiled
from ..global_equations import TIMEOUT_TOLERANCE
from ..global_range import GlobalNumbers
from .communication import CHEAPEST, DEAREST, DELAY, ROOT, SPECTRUM, rows_capped, rows_until_timeout
from .stationary import best_time, best_value

SLACK = 3e-13
# Of a time: what the difference to a shorter one may be off by.
DIGITS = 1e-15
# Rows of a cell [5, I].
COUNT, LOAD_LOW, LOAD_HIGH, TIME_LOW, TIME_HIGH = range(5)


class Committees(NamedTuple):
    """The part as compiled code sees it; rows [I, R, 5] with rows_of [I] in use, needs [I, K], others [I] or scalars.

    cpu_cost: c E_i. capped: rows are alternatives of which the best one counts, else one curve of which each holds on a piece.
    """

    budget: float
    benefit: float
    decay: float
    spectrum_price: float
    timeout: float
    capped: bool
    cpu_cost: Floats
    fastest: Floats
    needs: Floats
    rows: Floats
    rows_of: Integers


def committees_of(numbers: GlobalNumbers, capped: bool) -> Committees:
    """The reduced global part of one epoch."""
    curve = rows_capped if capped else rows_until_timeout
    curves: list[Floats] = []
    for leader, broadcast, reply in zip(numbers.leader, numbers.broadcast, numbers.reply, strict=True):
        real = broadcast + reply > 0.0
        curves.append(curve(float(leader), broadcast[real].copy(), reply[real].copy(), numbers.timeout))
    rows = np.zeros((len(curves), max(len(its) for its in curves), 5))
    for i, its in enumerate(curves):
        rows[i, : len(its)] = its
    return Committees(
        budget=numbers.budget,
        benefit=numbers.benefit,
        decay=numbers.decay,
        spectrum_price=numbers.spectrum_price,
        timeout=numbers.timeout,
        capped=capped,
        cpu_cost=numbers.cpu_cost,
        fastest=numbers.fastest,
        needs=numbers.access,
        rows=rows,
        rows_of=np.array([len(its) for its in curves], dtype=np.int64),
    )


@compiled
def piece(model: Committees, row: Floats, late: int, load: float) -> tuple[float, float, float, float, float]:
    """(t from, t to, a, c, R) of a row with the request joined; late 1: the request takes the timeout. from > to: nothing."""
    dearest, cheapest = row[DEAREST], row[CHEAPEST]
    delay, spectrum, total = row[DELAY], row[SPECTRUM], row[ROOT]
    timeout = model.timeout
    if late == 0:
        total += math.sqrt(load)
        cheapest = cheapest if model.capped else max(cheapest, load / timeout / timeout)
    else:
        delay += timeout
        if not model.capped:
            # A request that must end by the timeout pays for it; one that is left pays nothing.
            spectrum += load / timeout
            dearest = min(dearest, load / timeout / timeout)
    if dearest <= cheapest:
        return 1.0, 0.0, 0.0, 0.0, 0.0
    last = delay
    if total > 0.0:
        last = delay + total / math.sqrt(cheapest) if cheapest > 0.0 else math.inf
    return delay + total / math.sqrt(dearest), last, delay, spectrum, total


@compiled
def spectrum_at(time: float, delay: float, spectrum: float, total: float) -> float:
    """spectrum + total^2 / (time - delay), rounded down."""
    if total <= 0.0:
        return spectrum
    left = time - delay + DIGITS * time
    return spectrum + total * total / left if left > 0.0 else spectrum


@compiled
def least_spectrum(model: Committees, i: int, load: float, time: float) -> float:
    """S(time); 0 for inf (off), inf where no spectrum suffices."""
    if time == math.inf:
        return 0.0
    least = math.inf
    for place in range(model.rows_of[i]):
        for late in range(2):
            first, last, delay, spectrum, total = piece(model, model.rows[i, place], late, load)
            if first <= last and time >= first * (1.0 - SLACK):
                least = min(least, spectrum_at(max(min(time, last), first), delay, spectrum, total))
    return least


@compiled
def affordable_from(model: Committees, i: int, place: int, late: int, load: float, spectrum: float) -> float:
    """Least t on a piece that needs no more than this spectrum; inf: none."""
    first, last, delay, constant, total = piece(model, model.rows[i, place], late, load)
    if first > last:
        return math.inf
    if total <= 0.0:
        return first if constant <= spectrum else math.inf
    if spectrum <= constant:
        return math.inf
    time = max(first, delay + total * total / (spectrum - constant))
    return time if time <= last * (1.0 + SLACK) else math.inf


@compiled
def earliest_times(model: Committees, cell: Floats, earliest: Floats) -> bool:
    """Writes the earliest time of the cell that the budget allows, [I, 2 R]: per row and request; False: the cell is empty."""
    late = 0.0 if model.capped else TIMEOUT_TOLERANCE
    committees, budget = cell.shape[1], model.budget * (1.0 + SLACK + late)
    least = np.zeros(committees)
    for i in range(committees):
        if cell[COUNT, i] > 0.0:
            least[i] = least_spectrum(model, i, cell[LOAD_LOW, i], cell[TIME_HIGH, i])
    total = least.sum()
    if total > budget:
        return False
    for i in range(committees):
        if cell[COUNT, i] <= 0.0:
            continue
        soonest, mine = math.inf, budget - (total - least[i])
        for place in range(model.rows_of[i]):
            for request in range(2):
                time = affordable_from(model, i, place, request, cell[LOAD_LOW, i], mine) * (1.0 - SLACK)
                earliest[i, 2 * place + request] = max(time, cell[TIME_LOW, i])
                soonest = min(soonest, earliest[i, 2 * place + request])
        if not model.capped:
            # One falling curve: the least time that is affordable on any of its pieces is the least for all loads.
            earliest[i, :] = soonest
        if soonest > cell[TIME_HIGH, i]:
            return False
    return True


@compiled
def worth_on(
    model: Committees,
    i: int,
    served: float,
    price: float,
    low: float,
    high: float,
    delay: float,
    spectrum: float,
    total: float,
    may_be_off: bool,
) -> tuple[float, float]:
    """(largest worth, its t) over low <= t <= high on S = spectrum + total^2 / (t - delay), at a price per subchannel."""
    decay, cost, fastest = model.decay, served * model.cpu_cost[i], model.fastest[i]
    best, best_at = -math.inf, math.inf
    gain = served * model.benefit * math.exp(-decay * delay)
    for_cpu, for_spectrum = math.sqrt(cost), math.sqrt(price) * total
    both = best_time(gain, decay, (for_cpu + for_spectrum) ** 2)
    share = for_spectrum / (for_cpu + for_spectrum) if for_spectrum > 0.0 else 0.0
    alone = best_time(gain * math.exp(-decay * fastest), decay, for_spectrum**2)
    for place in range(4):
        time = low
        if place == 1:
            time = high
        elif place == 2:
            time = delay + both * share if both < math.inf else math.inf
        elif place == 3:
            time = delay + alone
        if time == math.inf:
            continue
        time = min(max(time, low), high)
        used = spectrum_at(time, delay, spectrum, total)
        earned = best_value(served * model.benefit * math.exp(-decay * time), decay, cost, fastest)
        if math.isnan(earned - price * used):
            return math.inf, time
        # Communicating without ever verifying earns no more than being off.
        if earned - price * used > best and not (may_be_off and earned <= 0.0):
            best, best_at = earned - price * used, time
    return best, best_at


@compiled
def worth(model: Committees, i: int, served: float, load: float, price: float, earliest: Floats, latest: float) -> float:
    """Upper bound of v_i(load) over times from ``earliest`` (per row and request) to ``latest``; -inf when there are none."""
    per_subchannel = price + served * model.spectrum_price
    money = per_subchannel * model.budget
    decays = model.decay * earliest[: 2 * model.rows_of[i]].min()
    most = served * model.benefit * ((1.0 + decays) * math.exp(-decays) if decays < math.inf else 1.0)
    margin = SLACK * (most + money) + (0.0 if model.capped else TIMEOUT_TOLERANCE * money)
    may_be_off = latest == math.inf
    best = 0.0 if may_be_off else -math.inf
    if not model.capped:
        low = earliest[0]
        if low > latest or low == math.inf:
            return best
        # Without timeouts the first row goes on for ever: a relaxation, and exact if no phase passes the timeout there.
        _, last, delay, spectrum, total = piece(model, model.rows[i, 0], 0, load)
        value, time = worth_on(model, i, served, per_subchannel, low, latest, delay, spectrum, total, may_be_off)
        if value + margin <= best:  # never so when it is no number
            return best
        if time <= last:
            return value + margin
    for place in range(model.rows_of[i]):
        for late in range(2):
            first, last, delay, spectrum, total = piece(model, model.rows[i, place], late, load)
            low, high = max(first, earliest[2 * place + late]), min(last, latest)
            if low <= high * (1.0 + SLACK) and low < math.inf:
                value, _ = worth_on(model, i, served, per_subchannel, low, high, delay, spectrum, total, may_be_off)
                if not value + margin <= best:
                    best = value + margin
    return best
