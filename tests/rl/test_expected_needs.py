"""Expected needs: by hand where logarithms make it possible, relabelled, of larger systems, and worth planning on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twingap.opt.fluctuation import linear
from twingap.opt.global_reduction import link_needs, request_needs
from twingap.opt.local_reduction import multicast_needs
from twingap.opt.rates import spectral_efficiency
from twingap.rl.action_spaces import ACTION_SPACES
from twingap.rl.actor_policy import EXACT, ActorPolicy
from twingap.rl.belief import NormalBelief, believed
from twingap.rl.environment import make_env
from twingap.rl.expected_needs import expected, expected_where_known, phase_needs
from twingap.rl.learners import make_trainer
from twingap.rl.posterior_means import block_mean, cpu_mean, expected_need
from twingap.rl.twin import TwinError
from twingap.rl.view import View

CPU = torch.device("cpu")
REDUCED = {"updates": 1, "local": {"actions": "reduced"}, "global_": {"actions": "reduced"}}


def seen_by(env):
    return env.reset(), env.system, env.twin_error


@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_the_expected_state_by_hand(multicast):
    """Fluctuation 2 dB, error 10 * 0.2 = 2 dB: each SINR is believed half-way to its mean, with a deviation of sqrt(2) dB."""
    observation, system, error = seen_by(make_env("tiny", sigma=0.2, seed=1, num_envs=3, multicast=multicast))
    found, state = expected(observation, system, error), observation.state
    halfway = 0.5 * (state.sinr_uplink_db + system.mean_sinr_uplink_db)
    # Simpson's rule on the normal density.
    z = np.linspace(-8.0, 8.0, 2001)
    simpson = np.r_[1.0, np.tile([4.0, 2.0], 999), 4.0, 1.0] * (z[1] - z[0]) / 3.0 * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    needs = 1.0 / spectral_efficiency(linear(halfway[..., None] + np.sqrt(2.0) * z)) @ simpson
    np.testing.assert_allclose(1.0 / spectral_efficiency(found.local.sinr_uplink), needs, rtol=1e-5)
    cpu = cpu_mean(observation.twin.local.cpu_max_hz, system.mean_cpu_head, 0.2, (1e9, 2e9), 0.2)
    np.testing.assert_array_equal(found.local.cpu_max_hz, cpu)
    np.testing.assert_array_equal(found.local.cycles, system.cycles)
    np.testing.assert_array_equal(found.global_.block_bits, block_mean(state.block_bits, (8e6, 80e6), 0.2))
    low, high = system.scenario.capacity_range
    assert ((low <= found.global_.capacity) & (found.global_.capacity <= high)).all()
    # Waiting for the slowest of several takes longer than for any as believed.
    belief = believed(observation, error)
    assert (multicast_needs(found.local) > multicast_needs(replace(belief.local, cycles=system.cycles))).all()
    same_blocks = replace(belief.global_, block_bits=found.global_.block_bits)
    real = link_needs(same_blocks) > 0.0
    assert (link_needs(found.global_)[real] > link_needs(same_blocks)[real]).all()
    assert (request_needs(found.global_) > request_needs(same_blocks)).all()


def test_two_like_senders_take_longer_than_one_by_what_lognormals_say():
    """At -60 dB a need is log 2 / SINR, a lognormal: E of one is m exp(s^2 / 2), of the larger of two 2 Phi(s / sqrt 2) times
    that. Manager 0 and delegates 1, 2 hear each other alike, deviation 3 dB: s = 0.3 log 10; 2 Phi(s / sqrt 2) = 1.374770."""
    s = 0.3 * np.log(10.0)
    one = np.log(2.0) * 1e6 * np.exp(0.5 * s**2)
    belief = NormalBelief(np.full((1, 3, 3), -60.0), 3.0)
    is_link = ~np.eye(3, dtype=bool)[None]
    of_two = 1.374770 * one
    np.testing.assert_allclose(expected_need(belief), one, rtol=1e-4)
    grouped = phase_needs(belief, is_link, "group")[0]
    # Broadcasts of the manager wait for the weaker of two links.
    np.testing.assert_allclose(grouped[0, 1:], of_two, rtol=1e-3)
    # Two delegates of two links each: the largest of four, by integrating 1 - F^4.
    t = np.geomspace(1e4, 1e9, 200_001)
    phi = torch.special.ndtr(torch.tensor(np.log(t / (np.log(2.0) * 1e6)) / s)).numpy()
    of_four = t[0] + np.trapezoid(1.0 - phi**4, t)
    np.testing.assert_allclose(grouped[1:, 1:][is_link[0, 1:, 1:]], of_four, rtol=1e-3)
    # Two replies at once, each over one link.
    np.testing.assert_allclose(grouped[1:, 0], of_two, rtol=1e-3)
    linked = phase_needs(belief, is_link, "per_link")[0]
    np.testing.assert_allclose(linked[0, 1:], of_two, rtol=1e-3)
    np.testing.assert_allclose(linked[1:][is_link[0, 1:]], of_four, rtol=1e-3)


@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_relabelled_delegates_have_relabelled_needs(multicast):
    rng = np.random.default_rng(0)
    mean, order = rng.uniform(0.0, 20.0, (4, 2, 6, 6)), np.r_[0, 1 + rng.permutation(5)]
    is_link = np.broadcast_to(~np.eye(6, dtype=bool), (2, 6, 6))
    found = phase_needs(NormalBelief(mean, 1.5), is_link, multicast)
    moved = phase_needs(NormalBelief(mean[..., order, :][..., order], 1.5), is_link, multicast)
    links = np.broadcast_to(is_link, found.shape)
    np.testing.assert_allclose(moved[links], found[..., order, :][..., order][links], rtol=1e-9)


def test_the_twin_itself_without_error_and_where_nobody_knows_the_means():
    exact = make_env("tiny", seed=1, num_envs=2)
    seen = exact.reset()
    assert expected_where_known(seen, exact.twin_error) is seen.twin
    unknown = replace(seen, encoding=replace(seen.encoding, means_known=False))
    assert expected_where_known(unknown, TwinError.of(0.2)) is seen.twin


@pytest.mark.parametrize("sigma", [0.2, {"cpu": 0.2}, {"capacity": 0.3}])
def test_of_clones_it_is_the_larger_system(sigma):
    factors = np.array([4.0, 2.5, 1.0])
    plain, larger = (make_env("tiny", sigma, 3, 3) for _ in range(2))
    larger = larger.with_clones(factors)
    one, other = (expected(*seen_by(env)) for env in (plain, larger))
    np.testing.assert_allclose(request_needs(other.global_), request_needs(one.global_) * factors[:, None, None], rtol=1e-9)
    np.testing.assert_array_equal(other.global_.sinr_peer, one.global_.sinr_peer)
    np.testing.assert_array_equal(other.global_.capacity, one.global_.capacity)


def test_each_team_plans_on_what_its_action_space_takes_for_the_state():
    observation, system, error = seen_by(make_env("tiny", sigma=0.2, seed=1, num_envs=2))
    needs, belief = expected(observation, system, error), believed(observation, error)
    for spaces in (("full", "full"), ("full", "reduced"), ("reduced", "full"), ("reduced", "reduced")):
        view = View.of(observation, error, *spaces, CPU)
        local, global_ = ((belief, needs)[space == "reduced"] for space in spaces)
        np.testing.assert_array_equal(view.local.sinr_uplink, local.local.sinr_uplink)
        np.testing.assert_array_equal(view.global_.block_bits, global_.global_.block_bits)
        uplink = np.log(local.local.upload_bits / (local.local.subchannel_hz * spectral_efficiency(local.local.sinr_uplink)))
        heads = view.local.layout.head[view.local.layout.is_head]
        np.testing.assert_allclose(view.heads.values[:, view.heads.is_head > 0, 0], uplink[:, heads], rtol=1e-5)
        np.testing.assert_allclose(view.committees.committee[..., 5], np.log(global_.global_.block_bits), rtol=1e-6)
    assert ACTION_SPACES["full"].seen(observation, error).local.cycles is observation.twin.local.cycles


@pytest.mark.parametrize("sigma", [0.2, {"capacity": 0.2}])
def test_planning_on_it_pays(sigma):
    """The same weights, once told how large errors are, once taking readings for the truth."""
    env = make_env("paper", sigma=sigma, seed=5, num_envs=64)
    told = make_trainer("mappo", make_env("paper", sigma=sigma, seed=6, num_envs=8), 0, REDUCED).policy
    trusting = ActorPolicy(told.local, told.global_, CPU, EXACT)
    gain = [env.step(policy.act(env.reset(5))).reward_global for policy in (told, trusting)]
    difference = gain[0] - gain[1]
    assert difference.mean() > 3.0 * difference.std() / np.sqrt(len(difference))
