"""Attacks the bound of a divisible global part: fronts of committees over phase times, every access, a shared price.

For a weight mu of time against spectrum the phases of a committee are each in closed form (time t of a phase that needs r
subchannel seconds: sqrt(mu r)), so a sweep of mu draws its front of spectrum against time, one front for each way of leaving
phases to the timeout under ``cap``. Which committee serves which APs is enumerated at a sweep of prices; committees then share
the budget by a knapsack over their fronts, and all mu are stretched together until the budget is used up.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from twingap.opt.decision import GlobalDecision
from twingap.opt.global_equations import evaluate_global
from twingap.opt.snapshot import GlobalPart

from .shapes import LATE, stationary

# Assignments that are enumerated; beyond, so many are drawn.
MOST = 8000


@dataclass(frozen=True)
class Committee:
    """leader e_0; broadcast e_a and reply g_a [M]; access [K]: needs in subchannel seconds; cycles E; fastest verification [s]."""

    leader: float
    broadcast: np.ndarray
    reply: np.ndarray
    access: np.ndarray
    cycles: float
    fastest: float


@dataclass(frozen=True)
class Front:
    """Points [P] of a committee without its request: weight mu, spectrum, time as counted, x, y, z (inf: left), request too."""

    weight: np.ndarray
    spectrum: np.ndarray
    time: np.ndarray
    phases: np.ndarray
    way: np.ndarray


def needs_of(part: GlobalPart) -> tuple[list[Committee], np.ndarray]:
    """All committees, and what every link needs [I, V, V]."""
    with np.errstate(all="ignore"):
        rate = part.subchannel_hz * np.log2(1.0 + part.sinr_peer)
        need = np.where(part.layout.is_link, part.block_bits[:, None, None] / rate, 0.0)
        access = part.block_bits[:, None] / (part.subchannel_hz * np.log2(1.0 + part.sinr_access))
    found = []
    for i, size in enumerate(part.layout.delegates):
        its = need[i, :size, :size]
        if part.multicast == "group":
            leader, broadcast, reply = its[0].max(), its[1:].max(axis=1), its[1:, 0]
        else:
            back = its[1:, 0].sum()
            leader, broadcast, reply = its[0].sum(), np.array([its[1:, 1:].sum(), back]), np.array([0.0, back])
        fastest = float((part.cycles[i, :size] / part.cpu_max_hz[i, :size]).max())
        found.append(Committee(float(leader), broadcast, reply, access[i], float(part.cycles[i, :size].sum()), fastest))
    return found, need


def delegates_need(its: Committee, ratio: np.ndarray) -> np.ndarray:
    """D(z / y): delegates need D / y subchannels to prepare by y and reply by z."""
    return np.maximum(its.broadcast, its.reply / ratio[..., None]).sum(axis=-1)


def front(part: GlobalPart, its: Committee, weight: np.ndarray, ways: tuple[str, ...]) -> Front:
    """Points at all these weights and ways of leaving phases; ways: ``all``, ``no x`` (pre-prepare left), ``no y``, ``no xy``."""
    with np.errstate(all="ignore"):
        kinks = its.reply[its.broadcast > 0.0] / its.broadcast[its.broadcast > 0.0]
    ratio = np.unique(np.concatenate([kinks[(kinks > 0.0) & (kinks <= 1.0)], np.geomspace(0.03, 1.0, 24)]))
    late, timeout, leader = part.timeout * LATE, part.timeout, its.leader
    together = delegates_need(its, ratio)
    mu = weight[:, None]
    rows = []
    for number, way in enumerate(ways):
        if way == "all":
            choices = [
                (np.sqrt(mu * leader) + 0.0 * ratio, np.sqrt(mu * together / (2.0 + ratio))),
                (np.sqrt(mu * leader / 2.0) + 0.0 * ratio, np.sqrt(mu * together / (1.0 + ratio))),
                (np.sqrt(mu * (leader + together) / (3.0 + ratio)),) * 2,
            ]
            x = np.minimum(np.concatenate([c[0] for c in choices], axis=1), late)
            y = np.minimum(np.concatenate([c[1] for c in choices], axis=1), late)
            z = y * np.tile(ratio, 3)
        elif way == "no x":
            y = np.minimum(np.sqrt(mu * together / (1.0 + ratio)), late)
            x, z = np.full(y.shape, np.inf), y * ratio
        else:
            reply = np.minimum(np.sqrt(mu * its.reply.sum()), late)
            z = np.concatenate([reply, np.full(reply.shape, np.inf)], axis=1)
            x = np.minimum(np.sqrt(mu * leader), late) + 0.0 * z if way == "no y" else np.full(z.shape, np.inf)
            y = np.full(z.shape, np.inf)
        spectrum = leader / x + np.maximum(its.broadcast / y[..., None], its.reply / z[..., None]).sum(axis=-1)
        counted = np.minimum(x, timeout) + np.minimum(y, timeout) + np.minimum(np.maximum(x, y), timeout) + np.minimum(z, timeout)
        best = np.argmin(spectrum + counted / mu, axis=1)
        row = np.arange(len(weight))
        rows.append((spectrum[row, best], counted[row, best], np.stack([x, y, z], axis=-1)[row, best], np.full(len(weight), number)))
    return Front(np.tile(weight, len(ways)), *(np.concatenate(each) for each in zip(*rows, strict=True)))


@dataclass(frozen=True)
class Options:
    """Points of a committee that serves some APs: value n (B exp(-A T) - c E / v), spectrum, time of request, verification."""

    value: np.ndarray
    spectrum: np.ndarray
    request: np.ndarray
    verification: np.ndarray
    front: Front
    slot: np.ndarray


def options(part: GlobalPart, its: Committee, points: Front, load: float, served: int, stretch: np.ndarray | float = 1.0) -> Options:
    """All points of a front joined with a request of this load, served by its weight or left (``cap``)."""
    late, timeout = part.timeout * LATE, part.timeout
    request = np.minimum(np.sqrt(points.weight * stretch * load), late)
    rows = np.arange(len(points.weight))
    if part.timeout_rule == "cap":
        request, rows = np.concatenate([request, np.full(request.shape, np.inf)]), np.tile(rows, 2)
    spectrum = points.spectrum[rows] + np.where(np.isinf(request), 0.0, load / request)
    time = points.time[rows] + np.minimum(request, timeout)
    with np.errstate(all="ignore"):
        gain = part.benefit * np.exp(-part.decay * time)
        cost = part.cpu_cost * its.cycles
        verification = np.maximum(stationary(gain, part.decay, np.full(gain.shape, cost)), its.fastest)
        earn = gain * np.exp(-part.decay * verification) - np.where(np.isfinite(verification), cost / np.maximum(verification, 1e-300), 0.0)
    value = np.where(np.isfinite(verification), served * earn, 0.0)
    return Options(value, spectrum, request, verification, points, rows)


def accesses(part: GlobalPart, rng: np.random.Generator) -> np.ndarray:
    """Assignments [A, K] within capacities: all of them, or many drawn ones."""
    committees, points = part.sinr_access.shape
    if committees**points <= MOST:
        every = np.array(list(itertools.product(range(committees), repeat=points)), dtype=int)
    else:
        every = rng.integers(0, committees, (MOST, points))
    counts = (every[:, None, :] == np.arange(committees)[:, None]).sum(axis=2)
    return every[(counts <= part.capacity).all(axis=1)]


def knapsack(value: list[np.ndarray], spectrum: list[np.ndarray], budget: float, steps: int, rounding: float) -> list[int] | None:
    """Which option each committee takes, -1 for off, by dynamic programming over ``steps`` equal parts of the budget."""
    best = np.zeros(steps + 1)
    choices = []
    for worth, used in zip(value, spectrum, strict=True):
        units = np.ceil(used / budget * steps - rounding)
        table = np.full(steps + 1, -np.inf)
        table[0] = 0.0
        pick = np.full(steps + 1, -1)
        fit = np.flatnonzero(np.isfinite(units) & (units <= steps) & (worth > 0.0))
        order = fit[np.argsort(worth[fit], kind="stable")]
        at = np.maximum(units[order], 0.0).astype(int)
        better = worth[order] > table[at]
        table[at[better]] = worth[order][better]
        pick[at[better]] = order[better]
        pool = best[:, None] + table[None, :]
        total = np.full(steps + 1, -np.inf)
        mine = np.zeros(steps + 1, dtype=int)
        for unit in np.flatnonzero(np.isfinite(table)):
            shifted = pool[: steps + 1 - unit, unit]
            target = total[unit:]
            improved = shifted > target
            target[improved] = shifted[improved]
            mine[unit:][improved] = unit
        choices.append((pick, mine))
        best = total
    at = int(np.argmax(best))
    taken = []
    for pick, mine in reversed(choices):
        taken.append(int(pick[mine[at]]))
        at -= int(mine[at])
    return taken[::-1]


def recover(part: GlobalPart, need: np.ndarray, access: np.ndarray, times: dict[int, tuple[float, np.ndarray, float]]) -> GlobalDecision:
    """The links' decision of committees with these (request, phases, verification) times; the others get nothing."""
    committees, delegates = need.shape[:2]
    own = np.zeros((committees, delegates)) if part.multicast == "group" else np.zeros(need.shape)
    cpu, request = np.zeros((committees, delegates)), np.zeros(len(access))
    with np.errstate(all="ignore"):
        to_manager = part.block_bits[:, None] / (part.subchannel_hz * np.log2(1.0 + part.sinr_access))
    for i, (t_r, (x, y, z), verification) in times.items():
        size = int(part.layout.delegates[i])
        its = need[i, :size, :size]
        if part.multicast == "group":
            own[i, 0] = its[0].max() / x
            own[i, 1:size] = np.maximum(its[1:].max(axis=1) / y, its[1:, 0] / z)
        else:
            own[i, :size, :size] = its / y
            own[i, 0, :size] = its[0] / x
            own[i, 1:size, 0] = np.maximum(its[1:, 0] / y, its[1:, 0] / z)
        mine = access == i
        request[mine] = to_manager[i, mine] / t_r
        speed = part.cycles[i, :size] / verification if verification > 0.0 else np.zeros(size)
        cpu[i, :size] = np.minimum(np.maximum(speed, 1e-15 * part.cpu_max_hz[i, :size]), part.cpu_max_hz[i, :size])
    group = part.multicast == "group"
    return GlobalDecision(access, request, cpu, multicast=own if group else None, peer=None if group else own)


def scored(part: GlobalPart, decision: GlobalDecision) -> tuple[float, GlobalDecision]:
    """The utility by the link-level equations of a decision made feasible to the last bit; -inf if that fails."""
    for hair in (0.0, 2e-16, 1e-15, 4e-15, 1e-13):
        scale = 1.0 - hair
        tried = GlobalDecision(
            decision.access,
            decision.request * scale,
            decision.cpu_hz,
            None if decision.multicast is None else decision.multicast * scale,
            None if decision.peer is None else decision.peer * scale,
        )
        found = evaluate_global(part, tried)
        if found.violation <= 0.0:
            utility = float(found.utility)
            return (utility if utility == utility else -np.inf), tried
    return -np.inf, decision


class GlobalAttack:
    """What one attack holds: fronts of committees, and the best decision met."""

    def __init__(self, part: GlobalPart, effort: int) -> None:
        self.part = part
        self.effort = effort
        self.committees, self.need = needs_of(part)
        self.price = part.spectrum_cost * part.subchannel_hz
        self.ways = ("all", "no x", "no y", "no xy") if part.timeout_rule == "cap" else ("all",)
        self.fronts: list[Front] = []
        self.options: dict[tuple[int, int], Options] = {}
        self.best, self.held = 0.0, self.nothing()

    def nothing(self) -> GlobalDecision:
        """Any access within capacities, everybody off."""
        access = np.repeat(np.arange(len(self.part.capacity)), np.minimum(self.part.capacity, self.part.sinr_access.shape[1]))
        return recover(self.part, self.need, access[: self.part.sinr_access.shape[1]], {})

    def sweep(self, i: int) -> np.ndarray:
        """Weights that reach from the budget to the timeout, or to where nothing is earned any more, and beyond all timeouts."""
        its, part = self.committees[i], self.part
        needs = np.concatenate([its.broadcast + its.reply, its.access, [its.leader]])
        needs = needs[needs > 0.0]
        longest = min(part.timeout * 1.01, 60.0 / part.decay)
        shortest = min(needs.min(), 1e300) / part.subchannels_max
        low, high = min(shortest, longest * 1e-4) ** 2 / needs.max(), longest**2 / needs.min()
        low = max(low, high * 1e-40)
        return np.concatenate([np.geomspace(low, high, 120 * self.effort), [high * 1e30]])

    def table(self, i: int, chosen: int) -> Options:
        """Options of committee i for a set of APs written as bits."""
        if (i, chosen) not in self.options:
            mine = [k for k in range(len(self.committees[i].access)) if chosen >> k & 1]
            load = float(self.committees[i].access[mine].sum())
            self.options[i, chosen] = options(self.part, self.committees[i], self.fronts[i], load, len(mine))
        return self.options[i, chosen]

    def run(self) -> None:
        """The whole attack."""
        part = self.part
        with np.errstate(all="ignore"):
            self.fronts = [front(part, its, self.sweep(i), self.ways) for i, its in enumerate(self.committees)]
            every = accesses(part, np.random.default_rng(0))
            points = part.sinr_access.shape[1]
            bits = 1 << np.arange(points)
            sets = np.stack([((every == i) * bits).sum(axis=1) for i in range(len(self.committees))], axis=1)
            for access in every[self.promising(sets)]:
                self.share(access)

    def promising(self, sets: np.ndarray) -> np.ndarray:
        """Rows of assignments that are best at some price."""
        part = self.part
        top = part.benefit * part.sinr_access.shape[1] / part.subchannels_max
        prices = np.concatenate([[0.0], top * np.geomspace(1e-5, 30.0, 10 + 8 * self.effort)])
        committees = sets.shape[1]
        value = np.zeros((len(prices), len(sets)))
        for i in range(committees):
            used, inverse = np.unique(sets[:, i], return_inverse=True)
            each = np.zeros((len(prices), len(used)))
            for column, chosen in enumerate(used):
                if chosen:
                    its = self.table(i, int(chosen))
                    fits = its.spectrum <= part.subchannels_max * (1.0 + 1e-12)
                    if fits.any():
                        cost = bin(int(chosen)).count("1") * self.price
                        net = its.value[fits] - np.multiply.outer(cost + prices, its.spectrum[fits])
                        each[:, column] = np.maximum(0.0, net.max(axis=1))
            value += each[:, inverse.reshape(-1)]
        keep = 1 + self.effort
        rows = np.argpartition(-value, min(keep, len(sets) - 1), axis=1)[:, :keep] if len(sets) > keep else np.tile(np.arange(len(sets)), (len(prices), 1))
        found, counts = np.unique(rows, return_counts=True)
        return found[np.argsort(-counts)][: 10 * self.effort + 4]

    def share(self, access: np.ndarray) -> None:
        """Shares the budget among the committees of one assignment and scores what comes out."""
        part, budget = self.part, self.part.subchannels_max
        serving = [i for i in range(len(self.committees)) if (access == i).any()]
        tables = {i: self.table(i, int(sum(1 << int(k) for k in np.flatnonzero(access == i)))) for i in serving}
        served = {i: int((access == i).sum()) for i in serving}
        net = [tables[i].value - served[i] * self.price * tables[i].spectrum for i in serving]
        spectrum = [tables[i].spectrum for i in serving]
        seen = set()
        for rounding in (0.0, 0.5, 0.999):
            taken = knapsack(net, spectrum, budget, 150 * self.effort, rounding + 1e-9)
            if taken is None or tuple(taken) in seen:
                continue
            seen.add(tuple(taken))
            chosen = {i: row for i, row in zip(serving, taken, strict=True) if row >= 0}
            if chosen:
                self.polish(access, tables, chosen)

    def polish(self, access: np.ndarray, tables: dict[int, Options], chosen: dict[int, int]) -> None:
        """Stretches the weights of the chosen points, together and each, while that earns more; scores the outcome."""
        part, budget = self.part, self.part.subchannels_max
        order = list(chosen)
        ways = {i: (self.ways[int(tables[i].front.way[tables[i].slot[chosen[i]]])], bool(np.isinf(tables[i].request[chosen[i]]))) for i in order}
        weights = np.array([tables[i].front.weight[tables[i].slot[chosen[i]]] for i in order])
        load = {i: float(self.committees[i].access[access == i].sum()) for i in order}
        served = {i: int((access == i).sum()) for i in order}

        def outcome(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[Options]]:
            """(net [R], spectrum [R], points of each committee [R]) for weights [R, I]."""
            found = []
            for column, i in enumerate(order):
                points = front(part, self.committees[i], weights[:, column], (ways[i][0],))
                both = options(part, self.committees[i], points, load[i], served[i])
                rows = len(weights)
                keep = slice(rows, 2 * rows) if ways[i][1] else slice(0, rows)
                found.append(Options(both.value[keep], both.spectrum[keep], both.request[keep], both.verification[keep], points, both.slot[keep]))
            net = sum(each.value - served[i] * self.price * each.spectrum for each, i in zip(found, order, strict=True))
            return net, sum(each.spectrum for each in found), found

        def fitted(weights: np.ndarray) -> np.ndarray:
            """Weights stretched alike until they fit the budget, the less the better."""
            low, high = np.full(len(weights), 1e-3), np.full(len(weights), 1e3)
            for _ in range(22):
                middle = np.sqrt(low * high)
                _, used, _ = outcome(weights * middle[:, None])
                fits = used <= budget
                low, high = np.where(fits, low, middle), np.where(fits, middle, high)
            return weights * high[:, None]

        start = weights[None]
        net, used, _ = outcome(start)
        tried = [fitted(start)] + ([start] if used[0] <= budget else [])
        rng = np.random.default_rng(1)
        best_net, best_weights = -np.inf, start[0]
        pool = np.concatenate(tried)
        for round_ in range(2 * self.effort):
            net, used, _ = outcome(pool)
            net = np.where(used <= budget, net, -np.inf)
            top = int(np.argmax(net))
            if net[top] > best_net:
                best_net, best_weights = float(net[top]), pool[top]
            if not np.isfinite(best_net) or len(order) == 1 and round_:
                break
            moved = best_weights * np.exp(rng.normal(0.0, 0.3 / 2.0**round_, (8 * self.effort, len(order))))
            pool = np.concatenate([fitted(moved), moved])
        if not np.isfinite(best_net):
            return
        for weights_ in (best_weights, best_weights * 1.0000000001):
            _, _, found = outcome(weights_[None])
            times = {}
            for each, i in zip(found, order, strict=True):
                times[i] = (float(each.request[0]), each.front.phases[0], float(each.verification[0]))
            utility, decision = scored(part, recover(part, self.need, access, times))
            if utility > self.best:
                self.best, self.held = utility, decision


def attack_global(part: GlobalPart, effort: int = 1) -> tuple[float, GlobalDecision]:
    """(largest utility met, its decision) of a divisible part; everything off earns 0. effort: 1 quick, 2 and more closer."""
    its = GlobalAttack(part, effort)
    its.run()
    return its.best, its.held
