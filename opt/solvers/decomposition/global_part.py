r"""The global part of Problem (16) to proved optimality: branch and bound on access loads and communication times.

APs join committees (C3, C4) and committees share one budget of spectrum (C5). ``global_reduction`` removes the links,
``global_curve`` gives the cheapest spectrum for a communication time, ``global_response`` the best answer of a committee to a
price, ``global_bound`` a bound on a box, ``global_leaf`` the best resources for one access, ``global_search`` one step. Here is
the loop: best bound first, one box per vector of counts at the start.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from ...arrays import Floats, Integers, floats
from ...certificate.proof import DELAY_CUT, LOAD_CUT, GlobalProof
from ...decision import GlobalDecision
from ...formulations.decisions import any_access
from ...global_equations import TIMEOUT_TOLERANCE, committee_spectrum
from ...global_range import GlobalNumbers, global_numbers
from ...global_reduction import decision_of_times
from ...result import Deadline, Stopped
from ...snapshot import GlobalPart
from .global_assignment import any_assignment, count_vectors
from .global_bound import COUNT, LOAD_HIGH, LOAD_LOW, TIME_HIGH, TIME_LOW
from .global_curve import COLUMNS, curve_capped, curve_until_timeout
from .global_held import attained, held, out_of_range
from .global_leaf import earned_with
from .global_many import OnePrice, enumerable
from .global_proof import global_proof
from .global_response import SLACK, GlobalModel, time_with, verification
from .global_search import LOADS, NOTHING, examine, phases_with, quick_bounds, root_boxes
from .part_answer import PartAnswer
from .proof_tree import ProofTree
from .whole_global import solve_whole_global
from .whole_limits import global_tables_fit, nothing_global

# Boxes bounded between two looks at the deadline.
BOXES_AT_ONCE = 256
# Part of its time that the search may use when a certificate is wanted, and seconds that writing one has in any case.
SEARCHING, LEAST_PROVING = 0.8, 0.5


def global_model(part: GlobalPart, numbers: GlobalNumbers) -> GlobalModel:
    """The part as compiled code sees it."""
    curve = curve_capped if part.timeout_rule == "cap" else curve_until_timeout
    curves = [
        curve(float(leader), *_real_terms(broadcast, reply), numbers.timeout)
        for leader, broadcast, reply in zip(numbers.leader, numbers.broadcast, numbers.reply, strict=True)
    ]
    rows = np.zeros((len(curves), max(len(rows) for rows in curves), COLUMNS))
    for i, its in enumerate(curves):
        rows[i, : len(its)] = its
    return GlobalModel(
        budget=numbers.budget * (1.0 + longer(part)),
        benefit=numbers.benefit,
        decay=numbers.decay,
        spectrum_price=numbers.spectrum_price,
        timeout=numbers.timeout,
        cpu_cost=numbers.cpu_cost,
        fastest=numbers.fastest,
        needs=numbers.access,
        rows=rows,
        rows_of=np.array([len(its) for its in curves], dtype=np.int64),
    )


def longer(part: GlobalPart) -> float:
    """By which fraction more spectrum than C5 holds may be planned with: all shares divided by 1 + that are a decision.

    With ``fail`` phases may exceed the timeout by 1e-9 of it and count the timeout (``TIMEOUT_TOLERANCE``): whoever plans with
    phases up to T and divides the shares by 1 + 1e-9 keeps every phase within that. Where the budget is just what the timeout
    needs, all that can be earned hangs on it. Half the rounding that bounds allow for (SLACK) is used too: C5 is judged to
    1e-9 of it.
    """
    late = TIMEOUT_TOLERANCE if part.timeout_rule == "fail" else 0.0
    return (1.0 + late) * (1.0 + 0.4 * SLACK) - 1.0


def _within_budget(part: GlobalPart, decision: GlobalDecision) -> GlobalDecision:
    """The decision with all its shares divided by what they exceed C5 by, but for half of SLACK; by no more than ``longer``
    allows: rounding may leave C5 a SLACK more, never a phase that is too long."""
    total = float(committee_spectrum(part, decision).sum())
    late = TIMEOUT_TOLERANCE if part.timeout_rule == "fail" else 0.0
    excess = min(total / (float(part.subchannels_max) * (1.0 + 0.5 * SLACK)), (1.0 + late) * (1.0 - 1e-15))
    if not 1.0 < excess < math.inf:
        return decision
    return replace(
        decision,
        request=floats(decision.request / excess),
        multicast=None if decision.multicast is None else floats(decision.multicast / excess),
        peer=None if decision.peer is None else floats(decision.peer / excess),
    )


def _real_terms(broadcast: Floats, reply: Floats) -> tuple[Floats, Floats]:
    real = (broadcast > 0.0) | (reply > 0.0)
    return np.array(broadcast[real]), np.array(reply[real])


def solve_global(
    part: GlobalPart, relative: float, absolute: float, deadline: Deadline, certify: bool = False
) -> PartAnswer[GlobalDecision]:
    """Best decision of the global part and a proved bound, until bound - objective <= relative |objective| + absolute.

    One epoch (no batch axes). Stops at the deadline with what it holds. With ``whole_subchannels`` the search is
    ``whole_global``'s. With ``certify`` the answer holds the proof of its bound.
    """
    if part.whole_subchannels and not global_tables_fit(part, deadline):
        relaxed = solve_global(replace(part, whole_subchannels=False), relative, absolute, deadline, certify)
        return nothing_global(part, relaxed)
    if part.whole_subchannels:
        return solve_whole_global(part, relative, absolute, deadline, solve_global, certify)
    numbers = global_numbers(part)
    if numbers is None:
        return out_of_range(part, deadline, certify)
    # Writing the proof down takes time, too.
    searching = Deadline(SEARCHING * deadline.left) if certify else deadline
    search = _Search(part, numbers, relative, absolute, searching)
    stopped = search.run()
    decision, objective = held(part, search.decision(), search.access)
    bound = attained(search.bound, objective, search.resolution)
    search.stages["decision"] = time.perf_counter() - search.finished
    proof = None
    if certify:
        proof = search.proof(bound, Deadline(max(deadline.left, LEAST_PROVING)))
        bound = bound if proof is None else proof.bound
    search.trace.append((deadline.elapsed, objective, bound))
    return PartAnswer(decision, objective, bound, stopped, tuple(search.trace), search.stages, proof)


class _Search:
    """State of one branch and bound: boxes still open, the best access and spectrum, and the proved bound."""

    def __init__(self, part: GlobalPart, numbers: GlobalNumbers, relative: float, absolute: float, deadline: Deadline) -> None:
        started = time.perf_counter()
        self.part, self.relative, self.absolute, self.deadline = part, relative, absolute, deadline
        self.model = global_model(part, numbers)
        committees, points = self.model.needs.shape
        self.most = self._most()
        self.capacity: Integers = np.array(part.capacity, dtype=np.int64)
        # Without them (too many to start from each) there is one price and no search.
        self.counts = count_vectors(self.capacity, points) if enumerable(self.capacity, points, deadline) else None
        self.access = any_access(part)
        self.loads: Floats = np.zeros(committees)
        self.spectrum: Floats = np.zeros(committees)
        self.served: Floats = np.zeros(committees)
        self.objective: float = 0.0
        self.bound, self.closed = math.inf, -math.inf
        self.shown = 0.0  # of the objective, in the trace
        # Of C5: where the search starts; the latest one afterwards.
        self.price = 0.1 * part.benefit * points / self.model.budget
        self.tree = ProofTree()
        self.trace: list[tuple[float, float, float]] = []
        self.stages = {"reduction": time.perf_counter() - started}
        self.finished = time.perf_counter()

    def _most(self) -> float:
        """B (1 + A t) exp(-A t) at the least time t any committee can communicate in: what margins are in proportion to."""
        model = self.model
        needs = model.needs.min(axis=1)
        least = min(time_with(model, i, float(need), model.budget)[0] for i, need in enumerate(needs))
        decays = model.decay * least
        return model.benefit * ((1.0 + decays) * math.exp(-decays) if decays < math.inf else 1.0)

    @property
    def tolerance(self) -> float:
        """Gap that is allowed."""
        return self.relative * abs(self.objective) + self.absolute

    @property
    def resolution(self) -> float:
        """Gap that the margins of the bounds alone (``global_response.margin``) can leave at the latest price."""
        model = self.model
        served, on = len(self.access), len(self.loads)
        slack = 8.0 * SLACK * served * (self.most + model.spectrum_price * model.budget)
        late = TIMEOUT_TOLERANCE if self.part.timeout_rule == "fail" else 0.0
        return slack + 2.0 * late * (on * self.price + served * model.spectrum_price) * model.budget

    def run(self) -> Stopped:
        """Branch and bound until the gap is closed, the deadline passes or nothing can be split any more."""
        started = time.perf_counter()
        if self.counts is None:
            return self._at_one_price()
        boxes = root_boxes(self.model, self.counts)
        price = self.price
        bounds = self._quick_bounds(boxes, price)
        if bounds is None:
            return self._at_one_price()
        order = int(np.argmax(bounds))
        for bound in bounds:
            self.tree.add(float(bound), price)
        price = self._examine(boxes[order], self._some_access(boxes[order, COUNT]), price)[1]
        again = self._quick_bounds(boxes, price)
        if again is not None:
            for place, bound in enumerate(again):
                self.tree.improve(place, float(bound), price)
            bounds = np.minimum(bounds, again)
        if self.objective <= 0.0:
            # Without a price, committees for which off is best are worth 0 exactly: no slack is left where nobody earns.
            free = self._quick_bounds(boxes, 0.0)
            if free is not None:
                for place, bound in enumerate(free):
                    self.tree.improve(place, float(bound), 0.0)
                bounds = np.minimum(bounds, free)
        heap = [
            (-float(bound), place, boxes[place], self._some_access(boxes[place, COUNT]), price)
            for place, bound in enumerate(bounds)
            if bound > -math.inf
        ]
        heapq.heapify(heap)
        self.stages["roots"] = time.perf_counter() - started
        stopped: Stopped = "exhausted"
        while heap:
            self._prove(-heap[0][0])
            if -heap[0][0] <= self.objective + max(self.tolerance, self.resolution):
                break
            if self.deadline.passed:
                stopped = "time_limit"
                break
            above, number, box, access, price = heapq.heappop(heap)
            bound, price, split, committee, where = self._examine(box, access, price)
            self.tree.improve(number, bound, price)
            bound = min(bound, -above)
            if split == NOTHING:
                self.closed = max(self.closed, bound)
                continue
            below, above = self.tree.add(math.inf, price), self.tree.add(math.inf, price)
            self.tree.cut(number, LOAD_CUT if split == LOADS else DELAY_CUT, committee, where, below, above)
            for child_number, child in zip((below, above), _halves(box, split, committee, where), strict=True):
                heapq.heappush(heap, (-bound, child_number, child, access.copy(), price))
        self._prove(-heap[0][0] if heap else -math.inf)
        if self.bound - self.objective <= self.tolerance:
            stopped = "gap"
        self.finished = time.perf_counter()
        self.stages["search"] = self.finished - started - self.stages["roots"]
        return stopped

    def _quick_bounds(self, boxes: Floats, price: float) -> Floats | None:
        """Bounds of all boxes at one price; None when the deadline passes before."""
        found: list[Floats] = []
        for first in range(0, len(boxes), BOXES_AT_ONCE):
            if first and self.deadline.passed:
                return None
            found.append(quick_bounds(self.model, boxes[first : first + BOXES_AT_ONCE], price))
        return np.concatenate(found)

    def _at_one_price(self) -> Stopped:
        """Bound and decisions without a search (``global_many``)."""
        started = time.perf_counter()
        one = OnePrice(self.model, self.capacity, self.price)
        one.minimise(0.1 * self.relative * self.model.benefit + self.absolute, self.deadline)
        self.stages["price"] = time.perf_counter() - started
        one.decide(self.deadline)
        self.price = one.price
        if one.objective > 0.0:
            self.objective, self.served, self.access = one.objective, one.counts, one.access
            self.loads, self.spectrum = one.loads, one.spectrum
        free = self.model.benefit * len(self.access) * (1.0 + SLACK)  # everybody served at once, for nothing
        self._prove(min(one.bound, free))
        self.finished = time.perf_counter()
        self.stages["decisions"] = self.finished - started - self.stages["price"]
        if self.bound - self.objective <= self.tolerance:
            return "gap"
        return "time_limit" if self.deadline.passed else "exhausted"

    def proof(self, claim: float, deadline: Deadline) -> GlobalProof | None:
        """What proves that nobody earns more than ``claim``; None without a search of all counts, or time to write it down."""
        if self.counts is None or not self.tree.nodes:
            return None
        return global_proof(self.model, self.counts, self.tree, claim, deadline)

    def _some_access(self, counts: Floats) -> Integers:
        access: Integers = np.zeros(int(self.model.needs.shape[1]), dtype=np.int64)
        any_assignment(counts, access)
        return access

    def _prove(self, still_open: float) -> None:
        bound = max(still_open, self.closed)
        if bound < self.bound:
            self.bound = bound
            # Plans may use a hair more than the budget (``longer``): their decisions earn that much less.
            hair = 2.0 * longer(self.part) * (self.price + len(self.access) * self.model.spectrum_price) * self.model.budget
            self.shown = max(self.shown, self.objective - hair)
            self.trace.append((self.deadline.elapsed, self.shown, attained(bound, self.objective, self.resolution)))

    def _examine(self, box: Floats, access: Integers, price: float) -> tuple[float, float, int, int, float]:
        spectrum, loads = np.zeros(len(self.loads)), np.zeros(len(self.loads))
        tolerance = max(self.tolerance, self.resolution)
        bound, price, earned, split, committee, where = examine(
            self.model, box, access, price, self.objective, tolerance, spectrum, loads
        )
        if earned > self.objective:
            self.objective, self.access = earned, access.copy()
            self.loads, self.spectrum, self.served = loads, spectrum, box[COUNT].copy()
        self.price = price
        return bound, price, split, committee, where

    def decision(self) -> GlobalDecision:
        """The best decision held, at link level."""
        committees = len(self.loads)
        on = np.zeros(committees, dtype=np.bool_)
        phases, checks = np.full((committees, 4), np.inf), np.full(committees, np.inf)
        for i in range(committees):
            if self.served[i] <= 0.0 or earned_with(self.model, i, self.served[i], self.loads[i], self.spectrum[i]) <= 0.0:
                continue
            _, phases[i] = phases_with(self.model, i, self.loads[i], self.spectrum[i])
            counted = np.minimum(phases[i], self.part.timeout)
            if self.part.timeout_rule == "fail":
                phases[i] = counted  # what is longer is so by rounding
            communication = counted.sum() + max(counted[1], counted[2])
            gross = self.served[i] * self.part.benefit * math.exp(-self.part.decay * communication)
            cost = self.served[i] * self.model.cpu_cost[i]
            _, checks[i] = verification(gross, self.part.decay, cost, self.model.fastest[i])
            on[i] = checks[i] < math.inf
        return _within_budget(self.part, decision_of_times(self.part, self.access, on, phases, checks))


def _halves(box: Floats, split: int, committee: int, where: float) -> Iterator[Floats]:
    """The two boxes on either side of ``where``, first the one below."""
    low_row, high_row = (LOAD_LOW, LOAD_HIGH) if split == LOADS else (TIME_LOW, TIME_HIGH)
    for row in (high_row, low_row):
        child = box.copy()
        child[row, committee] = where
        yield child
