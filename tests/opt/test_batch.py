"""Batches: the answers of ``solve``, in order, scored and checked one by one, in this process or in others."""

import math

import numpy as np
import pytest

import twingap
from twingap.opt.errors import FalseBoundError, InputError
from twingap.opt.result import Answer
from twingap.rl.environment import make_env


@pytest.fixture(scope="module")
def tiny():
    return [twingap.draw("tiny", seed=seed) for seed in range(5)]


def batch_of_epochs(count):
    env = make_env("tiny", 0.0, 0, count)
    env.reset()
    return env.truth


def test_a_sequence_is_solved_in_order_and_reported(tiny):
    told = []
    results = twingap.solve_batch(tiny, gap=1e-6, report=lambda done, total: told.append((done, total)))
    assert told == [(done, 5) for done in range(1, 6)]
    for snapshot, result in zip(tiny, results, strict=True):
        alone = twingap.solve(snapshot, gap=1e-6)
        assert (result.snapshot, result.objective, result.bound) == (snapshot.name, alone.objective, alone.bound)
        assert result.gap <= 1e-6


def test_a_snapshot_with_batch_axes_is_taken_epoch_by_epoch():
    truth = batch_of_epochs(3)
    assert truth.batch_shape == (3,)
    results = twingap.solve_batch(truth, gap=1e-6)
    assert [result.objective for result in results] == [twingap.solve(truth.at(env), gap=1e-6).objective for env in range(3)]
    single = twingap.solve_batch(truth.at(0), gap=1e-6)
    assert [result.objective for result in single] == [results[0].objective]


def test_workers_give_the_same_answers(tiny):
    here, there = (twingap.solve_batch(tiny, gap=1e-6, workers=workers, certificate=True) for workers in (1, 2))
    assert [(each.snapshot, each.objective, each.bound) for each in here] == [
        (each.snapshot, each.objective, each.bound) for each in there
    ]
    for snapshot, one, other in zip(tiny, here, there, strict=True):
        np.testing.assert_array_equal(one.decision.local.uplink, other.decision.local.uplink)
        assert not twingap.evaluate(snapshot, other.decision).violation > 1e-9
        assert other.certificate.bound == one.certificate.bound


def test_nothing_gives_nothing():
    assert twingap.solve_batch([]) == []


def test_one_beaten_bound_stops_the_batch(tiny, monkeypatch, tmp_path):
    honest = {snapshot.name: twingap.solve(snapshot) for snapshot in tiny}

    def liar(snapshot, *_):
        result = honest[snapshot.name]
        low = result.local.objective - (1.0 if snapshot.name == tiny[1].name else -1.0)
        return Answer(result.decision, low, math.inf, "a lie", "gap")

    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path))
    monkeypatch.setattr("twingap.opt.solve.find_solver", lambda _: liar)
    assert twingap.solve_batch(tiny[:1])[0].objective == honest[tiny[0].name].objective
    with pytest.raises(FalseBoundError):
        twingap.solve_batch(tiny)


def test_errors_come_back_from_workers_as_they_are(tiny):
    with pytest.raises(InputError) as error:
        twingap.solve_batch(tiny, solver="nobody", workers=2)
    assert error.value.field == "solver"


@pytest.mark.parametrize(
    ("options", "field"), [({"workers": 0}, "workers"), ({"workers": True}, "workers"), ({"gap": -1.0}, "gap")]
)
def test_impossible_options_are_named(tiny, options, field):
    with pytest.raises(InputError) as error:
        twingap.solve_batch(tiny[:1], **options)
    assert error.value.field == field


def test_a_batch_inside_a_sequence_is_named(tiny):
    batch = batch_of_epochs(2)
    with pytest.raises(InputError) as error:
        twingap.solve_batch([tiny[0], batch])
    assert error.value.field == "snapshots[1]"
