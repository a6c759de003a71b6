"""Posterior means against samples: draw truths from the prior, readings from the error model, keep truths of like readings."""

import numpy as np
import pytest

from twingap.opt.fluctuation import linear
from twingap.opt.rates import sinr_of, spectral_efficiency
from twingap.rl import posterior_means
from twingap.rl.belief import NormalBelief
from twingap.rl.posterior_means import (
    block_mean,
    capacity_mode,
    cpu_mean,
    expected_need,
    largest_need,
)


def weighted_mean(truths, reading, sigma):
    """E[truth | reading] by importance sampling from the prior; the error scales with the truth."""
    weight = np.exp(-0.5 * ((reading - truths) / (sigma * truths)) ** 2) / truths
    return (weight * truths).sum() / weight.sum()


def test_sinr_of_inverts_the_spectral_efficiency():
    sinr = np.array([1e-6, 0.3, 7.0, 1e4])
    np.testing.assert_allclose(sinr_of(spectral_efficiency(sinr)), sinr, rtol=1e-9)
    assert sinr_of(np.array([7.0])) == pytest.approx(127.0)
    assert np.isfinite(sinr_of(np.array([1e9]))).all()


@pytest.mark.parametrize("reading", [1.02e9, 1.4e9, 2.6e9])
@pytest.mark.parametrize("sigma", [0.02, 0.2])
def test_cpu_mean_is_the_posterior_mean(reading, sigma):
    mean, fluctuation, span = 1.5e9, 0.2, (1e9, 2e9)
    z = np.random.default_rng(0).standard_normal(2_000_000)
    truths = np.clip(mean * (1.0 + fluctuation * z), *span)
    found = cpu_mean(np.array([reading]), np.array([mean]), fluctuation, span, sigma)[0]
    if reading > 2.1e9 and sigma == 0.02:
        assert found == pytest.approx(2e9, rel=1e-6)  # fifteen deviations away: only the range's end explains it
    else:
        assert found == pytest.approx(weighted_mean(truths, reading, sigma), rel=2e-3)


def test_cpu_mean_without_error_or_without_fluctuation():
    reading = np.array([1.3e9])
    assert cpu_mean(reading, np.array([1.5e9]), 0.2, (1e9, 2e9), 0.0) == reading
    assert cpu_mean(reading, np.array([2.5e9]), 0.0, (1e9, 2e9), 0.1) == 2e9


@pytest.mark.parametrize("reading", [0.9e6, 5e6, 11e6])
def test_block_mean_is_the_posterior_mean(reading):
    truths = np.random.default_rng(1).uniform(1e6, 1e7, 2_000_000)
    found = block_mean(np.array([reading]), (1e6, 1e7), 0.2)[0]
    assert found == pytest.approx(weighted_mean(truths, reading, 0.2), rel=2e-3)


def test_an_error_that_scales_with_the_truth_is_not_a_truncated_normal():
    """Large truths explain a reading by errors of larger size, but the density 1/c of the error weighs against them."""
    found = block_mean(np.array([5e6]), (1e6, 1e7), 0.2)[0]
    assert found != pytest.approx(5e6, rel=5e-3)


@pytest.mark.parametrize("deviation", [0.3, 1.5])
def test_moments_of_the_largest_need(deviation):
    rng = np.random.default_rng(2)
    mean = rng.uniform(0.0, 15.0, (3, 6))
    scale = rng.uniform(0.5, 2.0, (3, 6))
    real = np.ones((3, 6), dtype=bool)
    real[1, 2:] = False
    drawn = linear(mean + deviation * rng.standard_normal((100_000, 3, 6)))
    samples = np.where(real, 1.0 / np.log2(1.0 + drawn) / scale, 0.0).max(axis=-1)
    found = largest_need(NormalBelief(mean, deviation), scale, real)
    np.testing.assert_allclose(found.mean, samples.mean(axis=0), rtol=4e-3)
    np.testing.assert_allclose(found.deviation, samples.std(axis=0), rtol=3e-2)


def test_the_largest_need_read_exactly_and_of_nobody():
    mean, real = np.array([[0.0, 10.0], [3.0, 4.0]]), np.array([[True, True], [False, False]])
    found = largest_need(NormalBelief(mean, 0.0), np.ones(1), real)
    np.testing.assert_allclose(found.mean, [1.0, 0.0])
    np.testing.assert_array_equal(found.deviation, 0.0)
    np.testing.assert_array_equal(largest_need(NormalBelief(mean, 1.0), np.ones(1), real).mean[1], 0.0)


def test_some_links_drawn_at_random():
    """n of L like links: the approximation is exact there."""
    rng = np.random.default_rng(3)
    samples = (1.0 / np.log2(1.0 + linear(5.0 + rng.standard_normal((200_000, 2))))).max(axis=-1)
    found = largest_need(NormalBelief(np.full((1, 8), 5.0), 1.0), np.ones(1), np.ones(8, dtype=bool), drawn=2 / 8)
    np.testing.assert_allclose(found.mean, samples.mean(), rtol=3e-3)


def test_needs_are_convex_so_their_mean_is_above_the_need_of_the_mean():
    belief_ = NormalBelief(np.array([0.0]), 2.0)
    assert expected_need(belief_)[0] > 1.05 / spectral_efficiency(linear(belief_.mean))[0]


def test_more_nodes_change_little(monkeypatch):
    rng = np.random.default_rng(4)
    mean, real = rng.uniform(-3.0, 20.0, (50, 9)), np.ones(9, dtype=bool)
    reading = rng.uniform(1e6, 1e7, 50)

    def found():
        return largest_need(NormalBelief(mean, 1.5), np.ones(1), real).mean, block_mean(reading, (1e6, 1e7), 0.05)

    coarse = found()
    for name in ("NODES", "LINK_NODES"):
        monkeypatch.setattr(posterior_means, name, 2 * getattr(posterior_means, name))
    for one, two in zip(coarse, found(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-3)


def test_capacity_mode():
    span = (4, 6)
    reading = np.array([1, 4, 5, 6, 9])
    np.testing.assert_array_equal(capacity_mode(reading, span, 0.0), reading)
    np.testing.assert_array_equal(capacity_mode(reading, span, 0.05), [4, 4, 5, 6, 6])
