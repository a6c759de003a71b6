r"""One head with a whole number of subchannels: how it splits them between upload and multicast when slowness has a price.

    maximise over low <= u <= high   F(u) = H(u) - nu s / (n - u),     H(u) = max(0, max_f y b exp(-A (a/f + d/u)) - z f),

n: its subchannels, u of them for the upload, m = n - u for multicast, which takes s / m seconds; nu prices a second of it.

F falls, rises, falls. Where the head runs, F' has the sign of

    k(u) = log((n - u)/u) - A T(u)/2 - log(nu s / (y b A d)) / 2,        T(u) = a/f + d/u with the best f,

by the envelope theorem (H' = y b A d exp(-A T)/u^2). With x = A a / (2 f) of an f inside its bound, log x - x grows by what
A d / (2 u) grows, so x' = -(A d / (2 u^2)) x / (1 - x) and

    u^2 k'(u) = (A d / 2) / (1 - x) - n u / (n - u),                    (1 - x replaced by 1 where f is at its bound)

whose terms both fall in u (x falls, x < 1/2; meeting the bound lowers the first term). So k rises and then falls: F has one
local maximum inside, at the last zero of k, and as k rises only where n u / (n - u) < A d, that zero is beyond
A d n / (n + A d) or k is at most small there. Below the least u with which the head runs, H = 0 and F falls. Hence the maximum
over [low, high] is at low or at the last zero of k, moved into [low, high]. A zero found to d is worth F'' d^2 / 2 too little,
far below the slack of the bound.
"""

from __future__ import annotations

import math

from ...compiled import compiled
from .response import served_value


@compiled
def _slope_sign(
    benefit: float,
    decay: float,
    work: float,
    cpu_max: float,
    cpu_price: float,
    need: float,
    total: float,
    constant: float,
    uplink: float,
) -> tuple[bool, float, float]:
    """(runs, k(u), u^2 k'(u)); benefit is y b, constant is log(nu s / (y b A d)) / 2."""
    value, cpu = served_value(benefit, decay, work, cpu_max, cpu_price, need, uplink)
    if value <= 0.0:
        return False, 0.0, 0.0
    half, inside = 0.5 * decay * need / uplink, 1.0
    if work > 0.0:
        x = 0.5 * decay * work / cpu
        half += x
        if cpu < cpu_max:
            inside = 1.0 - x
    multicast = total - uplink
    k = math.log(multicast / uplink) - half - constant
    return True, k, 0.5 * decay * need / inside - total * uplink / multicast


@compiled
def running_share(
    benefit: float,
    decay: float,
    work: float,
    cpu_max: float,
    cpu_price: float,
    need: float,
    seconds: float,
    total: float,
    price: float,
) -> float:
    """u of the one local maximum of F inside (0, n), 0 if there is none; seconds: s > 0; price: nu > 0."""
    if benefit <= 0.0:
        return 0.0
    constant = 0.5 * math.log(price * seconds / (benefit * decay * need))
    reach = decay * need
    low, high = reach * total / (total + reach), total
    runs, k, bend = _slope_sign(benefit, decay, work, cpu_max, cpu_price, need, total, constant, low)
    if runs and k <= 0.0:
        # The top of k lies below: between half the reach and the reach.
        left, right = 0.5 * reach * total / (total + 0.5 * reach), low
        middle = left
        high = low
        for _ in range(60):
            if right - left <= 1e-15 * right:
                break
            middle = 0.5 * (left + right)
            runs, k, bend = _slope_sign(benefit, decay, work, cpu_max, cpu_price, need, total, constant, middle)
            if not runs:
                left = middle
            elif k > 0.0:
                break
            elif bend > 0.0:
                left = middle
            else:
                right, high = middle, middle
        if not runs or k <= 0.0:
            return 0.0
        low = middle
    # k > 0 (or the head does not run yet) at low, k < 0 at high.
    share = low
    _, cpu = served_value(benefit, decay, work, cpu_max, cpu_price, need, total)
    if cpu > 0.0 or work <= 0.0:
        # T falls in u, so T(n) instead of T(u) gives a share that is too large: a start from above.
        time = need / total + (work / cpu if work > 0.0 else 0.0)
        share = total / (1.0 + math.exp(min(constant + 0.5 * decay * time, 700.0)))
    if not low < share < high:
        share = 0.5 * (low + high)
    for _ in range(100):
        runs, k, bend = _slope_sign(benefit, decay, work, cpu_max, cpu_price, need, total, constant, share)
        if runs and k <= 0.0:
            high = share
        else:
            low = share
        step = -k * share * share / bend if runs and bend < 0.0 else math.inf
        following = share + step
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - share) <= 1e-13 * share or high - low <= 1e-15 * high:
            share = following
            break
        share = following
    return share


@compiled
def best_split(
    benefit: float,
    decay: float,
    work: float,
    cpu_max: float,
    cpu_price: float,
    need: float,
    seconds: float,
    total: float,
    price: float,
    low: float,
    high: float,
) -> tuple[float, float]:
    """(max F, u) over low <= u <= high of a head with ``total`` = n subchannels; (-inf, 0) when it cannot multicast.

    seconds 0: a head without peers puts all into its upload. price 0: it multicasts with what ``high`` leaves.
    """
    if seconds <= 0.0:
        return served_value(benefit, decay, work, cpu_max, cpu_price, need, total)[0], total
    if low >= total:
        return -math.inf, 0.0
    if price <= 0.0:
        share = min(high, total)
        return served_value(benefit, decay, work, cpu_max, cpu_price, need, share)[0], share
    value = served_value(benefit, decay, work, cpu_max, cpu_price, need, low)[0] - price * seconds / (total - low)
    uplink = low
    if high > low:
        share = running_share(benefit, decay, work, cpu_max, cpu_price, need, seconds, total, price)
        share = min(share, high)
        if low < share < total:
            other = served_value(benefit, decay, work, cpu_max, cpu_price, need, share)[0]
            other -= price * seconds / (total - share)
            if other > value:
                value, uplink = other, share
    return value, uplink
