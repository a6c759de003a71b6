"""Equations (1)-(4), (6), (7), (10), (11), (14) against numbers worked by hand."""

import dataclasses
import math

import numpy as np
import pytest

from twingap.opt.decision import LocalDecision
from twingap.opt.local_equations import evaluate_local

UPLINK = [2.0, 1.0, 3.0, 2.0, 4.0]
CPU = [5.0, 8.0, 10.0, 4.0, 8.0]
# ln(1/theta) = 1, 2, 0.5, 1, 1 local iterations of 2, 2.5, 3, 2.5, 5 s.
TRAINING = [2.0, 5.0, 1.5, 2.5, 5.0]
# 24/(2*2*3), 12/(1*2*2), 6/(3*2*1), 8/(2*2*2), 16/(4*2*2)
UPLOAD = [2.0, 3.0, 1.0, 1.0, 1.0]
# (9 - CW)/4, none once the threshold is passed
CONFIRMATION = [2.0, 1.0, 0.0, 0.5, 1.5]


def group(multicast=(3.0, 4.0, 6.0, 0.0, 0.0)):
    return LocalDecision(np.array(UPLINK), np.array(CPU), multicast=np.array(multicast))


def per_link(first=((0.0, 3.0, 2.0), (4.0, 0.0, 2.0), (12.0, 1.0, 0.0))):
    peer = np.zeros((3, 3, 3))
    peer[0] = first
    return LocalDecision(np.array(UPLINK), np.array(CPU), peer=peer)


def test_group_multicast_by_hand(by_hand):
    got = evaluate_local(by_hand().local, group())
    # Weakest peers 3, 1, 1 (2, 1, 1 bit/s/Hz): 12/(3*2*2) = 1, 12/(4*2*1) = 1.5, 12/(6*2*1) = 1; heads without peers 0.
    mean = 3.5 / 5
    queueing = 2 * mean - 6 / 8
    adaptation = 4 * mean  # floor(2.84 ln(2 * 0.7 * 4)) = floor(4.892...) = 4
    assert math.floor(2.84 * math.log(5.6)) == 4
    np.testing.assert_allclose(got.training, TRAINING)
    np.testing.assert_allclose(got.upload, UPLOAD)
    np.testing.assert_allclose(got.confirmation, CONFIRMATION)
    np.testing.assert_allclose([got.multicast, got.queueing, got.adaptation], [mean, queueing, adaptation])
    delay = np.add(TRAINING, UPLOAD) + queueing + adaptation + CONFIRMATION
    np.testing.assert_allclose(got.delay, delay)
    spectrum = [5.0, 5.0, 9.0, 2.0, 4.0]
    np.testing.assert_allclose(got.spectrum, spectrum)
    # Spectrum costs 0.5 per Hz at 2 Hz a subchannel; CPU 0.2 per cycle/s.
    by_head = [100 * math.exp(-0.1 * t) - 0.5 * 2 * w - 0.2 * f for t, w, f in zip(delay, spectrum, CPU, strict=True)]
    np.testing.assert_allclose(got.head_utility, by_head)
    assert got.utility == pytest.approx(sum(by_head), rel=1e-14)
    assert got.violation == 0.0


def test_per_link_multicast_by_hand(by_hand):
    got = evaluate_local(by_hand(local={"multicast": "per_link"}).local, per_link())
    # Slowest links: 12/(3*2*2) = 1 before 12/(2*2*4); 12/(4*2*1) = 1.5; 12/(1*2*2) = 3 behind 12/(12*2*1).
    mean = 5.5 / 5
    assert got.multicast == pytest.approx(mean)
    level = math.floor(2.84 * math.log(2 * mean * 4))
    assert level == 6
    np.testing.assert_allclose([got.queueing, got.adaptation], [2 * mean - 0.75, 6 * mean])
    np.testing.assert_allclose(got.spectrum, [2 + 5, 1 + 6, 3 + 13, 2, 4])


def test_smooth_adaptation_by_hand(by_hand):
    got = evaluate_local(by_hand(local={"floor_adaptation": False}).local, group())
    assert got.adaptation == pytest.approx(2.84 * math.log(2 * 0.7 * 4) * 0.7)


def test_queueing_and_adaptation_are_never_negative(by_hand):
    # Fast multicast: T_multi = 0.07, 2 * 0.07 < 6/8 and 2.84 ln(2 * 0.07 * 4) < 0.
    for floor in (True, False):
        got = evaluate_local(by_hand(local={"floor_adaptation": floor}).local, group((30.0, 40.0, 60.0, 0.0, 0.0)))
        assert got.multicast == pytest.approx(0.07)
        assert got.queueing == 0.0
        assert got.adaptation == 0.0


def test_adaptation_jumps_at_the_right_end_of_a_level(by_hand):
    # R5: level 4 holds for T_multi in [e^(4/2.84)/8, e^(5/2.84)/8); the utility falls at its end.
    end = math.exp(5 / 2.84) / 8
    below, above = (
        evaluate_local(by_hand().local, group(np.array([3.0, 4.0, 6.0, 0, 0]) * 0.7 / (end * x))) for x in (1 - 1e-9, 1 + 1e-9)
    )
    assert below.adaptation == pytest.approx(4 * end)
    assert above.adaptation == pytest.approx(5 * end)
    assert above.utility < below.utility - 1


@pytest.mark.parametrize("field", ["uplink", "cpu_hz"])
def test_a_head_without_uplink_or_cpu_is_off_but_multicasts(by_hand, field):
    decision = group()
    off = getattr(decision, field).copy()
    off[1] = 0.0
    got = evaluate_local(by_hand().local, dataclasses.replace(decision, **{field: off}))
    assert got.delay[1] == np.inf
    assert got.benefit[1] == 0.0
    assert np.isfinite(got.utility)
    assert got.multicast == pytest.approx(0.7)


def test_one_head_that_never_multicasts_stops_everybody(by_hand):
    got = evaluate_local(by_hand().local, group((3.0, 0.0, 6.0, 0.0, 0.0)))
    assert got.multicast == np.inf
    assert (got.benefit == 0.0).all()
    assert got.utility == pytest.approx(-got.spectrum_cost.sum() - got.cpu_cost.sum())


def test_training_without_work_takes_no_time_on_a_running_head_only(by_hand):
    part = by_hand(local={"accuracy": [1.0] * 5}).local
    assert (evaluate_local(part, group()).training == 0.0).all()
    idle = dataclasses.replace(group(), cpu_hz=np.zeros(5))
    assert (evaluate_local(part, idle).training == np.inf).all()


def test_violations_are_named_and_measured(by_hand):
    def violations(**changes):
        return evaluate_local(
            by_hand(local=changes.pop("local", None)).local, dataclasses.replace(group(), **changes)
        ).violations

    assert violations(uplink=np.array([17.0, 1, 3, 2, 4]))["C1"] == 0.0  # 40 of 40 subchannels
    assert violations(uplink=np.array([21.0, 1, 3, 2, 4]))["C1"] == pytest.approx(0.1)
    assert violations(cpu_hz=np.array([9.0, 8, 12, 5, 10]))["C2"] == pytest.approx(0.5)
    assert violations(uplink=np.array([-1.0, 1, 3, 2, 4]))["nonnegative"] == 1.0
    assert violations(cpu_hz=np.array([5.0, -2.0, 10, 4, 8]))["nonnegative"] == 2.0
    assert violations(multicast=np.array([3.0, -3.0, 6, 0, 0]))["nonnegative"] == 3.0
    whole = violations(local={"whole_subchannels": True}, uplink=np.array([2.25, 1, 3, 2, 4]))
    assert whole["whole"] == pytest.approx(0.25)
    # Only the total of a head must be whole: 2.25 + 2.75 = 5.
    split = violations(
        local={"whole_subchannels": True}, uplink=np.array([2.25, 1, 3, 2, 4]), multicast=np.array([2.75, 4, 6, 0, 0])
    )
    assert split["whole"] == 0.0


@pytest.mark.parametrize("field", ["uplink", "cpu_hz", "multicast"])
def test_nan_is_never_feasible(by_hand, field):
    values = getattr(group(), field).copy()
    values[0] = np.nan
    assert evaluate_local(by_hand().local, dataclasses.replace(group(), **{field: values})).violation == np.inf


def test_batches_broadcast(by_hand):
    part = by_hand().local
    batch = dataclasses.replace(
        group(),
        uplink=np.array([UPLINK, [2.0, 2.0, 3.0, 2.0, 4.0]]),
        cpu_hz=np.array([CPU, CPU]),
        multicast=np.array([[3.0, 4, 6, 0, 0], [6.0, 4, 6, 0, 0]]),
    )
    got = evaluate_local(part, batch)
    for n in range(2):
        one = evaluate_local(part, LocalDecision(batch.uplink[n], batch.cpu_hz[n], batch.multicast[n]))
        assert got.utility[n] == one.utility
        assert (got.delay[n] == one.delay).all()
    states = dataclasses.replace(part, sinr_uplink=np.stack([part.sinr_uplink, part.sinr_uplink * 2]))
    assert evaluate_local(states, group()).utility.shape == (2,)
