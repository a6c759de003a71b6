"""The local part restated from the snapshot's numbers: one multicast time, and per head a worth, a work and a need (rule L1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from math import inf

from flint import arb

from ..snapshot import LocalPart
from .balls import NEVER, ZERO, exact
from .heads import Head

# (11): the slope 2.84 of the adaptation level, as the model prints it, in hundredths.
SLOPE_IN_HUNDREDTHS = 284


def peers(part: LocalPart) -> Iterator[list[float]]:
    """SINR of every head's links to its peers that its multicast has to pay for: all of them, or the weakest; ascending."""
    for block, size in zip(part.sinr_peer.tolist(), part.layout.heads.tolist(), strict=True):
        for head in range(size):
            links = sorted(block[head][peer] for peer in range(size) if peer != head)
            yield links[:1] if part.multicast == "group" else links


def kin(part: LocalPart, *, with_peers: bool) -> list[list[int]]:
    """For every head the heads equal to it in all numbers that matter (rule L2), itself included, in order.

    Equal as real numbers, not as rounded ones. with_peers: also in their links, which whole subchannels need.
    """
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    columns = (part.cumulative_weight, part.accuracy, part.cycles, part.cpu_max_hz, part.upload_bits, part.sinr_uplink)
    keys: list[Hashable] = []
    for j, (links, (weight, accuracy, cycles, *others)) in enumerate(
        zip(peers(part), zip(*(x.tolist() for x in columns), strict=True), strict=True)
    ):
        training = (accuracy, cycles) if accuracy < 1.0 and cycles > 0.0 else ()
        keys.append((min(weight, part.confirmation_weight), training, *others, *(links if with_peers else ())))
        groups[keys[j]].append(j)
    return [groups[key] for key in keys]


class Reduced:
    """Balls around the numbers of the reduced part, at the precision of the moment.

    heads [J]; worths b [J], 0 for a head that can never finish its upload; seconds s [J] and multicast_need M = (sum of
    roots of s)^2 / J [subchannel seconds]; decay A [1/s]; price p_0 [per subchannel]; budget W [subchannels], as far as it can be
    worth its price; queue_slope iota, queue_relief H / (2 lambda) [s]; load_rate 2 lambda [1/s]; level_slope 2.84; is_hopeless:
    proved that T_multi is infinite whatever is done.
    """

    def __init__(self, part: LocalPart) -> None:
        band, decay, rate, budget = map(exact, (part.subchannel_hz, part.decay, part.arrival_rate, part.subchannels_max))
        cpu_price, threshold, benefit = map(exact, (part.cpu_cost, part.confirmation_weight, part.benefit))

        def need(bits: float, sinr: float) -> arb:
            return exact(bits) * arb(2).log() / (band * exact(sinr).log1p())

        self.part, self.decay, self.price = part, decay, exact(part.spectrum_cost) * band
        self.seconds = [sum((need(part.multicast_bits, sinr) for sinr in links), ZERO) for links in peers(part)]
        self.multicast_need = sum((s.sqrt() for s in self.seconds), ZERO) ** 2 / len(self.seconds)
        self.is_hopeless = self.multicast_need > NEVER * budget
        self.heads, self.worths = list[Head](), list[arb]()
        columns = (part.cumulative_weight, part.accuracy, part.cycles, part.cpu_max_hz, part.upload_bits, part.sinr_uplink)
        for weight, accuracy, cycles, cpu_max, bits, sinr in zip(*(x.tolist() for x in columns), strict=True):
            work = -exact(accuracy).log() * exact(cycles)
            head = Head(decay, work, exact(cpu_max), cpu_price, need(bits, sinr))
            confirmation = (threshold - exact(weight)).max(ZERO) / rate
            self.heads.append(head)
            self.worths.append(ZERO if head.need > NEVER * budget else benefit * (-decay * confirmation).exp())
        most = sum(self.worths, ZERO)
        self.budget = budget.min(most / self.price) if self.price > 0 and most > 0 else budget
        self.queue_slope, self.queue_relief = exact(part.cache_multiplier), exact(part.multicast_batch) / (2 * rate)
        self.load_rate, self.level_slope = 2 * rate, arb(SLOPE_IN_HUNDREDTHS) / 100

    def delay_line(self, left: arb, touch: float) -> tuple[arb, arb]:
        """(i, s), s >= 0, of a line below Q on [left, inf); ``touch`` > 0 chooses among true ones (rule L5)."""
        part, intercept, slope = self.part, ZERO, ZERO
        if not touch < inf:
            return intercept, slope
        # Compared in floating point: whichever it is, the line is below.
        if touch * part.cache_multiplier >= part.multicast_batch / (2.0 * part.arrival_rate):
            intercept, slope = -self.queue_relief, self.queue_slope
        load = self.load_rate * (left if part.floor_adaptation else exact(touch))
        if not load > 1:
            return intercept, slope
        level = self.level_slope * load.log()
        if not part.floor_adaptation:
            return intercept - self.level_slope * exact(touch), slope + level + self.level_slope
        # A level that a ball leaves open counts as the lower one.
        least = level.lower().floor().unique_fmpz()
        return intercept, slope if least is None else slope + least
