"""Attacks the bound of a global part with whole subchannels: exact over the numbers of a committee, then a knapsack.

With n_a subchannels delegate a prepares and replies in known times, so what a committee can do is a list of (prepare, reply,
total): in ``group`` every pair of times at which some delegate needs a whole number, in ``per_link`` the same on a grid of
prepare times. The manager's number is split between pre-prepare and requests on a grid that is refined. Every access is tried
at a sweep of prices, and the budget is shared by dynamic programming over whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from twingap.opt.decision import GlobalDecision
from twingap.opt.snapshot import GlobalPart

from .global_attack import Committee, accesses, needs_of, recover, scored
from .shapes import LATE, stationary


@dataclass(frozen=True)
class Rows:
    """Ways to prepare by y and reply by z (inf: left) with ``total`` subchannels of all delegates but the manager; [R]."""

    prepare: np.ndarray
    reply: np.ndarray
    total: np.ndarray


def whole(amount: np.ndarray) -> np.ndarray:
    """Least whole number not below, but for rounding."""
    return np.ceil(amount * (1.0 - 4e-16))


def delegates(part: GlobalPart, its: Committee, budget: int, effort: int) -> Rows:
    """What delegates can do with 1 ... ``budget`` subchannels."""
    group = part.multicast == "group"
    late = part.timeout * LATE
    numbers = np.arange(1, budget + 1)
    with np.errstate(all="ignore"):
        together = its.broadcast if group else its.broadcast + its.reply
        prepare = np.unique((together[:, None] / numbers).ravel())
        if not group:
            fine = np.geomspace(prepare.min(), prepare.max(), 60 * effort)
            prepare = np.unique(np.concatenate([prepare, fine, prepare * 1.02, prepare * 1.1]))
        prepare = np.unique(np.concatenate([prepare[prepare <= late], [late]]))
        rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        if group:
            reply = np.unique((its.reply[:, None] / numbers).ravel())
            reply = np.unique(np.concatenate([reply[reply <= late], [late]]))
            y, z = (each.ravel() for each in np.meshgrid(prepare, reply, indexing="ij"))
            total = whole(np.maximum(its.broadcast / y[:, None], its.reply / z[:, None])).sum(axis=1)
            rows.append((y, z, total))
        else:
            # With prepare at y a delegate with n subchannels replies in R / (n - E / y).
            for y in prepare:
                own = its.broadcast / y
                least = np.maximum(whole(together / y), 1)
                reply = its.reply[None, :] / (least[None, :] + np.arange(budget)[:, None] - own[None, :])
                z = np.unique(reply[(reply > 0.0) & (reply <= late)])
                z = z[z <= y * (1.0 + 1e-15)] if len(z) else np.array([y])
                z = np.concatenate([z, [min(y, late)]])
                need = whole(own + its.reply / z[:, None])
                rows.append((np.full(len(z), y), z, np.maximum(need, 1).sum(axis=1)))
        if part.timeout_rule == "cap":
            reply = np.unique((its.reply[:, None] / numbers).ravel())
            rows.append((np.full(len(reply), np.inf), reply, whole(its.reply / reply[:, None]).sum(axis=1)))
            rows.append((np.array([np.inf]), np.array([np.inf]), np.array([0.0])))
    prepare, reply, total = (np.concatenate(each) for each in zip(*rows, strict=True))
    keep = np.isfinite(total) & (total <= budget)
    prepare, reply, total = prepare[keep], reply[keep], total[keep]
    # For every total only pairs that no other pair with as few subchannels beats in both.
    order = np.lexsort((reply, prepare, total))
    prepare, reply, total = prepare[order], reply[order], total[order]
    kept: list[int] = []
    front: list[tuple[float, float]] = []
    for row in range(len(total)):
        y, z = prepare[row], reply[row]
        if not any(a <= y and b <= z for a, b in front):
            front.append((y, z))
            kept.append(row)
    return Rows(prepare[kept], reply[kept], total[kept])


@dataclass
class Table:
    """For N = 0 ... W: the least time of a committee that serves some APs, and how: (request, x, y, z)."""

    time: np.ndarray
    phases: np.ndarray


def table(part: GlobalPart, its: Committee, rows: Rows, load: float, budget: int, effort: int) -> Table:
    """Least times over all rows and splits of the manager's number."""
    late, timeout = part.timeout * LATE, part.timeout
    capped = part.timeout_rule == "cap"
    time = np.full(budget + 1, np.inf)
    phases = np.full((budget + 1, 4), np.inf)
    own = np.arange(0 if capped else 1, budget + 1)
    with np.errstate(all="ignore"):
        # The split is best where r / w + x + max(x, y) is stationary, with x counted once or twice, or at an end or a kink.
        shares = np.array([0.0, 1.0, *(np.sqrt(load) / (np.sqrt(load) + np.sqrt(q * its.leader)) for q in (1.0, 2.0))])
        # Splits at which one of the two just ends by its timeout.
        edges = np.stack([load / late / own, 1.0 - its.leader / late / own], axis=1)
        shares = np.concatenate([np.broadcast_to(shares, (len(own), 4)), np.clip(edges, 0.0, 1.0)], axis=1)
        request = load / (own[:, None] * shares)
        x = its.leader / (own[:, None] * (1.0 - shares))
        fine = own[:, None] > 0
        request, x = np.where(fine, request, np.inf), np.where(fine, x, np.inf)
        if not capped:
            bad = (request > late) | (x > late)
            request, x = np.where(bad, np.inf, request), np.where(bad, np.inf, x)
        for row in range(len(rows.total)):
            y, z, total = rows.prepare[row], rows.reply[row], int(rows.total[row])
            equal_x = np.full((len(own), 1), y)
            equal_r = load / (own[:, None] - its.leader / y)
            equal_r = np.where((equal_r > 0.0) & ((equal_r <= late) | capped), equal_r, np.inf)
            all_x, all_r = np.concatenate([x, equal_x], axis=1), np.concatenate([request, equal_r], axis=1)
            if not capped:
                lost = ~np.isfinite(all_x) | ~np.isfinite(all_r)
            else:
                lost = np.zeros(all_x.shape, dtype=bool)
                lost[:, -1] = ~np.isfinite(all_r[:, -1])
            counted = (
                np.minimum(all_r, timeout)
                + np.minimum(all_x, timeout)
                + min(y, timeout)
                + np.minimum(np.maximum(all_x, y), timeout)
                + min(z, timeout)
            )
            counted = np.where(lost, np.inf, counted)
            best = counted.argmin(axis=1)
            line = np.arange(len(own))
            value = counted[line, best]
            at = total + own
            fit = at <= budget
            better = value[fit] < time[at[fit]]
            target = at[fit][better]
            time[target] = value[fit][better]
            chosen = np.flatnonzero(fit)[better]
            phases[target, 0], phases[target, 1] = all_r[chosen, best[chosen]], all_x[chosen, best[chosen]]
            phases[target, 2], phases[target, 3] = y, z
    return Table(time, phases)


class WholeGlobalAttack:
    """What one attack holds: tables of committees for sets of APs, and the best decision met."""

    def __init__(self, part: GlobalPart, effort: int) -> None:
        self.part, self.effort = part, effort
        committees, self.need = needs_of(part)
        self.committees = [each if part.multicast == "group" else self.by_delegate(i, each) for i, each in enumerate(committees)]
        self.price = part.spectrum_cost * part.subchannel_hz
        self.budget = int(np.floor(part.subchannels_max * (1.0 + 1e-12)))
        self.rows = [delegates(part, its, self.budget, effort) for its in self.committees]
        self.tables: dict[tuple[int, int], tuple[Table, np.ndarray, np.ndarray]] = {}
        count, points = part.sinr_access.shape
        access = np.repeat(np.arange(count), np.minimum(part.capacity, points))[:points]
        self.best, self.held = 0.0, recover(part, self.need, access, {})

    def by_delegate(self, i: int, its: Committee) -> Committee:
        """What each delegate of a ``per_link`` committee needs for its links to others, and for that to the manager."""
        size = int(self.part.layout.delegates[i])
        return replace(its, broadcast=self.need[i, 1:size, 1:size].sum(axis=1), reply=self.need[i, 1:size, 0])

    def worth(self, i: int, chosen: int) -> tuple[Table, np.ndarray, np.ndarray]:
        """(table, worth before spectrum [W + 1], verification [W + 1]) of committee i for a set of APs written as bits."""
        if (i, chosen) not in self.tables:
            part, its = self.part, self.committees[i]
            mine = [k for k in range(len(its.access)) if chosen >> k & 1]
            found = table(part, its, self.rows[i], float(its.access[mine].sum()), self.budget, self.effort)
            with np.errstate(all="ignore"):
                gain = part.benefit * np.exp(-part.decay * found.time)
                cost = np.full(gain.shape, part.cpu_cost * its.cycles)
                verification = np.maximum(stationary(gain, part.decay, cost), its.fastest)
                spent = np.where(np.isfinite(verification), cost / np.maximum(verification, 1e-300), 0.0)
                earn = np.where(np.isfinite(verification), gain * np.exp(-part.decay * verification) - spent, -np.inf)
            self.tables[i, chosen] = (found, len(mine) * (earn - self.price * np.arange(self.budget + 1)), verification)
        return self.tables[i, chosen]

    def run(self) -> None:
        """Every access at a sweep of prices; the budget shared exactly for those that are best at some price."""
        part = self.part
        every = accesses(part, np.random.default_rng(0))
        count, points = part.sinr_access.shape
        sets = np.stack([((every == i) * (1 << np.arange(points))).sum(axis=1) for i in range(count)], axis=1)
        top = part.benefit * points
        prices = np.concatenate([[0.0], top / max(self.budget, 1) * np.geomspace(1e-4, 30.0, 24)])
        value = np.zeros((len(prices), len(every)))
        for i in range(count):
            used, inverse = np.unique(sets[:, i], return_inverse=True)
            each = np.zeros((len(prices), len(used)))
            for column, chosen in enumerate(used):
                if chosen:
                    net = self.worth(i, int(chosen))[1] - prices[:, None] * np.arange(self.budget + 1)
                    each[:, column] = np.maximum(0.0, net.max(axis=1))
            value += each[:, inverse.reshape(-1)]
        exact = 200 if self.effort == 1 else 2000
        if len(every) <= exact:
            rows = np.arange(len(every))
        else:
            rows = np.unique(np.argsort(-value, axis=1)[:, : 4 * self.effort])
        for row in rows[np.argsort(-value[:, rows].max(axis=0), kind="stable")]:
            # Nothing can beat the best when all prices say so.
            if (value[:, row] + prices * self.budget).min() > self.best:
                self.share(every[row], sets[row])

    def share(self, access: np.ndarray, sets: np.ndarray) -> None:
        """Shares whole subchannels among the committees exactly, and scores the decision."""
        serving = [i for i in range(len(sets)) if sets[i]]
        best = np.zeros(self.budget + 1)
        picks = []
        for i in serving:
            worth = self.worth(i, int(sets[i]))[1]
            numbers = np.arange(self.budget + 1)
            pool = best[np.maximum(numbers[:, None] - numbers[None, :], 0)] + np.where(worth > 0.0, worth, -np.inf)[None, :]
            pool = np.where(numbers[:, None] >= numbers[None, :], pool, -np.inf)
            pool = np.concatenate([pool, best[:, None]], axis=1)
            pick = pool.argmax(axis=1)
            picks.append(pick)
            best = pool[numbers, pick]
        if not best[-1] > self.best * (1.0 + 1e-12):
            return
        left, times, totals = self.budget, {}, {}
        for i, pick in zip(reversed(serving), reversed(picks), strict=True):
            number = int(pick[left])
            if number <= self.budget:
                found, _, verification = self.worth(i, int(sets[i]))
                t_r, x, y, z = found.phases[number]
                times[i] = (float(t_r), np.array([x, y, z]), float(verification[number]))
                totals[i] = number
                left -= number
        utility, decision = scored(self.part, rounded(self.part, recover(self.part, self.need, access, times), totals))
        if utility > self.best:
            self.best, self.held = utility, decision


def rounded(part: GlobalPart, decision: GlobalDecision, totals: dict[int, int]) -> GlobalDecision:
    """Fills every delegate's spectrum up to a whole number; what the manager has left goes to its largest own share."""
    group = part.multicast == "group"
    shares = np.array(decision.multicast if group else decision.peer)
    for i, total in totals.items():
        size = int(part.layout.delegates[i])
        spent = 0.0
        for v in range(1, size):
            own = float(shares[i, v]) if group else float(shares[i, v].sum())
            number = float(np.ceil(own * (1.0 - 1e-14)))
            spent += number
            if group:
                shares[i, v] = number
            elif own > 0.0:
                shares[i, v] = with_sum(shares[i, v], number)
        requests = decision.request[decision.access == i]
        manager = total - spent
        if group:
            shares[i, 0] = 0.0
            shares[i, 0] = rest(requests.sum(), manager)
        else:
            own = shares[i, 0].sum()
            target = rest(requests.sum(), manager)
            shares[i, 0] = with_sum(shares[i, 0], target) if own > 0.0 else shares[i, 0] * 0.0
            if own <= 0.0 and target > 0.0:
                shares[i, 0, 1] = target
    return GlobalDecision(decision.access, decision.request, decision.cpu_hz, shares if group else None, None if group else shares)


def rest(taken: float, number: float) -> float:
    """What with ``taken`` makes a whole number."""
    return max(0.0, number - taken)


def with_sum(values: np.ndarray, total: float) -> np.ndarray:
    """Values stretched so that they add up to a number."""
    stretched = values * (total / values.sum())
    for _ in range(4):
        stretched[np.argmax(stretched)] += total - stretched.sum()
    return stretched


def attack_whole_global(part: GlobalPart, effort: int = 1) -> tuple[float, GlobalDecision]:
    """(largest utility met, its decision) of a part with whole subchannels; everything off earns 0."""
    its = WholeGlobalAttack(part, effort)
    its.run()
    return its.best, its.held
