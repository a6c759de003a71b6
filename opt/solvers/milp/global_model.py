r"""The global part of Problem (16) as a mixed-integer program with hyperbolas that never says less than the truth.

Committee i serving n >= 1 APs in total delay T is a choice (i, n, c), c an interval of T, with a binary b; no choice means that
the committee is off and earns 0 whatever APs it was given. Per choice: times t_r, x, y, z of request, pre-prepare, prepare,
reply, w = max(x, y) of commit and t_v of verification, and (``opt.global_reduction``, which removes the links)

    v = 1/t_r,  X = 1/x,  Y = 1/y,  Z = 1/z,  money for CPU = n cpu_cost cycles/t_v           hyperbolas,
    spectrum = sum_k need_k gamma_k v + e_0 X + D,   D >= sum_{a in S} e_a Y + sum_{a not in S} g_a Z,
    earned = n B exp(-A T), replaced by its secant on c,   T = t_r + x + y + w + z + t_v.

D = sum_a max(e_a Y, g_a Z) needs only the sets S that keep the largest e_a/g_a (which term is larger depends on Y/Z alone).
Access is a binary gamma_ik, with gamma_ikn its product with "serves n" and v_ikn = gamma_ikn v, tied down by sum_k v_ikn = n v.
Under "fail" no phase of a committee that is on exceeds the timeout (one that fails earns nothing, so it is better off).
Under "cap" a phase is either served within the timeout (binary o) or left: then it counts the timeout and needs nothing.

Left out, and why nothing is lost: delays beyond ``late`` cost more than they earn, or earn less than a share of ``tail``.
z <= y (without loss: the manager hears every prepare), and under "cap" z counts no more than y.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...global_equations import TIMEOUT_TOLERANCE
from ...global_reduction import CommitteeNeeds
from ...snapshot import GlobalPart
from .cells import Promise, promises, secants
from .program import Program

TAIL = 1e-8
ROOM = 1.0 + 1e-11
PHASES = 4  # request, pre-prepare, prepare, reply


@dataclass(frozen=True, eq=False)
class CommitteeRanges:
    """fastest [I, 4] request, pre-prepare, prepare, reply [s] with the whole budget; early, late [I]; tail [money]."""

    fastest: Floats
    early: Floats
    late: Floats
    tail: float


def committee_ranges(part: GlobalPart, needs: CommitteeNeeds) -> CommitteeRanges:
    """Ranges of times worth modelling."""
    budget, points = float(part.subchannels_max), needs.access.shape[1]
    fastest = np.stack([needs.access.min(axis=1), needs.leader, needs.broadcast.sum(axis=1), needs.reply.sum(axis=1)], axis=1)
    fastest = fastest / budget * (1.0 - 1e-12)
    capped = part.timeout_rule == "cap"
    counted = np.minimum(fastest, part.timeout) if capped else fastest
    early = counted.sum(axis=1) + np.maximum(counted[:, 1], counted[:, 2]) + needs.fastest
    # B exp(-A T) pays for cost/T only while T exp(-A T) > cost/B; left phases cost nothing.
    need = 0.0 if capped else (fastest * budget).sum(axis=1)
    cost = part.cpu_cost * needs.cycles + part.spectrum_cost * part.subchannel_hz * need
    last = -math.log(TAIL / points) / part.decay
    left, right = np.full(len(cost), 1.0 / part.decay), np.full(len(cost), last)
    for _ in range(60):
        middle = 0.5 * (left + right)
        pays = part.benefit * middle * np.exp(-part.decay * middle) > cost
        left, right = np.where(pays, middle, left), np.where(pays, right, middle)
    late = np.minimum(right * (1.0 + 1e-9), last)
    if part.cpu_cost <= 0.0:
        # Free CPU is used in full, and phases end at the timeout.
        late = np.minimum(late, 5.0 * part.timeout * (1.0 + 1e-6) + needs.fastest + 1e-6 / part.decay)
    return CommitteeRanges(fastest, early, late, part.benefit * TAIL)


@dataclass(frozen=True, eq=False)
class GlobalChoice:
    """access [K]; on [I]; phases [I, 4] (inf: left), verification [I], delay [I]: what a solution says."""

    access: Integers
    on: Booleans
    phases: Floats
    verification: Floats
    delay: Floats


class GlobalModel:
    """The program for intervals ``ends`` of each committee's delay."""

    def __init__(self, part: GlobalPart, needs: CommitteeNeeds, ranges: CommitteeRanges, ends: list[Floats]) -> None:
        self.part, self.needs, self.ranges = part, needs, ranges
        self.committees, self.points = int(needs.access.shape[0]), int(needs.access.shape[1])
        self.capped = part.timeout_rule == "cap"
        self.most: Integers = np.minimum(part.capacity, self.points)
        # Options: one per committee and count; choices: one per option and interval.
        self.owner: Integers = np.repeat(np.arange(self.committees), self.most)
        self.count = np.concatenate([np.zeros(0), *(np.arange(1.0, most + 1.0) for most in self.most.tolist())])
        cells = np.array([max(0, len(its) - 1) for its in ends], dtype=np.int64)
        sizes = cells[self.owner]
        self.option: Integers = np.repeat(np.arange(len(self.owner)), sizes)
        owners: list[int] = self.owner.tolist()
        of_owner = [ends[i] for i in owners]
        self.left = np.concatenate([np.zeros(0), *(its[:-1] for its in of_owner)])
        self.right = np.concatenate([np.zeros(0), *(its[1:] for its in of_owner)])
        self.i = self.owner[self.option]
        self.n = self.count[self.option]
        self.program = Program()
        self.rate: list[Integers] = []
        self.served: list[Integers] = []
        self.time: list[Integers] = []
        self._choices()
        self._access()

    def _choices(self) -> None:
        part, needs, program = self.part, self.needs, self.program
        size, i, n, right = len(self.i), self.i, self.n, self.right
        limit = float(part.timeout) * (1.0 + TIMEOUT_TOLERANCE) * ROOM
        start, slope = secants(self.left, right, part.decay)
        worth = n * part.benefit
        price = n * part.spectrum_cost * part.subchannel_hz
        # A phase that is left counts the timeout: timeout (b - o) in T, in which b stands for all four at once.
        left_out = float(part.timeout) if self.capped else 0.0
        self.b = program.columns(size, 0.0, 1.0, worth * (start + PHASES * left_out * slope), whole=True)
        fastest = self.ranges.fastest[i]
        prices = [0.0, price * needs.leader[i], 0.0, 0.0]
        counted: list[list[tuple[Integers, float]]] = []
        for phase in range(PHASES):
            top = np.minimum(limit, right)
            able = np.where(fastest[:, phase] <= top, 1.0, 0.0)
            time = program.columns(size, 0.0, top, worth * slope)
            rate = program.columns(size, 0.0, 1.0 / fastest[:, phase], -np.asarray(prices[phase]))
            if self.capped:
                # Whether a phase is served is one decision per committee: at most one of its choices has b = 1.
                served = program.columns(size, 0.0, able, -worth * slope * left_out)
                program.rows([(served, 1.0), (self.b, -1.0)], size, upper=0.0)
                decided = program.columns(self.committees, 0.0, 1.0, whole=True)
                rows = np.concatenate([i, np.arange(self.committees)])
                signs = np.concatenate([np.ones(size), -np.ones(self.committees)])
                program.sparse_rows(rows, np.concatenate([served, decided]), signs, self.committees, 0.0, 0.0)
                counted.append([(time, 1.0), (self.b, left_out), (served, -left_out)])
            else:
                served = self.b
                program.rows([(self.b, 1.0)], size, upper=able)
                counted.append([(time, 1.0)])
            program.hyperbolas(rate, time, served, 1.0, np.minimum(fastest[:, phase], top), top, PHASES * i + phase)
            self.time.append(time)
            self.rate.append(rate)
            self.served.append(served)
        self.commit = program.columns(size, 0.0, limit, worth * slope)
        self.check = program.columns(size, 0.0, right, worth * slope)
        self.spread = program.columns(size, 0.0, part.subchannels_max, -price)
        for phase in (1, 2):
            program.rows([(self.commit, 1.0), *((c, -v) for c, v in counted[phase])], size, lower=0.0)
        # z <= y; b cancels.
        program.rows([*counted[2][:1], *counted[2][2:], *((c, -v) for c, v in counted[3] if c is not self.b)], size, lower=0.0)
        self.terms = [(columns, 1.0) for columns in (*self.time, self.commit, self.check)]
        if self.capped:
            self.terms += [(served, -left_out) for served in self.served]
        self.on_counts = PHASES * left_out
        program.rows([*self.terms, (self.b, self.on_counts - self.left)], size, lower=0.0)
        program.rows([*self.terms, (self.b, self.on_counts - right)], size, upper=0.0)
        program.rows([(self.check, 1.0), (self.b, -needs.fastest[i])], size, lower=0.0)
        money = n * part.cpu_cost * needs.cycles[i]
        paid = np.flatnonzero(money > 0.0)
        k = program.columns(len(paid), 0.0, money[paid] / needs.fastest[i[paid]], -1.0)
        low = needs.fastest[i[paid]]
        program.hyperbolas(k, self.check[paid], self.b[paid], money[paid], low, right[paid], PHASES * self.committees + i[paid])
        self._spread_rows()
        program.sparse_rows(self.i, self.b, 1.0, self.committees, 0.0, 1.0)

    def _spread_rows(self) -> None:
        """D above each partial sum: the largest e_a/g_a at prepare's rate, the others at reply's."""
        needs = self.needs
        for committee in range(self.committees):
            rows = np.flatnonzero(self.i == committee)
            e, g = needs.broadcast[committee], needs.reply[committee]
            order = np.argsort(-e / np.maximum(g, 1e-300), kind="stable")
            e, g = e[order], g[order]
            for size in range(len(e) + 1):
                if 0 < size < len(e) and g[size] <= 0.0 and e[size] <= 0.0:
                    continue
                first, rest = float(e[:size].sum()), float(g[size:].sum())
                terms = [(self.spread[rows], 1.0), (self.rate[2][rows], -first), (self.rate[3][rows], -rest)]
                self.program.rows(terms, len(rows), lower=0.0)

    def _access(self) -> None:
        """Who uses which committee, and the request spectrum of every option."""
        part, needs, program = self.part, self.needs, self.program
        committees, points, options = self.committees, self.points, len(self.owner)
        gamma = program.columns(committees * points, 0.0, 1.0, whole=True).reshape(committees, points)
        self.gamma = gamma
        program.sparse_rows(np.tile(np.arange(points), committees), gamma.ravel(), 1.0, points, 1.0, 1.0)
        program.sparse_rows(np.repeat(np.arange(committees), points), gamma.ravel(), 1.0, committees, -np.inf, part.capacity)
        # A committee that is on serves exactly n: sum_k gamma <= sum_o n serves_o + most (1 - sum_o serves_o), and >=.
        rows = np.concatenate([np.repeat(np.arange(committees), points), self.i])
        columns = np.concatenate([gamma.ravel(), self.b])
        ones = np.ones(committees * points)
        most = self.most.astype(np.float64)
        program.sparse_rows(rows, columns, np.concatenate([ones, most[self.i] - self.n]), committees, -np.inf, most)
        program.sparse_rows(rows, columns, np.concatenate([ones, -self.n]), committees, 0.0, np.inf)
        # Products with "serves n" (options x points).
        least = np.sort(needs.access, axis=1).cumsum(axis=1)[self.owner, self.count.astype(np.int64) - 1]
        top = float(part.subchannels_max) / least * ROOM
        shape = options * points
        chosen = program.columns(shape, 0.0, 1.0).reshape(options, points)
        price = self.count * part.spectrum_cost * part.subchannel_hz
        need = needs.access[self.owner]
        rates = program.columns(shape, 0.0, np.repeat(top, points), -(price[:, None] * need).ravel()).reshape(options, points)
        self.requests, self.request_need = rates, need
        program.rows([(chosen.ravel(), 1.0), (gamma[self.owner].ravel(), -1.0)], shape, upper=0.0)
        flat, wide = np.repeat(np.arange(options), points), np.repeat(top, points)
        program.rows([(rates.ravel(), 1.0), (chosen.ravel(), -wide)], shape, upper=0.0)
        sums = np.concatenate([flat, self.option])
        values = np.concatenate([np.ones(shape), -self.n])
        program.sparse_rows(sums, np.concatenate([chosen.ravel(), self.b]), values, options, 0.0, 0.0)
        program.sparse_rows(sums, np.concatenate([rates.ravel(), self.rate[0]]), values, options, 0.0, 0.0)
        # v_ikn <= v, and v_ikn >= v - top (serves - gamma_ikn): equal to v where served.
        pair: Integers = np.arange(shape)
        of_choice = [pair.reshape(options, points)[self.option, k] for k in range(points)]
        rows = np.concatenate([pair, *of_choice])
        columns = np.concatenate([rates.ravel(), *([self.rate[0]] * points)])
        size = len(self.i) * points
        program.sparse_rows(rows, columns, np.concatenate([np.ones(shape), -np.ones(size)]), shape, -np.inf, 0.0)
        rows = np.concatenate([pair, pair, *of_choice, *of_choice])
        columns = np.concatenate([rates.ravel(), chosen.ravel(), *([self.rate[0]] * points), *([self.b] * points)])
        values = np.concatenate([np.ones(shape), -wide, -np.ones(size), np.tile(top[self.option], points)])
        program.sparse_rows(rows, columns, values, shape, 0.0, np.inf)
        spectrum = [rates.ravel(), self.rate[1], self.spread]
        values = np.concatenate([need.ravel(), needs.leader[self.i], np.ones(len(self.i))])
        columns = np.concatenate(spectrum)
        program.sparse_rows(np.zeros_like(columns), columns, values, 1, -np.inf, part.subchannels_max)

    def promise(self, values: Floats) -> Promise:
        """By how much the intervals' secants exceed the truth at a solution."""
        part = self.part
        return promises(self.left, self.right, part.decay, self.n * part.benefit, values[self.b], self._delays(values))

    def _delays(self, values: Floats) -> Floats:
        """b T of every choice."""
        return sum((value * values[columns] for columns, value in self.terms), self.on_counts * values[self.b])

    def choice(self, values: Floats) -> GlobalChoice:
        """Read a solution; fractions count from 1/2."""
        part, size = self.part, self.committees
        access = np.argmax(values[self.gamma], axis=0)
        share = np.bincount(self.i, values[self.b], size)
        on = (share > 0.5) & (np.bincount(access, minlength=size) > 0)
        scale = np.where(on, share, 1.0)
        phases = np.full((size, PHASES), np.inf)
        for phase in range(PHASES):
            served = np.bincount(self.i, values[self.served[phase]], size)
            time = np.bincount(self.i, values[self.time[phase]], size)
            busy = on & (served > 0.5)
            phases[busy, phase] = np.clip(time[busy] / served[busy], self.ranges.fastest[busy, phase], part.timeout)
        check = np.where(on, np.bincount(self.i, values[self.check], size) / scale, np.inf)
        delay = np.where(on, np.bincount(self.i, self._delays(values), size) / scale, np.inf)
        return GlobalChoice(access, on, phases, np.maximum(check, self.needs.fastest), delay)
