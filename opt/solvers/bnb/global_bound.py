r"""What prices prove about a box of the global part, and what of the box they leave.

For ANY prices pi, rho_i >= 0 and any weights in [0, 1] weak duality proves

    bound = pi + max over access of -sum_i rho_i r_i(access) + sum_i max( rho_i r_high (off),
            max over modes and r in {r_low, r_high} of rho_i r + peak_i (on) ):

the access term is an assignment problem, integral as it stands; a committee is convex in its own copy of the load r_i (its
cost is a minimum of functions linear in r), hence best at an end; peak_i is the safe bound of ``earner`` with the phases'
weights: the commit max(x, y) >= omega x + (1 - omega) y and max(e_a/y, g_a/z) >= theta_a e_a/y + (1 - theta_a) g_a/z. The
weights and prices are the duals of the cone program of ``global_cone``; an inexact solve costs tightness, never truth.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from ...arrays import Booleans, Floats, Integers
from .earner import Earners, Peaks, kept, peaks
from .global_box import GlobalNode, GlobalPrices, assigned, loads
from .global_cone import GlobalNumbers
from .local_bound import FAINT, RAY, SLACK
from .local_box import OUTWARD

# The evaluator lets a phase exceed the timeout by 1e-9 of it and then counts the timeout: five phases, this much at most.
LATE = 1e-8


@dataclass(frozen=True, eq=False)
class GlobalProof:
    """total; committees [I]; off [I]; cells of every variant, the committee, mode [4] and delay of unserved phases of each
    variant, and what the load adds to it."""

    total: float
    committees: Floats
    off: Floats
    found: Peaks
    owner: Integers
    modes: Booleans
    idle: Floats
    offset: Floats


def horizon(numbers: GlobalNumbers) -> float:
    """The longest delay that is followed [s]."""
    return max(math.log(1.0 / FAINT) / numbers.decay, 6.0 * numbers.timeout) + float(numbers.fastest.max())


def faint(numbers: GlobalNumbers) -> float:
    """What all committees together may earn beyond the horizon."""
    return FAINT * numbers.benefit * numbers.access.shape[1]


def modes_of(numbers: GlobalNumbers) -> Booleans:
    """Sets of served phases [modes, 4] that make sense: who has prepared by y has replied by then, so prepare brings reply."""
    every = [mode for mode in itertools.product((True, False), repeat=4) if mode[3] or not mode[2]]
    return np.array(every if numbers.capped else every[:1], dtype=np.bool_)


def bound_box(n: GlobalNumbers, node: GlobalNode, price: float, prices: Floats, omega: Floats, theta: Floats) -> GlobalProof:
    """The bound that pi = ``price``, rho = ``prices`` [I] and the weights prove on a box (module docstring); true for any."""
    committees = len(n.leader)
    least, most = loads(n, node)
    access = assigned(prices[:, None] * n.access, node) if np.isfinite(least).all() else None
    possible = access is not None
    term = -float((prices[access] * n.access[access, np.arange(len(access))]).sum()) if access is not None else -math.inf
    if not possible:
        least, most = np.zeros(committees), np.zeros(committees)
    every_mode = modes_of(n)
    modes, ends = len(every_mode), 2
    shape = (committees, modes, ends)
    served = np.broadcast_to(every_mode[None, :, None, :], (*shape, 4))
    load = np.broadcast_to(np.stack([least, most], axis=-1)[:, None, :], shape)
    both = served[..., 1] & served[..., 2]
    commits = np.where(both, omega[:, None, None], 0.0)
    weight = np.ones((*shape, 4))
    weight[..., 1] += commits
    weight[..., 2] += np.where(both, 1.0 - omega[:, None, None], 0.0)
    replies: tuple[Floats, Floats] = ((1.0 - theta) * n.reply).sum(axis=1), n.reply.sum(axis=1)
    together = np.stack(
        [
            load,
            np.broadcast_to(n.leader[:, None, None], shape),
            np.broadcast_to((theta * n.broadcast).sum(axis=1)[:, None, None], shape),
            np.where(served[..., 2], replies[0][:, None, None], replies[1][:, None, None]),
        ],
        axis=-1,
    )
    counts = node.counts.astype(np.float64)
    paid = (counts * n.spectrum_price + price)[:, None, None, None]
    idle = n.timeout * ((~served).sum(axis=-1) + ~both)
    allowed = np.where(served, node.may_serve[:, None, None, :], node.may_skip[:, None, None, :]).all(axis=-1)
    allowed &= node.may_on[:, None, None]
    money = np.broadcast_to((counts * n.cpu_price * n.cycles)[:, None, None], shape).ravel()
    earners = Earners(
        worth=(counts[:, None, None] * n.benefit * np.exp(-n.decay * (idle - LATE * n.timeout))).ravel(),
        decay=n.decay,
        cost=np.where(served, paid * together, 0.0).reshape(-1, 4),
        weight=weight.reshape(-1, 4),
        cap=np.full((served.size // 4, 4), n.timeout * (1.0 + 0.2 * LATE)),
        cpu=money,
        fastest=np.broadcast_to(n.fastest[:, None, None] * (1.0 - OUTWARD), shape).ravel(),
        low=(node.low[:, None, None] - idle).ravel(),
        high=np.where(allowed, node.high[:, None, None] - idle, -1.0).ravel(),
    )
    found = peaks(earners)
    offset = (prices[:, None, None] * load).ravel()
    on = (found.best + offset).reshape(shape).max(axis=(1, 2))
    off = np.where(node.may_off, prices * most, -np.inf)
    earned = np.maximum(on, off)
    size = price + abs(term) + float(np.abs(earned).sum())
    total = price + term + float(earned.sum()) + faint(n) + SLACK * size if possible else -math.inf
    owner = np.repeat(np.arange(committees), modes * ends)
    return GlobalProof(total, earned, off, found, owner, served.reshape(-1, 4), idle.ravel(), offset)


def proved(numbers: GlobalNumbers, node: GlobalNode, prices: GlobalPrices) -> GlobalProof:
    """The bound that these prices prove; a ray is followed as far as it helps."""
    if not prices.ray:
        return bound_box(numbers, node, *prices[:4])
    unit = numbers.benefit * float(node.counts.max()) / max(prices.budget, float(prices.loads.max()), 1e-300)
    along = (
        bound_box(numbers, node, prices.budget * unit * far, prices.loads * unit * far, prices.omega, prices.theta)
        for far in RAY
    )
    return min(along, key=lambda proof: proof.total)


def tightened_box(node: GlobalNode, prices: GlobalPrices, proof: GlobalProof, objective: float) -> GlobalNode | None:
    """The box without what cannot earn more than ``objective``; None: nothing is left."""
    least = proof.committees - max(proof.total - objective, 0.0)
    low, high, alive = kept(proof.found, least[proof.owner] - proof.offset)
    low, high = low + proof.idle, high + proof.idle
    committees = len(least)
    new_low, new_high = node.low.copy(), node.high.copy()
    may_on, may_serve, may_skip = node.may_on.copy(), node.may_serve.copy(), node.may_skip.copy()
    for i in range(committees):
        mine = alive & (proof.owner == i)
        if not mine.any():
            may_on[i] = False
            continue
        new_low[i], new_high[i] = max(new_low[i], low[mine].min()), min(new_high[i], high[mine].max())
        may_serve[i] &= proof.modes[mine].any(axis=0)
        may_skip[i] &= (~proof.modes[mine]).any(axis=0)
    may_off = node.may_off & (proof.off >= least)
    # With nobody on nothing is earned, and every search starts from the decision that does just that.
    if not (may_on | may_off).all() or not may_on.any():
        return None
    return replace(
        node,
        low=new_low,
        high=new_high,
        may_on=may_on,
        may_off=may_off,
        may_serve=may_serve,
        may_skip=may_skip,
        bound=min(node.bound, proof.total),
        prices=prices if proof.total < node.bound else node.prices,
    )
