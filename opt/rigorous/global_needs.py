"""The global part restated from the numbers of the snapshot file, reduced to what committees need (rule Committee)."""

from __future__ import annotations

from flint import arb

from ..snapshot import GlobalPart
from .balls import ONE, ZERO, exact

# A phase may pass the timeout by this fraction of it (model section 3).
LATE = ONE / 10**9


class Committee:
    """Needs in subchannel seconds: access [K]; leader e_0; sends and replies, (e_a, g_a) of each delegate in ``group`` mode, in
    ``per_link`` mode (E_a, R_a) of its links to other delegates and to the manager. cycles in all; fastest verification [s]."""

    def __init__(self, part: GlobalPart, i: int, *, group: bool) -> None:
        size, bits = int(part.layout.delegates[i]), exact(float(part.block_bits[i])) * arb(2).log() / exact(part.subchannel_hz)
        links = [
            [ZERO if a == b else bits / exact(sinr).log1p() for b, sinr in enumerate(row[:size])]
            for a, row in enumerate(part.sinr_peer[i, :size].tolist())
        ]
        work, hertz = ([exact(x) for x in column[i, :size].tolist()] for column in (part.cycles, part.cpu_max_hz))
        self.access = [bits / exact(sinr).log1p() for sinr in part.sinr_access[i].tolist()]
        self.leader = largest(links[0]) if group else sum(links[0], ZERO)
        self.sends = [largest(row) if group else sum(row[1:], ZERO) for row in links[1:]]
        self.replies = [row[0] for row in links[1:]]
        self.cycles = sum(work, ZERO)
        self.fastest = largest([cycles / hz for cycles, hz in zip(work, hertz, strict=True)])


class Needs:
    """The part as balls, at the precision of the moment. budget: of C5 as far as it can matter (rule Budget); spectrum_price
    p_0 of a subchannel; timeout T; capacity psi."""

    def __init__(self, part: GlobalPart) -> None:
        points, self.group, self.capped = int(part.sinr_access.shape[-1]), part.multicast == "group", part.timeout_rule == "cap"
        self.benefit, self.decay, self.cpu_cost = exact(part.benefit), exact(part.decay), exact(part.cpu_cost)
        self.timeout, self.spectrum_price = exact(part.timeout), exact(part.spectrum_cost) * exact(part.subchannel_hz)
        self.budget = exact(part.subchannels_max)
        if self.spectrum_price > 0:
            self.budget = self.budget.min(points * self.benefit / self.spectrum_price)
        self.capacity = [min(int(room), points) for room in part.capacity]
        self.committees = [Committee(part, i, group=self.group) for i in range(len(self.capacity))]


def largest(values: list[arb]) -> arb:
    """The largest of some balls' numbers."""
    most = values[0]
    for value in values[1:]:
        most = most.max(value)
    return most
