"""Re-proves the local part: an upper bound of every leaf, by the rules of ``docs/proof-format.md`` that comments name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import add
from typing import NamedTuple

from flint import arb, ctx

from ..certificate.proof import SHARE_CUT, TIME_CUT, LocalProof
from ..snapshot import LocalPart
from .balls import EMPTY, INFINITE, ONE, ZERO, exact, settle
from .peak import peak_time
from .reduced import Reduced, kin
from .tree import leaves

Box = tuple[float, float]
# Rule Time: a cut at c parts the cell at c (1 + 2^-39), surely beyond the step of the floor that c was rounded from.
BEYOND = ONE + arb(2) ** -39
# Rule Price: a price within this of the money price is the money price, which a file can only hold rounded.
ROUNDED = ONE + arb(2) ** -52
# Knapsacks over more subchannels are not attempted: their leaves count as not proved.
MOST_SPARE = 20_000
# Beyond all that floats can earn: what loses more counts as losing this.
HUGE = arb(2) ** 2048


class Cell(NamedTuple):
    """Ends of tau [s], as cut, and of every head's u_j and n_j [subchannels]."""

    tau: Box
    shares: tuple[Box, ...]
    numbers: tuple[Box, ...]


def cut_boxes(
    boxes: tuple[Box, ...], head: int, order: Sequence[int], last: float, first: float
) -> tuple[tuple[Box, ...], tuple[Box, ...]]:
    """Up to ``last`` for ``head`` and later ones in ``order``; from ``first`` on for it and earlier ones (rule Order)."""
    later, earlier = {j for j in order if j >= head}, {j for j in order if j <= head}
    below = tuple((low, min(high, last)) if j in later else (low, high) for j, (low, high) in enumerate(boxes))
    return below, tuple((max(low, first), high) if j in earlier else (low, high) for j, (low, high) in enumerate(boxes))


class Span(NamedTuple):
    """left <= tau <= right [s]; i + s tau, 0 where that is negative, is nowhere there above Q (rule Delay)."""

    left: arb
    right: arb
    intercept: arb
    slope: arb
    decay: arb

    def fade(self, tau: arb) -> arb:
        """y = exp(-A (i + s tau)), at most 1."""
        if tau == INFINITE and not self.slope.is_zero():
            return ZERO
        delay = self.intercept if tau == INFINITE else self.intercept + self.slope * tau
        return (-self.decay * delay.max(ZERO)).exp()


def span_of(problem: Reduced, cell: Cell, touch: float) -> Span | None:
    """None: the cell is proved to be empty."""
    left, right = (exact(end) * BEYOND for end in cell.tau)
    if not problem.multicast_need.is_zero():
        left = left.max(problem.multicast_need / problem.budget)
    if right < left or any(low > high for low, high in (*cell.shares, *cell.numbers)):
        return None
    intercept, slope = problem.delay_line(left, touch)
    if intercept < 0 and slope > 0:
        # Up to where the line is 0 nothing is lost, and the later the better.
        left = left.max(-intercept / slope)
    return Span(left.min(right), right, intercept, slope, problem.decay)


def heads_worth(problem: Reduced, shares: Sequence[Box], fade: arb, price: arb) -> arb:
    """sum_j h_j at y = ``fade`` (rule Head)."""
    total = ZERO
    for head, worth, (low, high) in zip(problem.heads, problem.worths, shares, strict=True):
        gain = fade * worth
        total += -price * exact(low) if gain.is_zero() else head.boxed(gain, price, exact(low), exact(high))
    return total


def nobody_earns(problem: Reduced, shares: Sequence[Box], span: Span, fade: arb) -> bool:
    """Whether at the money price every head is proved to be off, with at most what multicast leaves of W (rule Price)."""
    most = problem.budget - problem.multicast_need / span.right
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
    at_left = heads_worth(problem, cell.shares, fade_left, pi)
    paid_right = ZERO if paid.is_zero() else paid / span.right
    # All that the left end earns, less the least that multicast costs: where that is all, or the chord's peak is not resolved.
    simple = extra + at_left - paid_right
    if paid.is_zero() or at_left.is_zero() or span.slope.is_zero():
        return simple
    fade_right = span.fade(span.right)
    at_right = heads_worth(problem, cell.shares, fade_right, pi)
    rise = (at_left - at_right) / (fade_left - fade_right)
    gain = rise * (-span.decay * span.intercept).exp()
    time = peak_time(gain, span.decay * span.slope, paid) if gain > 0 else INFINITE
    if time is None:
        return extra + at_right - paid_right
    if not (time.is_finite() and rise.is_finite()):
        return simple
    inner = time.max(span.left).min(span.right)
    there = at_right + rise * (span.fade(inner) - fade_right) - paid / inner
    return extra + there.max(at_right - paid_right)


def most_worth(problem: Reduced, cell: Cell, fade: arb, price: arb) -> arb:
    """V at y = ``fade`` (rule Knapsack), in whole multiples of 2^-bits: every value is rounded up to one."""
    spare, bits = problem.whole_budget() - sum(int(fewest) for fewest, _ in cell.numbers), ctx.prec
    if not 0 <= spare <= MOST_SPARE:
        return EMPTY if spare < 0 else INFINITE
    best, ends = [0] * (spare + 1), range(1, spare + 2)
    heads = zip(problem.heads, problem.worths, problem.seconds, cell.shares, cell.numbers, strict=True)
    for head, worth, seconds, (low, high), (fewest, most) in heads:
        values = list[int]()
        for total in range(int(fewest), int(min(most, fewest + spare)) + 1):
            value = head.split(fade * worth, seconds, price, total, exact(low), exact(high)) - problem.price * total
            if not value < HUGE:
                return INFINITE
            values.insert(0, rounded_up(value.max(-HUGE), bits))
        best = [max(map(add, best[max(0, end - len(values)) : end], values[-end:])) for end in ends]
    return arb(best[spare]) / arb(2) ** bits


def rounded_up(value: arb, bits: int) -> int:
    """The least whole number that is at least value 2^bits, exactly."""
    mantissa, exponent = value.upper().man_exp()
    shift = int(exponent) + bits
    return int(mantissa) << shift if shift >= 0 else -(-int(mantissa) >> -shift)


def whole_leaf_bound(problem: Reduced, cell: Cell, price: float, touch: float) -> arb:
    """The bound of a leaf at one price of multicast time (rule Knapsack)."""
    span = span_of(problem, cell, touch)
    if span is None:
        return EMPTY
    nu = exact(price) if price > 0.0 and span.right < INFINITE else ZERO
    left = most_worth(problem, cell, span.fade(span.left), nu)
    if nu.is_zero():
        return left
    right = left if span.slope.is_zero() else most_worth(problem, cell, span.fade(span.right), nu)
    seconds = nu * len(problem.heads)
    return (left + seconds * span.left).max(right + seconds * span.right)


def prove_local(part: LocalPart, proof: LocalProof) -> list[arb] | None:
    """Upper bound of every leaf, settled against its claim; None when the tree does not cover the feasible set."""
    problem, order = Reduced(part), kin(part, whole=proof.whole)
    if len(proof.tree) == 0:
        return [] if problem.is_hopeless(whole=proof.whole) else None
    cuts: list[float] = proof.cuts.tolist()
    heads: list[int] = proof.heads.tolist()

    def split(cell: Cell, kind: int, cut: int) -> tuple[Cell, Cell] | None:
        head, where, (after, before) = heads[cut], cuts[cut], cell.tau
        if head >= len(order) or not 0.0 <= where < math.inf:
            return None
        if kind == TIME_CUT:
            inside = head == 0 and after < where < before
            return (cell._replace(tau=(after, where)), cell._replace(tau=(where, before))) if inside else None
        if kind == SHARE_CUT:
            below, above = cut_boxes(cell.shares, head, [head] if proof.whole else order[head], where, where)
            return cell._replace(shares=below), cell._replace(shares=above)
        below, above = cut_boxes(cell.numbers, head, order[head], math.floor(where), math.floor(where) + 1)
        return (cell._replace(numbers=below), cell._replace(numbers=above)) if proof.whole else None

    # Rule Cover: a head with peers has a subchannel, or nobody earns anything.
    numbers = tuple((0.0 if seconds.is_zero() else 1.0, math.inf) for seconds in problem.seconds)
    root = Cell((0.0, math.inf), ((0.0, math.inf),) * len(order), numbers)
    cells, claims = leaves(proof.tree.tolist(), [root], split), proof.bounds.tolist()
    if cells is None or len(cells) != len(claims):
        return None
    bound, prices, touches = whole_leaf_bound if proof.whole else leaf_bound, proof.prices.tolist(), proof.touches.tolist()
    return settle(lambda: Reduced(part), lambda problem, k: bound(problem, cells[k], prices[k], touches[k]), claims)
