"""What committees need, restated from the numbers of the snapshot file: balls around exact reals (``docs/proof-format-global.md``)."""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from ..snapshot import GlobalPart
from .balls import ZERO, exact

# A phase may pass the timeout by this fraction of it (model section 3).
LATE = arb(1) / 10**9


@dataclass(frozen=True, eq=False)
class CommitteeNeeds:
    """Needs in subchannel seconds: access [K]; leader e_0; sends, replies: (e_a, g_a) of each delegate in ``group`` mode, (E_a, R_a)
    of its links to other delegates and to the manager in ``per_link`` mode. cycles: of all delegates; fastest verification [s]."""

    access: list[arb]
    leader: arb
    sends: list[arb]
    replies: list[arb]
    cycles: arb
    fastest: arb


@dataclass(frozen=True, eq=False)
class Needs:
    """The part as balls. budget: of C5 as far as it can matter; spectrum_price p_0 of a subchannel."""

    budget: arb
    benefit: arb
    decay: arb
    spectrum_price: arb
    cpu_cost: arb
    timeout: arb
    capped: bool
    group: bool
    capacity: list[int]
    committees: list[CommitteeNeeds]


def needs_of(part: GlobalPart) -> Needs:
    """Restates the part at the precision of the moment."""
    hz, price = exact(part.subchannel_hz), exact(part.spectrum_cost) * exact(part.subchannel_hz)
    points, group = int(part.sinr_access.shape[-1]), part.multicast == "group"
    budget = exact(part.subchannels_max)
    if price > 0:
        # Who pays for more than all could ever earn earns less than nobody does.
        budget = budget.min(points * exact(part.benefit) / price)
    committees = [_committee(part, i, hz, group) for i in range(len(part.layout.delegates))]
    return Needs(
        budget=budget,
        benefit=exact(part.benefit),
        decay=exact(part.decay),
        spectrum_price=price,
        cpu_cost=exact(part.cpu_cost),
        timeout=exact(part.timeout),
        capped=part.timeout_rule == "cap",
        group=group,
        capacity=[min(int(room), points) for room in part.capacity],
        committees=committees,
    )


def _committee(part: GlobalPart, i: int, hz: arb, group: bool) -> CommitteeNeeds:
    bits, size = exact(float(part.block_bits[i])) * arb(2).log() / hz, int(part.layout.delegates[i])

    def need(sinr: float) -> arb:
        return bits / exact(sinr).log1p()

    rows: list[list[float]] = part.sinr_peer[i, :size, :size].tolist()
    links = [[ZERO if a == b else need(sinr) for b, sinr in enumerate(row)] for a, row in enumerate(rows)]
    total = (lambda its: largest(its)) if group else (lambda its: sum(its, ZERO))
    cycles: list[float] = part.cycles[i, :size].tolist()
    cpu: list[float] = part.cpu_max_hz[i, :size].tolist()
    return CommitteeNeeds(
        access=[need(float(sinr)) for sinr in part.sinr_access[i].tolist()],
        leader=total(links[0]),
        sends=[total(row if group else row[1:]) for row in links[1:]],
        replies=[row[0] for row in links[1:]],
        cycles=sum((exact(work) for work in cycles), ZERO),
        fastest=largest([exact(work) / exact(hz) for work, hz in zip(cycles, cpu, strict=True)]),
    )


def largest(values: list[arb]) -> arb:
    """The largest of some balls' numbers."""
    most = values[0]
    for value in values[1:]:
        most = most.max(value)
    return most


