"""Equations (5), (12), (13), (15) against numbers worked by hand."""

import dataclasses
import math

import numpy as np
import pytest

from twingap.opt.decision import GlobalDecision
from twingap.opt.global_equations import evaluate_global
from twingap.opt.snapshot import CommitteeLayout

ACCESS = np.array([0, 1, 0])
REQUEST = np.array([3.0, 1.0, 1.0])
CPU = np.array([[4.0, 3.0, 2.0], [5.0, 2.0, 0.0]])


def group(**changes):
    decision = GlobalDecision(ACCESS, REQUEST, CPU, multicast=np.array([[3.0, 4.0, 4.0], [1.0, 2.0, 0.0]]))
    return dataclasses.replace(decision, **changes)


def money(delay, spectrum, cpu, times):
    return times * (200 * math.exp(-0.1 * delay) - 0.5 * 2 * spectrum - 0.2 * cpu)


def test_group_phases_by_hand(by_hand):
    got = evaluate_global(by_hand().global_, group())
    # Committee 0, 24 bits: requests 24/(3*2*2) = 2 and 24/(1*2*3) = 4; manager to its weakest (3): 24/(3*2*2) = 2;
    # delegate 1 to its weakest (1): 24/(4*2*1) = 3, delegate 2 (3): 24/(4*2*2) = 1.5; replies 24/(4*2*3) = 1 and 1.5.
    # Committee 1, 12 bits: request 12/(1*2*2) = 3; manager 12/(1*2*1) = 6; delegate 12/(2*2*3) = 1.
    np.testing.assert_allclose(got.phases, [[4, 2, 3, 3, 1.5], [3, 6, 1, 6, 1]])
    np.testing.assert_allclose(got.verification, [4, 1.5])  # 12/4, 6/3, 8/2 and 5/5, 3/2
    np.testing.assert_allclose(got.delay, [17.5, 18.5])
    np.testing.assert_allclose(got.spectrum, [11 + 4, 3 + 1])
    np.testing.assert_allclose(got.served, [2, 1])
    expected = [money(17.5, 15, 9, 2), money(18.5, 4, 7, 1)]
    np.testing.assert_allclose(got.committee_utility, expected)
    assert got.utility == pytest.approx(sum(expected), rel=1e-14)
    assert got.confirmed.all()
    assert got.violation == 0.0


def test_per_link_phases_by_hand(by_hand):
    peer = np.zeros((2, 3, 3))
    peer[0] = [[0, 3, 2], [2, 0, 4], [4, 1, 0]]
    peer[1, :2, :2] = [[0, 1], [2, 0]]
    got = evaluate_global(by_hand(global_={"multicast": "per_link"}).global_, group(multicast=None, peer=peer))
    # Committee 0: 24/(3*2*2) = 2 and 24/(2*2*4) = 1.5; 24/(2*2*3) = 2 and 24/(4*2*1) = 3; 24/(4*2*2) = 1.5 and 24/(1*2*4) = 3.
    np.testing.assert_allclose(got.phases, [[4, 2, 3, 3, 2], [3, 6, 1, 6, 1]])
    np.testing.assert_allclose(got.spectrum, [16 + 4, 3 + 1])


def test_a_late_phase_voids_the_benefit_or_counts_the_timeout(by_hand):
    fail = evaluate_global(by_hand(global_={"timeout": 5.0}).global_, group())
    assert fail.confirmed.tolist() == [True, False]
    np.testing.assert_allclose(fail.committee_utility, [money(17.5, 15, 9, 2), -0.5 * 2 * 4 - 0.2 * 7])
    cap = evaluate_global(by_hand(global_={"timeout": 5.0, "timeout_rule": "cap"}).global_, group())
    np.testing.assert_allclose(cap.phases[1], [3, 5, 1, 5, 1])
    np.testing.assert_allclose(cap.committee_utility[1], money(16.5, 4, 7, 1))


def test_a_phase_exactly_at_the_timeout_is_confirmed(by_hand):
    assert evaluate_global(by_hand(global_={"timeout": 6.0}).global_, group()).confirmed.all()
    assert not evaluate_global(by_hand(global_={"timeout": 6.0 * (1 - 3e-9)}).global_, group()).confirmed[1]


def test_an_empty_committee_contributes_nothing_but_its_spectrum_counts(by_hand):
    part = dataclasses.replace(by_hand().global_, capacity=np.array([3, 0]))
    got = evaluate_global(part, group(access=np.array([0, 0, 0])))
    assert got.committee_utility[1] == 0.0
    assert got.spectrum[1] == 3.0
    assert got.served.tolist() == [3, 0]


def test_nothing_allocated_earns_nothing_under_fail(by_hand):
    nothing = group(request=np.zeros(3), cpu_hz=np.zeros((2, 3)), multicast=np.zeros((2, 3)))
    got = evaluate_global(by_hand().global_, nothing)
    assert got.utility == 0.0
    assert got.violation == 0.0


def test_violations_are_named_and_measured(by_hand):
    part = by_hand().global_
    assert evaluate_global(part, group(access=np.array([0, 0, 0]))).violations["C4"] == 1.0
    assert evaluate_global(part, group(access=np.array([0, 2, 0]))).violations["C3"] == np.inf
    assert evaluate_global(part, group(access=np.array([0, -1, 0]))).violation == np.inf
    assert evaluate_global(part, group(request=np.array([12.0, 1.0, 1.0]))).violations["C5"] == pytest.approx(3 / 25)
    assert evaluate_global(part, group(cpu_hz=np.array([[4.0, 6.0, 2], [5, 2, 0]]))).violations["C6"] == pytest.approx(0.5)
    assert evaluate_global(part, group(request=np.array([-1.0, 1.0, 1.0]))).violations["nonnegative"] == 1.0
    whole = by_hand(global_={"whole_subchannels": True}).global_
    assert evaluate_global(whole, group()).violations["whole"] == 0.0
    # The manager's total includes the requests: 3 + 3.5 + 1.
    assert evaluate_global(whole, group(request=np.array([3.5, 1.0, 1.0]))).violations["whole"] == pytest.approx(0.5)


@pytest.mark.parametrize("field", ["request", "cpu_hz", "multicast"])
def test_nan_is_never_feasible(by_hand, field):
    values = getattr(group(), field).copy()
    values.flat[0] = np.nan
    assert evaluate_global(by_hand().global_, group(**{field: values})).violation == np.inf


def test_padding_changes_nothing(by_hand):
    noisy = group(cpu_hz=np.array([[4.0, 3, 2], [5, 2, 77]]), multicast=np.array([[3.0, 4, 4], [1, 2, 88]]))
    clean = evaluate_global(by_hand().global_, group())
    got = evaluate_global(by_hand().global_, noisy)
    assert got.utility == clean.utility
    assert got.violation == 0.0


def test_numbers_in_the_padding_are_replaced_and_without_padding_none_is():
    values = np.arange(12.0).reshape(2, 2, 3)
    uneven, even = CommitteeLayout.of(np.array([2, 3])), CommitteeLayout.of(np.array([3, 3]))
    np.testing.assert_array_equal(uneven.padded(values, -1.0), [[[0, 1, -1], [3, 4, 5]], [[6, 7, -1], [9, 10, 11]]])
    assert even.padded(values, -1.0) is values


def test_batches_broadcast(by_hand):
    part = by_hand().global_
    batch = GlobalDecision(
        np.stack([ACCESS, [1, 1, 0]]),
        np.stack([REQUEST, REQUEST]),
        np.stack([CPU, CPU]),
        multicast=np.stack([group().multicast, 2 * group().multicast]),
    )
    got = evaluate_global(part, batch)
    for n in range(2):
        one = GlobalDecision(batch.access[n], batch.request[n], batch.cpu_hz[n], batch.multicast[n])
        assert got.utility[n] == evaluate_global(part, one).utility
