"""Attacks the bound of a local part with whole subchannels: numbers by dynamic programming, then their splits, then moves.

Head j has n_j whole subchannels, of which m_j multicast and the rest upload. For a price nu of a second of sum_j s_j / m_j, and
a fade exp(-A Q), the best split of every number is a search over its fraction, and the best numbers are a knapsack. For the
numbers that come out the splits are refined for a grid of T_multi with the ends of the floor's levels in it, and numbers are
moved from head to head while that earns more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from twingap.opt.decision import LocalDecision
from twingap.opt.local_equations import evaluate_local
from twingap.opt.snapshot import LocalPart

from .local_attack import MARGINS, Heads, cpu_of, heads_of, shared_delay, training_for

FRACTIONS = np.unique(np.concatenate([np.geomspace(1e-6, 0.5, 22), 1.0 - np.geomspace(1e-6, 0.5, 22)]))


@dataclass
class Held:
    """The best so far."""

    value: float
    numbers: np.ndarray | None = None
    multicast: np.ndarray | None = None
    training: np.ndarray | None = None
    off: np.ndarray | None = None


def value_of(its: Heads, fade: np.ndarray, uplink: np.ndarray) -> np.ndarray:
    """Most that heads earn before spectrum with these shares; fade broadcasts against uplink [..., J]."""
    with np.errstate(all="ignore"):
        gain = fade * its.worth * np.exp(-its.part.decay * its.upload / uplink)
        training = training_for(its, gain)
        value = gain * np.exp(-its.part.decay * training) - its.part.cpu_cost * cpu_of(its, training)
    return np.where((uplink > 0.0) & np.isfinite(training), np.maximum(value, 0.0), 0.0)


def proposals(its: Heads, budget: int, effort: int) -> set[tuple[int, ...]]:
    """Numbers of heads that are best at some (nu, fade)."""
    heads = len(its.worth)
    talks = its.seconds > 0.0
    width = budget - int(talks.sum()) + 2
    numbers = np.arange(width)
    times = its.seconds.max() if talks.any() else 0.0
    fades = np.exp(-np.geomspace(1e-3, 12.0, 3 + 3 * effort))
    prices = np.geomspace(1e-5, 10.0, 5 + 4 * effort) * its.part.benefit * heads / max(times, 1e-300) if talks.any() else np.zeros(1)
    fade = np.concatenate([[1.0], fades])
    # [fade, head, number, fraction]
    uplink = numbers[:, None] * (1.0 - FRACTIONS)
    with np.errstate(all="ignore"):
        talk = its.seconds[:, None, None] / (numbers[:, None] * FRACTIONS)
        gain = np.stack([value_of(its, f, uplink[..., None]) for f in fade])
    gain = np.moveaxis(gain, -1, 1)
    lone = np.stack([value_of(its, f, numbers[:, None].astype(float)) for f in fade])
    found: set[tuple[int, ...]] = set()
    for at in range(len(fade)):
        for price in prices:
            with np.errstate(all="ignore"):
                split = gain[at] - price * talk
                # A head that is off multicasts with all it has.
                off = -price * its.seconds[:, None] / numbers
                worth = np.maximum(split.max(axis=2), off)
            worth = np.where(talks[:, None], worth, lone[at].T)
            worth = np.where(np.isnan(worth), -np.inf, worth) - its.price * numbers
            best = np.zeros(budget + 1)
            picks = []
            for j in range(heads):
                total = np.full(budget + 1, -np.inf)
                pick = np.zeros(budget + 1, dtype=int)
                for number in range(min(width, budget + 1)):
                    shifted = best[: budget + 1 - number] + worth[j, number]
                    better = shifted > total[number:]
                    total[number:][better] = shifted[better]
                    pick[number:][better] = number
                picks.append(pick)
                best = total
            left = int(np.argmax(best))
            if not np.isfinite(best[left]):
                continue
            chosen = []
            for pick in reversed(picks):
                chosen.append(int(pick[left]))
                left -= chosen[-1]
            found.add(tuple(reversed(chosen)))
    return found


def times_for(its: Heads, numbers: np.ndarray, effort: int) -> np.ndarray:
    """T_multi worth trying with these numbers: from the least on, the ends of levels and of the queue among them."""
    part = its.part
    talks = its.seconds > 0.0
    least = float((its.seconds[talks] / numbers[talks]).sum() / len(numbers))
    grid = least * (1.0 + np.geomspace(1e-6, 1e3, 14 * effort))
    edges = [np.exp(np.arange(1, 40) / 2.84) / (2.0 * part.arrival_rate)] if part.floor_adaptation else []
    if part.cache_multiplier > 0.0:
        edges.append(np.array([part.multicast_batch / (2.0 * part.arrival_rate) / part.cache_multiplier]))
    edges.append(np.array([0.5 / part.arrival_rate]))
    near = np.concatenate(edges)
    near = (near[(near >= least) & (near < least * 1e3)][:8, None] * (1.0 - MARGINS[[1, 3]])).ravel()
    return np.concatenate([[least], grid, near[near >= least]])


def split(its: Heads, numbers: np.ndarray, taus: np.ndarray, nothing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(value [T], multicast [T, J]) of the best splits for every T_multi; nothing [J]: heads that do not upload.

    Heads share J tau seconds: at a price nu of them a head takes m_j by bisection on the slope of what it earns.
    """
    talks = its.seconds > 0.0
    total = len(numbers) * taus
    fade = np.exp(-its.part.decay * shared_delay(its.part, taus))[:, None]
    number = numbers.astype(float)[None, :]
    with np.errstate(all="ignore"):
        least = np.where(talks, its.seconds, 0.0)
        # In units of the fraction kept for multicast, phi: seconds s / (n phi).
        fractions = np.unique(np.concatenate([np.geomspace(1e-7, 0.5, 70), 1.0 - np.geomspace(1e-9, 0.5, 70), [1.0]]))
        uplink = number[..., None] * (1.0 - fractions)
        gain = np.moveaxis(value_of(its, fade[..., None], np.moveaxis(uplink * np.ones((len(taus), 1, 1)), 1, 2)), 2, 1)
        gain = np.where(nothing[None, :, None], 0.0, gain)
        seconds = least[None, :, None] / (number[..., None] * fractions)
        low, high = np.full(len(taus), -60.0), np.full(len(taus), 60.0)
        scale = its.part.benefit / np.maximum(total, 1e-300)

        def pick(price: np.ndarray) -> np.ndarray:
            return (gain - (scale * np.exp(price))[:, None, None] * seconds).argmax(axis=2)

        head = np.arange(len(numbers))[None, :]
        time = np.arange(len(taus))[:, None]

        def taken(best: np.ndarray) -> np.ndarray:
            return np.where(talks[None, :], seconds[0][head, best], 0.0).sum(axis=1)

        for _ in range(18):
            middle = 0.5 * (low + high)
            much = taken(pick(middle)) > total
            low, high = np.where(much, middle, low), np.where(much, high, middle)
        best = pick(high)
        multicast = np.where(talks[None, :], number * fractions[best], 0.0)
        used = taken(best)
        # All seconds that are left are handed out in proportion.
        multicast = multicast * np.where(used > 0.0, np.minimum(used / total, 1.0), 1.0)[:, None]
        value = value_of(its, fade, number - multicast)
    value = np.where(nothing[None, :], 0.0, value).sum(axis=1) - its.price * numbers.sum()
    return np.where(used <= total * (1.0 + 1e-12), value, -np.inf), multicast


def decision_of(its: Heads, numbers: np.ndarray, multicast: np.ndarray, tau: float, nothing: np.ndarray) -> LocalDecision:
    """At link level, every head's total a whole number to the last bit where that can be."""
    part, layout = its.part, its.part.layout
    number = numbers.astype(float)
    multicast = np.where(nothing & (its.seconds > 0.0), number, np.minimum(multicast, number))
    uplink = number - multicast
    fade = float(np.exp(-part.decay * shared_delay(part, np.array([tau]))[0]))
    with np.errstate(all="ignore"):
        gain = fade * its.worth * np.exp(-part.decay * its.upload / uplink)
        training = training_for(its, gain)
    on = (value_of(its, np.array(fade), uplink) > 0.0) & ~nothing
    cpu = np.where(on, cpu_of(its, training), 0.0)
    if part.multicast == "group":
        return LocalDecision(uplink, cpu, multicast=multicast)
    peer = np.zeros(its.links.shape)
    for j, (k, r) in enumerate(zip(layout.ap, layout.rank, strict=True)):
        links = its.links[k, r]
        if links.sum() > 0.0:
            peer[k, r] = links * (multicast[j] / links.sum())
            # The evaluator adds u_j and the sum of the links: make that sum the whole number.
            uplink[j] = max(0.0, number[j] - peer[k, r].sum())
    return LocalDecision(uplink, cpu, peer=peer)


def attack_whole_local(part: LocalPart, effort: int = 1) -> tuple[float, LocalDecision]:
    """(largest utility met, its decision) of a part with whole subchannels; everything off earns 0."""
    its = heads_of(part)
    heads = len(its.worth)
    held = LocalDecision(
        np.zeros(heads),
        np.zeros(heads),
        np.zeros(heads) if part.multicast == "group" else None,
        None if part.multicast == "group" else np.zeros(its.links.shape),
    )
    best = 0.0
    budget = int(np.floor(part.subchannels_max * (1.0 + 1e-12)))
    talks = its.seconds > 0.0
    if not np.isfinite(its.need) or budget < max(1, int(talks.sum())):
        return best, held
    seen: dict[tuple[int, ...], float] = {}

    def look(numbers: tuple[int, ...]) -> float:
        nonlocal best, held
        if numbers in seen:
            return seen[numbers]
        array = np.array(numbers)
        seen[numbers] = -np.inf
        if array.sum() > budget or (array[talks] < 1).any() or (array < 0).any():
            return -np.inf
        if talks.any():
            taus = times_for(its, array, effort)
            idle = np.zeros(heads, dtype=bool)
            value, multicast = split(its, array, taus, idle)
            for _ in range(1 + effort):
                top = int(np.argmax(value))
                near = np.sort(taus)
                place = int(np.searchsorted(near, taus[top]))
                finer = np.geomspace(near[max(place - 1, 0)], near[min(place + 1, len(near) - 1)], 7)
                finer = finer[finer >= near[0]]
                more, with_ = split(its, array, finer, idle)
                taus, value, multicast = np.concatenate([taus, finer]), np.concatenate([value, more]), np.concatenate([multicast, with_])
            rows = np.argsort(-value)[:2]
        else:
            taus, multicast, rows = np.zeros(1), np.zeros((1, heads)), np.zeros(1, dtype=int)
        for row in rows:
            decision = decision_of(its, array, multicast[row], float(taus[row]), np.zeros(heads, dtype=bool))
            found = evaluate_local(part, decision)
            other = {key: float(value) for key, value in found.violations.items() if key != "whole"}
            if max(other.values()) <= 0.0 and float(found.violations["whole"]) <= 4e-16 * budget:
                utility = float(found.utility)
                seen[numbers] = max(seen[numbers], utility)
                if utility > best:
                    best, held = utility, decision
        return seen[numbers]

    first = sorted(proposals(its, budget, effort), key=look, reverse=True)
    for start in first[: 1 + effort]:
        here, value = start, look(start)
        while True:
            moves = [
                tuple(n + (i == a) - (i == b) for i, n in enumerate(here))
                for a in range(-1, heads)
                for b in range(-1, heads)
                if a != b
            ]
            there = max(moves, key=look)
            if not look(there) > value * (1.0 + 1e-9):
                break
            here, value = there, look(there)
    return best, held
