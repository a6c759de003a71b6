r"""The best answer of one head (or one committee with fixed access) to prices, in closed form.

    maximise  b exp(-A (a/f + d/u)) - p u - z f   over  u >= 0, 0 <= f <= f_max,   against being off (value 0).

For a given T = a/f + d/u the cheapest resources cost C/T with C = (sqrt(z a) + sqrt(p d))^2 while f = sqrt(a/z) sqrt(C)/T
stays below f_max; beyond, f = f_max and the rest is the same problem in T - a/f_max with b exp(-A a/f_max) and C = p d.
b exp(-A T) - C/T is stationary where x exp(-x) = q, x = A T/2, q = (A/2) sqrt(C/(A b)); the root x <= 1 is the maximum, worth
b exp(-2x)(1 - 2x): positive exactly when x < 1/2, i.e. q < exp(-1/2)/2.

Why the bound on f is exact: with g(T) = b exp(-A T) - C/T and T_0 the time at which f reaches f_max, g falls from its
maximum T* to its minimum and then rises towards 0. If T* >= T_0 no f_max-bound point beats g(T*), since the bound only
raises cost; if T* < T_0, every T >= T_0 is worth at most max(g(T_0), 0), and T_0 lies on the bound branch.

Bounds rest on these values, so a head is off only where q is seen to be too large: where q is no number, or so small that
numbers vanish, the head is worth its whole gain. Roots are taken one by one, so that q is out of range only if it truly is.
"""

from __future__ import annotations

import math

from ...compiled import compiled

ON_BELOW = 0.5 * math.exp(-0.5)
LOCAL_BELOW = math.exp(-1.0)


@compiled
def half_decay_time(q: float) -> float:
    """x in [0, 1] with x exp(-x) = q, for 0 <= q <= 1/e (the principal branch: -W_0(-q)).

    Up to ON_BELOW, where heads can be on: a rational approximation of x/q (relative error 3.3e-7, fitted and tested), then one
    step of Halley's method, whose error is at most half the cube of that. Beyond: Newton on the concave x - q exp(x) from a
    truncated series, which lies below the root, so that iterates grow towards it. Either way x errs by a few units of
    2^-53, which the slack of those who use it covers.
    """
    if q < ON_BELOW:
        above = 1.0000003265891455 + q * (-4.234846294558538 + q * (4.629297934892195 - q * 0.6899396542787315))
        below = 1.0 + q * (-5.234793121089659 + q * (8.36260328885987 - q * 3.8520800977806116))
        x = q * above / below
        grown = q * math.exp(x)
        error, slope = x - grown, 1.0 - grown
        return x - error * slope / (slope * slope + 0.5 * error * grown)
    x = q * (1.0 + q * (1.0 + q * (1.5 + q * (8.0 / 3.0))))
    if x > 1.0:
        x = 1.0
    for _ in range(60):
        grown = q * math.exp(x)
        slope = 1.0 - grown
        if slope <= 0.0:
            break
        step = (grown - x) / slope
        if step <= 4e-16 * x:
            break
        x += step
    return x


@compiled
def best_response(
    benefit: float, decay: float, work: float, cpu_max: float, cpu_price: float, need: float, price: float
) -> tuple[float, float, float]:
    """(value, u, f) of the best answer; (0, 0, 0) when off is best.

    benefit b > 0; decay A [1/s]; work a [cycles], >= 0; cpu_max f_max [cycles/s]; cpu_price z [per cycle/s];
    need d [subchannel seconds], > 0; price p [per subchannel]. u is inf when the price is 0 and the head is on.
    """
    if benefit <= 0.0:
        return 0.0, 0.0, 0.0
    if work <= 0.0:
        work_time, running, worth = 0.0, 0.0, benefit
    else:
        if cpu_price > 0.0:
            cost = math.sqrt(cpu_price * work) + math.sqrt(price * need)
            q = 0.5 * math.sqrt(decay) * (cost / math.sqrt(benefit))
            if q >= ON_BELOW:
                return 0.0, 0.0, 0.0
            if not q > 0.0:
                return benefit, 0.0, cpu_max
            x = half_decay_time(q)
            time = 2.0 * x / decay
            cpu = math.sqrt(work / cpu_price) * cost / time
            if cpu <= cpu_max:
                spectrum = math.inf if price <= 0.0 else math.sqrt(need / price) * cost / time
                return benefit * math.exp(-2.0 * x) * (1.0 - 2.0 * x), spectrum, cpu
        work_time, running = work / cpu_max, cpu_price * cpu_max
        worth = benefit * math.exp(-decay * work_time)
    bound = 0.0 if work <= 0.0 else cpu_max
    if price <= 0.0:
        value = worth - running
        return (value, math.inf, bound) if value > 0.0 else (0.0, 0.0, 0.0)
    if worth <= 0.0:
        return 0.0, 0.0, 0.0
    q = 0.5 * math.sqrt(decay) * (math.sqrt(price * need) / math.sqrt(worth))
    if q >= ON_BELOW:
        return 0.0, 0.0, 0.0
    if not q > 0.0:
        return worth, 0.0, bound
    x = half_decay_time(q)
    value = worth * math.exp(-2.0 * x) * (1.0 - 2.0 * x) - running
    if value <= 0.0:
        return 0.0, 0.0, 0.0
    return value, decay * need / (2.0 * x), bound


@compiled
def concave_response(
    benefit: float, decay: float, work: float, cpu_max: float, cpu_price: float, need: float, price: float
) -> tuple[float, float]:
    """(u, f) of the head's one local maximum with u > 0 at price p > 0, whether or not being off is better; (0, 0) if none.

    There is at most one: a local maximum lies on the principal root x <= 1 of the branch it is on (module). If the free branch
    has its root T* >= T_0 (CPU inside its bound), the f_max branch has none before T_0: it touches the free branch from below
    at T_0 with the same slope, which is >= 0 there, so a maximum before T_0 would need its minimum before T_0 too, at
    A T > 2, beyond T* <= 2/A.
    """
    worth, bound = benefit, 0.0
    if worth <= 0.0:
        return 0.0, 0.0
    if work > 0.0:
        if cpu_price > 0.0:
            cost = math.sqrt(cpu_price * work) + math.sqrt(price * need)
            q = 0.5 * math.sqrt(decay) * (cost / math.sqrt(benefit))
            if 0.0 < q <= LOCAL_BELOW:
                time = 2.0 * half_decay_time(q) / decay
                cpu = math.sqrt(work / cpu_price) * cost / time
                if cpu <= cpu_max:
                    return math.sqrt(need / price) * cost / time, cpu
        worth = benefit * math.exp(-decay * work / cpu_max)
        bound = cpu_max
    if worth <= 0.0:
        return 0.0, 0.0
    q = 0.5 * math.sqrt(decay) * (math.sqrt(price * need) / math.sqrt(worth))
    if not 0.0 < q <= LOCAL_BELOW:
        return 0.0, 0.0
    return decay * need / (2.0 * half_decay_time(q)), bound


@compiled
def served_value(
    benefit: float, decay: float, work: float, cpu_max: float, cpu_price: float, need: float, uplink: float
) -> tuple[float, float]:
    """(value, f) of a head with ``uplink`` u given and its best CPU, u unpaid: max_f b exp(-A (a/f + d/u)) - z f, or 0."""
    if uplink <= 0.0:
        return 0.0, 0.0
    worth = benefit * math.exp(-decay * need / uplink)
    if worth <= 0.0:
        return 0.0, 0.0
    value, _, cpu = best_response(worth, decay, work, cpu_max, cpu_price, need, 0.0)
    return value, cpu


@compiled
def boxed_response(
    benefit: float,
    decay: float,
    work: float,
    cpu_max: float,
    cpu_price: float,
    need: float,
    price: float,
    low: float,
    high: float,
) -> tuple[float, float, float]:
    """(value, u, f) of the best answer with low <= u <= high to a price p > 0: the free answer, an end or the local maximum.

    The value of u is continuous, so its maximum over an interval is at an end or at a local maximum inside. A head that keeps
    u >= low without running (f = 0) still pays for it.
    """
    value, uplink, cpu = best_response(benefit, decay, work, cpu_max, cpu_price, need, price)
    if low <= uplink <= high:
        return value, uplink, cpu
    earned, cpu = served_value(benefit, decay, work, cpu_max, cpu_price, need, low)
    value, uplink = earned - price * low, low
    if high < math.inf:
        earned, fast = served_value(benefit, decay, work, cpu_max, cpu_price, need, high)
        if earned - price * high > value:
            value, uplink, cpu = earned - price * high, high, fast
    inner, fast = concave_response(benefit, decay, work, cpu_max, cpu_price, need, price)
    if low < inner < high:
        earned, fast = served_value(benefit, decay, work, cpu_max, cpu_price, need, inner)
        if earned - price * inner > value:
            value, uplink, cpu = earned - price * inner, inner, fast
    return value, uplink, cpu
