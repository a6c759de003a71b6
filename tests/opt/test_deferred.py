"""Arrays that are made when first read: the same numbers as at once, made once, and only for those who read them."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, replace
from functools import partial

import numpy as np
import pytest

from twingap.opt.deferred import Deferred
from twingap.opt.drawing import draw_system
from twingap.opt.fluctuation import linear
from twingap.opt.scenario import preset
from twingap.opt.system import split, with_state

UNEVEN = {"aps": 3, "heads_per_ap": (1, 4), "delegates": (2, 5)}


@dataclass(frozen=True, eq=False)
class Example:
    name: str
    numbers: Deferred = Deferred()
    others: Deferred = Deferred()


def test_a_function_is_called_at_the_first_read_and_never_again():
    calls = []

    def make():
        calls.append(1)
        return np.arange(3.0)

    example = Example("a", make, np.ones(2))
    assert not calls
    np.testing.assert_array_equal(example.numbers, [0.0, 1.0, 2.0])
    assert example.numbers is example.numbers
    assert len(calls) == 1
    np.testing.assert_array_equal(example.others, 1.0)


def test_it_is_a_field_like_any_other():
    with pytest.raises(TypeError, match="others"):
        Example("a", np.ones(2))
    example = Example("a", np.ones(2), others=np.zeros(2))
    with pytest.raises(FrozenInstanceError):
        example.numbers = np.zeros(2)


def test_a_copy_with_another_value_does_not_make_the_one_it_replaces():
    def never():
        raise AssertionError

    example = Example("a", never, lambda: np.ones(2))
    changed = replace(example, numbers=np.zeros(2))
    np.testing.assert_array_equal(changed.numbers, 0.0)
    np.testing.assert_array_equal(changed.others, 1.0)
    with pytest.raises(AssertionError):
        _ = example.numbers


def test_it_can_be_pickled_before_and_after_it_is_read():
    before = Example("a", partial(linear, np.array([0.0, 10.0])), np.ones(2))
    sent = pickle.loads(pickle.dumps(before))
    np.testing.assert_array_equal(sent.numbers, before.numbers)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(before)).numbers, before.numbers)


@pytest.mark.parametrize("batch", [(), (5,), (2, 3)])
@pytest.mark.parametrize("changes", [{}, UNEVEN], ids=["even", "uneven"])
def test_sinr_of_a_snapshot_is_that_of_the_whole_state_at_once(changes, batch):
    system = draw_system(preset("tiny", **changes), np.random.default_rng(0))
    rng = np.random.default_rng(1)
    states = [system.state(rng.standard_normal((*batch, system.latent_size))) for _ in range(2)]
    first = system.snapshot(states[0])
    for state, snapshot in zip(states, (first, with_state(first, states[1])), strict=True):
        at_once = split(linear(state.sinr_db), state.shapes)
        np.testing.assert_array_equal(snapshot.local.sinr_uplink, at_once["sinr_uplink_db"])
        np.testing.assert_array_equal(snapshot.local.sinr_peer, at_once["sinr_peer_db"])
        np.testing.assert_array_equal(snapshot.global_.sinr_access, at_once["sinr_access_db"])
        np.testing.assert_array_equal(snapshot.global_.sinr_peer, at_once["sinr_link_db"])


def test_a_state_that_a_snapshot_reads_later_cannot_change():
    system = draw_system(preset("tiny"), np.random.default_rng(0))
    state = system.state(np.zeros((2, system.latent_size)))
    system.snapshot(state)
    with pytest.raises(ValueError, match="read-only"):
        state.sinr_db[0] = 1.0
