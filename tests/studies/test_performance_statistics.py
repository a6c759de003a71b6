import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twingap.studies.performance_statistics import (
    geometric_mean_ratio,
    performance_ratios,
    share_within,
    shifted_geometric_mean,
)

NAN, INF = math.nan, math.inf
# [problem, method]: 1 and 2 do it; only the first is beaten; nobody; the third does not take on the first.
TIMES = [[1.0, 2.0, NAN], [4.0, INF, 2.0], [INF, INF, INF], [3.0, 3.0, INF]]


def test_shifted_geometric_mean_by_hand():
    # 0.5 s counts as the floor of 1 s: (1 + 10)(6 + 10)(20 + 10) = 5280.
    assert shifted_geometric_mean([0.5, 6.0, 20.0]) == pytest.approx(5280 ** (1 / 3) - 10)
    assert shifted_geometric_mean([0.5, 6.0, NAN, 20.0]) == pytest.approx(5280 ** (1 / 3) - 10)
    assert shifted_geometric_mean([2.0, 8.0], shift=0.0, floor=0.0) == pytest.approx(4.0)
    assert shifted_geometric_mean([7.0]) == pytest.approx(7.0)
    assert math.isnan(shifted_geometric_mean([NAN]))


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_shifted_geometric_mean_lies_between_floor_or_least_and_greatest(times):
    mean = shifted_geometric_mean(times)
    assert max(min(times), 1.0) - 1e-9 <= mean <= max(max(times), 1.0) + 1e-9


def test_performance_profiles_by_hand():
    ratios = performance_ratios(TIMES)
    np.testing.assert_array_equal(ratios, [[1, 2, NAN], [2, INF, 1], [INF, INF, INF], [1, 1, INF]])
    np.testing.assert_allclose(share_within(ratios[:, 0], [1.0, 1.9, 2.0, 1e9]), [2 / 4, 2 / 4, 3 / 4, 3 / 4])
    np.testing.assert_allclose(share_within(ratios[:, 1], [1.0, 2.0]), [1 / 4, 2 / 4])
    # What it does not take on does not count against it.
    np.testing.assert_allclose(share_within(ratios[:, 2], [1.0, 2.0]), [1 / 3, 1 / 3])
    assert np.isnan(share_within([NAN, NAN], [1.0])).all()


def test_profiles_do_not_change_with_the_unit_of_time():
    np.testing.assert_allclose(performance_ratios(1000.0 * np.array(TIMES)), performance_ratios(TIMES))


def test_pairs_by_hand():
    # Common problems: the first and the last; ratios 1/2 and 9/1, geometric mean sqrt(4.5).
    factor, common = geometric_mean_ratio([1.0, NAN, 5.0, 9.0], [2.0, 3.0, NAN, 1.0])
    assert (factor, common) == (pytest.approx(4.5**0.5), 2)
    assert math.isnan(geometric_mean_ratio([1.0, NAN], [NAN, 1.0])[0])
