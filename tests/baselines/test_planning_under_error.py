"""Schedulers that know or have learnt what the twin's error does: ``posterior`` and ``robust``."""

from dataclasses import replace

import numpy as np
import pytest

from twingap.baselines import robust
from twingap.baselines.certainty_equivalent import CertaintyEquivalent
from twingap.baselines.posterior import Posterior, expected_utility, slower_peers
from twingap.baselines.robust import GlobalMargins, LocalMargins, Robust
from twingap.opt.local_equations import evaluate_local
from twingap.opt.local_reduction import multicast_needs
from twingap.rl.environment import make_env


def make(mode="group", sigma=0.2, envs=200, **changes):
    return make_env("tiny", sigma=sigma, seed=3, num_envs=envs, system_seed=1, multicast=mode, **changes)


def earned(env, policy):
    return env.step(policy.act(env.reset(3))).reward


def test_both_are_the_certainty_equivalent_solver_without_error():
    env = make(sigma=0.0, envs=4)
    trusting = CertaintyEquivalent().act(env.reset())
    rng = np.random.default_rng(0)
    for plan in (Posterior(env.system, env.twin_error).act(env.reset(3)), robust.make(env, rng).act(env.reset(3))):
        np.testing.assert_array_equal(plan.local.uplink, trusting.local.uplink)
        np.testing.assert_array_equal(plan.global_.multicast, trusting.global_.multicast)


def test_knowing_the_error_pays():
    env = make()
    difference = earned(env, Posterior(env.system, env.twin_error)) - earned(env, CertaintyEquivalent())
    assert difference.mean() > 2.0 * difference.std() / np.sqrt(len(difference))


@pytest.mark.parametrize("mode", ["group", "per_link"])
def test_planned_phases_are_expected_phases(mode):
    """With spectrum in proportion to the planned needs, every phase takes on average what was planned, over the posterior."""
    env = make(mode, envs=1)
    observation = env.reset()
    policy = Posterior(env.system, env.twin_error)
    expected = policy.expected(observation)
    from twingap.opt.global_equations import phase_times
    from twingap.opt.global_reduction import decision_of_times

    part = expected.at(0).global_
    access = np.array([0, 1])
    times = np.array([[0.3, 0.4, 0.5, 0.5]] * 2)
    plan = decision_of_times(part, access, np.array([True, True]), times, np.array([1.0, 1.0]))
    np.testing.assert_allclose(phase_times(part, plan)[:, :4], [[0.3, 0.4, 0.5, 0.5]] * 2, rtol=1e-6)
    # Truths from the posterior of this reading: the beliefs of sinr, the block as expected.
    rng = np.random.default_rng(1)
    links = policy._belief(observation.state.sinr_link_db, env.system.mean_sinr_link_db)
    reach = policy._belief(observation.state.sinr_access_db, env.system.mean_sinr_access_db)
    draws = 20_000
    drawn = replace(
        part,
        sinr_peer=10 ** ((links.mean[0] + links.deviation * rng.standard_normal((draws, *links.mean[0].shape))) / 10),
        sinr_access=10 ** ((reach.mean[0] + reach.deviation * rng.standard_normal((draws, *reach.mean[0].shape))) / 10),
    )
    found = phase_times(drawn, plan).mean(axis=0)
    np.testing.assert_allclose(found[:, 0], 0.3, rtol=0.02)
    np.testing.assert_allclose(found[:, 1], 0.4, rtol=0.02)
    np.testing.assert_allclose(found[:, 2], 0.5, rtol=0.02)


@pytest.mark.parametrize("mode", ["group", "per_link"])
def test_the_planned_multicast_time_and_its_spread_are_those_of_the_posterior(mode):
    env = make(mode, envs=1, aps=3, local_subchannels=100.0)
    observation = env.reset()
    policy = Posterior(env.system, env.twin_error)
    part = policy.expected(observation).at(0).local
    spread = policy._multicast_spread(observation)
    plan = policy.act(observation).at(0).local
    belief = policy._belief(observation.state.sinr_peer_db, env.system.mean_sinr_peer_db)
    noise = np.random.default_rng(2).standard_normal((20_000, *belief.mean[0].shape))
    drawn = replace(part, sinr_peer=10 ** ((belief.mean[0] + belief.deviation * noise) / 10))
    found = evaluate_local(drawn, plan).multicast
    planned = evaluate_local(part, plan).multicast
    assert found.mean() == pytest.approx(float(planned), rel=0.02)
    assert found.std() / found.mean() == pytest.approx(float(spread[0]), rel=0.05)


def test_slower_peers_need_just_so_much_more():
    part = make(envs=2).reset().twin.local
    slower = slower_peers(part, np.array([1.0, 1.5]))
    np.testing.assert_allclose(multicast_needs(slower), multicast_needs(part) * np.array([[1.0], [1.5]]), rtol=1e-9)


def test_expected_utility_against_samples():
    env = make(envs=3)
    twin = env.reset().twin
    plan = CertaintyEquivalent().act(env.reset(3)).local
    spread = np.array([0.0, 0.05, 0.3])
    found = expected_utility(twin.local, plan, spread)
    assert found[0] == pytest.approx(float(evaluate_local(twin.local, plan).utility[0]))
    z = np.random.default_rng(5).standard_normal(50_000)
    for env_ in (1, 2):
        factor = np.maximum(1.0 + spread[env_] * z, 1e-6)
        # More multicast spectrum by 1/factor makes T_multi larger by factor; its cost is put back to what was planned.
        scaled = replace(
            plan, multicast=plan.multicast[env_] / factor[:, None], uplink=plan.uplink[env_], cpu_hz=plan.cpu_hz[env_]
        )
        one = evaluate_local(twin.at(env_).local, scaled)
        costs = evaluate_local(twin.local, plan)
        paid = (costs.spectrum_cost + costs.cpu_cost).sum(axis=-1)[env_]
        assert found[env_] == pytest.approx(float(one.benefit.sum(axis=-1).mean() - paid), rel=0.02, abs=0.05)


def test_margins_move_what_they_name():
    twin = make(envs=2).reset().twin
    local = LocalMargins(peer_db=10.0, uplink_db=-10.0, log_cpu=np.log(0.5)).planned(twin.local)
    np.testing.assert_allclose(local.sinr_peer, 10.0 * twin.local.sinr_peer)
    np.testing.assert_allclose(local.sinr_uplink, 0.1 * twin.local.sinr_uplink)
    np.testing.assert_allclose(local.cpu_max_hz, 0.5 * twin.local.cpu_max_hz)
    global_ = GlobalMargins(link_db=10.0, access_db=-10.0, log_block=np.log(2.0)).planned(twin.global_)
    np.testing.assert_allclose(global_.sinr_peer, 10.0 * twin.global_.sinr_peer)
    np.testing.assert_allclose(global_.sinr_access, 0.1 * twin.global_.sinr_access)
    np.testing.assert_allclose(global_.block_bits, 2.0 * twin.global_.block_bits)


def test_fitting_pays_on_fresh_epochs_and_does_not_touch_the_environment_it_will_act_in():
    env = make()
    env.reset()
    before = env.state()
    fitted = robust.make(env, np.random.default_rng(0))
    after = env.state()
    np.testing.assert_array_equal(before.latent, after.latent)
    assert before.truth_rng == after.truth_rng
    assert before.error_rng == after.error_rng
    assert fitted != Robust()
    assert earned(env, fitted).mean() > earned(env, Robust()).mean()
