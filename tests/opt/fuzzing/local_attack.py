"""Attacks the bound of a divisible local part: a knapsack of heads on a grid of T_multi, refined, recovered to links.

Given tau = T_multi a head that is on is worth more with every share, steeply at first and then ever less. So for every tau on
a grid, which has the ends of the floor's levels in it, heads that are on share what multicast leaves at one price; sets of
heads come from a sweep of that price, with one head more or less; one head may have a share on the steep part of its worth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twingap.opt.decision import LocalDecision
from twingap.opt.local_equations import evaluate_local
from twingap.opt.snapshot import LocalPart

from .shapes import LARGEST, stationary

MARGINS = np.array([0.0, 3e-16, 1e-15, 1e-14, 1e-12, 1e-9])


@dataclass(frozen=True)
class Heads:
    """worth [J] B exp(-A c_j); work a_j; upload d_j; seconds s_j; what else the part has in subchannels and seconds."""

    part: LocalPart
    worth: np.ndarray
    work: np.ndarray
    upload: np.ndarray
    cpu_max: np.ndarray
    links: np.ndarray
    seconds: np.ndarray
    price: float
    budget: float

    @property
    def need(self) -> float:
        """M: multicast takes M / tau subchannels."""
        return float(np.sqrt(self.seconds).sum() ** 2 / len(self.seconds))


def heads_of(part: LocalPart) -> Heads:
    """The numbers of a part that matter."""
    layout, hertz = part.layout, part.subchannel_hz
    weight = np.maximum(0.0, part.confirmation_weight - part.cumulative_weight) / part.arrival_rate
    with np.errstate(all="ignore"):
        links = np.where(layout.is_link, part.multicast_bits / (hertz * np.log2(1.0 + part.sinr_peer)), 0.0)
        together = links.max(axis=-1) if part.multicast == "group" else links.sum(axis=-1)
        upload = part.upload_bits / (hertz * np.log2(1.0 + part.sinr_uplink))
    return Heads(
        part=part,
        worth=np.where(np.isfinite(upload), part.benefit * np.exp(-part.decay * weight), 0.0),
        work=np.log(1.0 / part.accuracy) * part.cycles,
        upload=np.where(np.isfinite(upload), upload, 1.0),
        cpu_max=np.asarray(part.cpu_max_hz),
        links=links,
        seconds=together[layout.ap, layout.rank],
        price=part.spectrum_cost * hertz,
        budget=part.subchannels_max,
    )


def shared_delay(part: LocalPart, tau: np.ndarray) -> np.ndarray:
    """Q(tau): queueing (6) and adaptation (11) [s]."""
    load = 2.0 * tau * part.arrival_rate
    with np.errstate(all="ignore"):
        level = np.maximum(0.0, 2.84 * np.log(load))
    level = np.floor(level) if part.floor_adaptation else level
    queue = np.maximum(0.0, part.cache_multiplier * tau - part.multicast_batch / (2.0 * part.arrival_rate))
    return queue + np.where(level > 0.0, level * tau, 0.0)


def respond(its: Heads, gain: np.ndarray, price: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(upload seconds, training seconds, share) of heads that are on at this price; inf, inf, 0 where none is stationary."""
    decay = its.part.decay
    for_cpu = np.sqrt(its.part.cpu_cost * its.work)
    for_spectrum = np.sqrt(price * its.upload)
    fastest = its.work / its.cpu_max
    with np.errstate(all="ignore"):
        total = stationary(gain, decay, (for_cpu + for_spectrum) ** 2)
        training = np.where(for_cpu > 0.0, total * for_cpu / (for_cpu + for_spectrum), 0.0)
        bound = training < fastest
        alone = stationary(gain * np.exp(-decay * fastest), decay, price * its.upload)
        upload = np.where(bound, alone, total - training)
        training = np.where(bound, fastest, training)
        on = np.isfinite(upload) & np.isfinite(training) & (upload > 0.0)
        return np.where(on, upload, np.inf), np.where(on, training, np.inf), np.where(on, its.upload / upload, 0.0)


def cpu_of(its: Heads, training: np.ndarray) -> np.ndarray:
    """f_j [cycles/s] for these training seconds; a head with nothing to train still runs."""
    least = np.minimum(np.maximum(its.part.cycles * 1.000001e-12, 1e-30 * its.cpu_max), its.cpu_max)
    with np.errstate(all="ignore"):
        return np.where(np.isfinite(training), np.clip(np.nan_to_num(its.work / training, posinf=0.0), least, its.cpu_max), 0.0)


def earned(its: Heads, gain: np.ndarray, share: np.ndarray, training: np.ndarray) -> np.ndarray:
    """Utility of each head with these shares and training seconds; 0 off."""
    decay = its.part.decay
    on = (share > 0.0) & np.isfinite(training)
    with np.errstate(all="ignore"):
        value = gain * np.exp(-decay * (training + its.upload / share)) - its.price * share
    return np.where(on, value - its.part.cpu_cost * cpu_of(its, training), 0.0)


def training_for(its: Heads, gain: np.ndarray) -> np.ndarray:
    """Best training seconds of heads that would earn ``gain`` with instant training."""
    return np.maximum(stationary(gain, its.part.decay, its.part.cpu_cost * its.work), its.work / its.cpu_max)


def fill(its: Heads, fade: np.ndarray, spare: np.ndarray, on: np.ndarray, halvings: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(utility of uploads [R], shares [R, J], training [R, J]) when the heads ``on`` [R, J] share ``spare`` [R] at one price.

    fade [R]: exp(-A Q). -inf where the heads cannot share so: then one of them would be on the steep part of its worth.
    """
    gain = fade[:, None] * its.worth
    decay = its.part.decay
    with np.errstate(all="ignore"):
        free = 2.0 * LARGEST * np.sqrt(gain / decay) - np.sqrt(its.part.cpu_cost * its.work)
        capped = 2.0 * LARGEST * np.sqrt(gain * np.exp(-decay * its.work / its.cpu_max) / decay)
        critical = np.maximum(free, capped) ** 2 / its.upload
    high = np.where(on, critical, np.inf).min(axis=1)
    high = np.where(np.isfinite(high), high, 0.0)
    low = np.maximum(its.price, 1e-25 * high)
    high = np.maximum(high, low)

    def used(price: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        _, training, share = respond(its, gain, price[:, None])
        lost = (on & (share <= 0.0)).any(axis=1)
        share = np.where(on, share, 0.0)
        return lost, share.sum(axis=1), share, np.where(on, training, np.inf)

    lost, total, _, _ = used(low)
    high = np.where(~lost & (total <= spare), low, high)
    for _ in range(halvings):
        middle = np.sqrt(low * high)
        lost, total, _, _ = used(middle)
        dearer = ~lost & (total > spare)
        low, high = np.where(dearer, middle, low), np.where(dearer, high, middle)
    lost, total, share, training = used(high)
    with np.errstate(all="ignore"):
        # What bisection leaves is handed out in proportion, which costs little and keeps the budget.
        free_share = np.where(total > 0.0, spare / total, 1.0)
        stretch = np.where((total > spare) | (high > its.price * (1.0 + 1e-9)), free_share, 1.0)
    fits = ~lost & (stretch > 0.5)
    share = np.where(fits[:, None], share * np.minimum(stretch, 4.0)[:, None], 0.0)
    value = earned(its, gain, share, training).sum(axis=1)
    return np.where(fits, value, -np.inf), share, training


@dataclass
class Points:
    """Values of T_multi, each with its multicast spectrum and what is spare; all [T]."""

    spread: np.ndarray
    spare: np.ndarray

    @classmethod
    def of_spare(cls, its: Heads, spare: np.ndarray) -> Points:
        """Points with these uploads' budgets."""
        return cls(its.budget - spare, spare)

    @classmethod
    def of_time(cls, its: Heads, tau: np.ndarray) -> Points:
        """Points with these T_multi, those that the budget allows."""
        with np.errstate(all="ignore"):
            spread = its.need / tau
        spread = spread[spread < its.budget]
        return cls(spread, its.budget - spread)

    def sorted(self) -> Points:
        """By spare budget."""
        order = np.argsort(self.spare, kind="stable")
        return Points(self.spread[order], self.spare[order])

    def tau(self, its: Heads) -> np.ndarray:
        """T_multi of each."""
        return its.need / self.spread


def together(*points: Points) -> Points:
    """All of them, sorted."""
    return Points(np.concatenate([p.spread for p in points]), np.concatenate([p.spare for p in points])).sorted()


def grid(its: Heads, size: int) -> Points:
    """Where the search looks first: budgets of uploads of all orders, long T_multi, ends of levels, the end of the queue."""
    part, budget = its.part, its.budget
    if its.need <= 0.0:
        return Points(np.zeros(1), np.array([budget]))
    total = float((its.upload * part.decay).sum())
    spare = budget * np.geomspace(1e-15, 0.5, size)
    usual = np.clip(total * np.geomspace(1e-2, 1e2, size // 2), budget * 1e-15, budget * 0.9)
    shortest = its.need / budget
    long = 2.0 * shortest * np.geomspace(1.0, 1e6, size)
    edges = [np.exp(np.arange(1, 40) / 2.84) / (2.0 * part.arrival_rate)] if part.floor_adaptation else []
    if part.cache_multiplier > 0.0:
        edges.append(np.array([part.multicast_batch / (2.0 * part.arrival_rate) / part.cache_multiplier]))
    edges.append(np.array([0.5 / part.arrival_rate]))
    near = np.concatenate(edges)
    near = near[(near > shortest * 0.999) & (near < shortest * 1e8)]
    near = (near[:, None] * (1.0 - MARGINS)).ravel()
    return together(Points.of_spare(its, spare), Points.of_spare(its, usual), Points.of_time(its, np.concatenate([long, near])))


def chains(its: Heads, fade: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows of points [R], heads that are on [R, J]): at every point the first heads in the order in which a price drops them."""
    gain = fade[:, None] * its.worth
    with np.errstate(all="ignore"):
        most = np.nanmax(np.where(np.isfinite(its.worth), 4.0 * LARGEST**2 * its.worth / (its.part.decay * its.upload), 0.0))
    price = np.maximum(its.price, most * np.geomspace(1e-9, 1.0, 24))
    _, training, share = respond(its, gain[:, None, :], price[None, :, None])
    with np.errstate(all="ignore"):
        value = earned(its, gain[:, None, :], share, training)
        on = (share > 0.0) & (value - (price[None, :, None] - its.price) * share > 0.0)
    # Heads in the order in which a rising price drops them; equal ones in the order of their numbers.
    lasts = on.sum(axis=1) + np.where(gain > 0.0, 1e-3, 0.0)
    order = np.argsort(-lasts, axis=1, kind="stable")
    rank = np.argsort(order, axis=1, kind="stable")
    heads = on.shape[2]
    prefix = rank[:, None, :] <= np.arange(heads)[None, :, None]
    at = np.repeat(np.arange(len(fade)), heads)
    return at, prefix.reshape(-1, heads)


def flipped(at: np.ndarray, on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each set with one head more, one less or one exchanged."""
    heads = on.shape[1]
    one = np.eye(heads, dtype=bool)
    pairs = (one[:, None] ^ one[None]).reshape(-1, heads)
    moves = np.unique(np.concatenate([np.zeros((1, heads), dtype=bool), one, pairs]), axis=0)
    sets = on[:, None, :] ^ moves[None]
    swaps = np.abs(sets.sum(axis=2) - on.sum(axis=1)[:, None]) <= 1
    rows = np.repeat(at, len(moves)).reshape(len(at), -1)
    keep = swaps & sets.any(axis=2)
    table = np.unique(np.concatenate([rows[keep][:, None], sets[keep]], axis=1), axis=0)
    return table[:, 0].astype(int), table[:, 1:].astype(bool)


def fade_of(its: Heads, points: Points) -> np.ndarray:
    """exp(-A Q) at every point."""
    with np.errstate(all="ignore"):
        tau = points.tau(its) if its.need > 0.0 else np.zeros(len(points.spare))
        return np.exp(-its.part.decay * shared_delay(its.part, tau))


def one_steep(its: Heads, points: Points, rows: np.ndarray, on: np.ndarray, halvings: int) -> tuple[np.ndarray, ...]:
    """For every set and every head outside it: that head takes a part of what is spare, the set shares the rest."""
    fractions = np.concatenate([np.geomspace(1e-3, 0.5, 10), 1.0 - np.geomspace(1e-3, 0.4, 8), [1.0]])
    pairs = [(r, e, f) for r in range(len(rows)) for e in np.flatnonzero(~on[r]) for f in (fractions if on[r].any() else [1.0])]
    if not pairs:
        return np.zeros(0, int), np.zeros(0), np.zeros((0, on.shape[1])), np.zeros((0, on.shape[1]))
    which = np.array([r for r, _, _ in pairs])
    extra = np.array([e for _, e, _ in pairs])
    part = np.array([f for _, _, f in pairs])
    at = rows[which]
    fade = fade_of(its, points)[at]
    spare = points.spare[at]
    chosen = on[which] & (part < 1.0)[:, None]
    value, share, training = fill(its, fade, spare * (1.0 - part), chosen, halvings)
    value = np.where(chosen.any(axis=1), value, 0.0)
    mine = spare * part
    gain = fade * its.worth[extra]
    row = np.arange(len(at))
    full, slow = np.zeros(share.shape), np.full(share.shape, np.inf)
    full[row, extra] = mine
    with np.errstate(all="ignore"):
        slow = training_for(its, fade[:, None] * its.worth * np.exp(-its.part.decay * its.upload / full))
    both = earned(its, gain[:, None] * np.ones(len(its.worth)), full, slow)[row, extra]
    share = np.where(full > 0.0, full, share)
    training = np.where(full > 0.0, slow, training)
    return at, value + both, share, training


def leaders(net: np.ndarray, at: np.ndarray, on: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The best rows, as (points, sets)."""
    top = np.argsort(-net)[:number]
    return at[top], on[top]


def peaks(points: Points, at: np.ndarray, on: np.ndarray, net: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Points that are better than their neighbours, the best ones first, with the best set there."""
    best = np.full(len(points.spare), -np.inf)
    np.maximum.at(best, at, net)
    padded = np.concatenate([[-np.inf], best, [-np.inf]])
    is_peak = (padded[1:-1] >= padded[:-2]) & (padded[1:-1] >= padded[2:]) & np.isfinite(best)
    rows = np.flatnonzero(is_peak)
    if not len(rows):
        rows = np.array([int(np.argmax(best))])
    rows = rows[np.argsort(-best[rows])][:number]
    sets = []
    for row in rows:
        mine = np.flatnonzero(at == row)
        sets.append(on[mine[np.argmax(net[mine])]] if len(mine) else on[0])
    return rows, np.array(sets)


def between(its: Heads, low: Points, middle: Points, high: Points, number: int) -> tuple[Points, np.ndarray]:
    """Points from low over middle to high for each of these three, in order; with whose they are."""
    spread, spare, owner = [], [], []
    for peak in range(len(middle.spare)):
        if number == 1:
            parts = [np.array([middle.spare[peak]])]
            wide = [np.array([middle.spread[peak]])]
        else:
            parts, wide = [], []
            for a, b in ((low, middle), (middle, high)):
                if b.spare[peak] <= 0.5 * its.budget:
                    fine = np.geomspace(max(a.spare[peak], 1e-300), max(b.spare[peak], 1e-300), number)
                    thin = its.budget - fine
                else:
                    thin = np.geomspace(a.spread[peak], b.spread[peak], number)
                    fine = its.budget - thin
                fine[0], thin[0], fine[-1], thin[-1] = a.spare[peak], a.spread[peak], b.spare[peak], b.spread[peak]
                parts.append(fine)
                wide.append(thin)
        spare.extend(parts)
        spread.extend(wide)
        owner.append(np.full(sum(map(len, parts)), peak))
    return Points(np.concatenate(spread), np.concatenate(spare)), np.concatenate(owner)


def recover(its: Heads, tau: float, share: np.ndarray, training: np.ndarray) -> LocalDecision:
    """The links' decision: T_multi_j in proportion to sqrt(s_j) costs least."""
    part, layout = its.part, its.part.layout
    roots = np.sqrt(its.links.max(axis=-1) if part.multicast == "group" else its.links.sum(axis=-1))
    total = roots.sum()
    with np.errstate(all="ignore"):
        speed = np.where(roots > 0.0, total / (len(its.worth) * tau * roots), 0.0) if total > 0.0 else 0.0 * roots
    spectrum = its.links * speed[..., None]
    cpu = np.where(share > 0.0, cpu_of(its, training), 0.0)
    if part.multicast == "group":
        return LocalDecision(share, cpu, multicast=(spectrum.max(axis=-1))[layout.ap, layout.rank])
    return LocalDecision(share, cpu, peer=spectrum)


def scored(its: Heads, decision: LocalDecision) -> tuple[float, LocalDecision]:
    """The utility by the link-level equations of a decision made feasible to the last bit; -inf if that fails."""
    part = its.part
    for hair in (0.0, 2e-16, 1e-15, 4e-15, 1e-13):
        scale = 1.0 - hair
        tried = LocalDecision(
            decision.uplink * scale,
            decision.cpu_hz,
            None if decision.multicast is None else decision.multicast * scale,
            None if decision.peer is None else decision.peer * scale,
        )
        found = evaluate_local(part, tried)
        if found.violation <= 0.0:
            utility = float(found.utility)
            return (utility if utility == utility else -np.inf), tried
    return -np.inf, decision


def attack_local(part: LocalPart, effort: int = 1) -> tuple[float, LocalDecision]:
    """(largest utility met, its decision) of a divisible part; everything off earns 0. effort: 1 quick, 2 and more closer."""
    its = heads_of(part)
    nothing = LocalDecision(
        np.zeros(len(its.worth)),
        np.zeros(len(its.worth)),
        np.zeros(len(its.worth)) if part.multicast == "group" else None,
        None if part.multicast == "group" else np.zeros(its.links.shape),
    )
    best, held = 0.0, nothing
    if not np.isfinite(its.need):
        return best, held
    candidates: list[tuple[float, float, np.ndarray, np.ndarray]] = []

    def consider(points: Points, at: np.ndarray, value: np.ndarray, share: np.ndarray, training: np.ndarray) -> np.ndarray:
        net = np.nan_to_num(value - its.price * points.spread[at], nan=-np.inf)
        for row in np.argsort(-net)[:8]:
            if net[row] > 0.0:
                tau = its.need / points.spread[at[row]] if its.need > 0.0 else 0.0
                candidates.append((float(net[row]), tau, share[row], training[row]))
        return net

    points = grid(its, 12 + 8 * effort)
    fade = fade_of(its, points)
    at, on = chains(its, fade)
    if not len(at):
        return best, held
    net = consider(points, at, *fill(its, fade[at], points.spare[at], on, 14))
    steep = one_steep(its, points, *leaders(net, at, on, 3 * effort), 14)
    consider(points, *steep[:4])
    alone = np.argsort(-fade * points.spare / (points.spare + np.median(its.upload * part.decay)))[: 6 * effort]
    steep = one_steep(its, points, alone, np.zeros((len(alone), len(its.worth)), dtype=bool), 2)
    consider(points, *steep[:4])
    rows, sets = peaks(points, at, on, net, 2 + 2 * effort)
    ends = np.stack([np.maximum(rows - 1, 0), np.minimum(rows + 1, len(points.spare) - 1)])
    low, high = (Points(points.spread[each], points.spare[each]) for each in ends)
    middle = Points(points.spread[rows], points.spare[rows])
    if its.need <= 0.0:
        low = high = middle
    for round_ in range(3 + effort):
        finer, owner = between(its, low, middle, high, 7 if its.need > 0.0 else 1)
        fade = fade_of(its, finer)
        at, on = np.arange(len(finer.spare)), sets[owner]
        if round_ % 2 == 1:
            at, on = flipped(at[np.isin(finer.spare, middle.spare)], on[np.isin(finer.spare, middle.spare)])
        net = consider(finer, at, *fill(its, fade[at], finer.spare[at], on, 24 if round_ < 2 + effort else 50))
        # The best point of each peak, its neighbours and its set go on.
        for peak in range(len(rows)):
            mine = np.flatnonzero(owner[at] == peak)
            if not len(mine) or not np.isfinite(net[mine]).any():
                continue
            top = mine[np.argmax(net[mine])]
            sets[peak] = on[top]
            if round_ % 2 == 0:
                place = at[top]
                same = np.flatnonzero(owner == peak)
                before, after = max(place - 1, same[0]), min(place + 1, same[-1])
                for ends_, to in ((low, before), (middle, place), (high, after)):
                    ends_.spread[peak], ends_.spare[peak] = finer.spread[to], finer.spare[to]
    steep = one_steep(its, middle, np.arange(len(rows)), sets, 40)
    consider(middle, *steep[:4])
    for _, tau, share, training in sorted(candidates, key=lambda each: -each[0])[:16]:
        utility, decision = scored(its, recover(its, tau, share, training))
        if utility > best:
            best, held = utility, decision
    return best, held
