r"""From the relaxation's choice to a feasible local decision: who is on and the level are kept, times are improved.

Benefits are convex in the delay, so their tangents at the delays held are lower bounds that are exact there. Maximising the
tangents instead is a convex problem with a closed form at a price of spectrum,

    x = sqrt((p_0 + price) need / g_j),  y = sqrt(cpu_cost work / g_j),  g_j = A worth exp(-A T_j),
    tau = sqrt((p_0 + price) M / (slope of Q times sum_j g_j)),

and every such step earns at least what it started from (minorise and maximise).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats
from ...local_equations import ADAPTATION_SLOPE
from ...local_reduction import ReducedLocal
from .local_delay import STEP_BACK, delay_in, level_edge
from .local_model import HeadRanges, LocalChoice

STEPS = 400
HALVINGS = 55


class Times(NamedTuple):
    """Upload and training times [J] (inf: off) and tau; the level's interval is [left, right]."""

    upload: Floats
    training: Floats
    tau: float


class Polish:
    """Improvement for one choice of heads and one level."""

    def __init__(self, problem: ReducedLocal, ranges: HeadRanges, choice: LocalChoice) -> None:
        self.problem, self.choice = problem, choice
        self.on = choice.on
        self.worth, self.need = problem.worth[self.on], problem.need[self.on]
        self.money = problem.cpu_price * problem.work[self.on]
        self.fastest = ranges.training[self.on]
        self.late = ranges.late[self.on]
        self.left, self.right = self._level_range()

    def _level_range(self) -> tuple[float, float]:
        """Multicast times with the level of the choice that a decision may take."""
        problem, choice = self.problem, self.choice
        least = problem.multicast_need / problem.budget
        if problem.multicast_need <= 0.0:
            return 0.0, 0.0
        if not problem.stepped:
            return least, math.inf
        load = problem.load_rate * math.sqrt(choice.case.left * choice.case.right)
        level = max(0.0, math.floor(ADAPTATION_SLOPE * math.log(load)))
        start = level_edge(problem, level) * (1.0 + STEP_BACK) if level >= 1.0 else 0.0
        return max(least, start), level_edge(problem, level + 1.0) * (1.0 - STEP_BACK)

    def shared_delay(self, tau: float) -> float:
        """Q(tau) inside the level."""
        return delay_in(self.problem, tau, *self.choice.case) if tau > 0.0 else 0.0

    def best_tau(self, price: float, weight: float) -> float:
        """argmin of (p_0 + price) M / tau + weight Q(tau) on the level's range."""
        problem = self.problem
        if problem.multicast_need <= 0.0:
            return 0.0
        spend = (problem.spectrum_price + price) * problem.multicast_need / weight
        kink = problem.queue_relief / problem.queue_slope if problem.queue_slope > 0.0 else math.inf
        if problem.stepped:
            load = problem.load_rate * math.sqrt(self.choice.case.left * self.choice.case.right)
            level = max(0.0, math.floor(ADAPTATION_SLOPE * math.log(load)))
            after = math.sqrt(spend / (level + problem.queue_slope)) if level + problem.queue_slope > 0.0 else math.inf
            before = math.sqrt(spend / level) if level > 0.0 else math.inf
            tau = after if after >= kink else min(before, kink)
            return min(max(tau, self.left), self.right)
        left, right = self.left, max(2.0 * self.left, 1e3 * self.choice.tau)
        for _ in range(HALVINGS):
            tau = math.sqrt(left * right)
            load = problem.load_rate * tau
            slope = ADAPTATION_SLOPE * (math.log(load) + 1.0) if load > 1.0 else 0.0
            slope += problem.queue_slope if tau > kink else 0.0
            left, right = (tau, right) if slope * tau * tau < spend else (left, tau)
        return math.sqrt(left * right)

    def step(self, delay: Floats) -> Times:
        """The best answer to tangents at ``delay`` that keeps the budget."""
        problem = self.problem
        # A head that drifts off would take all weight with it.
        weight = problem.decay * self.worth * np.exp(-problem.decay * np.minimum(delay, self.late))
        total = float(weight.sum())
        training = np.maximum(np.sqrt(self.money / weight), self.fastest)
        root = np.sqrt(self.need / weight)

        def times(price: float) -> tuple[Floats, float, float]:
            upload = math.sqrt(problem.spectrum_price + price) * root
            tau = self.best_tau(price, total)
            spent = float((self.need / upload).sum()) + (problem.multicast_need / tau if tau > 0.0 else 0.0)
            return upload, tau, spent

        low, high = (0.0, 1.0) if problem.spectrum_price > 0.0 else (1e-12, 1.0)
        upload, tau, spent = times(low)
        if spent > problem.budget:
            while times(high)[2] > problem.budget and high < 1e15:
                low, high = high, 4.0 * high
            for _ in range(HALVINGS):
                price = 0.5 * (low + high)
                low, high = (price, high) if times(price)[2] > problem.budget else (low, price)
            upload, tau, spent = times(high)
        return Times(upload, training, tau)

    def value(self, times: Times) -> tuple[float, Floats]:
        """(utility, delays); -inf when the budget is passed."""
        problem = self.problem
        multicast = problem.multicast_need / times.tau if times.tau > 0.0 else 0.0
        uplink = self.need / times.upload
        delay = times.upload + times.training + self.shared_delay(times.tau)
        earned = float((self.worth * np.exp(-problem.decay * delay)).sum())
        cpu = np.divide(self.money, times.training, out=np.zeros_like(self.money), where=self.money > 0.0)
        spectrum = float(uplink.sum()) + multicast
        earned -= problem.spectrum_price * spectrum + float(cpu.sum())
        return (earned if spectrum <= problem.budget * (1.0 + 1e-12) else -math.inf), delay

    def run(self, accuracy: float) -> Times:
        """Best times from the choice's delays on; steps end when one gains less than ``accuracy``."""
        delay = self.choice.delay[self.on]
        best, held = -math.inf, None
        for _ in range(STEPS):
            times = self.step(delay)
            value, delay = self.value(times)
            gained = value - best
            if gained > 0.0 or held is None:
                best, held = value, times
            if gained <= accuracy:
                break
        assert held is not None
        size = len(self.problem.worth)
        upload, training = np.full(size, math.inf), np.full(size, math.inf)
        upload[self.on], training[self.on] = held.upload, held.training
        return Times(upload, training, held.tau)
