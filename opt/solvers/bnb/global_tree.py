r"""Global part: boxes of (counts, access, served phases, delays), their proved bounds, tightening, branching and incumbents.

Every vector of counts |Omega_i| that C3 and C4 allow is a root: with the counts fixed, earnings and costs are no longer
products. A node adds which AP may use which committee, whether a committee may be off or on, which phases may or may not be
served (``cap``), and an interval of each delay T_i.
It is relaxed by ``global_cone``, bounded and tightened by ``global_bound``; incumbents come from climbing with tangents.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np

from ...arrays import Floats, Integers
from ...decision import GlobalDecision
from ...global_equations import evaluate_global
from ...global_reduction import decision_of_times
from ...result import Deadline
from ...snapshot import GlobalPart
from .conic import CompiledCone, ConicSolution, compiled_by
from .global_bound import GlobalProof, bound_box, faint, horizon, proved, tightened_box
from .global_box import GlobalNode, GlobalPrices, assigned, count_vectors, loads
from .global_cone import GlobalNumbers, compile_global
from .lines import between, secant, tangent, without
from .local_box import OUTWARD
from .local_tree import CLIMB, MOST_CLIMBS

# The climb keeps this fraction of the budget back, so that an inexact cone solution still fits.
RESERVE = 1e-7


# Vectors of counts are enumerated: with psi near K/I, as in the scenario, a handful.
MOST_ROOTS = 20_000


class GlobalTree:
    """What ``search`` needs of the global part. decision, objective: the best found; too_many: there are more vectors of counts
    than it can start from."""

    def __init__(self, part: GlobalPart) -> None:
        self.part = part
        self.numbers = n = GlobalNumbers.of(part)
        committees, aps = len(n.leader), len(part.sinr_access[0])
        seats: Integers = np.repeat(np.arange(committees, dtype=np.int64), np.minimum(part.capacity, aps))[:aps]
        nothing = np.full((committees, 4), np.inf)
        self.decision: GlobalDecision = decision_of_times(
            part, seats, np.zeros(committees, dtype=np.bool_), nothing, np.full(committees, np.inf)
        )
        self.objective = float(evaluate_global(part, self.decision).utility)
        self.trivial_bound = n.benefit * aps * (1.0 + 1e-12) + faint(n)
        self.too_many = False
        self._cone: CompiledCone | None = None

    @property
    def solves(self) -> int:
        """Cone programs solved so far."""
        return 0 if self._cone is None else self._cone.solves

    def roots(self, deadline: Deadline | None = None) -> tuple[list[GlobalNode], float]:
        """One node for each vector of counts.

        None at all, under the bound of a free lunch, when there are more than MOST_ROOTS or the deadline passes before.
        """
        n = self.numbers
        committees, aps = len(n.leader), len(n.access[0])
        nodes: list[GlobalNode] = []
        plain = np.zeros(committees), np.full(committees, 0.5), np.ones(n.broadcast.shape)
        vectors = list(itertools.islice(count_vectors(self.part.capacity, aps), MOST_ROOTS + 1))
        self.too_many = len(vectors) > MOST_ROOTS
        if self.too_many:
            return [], self.trivial_bound
        for counts in vectors:
            if deadline is not None and deadline.passed:
                return [], self.trivial_bound
            used = counts > 0
            node = GlobalNode(
                counts=counts,
                may_use=np.broadcast_to(used[:, None], (committees, aps)),
                may_off=np.ones(committees, dtype=np.bool_),
                may_on=used,
                may_serve=np.ones((committees, 4), dtype=np.bool_),
                may_skip=np.full((committees, 4), n.capped),
                low=n.fastest * (1.0 - OUTWARD),
                high=np.full(committees, horizon(n)),
                bound=math.inf,
            )
            nodes.append(replace(node, bound=bound_box(n, node, 0.0, *plain).total))
        return nodes, faint(n)

    # -- bound -----------------------------------------------------------------------------------------------------

    def proved(self, node: GlobalNode, prices: GlobalPrices) -> GlobalProof:
        """The bound that these prices prove; true for any."""
        return proved(self.numbers, node, prices)

    def tightened(self, node: GlobalNode, prices: GlobalPrices, proof: GlobalProof) -> GlobalNode | None:
        """The box without what cannot beat the incumbent; None: nothing is left."""
        return tightened_box(node, prices, proof, self.objective)

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

    def size(self, node: GlobalNode) -> float:
        """Lengths of the intervals of delay [s] and open choices."""
        choices = (node.may_on & node.may_off).sum() + (node.may_serve & node.may_skip)[node.may_on].sum()
        return float((node.high - node.low)[node.may_on].sum()) + float(choices)

    # -- relaxation ------------------------------------------------------------------------------------------------

    def relaxed(self, node: GlobalNode, deadline: Deadline) -> ConicSolution | None:
        """The cone program on this box, with secants."""
        least, most = loads(self.numbers, node)
        if not np.isfinite(least).all():
            return None
        level, slope = secant(self.numbers.decay, node.low, node.high)
        numbers = self._numbers_of(node, level, slope, least, most, 1.0)
        found = self._solved(numbers, deadline)
        return found if found is not None and found.usable else None

    def _solved(self, numbers: dict[str, Floats | float], deadline: Deadline) -> ConicSolution | None:
        """The cone program with these numbers; None when the deadline passes while cvxpy compiles it."""
        if self._cone is None:
            self._cone = compiled_by(deadline, lambda: compile_global(self.numbers))
        return None if self._cone is None else self._cone.solve(numbers, deadline)

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
        least, most = loads(self.numbers, node)
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
            cell = divmod(int(cut_serve.argmax()), cut_serve.shape[1])
            return [
                replace(node, may_serve=without(node.may_serve, cell)),
                replace(node, may_skip=without(node.may_skip, cell)),
            ]
        if cut_use.max() >= best > 0.0:
            i, k = divmod(int(cut_use.argmax()), cut_use.shape[1])
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
        access = assigned(-values["access"], node)
        if access is None:
            return None
        may_use = access == np.arange(committees)[:, None]
        on = ((values["on"] > 0.5) & node.may_on) | ~node.may_off
        if not on.any():
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
            found = self._solved(numbers, deadline)
            if found is None or not found.usable or found.infeasible or deadline.passed:
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


def _fraction(first: Floats, second: Floats) -> Floats:
    """first / (first + second), a half where both vanish."""
    total = first + second
    return np.divide(first, total, out=np.full(total.shape, 0.5), where=total > 1e-12)
