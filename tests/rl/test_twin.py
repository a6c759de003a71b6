"""The mapping error: exact at zero, the same normals for every sigma, and nothing leaves its domain."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twingap.opt.drawing import draw_system
from twingap.opt.errors import InputError
from twingap.opt.scenario import preset
from twingap.opt.system import State, with_state
from twingap.rl.environment import make_env
from twingap.rl.twin import TwinError, error_size, observe

BY_LINK = ("sinr_uplink_db", "sinr_peer_db", "sinr_access_db", "sinr_link_db")
FIELDS = [each.name for each in dataclasses.fields(State) if each.name != "shapes"] + list(BY_LINK)


def drawn(envs=4, seed=0, **changes):
    system = draw_system(preset("tiny", **changes), np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    state = system.state(rng.standard_normal((envs, system.latent_size)))
    return system, state, rng.standard_normal((envs, error_size(system)))


def test_without_error_the_twin_is_the_truth_bit_for_bit():
    system, state, normals = drawn()
    seen, cycles = observe(system, state, normals, TwinError())
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(seen, name), getattr(state, name))
    np.testing.assert_array_equal(cycles, system.cycles)


@pytest.mark.parametrize(
    ("field", "moved"),
    [
        ("cpu", {"cpu_head", "cpu_delegate"}),
        ("sinr", {"sinr_uplink_db", "sinr_peer_db", "sinr_access_db", "sinr_link_db", "sinr_db"}),
        ("block", {"block_bits"}),
        ("capacity", {"capacity"}),
        ("data", {"cycles"}),
    ],
)
def test_each_sigma_touches_only_its_own_fields(field, moved):
    system, state, normals = drawn(envs=50)
    seen, cycles = observe(system, state, normals, TwinError.of({field: 0.3}))
    changed = {name for name in FIELDS if not np.array_equal(getattr(seen, name), getattr(state, name))}
    if not np.array_equal(np.broadcast_to(cycles, (50, 6)), np.broadcast_to(system.cycles, (50, 6))):
        changed.add("cycles")
    assert changed == moved


def test_errors_scale_with_sigma_and_are_the_same_normals():
    system, state, normals = drawn()
    small, small_cycles = observe(system, state, normals, TwinError.of(0.01))
    large, large_cycles = observe(system, state, normals, TwinError.of(0.02))
    for name in ("cpu_head", "block_bits", "sinr_uplink_db", "sinr_peer_db", "sinr_access_db", "sinr_link_db"):
        true = getattr(state, name)
        np.testing.assert_allclose(getattr(large, name) - true, 2.0 * (getattr(small, name) - true), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(large_cycles - system.cycles, 2.0 * (small_cycles - system.cycles), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sinr_as_seen_is_what_is_true_plus_its_deviation_times_its_normal(dtype):
    system, state, normals = drawn(heads_per_ap=(1, 3))
    normals = normals.astype(dtype)
    seen, _ = observe(system, state, normals, TwinError(sinr=0.2))
    error = 2.0 * system.is_sinr * normals[:, : system.latent_size].astype(np.float64)
    np.testing.assert_array_equal(seen.sinr_db, state.sinr_db + error)


def test_sizes_of_the_errors():
    system, state, normals = drawn(envs=4000)
    seen, cycles = observe(system, state, normals, TwinError.of(0.1))
    np.testing.assert_allclose((seen.cpu_head / state.cpu_head).std(axis=0), 0.1, rtol=0.1)
    np.testing.assert_allclose((seen.block_bits / state.block_bits).std(axis=0), 0.1, rtol=0.1)
    np.testing.assert_allclose((cycles / system.cycles).std(axis=0), 0.1, rtol=0.1)
    np.testing.assert_allclose((seen.sinr_access_db - state.sinr_access_db).std(axis=0), 1.0, rtol=0.1)
    np.testing.assert_allclose((seen.sinr_access_db - state.sinr_access_db).mean(axis=0), 0.0, atol=0.1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32), sigma=st.floats(0.0, 3.0), heads=st.integers(1, 4), delegates=st.integers(2, 5))
def test_the_twin_stays_a_valid_snapshot(seed, sigma, heads, delegates):
    system, state, normals = drawn(seed=seed, heads_per_ap=(1, heads), delegates=(2, delegates), aps=3, capacity=(2, 3))
    seen, cycles = observe(system, state, normals, TwinError.of(sigma))
    twin = with_state(system.snapshot(state), seen, cycles)
    local, global_ = twin.local, twin.global_
    for positive in (local.cycles, local.cpu_max_hz, local.sinr_uplink, local.sinr_peer, global_.block_bits):
        assert np.all(np.isfinite(positive) & (positive > 0.0))
    assert np.all(global_.cpu_max_hz > 0.0)
    assert global_.capacity.dtype == np.int64
    assert np.all(global_.capacity >= 1)
    assert np.all(global_.capacity.sum(axis=-1) >= 3)
    assert np.all(local.sinr_peer[:, ~local.layout.is_link] == 1.0)
    assert np.all(global_.sinr_peer[:, ~global_.layout.is_link] == 1.0)
    assert np.all(global_.cpu_max_hz[:, ~global_.layout.is_delegate] == 1.0)


def test_a_capacity_without_room_for_all_aps_is_raised():
    system, state, normals = drawn(aps=6, capacity=(3, 3))
    low = normals.copy()
    low[..., : system.latent_size] = -10.0
    seen, _ = observe(system, state, low, TwinError(capacity=1.0))
    assert np.all(seen.capacity == 3)


def test_one_seed_gives_every_sigma_the_same_truth_and_the_same_normals():
    environments = [make_env("tiny", sigma=sigma, seed=7, num_envs=3) for sigma in (0.0, 0.05, 0.1)]
    looks = [environment.reset() for environment in environments]
    for environment in environments[1:]:
        np.testing.assert_array_equal(environment.truth.local.sinr_peer, environments[0].truth.local.sinr_peer)
    true = looks[0].state.sinr_link_db
    np.testing.assert_allclose(looks[2].state.sinr_link_db - true, 2.0 * (looks[1].state.sinr_link_db - true), atol=1e-9)


@pytest.mark.parametrize("sigma", [-0.1, float("nan"), float("inf"), "0.1", True, {"cpu": -1.0}, {"gpu": 0.1}])
def test_impossible_sigmas_are_refused(sigma):
    with pytest.raises(InputError, match="sigma"):
        TwinError.of(sigma)
