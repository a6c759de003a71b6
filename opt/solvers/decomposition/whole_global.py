r"""Solver of the global part of Problem (16) with whole subchannels: exact tables per committee and set of APs.

A delegate's total is a whole number, the manager's with the request shares of its APs; how it is split inside is free (model
section 3). ``whole_curve`` lists what delegates can do with m subchannels, ``whole_committee`` the best worth of a committee
with N in all. A committee's worth depends on its set of APs (their number n and load r) and on N alone, so

    best(i, S, W) = max over T in S, |T| <= psi_i, N <= W of  best(i - 1, S \ T, W - N) + worth_i(T, N)

over committees is Problem (16)'s global part: exact, its bound is its value plus slack for rounding (SLACK of ``global_bound``
per AP). That needs 2^K tables per committee. Beyond ``MOST_POINTS`` APs, or when the deadline comes first, the bound is that of
divisible subchannels (a relaxation: whole totals are divisible ones), and the access is the one that is best there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ...arrays import Floats, Integers, floats, integers
from ...certificate.proof import GlobalProof, LocalProof, WholeGlobalProof
from ...compiled import compiled
from ...decision import GlobalDecision
from ...global_equations import TIMEOUT_TOLERANCE
from ...global_range import GlobalNumbers, global_numbers
from ...global_reduction import cpu_within
from ...result import Deadline, Stopped
from ...snapshot import GlobalPart
from ...whole_subchannels import whole_budget
from .global_held import attained, held, out_of_range
from .global_response import SLACK, verification
from .part_answer import PartAnswer
from .whole_committee import Manager, least_times, manager_with, worth_of
from .whole_curve import FROM, SLOPE, TO, committee_rows, reply_time
from .whole_global_proof import whole_global_proof

MOST_POINTS = 12
# Slacks of worths by which a certificate claims more than the search proves: its checker finds times by other means.
CHECKED = 10.0
# Part of the time left that the tables may take: the local part needs some too.
TABLE_TIME = 0.8
Divisible = Callable[[GlobalPart, float, float, Deadline, bool], PartAnswer[GlobalDecision]]


def solve_whole_global(
    part: GlobalPart, relative: float, absolute: float, deadline: Deadline, divisible: Divisible, certify: bool = False
) -> PartAnswer[GlobalDecision]:
    """Best decision of one epoch and a proved bound. divisible: the solver of the relaxation to divisible subchannels.

    With ``certify`` the answer holds the proof of its bound, which then is larger by what a checker's rounding may add.
    """
    numbers = global_numbers(part)
    if numbers is None:
        return out_of_range(part, deadline, certify)
    started = time.perf_counter()
    tables = _Tables(part, numbers)
    stages = {"rows": time.perf_counter() - started}
    started = time.perf_counter()
    points = part.sinr_access.shape[-1]
    patience = Deadline(TABLE_TIME * max(0.0, deadline.limit - deadline.elapsed))
    found = tables.search(patience) if points <= MOST_POINTS else None
    proof: LocalProof | GlobalProof | WholeGlobalProof | None = None
    if found is not None:
        access, totals, bound, worth = found
        if certify:
            slack = tables.slack(points)
            claim = bound + CHECKED * slack if bound > 0.0 else 0.0
            proof = whole_global_proof(tables.or_idle(worth), claim, slack, deadline)
            bound = proof.bound
    else:
        relaxed = divisible(replace(part, whole_subchannels=False), relative, absolute, deadline, certify)
        access, bound, proof = relaxed.decision.access, relaxed.bound, relaxed.proof
        totals = tables.spend(access)
    stages["search"] = time.perf_counter() - started
    decision, objective = held(part, tables.decision(access, totals), access)
    if found is not None and objective < found[2] - 1e-6 * abs(found[2]) - CHECKED * tables.slack(points):
        # Phases that end in time by rounding alone are in the bound, but cannot be carried out: without them then.
        exact = _Tables(part, numbers, TIMEOUT_TOLERANCE)
        again = exact.search(deadline)
        if again is not None:
            decision, objective = held(part, exact.decision(*again[:2]), again[0])
    bound = attained(bound, objective, tables.slack(points))
    stopped: Stopped = "exhausted"
    if bound - objective <= relative * max(abs(objective), 1e-9) + absolute:
        stopped = "gap"
    elif deadline.passed:
        stopped = "time_limit"
    return PartAnswer(decision, objective, bound, stopped, ((deadline.elapsed, objective, bound),), stages, proof)


@compiled
def _spread(before: Floats, worth: Floats) -> Floats:
    """best(i, S, W) from best(i - 1, ., .) and worth_i(., .); rows are sets of APs as bits."""
    sets, width = before.shape
    best = np.full((sets, width), -math.inf)
    for all_ in range(sets):
        part = all_
        while True:
            rest = all_ ^ part
            if worth[part].max() > -math.inf:
                for total in range(width):
                    mine = worth[part, total]
                    if mine == -math.inf:
                        continue
                    for used in range(width - total):
                        value = before[rest, used] + mine
                        if value > best[all_, used + total]:
                            best[all_, used + total] = value
            if part == 0:
                break
            part = (part - 1) & all_
    return best


def _members(chosen: int, points: int) -> Integers:
    """The APs of a set written as bits."""
    return np.array([k for k in range(points) if chosen >> k & 1], dtype=np.int64)


class _Tables:
    """Committees' rows and worths."""

    def __init__(self, part: GlobalPart, numbers: GlobalNumbers, tolerance: float = TIMEOUT_TOLERANCE + 2.0 * SLACK) -> None:
        """tolerance: of the timeout; by default rounded up, so that nothing that just ends in time is left out of a bound."""
        self.part, self.numbers, self.tolerance = part, numbers, tolerance
        self.budget = whole_budget(numbers.budget)
        self.capped = part.timeout_rule == "cap"
        self.group = part.multicast == "group"
        self.broadcast: list[Floats] = []
        self.reply: list[Floats] = []
        self.rows: list[Floats] = []
        links = numbers.link
        for i, delegates in enumerate(part.layout.delegates):
            others = links[i, 1:delegates, 1:delegates]
            reply = links[i, 1:delegates, 0].copy()
            broadcast = np.maximum(others.max(axis=-1), reply) if self.group else others.sum(axis=-1)
            self.broadcast.append(broadcast)
            self.reply.append(reply)
            self.rows.append(committee_rows(self.group, broadcast, reply, self.budget, numbers.timeout, tolerance, self.capped))

        # With all the budget, each for the AP that needs least.
        self.least_time = math.inf
        for i, load in enumerate(numbers.access.min(axis=1)):
            times = least_times(float(load), *self._committee(i), self.budget, *self._timeouts())
            self.least_time = min(self.least_time, float(times.min()))

    def worth(self, committee: int, members: Integers) -> Floats:
        """worth_i(members, N) for N = 0 ... budget."""
        numbers = self.numbers
        load = float(numbers.access[committee, members].sum())
        times = least_times(load, *self._committee(committee), self.budget, *self._timeouts())
        if not self.capped:
            # Phases that pass the timeout by the tolerance count as the timeout: a longer time may be counted shorter.
            timeout = numbers.timeout
            times = np.where(times > timeout, np.maximum(timeout, times / (1.0 + self.tolerance)), times)
        return worth_of(
            times,
            float(len(members)),
            numbers.benefit,
            numbers.decay,
            numbers.spectrum_price,
            float(numbers.cpu_cost[committee]),
            float(numbers.fastest[committee]),
        )

    def _committee(self, committee: int) -> tuple[float, Floats]:
        return float(self.numbers.leader[committee]), self.rows[committee]

    def _timeouts(self) -> tuple[float, float, bool]:
        return self.numbers.timeout, self.tolerance, self.capped

    def slack(self, points: int) -> float:
        """What rounding may take from the best total worth: of B (1 + A t) exp(-A t), t the least time of any committee, as exp
        loses A t ulps, and of the price of the budget, for each AP."""
        numbers = self.numbers
        decays = numbers.decay * self.least_time
        most = numbers.benefit * ((1.0 + decays) * math.exp(-decays) if decays < math.inf else 1.0)
        return SLACK * points * (most + numbers.spectrum_price * self.budget)

    def or_idle(self, worth: Floats) -> Floats:
        """worth [I, sets, W + 1] of committees that may also hold their subchannels for nothing, without a block: -n p_0 N.

        No best decision does, but a cell of a proof may ask for N_i >= 1 of a committee that is off, or has no APs (n = 0).
        """
        served = np.array([chosen.bit_count() for chosen in range(worth.shape[1])], dtype=np.float64)
        totals: Integers = np.arange(int(worth.shape[2]))
        idle: Floats = -self.numbers.spectrum_price * served[:, None] * totals
        return np.where(worth[:, :, :1] > -math.inf, np.maximum(worth, idle), worth)

    def search(self, deadline: Deadline) -> tuple[Integers, Integers, float, Floats] | None:
        """(access, total of each committee, bound) of the best decision, and worth [I, sets, W + 1] of every set and total;
        None when the deadline came first."""
        part = self.part
        committees, points = self.numbers.access.shape
        sets, width = 1 << points, self.budget + 1
        capacity = [int(psi) for psi in part.capacity]
        worth = np.full((committees, sets, width), -math.inf)
        worth[:, 0, 0] = 0.0
        for chosen in range(1, sets):
            members = _members(chosen, points)
            for i in range(committees):
                if points - (sum(capacity) - capacity[i]) <= len(members) <= capacity[i]:
                    worth[i, chosen] = self.worth(i, members)
            if deadline.passed:
                return None
        stages = [np.full((sets, width), -math.inf)]
        stages[0][0] = 0.0
        for i in range(committees):
            stages.append(_spread(stages[i], worth[i]))
        access, totals = np.zeros(points, dtype=np.int64), np.zeros(committees, dtype=np.int64)
        left, budget = sets - 1, self.budget
        value = float(stages[-1][left, budget])
        for i in range(committees - 1, -1, -1):
            chosen, totals[i] = _last_step(stages[i], worth[i], left, budget, float(stages[i + 1][left, budget]))
            access[_members(chosen, points)] = i
            left, budget = left ^ chosen, budget - int(totals[i])
        # Where nobody earns anything by more than rounding, everything off (worth 0 exactly) is best. With ``cap`` a committee
        # may earn without a subchannel: all its phases count the timeout. Off, N = 0 is worth exactly 0.
        earns = bool((worth[:, 1:, 1:] > -self.slack(points)).any() or (worth[:, 1:, 0] > 0.0).any())
        return access, totals, value + self.slack(points) if earns else 0.0, worth

    def spend(self, access: Integers) -> Integers:
        """The best totals of each committee for a given access."""
        committees, width = len(self.rows), self.budget + 1
        worth = [self.worth(i, np.flatnonzero(access == i)) if (access == i).any() else np.zeros(1) for i in range(committees)]
        best = np.zeros(width)
        picks: list[Integers] = []
        for mine in worth:
            sums = np.full((width, width), -math.inf)
            for total, earned in enumerate(mine):
                sums[total, total:] = best[: width - total] + earned
            picks.append(sums.argmax(axis=0))
            best = sums.max(axis=0)
        totals, budget = np.zeros(committees, dtype=np.int64), self.budget
        for i in range(committees - 1, -1, -1):
            totals[i] = picks[i][budget]
            budget -= int(totals[i])
        return totals

    def decision(self, access: Integers, totals: Integers) -> GlobalDecision:
        """The link-level decision with this access and these totals per committee (a committee worth nothing is off)."""
        part, numbers = self.part, self.numbers
        shape = part.layout.is_link.shape
        request, cpu = np.zeros(len(access)), np.zeros(part.cycles.shape)
        peer, multicast = np.zeros(shape), np.zeros(shape[:2])
        requests = numbers.access
        for i in range(len(totals)):
            mine = np.flatnonzero(access == i)
            if len(mine) == 0:
                continue
            load = float(numbers.access[i, mine].sum())
            best = manager_with(load, *self._committee(i), int(totals[i]), *self._timeouts())
            if not math.isfinite(best.time):
                continue
            served = float(len(mine))
            gross = served * numbers.benefit * math.exp(-numbers.decay * best.time)
            _, check = verification(gross, numbers.decay, served * float(numbers.cpu_cost[i]), float(numbers.fastest[i]))
            if not math.isfinite(check):
                continue
            share = self._request(i, load, best)
            request[mine] = requests[i, mine] * (share / load)
            own = best.own - float(request[mine].sum())
            counts = self._counts(i, best)
            if self.group:
                multicast[i, 0] = own
                multicast[i, 1 : len(counts) + 1] = counts
            else:
                self._links(peer[i], i, own, counts, best)
            quick = cpu_within(part.cycles[i], part.cpu_max_hz[i], np.array(check))
            cpu[i] = np.where(part.layout.is_delegate[i], quick, 0.0)
        return GlobalDecision(
            access=integers(access),
            request=floats(request),
            cpu_hz=floats(cpu),
            multicast=floats(multicast) if self.group else None,
            peer=None if self.group else floats(peer),
        )

    def _request(self, committee: int, load: float, best: Manager) -> float:
        """w, moved off the tolerance of the timeout where that is possible."""
        timeout, own = self.numbers.timeout, float(best.own)
        if self.capped:
            return best.request
        low, high = load / timeout, own - float(self.numbers.leader[committee]) / timeout
        return min(max(best.request, low), high) if low <= high else best.request

    def _counts(self, committee: int, best: Manager) -> Integers:
        """Totals of the delegates that attain a row (a narrow row at its right end)."""
        broadcast, reply = self.broadcast[committee], self.reply[committee]
        row = self.rows[committee][best.row]
        counts = np.zeros(len(broadcast), dtype=np.int64)
        members = int(row[0])
        if self.capped and row[FROM] >= self.part.timeout:
            if members > 0:
                reply_time(True, np.zeros(len(reply)), reply, math.inf, members, counts)
            return counts
        prepare = self._prepare(row, best)
        _, last = reply_time(self.group, broadcast, reply, min(prepare, float(self.part.timeout)), members, counts)
        if last < 0:
            reply_time(self.group, broadcast, reply, prepare, members, counts)
        return counts

    @staticmethod
    def _prepare(row: Floats, best: Manager) -> float:
        return best.prepare if row[SLOPE] > 0.0 else float(row[TO])

    def _links(self, peer: Floats, committee: int, own: float, counts: Integers, best: Manager) -> None:
        """Writes the shares of every link: links to delegates as y asks, the rest of the whole number to the manager."""
        row = self.rows[committee][best.row]
        needs = self.numbers.link[committee]
        size = len(counts) + 1
        peer[0, 1:size] = own * needs[0, 1:size] / needs[0, 1:size].sum()
        peer[0, 1] += own - peer[0, 1:size].sum()
        for a in range(1, size):
            if not (self.capped and row[FROM] >= self.part.timeout):
                prepare = min(self._prepare(row, best), float(self.part.timeout))
                peer[a, 1:size] = needs[a, 1:size] / prepare
            peer[a, 0] = counts[a - 1] - peer[a, 1:size].sum()


@compiled
def _last_step(before: Floats, worth: Floats, all_: int, budget: int, value: float) -> tuple[int, int]:
    """(T, N) with best(i, S, W) = best(i - 1, S without T, W - N) + worth_i(T, N)."""
    part = all_
    while True:
        for total in range(budget + 1):
            if before[all_ ^ part, budget - total] + worth[part, total] == value:
                return part, total
        if part == 0:
            break
        part = (part - 1) & all_
    return 0, 0
