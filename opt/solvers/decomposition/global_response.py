r"""The best answer of one committee, with a given access load, to a price on spectrum: exact, on an interval of time.

With communication time t, verification time v and n APs served, the committee is worth (15)

    F(t) = max_v [n B exp(-A (t + v)) - n c E / v] - P S(t),     v >= fastest,     P = n p_0 + p:

costs are billed once per AP served, C5 counts spectrum once, so n joins the money price p_0 but not the price p of C5.
E: cycles of all delegates; S: the pieces of ``global_curve``. "Never verified" (no CPU, v = inf) is one of the choices of v.

On a piece, F rises, falls and rises again: F' has the sign of h(t) = log(P d / (n A B)) - 2 log(t - a) + A (t + v(t)), where
v(t), the best v >= fastest, is convex (v solves x exp(-x) = q exp(A t / 2), x = A v / 2, so x' = (A / 2) x / (1 - x) grows),
hence h is convex; where never verifying is best, F = -P S rises. So F is largest at an end or at the first zero of h. Either
v is free there: t - a and v share 2 x / A in the ratio of the square roots of their costs; or v = fastest. h at the free v
lies below the true h, so the free zero counts only if its v is allowed; otherwise the zero at v = fastest is the one.

Convexity in the load. For fixed times (t_r, x, y, z, v) the worth is affine in the load r, and which times are allowed on an
interval of t does not depend on r; so the best worth on the interval is a maximum of affine functions: convex in r, also when
timeouts bind. It is decreasing in r. (``earliest`` limits t by the budget; it is computed at the smallest load considered.)
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ...arrays import Floats, Integers
from ...compiled import compiled
from ...global_equations import TIMEOUT_TOLERANCE
from .global_curve import DELAY, FROM, REQUEST, ROOT, SERVED, SPECTRUM, TO, UP_TO_TIMEOUT
from .response import ON_BELOW, half_decay_time

# Outward slack of every bound and cut, relative to the numbers it is made of (argued in ``global_bound``).
SLACK = 1e-12
# Of a time: what the difference to a shorter one may be off by.
DIGITS = 1e-15


class GlobalModel(NamedTuple):
    """The global part as compiled code sees it.

    budget of C5; benefit B; decay A; spectrum_price p_0 [per subchannel]; timeout T; cpu_cost c E [I]; fastest [I];
    needs [I, K]; rows [I, R, COLUMNS] with rows_of [I] rows in use; several [I]: the rows are alternatives (``cap``).
    """

    budget: float
    benefit: float
    decay: float
    spectrum_price: float
    timeout: float
    cpu_cost: Floats
    fastest: Floats
    needs: Floats
    rows: Floats
    rows_of: Integers


@compiled
def piece(row: Floats, capped: int, load: float, timeout: float) -> tuple[float, float, float, float, float]:
    """(t from, t to, a, c, sqrt(d)) of a row with this load; capped 1: the request stays at the timeout. Empty: from > to."""
    above, below = row[FROM], row[TO]
    delay, spectrum, root = row[DELAY], row[SPECTRUM], row[ROOT]
    if row[REQUEST] == UP_TO_TIMEOUT:
        request_ends = load / timeout / timeout
        if capped == 0:
            below = max(below, request_ends)
            root += math.sqrt(load)
        else:
            above = min(above, request_ends)
            delay += timeout
            spectrum += load / timeout
    elif capped == 1:
        return 1.0, 0.0, 0.0, 0.0, 0.0
    elif row[REQUEST] == SERVED:
        root += math.sqrt(load)
    if above <= below:
        return 1.0, 0.0, 0.0, 0.0, 0.0
    last = delay
    if root > 0.0:
        last = delay + root / math.sqrt(below) if below > 0.0 else math.inf
    return delay + root / math.sqrt(above), last, delay, spectrum, root


@compiled
def verification(worth: float, decay: float, cost: float, fastest: float) -> tuple[float, float]:
    """(value, v) of max over v >= fastest of worth exp(-A v) - cost / v; (0, inf) when never verifying is best.

    Only what is seen to be too dear is never verified: a value that is no number stays one. A worth so small that decay * worth
    vanishes (below 1e-270, costs being 1e-35 at least: ``global_range``) is less than any slack.
    """
    time = fastest
    if cost > 0.0:
        if worth <= 0.0:
            return 0.0, math.inf
        q = 0.5 * decay * math.sqrt(cost / (decay * worth))
        if q >= ON_BELOW:
            return 0.0, math.inf
        time = max(fastest, 2.0 * half_decay_time(q) / decay)
        value = worth * math.exp(-decay * time) - cost / time
    else:
        value = worth * math.exp(-decay * time)
    return (0.0, math.inf) if value <= 0.0 else (value, time)


@compiled
def stationary(worth: float, decay: float, cpu_root: float, spectrum_root: float, fastest: float) -> float:
    """First zero of h on a piece, as t - a (module docstring); -1 when there is none. worth: n B exp(-A a)."""
    scale = 0.5 * decay / math.sqrt(decay * worth)
    both = cpu_root + spectrum_root
    q = scale * both
    if not q < 1.0 / math.e:
        return -1.0
    if both > 0.0:
        time = 2.0 * half_decay_time(q) / decay
        if time * cpu_root >= fastest * both:
            return time * spectrum_root / both
    q = scale * spectrum_root * math.exp(0.5 * decay * fastest)
    if not q < 1.0 / math.e:
        return -1.0
    return 2.0 * half_decay_time(q) / decay


@compiled
def worth_at(
    model: GlobalModel, committee: int, served: float, price: float, time: float, spectrum: float
) -> tuple[float, float]:
    """(F, v) at communication time ``time`` with this spectrum."""
    gross = served * model.benefit * math.exp(-model.decay * time)
    value, check = verification(gross, model.decay, served * model.cpu_cost[committee], model.fastest[committee])
    return value - price * spectrum, check


@compiled
def least_spectrum(time: float, delay: float, constant: float, root: float) -> float:
    """S(time) = constant + root^2 / (time - delay), no more than it is: time - delay may be off by some ulps of the time."""
    if root <= 0.0:
        return constant
    width = time - delay + DIGITS * time
    return constant + root * root / width if width > 0.0 else constant


@compiled
def on_piece(
    model: GlobalModel,
    committee: int,
    served: float,
    price: float,
    low: float,
    high: float,
    delay: float,
    constant: float,
    root: float,
    verified: bool,
) -> tuple[float, float, float]:
    """(best F, t, S) over finite low <= t <= high on one piece; verified: leave out "never verified", which off covers.

    F is that of ``least_spectrum``, never less than it is at these t: a value that is no number is returned as inf.
    """
    best, best_time, best_spectrum = -math.inf, math.inf, 0.0
    worth = served * model.benefit * math.exp(-model.decay * delay)
    middle = -1.0
    if worth > 0.0:
        cpu_root = math.sqrt(served * model.cpu_cost[committee])
        middle = stationary(worth, model.decay, cpu_root, math.sqrt(price) * root, model.fastest[committee])
    candidates = (low, high, delay + middle)
    for place in range(3):
        time = candidates[place]
        if time == math.inf or (place == 2 and not (middle >= 0.0 and low < time < high)):
            continue
        spectrum = least_spectrum(time, delay, constant, root)
        value, check = worth_at(model, committee, served, price, time, spectrum)
        if math.isnan(value):
            return math.inf, time, spectrum
        if value > best and not (verified and check == math.inf):
            best, best_time, best_spectrum = value, time, spectrum
    return best, best_time, best_spectrum


@compiled
def margin(model: GlobalModel, served: float, price: float, soonest: float) -> float:
    """What rounding and the timeout's tolerance may add to the worth of a committee that is on, and communicates for
    ``soonest`` at least (argued in ``global_bound``)."""
    money = (price + served * model.spectrum_price) * model.budget
    late = TIMEOUT_TOLERANCE if model.rows[0, 0, REQUEST] == UP_TO_TIMEOUT else 0.0
    decays = model.decay * soonest if soonest < math.inf else 0.0
    return SLACK * (served * model.benefit * (1.0 + decays) * math.exp(-decays) + money) + late * money


@compiled
def respond(
    model: GlobalModel,
    committee: int,
    served: float,
    load: float,
    price: float,
    earliest: Floats,
    latest: float,
) -> tuple[float, float, float]:
    """(best F + margin, t, S) over the times up to ``latest`` and, on each row, from ``earliest``; -inf: there are none.

    price: of C5. latest = inf includes being off: (0, inf, 0), without margin.
    """
    best, best_time, best_spectrum = -math.inf, math.inf, 0.0
    may_be_off = latest == math.inf
    if may_be_off:
        best = 0.0
    full = price + served * model.spectrum_price
    extra = margin(model, served, price, earliest[: model.rows_of[committee]].min())
    rows = model.rows[committee]
    if rows[0, REQUEST] == UP_TO_TIMEOUT:
        if earliest[0] > latest or earliest[0] == math.inf:
            return best, best_time, best_spectrum
        # Without timeouts only the first row is left, for all times: a relaxation, exact where it needs no longer phases.
        _, until, delay, constant, root = piece(rows[0], 0, load, model.timeout)
        value, time, spectrum = on_piece(model, committee, served, full, earliest[0], latest, delay, constant, root, may_be_off)
        if value + extra <= best:  # never so when it is no number
            return best, best_time, best_spectrum
        if time <= until:
            return value + extra, time, spectrum
    for place in range(model.rows_of[committee]):
        for capped in range(2):
            first, last, delay, constant, root = piece(rows[place], capped, load, model.timeout)
            low, high = max(first, earliest[place]), min(last, latest)
            if low > high * (1.0 + SLACK):
                continue  # ends that should meet may miss each other by rounding
            value, time, spectrum = on_piece(model, committee, served, full, low, high, delay, constant, root, may_be_off)
            if not value + extra <= best:
                best, best_time, best_spectrum = value + extra, time, spectrum
    return best, best_time, best_spectrum


@compiled
def spectrum_by(model: GlobalModel, committee: int, load: float, time: float) -> float:
    """S(time): the least spectrum with which the committee communicates within ``time``; 0 for inf, inf when it cannot."""
    if time == math.inf:
        return 0.0
    least = math.inf
    for place in range(model.rows_of[committee]):
        for capped in range(2):
            first, last, delay, constant, root = piece(model.rows[committee, place], capped, load, model.timeout)
            if first > last or time < first * (1.0 - SLACK):
                continue
            least = min(least, least_spectrum(max(min(time, last), first), delay, constant, root))
    return least


@compiled
def time_with(model: GlobalModel, committee: int, load: float, spectrum: float) -> tuple[float, float, int, int]:
    """(least t with S(t) <= spectrum, S(t), its row, whether the request stays at the timeout); (inf, 0, -1, 0): too little."""
    best, best_spectrum, best_row, best_capped = math.inf, 0.0, -1, 0
    alternatives = model.rows[committee, 0, REQUEST] != UP_TO_TIMEOUT
    for place in range(model.rows_of[committee]):
        for capped in range(2):
            first, last, delay, constant, root = piece(model.rows[committee, place], capped, load, model.timeout)
            if first > last:
                continue
            time, used = first, constant
            if root > 0.0:
                if spectrum <= constant:
                    continue
                time, used = delay + root * root / (spectrum - constant), spectrum
                if time < first:
                    time, used = first, constant + root * root / (first - delay)
            elif spectrum < constant * (1.0 - SLACK):
                continue
            if time <= last * (1.0 + SLACK) and time < best:
                time = min(time, last)
                best, best_spectrum, best_row, best_capped = time, used, place, capped
                if not alternatives:
                    return best, best_spectrum, best_row, best_capped
    return best, best_spectrum, best_row, best_capped


@compiled
def earliest_on_rows(model: GlobalModel, committee: int, load: float, low: float, spectrum: float, earliest: Floats) -> float:
    """Writes for each row the earliest t >= low that this spectrum allows at this load; returns the least of them."""
    least = math.inf
    if model.rows[committee, 0, REQUEST] == UP_TO_TIMEOUT:
        time, _, _, _ = time_with(model, committee, load, spectrum)
        least = max(low, time)
        for place in range(model.rows_of[committee]):
            earliest[place] = least
        return least
    for place in range(model.rows_of[committee]):
        _, _, delay, _, root = piece(model.rows[committee, place], 0, load, model.timeout)
        time = delay
        if root > 0.0:
            time = delay + root * root / spectrum if spectrum > 0.0 else math.inf
        earliest[place] = max(low, time)
        least = min(least, earliest[place])
    return least
