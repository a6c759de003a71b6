r"""The local part of Problem (16) as a mixed-integer program with hyperbolas that never says less than the truth.

Reduced variables (``opt.local_reduction``) in times: head j uploads in x, trains in y and waits q with the others, so it
spends u = need/x subchannels and k = cpu_cost work/y money, both hyperbolas, and earns worth exp(-A (x + y + q)), which has a
secant on each interval of the delay. A binary b_jc says that head j is on with its delay in interval c; x, y, q, u, k are per
interval (the convex hull of the head's choices), at most one b_jc is 1, none when the head is off.

One program is for tau = T_multi in one interval (a ``Case``) without an edge of the level inside. There M/tau is a hyperbola
and the shared delay Q(tau) lies above lines. Head j waits Q only if it is on: with o_j = sum_c b_jc

    sum_c q_jc >= Q - Qmax (1 - o_j),      q_jc >= Qmin b_jc,

where Qmin and Qmax are Q at the ends of the interval: the only "big" constants, and the smallest that are valid.

What is left out, and why nothing is lost: a head whose delay exceeds ``late`` earns less than it costs whatever the others
do (or less than its share of ``tail``, which is added to the bound), so it is off; everything off earns 0 and is held anyway.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...local_reduction import ReducedLocal
from .cells import Promise, promises, secants
from .local_delay import OVERLAP, delay_in, lines_below
from .program import Program
from .refinement import Case

# Benefits that are smaller than this fraction of all worth are not modelled but added to the bound.
TAIL = 1e-8


@dataclass(frozen=True, eq=False)
class HeadRanges:
    """Fastest upload and training [J], earliest and latest delay [J] worth modelling, ``able`` [J]: earliest < latest."""

    upload: Floats
    training: Floats
    early: Floats
    late: Floats
    able: Booleans
    tail: float


def head_ranges(problem: ReducedLocal, soonest: float) -> HeadRanges:
    """Ranges of each head's times; ``soonest``: least shared delay Q."""
    upload = problem.need / problem.budget * (1.0 - 1e-12)
    training = problem.work / problem.cpu_max
    early = upload + training + soonest
    # On at delay T a head pays at least cost/T (each of its times is below T), so it earns only while T exp(-A T) > cost/worth.
    cost = (np.sqrt(problem.cpu_price * problem.work) + np.sqrt(problem.spectrum_price * problem.need)) ** 2
    total = float(problem.worth.sum())
    last = -np.log(TAIL * total / np.maximum(problem.worth * len(early), 1e-300)) / problem.decay
    late = np.maximum(last, 0.0)
    left, right = np.full(len(early), 1.0 / problem.decay), late.copy()
    for _ in range(60):
        middle = 0.5 * (left + right)
        pays = problem.worth * middle * np.exp(-problem.decay * middle) > cost
        left, right = np.where(pays, middle, left), np.where(pays, right, middle)
    late = np.minimum(late, right * (1.0 + 1e-9))
    able = (problem.worth > 0.0) & (late > early * (1.0 + 1e-9))
    return HeadRanges(upload, training, early, late, able, TAIL * total)


@dataclass(frozen=True, eq=False)
class LocalChoice:
    """What a solution of the relaxation says: on [J], upload and training times and delay [J] (inf when off), and tau."""

    on: Booleans
    upload: Floats
    training: Floats
    delay: Floats
    tau: float
    case: Case


class LocalModel:
    """One program: tau in ``case`` ((0, 0): nobody multicasts), delays on the intervals between ``ends`` of each head."""

    def __init__(self, problem: ReducedLocal, ranges: HeadRanges, ends: list[Floats], case: Case) -> None:
        self.problem, self.ranges, self.case = problem, ranges, case
        self.least = delay_in(problem, case.left * (1.0 - OVERLAP), *case) if case.left > 0.0 else 0.0
        self.most = delay_in(problem, case.right * (1.0 + OVERLAP), *case) if case.left > 0.0 else 0.0
        early = ranges.upload + ranges.training + self.least
        self.heads = np.flatnonzero(ranges.able & (early < ranges.late))
        joined: list[Floats] = []
        for j in self.heads.tolist():
            start = max(float(early[j]), float(ends[j][0]))
            joined.append(np.concatenate([[start], ends[j][ends[j] > start * (1.0 + 1e-12)]]))
        self.place: Integers = np.repeat(np.arange(len(self.heads)), [len(its) - 1 for its in joined])
        self.head: Integers = self.heads[self.place]
        self.left = np.concatenate([np.zeros(0), *(its[:-1] for its in joined)])
        self.right = np.concatenate([np.zeros(0), *(its[1:] for its in joined)])
        self.program = Program()
        self._heads()
        spectrum = np.concatenate([self.u, self._multicast()]) if case.left > 0.0 else self.u
        self.program.sparse_rows(np.zeros_like(spectrum), spectrum, 1.0, 1, -np.inf, problem.budget)

    def _heads(self) -> None:
        problem, ranges, program = self.problem, self.ranges, self.program
        head, left, right, count = self.head, self.left, self.right, len(self.head)
        start, slope = secants(left, right, problem.decay)
        worth = problem.worth[head]
        upload, training = ranges.upload[head], ranges.training[head]
        self.b = program.columns(count, 0.0, 1.0, worth * start, whole=True)
        self.x = program.columns(count, 0.0, right, worth * slope)
        self.y = program.columns(count, 0.0, right, worth * slope)
        self.q = program.columns(count, 0.0, self.most, worth * slope)
        self.u = program.columns(count, 0.0, problem.budget, -problem.spectrum_price)
        delay = [(self.x, 1.0), (self.y, 1.0), (self.q, 1.0)]
        program.rows([*delay, (self.b, -left)], count, lower=0.0)
        program.rows([*delay, (self.b, -right)], count, upper=0.0)
        program.rows([(self.y, 1.0), (self.b, -training)], count, lower=0.0)
        program.rows([(self.q, 1.0), (self.b, -self.least)], count, lower=0.0)
        rest = right - upload - training - self.least
        program.hyperbolas(self.u, self.x, self.b, problem.need[head], upload, upload + rest, 2 * head)
        money = problem.cpu_price * problem.work[head]
        paid = np.flatnonzero(money > 0.0)
        k = program.columns(len(paid), 0.0, money[paid] / training[paid], -1.0)
        program.hyperbolas(
            k, self.y[paid], self.b[paid], money[paid], training[paid], (training + rest)[paid], 2 * head[paid] + 1
        )
        program.sparse_rows(self.place, self.b, 1.0, len(self.heads), 0.0, 1.0)

    def _multicast(self) -> Integers:
        """Multicast time, shared delay and who waits for it; the column of multicast spectrum."""
        problem, program, case = self.problem, self.program, self.case
        left, right = case.left * (1.0 - OVERLAP), case.right * (1.0 + OVERLAP)
        one = program.columns(1, 1.0, 1.0)
        self.tau = program.columns(1, left, right)
        shared = program.columns(1, self.least, self.most)
        m = program.columns(1, 0.0, problem.budget, -problem.spectrum_price)
        program.hyperbolas(m, self.tau, one, problem.multicast_need, left, right, 2 * len(problem.worth))
        for intercept, slope in lines_below(problem, case.left, case.right):
            program.rows([(shared, 1.0), (self.tau, -slope)], 1, lower=intercept)
        count = len(self.heads)
        rows = np.concatenate([self.place, self.place, np.arange(count)])
        columns = np.concatenate([self.q, self.b, np.repeat(shared, count)])
        size = len(self.place)
        values = np.concatenate([np.ones(size), np.full(size, -self.most), np.full(count, -1.0)])
        program.sparse_rows(rows, columns, values, count, -self.most, np.inf)
        return m

    def promise(self, values: Floats) -> Promise:
        """By how much the intervals' secants exceed the truth at a solution."""
        delays = values[self.x] + values[self.y] + values[self.q]
        worth = self.problem.worth[self.head]
        return promises(self.left, self.right, self.problem.decay, worth, values[self.b], delays)

    def waived(self, values: Floats) -> tuple[float, float]:
        """(money that heads earn by waiting less than Q(tau), tau) at a solution."""
        if self.case.left <= 0.0:
            return 0.0, 0.0
        problem, size = self.problem, len(self.problem.worth)
        tau = float(np.clip(values[self.tau[0]], *self.case))
        share, wait, other = (
            np.bincount(self.head, columns, size)
            for columns in (values[self.b], values[self.q], values[self.x] + values[self.y])
        )
        on = share > 1e-6
        share, wait, other = share[on], wait[on] / share[on], other[on] / share[on]
        waits = delay_in(problem, tau, *self.case)
        truth = problem.worth[on] * np.exp(-problem.decay * (other + waits))
        return float((share * truth) @ np.expm1(problem.decay * np.maximum(0.0, waits - wait))), tau

    def choice(self, values: Floats) -> LocalChoice:
        """Read a solution; a head that is on by halves (a linear relaxation's) counts as on from 1/2."""
        size = len(self.problem.worth)
        share, upload, training, wait = (
            np.bincount(self.head, values[columns], size) for columns in (self.b, self.x, self.y, self.q)
        )
        on = share > 0.5
        upload, training, wait = (np.where(on, total / np.where(on, share, 1.0), np.inf) for total in (upload, training, wait))
        tau = float(np.clip(values[self.tau[0]], *self.case)) if self.case.left > 0.0 else 0.0
        return LocalChoice(on, upload, training, upload + training + wait, tau, self.case)
