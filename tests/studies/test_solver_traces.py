import math

import numpy as np
import pytest

from twingap.studies.solver_traces import (
    NOTHING,
    clipped_gap,
    dual_gap,
    first_within,
    gap_at,
    gap_steps,
    integrals,
    monotone_trace,
    primal_gap,
    step_integral,
)

NAN, INF = math.nan, math.inf
# Points out of order; the run ends at 5 s with objective 10 and bound 11.
POINTS = [(3.0, 9.0, 12.0), (1.0, 5.0, INF), (2.0, NAN, 20.0), (4.0, 8.0, 13.0)]


@pytest.fixture
def trace():
    return monotone_trace(POINTS, (5.0, 10.0, 11.0))


def test_objectives_rise_and_bounds_fall(trace):
    np.testing.assert_array_equal(trace.seconds, [1, 2, 3, 4, 5])
    np.testing.assert_array_equal(trace.objective, [5, 5, 9, 9, 10])
    np.testing.assert_array_equal(trace.bound, [INF, 20, 12, 12, 11])
    assert trace.at(0.9) == (-INF, INF)
    assert trace.at(3.0) == (9.0, 12.0)
    assert trace.at(99.0) == (10.0, 11.0)


def test_no_claim_on_the_way_is_better_than_the_end():
    trace = monotone_trace([(1.0, 10.5, 10.9), (9.0, 7.0, 30.0)], (5.0, 10.0, 11.0))
    np.testing.assert_array_equal(trace.objective, [10, 10, 10])
    np.testing.assert_array_equal(trace.bound, [11, 11, 11])
    # Nor later than it.
    np.testing.assert_array_equal(trace.seconds, [1, 5, 5])


def test_gaps_by_hand():
    assert clipped_gap(10.0, 11.0) == pytest.approx(0.1)
    assert (clipped_gap(1.0, 11.0), clipped_gap(10.0, INF), clipped_gap(NAN, 11.0), clipped_gap(-INF, INF)) == (1, 1, 1, 1)
    assert clipped_gap(-10.0, -9.0) == pytest.approx(0.1)
    assert primal_gap(8.0, 10.0) == pytest.approx(0.2)
    assert (primal_gap(-5.0, 10.0), primal_gap(-INF, 10.0), primal_gap(10.0, 10.0)) == (1, 1, 0)
    assert dual_gap(12.0, 10.0) == pytest.approx(0.2)
    assert (dual_gap(40.0, 10.0), dual_gap(INF, 10.0), dual_gap(10.0, 10.0)) == (1, 1, 0)


def test_integrals_by_hand(trace):
    # Gap: 1 until 3 s (no bound, then (20 - 5)/5 clipped), (12 - 9)/9 until 5 s, (11 - 10)/10 until 8 s.
    # Primal, best 10: 1 until 1 s, 0.5 until 3 s, 0.1 until 5 s, then 0. Dual: 1 until 3 s, 0.2 until 5 s, then 0.1.
    area = integrals(trace, best=10.0, time_limit=8.0)
    assert area.gap == pytest.approx(3.0 + 2.0 / 3.0 + 3.0 * 0.1)
    assert area.primal == pytest.approx(1.0 + 2.0 * 0.5 + 2.0 * 0.1)
    assert area.dual == pytest.approx(3.0 + 2.0 * 0.2 + 3.0 * 0.1)
    np.testing.assert_allclose(gap_steps(trace), [1, 1, 1 / 3, 1 / 3, 0.1])


def test_integrals_end_at_the_time_limit(trace):
    assert integrals(trace, best=10.0, time_limit=4.0).gap == pytest.approx(3.0 + 1.0 / 3.0)
    assert integrals(trace, best=10.0, time_limit=0.5).dual == pytest.approx(0.5)


def test_a_run_without_anything_has_the_whole_limit():
    area = integrals(NOTHING, best=10.0, time_limit=8.0)
    assert (area.gap, area.primal, area.dual) == (8.0, 8.0, 8.0)
    empty = monotone_trace([], (3.0, NAN, INF))
    assert integrals(empty, best=NAN, time_limit=8.0).primal == 8.0


def test_a_bound_alone_counts_for_the_dual_integral_only():
    area = integrals(monotone_trace([], (2.0, NAN, 11.0)), best=10.0, time_limit=8.0)
    assert (area.gap, area.primal) == (8.0, 8.0)
    assert area.dual == pytest.approx(2.0 + 6.0 * 0.1)


def test_step_integral_is_the_limit_of_a_sum(trace):
    moments = (np.arange(80_000) + 0.5) * 1e-4
    slow = sum(clipped_gap(*trace.at(t)) for t in moments[::40]) * 40e-4
    assert step_integral(trace.seconds, gap_steps(trace), 8.0) == pytest.approx(slow, rel=1e-3)


def test_when_a_good_decision_is_held(trace):
    # Against a bound of 11: 5 is 120 % away, 9 is 22 %, 10 is 10 %.
    assert first_within(trace, bound=11.0, gap=0.25) == 3.0
    assert first_within(trace, bound=11.0, gap=0.1) == 5.0
    assert first_within(trace, bound=11.0, gap=0.01) == INF
    assert first_within(trace, bound=INF, gap=0.5) == INF


def test_the_gap_at_many_moments_is_that_of_the_trace_at_each():
    trace = monotone_trace([(1.0, 90.0, 110.0), (1.0, 91.0, 109.0), (3.0, 95.0, INF)], (4.0, 96.0, 100.0))
    moments = np.array([0.1, 0.999, 1.0, 2.0, 3.0, 3.5, 4.0, 9.0])
    np.testing.assert_array_equal(gap_at(trace, moments), [clipped_gap(*trace.at(t)) for t in moments])
    np.testing.assert_array_equal(gap_at(NOTHING, moments), np.ones(8))
