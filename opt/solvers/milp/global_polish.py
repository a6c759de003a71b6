r"""From the relaxation's choice to a feasible global decision: access, who is on, what is left are kept, times are improved.

As in ``local_polish``: at weights g_i = A B exp(-A T_i) on delays (tangents of the benefits) and prices
pi_i = p_0 + price/n_i of spectrum, the best times of a committee are

    t_r = sqrt(pi r / g),   (x, y, z) = sqrt(pi / g) (x^, y^, z^),   t_v = sqrt(cpu_cost cycles / g),

cut at the timeout, with (x^, y^, z^) the minimiser of x + y + max(x, y) + z + e_0/x + sum_a max(e_a/y, g_a/z): spectrum is
inversely proportional to time, so one shape serves all weights. Where a timeout cuts, the shape is a choice, not the optimum.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Booleans, Floats, Integers
from ...global_reduction import CommitteeNeeds
from ...snapshot import GlobalPart
from .global_model import GlobalChoice

STEPS = 400
HALVINGS = 55
GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
SEARCH = 48


class Plan(NamedTuple):
    """phases [I, 4] (inf: left or off), verification [I] (inf: off)."""

    phases: Floats
    verification: Floats


def spread(broadcast: Floats, reply: Floats, prepare: float, answer: float) -> float:
    """sum_a max(e_a / y, g_a / z) [subchannels]."""
    return float(np.maximum(broadcast / prepare, reply / answer).sum())


def best_shape(leader: float, broadcast: Floats, reply: Floats, served: Booleans) -> Floats:
    """(x^, y^, z^); inf for a phase that is left. served [3]: pre-prepare, prepare, reply."""
    leads, prepares, answers = served.tolist()
    low, high = math.sqrt(0.5 * leader), math.sqrt(leader)
    if not prepares:
        return np.array([high if leads else math.inf, math.inf, math.sqrt(float(reply.sum())) if answers else math.inf])

    def answer_to(prepare: float) -> tuple[float, float]:
        left, right = 1e-3 * prepare, prepare
        for _ in range(SEARCH):
            width = GOLDEN * (right - left)
            a, b = right - width, left + width
            left, right = (
                (left, b) if a + spread(broadcast, reply, prepare, a) < b + spread(broadcast, reply, prepare, b) else (a, right)
            )
        answer = 0.5 * (left + right)
        return answer, answer + spread(broadcast, reply, prepare, answer)

    def cost(prepare: float) -> float:
        total = prepare + answer_to(prepare)[1]
        if leads:
            lead = min(max(prepare, low), high)
            total += lead + max(lead, prepare) + leader / lead
        return total

    scale = math.sqrt(float(broadcast.sum() + reply.sum()))
    left, right = 1e-2 * scale, 2.0 * scale
    for _ in range(SEARCH):
        width = GOLDEN * (right - left)
        a, b = right - width, left + width
        left, right = (left, b) if cost(a) < cost(b) else (a, right)
    prepare = 0.5 * (left + right)
    return np.array([min(max(prepare, low), high) if leads else math.inf, prepare, answer_to(prepare)[0]])


class Polish:
    """Improvement for one access, one set of committees that are on, one set of phases that are served."""

    def __init__(self, part: GlobalPart, needs: CommitteeNeeds, late: Floats, choice: GlobalChoice) -> None:
        self.part, self.needs, self.choice = part, needs, choice
        self.on = np.flatnonzero(choice.on)
        self.late = late[self.on]
        points: Integers = np.arange(len(choice.access))
        self.n = np.bincount(choice.access, minlength=len(choice.on))[self.on].astype(np.float64)
        load = needs.access[choice.access, points]
        self.load = np.bincount(choice.access, load, len(choice.on))[self.on]
        served = np.isfinite(choice.phases[self.on])
        shape = [best_shape(float(needs.leader[i]), *self._terms(i), served[row, 1:]) for row, i in enumerate(self.on.tolist())]
        request = np.where(served[:, 0], np.sqrt(self.load), np.inf)
        self.shape = np.concatenate([request[:, None], np.array(shape).reshape(-1, 3)], axis=1)
        self.money = part.cpu_cost * needs.cycles[self.on]
        self.price = float(part.spectrum_cost * part.subchannel_hz)
        self.timeout = float(part.timeout)

    def _terms(self, committee: int) -> tuple[Floats, Floats]:
        e, g = self.needs.broadcast[committee], self.needs.reply[committee]
        real = (e > 0.0) | (g > 0.0)
        return e[real], g[real]

    def spectrum(self, phases: Floats) -> float:
        """Subchannels that all committees need for these phases [on, 4]."""
        total = float((self.load / phases[:, 0]).sum() + (self.needs.leader[self.on] / phases[:, 1]).sum())
        for row, i in enumerate(self.on.tolist()):
            total += spread(*self._terms(i), float(phases[row, 2]), float(phases[row, 3]))
        return total

    def step(self, delay: Floats) -> tuple[Floats, Floats] | None:
        """Phases [on, 4] and verification [on] that answer tangents at ``delay`` in the budget; None: timeouts forbid it."""
        # A committee that drifts off would take all weight with it.
        weight = self.part.decay * self.part.benefit * np.exp(-self.part.decay * np.minimum(delay, self.late))
        finite = np.isfinite(self.shape)

        def phases(price: float) -> Floats:
            scale = np.sqrt((self.price + price / self.n) / weight)
            return np.where(finite, np.minimum(scale[:, None] * self.shape, self.timeout), np.inf)

        low, high = 0.0 if self.price > 0.0 else 1e-12, 1.0
        best = phases(low)
        if self.spectrum(best) > self.part.subchannels_max:
            while self.spectrum(phases(high)) > self.part.subchannels_max:
                low, high = high, 4.0 * high
                if high > 1e15:
                    return None
            for _ in range(HALVINGS):
                price = 0.5 * (low + high)
                low, high = (price, high) if self.spectrum(phases(price)) > self.part.subchannels_max else (low, price)
            best = phases(high)
        return best, np.maximum(np.sqrt(self.money / weight), self.needs.fastest[self.on])

    def value(self, phases: Floats, check: Floats) -> tuple[float, Floats]:
        """(utility, delays [on])."""
        counted = np.minimum(phases, self.timeout)
        delay = counted.sum(axis=1) + np.maximum(counted[:, 1], counted[:, 2]) + check
        cpu = np.divide(self.money, check, out=np.zeros_like(check), where=self.money > 0.0)
        spent = np.array([self._spent(row, phases[row]) for row in range(len(self.on))])
        worth = self.part.benefit * np.exp(-self.part.decay * delay) - self.price * spent - cpu
        return float(self.n @ worth), delay

    def _spent(self, row: int, phases: Floats) -> float:
        i = int(self.on[row])
        fixed = float(self.load[row] / phases[0] + self.needs.leader[i] / phases[1])
        return fixed + spread(*self._terms(i), float(phases[2]), float(phases[3]))

    def raw(self) -> tuple[Floats, Floats] | None:
        """The relaxation's own times, stretched to the budget; None when timeouts forbid that."""
        phases = self.choice.phases[self.on]
        phases = np.where(np.isfinite(phases), np.minimum(phases, self.timeout), np.inf)
        for _ in range(50):
            spent = self.spectrum(phases)
            if spent <= self.part.subchannels_max:
                return phases, self.choice.verification[self.on]
            stretched = phases * (spent / self.part.subchannels_max) * (1.0 + 1e-13)
            phases = np.where(np.isfinite(phases), np.minimum(stretched, self.timeout), np.inf)
        return None

    def plans(self, accuracy: float) -> list[Plan]:
        """The relaxation's times and their improvement, as plans for all committees."""
        found: list[tuple[Floats, Floats]] = []
        raw = self.raw()
        if raw is not None:
            found.append(raw)
        delay, best = self.choice.delay[self.on], -math.inf
        for _ in range(STEPS):
            times = self.step(delay)
            if times is None:
                break
            value, delay = self.value(*times)
            if value > best:
                found = [*found[:1], times] if raw is not None else [times]
            if value - best <= accuracy:
                break
            best = value
        return [self._plan(*times) for times in found]

    def _plan(self, phases: Floats, check: Floats) -> Plan:
        size = len(self.choice.on)
        everywhere, checks = np.full((size, 4), math.inf), np.full(size, math.inf)
        everywhere[self.on], checks[self.on] = phases, check
        return Plan(everywhere, checks)
