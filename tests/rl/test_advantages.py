"""gae against the sums of (30) and (31) written out, and the mixing of own and team credit."""

import numpy as np
import pytest

from twingap.rl.advantages import gae, share_credit


def by_hand(rewards, values, last_values, terminated, discount, gae_lambda):
    """Each advantage as its own sum of single-step errors, one environment and agent at a time."""
    steps, envs, agents = rewards.shape
    out = np.zeros_like(rewards)
    for env in range(envs):
        for agent in range(agents):
            for first in range(steps):
                weight = 1.0
                for t in range(first, steps):
                    over = terminated[t, env]
                    following = 0.0 if over else (values[t + 1] if t + 1 < steps else last_values)[env, agent]
                    delta = rewards[t, env, agent] + discount * following - values[t, env, agent]
                    out[first, env, agent] += weight * delta
                    weight *= discount * gae_lambda
                    if over:
                        break
    return out


@pytest.mark.parametrize(("discount", "gae_lambda"), [(0.9, 0.8), (0.9, 1.0), (1.0, 1.0), (0.0, 1.0), (0.5, 0.0)])
def test_gae_is_the_sum_of_single_step_errors(discount, gae_lambda):
    rng = np.random.default_rng(3)
    rewards, values = rng.normal(size=(2, 7, 4, 3))
    last_values = rng.normal(size=(4, 3))
    terminated = rng.random((7, 4)) < 0.3
    expected = by_hand(rewards, values, last_values, terminated, discount, gae_lambda)
    np.testing.assert_allclose(gae(rewards, values, last_values, terminated, discount, gae_lambda), expected, atol=1e-12)


def test_nothing_is_bootstrapped_past_the_horizon():
    rewards, values = np.full((1, 1, 1), 2.0), np.full((1, 1, 1), 0.5)
    last_values = np.full((1, 1), 100.0)
    assert gae(rewards, values, last_values, np.array([[True]]), 1.0, 1.0)[0, 0, 0] == 1.5
    assert gae(rewards, values, last_values, np.array([[False]]), 1.0, 1.0)[0, 0, 0] == 101.5


def test_credit_goes_from_own_to_team():
    own = np.array([[1.0, -3.0, 5.0]])
    np.testing.assert_allclose(share_credit(own, 0.0), own)
    np.testing.assert_allclose(share_credit(own, 1.0), [[3.0, 3.0, 3.0]])
    np.testing.assert_allclose(share_credit(own, 0.25), [[1.5, -1.5, 4.5]])
