r"""Solver ``multistart``: Ipopt (through casadi) on the reduced problem from many random starts. Incumbents only, no bound.

A start draws what is discrete (who is on, the level of (11), access, under "cap" which phases are kept) and a point, from
scratch or, half the time, by changing the best start so far a little; Ipopt then finds a local optimum over the rest:

    local   max sum_on [worth_j exp(-A (a_j/f_j + d_j/u_j + w + s)) - p_0 u_j - z f_j] - p_0 M/tau,  sum u + M/tau <= W,
            w >= iota tau - H/(2 lambda), w >= 0; s = level tau (floor) or s >= 2.84 tau ln(2 lambda tau), s >= 0 (smooth)
    global  max sum_on n_i [B exp(-A (t_r + x + y + c + z + t_v)) - p_0 (r_i/t_r + e_0/x + sum_a w_a) - z cycles/t_v],
            w_a >= e_a/y, w_a >= g_a/z, c >= x, c >= y, z <= y, spectrum of all committees <= W
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from ..arrays import Booleans, Floats, Integers, booleans, integers
from ..decision import Decision, GlobalDecision, LocalDecision
from ..errors import InputError
from ..formulations.decisions import any_access, global_near, global_off, local_near, local_off
from ..global_equations import evaluate_global
from ..global_reduction import CommitteeNeeds, committee_needs
from ..local_equations import ADAPTATION_SLOPE, evaluate_local
from ..local_reduction import ReducedLocal, reduce_local
from ..result import Answer, Budget, Deadline, TracePoint
from ..snapshot import GlobalPart, LocalPart, Snapshot

casadi: Any = import_module("casadi")

STARTS = 100
# Shares of a budget or capacity below which nothing is worth trying: keeps 1/x finite.
LEAST = 1e-5
# With more heads than this all that lose are dropped at once, with fewer one after the other.
MANY = 20


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """At most 100 starts per part, half the time each; the gap is not used since nothing is proved.

    Raises InputError for whole subchannels, which a continuous solver cannot keep.
    """
    for field, part in (("local", snapshot.local), ("global", snapshot.global_)):
        if part.whole_subchannels:
            raise InputError(
                "is true; solver 'multistart' handles divisible subchannels only, use 'decomposition' or 'scip'",
                field=f"{field}.whole_subchannels",
            )
    deadline, half = Deadline(budget.time_limit), Deadline(0.5 * budget.time_limit)
    needs, data = committee_needs(snapshot.global_), reduce_local(snapshot.local)
    global_ = global_off(snapshot.global_, any_access(snapshot.global_))
    local = local_off(snapshot.local)
    trace: list[TracePoint] = []
    first = second = 0.0
    choice: _GlobalChoice | None = None
    for _ in range(STARTS):
        if half.passed:
            break
        drawn = _draw_global(snapshot.global_, choice if rng.random() < 0.5 else None, rng)
        candidate = _global_start(snapshot.global_, needs, drawn, half, rng)
        earned = float(evaluate_global(snapshot.global_, candidate).utility)
        if earned > second:
            global_, second, choice = candidate, earned, drawn
            trace.append(TracePoint(deadline.elapsed, first + second, math.inf))
    best: _LocalChoice | None = None
    for _ in range(STARTS):
        if deadline.passed:
            break
        begun = _draw_local(data, best if rng.random() < 0.5 else None, rng)
        found = _local_start(snapshot.local, data, begun, deadline, rng)
        earned = float(evaluate_local(snapshot.local, found).utility)
        if earned > first:
            local, first, best = found, earned, begun
            trace.append(TracePoint(deadline.elapsed, first + second, math.inf))
    return Answer(Decision(local, global_), stopped="time_limit" if deadline.passed else "exhausted", trace=tuple(trace))


class _Look(casadi.Callback):
    """Asks between Ipopt's iterations whether the deadline has passed; Python sees signals then, too."""

    def __init__(self, variables: int, rules: int, deadline: Deadline) -> None:
        casadi.Callback.__init__(self)
        self._lengths = {"x": variables, "lam_x": variables, "f": 1, "g": rules, "lam_g": rules}
        self._deadline = deadline
        self.construct("look", {})

    def get_n_in(self) -> int:
        """What casadi shows after an iteration."""
        return casadi.nlpsol_n_out()

    def get_n_out(self) -> int:
        """Whether to stop."""
        return 1

    def get_sparsity_in(self, which: int) -> Any:
        """All vectors, dense; of no length what is not there."""
        return casadi.Sparsity.dense(self._lengths.get(casadi.nlpsol_out(which), 0), 1)

    def eval(self, arg: Any) -> list[float]:
        """1: stop."""
        del arg
        return [1.0 if self._deadline.passed else 0.0]


class _Program:
    """A small nonlinear program put together piece by piece."""

    def __init__(self) -> None:
        self.variables: list[Any] = []
        self.start: list[float] = []
        self.low: list[float] = []
        self.high: list[float] = []
        self.rules: list[Any] = []

    def vector(self, low: Floats, high: Floats, start: Floats) -> Any:
        """Variables with bounds and a start inside them."""
        made = casadi.MX.sym(f"x{len(self.variables)}", len(low))
        self.variables.append(made)
        self.low += [float(x) for x in low]
        self.high += [float(x) for x in high]
        self.start += [float(x) for x in np.clip(start, low, high)]
        return made

    def scalar(self, low: float, high: float, start: float) -> Any:
        """One variable."""
        return self.vector(np.array([low]), np.array([high]), np.array([start]))

    def at_most_zero(self, expression: Any) -> None:
        """A constraint (vectors: each entry)."""
        self.rules.append(expression)

    def maximise(self, objective: Any, deadline: Deadline) -> list[Floats]:
        """A local optimum (or where Ipopt stopped), one array per call of ``vector``."""
        problem = {"x": casadi.vertcat(*self.variables), "f": -objective, "g": casadi.vertcat(*self.rules)}
        seconds = min(deadline.left, 1e20)
        options: dict[str, Any] = {
            "print_time": False,
            "error_on_fail": False,
            "ipopt": {"print_level": 0, "sb": "yes", "max_iter": 300, "max_wall_time": max(seconds, 0.01), "tol": 1e-8},
        }
        look = _Look(problem["x"].shape[0], problem["g"].shape[0], deadline)
        options["iteration_callback"] = look
        solver = casadi.nlpsol("start", "ipopt", problem, options)
        found = solver(x0=self.start, lbx=self.low, ubx=self.high, lbg=-math.inf, ubg=0.0)["x"]
        flat = np.array(found, dtype=np.float64).reshape(-1)
        sizes = np.cumsum([variable.shape[0] for variable in self.variables])
        return np.split(flat, sizes[:-1])


def local_program(data: ReducedLocal, on: Integers, tau: float, rng: np.random.Generator) -> tuple[_Program, Any]:
    """The local program with heads ``on``, on the level of T_multi = ``tau``; the order of vectors is u, f, T_multi, w, s."""
    program = _Program()
    low, high = np.full(len(on), LEAST * data.budget), np.full(len(on), data.budget)
    shares = data.budget * rng.dirichlet(np.ones(len(on) + 1))
    u = program.vector(low, high, shares[:-1])
    # CPU as a fraction of each head's own.
    f = program.vector(np.full(len(on), LEAST), np.ones(len(on)), rng.uniform(0.2, 1.0, len(on)))
    fastest = data.work[on] / data.cpu_max[on]
    spectrum = casadi.sum1(u)
    delay = fastest / f + data.need[on] / u
    if data.multicast_need > 0.0:
        level = max(0, math.floor(ADAPTATION_SLOPE * math.log(data.load_rate * tau)))
        left = math.exp(level / ADAPTATION_SLOPE) / data.load_rate if level and data.stepped else 0.0
        right = math.exp((level + 1) / ADAPTATION_SLOPE) / data.load_rate if data.stepped else math.inf
        shared = program.scalar(max(left, data.multicast_need / data.budget), right, tau)
        waiting = program.scalar(0.0, math.inf, max(0.0, data.queue_slope * tau - data.queue_relief))
        adaptation = program.scalar(0.0, math.inf, level * tau)
        program.at_most_zero(data.queue_slope * shared - data.queue_relief - waiting)
        steps = level if data.stepped else ADAPTATION_SLOPE * casadi.log(data.load_rate * shared)
        program.at_most_zero(steps * shared - adaptation)
        spectrum += data.multicast_need / shared
        delay += waiting + adaptation
    program.at_most_zero(spectrum / data.budget - 1.0)
    gains = casadi.sum1(data.worth[on] * casadi.exp(-data.decay * delay))
    return program, gains - data.spectrum_price * spectrum - data.cpu_price * casadi.sum1(data.cpu_max[on] * f)


@dataclass(frozen=True, eq=False)
class _LocalChoice:
    """What a local start fixes: heads that are on [J] and the T_multi [s] whose level is searched."""

    on: Booleans
    tau: float


def _draw_local(data: ReducedLocal, near: _LocalChoice | None, rng: np.random.Generator) -> _LocalChoice:
    """A choice from scratch, or one that changes ``near`` a little."""
    count = len(data.worth)
    least = data.multicast_need / data.budget
    if near is not None:
        changed = rng.random(count) < 1.0 / count
        return _LocalChoice(near.on ^ changed, max(near.tau * math.exp(rng.normal(0.0, 0.3)), 1.01 * least))
    tau = least * math.exp(rng.uniform(0.01, math.log(100.0))) if least > 0.0 else 0.0
    return _LocalChoice(rng.random(count) < rng.uniform(0.3, 1.0), tau)


def _local_start(
    part: LocalPart, data: ReducedLocal, choice: _LocalChoice, deadline: Deadline, rng: np.random.Generator
) -> LocalDecision:
    """One start, and again without the head that loses most there, as long as one does."""
    count = len(data.worth)
    keep, tau = choice.on & (data.worth > 0.0), choice.tau
    best = local_off(part)
    while keep.any() and not deadline.passed:
        on = np.flatnonzero(keep).astype(np.int64)
        program, objective = local_program(data, on, tau, rng)
        found = program.maximise(objective, deadline)
        uplink, cpu = np.zeros(count), np.zeros(count)
        uplink[on], cpu[on] = np.maximum(found[0], 0.0), np.clip(found[1], 0.0, 1.0) * data.cpu_max[on]
        tau = float(found[2][0]) if data.multicast_need > 0.0 else 0.0
        candidate = local_near(part, data, tau, uplink, cpu)
        earned = evaluate_local(part, candidate)
        if earned.utility > evaluate_local(part, best).utility:
            best = candidate
        losses = np.where(keep, earned.head_utility, np.inf)
        losing = losses < 0.0 if count > MANY else losses == min(float(losses.min()), -1e-9)
        if not losing.any():
            break
        keep = keep & ~losing
    return best


def global_program(
    part: GlobalPart, needs: CommitteeNeeds, access: Integers, on: Integers, kept: Floats, rng: np.random.Generator
) -> tuple[_Program, Any]:
    """The global program with committees ``on``; kept [I, 4]: 1 where a phase is reached, 0 where it counts the timeout. One
    vector per committee, t_r, x, y, z, c, t_v and the relays w_a, in the order of ``on``."""
    program = _Program()
    price, timeout, budget = part.spectrum_cost * part.subchannel_hz, part.timeout, part.subchannels_max
    earned, spectrum = casadi.MX(0.0), casadi.MX(0.0)
    for i in on:
        used = access == i
        count = float(used.sum())
        relays = int(needs.broadcast.shape[-1])
        low, high = np.full(6 + relays, LEAST * timeout), np.full(6 + relays, float(timeout))
        low[:4] = np.where(kept[i] > 0.0, low[:4], timeout)
        low[5] = max(float(needs.fastest[i]), LEAST / part.decay)
        high[5] = max(50.0 / part.decay, 2.0 * low[5])
        low[6:], high[6:] = 0.0, budget
        start: Floats = timeout * rng.uniform(0.1, 1.0, len(low))
        start[5] = low[5] * rng.uniform(1.0, 5.0)
        x = program.vector(low, high, start)
        request, leader, broadcast, reply, commit, verification = (x[n] for n in range(6))
        program.at_most_zero(leader - commit)
        program.at_most_zero(broadcast - commit)
        if kept[i, 2] > 0.0:
            if kept[i, 3] > 0.0:
                program.at_most_zero(reply - broadcast)
            program.at_most_zero(needs.broadcast[i] / broadcast - x[6:])
        if kept[i, 3] > 0.0:
            program.at_most_zero(needs.reply[i] / reply - x[6:])
        own = casadi.sum1(x[6:])
        own += kept[i, 0] * needs.access[i, used].sum() / request + kept[i, 1] * needs.leader[i] / leader
        delay = request + leader + broadcast + reply + commit + verification
        value = part.benefit * casadi.exp(-part.decay * delay) - price * own - part.cpu_cost * needs.cycles[i] / verification
        earned += count * value
        spectrum += own
    program.at_most_zero(spectrum / budget - 1.0)
    return program, earned


@dataclass(frozen=True, eq=False)
class _GlobalChoice:
    """What a global start fixes: access [K], committees that work [I], phases that are reached [I, 4]."""

    access: Integers
    working: Booleans
    kept: Floats


def _draw_global(part: GlobalPart, near: _GlobalChoice | None, rng: np.random.Generator) -> _GlobalChoice:
    """A choice from scratch, or one that exchanges or moves one AP and turns one phase of ``near``."""
    committees, aps = (int(n) for n in part.sinr_access.shape)
    cap = part.timeout_rule == "cap"
    if near is None:
        seats = np.repeat(np.arange(committees), np.minimum(part.capacity, aps))
        kept = (rng.random((committees, 4)) < rng.choice([0.5, 1.0])).astype(np.float64) if cap else np.ones((committees, 4))
        return _GlobalChoice(integers(rng.permutation(seats)[:aps]), booleans(rng.random(committees) < 0.9), kept)
    access, kept = near.access.copy(), near.kept.copy()
    one, other, target = int(rng.integers(aps)), int(rng.integers(aps)), int(rng.integers(committees))
    if np.count_nonzero(access == target) < part.capacity[target]:
        access[one] = target
    else:
        access[one], access[other] = access[other], access[one]
    if cap:
        i, phase = int(rng.integers(committees)), int(rng.integers(4))
        kept[i, phase] = 1.0 - kept[i, phase]
    return _GlobalChoice(integers(access), near.working, kept)


def _global_start(
    part: GlobalPart, needs: CommitteeNeeds, choice: _GlobalChoice, deadline: Deadline, rng: np.random.Generator
) -> GlobalDecision:
    """One start, and again without the committees that lose there."""
    committees = len(needs.leader)
    access, kept = choice.access, choice.kept
    working = booleans(choice.working & (np.bincount(access, minlength=committees) > 0))
    best = global_off(part, access)
    while working.any() and not deadline.passed:
        on = integers(np.flatnonzero(working))
        program, objective = global_program(part, needs, access, on, kept, rng)
        found = program.maximise(objective, deadline)
        times, verification = np.full((committees, 4), np.inf), np.full(committees, np.inf)
        for i, values in zip(on, found, strict=True):
            times[i] = np.where(kept[i] > 0.0, values[:4], np.inf)
            verification[i] = max(float(values[5]), float(needs.fastest[i]))
        best = global_near(part, access, working, times, verification)
        losing = booleans(working & ~(evaluate_global(part, best).committee_utility > 0.0))
        if not losing.any():
            break
        working = booleans(working & ~losing)
    return best
