"""Real numbers as balls: what is computed encloses the exact result; a comparison is True only where it is proved.

``arb`` rounds outward and knows no overflow. ``not x < y`` proves nothing, and no comparison with NaN is True.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from flint import arb, ctx

Problem = TypeVar("Problem")

ZERO, ONE, INFINITE, EMPTY = arb(0), arb(1), arb.pos_inf(), arb.neg_inf()
# Bits of the balls' midpoints, one after the other until a claim is decided.
PRECISIONS = (64, 256, 1024)
# Seconds after which a job counts as never done, as the evaluator has it (``opt.rates``).
NEVER = arb(10) ** 12


def exact(x: float) -> arb:
    """The real number that a float or an integer is, whatever the precision."""
    return arb(x)


def settle(prepare: Callable[[], Problem], value: Callable[[Problem, int], arb], claims: Sequence[float]) -> list[arb]:
    """``value(problem, leaf)``, an upper bound of every leaf, each at the first precision that proves its claim.

    A value above its claim is final from the second precision on: at the first, what a ball leaves open may have raised it.
    """
    found, undecided = [INFINITE] * len(claims), list(range(len(claims)))
    for bits in PRECISIONS:
        if undecided:
            with ctx.workprec(bits):
                problem = prepare()
                for leaf in undecided:
                    found[leaf] = value(problem, leaf)
            final = bits > PRECISIONS[0]
            undecided = [k for k in undecided if not (found[k] <= claims[k] or (final and found[k] > claims[k]))]
    return found
