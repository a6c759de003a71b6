r"""Re-proves the global part of a certificate for whole subchannels (``docs/proof-format-global.md``, rules Totals and Partition).

A committee's worth depends on its APs and its number N of subchannels alone. What it earns at most starts from divisible
subchannels and is sharpened (``global_whole_time``) where the claim of a leaf needs it. Sums over partitions are sums of whole
multiples of a unit, so they are exact.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import arb, ctx

from ..certificate.proof import WholeGlobalProof
from ..snapshot import GlobalPart
from .balls import EMPTY, INFINITE, ZERO, exact
from .global_curve import curve_of
from .global_needs import LATE, Needs, needs_of
from .global_proof import earliest
from .global_whole_time import LeastTime, min_of
from .global_worth import highest
from .tree import leaves

PRECISIONS = (64, 128)
# Largest tables: sets of APs, and worths in all.
MOST_POINTS, MOST_WORTHS = 12, 4_000_000
# Whole subchannels of a budget: C5 is judged more coarsely than this.
ROUNDING = arb(1) / 10**12
# Bits of the unit below what all could earn; boxes cut per worth and round.
UNIT_BITS, BOXES = 100, 8
# In units: less than any worth, what cannot be; more than any, what is not known.
IMPOSSIBLE = -(1 << 8000)
UNKNOWN = 1 << 4000

Intervals = tuple[tuple[int, int], ...]


def prove_whole_global(part: GlobalPart, proof: WholeGlobalProof) -> list[arb] | None:
    """An upper bound of every leaf, at a precision that proves its claim if one does; None when the tree does not cover
    everything."""
    claims: list[float] = proof.bounds.tolist()
    proved, open_ = [INFINITE] * len(claims), list(range(len(claims)))
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            needs = needs_of(part)
            most = (needs.budget * (1 + ROUNDING)).floor().upper()
            whole, points = most.unique_fmpz() if most.is_finite() else None, len(needs.committees[0].access)
            if whole is None:
                return proved
            width = int(whole)
            cells = cells_of(needs, proof, width)
            if cells is None:
                return None
            if points > MOST_POINTS or (width + 1) * len(needs.capacity) << points > MOST_WORTHS:
                return proved
            tables = Tables(needs, width)
            for leaf in open_:
                proved[leaf] = tables.bound(cells[leaf], float(proof.prices[leaf]), claims[leaf])
        open_ = [leaf for leaf in open_ if not proved[leaf] <= claims[leaf]]
        if not open_:
            break
    return proved


def cells_of(needs: Needs, proof: WholeGlobalProof, width: int) -> list[Intervals] | None:
    """The leaves' intervals of totals; None when the nodes are not one tree."""

    def split(cell: Intervals, _: int, cut: int) -> tuple[Intervals, Intervals] | None:
        i, where = int(proof.committees[cut]), int(proof.cuts[cut])
        if i >= len(cell):
            return None
        low, high = cell[i]
        below, above = (low, min(high, where)), (max(low, where + 1), high)
        return (*cell[:i], below, *cell[i + 1 :]), (*cell[:i], above, *cell[i + 1 :])

    return leaves(proof.tree.tolist(), [tuple((0, width) for _ in needs.capacity)], split)


class Worths:
    """Upper bounds of what one committee earns with one set of APs, by its total N, in units; sharpened on demand."""

    def __init__(self, tables: Tables, i: int, chosen: int) -> None:
        needs = tables.needs
        self.tables, self.i, self.count = tables, i, chosen.bit_count()
        its = needs.committees[i]
        self.load = sum((need for k, need in enumerate(its.access) if chosen >> k & 1), ZERO)
        self.gain, self.verifying = self.count * needs.benefit, self.count * needs.cpu_cost * its.cycles
        self.times: dict[int, LeastTime] = {}
        self.by_total = self._divisible() if chosen else [0] + [IMPOSSIBLE] * tables.width

    def _divisible(self) -> list[int]:
        needs, curve = self.tables.needs, self.tables.curves[self.i]
        late, pieces, found = 1 if needs.capped else 1 + LATE, curve.pieces(self.load), list[int]()
        for total in range(self.tables.width + 1):
            times = [earliest(its, ZERO, None, total * late) for its in pieces]
            found.append(self._worth(min_of([time for time in times if time is not None]), total))
        return found

    def _worth(self, time: arb | None, total: int) -> int:
        """Who earns nothing above costs is as well off without subchannels."""
        needs, off = self.tables.needs, 0 if total == 0 else IMPOSSIBLE
        if time is None:
            return off
        gain = self.gain * (-needs.decay * time).exp()
        value = highest(gain, needs.decay, self.verifying, needs.committees[self.i].fastest, None)
        if value <= 0:
            return off
        return max(off, self.tables.units(value - self.count * needs.spectrum_price * total))

    def sharpen(self, total: int) -> bool:
        """Bound the worth with this total better; False when that is not possible."""
        if total not in self.times:
            needs = self.tables.needs
            self.times[total] = LeastTime(needs, needs.committees[self.i], self.load, total)
            moved = True
        else:
            moved = self.times[total].sharpen(BOXES)
        self.by_total[total] = min(self.by_total[total], self._worth(self.times[total].time, total))
        return moved


class Tables:
    """All committees' worths with all sets of APs that fit; widths 0 to ``width`` subchannels."""

    def __init__(self, needs: Needs, width: int) -> None:
        points = len(needs.committees[0].access)
        self.needs, self.width, self.sets = needs, width, 1 << points
        self.curves = [curve_of(needs, its) for its in needs.committees]
        self.unit = points * needs.benefit / arb(2) ** UNIT_BITS
        self.worths = [
            {chosen: Worths(self, i, chosen) for chosen in range(self.sets) if chosen.bit_count() <= room}
            for i, room in enumerate(needs.capacity)
        ]

    def units(self, value: arb) -> int:
        """In whole units, rounded up."""
        whole = (value / self.unit).upper().ceil()
        units = whole.unique_fmpz() if whole.is_finite() else None
        return UNKNOWN if units is None else int(units)

    def bound(self, cell: Intervals, price: float, claim: float) -> arb:
        """Rule Partition: the bound of a cell at a price, sharpened until it proves the claim or cannot."""
        if sum(low for low, _ in cell) > self.width or any(low > high for low, high in cell):
            return EMPTY
        paid = [-self.units(-exact(price) * total) for total in range(self.width + 1)]
        enough = -self.units(self.width * exact(price) - exact(claim))
        while True:
            value = [self._values(i, low, high, paid) for i, (low, high) in enumerate(cell)]
            rest = others(value)
            most = max(mine + rest[0][self.sets - 1 - chosen] for chosen, mine in enumerate(value[0]))
            moved = False
            if most > enough:
                for i, (low, high) in enumerate(cell):
                    for chosen, its in self.worths[i].items():
                        allowed = enough - rest[i][self.sets - 1 - chosen]
                        if chosen and value[i][chosen] > allowed:
                            for total in range(low, high + 1):
                                if its.by_total[total] - paid[total] > allowed:
                                    moved = its.sharpen(total) or moved
            if not moved:
                return EMPTY if most < IMPOSSIBLE // 2 else self.width * exact(price) + most * self.unit

    def _values(self, i: int, low: int, high: int, paid: Sequence[int]) -> list[int]:
        """v_i of every set: the best worth - p N of its totals."""
        found = [IMPOSSIBLE] * self.sets
        for chosen, its in self.worths[i].items():
            found[chosen] = max(its.by_total[total] - paid[total] for total in range(low, high + 1))
        return found


def others(value: Sequence[list[int]]) -> list[list[int]]:
    """Per committee and set the best partition of the set among the other committees."""
    nothing = [0] + [IMPOSSIBLE] * (len(value[0]) - 1)
    before, after = [nothing], [nothing]
    for mine in value[:-1]:
        before.append(joined(before[-1], mine))
    for mine in reversed(value[1:]):
        after.append(joined(mine, after[-1]))
    return [joined(first, last) for first, last in zip(before, reversed(after), strict=True)]


def joined(one: list[int], other: list[int]) -> list[int]:
    """Of every set the best split into two."""
    if one[0] == 0 and max(one[1:], default=IMPOSSIBLE) <= IMPOSSIBLE:
        return other
    if other[0] == 0 and max(other[1:], default=IMPOSSIBLE) <= IMPOSSIBLE:
        return one
    found: list[int] = []
    for together in range(len(one)):
        mine = together
        most = one[mine] + other[0]
        while mine:
            mine = (mine - 1) & together
            most = max(most, one[mine] + other[together ^ mine])
        found.append(most)
    return found
