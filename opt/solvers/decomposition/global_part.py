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

from ...arrays import Floats, Integers
from ...certificate.proof import DELAY_CUT, LOAD_CUT, GlobalProof
from ...decision import GlobalDecision
from ...formulations.decisions import any_access
from ...global_equations import TIMEOUT_TOLERANCE, evaluate_global
from ...global_reduction import CommitteeNeeds, committee_needs, decision_of_times, useful_subchannels
from ...result import Deadline, Stopped
from ...snapshot import GlobalPart
from .global_assignment import any_assignment, count_vectors
from .global_bound import COUNT, LOAD_HIGH, LOAD_LOW, TIME_HIGH, TIME_LOW
from .global_curve import COLUMNS, curve_capped, curve_until_timeout
from .global_leaf import earned_with
from .global_many import OnePrice, enumerable
from .global_proof import global_proof
from .global_response import SLACK, GlobalModel, verification
from .global_search import LOADS, NOTHING, examine, phases_with, quick_bounds, root_boxes
from .part_answer import PartAnswer
from .proof_tree import ProofTree
from .whole_global import solve_whole_global
from .whole_limits import global_tables_fit, nothing_global

# Boxes bounded between two looks at the deadline.
BOXES_AT_ONCE = 256
# Part of its time that the search may use when a certificate is wanted, and seconds that writing one has in any case.
SEARCHING, LEAST_PROVING = 0.8, 0.5


def global_model(part: GlobalPart, needs: CommitteeNeeds) -> GlobalModel:
    """The part as compiled code sees it."""
    curve = curve_capped if part.timeout_rule == "cap" else curve_until_timeout
    curves = [
        curve(float(needs.leader[i]), *_real_terms(needs.broadcast[i], needs.reply[i]), float(part.timeout))
        for i in range(len(needs.leader))
    ]
    rows = np.zeros((len(curves), max(len(rows) for rows in curves), COLUMNS))
    for i, its in enumerate(curves):
        rows[i, : len(its)] = its
    return GlobalModel(
        budget=useful_subchannels(part),
        benefit=float(part.benefit),
        decay=float(part.decay),
        spectrum_price=float(part.spectrum_cost) * float(part.subchannel_hz),
        timeout=float(part.timeout),
        cpu_cost=np.array(part.cpu_cost * needs.cycles, order="C"),
        fastest=np.array(needs.fastest, order="C"),
        needs=np.array(needs.access, order="C"),  # any other layout would be compiled for again
        rows=rows,
        rows_of=np.array([len(its) for its in curves], dtype=np.int64),
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
    # Writing the proof down takes time, too.
    search = _Search(part, relative, absolute, Deadline(SEARCHING * deadline.left) if certify else deadline)
    stopped = search.run()
    decision = search.decision()
    objective = float(evaluate_global(part, decision).utility)
    bound = max(search.bound, objective)
    search.stages["decision"] = time.perf_counter() - search.finished
    proof = None
    if certify:
        proof = search.proof(bound, Deadline(max(deadline.left, LEAST_PROVING)))
        bound = bound if proof is None else proof.bound
    search.trace.append((deadline.elapsed, objective, bound))
    return PartAnswer(decision, objective, bound, stopped, tuple(search.trace), search.stages, proof)


class _Search:
    """State of one branch and bound: boxes still open, the best access and spectrum, and the proved bound."""

    def __init__(self, part: GlobalPart, relative: float, absolute: float, deadline: Deadline) -> None:
        started = time.perf_counter()
        self.part, self.relative, self.absolute, self.deadline = part, relative, absolute, deadline
        self.model = global_model(part, committee_needs(part))
        committees, points = self.model.needs.shape
        self.capacity: Integers = np.array(part.capacity, dtype=np.int64)
        # Without them (too many to start from each) there is one price and no search.
        self.counts = count_vectors(self.capacity, points) if enumerable(self.capacity, points, deadline) else None
        self.access = any_access(part)
        self.loads, self.spectrum, self.served = np.zeros(committees), np.zeros(committees), np.zeros(committees)
        self.objective, self.bound, self.closed = 0.0, math.inf, -math.inf
        # Of C5: where the search starts; the latest one afterwards.
        self.price = 0.1 * part.benefit * points / self.model.budget
        self.tree = ProofTree()
        self.trace: list[tuple[float, float, float]] = []
        self.stages = {"reduction": time.perf_counter() - started}
        self.finished = time.perf_counter()

    @property
    def tolerance(self) -> float:
        """Gap that is allowed."""
        return self.relative * abs(self.objective) + self.absolute

    @property
    def resolution(self) -> float:
        """Gap that the margins of the bounds alone (``global_response.margin``) can leave at the latest price."""
        model = self.model
        served, on = len(self.access), len(self.loads)
        slack = 8.0 * SLACK * served * (model.benefit + model.spectrum_price * model.budget)
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
        self._prove(max(-heap[0][0] if heap else -math.inf, self.objective))
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
        bound = max(still_open, self.closed, self.objective)
        if bound < self.bound:
            self.bound = bound
            self.trace.append((self.deadline.elapsed, self.objective, bound))

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
            counted = phases[i] if self.part.timeout_rule == "fail" else np.minimum(phases[i], self.part.timeout)
            communication = counted.sum() + max(counted[1], counted[2])
            gross = self.served[i] * self.part.benefit * math.exp(-self.part.decay * communication)
            cost = self.served[i] * self.model.cpu_cost[i]
            _, checks[i] = verification(gross, self.part.decay, cost, self.model.fastest[i])
            on[i] = checks[i] < math.inf
        return decision_of_times(self.part, self.access, on, phases, checks)


def _halves(box: Floats, split: int, committee: int, where: float) -> Iterator[Floats]:
    """The two boxes on either side of ``where``, first the one below."""
    low_row, high_row = (LOAD_LOW, LOAD_HIGH) if split == LOADS else (TIME_LOW, TIME_HIGH)
    for row in (high_row, low_row):
        child = box.copy()
        child[row, committee] = where
        yield child
