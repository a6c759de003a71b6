"""The state is stationary from the first epoch, has the correlation asked for, and nothing but the seed decides it."""

import numpy as np
import pytest

from twingap.opt.drawing import draw_system
from twingap.opt.scenario import preset
from twingap.rl.dynamics import first_epoch, next_epoch
from twingap.rl.normals import standard_normals, stream


def play(rho, epochs, envs=2000, seed=3):
    """SINR in dB and CPU over time [epoch, env, head] of a tiny system, and the system."""
    system = draw_system(preset("tiny", correlation=rho), np.random.default_rng(0))
    rng = stream(np.random.SeedSequence(seed))
    latent = first_epoch(system, envs, rng)
    states = []
    for _ in range(epochs):
        states.append(system.state(latent))
        latent = next_epoch(latent, rho, rng)
    return system, states


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_every_epoch_has_the_same_distribution(rho):
    system, states = play(rho, 4)
    for state in (states[0], states[-1]):
        swing = state.sinr_uplink_db - system.mean_sinr_uplink_db
        np.testing.assert_allclose(swing.mean(axis=0), 0.0, atol=0.2)
        np.testing.assert_allclose(swing.std(axis=0), system.scenario.sinr_fluctuation_db, rtol=0.08)
        megabytes = state.block_bits / 8e6
        np.testing.assert_allclose(megabytes.mean(axis=0), 5.5, atol=0.25)
        assert np.all((megabytes >= 1.0) & (megabytes <= 10.0))
        assert np.all((state.cpu_head >= 1e9) & (state.cpu_head <= 2e9))


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_consecutive_epochs_correlate_as_asked(rho):
    _, (first, second, third) = play(rho, 3)
    for now, later, expected in ((first, second, rho), (second, third, rho), (first, third, rho**2)):
        for field in ("sinr_uplink_db", "sinr_access_db"):
            a, b = getattr(now, field), getattr(later, field)
            a, b = a - a.mean(axis=0), b - b.mean(axis=0)
            found = (a * b).mean(axis=0) / (a.std(axis=0) * b.std(axis=0))
            np.testing.assert_allclose(found, expected, atol=0.08)


def test_independent_epochs_are_fresh_draws_of_the_same_stream():
    latent = np.ones((2, 5), dtype=np.float32)
    fresh = next_epoch(latent, 0.0, stream(np.random.SeedSequence(4)))
    np.testing.assert_array_equal(fresh, standard_normals((2, 5), stream(np.random.SeedSequence(4))))
    moved = next_epoch(latent, 0.6, stream(np.random.SeedSequence(4)))
    np.testing.assert_allclose(moved, 0.6 * latent + 0.8 * fresh, rtol=1e-6)
