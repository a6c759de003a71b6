r"""The largest worth of one head at prices: max over u, f of y b exp(-A (a/f + d/u)) - pi u - z f, off (0) included.

Every number that is returned is attained by some u and f, or is the supremum of such (a share that is free of charge).
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..compiled import compiled
from ..local_reduction import ReducedLocal
from .stationary import best_time, best_value


class Head(NamedTuple):
    """decay A [1/s]; work a [cycles]; cpu_max f_max; cpu_price z; need d [subchannel seconds]."""

    decay: float
    work: float
    cpu_max: float
    cpu_price: float
    need: float


@compiled
def head_of(problem: ReducedLocal, j: int) -> Head:
    """Head j of the reduced local part."""
    return Head(problem.decay, problem.work[j], problem.cpu_max[j], problem.cpu_price, problem.need[j])


@compiled
def on_at(head: Head, worth: float, price: float, uplink: float) -> float:
    """Best value with this share, paid for: over the CPU, off included; worth: y b."""
    paid = -price * uplink
    if uplink <= 0.0 or worth <= 0.0:
        return paid
    gain = worth * math.exp(-head.decay * head.need / uplink)
    return best_value(gain, head.decay, head.cpu_price * head.work, head.work / head.cpu_max) + paid


@compiled
def free_value(head: Head, worth: float, price: float) -> float:
    """With u >= 0 free. First without f <= f_max, a relaxation; where its answer breaks that, with f = f_max: an optimum
    inside would be a local maximum of the relaxation, which has only the one."""
    if worth <= 0.0:
        return 0.0
    for_cpu, for_spectrum = math.sqrt(head.cpu_price * head.work), math.sqrt(price * head.need)
    cost = (for_cpu + for_spectrum) ** 2
    value = best_value(worth, head.decay, cost, 0.0)
    if value <= 0.0:
        return 0.0
    slowest = head.work / head.cpu_max
    share = for_cpu / (for_cpu + for_spectrum) if for_cpu > 0.0 else 0.0
    # Unresolved, its time is 0 and its value the whole gain.
    time = best_time(worth, head.decay, cost)
    if time * share >= slowest or (time <= 0.0 < cost):
        return value
    gain = worth * math.exp(-head.decay * slowest)
    return max(0.0, best_value(gain, head.decay, for_spectrum**2, 0.0) - head.cpu_price * head.cpu_max)


@compiled
def boxed_value(head: Head, worth: float, price: float, low: float, high: float) -> float:
    """With low <= u <= high: at an end, or at a local maximum in u with f free or at f_max. Each is a feasible answer.

    Where such a maximum is not resolved (a time of 0 although it costs), the head counts as earning all it could: y b less the
    least that its share costs.
    """
    value = on_at(head, worth, price, low)
    if high < math.inf:
        value = max(value, on_at(head, worth, price, high))
    slowest = head.work / head.cpu_max
    if worth <= 0.0 or price <= 0.0:
        # A free share rises for ever; its supremum is the head without upload.
        if price <= 0.0 and worth > 0.0 and high == math.inf:
            value = max(value, best_value(worth, head.decay, head.cpu_price * head.work, slowest))
        return value
    for_cpu, for_spectrum = math.sqrt(head.cpu_price * head.work), math.sqrt(price * head.need)
    time = best_time(worth, head.decay, (for_cpu + for_spectrum) ** 2)
    if not time > 0.0:
        return worth - price * low
    if time < math.inf:
        share = head.need * (for_cpu + for_spectrum) / (for_spectrum * time)
        value = max(value, on_at(head, worth, price, min(max(share, low), high)))
    time = best_time(worth * math.exp(-head.decay * slowest), head.decay, price * head.need)
    if not time > 0.0:
        return worth - price * low
    if time < math.inf:
        value = max(value, on_at(head, worth, price, min(max(head.need / time, low), high)))
    return value


@compiled
def split_value(head: Head, worth: float, seconds: float, price: float, total: float, low: float, high: float) -> float:
    r"""With ``total`` = n subchannels of which u, low <= u <= high, are for the upload and the rest for multicast:

        max over u, f of y b exp(-A (a/f + d/u)) - z f - nu s / (n - u),        s = ``seconds``, nu = ``price``.

    With v = u / (n - u): 1/u = (1 + 1/v) / n and 1/(n - u) = (1 + v) / n, so this is the problem of a head with worth
    y b exp(-A d/n) and need d/n that buys v at the price nu s / n, less nu s / n. Exact, not a relaxation.
    -inf: it cannot multicast. A head without peers (s = 0) puts all into its upload.
    """
    if seconds <= 0.0:
        return on_at(head, worth, 0.0, total)
    if low >= total:
        return -math.inf
    if price <= 0.0:
        return on_at(head, worth, 0.0, min(high, total))
    need = head.need / total
    bought = Head(head.decay, head.work, head.cpu_max, head.cpu_price, need)
    worth *= math.exp(-head.decay * need)
    each = price * seconds / total
    if low <= 0.0 and high >= total:
        return free_value(bought, worth, each) - each
    return boxed_value(bought, worth, each, low / (total - low), high / (total - high) if high < total else math.inf) - each
