"""What an agent believes: the reading without error, the posterior mean with it, and nothing that it could not know."""

from dataclasses import replace

import numpy as np
import pytest

from twingap.rl.belief import believed, normal_belief
from twingap.rl.environment import make_env
from twingap.rl.twin import TwinError


def test_a_normal_belief_weighs_reading_and_prior_by_precision():
    found = normal_belief(np.array([16.0]), np.array([10.0]), 2.0, 1.0)
    assert found.mean[0] == pytest.approx((10.0 / 4 + 16.0) / (1 / 4 + 1))
    assert found.deviation == pytest.approx((1 / 4 + 1) ** -0.5)


def test_a_normal_belief_at_both_ends():
    reading, mean = np.array([16.0]), np.array([10.0])
    assert normal_belief(reading, mean, 2.0, 0.0) == (reading, 0.0)
    fixed = normal_belief(reading, mean, 0.0, 1.0)
    assert (fixed.mean[0], fixed.deviation) == (10.0, 0.0)


def test_without_error_the_belief_is_the_twin():
    env = make_env("tiny", seed=1, num_envs=3)
    observation = env.reset()
    assert believed(observation, env.twin_error) is observation.twin
    only_data = TwinError(data=0.2, capacity=0.2)
    assert believed(observation, only_data) is observation.twin


def test_by_hand():
    """Fluctuation 2 dB and error 10 * 0.1 = 1 dB: weight 4 / 5. CPU: 20 % and 10 %: 0.04 / 0.05 = 4 / 5."""
    env = make_env("tiny", sigma=0.1, seed=1, num_envs=3)
    observation, system = env.reset(), env.system
    belief = believed(observation, env.twin_error)
    decibel = system.mean_sinr_uplink_db + 0.8 * (observation.state.sinr_uplink_db - system.mean_sinr_uplink_db)
    np.testing.assert_allclose(belief.local.sinr_uplink, 10.0 ** (decibel / 10.0))
    cpu = system.mean_cpu_head + 0.8 * (observation.state.cpu_head - system.mean_cpu_head)
    np.testing.assert_allclose(belief.local.cpu_max_hz, np.clip(cpu, 1e9, 2e9))
    np.testing.assert_allclose(belief.global_.block_bits, np.clip(observation.state.block_bits, 8e6, 80e6))
    np.testing.assert_array_equal(belief.local.cycles, observation.twin.local.cycles)
    np.testing.assert_array_equal(belief.global_.capacity, observation.twin.global_.capacity)


@pytest.mark.parametrize(
    "field", ["sinr_uplink_db", "sinr_peer_db", "sinr_access_db", "sinr_link_db", "cpu_head", "block_bits"]
)
def test_it_is_nearer_to_the_truth_than_the_reading(field):
    env = make_env("paper", sigma=0.3, seed=1, num_envs=50)
    observation = env.reset()
    belief = believed(observation, env.twin_error)
    part, name = {
        "sinr_uplink_db": ("local", "sinr_uplink"),
        "sinr_peer_db": ("local", "sinr_peer"),
        "sinr_access_db": ("global_", "sinr_access"),
        "sinr_link_db": ("global_", "sinr_peer"),
        "cpu_head": ("local", "cpu_max_hz"),
        "block_bits": ("global_", "block_bits"),
    }[field]
    true, read, thought = (np.log(getattr(getattr(each, part), name)) for each in (env.truth, observation.twin, belief))
    assert np.mean((thought - true) ** 2) < 0.95 * np.mean((read - true) ** 2)


def test_it_is_a_function_of_the_observation():
    env = make_env("tiny", sigma=0.2, seed=1, num_envs=3)
    observation = env.reset()
    first = believed(observation, env.twin_error)
    other = make_env("tiny", sigma=0.0, seed=9, num_envs=3).reset()
    again = believed(replace(observation, encoding=other.encoding), env.twin_error)
    np.testing.assert_array_equal(first.global_.sinr_peer, again.global_.sinr_peer)
