r"""Exact reduction of the local part of Problem (16): from links to (T_multi, u_j, f_j), and back.

What remains per head is its uplink share u_j and its CPU f_j; what couples heads is tau = T_multi and the budget C1:

    maximise  sum_j [ B exp(-A (c_j + Q(tau) + a_j/f_j + d_j/u_j)) - p_0 u_j - z f_j ] - p_0 M/tau
    subject to  sum_j u_j + M/tau <= W,  0 <= f_j <= f_max_j,        p_0 = spectrum_cost W_0.

Why it is exact. (a) One sender: a ``per_link`` head that must finish in T_multi_j needs bits/(W_0 log2(1 + SINR) T_multi_j)
on each link, so its links cost s_j/T_multi_j with s_j the sum over links; more on any link helps nobody. In ``group`` mode one
share serves all links, so s_j is the largest of them. (b) Over heads: utility depends on the T_multi_j only through their mean
over all J heads, tau, and on the total sum_j s_j/T_multi_j. By Cauchy-Schwarz
(sum_j sqrt(s_j))^2 <= (sum_j s_j/T_multi_j)(sum_j T_multi_j), so the cheapest total is M/tau with M = (sum_j sqrt(s_j))^2/J,
reached by T_multi_j proportional to sqrt(s_j). (c) A head that is off (u_j = 0) still multicasts: tau is a mean over all heads.
If one head with peers does not multicast, tau is infinite, nobody earns anything, and everything off (utility 0) is best.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .arrays import Floats, Integers
from .decision import LocalDecision
from .local_equations import confirmation_time, training_work, weakest_peer
from .rates import NEVER, spectral_efficiency
from .snapshot import LocalPart
from .useful_budget import useful_budget
from .violations import FEASIBLE

# Numbers within [1/TAME, TAME]: products of up to four of them are normal floating-point numbers.
TAME = 1e75

# C1 is judged to ``FEASIBLE``. That decides what a decision earns only where T_multi can just, or just not,
# stay below a level of (11), or uploads are almost free: where T_multi is within ``JUST`` of its least, M / W, bounds grant
# what is judged feasible, ``GRANTED``, and decisions take ``TAKEN`` of it. Elsewhere C1 holds as it stands.
JUST, GRANTED, TAKEN = 1e-8, (1.0 + 1e-6) * FEASIBLE, (1.0 - 1e-4) * FEASIBLE


class ReducedLocal(NamedTuple):
    """The reduced problem of one epoch; a named tuple because compiled loops take it as it is.

    worth [J]: B exp(-A c_j), what head j earns if everything but its confirmation were instant (0: it can never be on).
    work [J]: a_j [cycles]. need [J]: d_j [subchannel seconds]. cpu_max [J]: f_max_j [cycles/s].
    decay: A [1/s]. cpu_price: z [per cycle/s]. spectrum_price: p_0 [per subchannel]. budget: W [subchannels], as
    far as it can matter (``useful_budget``).
    multicast_need: M [subchannel seconds]. queue_slope: iota. queue_relief: H/(2 lambda) [s]. load_rate: 2 lambda [1/s].
    stepped: whether the adaptation level is floored.
    tame: whether every number (and every link's rate) is 0 or within ``TAME``. Then no product or quotient that bounds are made
    of overflows or loses digits to denormal numbers; elsewhere the only bound is that every head earns all it could, at once
    and at no cost (``everything``).
    """

    worth: Floats
    work: Floats
    need: Floats
    cpu_max: Floats
    decay: float
    cpu_price: float
    spectrum_price: float
    budget: float
    multicast_need: float
    queue_slope: float
    queue_relief: float
    load_rate: float
    stepped: bool
    tame: bool


def everything(problem: ReducedLocal) -> float:
    """sum_j b_j, raised for rounding: what no decision passes, whatever the numbers; +inf where the sum is not a number."""
    total = _total(problem.worth) * (1.0 + 1e-9)
    return total if total < np.inf else np.inf


def _total(worth: Floats) -> float:
    with np.errstate(over="ignore"):
        return float(worth.sum())


def link_needs(part: LocalPart) -> Floats:
    """Subchannel seconds of each link's multicast, bits/(W_0 log2(1 + SINR)), (7); 0 where there is no link; [..., K, N, N]."""
    return np.where(part.layout.is_link, _needs(part, part.sinr_peer), 0.0)


def multicast_needs(part: LocalPart) -> Floats:
    """s_j [subchannel seconds]: multicast spectrum of head j times T_multi_j; 0 for a head without peers; [..., J]."""
    if part.multicast == "group":
        # The weakest link needs most; a head without peers has an infinite one, which needs nothing.
        return _needs(part, weakest_peer(part))
    return part.layout.per_head(link_needs(part).sum(axis=-1))


def _needs(part: LocalPart, sinr: Floats) -> Floats:
    rate = part.subchannel_hz * spectral_efficiency(sinr)
    return np.divide(part.multicast_bits, rate, out=np.full(rate.shape, np.inf), where=rate > 0.0)


def reduce_local(part: LocalPart) -> ReducedLocal:
    """The reduced problem of one epoch (no batch axes).

    Needs, work, prices and the decay above ``TAME`` count as ``TAME``, budgets below 1/TAME as 1/TAME, prices and work below
    1/TAME as none: all are relaxations, of problems in which these numbers decide nothing.
    """
    rate, silent = part.subchannel_hz * spectral_efficiency(part.sinr_uplink), part.sinr_uplink <= 0.0
    need = np.minimum(np.divide(part.upload_bits, rate, out=np.full(rate.shape, TAME), where=rate > 0.0), TAME)
    worth = np.where(silent, 0.0, part.benefit * np.exp(-part.decay * confirmation_time(part)))
    work, roots = training_work(part), np.sqrt(multicast_needs(part))
    work = np.where(work < 1.0 / TAME, 0.0, np.minimum(work, TAME))
    # A link without any power: T_multi is infinite, whatever is done.
    links = part.sinr_peer[part.layout.is_link]
    multicast_need = float(roots.sum() ** 2 / len(roots))
    multicast_need = math.inf if (links <= 0.0).any() else min(multicast_need, TAME)
    price, cpu_price = (
        min(p, TAME) if p >= 1.0 / TAME else 0.0 for p in (part.spectrum_cost * part.subchannel_hz, part.cpu_cost)
    )
    queue_relief, load_rate = part.multicast_batch / (2.0 * part.arrival_rate), 2.0 * part.arrival_rate
    subchannels, cpu_max = max(float(part.subchannels_max), 1.0 / TAME), np.maximum(part.cpu_max_hz, 1.0 / TAME)
    decay, multicast = min(float(part.decay), TAME), 0.0 if math.isinf(multicast_need) else multicast_need
    # A rate that underflows gives a need with few digits, unless that is cut off anyway.
    exact = tame(np.where(need < TAME, rate, 1.0))
    exact = exact and (multicast_need >= TAME or tame(part.subchannel_hz * spectral_efficiency(links)))
    budget = useful_budget(subchannels, _total(worth), price)
    numbers = (decay, cpu_price, price, budget, multicast, float(queue_relief), float(load_rate), float(part.cache_multiplier))
    exact = exact and all(x == 0.0 or 1.0 / TAME <= x <= TAME for x in numbers)
    return ReducedLocal(
        worth=worth,
        work=work,
        need=need,
        cpu_max=cpu_max,
        decay=decay,
        cpu_price=float(cpu_price),
        spectrum_price=float(price),
        budget=budget,
        multicast_need=multicast_need,
        queue_slope=float(part.cache_multiplier),
        queue_relief=float(queue_relief),
        load_rate=float(load_rate),
        stepped=bool(part.floor_adaptation),
        tame=exact and float(worth.max()) <= TAME and not np.isnan(work).any() and tame(need) and tame(cpu_max),
    )


def tame(numbers: Floats) -> bool:
    """Whether all these numbers lie within [1 / ``TAME``, ``TAME``]."""
    return numbers.size == 0 or (float(numbers.min()) >= 1.0 / TAME and float(numbers.max()) <= TAME)


def recover_local(part: LocalPart, tau: float, uplink: Floats, cpu_hz: Floats, beyond: float = 0.0) -> LocalDecision:
    """The link-level decision that reaches T_multi = ``tau`` [s] at least cost (see the module) with these u_j and f_j.

    A head that is on (u_j > 0) with nothing to train gets the least CPU with which it counts as running (model section 2:
    f_j = 0 means never). C1 is kept in floating point: if rounding passes the budget, and ``beyond`` of it, everything shrinks
    by that hair.
    """
    layout = part.layout
    idle = (uplink > 0.0) & (cpu_hz <= 0.0)
    enough = np.maximum((1.0 + 1e-6) / NEVER * part.cycles, 1e-30 * part.cpu_max_hz)
    cpu_hz = np.where(idle, np.minimum(enough, part.cpu_max_hz), cpu_hz)
    links = link_needs(part)
    heads = links.max(axis=-1) if part.multicast == "group" else links.sum(axis=-1)
    roots = np.sqrt(heads)
    total = float(roots.sum())
    if 0.0 < tau < np.inf and total > 0.0:
        # 1 / T_multi_j for T_multi_j = J tau sqrt(s_j) / sum sqrt(s): link or group spectrum is need / T_multi_j.
        speed = np.where(roots > 0.0, total / (len(layout.ap) * tau * np.where(roots > 0.0, roots, 1.0)), 0.0)
    else:
        links, speed = np.zeros(links.shape), np.zeros(roots.shape)
        heads = speed
    shares = (heads * speed)[layout.ap, layout.rank] if part.multicast == "group" else links * speed[..., None]
    spent = float(uplink.sum() + shares.sum())
    allowed = part.subchannels_max * (1.0 + beyond)
    hair = min(1.0, allowed / spent * (1.0 - 1e-15)) if spent > allowed else 1.0
    uplink, shares = uplink * hair, shares * hair
    if part.multicast == "group":
        return LocalDecision(uplink, cpu_hz, multicast=shares)
    return LocalDecision(uplink, cpu_hz, peer=shares)


def equal_heads(*numbers: Floats) -> Integers:
    """A label per head, shared by heads that are equal in every one of these numbers; [J]. Exchanging them changes nothing."""
    return np.unique(np.stack(numbers, axis=1), axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
