r"""All heads' answers to one price in one pass: ``response`` with everything precomputed that no price changes.

A pass costs an exponential and a few divisions per head. With y = exp(-A Q(tau)) (``fade``) and s = sqrt(pi), head j with its
CPU inside the bound has

    q = lean_j (sqrt(z a_j) + s sqrt(d_j)) / sqrt(y),   lean_j = (A/2)/sqrt(A b_j),   x exp(-x) = q,

is worth y b_j exp(-2x)(1 - 2x) and takes u = sqrt(d_j) (A/2)(sqrt(z a_j) + s sqrt(d_j))/(s x). At f_max the same holds with
b_j exp(-A a_j/f_max) for b_j and no work, less what f_max costs. From x exp(-x) = q, d ln x/d ln q = 1/(1 - x), hence

    du/dpi = -(u + d_j (A/2)/(1 - x))/(2 pi):

``pull`` is the second term's sum, which makes Newton's method on the price cost nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats
from ...compiled import compiled
from ...local_reduction import ReducedLocal
from .response import LOCAL_BELOW, ON_BELOW, boxed_response, half_decay_time, served_value


class Heads(NamedTuple):
    """Per head [J]: worth b; lean (A/2)/sqrt(A b); work_root sqrt(z a); need_root sqrt(d);

    slow: (A/2) sqrt(a/z)/f_max, so that the CPU is inside its bound where x >= slow (sqrt(z a) + s sqrt(d)) (inf: never);
    full_worth, full_lean: b and lean at f_max; running: what f_max costs; cpu_max: f_max, 0 where there is no work.
    half_decay: A/2.
    """

    worth: Floats
    lean: Floats
    work_root: Floats
    need_root: Floats
    slow: Floats
    full_worth: Floats
    full_lean: Floats
    running: Floats
    cpu_max: Floats
    half_decay: float


def heads_of(problem: ReducedLocal) -> Heads:
    """The heads of a problem, prepared for passes."""
    half, works = 0.5 * problem.decay, problem.work > 0.0
    full_worth = problem.worth * np.exp(-problem.decay * problem.work / problem.cpu_max)
    slow = np.where(works, np.inf, 0.0)
    if problem.cpu_price > 0.0:
        slow = half * np.sqrt(problem.work / problem.cpu_price) / problem.cpu_max
    lazy = 0.5 * np.sqrt(problem.decay)
    with np.errstate(divide="ignore"):
        lean, full_lean = lazy / np.sqrt(problem.worth), lazy / np.sqrt(full_worth)
    return Heads(
        worth=problem.worth,
        lean=lean,
        work_root=np.sqrt(problem.cpu_price * problem.work),
        need_root=np.sqrt(problem.need),
        slow=slow,
        full_worth=full_worth,
        full_lean=full_lean,
        running=np.where(works, problem.cpu_price * problem.cpu_max, 0.0),
        cpu_max=np.where(works, problem.cpu_max, 0.0),
        half_decay=half,
    )


@compiled
def free_answer(
    worth: float,
    lean: float,
    work_root: float,
    need_root: float,
    slow: float,
    full_worth: float,
    full_lean: float,
    running: float,
    half_decay: float,
    fade: float,
    thrift: float,
    root_price: float,
) -> tuple[float, float, float]:
    """(value, u, pull) of a head; zeros when off is best. u is inf at price 0. ``best_response`` says why it is exact.

    thrift: 1/sqrt(y). Off only where q is seen to be large: where it is no number a head counts as earning its whole gain.
    """
    cost = work_root + root_price * need_root
    q = lean * cost * thrift
    if not q < ON_BELOW:
        return 0.0 if q >= ON_BELOW else fade * worth, 0.0, 0.0
    x = half_decay_time(q)
    if x >= slow * cost:
        running = 0.0
    else:
        cost = root_price * need_root
        q = full_lean * cost * thrift
        if not q < ON_BELOW:
            return 0.0 if q >= ON_BELOW else fade * full_worth, 0.0, 0.0
        x = half_decay_time(q)
        worth = full_worth
    decayed = q / x if q > 0.0 else 1.0  # exp(-x)
    value = fade * worth * decayed * decayed * (1.0 - 2.0 * x) - running
    if value <= 0.0:
        return 0.0, 0.0, 0.0
    if root_price <= 0.0:
        return value, math.inf, 0.0
    half_need = need_root * half_decay
    return value, half_need * cost / (root_price * x), half_need * need_root / (1.0 - x)


@compiled
def concave_answer(
    lean: float,
    work_root: float,
    need_root: float,
    slow: float,
    full_lean: float,
    cpu_max: float,
    half_decay: float,
    thrift: float,
    root_price: float,
) -> tuple[float, float, float]:
    """(u, f, pull) of a head's one local maximum at a price > 0, whether or not off is better (``concave_response``)."""
    cost = work_root + root_price * need_root
    q = lean * cost * thrift
    x = half_decay_time(q) if q <= LOCAL_BELOW else -1.0
    cpu = cpu_max
    if x >= 0.0 and x >= slow * cost:
        cpu = cpu_max * slow * cost / x if cpu_max > 0.0 else 0.0
    else:
        cost = root_price * need_root
        q = full_lean * cost * thrift
        if not q <= LOCAL_BELOW:
            return 0.0, 0.0, 0.0
        x = half_decay_time(q)
    half_need = need_root * half_decay
    return half_need * cost / (root_price * x), cpu, half_need * need_root / max(1.0 - x, 1e-9)


# The loops below take arrays out of their tuples first: inside a loop each access would count references, atomically.


@compiled
def respond_all(
    problem: ReducedLocal, heads: Heads, low: Floats, high: Floats, fade: float, price: float, uplink: Floats
) -> tuple[float, float, float]:
    """(total value, total u, total pull) of all heads at y = ``fade``; u in [low, high], written to ``uplink`` if that is
    not empty."""
    value, total, pulls = 0.0, 0.0, 0.0
    root_price, thrift = math.sqrt(price), math.inf
    if fade > 0.0:
        thrift = 1.0 / math.sqrt(fade)
    half, decay, cpu_price = heads.half_decay, problem.decay, problem.cpu_price
    worth, lean, work_root, need_root, slow = heads.worth, heads.lean, heads.work_root, heads.need_root, heads.slow
    full_worth, full_lean, running = heads.full_worth, heads.full_lean, heads.running
    work, need, cpu_max = problem.work, problem.need, problem.cpu_max
    writes = uplink.size > 0
    for j in range(low.shape[0]):
        if low[j] <= 0.0 and high[j] == math.inf:
            v, u, pull = free_answer(
                worth[j],
                lean[j],
                work_root[j],
                need_root[j],
                slow[j],
                full_worth[j],
                full_lean[j],
                running[j],
                half,
                fade,
                thrift,
                root_price,
            )
            pulls += pull
        else:
            v, u, _ = boxed_response(fade * worth[j], decay, work[j], cpu_max[j], cpu_price, need[j], price, low[j], high[j])
        value += v
        total += u
        if writes:
            uplink[j] = u
    return value, total, pulls


@compiled
def demand(
    problem: ReducedLocal,
    heads: Heads,
    on: Booleans,
    pins: Floats,
    fade: float,
    price: float,
    uplink: Floats,
    cpu: Floats,
) -> tuple[float, float]:
    """(total u, total pull): pinned heads keep their share, the others in ``on`` take their concave side at ``price`` > 0.

    Writes u and f to ``uplink`` and ``cpu`` if these are not empty; heads without a maximum there get 0.
    """
    total, pulls = 0.0, 0.0
    root_price, thrift = math.sqrt(price), 1.0 / math.sqrt(fade)
    half, decay, cpu_price = heads.half_decay, problem.decay, problem.cpu_price
    lean, work_root, need_root, slow = heads.lean, heads.work_root, heads.need_root, heads.slow
    full_lean, running_max = heads.full_lean, heads.cpu_max
    worth, work, need, cpu_max = problem.worth, problem.work, problem.need, problem.cpu_max
    writes = uplink.size > 0
    for j in range(on.shape[0]):
        u, f = 0.0, 0.0
        if pins[j] > 0.0:
            u = pins[j]
            if writes:
                _, f = served_value(fade * worth[j], decay, work[j], cpu_max[j], cpu_price, need[j], u)
        elif on[j]:
            u, f, pull = concave_answer(
                lean[j], work_root[j], need_root[j], slow[j], full_lean[j], running_max[j], half, thrift, root_price
            )
            pulls += pull
        total += u
        if writes:
            uplink[j], cpu[j] = u, f
    return total, pulls
