"""The environment pays what the equations say, ends when it should, and is the same for every policy."""

import dataclasses

import numpy as np
import pytest

from twingap.baselines.solver_decisions import planned_decisions
from twingap.opt import system
from twingap.opt.decision import Decision, GlobalDecision, LocalDecision, stack_decisions
from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.fluctuation import linear
from twingap.opt.snapshot import GLOBAL_AXES, LOCAL_AXES
from twingap.opt.solve import solve
from twingap.rl.actions import Action, GlobalAction, LocalAction
from twingap.rl.environment import make_env

UNEVEN = {"aps": 3, "heads_per_ap": (1, 4), "delegates": (2, 5)}


def equal_shares(env, cpu=0.5, size=1.0):
    envs, heads = env.num_envs, len(env.system.cycles)
    committees, delegates = env.system.committee_cycles.shape
    aps = len(env.system.heads.heads)
    return Action(
        LocalAction(*(np.full((envs, heads), share) for share in (0.5 * size / heads, 0.5 * size / heads, cpu))),
        GlobalAction(
            np.broadcast_to(np.arange(aps) % committees == np.arange(committees)[:, None], (envs, committees, aps)) * 1.0,
            np.ones((envs, committees)),
            np.full((envs, committees), 0.2 * size / committees),
            np.full((envs, committees, delegates), 0.8 * size / committees / delegates),
            np.full((envs, committees, delegates), cpu),
        ),
    )


def test_reward_is_what_the_equations_say_of_the_executed_decision_on_the_truth():
    env = make_env("tiny", 0.2, 3, 5, **UNEVEN)
    env.reset()
    truth = env.truth
    step = env.step(equal_shares(env))
    expected = evaluate(truth, step.decision)
    assert step.truth is truth
    np.testing.assert_array_equal(step.reward_local, expected.local.utility)
    np.testing.assert_array_equal(step.reward_global, expected.global_.utility)
    np.testing.assert_array_equal(step.reward, expected.utility)
    np.testing.assert_allclose(step.reward_ap.sum(axis=-1), step.reward_local)
    np.testing.assert_allclose(step.reward_manager.sum(axis=-1), step.reward_global)
    by_hand = [expected.local.head_utility[:, truth.local.layout.ap == k].sum(axis=-1) for k in range(3)]
    np.testing.assert_allclose(step.reward_ap, np.stack(by_hand, axis=-1))
    assert expected.violation.max() <= 1e-9


def test_same_seed_same_truth_whatever_is_done_and_whatever_the_error():
    def play(sigma, cpu, correlation):
        env = make_env("tiny", sigma, 5, 3, horizon=3, correlation=correlation)
        observation = env.reset()
        seen, true = [observation.twin.local.sinr_peer], [env.truth.local.sinr_peer]
        for _ in range(5):
            seen.append(env.step(equal_shares(env, cpu)).observation.twin.local.sinr_peer)
            true.append(env.truth.local.sinr_peer)
        return np.array(seen), np.array(true)

    for correlation in (0.0, 0.9):
        one, other, exact = play(0.1, 0.1, correlation), play(0.1, 0.9, correlation), play(0.0, 0.1, correlation)
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])
        np.testing.assert_array_equal(one[1], exact[1])
        np.testing.assert_array_equal(exact[0], exact[1])
        assert not np.array_equal(one[0], one[1])


def test_another_seed_gives_other_epochs_of_the_same_system_and_another_system_seed_another_system():
    first, second, third = make_env("tiny", seed=1), make_env("tiny", seed=2), make_env("tiny", seed=1, system_seed=9)
    for env in (first, second, third):
        env.reset()
    np.testing.assert_array_equal(first.system.cycles, second.system.cycles)
    assert not np.array_equal(first.truth.local.sinr_uplink, second.truth.local.sinr_uplink)
    assert not np.array_equal(first.system.cycles, third.system.cycles)


def test_an_episode_terminates_at_its_horizon_and_the_next_one_starts_by_itself():
    env = make_env("tiny", 0.0, 1, 2, horizon=3, correlation=0.999)
    env.reset()
    ends, first = [], []
    for _ in range(7):
        before = env.truth.local.sinr_uplink
        step = env.step(equal_shares(env))
        ends.append(step.terminated.tolist())
        first.append(np.abs(np.log(env.truth.local.sinr_uplink / before)).max())
        np.testing.assert_array_equal(step.observation.twin.local.sinr_uplink, env.truth.local.sinr_uplink)
    assert ends == [[False] * 2, [False] * 2, [True] * 2] * 2 + [[False] * 2]
    # With correlation 0.999 the state barely moves inside an episode; a new episode is a fresh draw.
    assert max(first[0], first[1], first[3]) < 0.15 < min(first[2], first[5])


def test_reset_continues_the_stream_unless_it_is_given_a_seed():
    env = make_env("tiny", 0.1, 4, 2)
    first = env.reset().twin.local.sinr_peer
    second = env.reset().twin.local.sinr_peer
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(env.reset(seed=4).twin.local.sinr_peer, first)
    np.testing.assert_array_equal(make_env("tiny", 0.1, 4, 2).reset().twin.local.sinr_peer, first)


def test_as_printed_pays_zero_exactly_where_a_constraint_fails():
    env = make_env("tiny", {"cpu": 0.2}, 2, 200, decoding="as_printed")
    env.reset()
    step = env.step(equal_shares(env, cpu=0.8, size=0.99))
    broken = step.evaluation.violation > 1e-9
    assert broken.any()
    assert not broken.all()
    np.testing.assert_array_equal(step.reward, np.where(broken, 0.0, step.evaluation.utility))
    np.testing.assert_array_equal(step.reward_ap[broken], 0.0)
    np.testing.assert_array_equal(step.reward_manager[broken], 0.0)
    over_budget = env.step(equal_shares(env, cpu=0.1, size=1.01))
    np.testing.assert_array_equal(over_budget.reward, 0.0)
    twice = equal_shares(env, cpu=0.1, size=0.9)
    twice = dataclasses.replace(twice, global_=dataclasses.replace(twice.global_, preference=np.ones((200, 2, 2))))
    np.testing.assert_array_equal(env.step(twice).reward, 0.0)


def test_as_printed_executes_decisions_as_they_are():
    env = make_env("tiny", 0.0, 2, 2, decoding="as_printed")
    env.reset()
    decision = Decision(
        LocalDecision(np.full((2, 6), 1.0), np.full((2, 6), 1e8), np.full((2, 6), 1.0)),
        GlobalDecision(np.array([[0, 1]] * 2), np.zeros((2, 2)), np.zeros((2, 2, 4)), np.zeros((2, 2, 4))),
    )
    step = env.step(decision)
    np.testing.assert_array_equal(step.decision.local.uplink, 1.0)
    np.testing.assert_array_equal(step.reward, 0.0)
    assert np.all(step.evaluation.violation > 0.9)


def test_over_capacity_is_clipped_or_voids_the_epoch_under_both_decodings():
    """Half of the CPU readings are above the capacity; shares and claims keep to their constraints."""
    asked = equal_shares(make_env("tiny", {"cpu": 0.2}, 2, 200), cpu=1.0, size=0.99)
    steps = {}
    for decoding in ("projection", "as_printed"):
        for treatment in ("clip", "void"):
            env = make_env("tiny", {"cpu": 0.2}, 2, 200, decoding=decoding, over_capacity=treatment)
            env.reset()
            steps[decoding, treatment] = env.step(asked)
    clipped, void = steps["projection", "clip"], steps["projection", "void"]
    above = void.decision.local.cpu_hz > void.truth.local.cpu_max_hz * (1.0 + 1e-9)
    assert above.any()
    np.testing.assert_array_equal(clipped.decision.local.cpu_hz[above], void.truth.local.cpu_max_hz[above])
    np.testing.assert_array_equal(clipped.decision.local.cpu_hz[~above], void.decision.local.cpu_hz[~above])
    assert clipped.paid.all()
    np.testing.assert_array_equal(void.paid, void.evaluation.feasible)
    assert not void.paid[above.any(axis=-1)].any()
    np.testing.assert_array_equal(void.reward, np.where(void.paid, void.evaluation.utility, 0.0))
    for treatment in ("clip", "void"):
        printed, projected = steps["as_printed", treatment], steps["projection", treatment]
        np.testing.assert_array_equal(printed.reward, projected.reward)
    solver = make_env("tiny", {"cpu": 0.2}, 2, 200, over_capacity="void")
    observation = solver.reset()
    planned = solver.step(planned_decisions(observation.twin))
    np.testing.assert_array_equal(planned.paid, planned.evaluation.feasible)
    assert 0 < planned.paid.sum() < 200


def test_features_are_the_numbers_of_17_and_19():
    observation = make_env("paper", 0.1, 0, 64).reset()
    assert observation.local.shape == (64, 8, 110)
    assert observation.global_.shape == (64, 2, 1 + 8 + 21 * 20 + 21 + 1)
    assert observation.encoding.local_mask.all()
    assert observation.encoding.global_mask.all()
    for features in (observation.local, observation.global_[..., :-1]):
        assert abs(features.mean()) < 0.3
        assert 0.7 < features.std() < 1.4


def test_features_of_uneven_heads_and_committees_are_masked():
    env = make_env("tiny", 0.1, 0, 3, system_seed=1, **UNEVEN)
    observation = env.reset()
    layout = env.system.heads
    most = layout.is_head.shape[1]
    assert layout.heads.min() < most
    mask = observation.encoding.local_mask
    np.testing.assert_array_equal(mask.sum(axis=-1), layout.heads * (layout.heads + 1))
    np.testing.assert_array_equal(observation.local[:, ~mask], 0.0)
    committees = env.system.committees
    global_mask = observation.encoding.global_mask
    np.testing.assert_array_equal(global_mask.sum(axis=-1), 2 + 3 + committees.delegates**2)
    np.testing.assert_array_equal(observation.global_[:, ~global_mask], 0.0)
    # The order inside: CPU, uplink, then links row by row without the diagonal.
    numbers = env.scenario
    sinr = (observation.state.sinr_peer_db - np.mean(numbers.mean_sinr_db)) / np.hypot(25.0 / np.sqrt(12.0), 2.0)
    k = int(np.argmax(layout.heads))
    links = observation.local[:, k, 2 * most :].reshape(3, most, most - 1)
    for a in range(most):
        np.testing.assert_allclose(links[:, a], np.delete(sinr[:, k, a], a, axis=-1), rtol=1e-5)
    cpu = (observation.state.cpu_head[:, layout.ap == k] - 1.5e9) / (1e9 / np.sqrt(12.0))
    np.testing.assert_allclose(observation.local[:, k, :most], cpu, rtol=1e-5)


def test_a_restored_environment_goes_on_as_the_first_would_have():
    first = make_env("tiny", 0.1, 4, 2, horizon=3, correlation=0.5)
    first.reset()
    first.step(equal_shares(first))
    state = first.state()
    expected = [first.step(equal_shares(first)) for _ in range(4)]
    second = make_env("tiny", 0.1, 99, 2, horizon=3, correlation=0.5)
    seen = second.restore(state)
    found = [second.step(equal_shares(second)) for _ in range(4)]
    for a, b in zip(expected, found, strict=True):
        np.testing.assert_array_equal(a.reward, b.reward)
        np.testing.assert_array_equal(a.terminated, b.terminated)
        np.testing.assert_array_equal(a.observation.twin.local.sinr_peer, b.observation.twin.local.sinr_peer)
    assert seen.twin.batch_shape == (2,)


def arrays(snapshot):
    parts = ((snapshot.local, LOCAL_AXES), (snapshot.global_, GLOBAL_AXES))
    return [getattr(part, name) for part, axes in parts for name in axes]


@pytest.mark.parametrize("sigma", [0.0, 0.2, {"cpu": 0.2}], ids=["exact", "all", "cpu"])
@pytest.mark.parametrize("decoding", ["projection", "as_printed"])
@pytest.mark.parametrize("whole", [False, True], ids=["divisible", "whole"])
@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_it_makes_no_difference_when_snapshots_are_read(multicast, whole, decoding, sigma):
    changes = UNEVEN | {"multicast": multicast, "whole_subchannels": whole, "correlation": 0.5}
    now, later = (make_env("tiny", sigma, 4, 3, horizon=3, decoding=decoding, **changes) for _ in range(2))
    read, kept = [arrays(now.reset().twin)], [later.reset().twin]
    for _ in range(4):
        read.append(arrays(now.truth))
        kept.append(later.truth)
        step, same = now.step(equal_shares(now)), later.step(equal_shares(later))
        np.testing.assert_array_equal(step.reward, same.reward)
        read.append(arrays(step.observation.twin))
        kept.append(same.observation.twin)
    for expected, snapshot in zip(read, kept, strict=True):
        for one, other in zip(expected, arrays(snapshot), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_a_step_computes_only_the_twins_sinr_that_it_decodes_with(multicast, monkeypatch):
    computed = []

    def recorded(decibel):
        computed.append(decibel)
        return linear(decibel)

    monkeypatch.setattr(system, "linear", recorded)
    env = make_env("tiny", 0.1, 4, 3, multicast=multicast, **UNEVEN)
    seen = env.reset()
    env.step(equal_shares(env))
    state = seen.state
    of_twin = [decibel.shape for decibel in computed if np.may_share_memory(decibel, state.sinr_db)]
    links = [state.sinr_peer_db.shape, state.sinr_link_db.shape] if multicast == "per_link" else []
    assert sorted(of_twin) == sorted([state.sinr_access_db.shape, *links])
    assert seen.twin.local.sinr_uplink.shape == state.sinr_uplink_db.shape
    assert computed[-1].shape == state.sinr_uplink_db.shape


REPLAYED = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor}
    for multicast in ("group", "per_link")
    for rule in ("fail", "cap")
    for floor in (True, False)
]


@pytest.mark.parametrize("preset", ["tiny", pytest.param("paper", marks=pytest.mark.slow)])
@pytest.mark.parametrize("modes", REPLAYED, ids=lambda modes: "-".join(map(str, modes.values())))
def test_the_solvers_decisions_earn_the_solvers_objective(preset, modes):
    env = make_env(preset, 0.0, 8, 2, **modes)
    observation = env.reset()
    results = [solve(observation.twin.at(index), gap=1e-3, time_limit=3.0) for index in range(2)]
    decision = stack_decisions([result.decision for result in results])
    step = env.step(decision)
    for name in ("uplink", "cpu_hz"):
        np.testing.assert_array_equal(getattr(step.decision.local, name), getattr(decision.local, name))
    np.testing.assert_allclose(step.reward, [result.objective for result in results], rtol=1e-9)
    np.testing.assert_array_less(step.reward, [result.bound * (1.0 + 1e-12) + 1e-12 for result in results])


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"decoding": "strict"}, "decoding"),
        ({"over_capacity": "cut"}, "over_capacity"),
        ({"num_envs": 0}, "num_envs"),
        ({"seed": -1}, "seed"),
        ({"horizon": 2.5}, "horizon"),
        ({"sigma": -1.0}, "sigma.cpu"),
        ({"sigma": 10**400}, "sigma.cpu"),
        ({"sigma": {"sinr": float("nan")}}, "sigma.sinr"),
        ({"preset": "factory"}, "preset"),
        ({"aps": 0}, "scenario.aps"),
        ({"heads": 3}, "scenario.heads"),
    ],
)
def test_impossible_options_are_refused_by_name(arguments, field):
    with pytest.raises(InputError) as caught:
        make_env(**arguments)
    assert caught.value.field == field


def test_step_before_reset_is_refused():
    env = make_env("tiny", num_envs=1)
    with pytest.raises(InputError, match="reset"):
        env.step(equal_shares(env))
