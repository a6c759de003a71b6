"""The part of a budget that can matter: never less than what an optimum uses."""

import pytest

import twingap
from twingap.opt.families import draw_family
from twingap.opt.useful_budget import useful_budget


@pytest.mark.parametrize(
    ("subchannels", "worth", "price", "expected"),
    [
        (10.0, 100.0, 0.0, 10.0),
        (10.0, 100.0, 5.0, 10.0),
        (1e3, 100.0, 5.0, 20.0),
        (1e9, 100.0, 5.0, 1e3),
        (10.0, 0.0, 5.0, 1e-5),
    ],
)
def test_by_hand(subchannels, worth, price, expected):
    found = useful_budget(subchannels, worth, price)
    assert expected * (1.0 - 1e-15) <= found <= expected * (1.0 + 2e-9)


@pytest.mark.parametrize("family", ["small", "perlink", "cap"])
def test_answers_do_not_change_when_the_budget_is_beyond_use(family):
    changes = {"local_spectrum_cost": 1e-7, "global_spectrum_cost": 1e-7}
    ample = draw_family(family, 1, local_subchannels=1e3, global_subchannels=1e3, **changes)
    absurd = draw_family(family, 1, local_subchannels=1e9, global_subchannels=1e9, **changes)
    one, other = (twingap.solve(snapshot, gap=1e-7, time_limit=600.0) for snapshot in (ample, absurd))
    assert one.objective == pytest.approx(other.objective, rel=2e-7)
    assert other.gap <= 1e-7
