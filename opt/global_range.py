r"""The numbers of the global part with which closed forms may be computed: none so large or small that a product of a few of
them overflows, underflows or is no number.

A bound is a promise, so a number may only be replaced by one that promises less: needs above 1e35 subchannel seconds count as
1e35 (less spectrum for the same times), prices and times of verification below 1e-35 as 0, prices above 1e35 as 1e35, a
budget above 1e100 as 1e100: with needs of 1e35 the times that more would save are below 1e-60 s, of a utility of B at a decay
of 1e35 per s less than 1e-25 B: far less than the slack of any bound. Every other number must lie within [1e-35, 1e35] (a
budget within [1e-35, 1e100]); if one does not, there is no closed form, and the only bound is that nobody earns more than B
for each AP (``most_benefit``).

From these numbers the closed forms make products of at most two needs or prices, one time and one square: within 1e+-300.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from .arrays import Floats
from .global_reduction import committee_needs, link_needs, useful_subchannels
from .snapshot import GlobalPart

SMALLEST, LARGEST = 1e-35, 1e35
LARGEST_BUDGET = 1e100


@dataclass(frozen=True, eq=False)
class GlobalNumbers:
    """One epoch of the global part, reduced, within the range (module docstring).

    budget [subchannels]; benefit B; decay A [1/s]; timeout T [s]; spectrum_price p_0 [per subchannel]; cpu_cost [I]: c E_i;
    fastest [I] [s]; access [I, K], leader [I], broadcast and reply [I, M]: needs [subchannel seconds], and those of each link
    [I, V, V] with whole subchannels (else empty).
    """

    budget: float
    benefit: float
    decay: float
    timeout: float
    spectrum_price: float
    cpu_cost: Floats
    fastest: Floats
    access: Floats
    leader: Floats
    broadcast: Floats
    reply: Floats
    link: Floats


def most_benefit(part: GlobalPart) -> float:
    """B for every AP, rounded up: nobody earns more, costs being at least 0. inf where that is no number."""
    return float(part.sinr_access.shape[-1]) * float(part.benefit) * (1.0 + 1e-15)


def global_numbers(part: GlobalPart) -> GlobalNumbers | None:
    """The part's numbers within the range; None when one has no place there (module docstring)."""
    with np.errstate(all="ignore"):
        needs = committee_needs(part)
        link = link_needs(part) if part.whole_subchannels else np.ones((0, 0, 0))
        price = float(np.float64(part.spectrum_cost) * part.subchannel_hz)
        cpu_cost = _at_least(np.nan_to_num(part.cpu_cost * needs.cycles, nan=0.0))
        budget = useful_subchannels(part)
        if price > 0.0:
            # ``useful_subchannels`` keeps a millionth of an absurdly large budget, which slacks would be in proportion to.
            budget = min(budget, most_benefit(part) / price * (1.0 + 1e-9))
        kinds = (needs.access, needs.leader, needs.broadcast, needs.reply, link)
        access, leader, broadcast, reply, link = (np.array(np.minimum(each, LARGEST), order="C") for each in kinds)
    positive = [access, leader, broadcast[broadcast + reply > 0.0], reply[reply > 0.0]]
    if part.whole_subchannels:
        positive.append(link[part.layout.is_link])
    single = (float(part.benefit), float(part.decay), float(part.timeout))
    inside = all(bool(each.min(initial=SMALLEST) >= SMALLEST) for each in positive)
    inside = inside and all(SMALLEST <= each <= LARGEST for each in single)
    if not (inside and budget >= SMALLEST and part.sinr_access.shape[-1] <= 1e15):
        return None
    return GlobalNumbers(
        budget=min(budget, LARGEST_BUDGET),
        benefit=single[0],
        decay=single[1],
        timeout=single[2],
        spectrum_price=float(_at_least(np.array(price))),
        cpu_cost=cpu_cost,
        fastest=_at_least(needs.fastest),
        access=access,
        leader=leader,
        broadcast=broadcast,
        reply=reply,
        link=link,
    )


def _at_least(values: Floats) -> Floats:
    """What costs or takes time: 0 below the range, its end above it (and where it is no number, 0)."""
    return cast(Floats, np.array(np.where(values >= SMALLEST, np.minimum(values, LARGEST), 0.0), order="C"))
