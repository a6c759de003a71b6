"""Re-proves the local part: an upper bound of every leaf, by the rules L1 to L9 of ``docs/proof-format.md``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import add

from flint import arb, ctx

from ..certificate.proof import COUNT_CUT, SHARE_CUT, TIME_CUT, LocalProof
from ..snapshot import LocalPart
from .balls import EMPTY, INFINITE, ONE, ZERO, exact, settle
from .peak import peak_time
from .reduced import Reduced, kin
from .tree import leaves

# L3: a cut in time at c parts the cell at c (1 + 2^-39), surely beyond the step of the floor that c was rounded from.
BEYOND = ONE + arb(2) ** -39
# L6: a price within this of the money price is the money price, which a file can only hold rounded.
ROUNDED = ONE + arb(2) ** -52
# Knapsacks over more subchannels than this are not attempted: their leaves count as not proved.
MOST_SPARE = 20_000


@dataclass(frozen=True)
class Cell:
    """after <= tau <= before [s], as cut; low <= u_j <= high and fewest <= n_j <= most [subchannels], one entry per head."""

    after: float
    before: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    fewest: tuple[int, ...]
    most: tuple[int, ...]

    def is_empty(self) -> bool:
        """Whether one of its boxes holds nothing."""
        return any(map(float.__gt__, self.low, self.high)) or any(map(int.__gt__, self.fewest, self.most))

    def split(self, kind: int, head: int, equals: Sequence[int], where: float, *, whole: bool) -> tuple[Cell, Cell] | None:
        """Its parts below and above a cut; equals: the heads equal to ``head``, whose shares or numbers are in falling order."""
        if kind == TIME_CUT:
            inside = self.after < where < self.before
            return (replace(self, before=where), replace(self, after=where)) if inside else None
        order = [head] if whole and kind == SHARE_CUT else equals
        later, earlier = {j for j in order if j >= head}, {j for j in order if j <= head}
        heads = range(len(self.low))
        if kind == SHARE_CUT:
            high = tuple(min(self.high[j], where) if j in later else self.high[j] for j in heads)
            low = tuple(max(self.low[j], where) if j in earlier else self.low[j] for j in heads)
            return replace(self, high=high), replace(self, low=low)
        if kind != COUNT_CUT or not whole or not 0.0 <= where < math.inf:
            return None
        last = math.floor(where)
        most = tuple(min(self.most[j], last) if j in later else self.most[j] for j in heads)
        fewest = tuple(max(self.fewest[j], last + 1) if j in earlier else self.fewest[j] for j in heads)
        return replace(self, most=most), replace(self, fewest=fewest)


@dataclass(frozen=True)
class Span:
    """left <= tau <= right [s] (None: without end) and a line i + s tau below Q there that is nowhere negative (rule L5)."""

    left: arb
    right: arb | None
    intercept: arb
    slope: arb
    decay: arb

    @classmethod
    def of(cls, problem: Reduced, cell: Cell, touch: float) -> Span | None:
        """None: the cell is proved to be empty."""
        root = ZERO if problem.multicast_need.is_zero() else problem.multicast_need / problem.budget
        left = root.max(exact(cell.after) * BEYOND)
        right = None if cell.before == math.inf else exact(cell.before) * BEYOND
        if cell.is_empty() or (right is not None and right < left):
            return None
        intercept, slope = problem.delay_line(left, touch)
        if intercept < 0 and slope > 0:
            # Q >= 0, and before the line is 0 later is better: nothing is lost by starting there.
            left = left.max(-intercept / slope)
        return cls(left if right is None else left.min(right), right, intercept, slope, problem.decay)

    def fade(self, tau: arb | None) -> arb:
        """y = exp(-A (i + s tau)), at most 1."""
        if tau is None and not self.slope.is_zero():
            return ZERO
        delay = self.intercept if tau is None else self.intercept + self.slope * tau
        return (-self.decay * delay.max(ZERO)).exp()


def heads_worth(problem: Reduced, cell: Cell, fade: arb, price: arb) -> arb:
    """sum_j h_j at y = ``fade`` (rule L4)."""
    total = ZERO
    for head, worth, low, high in zip(problem.heads, problem.worths, cell.low, cell.high, strict=True):
        gain = fade * worth
        if gain.is_zero():
            total -= price * exact(low)
        elif low == 0.0 and high == math.inf:
            total += head.free(gain, price)
        else:
            total += head.boxed(gain, price, exact(low), None if high == math.inf else exact(high))
    return total


def nobody_earns(problem: Reduced, cell: Cell, span: Span, fade: arb) -> bool:
    """Whether at the money price every head is proved to be off, with at most what multicast leaves of the budget (L7)."""
    if any(cell.low):
        return False
    most = problem.budget - (ZERO if span.right is None else problem.multicast_need / span.right)
    highs = (most if high == math.inf else most.min(exact(high)) for high in cell.high)
    heads = zip(problem.heads, problem.worths, highs, strict=True)
    return all((fade * worth).is_zero() or head.boxed(fade * worth, problem.price, ZERO, high) <= 0 for head, worth, high in heads)


def leaf_bound(problem: Reduced, cell: Cell, price: float, touch: float) -> arb:
    """The bound of a leaf at one price (rules L4 to L7)."""
    span = Span.of(problem, cell, touch)
    if span is None:
        return EMPTY
    is_cost = not exact(price) > problem.price * ROUNDED
    pi = problem.price if is_cost else exact(price)
    extra = ZERO if is_cost else (pi - problem.price) * problem.budget
    fade_left, fade_right = span.fade(span.left), span.fade(span.right)
    if is_cost and nobody_earns(problem, cell, span, fade_left):
        return ZERO
    paid = pi * problem.multicast_need
    at_left = heads_worth(problem, cell, fade_left, pi)
    paid_right = ZERO if span.right is None else paid / span.right
    if span.slope.is_zero() or paid.is_zero() or at_left.is_zero():
        return extra + at_left - (ZERO if paid.is_zero() else paid_right)
    at_right = heads_worth(problem, cell, fade_right, pi)
    rise = (at_left - at_right) / (fade_left - fade_right)
    gain, decay = rise * (-span.decay * span.intercept).exp(), span.decay * span.slope
    time = peak_time(gain, decay, paid) if gain > 0 else arb.nan()
    if time is None:
        return extra + at_right - paid_right
    if not (time.is_finite() and rise.is_finite()):
        # Where the chord's peak is not resolved: its left end, less the least that multicast costs.
        return extra + at_left - paid_right
    inner = time.max(span.left)
    inner = inner if span.right is None else inner.min(span.right)
    there = at_right + rise * (span.fade(inner) - fade_right) - paid / inner
    return extra + there.max(at_right - paid_right)


def most_worth(problem: Reduced, cell: Cell, budget: int, fade: arb, price: arb) -> arb:
    """V at y = ``fade`` (rule L8): a knapsack in whole multiples of 2^-bits, every value rounded up to one."""
    spare, bits = budget - sum(cell.fewest), ctx.prec
    if spare < 0:
        return EMPTY
    if spare > MOST_SPARE:
        return INFINITE
    best = [0] * (spare + 1)
    for j, head in enumerate(problem.heads):
        low, high = exact(cell.low[j]), None if cell.high[j] == math.inf else exact(cell.high[j])
        values: list[int] = []
        for total in range(cell.fewest[j], min(cell.most[j], cell.fewest[j] + spare) + 1):
            worth = head.split(fade * problem.worths[j], problem.seconds[j], price, total, low, high) - problem.price * total
            if not worth < INFINITE:
                return INFINITE
            values.append(rounded_up(worth, bits))
        values.reverse()
        best = [max(map(add, best[max(0, used + 1 - len(values)) : used + 1], values[-used - 1 :])) for used in range(spare + 1)]
    return arb(best[spare]) / arb(2) ** bits


def rounded_up(value: arb, bits: int) -> int:
    """The least whole number that is at least value 2^bits, exactly; -inf counts as far less than anything that earns."""
    if value == EMPTY:
        return -(1 << bits + 4096)
    mantissa, exponent = value.upper().man_exp()
    shift = int(exponent) + bits
    return int(mantissa) << shift if shift >= 0 else -(-int(mantissa) >> -shift)


def whole_leaf_bound(problem: Reduced, cell: Cell, price: float, touch: float) -> arb:
    """The bound of a leaf at one price of multicast time (rules L8 and L9)."""
    span, budget = Span.of(problem, cell, touch), whole_budget(problem)
    if span is None:
        return EMPTY
    nu = exact(price) if price > 0.0 and span.right is not None else ZERO
    seconds = nu * len(problem.heads)
    left = most_worth(problem, cell, budget, span.fade(span.left), nu)
    if span.right is None:
        return left
    right = left if span.slope.is_zero() else most_worth(problem, cell, budget, span.fade(span.right), nu)
    return (left + seconds * span.left).max(right + seconds * span.right)


def whole_budget(problem: Reduced) -> int:
    """Whole subchannels in the budget."""
    floor = problem.budget.upper().floor().unique_fmpz()
    assert floor is not None
    return int(floor)


def prove_local(part: LocalPart, proof: LocalProof) -> list[arb] | None:
    """Upper bound of every leaf, settled against its claim; None when the tree does not cover the feasible set."""
    heads, equals, problem = len(part.layout.ap), kin(part, with_peers=proof.whole), Reduced(part)
    # Numbers of subchannels bound divisible shares by nothing.
    fewest = [int(proof.whole and not s.is_zero()) for s in problem.seconds]
    budget = whole_budget(problem) if proof.whole else 0
    if len(proof.tree) == 0:
        # L2: nothing can be earned where T_multi is infinite, or where not every head that has to can have a subchannel.
        return [] if problem.is_hopeless or (proof.whole and budget < max(1, sum(fewest))) else None
    root = Cell(0.0, math.inf, (0.0,) * heads, (math.inf,) * heads, tuple(fewest), (budget,) * heads)
    where, which = proof.cuts.tolist(), proof.heads.tolist()

    def split(cell: Cell, kind: int, cut: int) -> tuple[Cell, Cell] | None:
        head = which[cut] if kind != TIME_CUT else 0
        return cell.split(kind, head, equals[head], where[cut], whole=proof.whole) if head < heads else None

    cells = leaves(proof.tree.tolist(), [root], split)
    if cells is None or len(cells) != len(proof.prices):
        return None
    bound, prices, touches = whole_leaf_bound if proof.whole else leaf_bound, proof.prices.tolist(), proof.touches.tolist()
    return settle(lambda: Reduced(part), lambda p, k: bound(p, cells[k], prices[k], touches[k]), proof.bounds.tolist())
