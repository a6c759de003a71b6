"""The normals are normal and independent, whatever the shape, and a stream's state brings them back."""

import json

import numpy as np
import pytest
from scipy import stats

from twingap.opt.errors import InputError
from twingap.rl.normals import BLOCK, _draw, standard_normals, stream, stream_state


def seeded(seed=3):
    return stream(np.random.SeedSequence(seed))


def test_the_distribution_is_the_standard_normal_one():
    drawn = standard_normals((400, 2000), seeded()).astype(np.float64)
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-3
    for power, expected, variance in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)):
        assert abs((drawn**power).mean() - expected) < 4.0 * np.sqrt(variance / drawn.size)
    # Tails: as many beyond 3 and 4 standard deviations as there should be.
    for limit in (3.0, 4.0):
        expected = 2.0 * stats.norm.sf(limit) * drawn.size
        assert abs((np.abs(drawn) > limit).sum() - expected) < 4.0 * np.sqrt(expected)


def test_no_two_places_are_correlated():
    drawn = standard_normals((BLOCK + 7,), seeded(1)).astype(np.float64)
    half = BLOCK // 2
    # The two of a pair lie half a block apart; neighbours and squares (a shared radius) must not show it either.
    for lag in (1, 2, half - 1, half, half + 1):
        first, second = drawn[:-lag], drawn[lag:]
        limit = 4.0 / np.sqrt(len(first))
        assert abs(np.corrcoef(first, second)[0, 1]) < limit
        assert abs(np.corrcoef(first**2, second**2)[0, 1]) < limit


@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 2), (2, BLOCK - 1), (BLOCK + 1,)])
def test_any_shape_is_filled(shape):
    drawn = standard_normals(shape, seeded())
    assert drawn.shape == shape
    assert drawn.dtype == np.float32
    assert np.isfinite(drawn).all()
    assert len(np.unique(drawn)) > 0.99 * drawn.size


def test_a_stream_goes_on_from_its_state_as_plain_data():
    first, second = seeded(), seeded(9)
    standard_normals((3, 3), first)
    second.bit_generator.state = json.loads(json.dumps(stream_state(first)))
    np.testing.assert_array_equal(standard_normals((5,), second), standard_normals((5,), first))


def test_the_bits_are_those_of_numpys_generator():
    mine, numpys = seeded(7), seeded(7)
    numbers = np.empty(10, dtype=np.float32)
    state = mine.bit_generator.state
    _draw(numbers, state["state"]["state"])
    words = numpys.integers(0, 2**64, 5, dtype=np.uint64)
    halves = np.stack([words & np.uint64(2**32 - 1), words >> np.uint64(32)], axis=1).ravel()
    np.testing.assert_array_equal(numbers, halves.astype(np.float32))
    standard_normals((10,), mine)
    assert stream_state(mine) == stream_state(numpys)


@pytest.mark.parametrize("size", [2, 10, BLOCK])
def test_compiled_arithmetic_gives_the_bits_of_box_muller_by_numpy(size):
    numbers, rng = np.empty(size, dtype=np.float32), seeded(5)
    _draw(numbers, rng.bit_generator.state["state"]["state"])
    radius, angle = np.split(numbers, 2)
    length = np.sqrt(np.float32(-2.0) * np.log((radius + np.float32(0.5)) * np.float32(2.0**-32)))
    angle = angle * np.float32(2.0 * np.pi * 2.0**-32)
    expected = np.concatenate([length * np.cos(angle), length * np.sin(angle)])
    np.testing.assert_array_equal(standard_normals((size,), seeded(5)), expected)


def test_another_generator_is_refused():
    with pytest.raises(InputError, match=r"rng.*PCG64"):
        standard_normals((2,), np.random.default_rng(0))
