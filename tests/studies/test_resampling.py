import numpy as np
import pytest
from scipy import stats

from twingap.studies.gap_statistics import grouped_interquartile_means, interquartile_mean
from twingap.studies.resampling import Resampling, seeded_resampling

SIZES = (7, 1, 12)


def drawn_one_by_one(strata, rng, replicates):
    """[replicate][value]: what every replicate draws, with the same generator."""
    places = [rng.integers(0, len(stratum), size=(replicates, len(stratum))) for stratum in strata]
    return [np.concatenate([s[p[n]] for s, p in zip(strata, places, strict=True)]) for n in range(replicates)]


def test_every_replicate_counts_what_was_drawn():
    strata = [np.arange(7), np.array([7]), np.arange(8, 20)]
    slow = drawn_one_by_one(strata, np.random.default_rng(3), 50)
    counts = Resampling.stratified(SIZES, np.random.default_rng(3), 50).counts
    assert counts.shape == (20, 50)
    np.testing.assert_array_equal(counts.T, [np.bincount(each, minlength=20) for each in slow])


def test_means_of_replicates_against_scipy():
    rng = np.random.default_rng(1)
    series = rng.normal(size=(3, 20)).round(1)
    strata = [series[:, :7], series[:, 7:8], series[:, 8:]]
    fast = Resampling.stratified(SIZES, np.random.default_rng(3), 40).interquartile_means(series)
    for n, row in enumerate(fast):
        slow = drawn_one_by_one([stratum[n] for stratum in strata], np.random.default_rng(3), 40)
        np.testing.assert_allclose(row, [stats.trim_mean(each, 0.25) for each in slow], rtol=1e-13, atol=1e-13)


def test_missing_and_infinite_values():
    resampling = Resampling.stratified((8,), np.random.default_rng(0), 100)
    values = np.arange(8.0)
    with_infinite = np.where(values == 7.0, np.inf, values)
    finite, missing, infinite = resampling.interquartile_means([values, np.where(values == 3.0, np.nan, values), with_infinite])
    assert np.isfinite(finite).all()
    assert np.isnan(missing).all()
    # Cut wherever it was drawn at most twice, and then it is worth what any largest value is.
    cut = resampling.counts[7] <= 2
    assert cut.any()
    np.testing.assert_array_equal(infinite[cut], finite[cut])
    assert np.isposinf(infinite[~cut]).all()


def test_same_strata_same_draws():
    first = seeded_resampling((4, 4), 0, 30)
    np.testing.assert_array_equal(first.counts, Resampling.stratified((4, 4), np.random.default_rng(0), 30).counts)
    with pytest.raises(ValueError, match="read-only"):
        first.counts[0, 0] = 1


def test_grouped_means_are_those_of_each_group():
    rng = np.random.default_rng(5)
    groups = np.array([2, 0, 1, 0, 2, 2, 1, 0, 2, 2, 0, 2])
    values = rng.normal(size=len(groups))
    expected = [interquartile_mean(values[groups == n]) for n in range(3)]
    np.testing.assert_array_equal(grouped_interquartile_means(values, groups), expected)
