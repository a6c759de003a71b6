"""The local part restated from the snapshot's numbers (rule Reduction)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from math import inf

from flint import arb

from ..snapshot import LocalPart
from .balls import NEVER, ZERO, exact
from .heads import Head


def rows(part: LocalPart) -> Iterator[tuple[float, ...]]:
    """Every head's CW_j, capped at CW_th, theta and C (1 and 0 where there is nothing to train), bits, SINR and f_max."""
    columns = (part.cumulative_weight, part.accuracy, part.cycles, part.upload_bits, part.sinr_uplink, part.cpu_max_hz)
    for weight, accuracy, cycles, *others in zip(*(column.tolist() for column in columns), strict=True):
        training = (accuracy, cycles) if accuracy < 1.0 and cycles > 0.0 else (1.0, 0.0)
        yield (min(weight, part.confirmation_weight), *training, *others)


def peers(part: LocalPart) -> Iterator[tuple[float, ...]]:
    """SINR of every head's links that its multicast has to pay for: all of them, or the weakest; ascending."""
    for block, size in zip(part.sinr_peer.tolist(), part.layout.heads.tolist(), strict=True):
        for head in range(size):
            links = sorted(block[head][peer] for peer in range(size) if peer != head)
            yield tuple(links[:1] if part.multicast == "group" else links)


def kin(part: LocalPart, *, whole: bool) -> list[list[int]]:
    """For every head the heads, itself included, that equal it in all numbers that matter, as real numbers (rule Order)."""
    groups, keys = defaultdict[Hashable, list[int]](list), list[Hashable]()
    for j, (row, links) in enumerate(zip(rows(part), peers(part), strict=True)):
        keys.append((row, links if whole else ()))
        groups[keys[j]].append(j)
    return [groups[key] for key in keys]


class Reduced:
    """Balls around the reduced part's numbers, at the precision of the moment.

    heads [J]; worths b [J], 0 where an upload can never end; seconds s [J] and multicast_need M [subchannel seconds]; decay A
    [1/s]; price p_0 [per subchannel]; budget W [subchannels], as far as it can be worth its price.
    """

    def __init__(self, part: LocalPart) -> None:
        band, budget, self.load_rate = exact(part.subchannel_hz), exact(part.subchannels_max), 2 * exact(part.arrival_rate)
        self.part, self.decay, self.price = part, exact(part.decay), exact(part.spectrum_cost) * band

        def need(bits: float, sinr: float) -> arb:
            return exact(bits) * arb(2).log() / (band * exact(sinr).log1p())

        self.seconds = [sum((need(part.multicast_bits, sinr) for sinr in links), ZERO) for links in peers(part)]
        self.multicast_need = sum((s.sqrt() for s in self.seconds), ZERO) ** 2 / len(self.seconds)
        self.heads, self.worths = list[Head](), list[arb]()
        for weight, accuracy, cycles, bits, sinr, cpu_max in rows(part):
            work, lag = -exact(accuracy).log() * exact(cycles), exact(part.confirmation_weight) - exact(weight)
            self.heads.append(Head(self.decay, work, exact(cpu_max), exact(part.cpu_cost), need(bits, sinr)))
            instant = exact(part.benefit) * (-self.decay * lag * 2 / self.load_rate).exp()
            self.worths.append(ZERO if self.heads[-1].need > NEVER * budget else instant)
        worth = sum(self.worths, ZERO)
        self.budget = budget.min(worth / self.price) if self.price > 0 and worth > 0 else budget

    def whole_budget(self) -> int:
        """Whole subchannels in the budget."""
        floor = self.budget.upper().floor().unique_fmpz()
        assert floor is not None
        return int(floor)

    def is_hopeless(self, *, whole: bool) -> bool:
        """Whether T_multi is proved to be infinite whatever is done, or subchannels to be too few for anybody (rule Cover)."""
        senders = sum(not s.is_zero() for s in self.seconds)
        return self.multicast_need > NEVER * self.budget or (whole and self.whole_budget() < max(1, senders))

    def delay_line(self, left: arb, touch: float) -> tuple[arb, arb]:
        """(i, s), s >= 0, of a line below Q on [left, inf); ``touch`` chooses among such lines (rule Delay)."""
        part, slope_284 = self.part, arb(284) / 100
        intercept, slope = ZERO, ZERO
        # Compared in floating point: whichever it is, the line is below.
        if touch < inf and touch * part.cache_multiplier >= part.multicast_batch / (2.0 * part.arrival_rate):
            intercept, slope = -exact(part.multicast_batch) / self.load_rate, exact(part.cache_multiplier)
        load = self.load_rate * (left if part.floor_adaptation else exact(touch))
        if not 1 < load < inf:
            return intercept, slope
        level = slope_284 * load.log()
        if not part.floor_adaptation:
            return intercept - slope_284 * exact(touch), slope + level + slope_284
        # A level that a ball leaves open counts as the lower one.
        return intercept, slope + level.lower().floor()
