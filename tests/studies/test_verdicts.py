"""Verdicts follow from intervals by the rules that are written down, and from nothing else."""

import math

import pytest

from twingap.studies.verdicts import UNKNOWN, Claim, Comparison, Estimate, Reading, above, below, within


def estimate(low, high):
    return Estimate((low + high) / 2, low, high)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(1, 2, "holds"), (-2, -1, "does not hold"), (-1, 1, "not decided"), (0, 1, "not decided"), (-1, 0, "does not hold")],
)
def test_above_and_below_are_mirror_images(low, high, outcome):
    assert above(estimate(low, high)) == outcome
    assert above(estimate(low + 5, high + 5), 5) == outcome
    assert below(estimate(-high, -low)) == outcome
    assert below(estimate(5 - high, 5 - low), 5) == outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.33, 0.41, "holds"), (0.1, 0.31, "does not hold"), (0.43, 0.9, "does not hold"), (0.3, 0.35, "not decided")],
)
def test_within_a_range(low, high, outcome):
    assert within(estimate(low, high), 0.32, 0.42) == outcome


def test_what_was_not_measured_decides_nothing():
    assert {above(UNKNOWN), below(UNKNOWN), within(UNKNOWN, -math.inf, math.inf)} == {"not decided"}


def reading(calibration, meaning, *outcomes):
    return Reading(calibration, meaning, tuple(Comparison("", estimate(0, 1), outcome) for outcome in outcomes))


def test_a_reading_is_all_of_its_comparisons():
    assert reading("", "", "holds", "holds").outcome == "holds"
    assert reading("", "", "holds", "not decided").outcome == "not decided"
    assert reading("", "", "holds", "not decided", "does not hold").outcome == "does not hold"
    assert reading("", "").outcome == "not decided"


YES, NO, OPEN = "holds", "does not hold", "not decided"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([("ours", "", YES), ("cheap", "", YES)], "holds"),
        ([("ours", "", NO), ("cheap", "", NO)], "does not hold"),
        ([("ours", "", YES), ("cheap", "", NO)], "depends on calibration"),
        ([("ours", "mean", YES), ("ours", "worth", NO)], "depends on the reading"),
        ([("ours", "mean", YES), ("cheap", "worth", NO), ("cheap", "mean", NO)], "depends on calibration"),
        ([("ours", "mean", YES), ("cheap", "mean", YES), ("ours", "worth", NO)], "depends on the reading"),
        ([("ours", "", YES), ("cheap", "", OPEN)], "not decided"),
        ([("ours", "", NO), ("cheap", "", OPEN)], "not decided"),
        ([("ours", "", OPEN)], "not decided"),
        ([("ours", "mean", YES), ("ours", "worth", NO), ("ours", "other", OPEN)], "depends on the reading"),
    ],
)
def test_a_claim_is_all_of_its_readings(found, verdict):
    claim = Claim("", "", "", tuple(reading(*each) for each in found))
    assert claim.verdict == verdict
