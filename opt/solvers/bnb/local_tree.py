r"""Local part: boxes of (tau, own delays, on or off), their proved bounds, tightening, branching and incumbents.

A node is an interval of tau on which Q(tau) is one smooth piece (a level of the floor, one side of the queue's kink), and for
each head an interval of its own delay t_j = a_j/f_j + d_j/u_j and whether it may be off or on. It is relaxed by ``local_cone``,
bounded and tightened by ``local_bound``; incumbents come from climbing with tangents.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from ...arrays import Booleans, Floats
from ...decision import LocalDecision
from ...local_equations import evaluate_local
from ...local_reduction import recover_local, reduce_local
from ...result import Deadline
from ...snapshot import LocalPart
from .conic import CompiledCone, ConicSolution, compiled_by
from .lines import between, secant, tangent, without
from .local_bound import LocalProof, bound_box, faint, horizon, proved, tightened_box
from .local_box import OUTWARD, LocalNode, LocalPrices, pieces
from .local_cone import CUTS, TANGENTS, UNUSED, LocalNumbers, compile_local

# A decision stays this fraction below a level's right end, where the next level begins.
STEP_BACK = 4e-12
MOST_PIECES = 200
# A climb stops when a step gains less than this fraction, or after so many steps.
CLIMB = 1e-8
MOST_CLIMBS = 40


class LocalTree:
    """What ``search`` needs of the local part. decision, objective: the best found; tail: bound of what no node covers."""

    def __init__(self, part: LocalPart) -> None:
        self.part = part
        self.reduced = reduce_local(part)
        self.numbers = LocalNumbers.of(self.reduced)
        count = part.layout.ap.size
        self.decision: LocalDecision = recover_local(part, math.inf, np.zeros(count), np.zeros(count))
        self.objective = float(evaluate_local(part, self.decision).utility)
        self._faint = faint(self.numbers)
        self.trivial_bound = float(self.numbers.worth.sum()) * (1.0 + 1e-12) + self._faint
        self._cone: CompiledCone | None = None

    @property
    def solves(self) -> int:
        """Cone programs solved so far."""
        return 0 if self._cone is None else self._cone.solves

    # -- roots -----------------------------------------------------------------------------------------------------

    def roots(self, deadline: Deadline | None = None) -> tuple[list[LocalNode], float]:
        """Nodes that cover every decision which earns anything, and the bound of all others (without time: of all)."""
        numbers = self.numbers
        count = len(numbers.worth)
        if count == 0:
            return [], 0.0
        nodes: list[LocalNode] = []
        tail = self._faint
        everyone, nothing = np.ones(count, dtype=np.bool_), np.zeros(count)
        for piece in pieces(self.reduced):
            if deadline is not None and deadline.passed:
                return [], self.trivial_bound
            node = LocalNode(
                piece,
                piece.left,
                piece.right,
                numbers.work * (1.0 - OUTWARD),
                np.full(count, horizon(self.numbers)),
                everyone,
                everyone,
                math.inf,
            )
            left = replace(node, right=piece.left)
            node = replace(node, bound=bound_box(self.numbers, node, 0.0, nothing).total)
            # Q grows with tau: what heads earn with tau at this piece's left end covers this and all later pieces.
            alone = float(bound_box(self.numbers, left, 0.0, nothing).heads.sum()) + self._faint
            if len(nodes) >= MOST_PIECES or alone <= 2.0 * self._faint:
                tail = alone
                break
            nodes.append(node)
        return nodes, tail

    # -- bound -----------------------------------------------------------------------------------------------------

    def proved(self, node: LocalNode, prices: LocalPrices) -> LocalProof:
        """The bound that these prices prove; true for any."""
        return proved(self.numbers, node, prices)

    def tightened(self, node: LocalNode, prices: LocalPrices, proof: LocalProof) -> LocalNode | None:
        """The box without what cannot beat the incumbent; None: nothing is left."""
        return tightened_box(node, prices, proof, self.objective)

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
        """The cone program on this box, with secants and cuts."""
        n = self.numbers
        delays = node.piece.delay(node.left), node.piece.delay(node.right)
        level, slope = secant(n.decay, delays[0] + node.low, delays[1] + node.high)
        found = self._solved(self._numbers_of(node, level, slope), deadline)
        return found if found is not None and found.usable else None

    def prices(self, node: LocalNode, found: ConicSolution) -> LocalPrices:
        """The program's duals in utility."""
        scale = float(self.numbers.worth.max())
        views = found.duals["coupling"] * scale
        for c, cut in enumerate(node.cuts):
            views = views + found.duals[f"cut {c}"] * cut.prices.views
        return LocalPrices(float(found.duals["budget"][0]) * scale, views, found.infeasible)

    def _solved(self, numbers: dict[str, Floats | float], deadline: Deadline) -> ConicSolution | None:
        """The cone program with these numbers; None when the deadline passes while cvxpy compiles it."""
        if self._cone is None:
            self._cone = compiled_by(deadline, lambda: compile_local(self.numbers))
        return None if self._cone is None else self._cone.solve(numbers, deadline)

    def _numbers_of(self, node: LocalNode, level: Floats, slope: Floats, tau: float | None = None) -> dict[str, Floats | float]:
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
        """Cut where the bound gains most over the truth: one head's gain in the relaxed point (on or off, or its delay), or
        what the heads together gain because each may see its own end of Q (tau)."""
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
        dual = bound_box(self.numbers, node, node.prices.budget, node.prices.views)
        there = replace(node, left=dual.where, right=dual.where)
        agreed = bound_box(self.numbers, there, node.prices.budget, node.prices.views)
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
            high=np.full(len(on), 2.0 * horizon(self.numbers)),
            cuts=(),
        )
        earned, free = -math.inf, True
        for _ in range(MOST_CLIMBS):
            level, slope = tangent(n.decay, node.piece.delay(tau) + own)
            found = self._solved(self._numbers_of(inside, level, slope, tau), deadline)
            if found is None or not found.usable or found.infeasible or deadline.passed:
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
        heads = n.heads
        uplink[heads] = shares * self.reduced.budget
        cpu[heads] = np.where(on, np.clip(values["cpu"], 0.0, 1.0), 0.0) * part.cpu_max_hz[heads]
        decision = recover_local(part, tau, uplink, cpu)
        earned = evaluate_local(part, decision)
        if earned.violation > 1e-10:
            return -math.inf
        if earned.utility > self.objective:
            self.objective, self.decision = float(earned.utility), decision
        return float(earned.utility)
