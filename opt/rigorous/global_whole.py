"""Re-proves the global part of a certificate for whole subchannels (``docs/proof-format-global.md``: Totals, Partition).

A committee's worth depends on its APs and its number N of subchannels alone. What it earns at most is sharpened where the claim
of a leaf needs it: where the best completion of a set and a total is worth more.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from flint import arb, ctx

from ..certificate.proof import WholeGlobalProof
from ..snapshot import GlobalPart
from .balls import EMPTY, INFINITE, ONE, ZERO, exact
from .global_needs import Needs, largest
from .global_whole_time import LeastTime
from .global_worth import highest
from .tree import leaves

PRECISIONS = (64, 128)
# Largest tables: sets of APs, and worths in all. Boxes cut per worth and round; sums this near to
# a claim are near.
MOST_POINTS, MOST_WORTHS, BOXES, NEAR = 12, 4_000_000, 8, 1e-6
# C5 is judged more coarsely than this: 2.9999999999999996 subchannels are 3 whole ones.
ROUNDING = ONE / 10**12
# Smallest and largest total of every committee.
Cell = tuple[tuple[int, int], ...]


def prove_whole_global(part: GlobalPart, proof: WholeGlobalProof) -> list[arb] | None:
    """An upper bound of every leaf, at a precision that proves its claim if one does; None if they do not cover everything."""
    claims: list[float] = proof.bounds.tolist()
    proved, open_ = [INFINITE] * len(claims), list(range(len(claims)))
    for bits in PRECISIONS:
        with ctx.workprec(bits):
            tables = Tables(Needs(part))
            cells = tables.cells(proof)
            if cells is None:
                return None
            if tables.points > MOST_POINTS or (tables.width + 1) * len(tables.worths) << tables.points > MOST_WORTHS:
                break
            for leaf in open_:
                proved[leaf] = tables.bound(cells[leaf], exact(float(proof.prices[leaf])), exact(claims[leaf]))
        # More digits help where few are missing.
        open_ = [leaf for leaf in open_ if proved[leaf] * (1 - NEAR) < claims[leaf] and not proved[leaf] <= claims[leaf]]
        if not open_:
            break
    return proved


class Tables:
    """Upper bounds of what committees earn, by committee, set of APs (as bits) and total; all are exact numbers."""

    def __init__(self, needs: Needs) -> None:
        self.needs, self.points = needs, len(needs.committees[0].access)
        width = (needs.budget * (1 + ROUNDING)).upper().floor().unique_fmpz()
        assert width is not None, "the budget is a number"
        self.width = int(width)
        self.times: dict[tuple[int, int, int], LeastTime] = {}
        self.worths: list[dict[int, list[arb]]] = [{} for _ in needs.capacity]

    def cells(self, proof: WholeGlobalProof) -> list[Cell] | None:
        """The leaves' totals; None when the nodes are not one tree."""

        def split(cell: Cell, _: int, cut: int) -> tuple[Cell, Cell] | None:
            i, where = int(proof.committees[cut]), int(proof.cuts[cut])
            if i >= len(cell):
                return None
            low, high = cell[i]
            below, above = ((*cell[:i], its, *cell[i + 1 :]) for its in ((low, min(high, where)), (max(low, where + 1), high)))
            return below, above

        return leaves(proof.tree.tolist(), [tuple((0, self.width) for _ in self.worths)], split)

    def worth(self, i: int, chosen: int, time: arb, total: int) -> arb:
        """What the set earns in this time; who earns nothing above costs is as well off without subchannels."""
        count, its, needs = chosen.bit_count(), self.needs.committees[i], self.needs
        off = EMPTY if total else ZERO
        gain = count * needs.benefit * (-needs.decay * time).exp()
        value = highest(gain, needs.decay, count * needs.cpu_cost * its.cycles, its.fastest)
        return off if value <= 0 else off.max((value - count * needs.spectrum_price * total).upper())

    def row(self, i: int, chosen: int) -> list[arb]:
        """Worths by total: nobody is served by nothing, and before anything is known communication takes no time."""
        if chosen not in self.worths[i]:
            fits, totals = chosen.bit_count() <= self.needs.capacity[i], range(self.width + 1)
            none = [ZERO if total == chosen == 0 else EMPTY for total in totals]
            self.worths[i][chosen] = [self.worth(i, chosen, ZERO, n) for n in totals] if chosen and fits else none
        return self.worths[i][chosen]

    def sharpen(self, i: int, chosen: int, total: int) -> bool:
        """Bounds one worth better; False when that is not possible."""
        its, place = self.needs.committees[i], (i, chosen, total)
        moved = place not in self.times
        if moved:
            load = sum((need for k, need in enumerate(its.access) if chosen >> k & 1), ZERO)
            self.times[place] = LeastTime(self.needs, its, load, total)
        else:
            moved = sum(self.times[place].sharpen() for _ in range(BOXES)) > 0
        row = self.row(i, chosen)
        row[total] = row[total].min(self.worth(i, chosen, self.times[place].time, total))
        return moved

    def bound(self, cell: Cell, price: arb, claim: arb) -> arb:
        """Rule Partition: the bound of a cell at a price, sharpened until it proves the claim or cannot."""
        if sum(low for low, _ in cell) > self.width or any(low > high for low, high in cell):
            return EMPTY
        sets, everybody, most, moved = range(1 << self.points), (1 << self.points) - 1, INFINITE, True
        while moved:
            value = [[self.best(i, chosen, cell[i], price) for chosen in sets] for i in range(len(cell))]
            rest = [reduce(joined, value[:i] + value[i + 1 :], [ZERO] + [EMPTY] * everybody) for i in range(len(cell))]
            most, moved = largest([value[0][chosen] + rest[0][everybody ^ chosen] for chosen in sets]), False
            target = claim - self.width * price
            # The worst first; once all that attain the largest sum are sharp, nothing else would help.
            bar = most - (most - target) / 8 if most - target > most.abs_upper() * NEAR else target
            for i, (low, high) in enumerate(cell) if not most <= target else ():
                for chosen in sets:
                    others = rest[i][everybody ^ chosen]
                    for total in range(low, high + 1) if chosen and not value[i][chosen] + others <= bar else ():
                        both = self.row(i, chosen)[total] - total * price + others
                        if not both <= bar:
                            moved = (self.sharpen(i, chosen, total) and not both < most) or moved
        return most + self.width * price

    def best(self, i: int, chosen: int, totals: tuple[int, int], price: arb) -> arb:
        """v_i of a set: the best worth - p N of its totals."""
        low, high = totals
        return largest([its - (low + n) * price for n, its in enumerate(self.row(i, chosen)[low : high + 1])]).upper()


def joined(one: Sequence[arb], other: Sequence[arb]) -> list[arb]:
    """Of every set the best split into two; the first may hold nothing but the empty set."""
    if all(value == EMPTY for value in one[1:]):
        return [one[0] + value for value in other]
    found: list[arb] = []
    for together in range(len(one)):
        mine, most = together, one[together] + other[0]
        while mine:
            mine = (mine - 1) & together
            most = most.max(one[mine] + other[together ^ mine])
        found.append(most.upper())
    return found
