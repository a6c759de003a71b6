"""The reduction loses nothing: links recovered from (tau, u, f) cost what it says, and no other split is cheaper."""

import numpy as np
import pytest

from twingap.opt.arrays import floats
from twingap.opt.local_equations import evaluate_local, multicast_times
from twingap.opt.local_reduction import TAME, recover_local, reduce_local


def shares(decision):
    return decision.multicast if decision.multicast is not None else decision.peer


@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_recovered_links_reach_tau_at_the_stated_spectrum(by_hand, multicast):
    part = by_hand(local={"multicast": multicast, "subchannels_max": 1e6}).local
    problem = reduce_local(part)
    tau, uplink, cpu = 0.7, np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    decision = recover_local(part, tau, uplink, cpu)
    found = evaluate_local(part, decision)
    assert found.multicast == pytest.approx(tau, rel=1e-13)
    assert shares(decision).sum() == pytest.approx(problem.multicast_need / tau, rel=1e-13)
    # By hand: needs of the three heads of AP 0 on their links are bits / (W_0 log2(1 + SINR)) = 6 / log2(1 + SINR).
    links = np.array([[0.0, 3.0, 1.5], [6.0, 0.0, 2.0], [6.0, 3.0, 0.0]])
    per_head = links.max(axis=1) if multicast == "group" else links.sum(axis=1)
    assert problem.multicast_need == pytest.approx(np.sqrt(per_head).sum() ** 2 / 5, rel=1e-13)


@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_no_other_split_of_the_multicast_spectrum_is_quicker(by_hand, multicast):
    part = by_hand(local={"multicast": multicast, "subchannels_max": 1e6}).local
    decision = recover_local(part, 0.7, np.ones(5), np.ones(5))
    rng = np.random.default_rng(1)
    chosen = shares(decision)
    other = chosen * np.exp(rng.normal(0.0, 0.3, (500, *chosen.shape)))
    axes = tuple(range(1, other.ndim))
    other *= chosen.sum() / other.sum(axis=axes, keepdims=True)
    changed = decision.__class__(
        np.ones((500, 5)), np.ones((500, 5)), **{"multicast" if multicast == "group" else "peer": other}
    )
    assert multicast_times(part, changed).mean(axis=-1).min() > 0.7


def test_reduced_utility_is_the_equations_utility(random_local_part):
    for seed in range(40):
        rng = np.random.default_rng(seed)
        part = random_local_part(rng)
        problem = reduce_local(part)
        heads = len(problem.worth)
        uplink = part.subchannels_max * rng.dirichlet(np.ones(heads + 1))[:-1]
        cpu = part.cpu_max_hz * rng.uniform(0.2, 1.0, heads)
        need = problem.multicast_need
        tau = need / (part.subchannels_max - uplink.sum()) if need > 0.0 else 0.0
        found = evaluate_local(part, recover_local(part, tau, uplink, cpu))
        delay = problem.work / cpu + problem.need / uplink + found.queueing + found.adaptation
        value = (problem.worth * np.exp(-problem.decay * delay) - part.cpu_cost * cpu).sum()
        value -= problem.spectrum_price * (uplink.sum() + (need / tau if need > 0.0 else 0.0))
        assert found.utility == pytest.approx(value, rel=1e-9, abs=1e-9)
        assert found.violation <= 1e-15


def test_budget_holds_after_rounding(by_hand):
    part = by_hand().local
    problem = reduce_local(part)
    tau = problem.multicast_need / 10.0
    decision = recover_local(part, tau, np.full(5, 6.0) * (1 + 1e-12), np.ones(5))
    found = evaluate_local(part, decision)
    assert found.spectrum.sum() <= part.subchannels_max * (1 + 1e-15)
    assert found.multicast == pytest.approx(tau, rel=1e-11)


def test_idle_running_head_gets_the_least_cpu_that_counts(by_hand):
    part = by_hand(local={"accuracy": [1.0] * 5}).local
    decision = recover_local(part, 1.0, np.ones(5), np.zeros(5))
    found = evaluate_local(part, decision)
    assert np.all(decision.cpu_hz > 0.0)
    assert np.all(found.benefit > 0.0)
    assert found.cpu_cost.sum() < 1e-9


def test_a_link_without_rate_makes_the_need_infinite(by_hand):
    part = by_hand().local
    peer = part.sinr_peer.copy()
    for sinr, need in ((0.0, np.inf), (1e-300, TAME)):  # no power at all, and so little that the need counts as the largest
        peer[0, 0, 1] = sinr
        problem = reduce_local(part.__class__(**{**vars(part), "sinr_peer": floats(peer)}))
        assert problem.multicast_need == need
        assert problem.tame
