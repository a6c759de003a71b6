"""Scenarios refuse the impossible; systems and snapshots drawn from them have the sizes and ranges they promise."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twingap.opt.drawing import cumulative_weight, draw, draw_system
from twingap.opt.errors import InputError
from twingap.opt.scenario import PRESETS, Scenario, describe, preset
from twingap.opt.snapshot import HeadLayout
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json


@pytest.mark.parametrize(
    ("name", "aps", "heads", "delegates", "local_budget"),
    [("tiny", 2, 6, 4, 6), ("paper", 8, 80, 21, 100), ("plant", 50, 500, 21, 625), ("campus", 1000, 10_000, 21, 12_500)],
)
def test_preset_sizes(name, aps, heads, delegates, local_budget):
    snapshot = draw(name, 1)
    assert snapshot.name == f"{name}-1"
    assert len(snapshot.local.layout.heads) == aps
    assert snapshot.local.sinr_uplink.shape == (heads,)
    assert snapshot.local.subchannels_max == local_budget
    assert snapshot.global_.cycles.shape == (2, delegates)
    assert snapshot.global_.capacity.tolist() == [aps // 2 + 1] * 2


def test_magnitudes_of_the_paper_preset():
    local, global_ = draw("paper", 3).local, draw("paper", 3).global_
    assert local.multicast_bits == 22_416_000.0
    assert set(np.unique(local.upload_bits / 2.24e6)) <= set(range(5, 11))
    # 5 to 10 devices, each 3 x 67 x 24,576 x 20 cycles times U(1/3, 5/3).
    mean = 3 * 67 * 24_576 * 20 * 7.5
    assert 0.85 * mean < local.cycles.mean() < 1.15 * mean
    assert 5 / 3 * mean / 7.5 < local.cycles.min()
    assert local.cycles.max() < 50 / 3 * mean / 7.5
    assert np.all((local.accuracy >= 0.1) & (local.accuracy <= 0.8))
    assert np.all((local.cpu_max_hz >= 1e9) & (local.cpu_max_hz <= 2e9))
    assert global_.cycles[:, 0].tolist() == [2.2e8] * 2
    assert np.all(global_.cycles[:, 1:] == 1.1e8)
    assert np.all((global_.block_bits >= 8e6) & (global_.block_bits <= 80e6))


def test_same_seed_same_snapshot_other_seed_another():
    first, again, other = draw("paper", 5), draw("paper", 5), draw("paper", 6)
    assert snapshot_to_json(first) == snapshot_to_json(again)
    assert snapshot_to_json(first)["local"] != snapshot_to_json(other)["local"]


@pytest.mark.parametrize("name", ["tiny", "paper"])
@pytest.mark.parametrize("changes", [{}, {"heads_per_ap": (1, 4), "delegates": (2, 5)}, {"multicast": "per_link"}])
def test_drawn_snapshots_are_valid_files(name, changes):
    content = snapshot_to_json(draw(name, 2, **changes))
    assert snapshot_to_json(snapshot_from_json(content, "here")) == content


def test_defaults_are_the_paper_preset_and_every_field_has_a_source():
    assert preset("paper") == Scenario()
    rows = describe()
    assert {row[0] for row in rows} == {each.name for each in dataclasses.fields(Scenario)}
    assert {row[3] for row in rows} == {"paper", "assumption"}
    sources = {row[0]: row[3] for row in rows}
    assert sources["confirmation_weight"] == "paper"
    assert sources["local_benefit"] == "assumption"


WRONG = {
    "count": [0, -1, 2.0, True, "2", None],
    "counts": [(0, 3), (3, 2), (1.0, 2), 3, (1, 2, 3), [], "ab"],
    "committee sizes": [(1, 4), (4, 3), 21],
    "capacity": [(-1, 9), (9, 8), (3, 9), 5],
    "optional count": [-1, 1.0, True, "2", (1, 2)],
    "positive": [0.0, -1.0, float("nan"), float("inf"), True, "1", None, [1.0]],
    "nonnegative": [-1e-9, float("nan"), True, "0"],
    "correlation": [1.0, -0.1, float("nan")],
    "span": [(2.0, 1.0), (0.0, float("inf")), 3.0, (True, 2.0)],
    "positive span": [(0.0, 1.0), (2.0, 1.0), (1.0,), None],
    "fractions": [(0.0, 0.5), (0.5, 1.1), (0.8, 0.1)],
    "switch": [1, "true", None],
    "multicast": ["unicast", None, 1],
    "timeout_rule": ["drop", []],
    "uploaded_models": ["all"],
    "multicast_payload": [""],
}
CASES = [(each.name, value) for each in dataclasses.fields(Scenario) for value in WRONG[each.metadata["rule"]]]


@pytest.mark.parametrize(("name", "value"), CASES, ids=lambda part: repr(part))
def test_impossible_values_name_the_field(name, value):
    with pytest.raises(InputError) as caught:
        preset("paper", **{name: value})
    assert caught.value.field == f"scenario.{name}"
    assert "must be" in str(caught.value)


def test_unknown_preset_and_field_say_what_is_allowed():
    with pytest.raises(InputError, match="tiny, paper, plant, campus"):
        preset("factory")
    with pytest.raises(InputError, match=r"scenario\.head_count.*heads_per_ap"):
        preset("paper", head_count=3)


def test_ranges_given_as_lists_are_kept_as_pairs():
    assert preset("tiny", accuracy=[0.2, 0.3]).accuracy == (0.2, 0.3)


def test_switches_change_only_their_number():
    assert draw("tiny", 1, multicast_payload="header").local.multicast_bits == 10 * 1600.0
    assert draw("tiny", 1, multicast_compression=4.0).local.multicast_bits == 10 * (1600.0 + 0.56e6)
    assert set(draw("tiny", 1, uploaded_models="aggregated").local.upload_bits) == {2.24e6}


def test_cumulative_weight_by_hand():
    # Two APs; AP 0 has data 1, 3 and accuracies 0.5, 0.52 (difference below 0.05), AP 1 a single head.
    layout = HeadLayout.of(np.array([0, 0, 1]))
    found = cumulative_weight(layout, np.array([1.0, 3.0, 2.0]), np.array([0.5, 0.52, 0.7]), Scenario())
    first, second = 0.25 * 0.5, 0.75 * 0.52
    np.testing.assert_allclose(found, [first + second / 0.05, second + first / 0.05, 0.7])
    one = cumulative_weight(layout, np.array([1.0, 3.0, 2.0]), np.array([0.5, 0.52, 0.7]), Scenario(approvals=0))
    np.testing.assert_allclose(one, [first, second, 0.7])
    capped = cumulative_weight(layout, np.ones(3), np.ones(3), Scenario(confirmation_weight=0.5))
    np.testing.assert_array_equal(capped, 0.5)


def test_the_heads_that_follow_approve_first():
    # Three heads with equal data: weights theta / 3, differences 0.1, 0.2 and 0.3.
    layout, theta = HeadLayout.of(np.array([0, 0, 0])), np.array([0.3, 0.6, 0.5])
    weight = theta / 3
    found = cumulative_weight(layout, np.ones(3), theta, Scenario(approvals=1))
    np.testing.assert_allclose(found, weight + weight[[1, 2, 0]] / [0.3, 0.1, 0.2])
    everyone = cumulative_weight(layout, np.ones(3), theta, Scenario())
    np.testing.assert_allclose(cumulative_weight(layout, np.ones(3), theta, Scenario(approvals=9)), everyone)


def test_identical_heads_share_every_mean():
    scenario = preset("tiny", identical_heads=True, link_offset_db=0.0)
    system = draw_system(scenario, np.random.default_rng(3))
    for of_heads in (system.accuracy, system.cycles, system.upload_bits, system.cumulative_weight, system.mean_cpu_head):
        assert np.all(of_heads == of_heads[0])
    assert np.all(system.mean_sinr_peer_db[system.heads.is_link] == system.mean_sinr_uplink_db[0])
    assert len(np.unique(system.mean_cpu_delegate)) > 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), heads=st.integers(1, 4), delegates=st.integers(2, 5), low=st.integers(2, 4))
def test_states_stay_in_their_ranges_and_padding_is_neutral(seed, heads, delegates, low):
    scenario = preset("tiny", heads_per_ap=(1, heads), delegates=(2, delegates), capacity=(low, low + 2))
    rng = np.random.default_rng(seed)
    system = draw_system(scenario, rng)
    snapshot = system.snapshot(system.state(rng.standard_normal((5, system.latent_size))))
    local, global_ = snapshot.local, snapshot.global_
    assert np.all(local.sinr_peer[:, ~local.layout.is_link] == 1.0)
    assert np.all(global_.sinr_peer[:, ~global_.layout.is_link] == 1.0)
    assert np.all(global_.cpu_max_hz[:, ~global_.layout.is_delegate] == 1.0)
    assert np.all(global_.cycles[~global_.layout.is_delegate] == 0.0)
    assert np.all((global_.capacity >= low) & (global_.capacity <= low + 2))
    assert np.all((local.cpu_max_hz >= 1e9) & (local.cpu_max_hz <= 2e9))


def test_mean_state_is_the_middle():
    scenario = preset("tiny", capacity=(2, 4))
    system = draw_system(scenario, np.random.default_rng(0))
    state = system.mean_state()
    np.testing.assert_array_equal(state.cpu_head, system.mean_cpu_head)
    np.testing.assert_array_equal(state.sinr_peer_db, system.mean_sinr_peer_db)
    np.testing.assert_allclose(state.block_bits, 8 * 5.5e6)
    assert state.capacity.tolist() == [3, 3]


def test_block_size_and_capacity_are_uniform():
    system = draw_system(preset("tiny", capacity=(1, 4)), np.random.default_rng(0))
    state = system.state(np.random.default_rng(1).standard_normal((20_000, system.latent_size)))
    share = (state.block_bits / 8e6 - 1.0) / 9.0
    np.testing.assert_allclose(np.quantile(share, [0.1, 0.5, 0.9]), [0.1, 0.5, 0.9], atol=0.02)
    np.testing.assert_allclose(np.bincount(state.capacity.ravel())[1:] / 40_000, 0.25, atol=0.02)


def test_presets_are_the_four_promised():
    assert list(PRESETS) == ["tiny", "paper", "plant", "campus"]
