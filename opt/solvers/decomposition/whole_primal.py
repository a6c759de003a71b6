r"""Decisions of the local part with whole subchannels: the best splits for given counts, and the way back to links.

For given n_j, a given set of running heads and a given tau, one price nu makes sum_j s_j / m_j = J tau (a head that does not
run multicasts with all it has); what that earns is a function of tau alone, searched by golden sections inside one
piece of the delay. These are decisions: what they earn is true wherever the searches stop.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...compiled import compiled
from ...decision import LocalDecision
from ...local_reduction import ReducedLocal, link_needs
from ...rates import NEVER
from ...snapshot import LocalPart
from .local_delay import shared_delay
from .response import served_value
from .whole_head import running_share

# Multicast times that are tried between the ends of a piece before its best one is refined.
SCANNED = 10


class Tuned(NamedTuple):
    """What given counts can earn: value, sum_j s_j/m_j [s], the price nu there, u_j and f_j."""

    value: float
    seconds: float
    price: float
    uplink: Floats
    cpu: Floats


@compiled
def split_all(
    problem: ReducedLocal, seconds: Floats, counts: Integers, running: Booleans, fade: float, price: float, uplink: Floats
) -> float:
    """Writes each head's u_j at this price; returns sum_j s_j/m_j."""
    total = 0.0
    for j in range(seconds.shape[0]):
        uplink[j] = 0.0
        if seconds[j] <= 0.0:
            uplink[j] = counts[j]
            continue
        if running[j]:
            uplink[j] = running_share(
                fade * problem.worth[j],
                problem.decay,
                problem.work[j],
                problem.cpu_max[j],
                problem.cpu_price,
                problem.need[j],
                seconds[j],
                float(counts[j]),
                price,
            )
        multicast = counts[j] - uplink[j]
        total += seconds[j] / multicast if multicast > 0.0 else math.inf
    return total


@compiled
def split_by(
    problem: ReducedLocal,
    seconds: Floats,
    counts: Integers,
    running: Booleans,
    tau: float,
    price: float,
    uplink: Floats,
    cpu: Floats,
) -> tuple[float, float, float]:
    """(value, sum_j s_j/m_j <= J tau, price); writes u_j and f_j. -inf when these counts cannot multicast that fast."""
    target = seconds.shape[0] * tau
    fade = math.exp(-problem.decay * shared_delay(problem, tau))
    total = split_all(problem, seconds, counts, running, fade, price, uplink)
    below, above, error_below, error_above = 0.0, math.inf, math.inf, -math.inf
    for step in range(100):
        error = math.log(total / target)
        if error <= 0.0:
            above, error_above = price, error
            if error >= -1e-10:
                break
        else:
            below, error_below = price, error
        if below <= 0.0 or above == math.inf:
            # m goes at most like the root of the price.
            price *= min(max(math.exp(2.0 * error), 1e-3), 1e3) * (1.01 if error > 0.0 else 0.99)
        else:
            share = 0.5
            if step % 3 != 2 and error_below < math.inf:
                share = min(max(error_below / (error_below - error_above), 0.001), 0.999)
            price = below * (above / below) ** share
        if price > 1e200 or price < 1e-200 or (above < math.inf and above - below <= 1e-14 * above):
            price = above
            total = split_all(problem, seconds, counts, running, fade, price, uplink) if above < 1e200 else math.inf
            break
        total = split_all(problem, seconds, counts, running, fade, price, uplink)
    if not total <= target:
        return -math.inf, math.inf, price
    fade = math.exp(-problem.decay * shared_delay(problem, total / seconds.shape[0]))
    value = 0.0
    for j in range(seconds.shape[0]):
        earned, cpu[j] = served_value(
            fade * problem.worth[j],
            problem.decay,
            problem.work[j],
            problem.cpu_max[j],
            problem.cpu_price,
            problem.need[j],
            uplink[j],
        )
        value += earned - problem.spectrum_price * counts[j]
    return value, total, price


@compiled
def tune_counts(
    problem: ReducedLocal,
    seconds: Floats,
    counts: Integers,
    running: Booleans,
    left: float,
    right: float,
    start: float,
    price: float,
) -> Tuned:
    """A best that these counts earn near tau = ``start`` in [left, right], one piece of the delay."""
    heads = seconds.shape[0]
    uplink, cpu = np.zeros(heads), np.zeros(heads)
    best_uplink, best_cpu = np.zeros(heads), np.zeros(heads)
    best, best_seconds, best_price = -math.inf, math.inf, price
    least = 0.0
    for j in range(heads):
        if seconds[j] > 0.0:
            least += seconds[j] / counts[j] if counts[j] > 0 else math.inf
    left = max(left, least / heads * (1.0 + 1e-9))
    if not left <= right:
        return Tuned(best, best_seconds, best_price, best_uplink, best_cpu)
    # A scan, so that heads that stop running do not mislead the search; then golden sections around its best time.
    scan = np.empty(SCANNED + 1)
    for place in range(SCANNED):
        scan[place] = left * (right / left) ** (place / (SCANNED - 1.0)) if left > 0.0 else right
    scan[SCANNED] = min(max(start, left), right)
    scan.sort()
    golden = 0.5 * (3.0 - math.sqrt(5.0))
    top, middle, low, high = -math.inf, scan[0], left, right
    for step in range(SCANNED + 41):
        if step <= SCANNED:
            time = scan[step]
        elif high - low <= 1e-7 * middle:
            break
        else:
            time = middle + golden * (high - middle) if high - middle > middle - low else middle - golden * (middle - low)
        value, total, price = split_by(problem, seconds, counts, running, time, max(best_price, 1e-100), uplink, cpu)
        if value > best:
            best, best_seconds, best_price = value, total, price
            best_uplink[:] = uplink
            best_cpu[:] = cpu
        if step <= SCANNED:
            if value > top:
                top, middle = value, time
                low, high = scan[max(step - 1, 0)], scan[min(step + 1, SCANNED)]
        elif value > top:
            if time > middle:
                low = middle
            else:
                high = middle
            top, middle = value, time
        elif time > middle:
            high = time
        else:
            low = time
    return Tuned(best, best_seconds, best_price, best_uplink, best_cpu)


def recover_whole(part: LocalPart, counts: Integers, uplink: Floats, cpu_hz: Floats) -> LocalDecision:
    """The link-level decision with these totals n_j, u_j and f_j; what a head does not upload with, it multicasts with.

    ``per_link``: links of one head get spectrum in proportion to their needs, so that they end together; the largest gets what
    is left of the whole number, so that the total is one up to the rounding of a sum. A head that runs with nothing to train
    gets the least CPU with which it counts as running.
    """
    layout = part.layout
    multicast = counts - uplink
    idle = (uplink > 0.0) & (cpu_hz <= 0.0)
    enough = np.minimum(np.maximum((1.0 + 1e-6) / NEVER * part.cycles, 1e-30 * part.cpu_max_hz), part.cpu_max_hz)
    cpu_hz = np.where(idle, enough, cpu_hz)
    if part.multicast == "group":
        return LocalDecision(uplink, cpu_hz, multicast=np.where(layout.heads[layout.ap] == 1, 0.0, multicast))
    needs = link_needs(part)[layout.ap, layout.rank]
    totals = needs.sum(axis=-1, keepdims=True)
    shares = multicast[:, None] * needs / np.where(totals > 0.0, totals, 1.0)
    heads = np.arange(len(counts))
    largest = shares.argmax(axis=-1)
    shares[heads, largest] += np.where(totals[:, 0] > 0.0, multicast - shares.sum(axis=-1), 0.0)
    peer = np.zeros(layout.is_link.shape)
    peer[layout.ap, layout.rank] = shares
    return LocalDecision(uplink, cpu_hz, peer=peer)
