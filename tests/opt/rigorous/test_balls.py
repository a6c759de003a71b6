"""Balls: floats are exact, precision rises until a claim is decided, and what is undecided is not proved."""

import math

import pytest
from flint import arb, ctx

from twingap.opt.rigorous.balls import PRECISIONS, exact, settle
from twingap.opt.rigorous.tree import LEAF, leaves


@pytest.mark.parametrize("number", [0.1, -1e308, 5e-324, 2.0**-1074 * 3, 123456789.123456789, 0.0])
def test_a_float_is_that_real_number_at_any_precision(number):
    with ctx.workprec(8):
        assert exact(number).is_exact()
        assert exact(number) == number


def precisions_used(value, claim):
    """(what is settled, the precisions at which it was evaluated)."""
    used = []
    (ball,) = settle(lambda: used.append(ctx.prec), lambda _problem, _leaf: value(), [claim])
    return ball, used


def test_precision_rises_only_while_it_has_to():
    ball, used = precisions_used(lambda: arb(2).sqrt(), 1.5)
    assert ball <= 1.5
    assert used == [PRECISIONS[0]]
    # The claim lies 1e-40 above a root: 64 bits do not tell them apart.
    tight = 2.0**-100
    ball, used = precisions_used(lambda: (1 + arb(2) ** -200).sqrt() - 1, tight * tight)
    assert ball <= tight * tight
    assert used == list(PRECISIONS[: len(used)])
    assert len(used) > 1


def test_a_claim_below_the_value_is_refused_without_raising_precision_for_ever():
    ball, used = precisions_used(lambda: arb(2).sqrt(), 1.4)
    assert not ball <= 1.4
    assert used == list(PRECISIONS[:2])


def test_what_stays_undecided_or_is_no_number_is_not_proved():
    for value in (lambda: arb(2).sqrt() ** 2, arb.nan, lambda: arb(0, 1) / arb(0, 1), arb.pos_inf):
        ball, used = precisions_used(value, 2.0)
        assert not ball <= 2.0
        assert len(used) > 1
    assert precisions_used(lambda: arb(1), math.nan)[1] == list(PRECISIONS)


def halves(cell, kind, _cut):
    """Cuts an interval in the middle; kind 2 is not allowed."""
    low, high = cell
    middle = (low + high) / 2
    return ((low, middle), (middle, high)) if kind == 1 else None


def test_leaves_cover_their_roots():
    assert leaves([1, 0, 1, 0, 0], [(0, 8)], halves) == [(0, 4), (4, 6), (6, 8)]
    assert leaves([0, 1, 0, 0], [(0, 1), (2, 4)], halves) == [(0, 1), (2, 3), (3, 4)]
    assert leaves([], [], halves) == []


@pytest.mark.parametrize("tree", [[], [1], [1, 0], [1, 0, 0, 0], [0, 0], [2, 0, 0], [1, LEAF, 1, 0]])
def test_what_is_not_one_whole_tree_proves_nothing(tree):
    assert leaves(tree, [(0, 8)], halves) is None
