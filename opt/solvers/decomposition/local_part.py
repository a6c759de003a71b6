r"""Solver of the local part of Problem (16) with divisible subchannels: best-first branch and bound on T_multi and shares.

The reduced problem (``opt.local_reduction``) couples heads by tau = T_multi and one budget. A cell is an interval of tau and
a box of uplink shares; ``local_bound`` proves an upper bound on it, ``local_primal`` finds decisions near its relaxed answer.
Cells are cut at the edges of the delay's pieces, then in tau, or in one head's share: heads are S-shaped, so the relaxation
may hold one of them half on. Together the cells cover every tau in [M/W, inf] and every u >= 0, except that of heads that are
equal in every number only the order u_j >= u_j' for j < j' is kept (exchanging them changes nothing).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter

import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...certificate.proof import SHARE_CUT, TIME_CUT
from ...decision import LocalDecision
from ...local_equations import evaluate_local
from ...local_reduction import GRANTED, JUST, TAKEN, ReducedLocal, equal_heads, everything, recover_local, reduce_local
from ...result import Deadline, Stopped
from ...snapshot import LocalPart
from .best_first import BestFirst
from .local_bound import CellBound, bound_at, bound_cell
from .local_delay import NARROW, STEP_BACK, edge, level_at, line_below, piece_edge, shared_delay
from .local_heads import heads_of
from .local_off import nobody_runs
from .local_primal import APART, APART_ENOUGH, Rounding, allocate, round_prices, tune, tune_share
from .part_answer import PartAnswer
from .proof_tree import local_proof
from .whole_limits import local_tables_fit, nothing_local
from .whole_local import solve_whole_local


@dataclass(frozen=True, eq=False)
class Cell:
    """tau in [left, right], low <= u <= high, what was proved about it, and its number in the proof tree."""

    left: float
    right: float
    low: Floats
    high: Floats
    proved: CellBound
    number: int


def solve_local(
    part: LocalPart, relative: float, absolute: float, deadline: Deadline, certify: bool = False
) -> PartAnswer[LocalDecision]:
    """Solve the local part of one epoch until bound - objective <= relative max(|objective|, 1e-9) + absolute, or the deadline.

    Or until nothing but the slack for rounding is left of the gap ("exhausted"). With ``certify`` the answer holds the proof
    of its bound. With ``whole_subchannels`` the search is ``whole_local``'s.
    """
    if part.whole_subchannels and not local_tables_fit(part, deadline):
        return nothing_local(part, solve_local(replace(part, whole_subchannels=False), relative, absolute, deadline, certify))
    if part.whole_subchannels:
        return solve_whole_local(part, relative, absolute, deadline, certify)
    started = perf_counter()
    problem = reduce_local(part)
    search = _Search(problem, relative, absolute, deadline)
    search.stages["reduction"] = perf_counter() - started
    stopped = search.solve()
    started = perf_counter()
    decision = recover_local(part, search.tau, search.uplink, search.cpu, TAKEN if search.just else 0.0)
    objective = float(evaluate_local(part, decision).utility)
    if objective < 0.0:
        nothing = np.zeros(len(problem.worth))
        decision, objective = recover_local(part, math.inf, nothing, nothing), 0.0
    search.stages["recovery"] = perf_counter() - started
    stopped = search.ended(stopped, objective)
    proof = local_proof(search.tree, search.roots, search.bound) if certify else None
    return PartAnswer(decision, objective, search.bound, stopped, tuple(search.trace), search.stages, proof)


class _Search(BestFirst[Cell]):
    """Cells of multicast time and uplink shares, and the best decision held."""

    def __init__(self, problem: ReducedLocal, relative: float, absolute: float, deadline: Deadline) -> None:
        super().__init__(relative, absolute, deadline)
        heads = len(problem.worth)
        self.problem, self.tau, self.uplink, self.cpu = problem, math.inf, np.zeros(heads), np.zeros(heads)
        self.heads = heads_of(problem)
        # What is judged feasible where T_multi is just its least: granted to bounds, taken by decisions; whether it was.
        self.granted = problem._replace(budget=problem.budget * (1.0 + GRANTED))
        self.taken = problem._replace(budget=problem.budget * (1.0 + TAKEN))
        self.just = False

    def is_just(self, right: float) -> bool:
        """Whether a cell ends just above the least T_multi (``local_reduction.JUST``)."""
        return 0.0 < right <= self.problem.multicast_need / self.problem.budget * (1.0 + JUST)

    @cached_property
    def twins(self) -> Integers:
        """A label per head, the same for heads that are equal in every number; [J]."""
        problem = self.problem
        return equal_heads(problem.worth, problem.work, problem.need, problem.cpu_max)

    def solve(self) -> Stopped:
        """Search everything but "all off"."""
        need = self.problem.multicast_need
        if not self.problem.tame:
            return self.give_up(everything(self.problem))
        if not math.isfinite(need):
            return "exhausted"  # a link without any rate: T_multi is infinite whatever is done
        heads = len(self.uplink)
        free_low, free_high = np.zeros(heads), np.full(heads, np.inf)
        left, right = (0.0, 0.0) if need <= 0.0 else (need / self.granted.budget * (1.0 - 1e-12), math.inf)
        anything = CellBound(math.inf, 0.0, left, 0.0, math.inf, left, left, 0.0)
        return self.run(self.consider(left, right, free_low, free_high, anything))

    def consider(self, left: float, right: float, low: Floats, high: Floats, parent: CellBound) -> int:
        """Bound a new cell, look for a decision in it, and keep it open if it may hold a better one; returns its number."""
        started = perf_counter()
        problem = self.problem
        # A line that touches the smooth delay far out starts far below zero; one that touches its onset may be flat.
        touch = min(max(parent.tau, 1.001 * left), 4.0 * left, right)
        proved = self.prove(left, right, low, high, touch, parent.price)
        if not problem.stepped:
            for _ in range(2):
                if proved.bound <= self.target or not left < proved.tau <= 16.0 * left:
                    break
                again = self.prove(left, right, low, high, proved.tau, proved.price)
                better = again.bound < proved.bound
                touch, proved = (proved.tau, again) if better else (touch, proved)
                if not better:
                    break
        if self.value <= 0.0 < proved.bound:
            line, slope = line_below(problem, left, touch) if left > 0.0 else (0.0, 0.0)
            judged = self.granted if self.is_just(right) else problem
            if nobody_runs(judged, low, high, left, right, line, slope):
                proved = proved._replace(bound=0.0, price=problem.spectrum_price, slack=0.0)
        number = self.tree.add(proved.bound, proved.price, touch)
        if parent.bound < proved.bound:
            proved = proved._replace(bound=parent.bound)
        self.stages["bounding"] += perf_counter() - started
        cell = Cell(left, right, low, high, proved, number)
        if proved.bound > self.target:
            self.improve(cell)
        self.settle(cell, proved.bound, proved.slack)
        return number

    def prove(self, left: float, right: float, low: Floats, high: Floats, touch: float, price: float) -> CellBound:
        """Bound of a cell with the delay replaced by the line that touches it at ``touch``."""
        problem = self.granted if self.is_just(right) else self.problem
        line, slope = line_below(problem, left, touch) if left > 0.0 else (0.0, 0.0)
        precision = (0.05 * self.absolute, 0.05 * self.relative + 1e-14)
        return bound_cell(problem, self.heads, low, high, left, right, line, slope, price, self.target, *precision)

    def improve(self, cell: Cell) -> None:
        """Decisions near the relaxed answer of a cell: the head in between on, off, or just there."""
        if not math.isfinite(cell.proved.tau):
            return
        started = perf_counter()
        rounding = self.round(cell)
        left, right = self.piece(cell, rounding.tau)
        # Where T_multi is just its least, its largest leaves most for uploads: tuned from there.
        tau = right if self.is_just(cell.right) else min(max(rounding.tau, left), right)
        on, j = rounding.on | (cell.low > 0.0), rounding.head
        free = np.zeros(len(on))
        self.attempt(cell, tau, on, free)
        if j >= 0 and cell.proved.bound > self.target:
            other = on.copy()
            other[j] = not other[j]
            self.attempt(cell, tau, other, free)
        boxed = bool(cell.low.any()) or not bool(np.isinf(cell.high).all())
        if boxed and rounding.pins.any():
            self.attempt(cell, tau, on, rounding.pins, j)
        self.stages["primal"] += perf_counter() - started

    def attempt(self, cell: Cell, tau: float, on: Booleans, pins: Floats, head: int = -1) -> None:
        """Allocate to ``on`` (shares in ``pins`` given); if it may beat the decision held, tune it and keep the better."""
        just, proved = self.is_just(cell.right), cell.proved
        problem, heads = self.taken if just else self.problem, self.heads
        found = allocate(problem, heads, on, pins, tau, proved.price)
        left, right = self.piece(cell, tau)
        one_piece = left <= cell.left * (1.0 + NARROW) and cell.right * (1.0 - NARROW) <= right
        if one_piece and found.value > self.value - 0.5 * (proved.bound - self.value):
            if head >= 0 and pins[head] > 0.0:
                pins = pins.copy()
                found = tune_share(problem, heads, on, pins, head, 0.0, min(2.0 * pins[head], problem.budget), found)
            accuracy = 0.01 * (self.target - self.value)
            found = tune(problem, heads, on, pins, left, right, found, accuracy)
        if found.value > self.value:
            self.tau, self.uplink, self.cpu, self.just = found.tau, found.uplink, found.cpu, just
            self.improved(found.value, max(self.bound, proved.bound))

    def piece(self, cell: Cell, tau: float) -> tuple[float, float]:
        """Multicast times around ``tau`` that a decision in a cell may take, with one adaptation level."""
        problem = self.taken if self.is_just(cell.right) else self.problem
        least = problem.multicast_need / problem.budget
        if problem.multicast_need <= 0.0:
            return 0.0, 0.0
        if not problem.stepped:
            return least, max(1e3 * tau, least)
        level = level_at(problem, tau)
        start = edge(problem, level) if level > 0.0 else 0.0
        end = edge(problem, level + 1.0) * (1.0 - STEP_BACK)
        return max(start, min(least, end)), end

    def round(self, cell: Cell) -> Rounding:
        """The relaxed answer of a cell with at most one head in between, at multicast times inside its last level."""
        proved = cell.proved
        end = max(cell.left, cell.right * (1.0 - STEP_BACK))
        tau_low = min(proved.tau_low, end) if math.isfinite(proved.tau_low) else proved.tau
        tau_high = min(proved.tau_high, end) if math.isfinite(proved.tau_high) else proved.tau
        return self.round_between(cell, tau_low, tau_high)

    def round_between(
        self, cell: Cell, tau_low: float, tau_high: float, least_jump: float = 1e-3, apart: float = APART
    ) -> Rounding:
        """A mix of the answers at the two prices around the relaxation's, at these two multicast times."""
        proved = cell.proved
        low = (proved.price_low if proved.price_low > 0.0 else proved.price_high) * (1.0 - apart)
        high = proved.price_high * (1.0 + apart)
        problem = self.taken if self.is_just(cell.right) else self.problem
        return round_prices(problem, self.heads, cell.low, cell.high, low, tau_low, high, tau_high, least_jump)

    def branch(self, cell: Cell) -> None:
        """Cut a cell where its relaxation is weakest: at a piece of the delay, in tau, or in one head's share."""
        left, right, proved = cell.left, cell.right, cell.proved
        cut = piece_edge(self.problem, left, right, proved.tau) if left > 0.0 else 0.0
        if cut > 0.0:
            self.cut_time(cell, cut)
            return
        wide = right > left * (1.0 + NARROW)
        gap = proved.bound - self.value
        time_error = self.time_error(cell) if wide else 0.0
        rounding = self.round(cell)
        if (rounding.head < 0 or rounding.loss < 0.25 * gap) and time_error < 0.25 * gap:
            # Neither explains the gap: the chord may hold a head that is on at one end of the cell and off at the other.
            ends = self.round_between(cell, left, max(left, right * (1.0 - STEP_BACK)), 1e-3 if wide else 1e-8)
            rounding = ends if ends.loss > rounding.loss else rounding
        if rounding.head < 0 and not wide:
            # A search that saw little to gain may have stopped beside the price at which a head jumps.
            rounding = self.round_between(cell, left, max(left, right * (1.0 - STEP_BACK)), 1e-8, APART_ENOUGH)
        close = proved.tau_high <= 1.1 * proved.tau_low and proved.tau_low <= 1.1 * proved.tau_high
        if rounding.head >= 0:
            explained = rounding.loss > max(time_error, 1e-3 * gap) or (close and rounding.loss > 0.25 * gap)
            if explained or not wide:
                self.cut_share(cell, rounding)
                return
        if not wide:
            self.closed = max(self.closed, proved.bound)
            return
        self.cut_time(cell, self.inside(cell))

    def time_error(self, cell: Cell) -> float:
        """How much of a cell's bound is due to its width in tau: bound minus the bound at its answer's tau alone."""
        tau = max(cell.left, min(cell.proved.tau, cell.right * (1.0 - STEP_BACK)))
        exact, _, _, _, _ = bound_at(
            self.problem,
            self.heads,
            cell.low,
            cell.high,
            tau,
            tau,
            shared_delay(self.problem, tau),
            0.0,
            float(self.problem.worth.sum()),
            cell.proved.price,
        )
        return cell.proved.bound - exact

    def inside(self, cell: Cell) -> float:
        """A multicast time well inside the cell, near where the relaxation wants to be (or between, if it wants two)."""
        left, proved = cell.left, cell.proved
        right = min(cell.right, 16.0 * left)
        span = math.log(right / left)
        wish = 0.5 * (math.log(min(proved.tau_low, right) / left) + math.log(min(proved.tau_high, right) / left)) / span
        return left * math.exp(span * min(max(wish, 0.1), 0.9))

    def cut_time(self, cell: Cell, cut: float) -> None:
        """Two cells with the same shares, left and right of ``cut``."""
        below = self.consider(cell.left, cut, cell.low, cell.high, cell.proved)
        above = self.consider(cut, cell.right, cell.low, cell.high, cell.proved)
        self.tree.cut(cell.number, TIME_CUT, 0, cut, below, above)

    def cut_share(self, cell: Cell, rounding: Rounding) -> None:
        """Two cells with the share of one head below and above where the rounding left it, equal heads in order."""
        j, jump = rounding.head, rounding.many - rounding.few
        share = rounding.few + min(max(rounding.uplink - rounding.few, 0.3 * jump), 0.9 * jump)
        later = self.twins == self.twins[j]
        earlier = later.copy()
        later[:j], earlier[j + 1 :] = False, False
        less, more = cell.high.copy(), cell.low.copy()
        less[later] = np.minimum(less[later], share)
        more[earlier] = np.maximum(more[earlier], share)
        below = self.consider(cell.left, cell.right, cell.low, less, cell.proved)
        above = self.consider(cell.left, cell.right, more, cell.high, cell.proved)
        self.tree.cut(cell.number, SHARE_CUT, j, share, below, above)
