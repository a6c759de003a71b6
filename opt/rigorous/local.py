"""Re-proves the local part: an upper bound of every leaf, by the rules of ``docs/proof-format.md`` that comments name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import add
from typing import NamedTuple

from flint import arb, ctx

from ..certificate.proof import COUNT_CUT, SHARE_CUT, TIME_CUT, LocalProof
from ..snapshot import LocalPart
from .balls import EMPTY, INFINITE, ONE, ZERO, exact, settle
from .peak import peak_time
from .reduced import Reduced, kin
from .tree import leaves

Boxes = tuple[tuple[float, float], ...]
# Rule Time: a cut at c parts the cell at c (1 + 2^-39), surely beyond the step of the floor that c was rounded from.
BEYOND = ONE + arb(2) ** -39
# Rule Price: a price within this of the money price is the money price, which a file can only hold rounded.
ROUNDED = ONE + arb(2) ** -52
# Knapsacks over more subchannels are not attempted: their leaves count as not proved.
MOST_SPARE = 20_000


@dataclass(frozen=True)
class Cell:
    """Ends of tau [s], as cut, and of every head's u_j and n_j [subchannels]."""

    times: tuple[float, float]
    shares: Boxes
    numbers: Boxes

    def split(self, kind: int, head: int, order: Sequence[int], where: float, *, whole: bool) -> tuple[Cell, Cell] | None:
        """Its parts below and above a cut; order: the heads equal to ``head``, which may be taken in falling order."""
        if kind == TIME_CUT:
            after, before = self.times
            inside = after < where < before
            return (replace(self, times=(after, where)), replace(self, times=(where, before))) if inside else None
        if kind == SHARE_CUT:
            below, above = cut_boxes(self.shares, head, [head] if whole else order, where, where)
            return replace(self, shares=below), replace(self, shares=above)
        if kind != COUNT_CUT or not whole or not 0.0 <= where < math.inf:
            return None
        below, above = cut_boxes(self.numbers, head, order, math.floor(where), math.floor(where) + 1)
        return replace(self, numbers=below), replace(self, numbers=above)


def cut_boxes(boxes: Boxes, head: int, order: Sequence[int], last: float, first: float) -> tuple[Boxes, Boxes]:
    """Boxes up to ``last`` for ``head`` and later ones in ``order``; from ``first`` on for it and earlier ones (rule Order)."""
    later, earlier = {j for j in order if j >= head}, {j for j in order if j <= head}
    below = tuple((low, min(high, last)) if j in later else (low, high) for j, (low, high) in enumerate(boxes))
    return below, tuple((max(low, first), high) if j in earlier else (low, high) for j, (low, high) in enumerate(boxes))


class Span(NamedTuple):
    """left <= tau <= right [s] (None: no end); i + s tau, 0 where that is negative, is nowhere there above Q (rule Delay)."""

    left: arb
    right: arb | None
    intercept: arb
    slope: arb
    decay: arb

    def fade(self, tau: arb | None) -> arb:
        """y = exp(-A (i + s tau)), at most 1."""
        if tau is None and not self.slope.is_zero():
            return ZERO
        delay = self.intercept if tau is None else self.intercept + self.slope * tau
        return (-self.decay * delay.max(ZERO)).exp()


def span_of(problem: Reduced, cell: Cell, touch: float) -> Span | None:
    """None: the cell is proved to be empty."""
    after, before = cell.times
    root = ZERO if problem.multicast_need.is_zero() else problem.multicast_need / problem.budget
    left, right = root.max(exact(after) * BEYOND), None if before == math.inf else exact(before) * BEYOND
    if any(low > high for low, high in (*cell.shares, *cell.numbers)) or (right is not None and right < left):
        return None
    intercept, slope = problem.delay_line(left, touch)
    if intercept < 0 and slope > 0:
        # Up to where the line is 0 nothing is lost, and the later the better.
        left = left.max(-intercept / slope)
    return Span(left if right is None else left.min(right), right, intercept, slope, problem.decay)


def heads_worth(problem: Reduced, shares: Boxes, fade: arb, price: arb) -> arb:
    """sum_j h_j at y = ``fade`` (rule Head)."""
    total = ZERO
    for head, worth, (low, high) in zip(problem.heads, problem.worths, shares, strict=True):
        gain = fade * worth
        end = None if high == math.inf else exact(high)
        total += -price * exact(low) if gain.is_zero() else head.boxed(gain, price, exact(low), end)
    return total


def nobody_earns(problem: Reduced, shares: Boxes, span: Span, fade: arb) -> bool:
    """Whether at the money price every head is proved to be off, with at most what multicast leaves of W (rule Price)."""
    most = problem.budget - (ZERO if span.right is None else problem.multicast_need / span.right)
    for head, worth, (low, high) in zip(problem.heads, problem.worths, shares, strict=True):
        gain = fade * worth
        if low > 0.0 or not (gain.is_zero() or head.boxed(gain, problem.price, ZERO, most.min(exact(high))) <= 0):
            return False
    return True


def leaf_bound(problem: Reduced, cell: Cell, price: float, touch: float) -> arb:
    """The bound of a leaf at one price (rules Price and Chord)."""
    span = span_of(problem, cell, touch)
    if span is None:
        return EMPTY
    is_cost, fade_left = not exact(price) > problem.price * ROUNDED, span.fade(span.left)
    if is_cost and nobody_earns(problem, cell.shares, span, fade_left):
        return ZERO
    pi = problem.price if is_cost else exact(price)
    extra, paid = ZERO if is_cost else (pi - problem.price) * problem.budget, pi * problem.multicast_need
    paid_right = ZERO if span.right is None else paid / span.right
    at_left = heads_worth(problem, cell.shares, fade_left, pi)
    if paid.is_zero() or at_left.is_zero() or span.slope.is_zero():
        return extra + at_left - (ZERO if paid.is_zero() else paid_right)
    fade_right = span.fade(span.right)
    at_right = heads_worth(problem, cell.shares, fade_right, pi)
    rise = (at_left - at_right) / (fade_left - fade_right)
    gain = rise * (-span.decay * span.intercept).exp()
    time = peak_time(gain, span.decay * span.slope, paid) if gain > 0 else arb.nan()
    if time is None:
        return extra + at_right - paid_right
    if not (time.is_finite() and rise.is_finite()):
        # The chord's peak is not resolved: all that its left end earns, less the least that multicast costs.
        return extra + at_left - paid_right
    inner = time.max(span.left) if span.right is None else time.max(span.left).min(span.right)
    there = at_right + rise * (span.fade(inner) - fade_right) - paid / inner
    return extra + there.max(at_right - paid_right)


def most_worth(problem: Reduced, cell: Cell, budget: int, fade: arb, price: arb) -> arb:
    """V at y = ``fade`` (rule Knapsack), in whole multiples of 2^-bits: every value is rounded up to one."""
    spare, bits = budget - sum(int(fewest) for fewest, _ in cell.numbers), ctx.prec
    if not 0 <= spare <= MOST_SPARE:
        return EMPTY if spare < 0 else INFINITE
    best = [0] * (spare + 1)
    heads = zip(problem.heads, problem.worths, problem.seconds, cell.shares, cell.numbers, strict=True)
    for head, worth, seconds, (low, high), (fewest, most) in heads:
        box, values = (exact(low), None if high == math.inf else exact(high)), list[int]()
        for total in range(int(fewest), int(min(most, fewest + spare)) + 1):
            value = head.split(fade * worth, seconds, price, total, *box) - problem.price * total
            if not value < INFINITE:
                return INFINITE
            values.insert(0, rounded_up(value, bits))
        ends = range(1, spare + 2)
        best = [max(map(add, best[max(0, end - len(values)) : end], values[-end:])) for end in ends]
    return arb(best[spare]) / arb(2) ** bits


def rounded_up(value: arb, bits: int) -> int:
    """The least whole number that is at least value 2^bits < inf, exactly; for -inf one far below anything that earns."""
    if not value.is_finite():
        return -(1 << bits + 4096)
    mantissa, exponent = value.upper().man_exp()
    shift = int(exponent) + bits
    return int(mantissa) << shift if shift >= 0 else -(-int(mantissa) >> -shift)


def whole_leaf_bound(problem: Reduced, cell: Cell, price: float, touch: float) -> arb:
    """The bound of a leaf at one price of multicast time (rule Knapsack)."""
    span, budget = span_of(problem, cell, touch), problem.whole_budget()
    if span is None:
        return EMPTY
    nu = exact(price) if price > 0.0 and span.right is not None else ZERO
    left = most_worth(problem, cell, budget, span.fade(span.left), nu)
    if span.right is None:
        return left
    right = left if span.slope.is_zero() else most_worth(problem, cell, budget, span.fade(span.right), nu)
    seconds = nu * len(problem.heads)
    return (left + seconds * span.left).max(right + seconds * span.right)


def prove_local(part: LocalPart, proof: LocalProof) -> list[arb] | None:
    """Upper bound of every leaf, settled against its claim; None when the tree does not cover the feasible set."""
    problem, order = Reduced(part), kin(part, with_peers=proof.whole)
    if len(proof.tree) == 0:
        return [] if problem.is_hopeless(whole=proof.whole) else None
    where, which = proof.cuts.tolist(), proof.heads.tolist()
    # Rule Cover: a head with peers has a subchannel, or nobody earns anything.
    numbers = tuple((0.0 if seconds.is_zero() else 1.0, math.inf) for seconds in problem.seconds)
    root = Cell((0.0, math.inf), ((0.0, math.inf),) * len(order), numbers)

    def split(cell: Cell, kind: int, cut: int) -> tuple[Cell, Cell] | None:
        head = which[cut]
        fits = head < (1 if kind == TIME_CUT else len(order))
        return cell.split(kind, head, order[head], where[cut], whole=proof.whole) if fits else None

    cells, claims = leaves(proof.tree.tolist(), [root], split), proof.bounds.tolist()
    if cells is None or len(cells) != len(claims):
        return None
    bound, prices, touches = whole_leaf_bound if proof.whole else leaf_bound, proof.prices.tolist(), proof.touches.tolist()
    return settle(lambda: Reduced(part), lambda problem, k: bound(problem, cells[k], prices[k], touches[k]), claims)
