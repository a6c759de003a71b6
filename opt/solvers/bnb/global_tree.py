r"""Global part: boxes of (counts, access, served phases, delays), their proved bounds, tightening, branching and incumbents.

Every vector of counts |Omega_i| that C3 and C4 allow is a root: with the counts fixed, earnings and costs are no longer products. A node
adds which AP may use which committee, whether a committee may be off or on, which phases may or may not be served
(``cap``), and an interval of each delay T_i. For ANY prices pi, rho_i >= 0 and any weights in [0, 1] weak duality proves

    bound = pi + max over access of -sum_i rho_i r_i(access) + sum_i max( rho_i r_high (off),
            max over modes and r in {r_low, r_high} of rho_i r + peak_i (on) ):

the access term is an assignment problem, integral as it stands; a committee is convex in its own copy of the load r_i (its cost is a
minimum of functions linear in r), hence best at an end; peak_i is the safe bound of ``earner`` with the phases' weights: the commit
max(x, y) >= omega x + (1 - omega) y and max(e_a/y, g_a/z) >= theta_a e_a/y + (1 - theta_a) g_a/z. The weights and prices are
the duals of the cone program of ``global_cone``; an inexact solve costs tightness, never truth.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from ...arrays import Booleans, Floats, Integers
from ...decision import GlobalDecision
from ...global_equations import evaluate_global
from ...global_reduction import decision_of_times
from ...result import Deadline
from ...snapshot import GlobalPart
from .conic import CompiledCone, ConicSolution
from .earner import Earners, Peaks, kept, peaks
from .global_cone import GlobalNumbers, compile_global
from .lines import between, secant, tangent, without

# Delays beyond ln(1/FAINT)/A are not followed: a committee there earns at most FAINT of its worth, which every bound includes.
FAINT = 1e-12
OUTWARD = 1e-12
# The evaluator lets a phase exceed the timeout by 1e-9 of it and then counts the timeout: five phases, this much at most.
LATE = 1e-8
# The climb keeps this fraction of the budget back, so that an inexact cone solution still fits.
RESERVE = 1e-7
RAY = (0.1, 1.0, 10.0, 100.0, 1e4)
FORBIDDEN = 1e30
# A climb stops when a step gains less than this fraction, or after so many steps.
CLIMB = 1e-8
MOST_CLIMBS = 40


class GlobalPrices(NamedTuple):
    """pi of the budget, rho [I] of the loads, omega [I] and theta [I, M] of the maxima; ray: pi and rho are only a direction."""

    budget: float
    loads: Floats
    omega: Floats
    theta: Floats
    ray: bool = False


@dataclass(frozen=True, eq=False)
class GlobalNode:
    """counts [I]; may_use [I, K]; may_off, may_on [I]; may_serve, may_skip [I, 4] (request, pre-prepare, prepare, reply); delay in
    [low, high] [I]; bound and the prices that proved it."""

    counts: Integers
    may_use: Booleans
    may_off: Booleans
    may_on: Booleans
    may_serve: Booleans
    may_skip: Booleans
    low: Floats
    high: Floats
    bound: float
    prices: GlobalPrices | None = None


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


class GlobalTree:
    """What ``search`` needs of the global part. decision, objective: the best found."""

    def __init__(self, part: GlobalPart) -> None:
        self.part = part
        self.numbers = n = GlobalNumbers.of(part)
        committees, aps = n.access.shape
        seats = np.repeat(np.arange(committees), np.minimum(part.capacity, aps))[:aps]
        nothing = np.full((committees, 4), np.inf)
        self.decision: GlobalDecision = decision_of_times(
            part, seats, np.zeros(committees, dtype=np.bool_), nothing, np.full(committees, np.inf)
        )
        self.objective = float(evaluate_global(part, self.decision).utility)
        self.horizon = math.log(1.0 / FAINT) / n.decay
        self.faint = FAINT * n.benefit * aps
        self.trivial_bound = n.benefit * aps * (1.0 + 1e-12) + self.faint
        # A phase set that makes sense: who is done with prepare by y has replied by then, so prepare served means reply served.
        every = [mode for mode in itertools.product((True, False), repeat=4) if mode[3] or not mode[2]]
        self._modes: Booleans = np.array(every if n.capped else every[:1])
        self._cone: CompiledCone | None = None

    @property
    def solves(self) -> int:
        """Cone programs solved so far."""
        return 0 if self._cone is None else self._cone.solves

    def roots(self) -> tuple[list[GlobalNode], float]:
        """One node for each vector of counts."""
        n = self.numbers
        committees, aps = n.access.shape
        nodes: list[GlobalNode] = []
        for counts in _counts(self.part.capacity, aps):
            used = counts > 0
            node = GlobalNode(
                counts=counts,
                may_use=np.broadcast_to(used[:, None], (committees, aps)),
                may_off=np.ones(committees, dtype=np.bool_),
                may_on=used,
                may_serve=np.ones((committees, 4), dtype=np.bool_),
                may_skip=np.full((committees, 4), n.capped),
                low=n.fastest * (1.0 - OUTWARD),
                high=np.full(committees, max(self.horizon, 6.0 * n.timeout) + float(n.fastest.max())),
                bound=math.inf,
            )
            nodes.append(replace(node, bound=self._lagrangian(node, 0.0, *self._plain_prices()).total))
        return nodes, self.faint

    def _plain_prices(self) -> tuple[Floats, Floats, Floats]:
        committees = len(self.numbers.leader)
        return np.zeros(committees), np.full(committees, 0.5), np.full(self.numbers.broadcast.shape, 1.0)

    # -- bound -----------------------------------------------------------------------------------------------------

    def loads(self, node: GlobalNode) -> tuple[Floats, Floats]:
        """Least and largest load r_i [s over W] of each committee with its count and what access is left; least inf: none."""
        need = self.numbers.access
        forced = node.may_use & (node.may_use.sum(axis=0) == 1)
        free = node.may_use & ~forced
        base = np.where(forced, need, 0.0).sum(axis=1)
        left = node.counts - forced.sum(axis=1)
        least, most = base.copy(), base.copy()
        for i, missing in enumerate(left):
            options = np.sort(need[i, free[i]])
            if missing < 0 or missing > len(options):
                return np.full(len(base), np.inf), most
            least[i] += options[:missing].sum()
            most[i] += options[len(options) - missing :].sum()
        return least, most

    def _assigned(self, node: GlobalNode, prices: Floats) -> tuple[float, Integers]:
        """Least sum of prices_i need_ik over access with these counts, and that access; inf when there is none."""
        cost = np.where(node.may_use, prices[:, None] * self.numbers.access, FORBIDDEN)
        seats = np.repeat(np.arange(len(node.counts)), node.counts)
        rows, columns = linear_sum_assignment(cost[seats].T)
        total = float(cost[seats[columns], rows].sum())
        return (total if total < 0.5 * FORBIDDEN else math.inf), seats[columns]

    def _lagrangian(self, node: GlobalNode, price: float, prices: Floats, omega: Floats, theta: Floats) -> GlobalProof:
        n = self.numbers
        committees = len(n.leader)
        least, most = self.loads(node)
        possible = bool(np.isfinite(least).all())
        access = -self._assigned(node, prices)[0] if possible else -math.inf
        if not possible:
            least, most = np.zeros(committees), np.zeros(committees)
        modes, ends = len(self._modes), 2
        shape = (committees, modes, ends)
        served = np.broadcast_to(self._modes[None, :, None, :], (*shape, 4))
        load = np.broadcast_to(np.stack([least, most], axis=-1)[:, None, :], shape)
        both = served[..., 1] & served[..., 2]
        commits = np.where(both, omega[:, None, None], 0.0)
        weight = np.ones((*shape, 4))
        weight[..., 1] += commits
        weight[..., 2] += np.where(both, 1.0 - omega[:, None, None], 0.0)
        prepared = served[..., 2]
        together = np.stack(
            [
                load,
                np.broadcast_to(n.leader[:, None, None], shape),
                np.broadcast_to((theta * n.broadcast).sum(axis=1)[:, None, None], shape),
                np.where(prepared, ((1.0 - theta) * n.reply).sum(axis=1)[:, None, None], n.reply.sum(axis=1)[:, None, None]),
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
        size = price + abs(access) + float(np.abs(earned).sum())
        total = price + access + float(earned.sum()) + self.faint + 1e-12 * size if possible else -math.inf
        owner = np.repeat(np.arange(committees), modes * ends)
        return GlobalProof(total, earned, off, found, owner, served.reshape(-1, 4), idle.ravel(), offset)

    def prices(self, node: GlobalNode, found: ConicSolution) -> GlobalPrices:
        """The program's duals in utility, and as weights."""
        del node
        scale = self.numbers.benefit
        return GlobalPrices(
            float(found.duals["budget"][0]) * scale,
            found.duals["loads"] * scale,
            _fraction(found.duals["commit_leader"], found.duals["commit_prepare"]),
            _fraction(found.duals["broadcast"], found.duals["reply"]),
            found.infeasible,
        )

    def proved(self, node: GlobalNode, prices: GlobalPrices) -> GlobalProof:
        """The bound that these prices prove; a ray is followed as far as it helps."""
        if not prices.ray:
            return self._lagrangian(node, *prices[:4])
        unit = self.numbers.benefit * float(node.counts.max()) / max(prices.budget, float(prices.loads.max()), 1e-300)
        along = (
            self._lagrangian(node, prices.budget * unit * far, prices.loads * unit * far, prices.omega, prices.theta)
            for far in RAY
        )
        return min(along, key=lambda proof: proof.total)

    def tightened(self, node: GlobalNode, prices: GlobalPrices, proof: GlobalProof) -> GlobalNode | None:
        """The node without what cannot beat the incumbent; None when nothing is left."""
        least = proof.committees - max(proof.total - self.objective, 0.0)
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
        if not (may_on | may_off).all():
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

    def size(self, node: GlobalNode) -> float:
        """Lengths of the intervals of delay [s] and open choices."""
        choices = (node.may_on & node.may_off).sum() + (node.may_serve & node.may_skip)[node.may_on].sum()
        return float((node.high - node.low)[node.may_on].sum()) + float(choices)

    # -- relaxation ------------------------------------------------------------------------------------------------

    def relaxed(self, node: GlobalNode, deadline: Deadline) -> ConicSolution | None:
        """The cone program on this box, with secants."""
        least, most = self.loads(node)
        if not np.isfinite(least).all():
            return None
        level, slope = secant(self.numbers.decay, node.low, node.high)
        numbers = self._numbers_of(node, level, slope, least, most, 1.0)
        found = self._program().solve(numbers, seconds=deadline.limit - deadline.elapsed)
        return found if found.usable else None

    def _program(self) -> CompiledCone:
        if self._cone is None:
            self._cone = compile_global(self.numbers)
        return self._cone

    def _numbers_of(
        self, node: GlobalNode, level: Floats, slope: Floats, least: Floats, most: Floats, limit: float
    ) -> dict[str, Floats | float]:
        n = self.numbers
        counts = node.counts / n.benefit
        root_low, root_high = np.sqrt(least), np.sqrt(most)
        # The chord of sqrt: slope (sqrt(b) - sqrt(a))/(b - a) = 1/(sqrt(a) + sqrt(b)).
        rise = 1.0 / np.maximum(root_low + root_high, 1e-300)
        rise = np.where(most > 0.0, rise, 0.0)
        return {
            "earned_level": counts * n.benefit * level,
            "slope": counts * n.benefit * slope,
            "spectrum_cost": counts * n.spectrum_price,
            "cpu_cost": counts * n.cpu_price * n.cycles,
            "low": node.low,
            "high": node.high,
            "off_max": node.may_off.astype(np.float64),
            "on_max": node.may_on.astype(np.float64),
            "root_min": root_low,
            "root_max": root_high,
            "root_start": root_low - rise * least - root_high,
            "root_rise": rise,
            "unserved_max": node.may_skip.astype(np.float64),
            "served_max": node.may_serve.astype(np.float64),
            "counts": node.counts.astype(np.float64),
            "access_max": node.may_use.astype(np.float64),
            "limit": limit,
        }

    # -- branching -------------------------------------------------------------------------------------------------

    def halves(self, node: GlobalNode, values: dict[str, Floats] | None) -> list[GlobalNode]:
        """Cut a committee half on, a phase half served, an AP shared by committees, or a delay under its secant."""
        n = self.numbers
        worth = node.counts * n.benefit
        open_use = node.may_use & (node.may_use.sum(axis=0) > 1)
        if values is None:
            on, served = 0.5 * node.may_on, 0.5 * node.may_serve
            delay, access = 0.5 * (node.low + node.high), node.may_use / np.maximum(node.may_use.sum(axis=0), 1)
        else:
            on, served = np.clip(values["on"], 0.0, 1.0), np.clip(values["served"], 0.0, 1.0)
            delay = np.clip(values["delay"] / np.maximum(on, 1e-9), node.low, node.high)
            access = np.clip(values["access"], 0.0, 1.0)
        level, slope = secant(n.decay, node.low, node.high)
        earned = worth * np.exp(-n.decay * delay)
        cut_delay = np.where(node.may_on, on * (worth * (level - slope * delay) - earned), 0.0)
        cut_on = earned * np.where(node.may_on & node.may_off, np.minimum(on, 1.0 - on), 0.0)
        undecided = node.may_serve & node.may_skip & node.may_on[:, None]
        cut_serve = np.where(undecided, np.minimum(served, on[:, None] - served), 0.0) * (earned * n.decay * n.timeout)[:, None]
        # An AP half here, half there: worth what moving its need would cost the committee in time.
        least, most = self.loads(node)
        share = n.access / np.maximum(most, 1e-300)[:, None]
        cut_use = np.where(open_use, np.minimum(access, 1.0 - access) + 1e-6, 0.0) * share * (earned * n.decay)[:, None]
        if values is not None:
            load = np.where(most > 0.0, np.clip(values["load"], least, most), 1.0)
            chord = (np.sqrt(least * most) + load) / np.where(most > 0.0, np.sqrt(least) + np.sqrt(most), 1.0)
            loss = np.maximum(1.0 - chord**2 / load, 0.0)
            cut_use += np.where(open_use, share, 0.0) * (loss * earned * n.decay * np.minimum(delay, n.timeout))[:, None]
        best = max(float(cut.max(initial=0.0)) for cut in (cut_delay, cut_on, cut_serve, cut_use))
        if cut_on.max() >= best > 0.0:
            i = int(cut_on.argmax())
            return [replace(node, may_on=without(node.may_on, i)), replace(node, may_off=without(node.may_off, i))]
        if cut_serve.max() >= best > 0.0:
            cell = np.unravel_index(int(cut_serve.argmax()), cut_serve.shape)
            return [
                replace(node, may_serve=without(node.may_serve, cell)),
                replace(node, may_skip=without(node.may_skip, cell)),
            ]
        if cut_use.max() >= best > 0.0:
            i, k = np.unravel_index(int(cut_use.argmax()), cut_use.shape)
            only = node.may_use.copy()
            only[:, k] = False
            only[i, k] = True
            return [replace(node, may_use=only), replace(node, may_use=without(node.may_use, (i, k)))]
        widths = np.where(node.may_on, node.high - node.low, 0.0)
        i = int(cut_delay.argmax()) if cut_delay.max() > 0.0 else int(widths.argmax())
        if widths[i] <= 1e-12:
            return []
        middle = between(float(node.low[i]), float(node.high[i]), float(delay[i]))
        lower, upper = node.high.copy(), node.low.copy()
        lower[i] = upper[i] = middle
        return [replace(node, high=lower), replace(node, low=upper)]

    # -- incumbents ------------------------------------------------------------------------------------------------

    def attempt(self, node: GlobalNode, values: dict[str, Floats], deadline: Deadline) -> ConicSolution | None:
        """Round access, committees and phases, then climb: solve with tangents of exp at the last delays."""
        n = self.numbers
        committees = len(node.counts)
        seats = np.repeat(np.arange(committees), node.counts)
        wish = np.where(node.may_use, -values["access"], FORBIDDEN)
        access = seats[linear_sum_assignment(wish[seats].T)[1]]
        may_use = access == np.arange(committees)[:, None]
        on = ((values["on"] > 0.5) & node.may_on) | ~node.may_off
        if not on.any() or not (may_use & node.may_use)[access, np.arange(len(access))].all():
            return None
        served = (values["served"] > 0.5 * values["on"][:, None]) & node.may_serve | ~node.may_skip
        served[:, 3] |= served[:, 2]
        inside = replace(
            node,
            may_use=may_use,
            may_on=on,
            may_off=~on,
            may_serve=served,
            may_skip=~served,
            low=np.zeros(committees),
            high=np.full(committees, 2.0 * float(node.high.max()) + 1.0),
        )
        load = np.where(may_use, n.access, 0.0).sum(axis=1)
        delay, earned = values["delay"] / np.maximum(values["on"], 0.5), -math.inf
        for _ in range(MOST_CLIMBS):
            level, slope = tangent(n.decay, delay)
            numbers = self._numbers_of(inside, level, slope, load, load, 1.0 - RESERVE)
            found = self._program().solve(numbers, seconds=deadline.limit - deadline.elapsed)
            if not found.usable or found.infeasible or deadline.passed:
                return None
            again = self._offer(inside, access, found.values, load)
            if again <= earned + CLIMB * abs(earned):
                return found
            if again < self.objective - 0.5 * max(node.bound - self.objective, 0.0):
                return None
            earned, delay = again, found.values["delay"]
        return None

    def _offer(self, inside: GlobalNode, access: Integers, values: dict[str, Floats], load: Floats) -> float:
        """Evaluate the decision with this point's times; keep it if it is the best."""
        n, part = self.numbers, self.part
        on, served = inside.may_on, inside.may_serve & inside.may_on[:, None]
        times = np.where(served, np.maximum(values["time"], 1e-12), np.inf)
        t_r, x, y, z = times.T
        spent = load / t_r + n.leader / x + np.maximum(n.broadcast / y[:, None], n.reply / z[:, None]).sum(axis=1)
        times = np.minimum(times * max(1.0, float(spent.sum()) * (1.0 + 1e-13)), np.where(served, n.timeout, np.inf))
        decision = decision_of_times(part, access, on, times, np.maximum(values["verification"], n.fastest))
        earned = evaluate_global(part, decision)
        if earned.violation > 1e-10:
            return -math.inf
        if earned.utility > self.objective:
            self.objective, self.decision = float(earned.utility), decision
        return float(earned.utility)


def _counts(capacity: Integers, aps: int) -> Iterator[Integers]:
    """Every vector of counts with sum ``aps`` and 0 <= counts <= capacity."""
    if len(capacity) == 1:
        if aps <= capacity[0]:
            yield np.array([aps])
        return
    rest = int(capacity[1:].sum())
    for first in range(max(0, aps - rest), min(int(capacity[0]), aps) + 1):
        for others in _counts(capacity[1:], aps - first):
            yield np.concatenate([[first], others])


def _fraction(first: Floats, second: Floats) -> Floats:
    """first / (first + second), a half where both vanish."""
    total = first + second
    return np.divide(first, total, out=np.full(total.shape, 0.5), where=total > 1e-12)
