"""Schedulers measured on epochs of one's own: any trace of one system, what policies may know of it, and what is refused."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import twingap
from twingap.baselines.nothing import nothing
from twingap.opt.errors import InputError
from twingap.opt.own_epochs import stack_epochs, state_of
from twingap.opt.snapshot import GLOBAL_AXES, LOCAL_AXES
from twingap.opt.system import with_state
from twingap.rl.belief import believed
from twingap.rl.trace_environment import TraceEnvironment
from twingap.rl.twin import TwinError


def drawn(number, **changes):
    env = twingap.make_env("tiny", num_envs=number, seed=7, **changes)
    env.reset()
    return env.system, [env.truth.at(place) for place in range(number)]


@pytest.fixture(scope="module")
def trace():
    return drawn(4)[1]


def total(report):
    return report.table().query("part == 'sum'").set_index(["policy", "sigma"])


def test_the_oracle_is_optimal_and_every_bound_is_that_of_its_snapshot(trace):
    report = twingap.measure_gap({"best": "oracle", "mine": lambda seen: nothing(seen.twin)}, snapshots=trace, sigma=[0.1])
    assert total(report).loc[("best", 0.1), "gap"] < 1e-4
    assert total(report).loc[("mine", 0.1), "gap"] == pytest.approx(1.0, abs=1e-3)
    bounds = report.episodes().query("policy == 'mine' and part == 'sum'")["bound"]
    np.testing.assert_array_equal(bounds, [result.bound for result in twingap.solve_batch(trace)])


def test_a_preset_played_as_a_trace_is_the_same():
    settings = {"sigma": [0.0], "episode_length": 2}
    frozen = twingap.studies.frozen_epochs.FrozenEpochs(twingap.preset("tiny"), 3, 2, 2).environment(0.0)
    seen, epochs = frozen.reset(), {}
    for t in range(2):
        epochs |= {2 * episode + t: frozen.truth.at(episode) for episode in range(2)}
        seen = frozen.step(nothing(seen.twin)).observation
    own = twingap.measure_gap("fixed_cpu", snapshots=[epochs[place] for place in range(4)], **settings)
    preset = twingap.measure_gap("fixed_cpu", "tiny", epochs=4, seeds=[3], **settings)
    columns = ["part", "episode", "utility", "bound", "incumbent", "gap", "delay"]
    pd.testing.assert_frame_equal(own.episodes()[columns], preset.episodes()[columns])


def test_one_snapshot_one_callable_and_a_page(trace, tmp_path):
    def mine(seen):
        assert seen.twin.batch_shape == (1,)
        return nothing(seen.twin)

    report = twingap.measure_gap(mine, snapshots=trace[:1], sigma=[0.0, 0.2])
    assert list(report.table()["policy"].unique()) == ["mine"]
    np.testing.assert_allclose(report.table()["gap"], 1.0, atol=1e-3)
    report.write_html(tmp_path / "page.html")
    assert "unknown to policies" in (tmp_path / "page.html").read_text()


def test_whole_subchannels_and_links():
    _, epochs = drawn(2, whole_subchannels=True, multicast="per_link")
    report = twingap.measure_gap({"best": "oracle", "ours": "equal_shares"}, snapshots=epochs, sigma=[0.1], episode_length=2)
    assert total(report).loc[("best", 0.1), "gap_to_incumbent"] == pytest.approx(0.0, abs=1e-9)


def test_the_error_is_that_of_the_model_and_data_may_change(trace):
    slower = replace(trace[1], local=replace(trace[1].local, cycles=3.0 * trace[1].local.cycles))
    env = TraceEnvironment([trace[0], slower], sigma=0.2, seed=5)
    twin, truth = env.reset().twin, env.truth
    np.testing.assert_array_equal(truth.local.cycles[1], slower.local.cycles)
    again = TraceEnvironment([trace[0], slower], sigma=0.4, seed=5)
    wider = again.reset().twin
    for part, name in (("local", "cycles"), ("local", "cpu_max_hz"), ("global_", "block_bits")):
        true, small, large = (getattr(getattr(each, part), name) for each in (truth, twin, wider))
        np.testing.assert_allclose(large / true - 1.0, np.maximum(2.0 * (small / true - 1.0), -0.99), atol=1e-6)
    decibel = [10.0 * np.log10(each.local.sinr_uplink / truth.local.sinr_uplink) for each in (twin, wider)]
    np.testing.assert_allclose(decibel[1], 2.0 * decibel[0], atol=1e-6)


def test_estimates_by_hand(trace):
    one = trace[0]
    local, global_ = one.local, one.global_
    up, faster = 10.0**0.3, 1.5
    louder = replace(
        one,
        local=replace(
            local, sinr_uplink=up * local.sinr_uplink, sinr_peer=up * local.sinr_peer, cpu_max_hz=faster * local.cpu_max_hz
        ),
        global_=replace(
            global_,
            sinr_access=up * global_.sinr_access,
            sinr_peer=up * global_.sinr_peer,
            cpu_max_hz=faster * global_.cpu_max_hz,
            block_bits=2.0 * global_.block_bits,
        ),
    )
    system = twingap.estimate_system([one, louder])
    # Two readings 3 dB apart: mean in the middle, deviation 3 / sqrt(2); CPU 1 and 1.5 around 1.25: 0.2 sqrt(2).
    np.testing.assert_allclose(system.mean_sinr_uplink_db, 10.0 * np.log10(local.sinr_uplink) + 1.5)
    assert system.scenario.sinr_fluctuation_db == pytest.approx(3.0 / np.sqrt(2.0))
    assert system.scenario.cpu_fluctuation == pytest.approx(0.2 * np.sqrt(2.0))
    np.testing.assert_allclose(system.mean_cpu_head, 1.25 * local.cpu_max_hz)
    assert system.scenario.head_cpu_hz == (local.cpu_max_hz.min(), faster * local.cpu_max_hz.max())
    assert system.scenario.block_bytes == (global_.block_bits.min() / 8.0, 2.0 * global_.block_bits.max() / 8.0)
    middle = system.snapshot(system.mean_state())
    assert (middle.local.benefit, middle.global_.timeout) == (local.benefit, global_.timeout)
    np.testing.assert_allclose(middle.local.sinr_uplink, np.sqrt(up) * local.sinr_uplink)
    alone = twingap.estimate_system([one]).scenario
    assert (alone.sinr_fluctuation_db, alone.cpu_fluctuation) == (0.0, 0.0)


def test_the_state_of_epochs_gives_them_back(trace):
    epochs = stack_epochs(trace)
    again = with_state(epochs, state_of(epochs))
    for part, axes in (("local", LOCAL_AXES), ("global_", GLOBAL_AXES)):
        for name in axes:
            found, expected = (getattr(getattr(each, part), name) for each in (again, epochs))
            np.testing.assert_allclose(found, expected, rtol=1e-12 if "sinr" in name else 0.0, err_msg=name)
    # Fields that the twin reads exactly stay as they are, bit for bit.
    env = TraceEnvironment(trace, sigma={"cpu": 0.1})
    twin = env.reset().twin
    np.testing.assert_array_equal(twin.local.sinr_uplink, epochs.local.sinr_uplink)
    np.testing.assert_array_equal(twin.global_.block_bits, epochs.global_.block_bits)
    assert not np.array_equal(twin.local.cpu_max_hz, epochs.local.cpu_max_hz)


def test_what_is_known_beforehand(trace):
    """From earlier epochs a system may be had, from the epochs themselves none: with one epoch its mean is the truth."""
    error = TwinError.of(0.2)
    blind = TraceEnvironment(trace[:1], sigma=0.2)
    seen = blind.reset()
    assert believed(seen, error) is seen.twin
    told = TraceEnvironment(trace[:1], sigma=0.2, system=twingap.estimate_system(trace[1:]))
    assert not np.array_equal(believed(told.reset(), error).local.sinr_uplink, seen.twin.local.sinr_uplink)
    np.testing.assert_array_equal(told.reset(0).twin.local.sinr_uplink, blind.reset(0).twin.local.sinr_uplink)
    report = twingap.measure_gap(
        {"posterior": "posterior", "static": "static"},
        snapshots=trace[:2],
        system=twingap.estimate_system(trace[2:]),
        sigma=[0.1],
    )
    assert (report.table()["gap"] > 0.0).all()


def test_a_learner_trained_elsewhere_plays_any_size(trace):
    policy = twingap.train("mappo", twingap.make_env("tiny", num_envs=4, aps=3, sigma=0.1), updates=1)
    report = twingap.measure_gap(policy, snapshots=trace, sigma=[0.1])
    assert np.isfinite(report.table()["gap"]).all()


def other(trace, part, **changes):
    return [*trace[:2], replace(trace[2], **{part: replace(getattr(trace[2], part), **changes)})]


@pytest.mark.parametrize(
    ("policy", "given", "said"),
    [
        ("posterior", {}, r"^baseline posterior: system: is not known: .* give system=twingap\.estimate_system"),
        ("static", {}, r"^baseline static: system: is not known"),
        ("robust", {}, r"^baseline robust: training epochs: are not to be had of a trace"),
        ("oracle", {"episode_length": 3}, r"^episode_length: is 3; it must be a positive divisor of the number of epochs, 4"),
        ("oracle", {"episode_length": 0}, r"^episode_length: is 0"),
        ("oracle", {"preset": "tiny"}, r"^preset: goes with a preset"),
        ("oracle", {"epochs": 4}, r"^epochs: goes with a preset"),
        ("oracle", {"aps": 4}, r"^aps: goes with a preset"),
        ("oracle", {"snapshots": []}, r"^snapshots: is empty"),
        ("oracle", {"snapshots": None, "system": "ours"}, r"^system: goes with snapshots"),
    ],
)
def test_refusals(trace, policy, given, said):
    with pytest.raises(InputError, match=said):
        twingap.measure_gap(policy, **({"snapshots": trace, "sigma": [0.1]} | given))


def test_epochs_of_several_systems_are_refused_by_name(trace):
    wider, narrow = drawn(1, heads_per_ap=(2, 2))[1], drawn(1, delegates=(3, 3))[1]
    for epochs, said in (
        ([*trace, *wider], r"^snapshots\[4\]\.local\.ap: has 2 x 2 heads per AP, but 3 x 2 in snapshots\[0\]"),
        ([*trace, *narrow], r"^snapshots\[4\]\.global\.committees: has 3 x 2 delegates per committee, but 4 x 2"),
        (other(trace, "local", subchannels_max=5.0), r"^snapshots\[2\]\.local\.subchannels_max: is 5\.0, but 6\.0"),
        (other(trace, "global_", timeout_rule="cap"), r"^snapshots\[2\]\.global\.timeout_rule: is 'cap', but 'fail'"),
    ):
        with pytest.raises(InputError, match=said):
            twingap.measure_gap("oracle", snapshots=epochs)
    with pytest.raises(InputError, match=r"^system\.local\.ap: has 2 x 2 heads per AP, but 3 x 2 in the epochs"):
        twingap.measure_gap("static", snapshots=trace, system=twingap.estimate_system(wider))


@pytest.fixture
def command(run, monkeypatch, trace, tmp_path):
    """command(arguments...) -> (exit code, stdout, stderr) of ``twingap measure``, in a directory with a trace of two epochs in
    ``trace/``."""
    (tmp_path / "trace").mkdir()
    for place, each in enumerate(trace[:2]):
        twingap.save_snapshot(each, tmp_path / "trace" / f"{place}.json")
    monkeypatch.chdir(tmp_path)
    return partial(run, "measure")


def test_the_command(command, tmp_path):
    (tmp_path / "idle_scheduler.py").write_text(
        "from twingap.baselines.nothing import nothing\ndef idle(seen):\n    return nothing(seen.twin)\n"
    )
    names = ("--policy", "certainty_equivalent", "--policy", "idle_scheduler:idle", "--sigma", "0", "--sigma", "0.1")
    code, out, _ = command("trace", *names, "--output", "page.html")
    assert code == 0
    first = [line.split()[0] for line in out.splitlines()]
    assert first[:3] == ["gap", "certainty_equivalent", "idle_scheduler:idle"]
    assert first[-1] == "wrote"
    assert "100.00 [100.00, 100.00]" in out
    assert (tmp_path / "page.html").exists()
    code, out, _ = command("trace/0.json", *names[:2], "--history", "trace", "--json")
    assert {row["sigma"] for row in json.loads(out)} == {0.0, 0.05, 0.1}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trace", "--policy", "psychic"), "twingap: --policy: is 'psychic'; it must be one of"),
        (("trace", "--policy", "no_such_module:f"), "twingap: --policy: is 'no_such_module:f'; No module named"),
        (("trace", "--policy", "math:no_such"), "twingap: --policy: is 'math:no_such'; module math has no 'no_such'"),
        (("nowhere", "--policy", "oracle"), "twingap: base: is missing"),
        (("trace", "--policy", "static"), "twingap: baseline static: system: is not known"),
        (("trace", "--policy", "oracle", "--length", "3"), "twingap: episode_length: is 3"),
        (("trace", "--policy", "oracle", "--sigma", "-1"), "twingap: sigma: is -1.0"),
        (("trace",), "twingap: Missing option"),
    ],
)
def test_the_command_refuses(command, arguments, said):
    code, _, err = command(*arguments)
    assert code == 2
    assert err.startswith(said)
    assert err.count("\n") == 1
