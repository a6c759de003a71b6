import numpy as np
import pytest
from scipy import stats

from twingap.studies.gap_statistics import episode_gaps, interquartile_mean, stratified_bootstrap


def test_episode_gap_by_hand():
    bound = [[10.0, 2.0], [4.0, 0.0]]
    incumbent = [[9.0, 1.0], [4.0, 0.0]]
    utility = [[8.0, -1.0], [5.0, -1.0]]
    np.testing.assert_allclose(episode_gaps(bound, utility, incumbent), [(12 - 7) / 10, 0.0])
    np.testing.assert_allclose(episode_gaps(incumbent, utility, incumbent), [(10 - 7) / 10, 0.0])


def test_an_epoch_with_optimum_zero_does_not_explode():
    assert episode_gaps([0.0, 10.0], [-1.0, 9.0], [0.0, 10.0]) == pytest.approx(0.2)


def test_interquartile_mean_by_hand():
    # 8 values: the two smallest and the two largest go; (3 + 4 + 5 + 6) / 4.
    assert interquartile_mean([100, 1, 2, 3, 4, 5, 6, -50]) == pytest.approx((2 + 3 + 4 + 5) / 4)
    # 6 values: one goes at each end.
    assert interquartile_mean([6.0, 1.0, 2.0, 9.0, 3.0, 4.0]) == pytest.approx((2 + 3 + 4 + 6) / 4)
    assert interquartile_mean([7.0]) == 7.0
    assert np.isnan(interquartile_mean([1.0, np.nan, 2.0]))


def test_interquartile_mean_is_scipys_trimmed_mean_along_the_last_axis():
    values = np.random.default_rng(0).normal(size=(5, 23))
    np.testing.assert_allclose(interquartile_mean(values), [stats.trim_mean(row, 0.25) for row in values])


def slow_bootstrap(strata, rng, replicates, level):
    indices = [rng.integers(0, len(s), size=(replicates, len(s))) for s in strata]
    means = []
    for replicate in range(replicates):
        drawn = []
        for stratum, index in zip(strata, indices, strict=True):
            drawn += [stratum[i] for i in index[replicate]]
        means.append(stats.trim_mean(drawn, 0.25))
    return np.quantile(means, (1 - level) / 2), np.quantile(means, (1 + level) / 2)


def test_bootstrap_against_a_slow_loop():
    rng = np.random.default_rng(1)
    strata = [rng.normal(size=7), rng.normal(1.0, 2.0, size=7), rng.normal(size=4)]
    fast = stratified_bootstrap(strata, np.random.default_rng(5), replicates=200, level=0.9)
    slow = slow_bootstrap(strata, np.random.default_rng(5), 200, 0.9)
    np.testing.assert_allclose(fast, slow)


def test_bootstrap_stays_inside_its_strata():
    # Two constant seeds: resampling inside a seed changes nothing, so the interval is a point.
    assert stratified_bootstrap([[1.0] * 4, [3.0] * 4], np.random.default_rng(0)) == (2.0, 2.0)


def test_bootstrap_covers_the_known_mean_of_normal_samples():
    rng = np.random.default_rng(2)
    inside = 0
    for _ in range(200):
        low, high = stratified_bootstrap([rng.normal(size=20), rng.normal(size=20)], rng, replicates=300)
        inside += low <= 0.0 <= high
    assert 0.88 <= inside / 200 <= 0.99
