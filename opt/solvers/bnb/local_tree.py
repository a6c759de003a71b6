r"""Local part: boxes of (tau, own delays, on or off), their proved bounds, tightening, branching and incumbents.

A node is an interval of tau on which Q(tau) is one smooth piece (a level of the floor, one side of the queue's kink), and for each
head an interval of its own delay t_j = a_j/f_j + d_j/u_j and whether it may be off or on. The cone program of ``local_cone`` gives
prices: pi of the budget, n_j of head j's view of the shared delay. For ANY pi, n >= 0 weak duality proves

    bound = pi + max_tau [-(p + pi) M/tau - sum_j n_j Q(tau)]
               + sum_j max( n_j Q_high  (off),   max over Q in {Q_low, Q_high} of n_j Q + peak_j(Q)  (on) ),

where a head on is convex in its copy Q_j of the shared delay, hence best at an end, and peak_j is the safe bound of ``earner``. So
an inexact solve costs tightness, never truth. The term of tau is concave: it lies under its tangent anywhere.
What earns less than its maximum by more than (bound - incumbent) cannot be in a better solution: it is cut off (FBBT).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats
from ...decision import LocalDecision
from ...local_equations import ADAPTATION_SLOPE, evaluate_local
from ...local_reduction import recover_local, reduce_local
from ...result import Deadline
from ...snapshot import LocalPart
from .conic import CompiledCone, ConicSolution
from .earner import Earners, Peaks, kept, peaks
from .lines import between, secant, tangent, without
from .local_cone import CUTS, TANGENTS, UNUSED, LocalNumbers, compile_local

# Delays beyond ln(1/FAINT)/A are not followed: a head there earns at most FAINT of its worth, which every bound includes.
FAINT = 1e-12
# Ends of pieces are moved outward by this fraction, so that rounding in the floor cannot hide a tau from both neighbours.
OUTWARD = 1e-12
# A decision stays this fraction below a level's right end, where the next level begins.
STEP_BACK = 4e-12
MOST_PIECES = 200
# A climb stops when a step gains less than this fraction, or after so many steps.
CLIMB = 1e-8
MOST_CLIMBS = 40
# How far along an infeasible program's ray of prices a proof is sought, in multiples of the largest worth.
RAY = (0.1, 1.0, 10.0, 100.0, 1e4)


@dataclass(frozen=True)
class Piece:
    """Q(tau) = start + rise tau (+ 2.84 tau ln(load tau) when curved) for tau in [left, right]."""

    left: float
    right: float
    rise: float
    start: float
    curved: bool
    load: float

    def delay(self, tau: float) -> float:
        """Q(tau) [s]."""
        bend = ADAPTATION_SLOPE * tau * math.log(self.load * tau) if self.curved and tau > 0.0 else 0.0
        return max(0.0, self.start + self.rise * tau + bend)

    def slope(self, tau: float) -> float:
        """Q'(tau)."""
        return self.rise + (ADAPTATION_SLOPE * (math.log(self.load * tau) + 1.0) if self.curved else 0.0)


class LocalPrices(NamedTuple):
    """pi of the budget, n_j of head j's view of the shared delay [J]; ray: only their direction means something."""

    budget: float
    views: Floats
    ray: bool = False


class Cut(NamedTuple):
    """What prices proved about every head of a box: g_j - (p + pi) u_j + n_j Q <= tops_j [J], and the bound it came with.
    asked: the prices as they came; prices: as they were used, without the views of heads that are off."""

    asked: LocalPrices
    prices: LocalPrices
    tops: Floats
    total: float


@dataclass(frozen=True, eq=False)
class LocalNode:
    """tau in [left, right] within ``piece``; own delays in [low, high] [J]; may_off, may_on [J]; bound proved so far;
    cuts: what prices proved on this box or a larger one."""

    piece: Piece
    left: float
    right: float
    low: Floats
    high: Floats
    may_off: Booleans
    may_on: Booleans
    bound: float
    cuts: tuple[Cut, ...] = ()

    @property
    def prices(self) -> LocalPrices | None:
        """Prices that proved the best bound so far."""
        return min(self.cuts, key=lambda cut: cut.total).asked if self.cuts else None


class LocalTree:
    """What ``search`` needs of the local part. decision, objective: the best found; tail: bound of what no node covers."""

    def __init__(self, part: LocalPart) -> None:
        self.part = part
        self.reduced = reduce_local(part)
        self.numbers = LocalNumbers.of(self.reduced)
        count = part.layout.ap.size
        self.decision: LocalDecision = recover_local(part, math.inf, np.zeros(count), np.zeros(count))
        self.objective = float(evaluate_local(part, self.decision).utility)
        self.horizon = math.log(1.0 / FAINT) / self.numbers.decay
        self.faint = FAINT * float(self.numbers.worth.sum())
        self.trivial_bound = float(self.numbers.worth.sum()) * (1.0 + 1e-12) + self.faint
        self._cone: CompiledCone | None = None

    @property
    def solves(self) -> int:
        """Cone programs solved so far."""
        return 0 if self._cone is None else self._cone.solves

    # -- roots -----------------------------------------------------------------------------------------------------

    def roots(self) -> tuple[list[LocalNode], float]:
        """Nodes that cover every decision which earns anything, and the bound of all others."""
        numbers = self.numbers
        count = len(numbers.worth)
        if count == 0:
            return [], 0.0
        nodes: list[LocalNode] = []
        tail = self.faint
        everyone, nothing = np.ones(count, dtype=np.bool_), np.zeros(count)
        for piece in self._pieces():
            node = LocalNode(
                piece,
                piece.left,
                piece.right,
                numbers.work * (1.0 - OUTWARD),
                np.full(count, self.horizon),
                everyone,
                everyone,
                math.inf,
            )
            left = replace(node, right=piece.left)
            node = replace(node, bound=self._lagrangian(node, 0.0, nothing).total)
            # Q grows with tau: what heads earn with tau at this piece's left end covers this and all later pieces.
            alone = float(self._lagrangian(left, 0.0, nothing).heads.sum()) + self.faint
            if len(nodes) >= MOST_PIECES or alone <= 2.0 * self.faint:
                tail = alone
                break
            nodes.append(node)
        return nodes, tail

    def _pieces(self):
        r = self.reduced
        least = self.numbers.multicast * (1.0 - OUTWARD)
        if least <= 0.0:
            yield Piece(0.0, 0.0, 0.0, 0.0, False, r.load_rate)
            return
        kink = r.queue_relief / r.queue_slope if r.queue_slope > 0.0 else math.inf
        left, level = least, 0
        if r.stepped:
            level = max(0, math.floor(ADAPTATION_SLOPE * math.log(left * r.load_rate)))
        while True:
            if r.stepped:
                right = math.exp((level + 1) / ADAPTATION_SLOPE) / r.load_rate
            else:
                right = 1.0 / r.load_rate if left < (1.0 - OUTWARD) / r.load_rate else 2.0 * left
            queued = left >= kink * (1.0 - 2.0 * OUTWARD)
            level_ends = queued or right <= kink
            right = right if level_ends else kink
            right *= 1.0 + OUTWARD
            rise, start = (r.queue_slope, -r.queue_relief) if queued else (0.0, 0.0)
            if right > left:
                curved = not r.stepped and left >= (1.0 - 2.0 * OUTWARD) / r.load_rate
                yield Piece(left, right, rise + level, start, curved, r.load_rate)
                left = right * (1.0 - 2.0 * OUTWARD)
            if r.stepped and level_ends:
                level += 1

    # -- bound -----------------------------------------------------------------------------------------------------

    def _lagrangian(self, node: LocalNode, price: float, views: Floats) -> _Dual:
        n = self.numbers
        views = np.where(node.may_on, views, 0.0)
        total = float(views.sum())
        delays = np.array([node.piece.delay(node.left), node.piece.delay(node.right)]) + [0.0, 1e-300]
        count = len(n.worth)
        paid = n.spectrum_price + price
        earners = Earners(
            worth=np.concatenate([n.worth * math.exp(-n.decay * q) for q in delays]),
            decay=n.decay,
            cost=np.tile(paid * n.need, 2)[:, None],
            weight=np.ones((2 * count, 1)),
            cap=np.full((2 * count, 1), np.inf),
            cpu=np.tile(n.cpu_price * n.work, 2),
            fastest=np.tile(n.work * (1.0 - OUTWARD), 2),
            low=np.tile(node.low, 2),
            high=np.where(np.tile(node.may_on, 2), np.tile(node.high, 2), -1.0),
        )
        found = peaks(earners)
        offset = np.repeat(delays, count) * np.tile(views, 2)
        on = (found.best + offset).reshape(2, count)
        off = np.where(node.may_off, views * delays[1], -np.inf)
        heads = np.maximum(on.max(axis=0), off)
        term, where = _concave_top(node, paid * n.multicast, total)
        size = price + float(np.abs(heads).sum()) + abs(term)
        bound = price + term + float(heads.sum()) + self.faint + 1e-12 * size
        used = LocalPrices(price, views)
        return _Dual(used, bound, heads, on, off, found, offset, delays, term, where, paid * n.multicast, total)

    def tightened(self, node: LocalNode, prices: LocalPrices, dual: _Dual) -> LocalNode | None:
        """The node without what cannot beat the incumbent; None when nothing is left."""
        room = max(dual.total - self.objective, 0.0)
        count = len(dual.heads)
        least = dual.heads - room
        low, high, any_left = kept(dual.found, np.tile(least, 2) - dual.offset)
        any_left = any_left.reshape(2, count)
        low = np.where(any_left, low.reshape(2, count), np.inf).min(axis=0)
        high = np.where(any_left, high.reshape(2, count), -np.inf).max(axis=0)
        may_on = node.may_on & any_left.any(axis=0)
        may_off = node.may_off & (dual.off >= least)
        if not (may_on | may_off).all():
            return None
        low, high = np.where(may_on, low, node.low), np.where(may_on, high, node.high)
        left, right = _concave_level(node, dual, dual.term - room)
        return replace(
            node,
            left=left,
            right=right,
            low=np.maximum(low, node.low),
            high=np.minimum(high, node.high),
            may_on=may_on,
            may_off=may_off,
            bound=min(node.bound, dual.total),
            cuts=node.cuts if prices.ray else _remembered(node.cuts, Cut(prices, dual.prices, dual.heads, dual.total)),
        )

    def size(self, node: LocalNode) -> float:
        """Lengths of the intervals of delay [s], open choices, and the interval of tau relative to its end, per head."""
        both = float((node.may_on & node.may_off).sum())
        return (
            float((node.high - node.low)[node.may_on].sum())
            + both
            + len(node.low) * (node.right - node.left) / max(node.right, 1e-300)
        )

    # -- one node --------------------------------------------------------------------------------------------------

    def relaxed(self, node: LocalNode, deadline: Deadline) -> ConicSolution | None:
        n = self.numbers
        delays = node.piece.delay(node.left), node.piece.delay(node.right)
        level, slope = secant(n.decay, delays[0] + node.low, delays[1] + node.high)
        found = self._cone_program().solve(self._numbers_of(node, level, slope), seconds=deadline.limit - deadline.elapsed)
        return found if found.usable else None

    def prices(self, node: LocalNode, found: ConicSolution) -> LocalPrices:
        """The program's duals in utility."""
        scale = float(self.numbers.worth.max())
        views = found.duals["coupling"] * scale
        for c, cut in enumerate(node.cuts):
            views = views + found.duals[f"cut {c}"] * cut.prices.views
        return LocalPrices(float(found.duals["budget"][0]) * scale, views, found.infeasible)

    def proved(self, node: LocalNode, prices: LocalPrices) -> _Dual:
        """The bound that these prices prove; a ray is followed as far as it helps."""
        if not prices.ray:
            return self._lagrangian(node, prices.budget, prices.views)
        unit = float(self.numbers.worth.max()) / max(prices.budget, float(prices.views.max()), 1e-300)
        along = (self._lagrangian(node, prices.budget * unit * far, prices.views * unit * far) for far in RAY)
        return min(along, key=lambda dual: dual.total)

    def _cone_program(self) -> CompiledCone:
        if self._cone is None:
            self._cone = compile_local(self.numbers)
        return self._cone

    def _numbers_of(
        self, node: LocalNode, level: Floats, slope: Floats, tau: float | None = None
    ) -> dict[str, Floats | float]:
        weight = self.numbers.worth / self.numbers.worth.max()
        scale = float(self.numbers.worth.max())
        top, view, paid = np.full((len(weight), CUTS), UNUSED), np.zeros((len(weight), CUTS)), np.zeros(CUTS)
        for c, cut in enumerate(node.cuts):
            top[:, c], view[:, c] = cut.tops / scale, cut.prices.views / scale
            paid[c] = (self.numbers.spectrum_price + cut.prices.budget) / scale
        # A climb looks at Q(tau) around where it stands, so that its fixed points are stationary; a relaxation at all of it.
        near = np.linspace(node.left, node.right, TANGENTS) if tau is None else tau * np.linspace(0.98, 1.02, TANGENTS)
        at = np.clip(near, node.left, node.right)
        rise = np.array([node.piece.slope(t) if t > 0.0 else 0.0 for t in at])
        start = np.array([node.piece.delay(t) for t in at]) - rise * at
        return {
            "level": weight * level,
            "slope": weight * slope,
            "low": node.low,
            "high": node.high,
            "off_max": node.may_off.astype(np.float64),
            "on_max": node.may_on.astype(np.float64),
            "delay_low": node.piece.delay(node.left),
            "delay_high": node.piece.delay(node.right),
            "tau_low": node.left,
            "tau_high": node.right,
            "rise": rise,
            "start": start,
            "top": top,
            "view": view,
            "paid": paid,
        }

    def halves(self, node: LocalNode, values: dict[str, Floats] | None) -> list[LocalNode]:
        """Cut where the bound gains most over the truth: one head's gain in the relaxed point (on or off, or its delay), or what
        the heads together gain because each may see its own end of Q (tau)."""
        n = self.numbers
        if values is None:
            on = np.where(node.may_on & node.may_off, 0.5, 1.0)
            own, excess = 0.5 * (node.low + node.high), np.where(node.may_on, node.high - node.low, 0.0)
            tau, together = 0.5 * (node.left + node.right), 0.0
        else:
            on = np.clip(values["on"], 0.0, 1.0)
            own = np.clip(values["own"] / np.maximum(on, 1e-9), node.low, node.high)
            tau, together = self._gained_by_views(node)
            uplink, cpu = np.maximum(values["uplink"], 1e-12), np.clip(values["cpu"], 1e-12, 1.0)
            delay = node.piece.delay(float(values["tau"][0])) + n.need / uplink + n.work / cpu
            true = n.worth * np.exp(-n.decay * delay) - n.cpu_price * cpu
            excess = np.where(node.may_on, values["gain"] * float(n.worth.max()) - np.maximum(true, 0.0), 0.0)
        j = int(excess.argmax())
        if (together > excess[j] or excess[j] <= 0.0) and node.right > node.left * (1.0 + 1e-10):
            middle = between(node.left, node.right, tau)
            return [replace(node, right=middle), replace(node, left=middle)]
        if node.may_on[j] and node.may_off[j] and 0.02 < on[j] < 0.98:
            return [replace(node, may_on=without(node.may_on, j)), replace(node, may_off=without(node.may_off, j))]
        if not node.high[j] > node.low[j] + 1e-12:
            return []
        middle = between(float(node.low[j]), float(node.high[j]), float(own[j]))
        lower, upper = node.high.copy(), node.low.copy()
        lower[j] = upper[j] = middle
        return [replace(node, high=lower), replace(node, low=upper)]

    def _gained_by_views(self, node: LocalNode) -> tuple[float, float]:
        """tau at which the proof has its term of tau, and how much less the heads would make of the Q there."""
        if node.prices is None:
            return 0.5 * (node.left + node.right), 0.0
        dual = self._lagrangian(node, node.prices.budget, node.prices.views)
        there = replace(node, left=dual.where, right=dual.where)
        agreed = self._lagrangian(there, node.prices.budget, node.prices.views)
        return dual.where, float((dual.heads - agreed.heads).sum())

    # -- incumbents ------------------------------------------------------------------------------------------------

    def attempt(self, node: LocalNode, values: dict[str, Floats], deadline: Deadline) -> ConicSolution | None:
        """Climb from the relaxed point: solve with tangents of exp at the last delays, first free to turn heads off, then with
        who is on held fixed."""
        n = self.numbers
        on = node.may_on
        own = np.where(values["on"] > 0.5, values["own"] / np.maximum(values["on"], 0.5), n.work + 1.0 / n.decay)
        tau = float(values["tau"][0])
        right = node.piece.right * (1.0 - STEP_BACK)
        inside = replace(
            node,
            left=min(node.piece.left * (1.0 + 2.0 * OUTWARD), right),
            right=right,
            low=np.zeros(len(on)),
            high=np.full(len(on), 2.0 * self.horizon),
            cuts=(),
        )
        earned, free = -math.inf, True
        for _ in range(MOST_CLIMBS):
            level, slope = tangent(n.decay, node.piece.delay(tau) + own)
            found = self._cone_program().solve(
                self._numbers_of(inside, level, slope, tau), seconds=deadline.limit - deadline.elapsed
            )
            if not found.usable or found.infeasible or deadline.passed:
                return None
            share = np.maximum(found.values["on"], 1e-6)
            now = (share > 0.5) & on
            if not now.any():
                return None
            tau = float(np.clip(found.values["tau"][0], inside.left, inside.right))
            own = np.where(now, found.values["own"] / share, own)
            again = self._offer(inside, found.values, now)
            if again <= earned + CLIMB * abs(earned):
                if not free:
                    return found
                free, inside = False, replace(inside, may_on=now, may_off=~now)
            elif again < self.objective - 0.5 * max(node.bound - self.objective, 0.0) and not free:
                return None
            on, earned = now, max(again, earned)
        return None

    def _offer(self, inside: LocalNode, values: dict[str, Floats], on: Booleans) -> float:
        """Evaluate the decision with this point's shares; keep it if it is the best."""
        n, part = self.numbers, self.part
        tau = float(np.clip(values["tau"][0], inside.left, inside.right))
        left = 1.0 - (n.multicast / tau if tau > 0.0 else 0.0)
        if not left > 0.0:
            return -math.inf
        shares = np.where(on, np.maximum(values["uplink"], 1e-12), 0.0)
        shares *= min(1.0, left * (1.0 - 1e-13) / max(float(shares.sum()), 1e-300))
        uplink, cpu = np.zeros(part.layout.ap.size), np.zeros(part.layout.ap.size)
        heads = n.heads.astype(np.int64)
        uplink[heads] = shares * part.subchannels_max
        cpu[heads] = np.where(on, np.clip(values["cpu"], 0.0, 1.0), 0.0) * part.cpu_max_hz[heads]
        decision = recover_local(part, tau, uplink, cpu)
        earned = evaluate_local(part, decision)
        if earned.violation > 1e-10:
            return -math.inf
        if earned.utility > self.objective:
            self.objective, self.decision = float(earned.utility), decision
        return float(earned.utility)


@dataclass(frozen=True, eq=False)
class _Dual:
    """A Lagrangian bound and what it is made of: prices used; total; heads [J]; on [2, J] by end of Q; off [J]; the cells and their offset
    n_j Q; Q at both ends; the term of tau, where it is largest, and its numbers paid M and sum of views."""

    prices: LocalPrices
    total: float
    heads: Floats
    on: Floats
    off: Floats
    found: Peaks
    offset: Floats
    delays: Floats
    term: float
    where: float
    multicast: float
    views: float


def _remembered(cuts: tuple[Cut, ...], latest: Cut) -> tuple[Cut, ...]:
    """The latest cut and the best of the others; prices seen before replace their older, looser cut."""
    others = sorted((cut for cut in cuts if cut.asked is not latest.asked), key=lambda cut: cut.total)
    return (latest, *others[: CUTS - 1])


def _concave(node: LocalNode, multicast: float, views: float, tau: float) -> tuple[float, float]:
    """-multicast/tau - views Q(tau) and its derivative."""
    if tau <= 0.0:
        return 0.0, 0.0
    return -multicast / tau - views * node.piece.delay(tau), multicast / tau**2 - views * node.piece.slope(tau)


def _concave_top(node: LocalNode, multicast: float, views: float) -> tuple[float, float]:
    """Upper bound of the term of tau over the node (the tangent at a near-stationary point) and that point."""
    low, high = node.left, node.right
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _concave(node, multicast, views, middle)[1] > 0.0:
            low = middle
        else:
            high = middle
    at = low if _concave(node, multicast, views, node.right)[1] <= 0.0 else node.right
    value, slope = _concave(node, multicast, views, at)
    return value + max(slope * (node.right - at), slope * (node.left - at), 0.0), at


def _concave_level(node: LocalNode, dual: _Dual, least: float) -> tuple[float, float]:
    """Interval of tau outside which the term of tau is below ``least``."""
    ends: list[float] = []
    for end in (node.left, node.right):
        outside, inside = end, dual.where
        if _concave(node, dual.multicast, dual.views, end)[0] >= least:
            ends.append(end)
            continue
        for _ in range(40):
            middle = 0.5 * (outside + inside)
            if _concave(node, dual.multicast, dual.views, middle)[0] >= least:
                inside = middle
            else:
                outside = middle
        ends.append(outside)
    return ends[0], ends[1]
