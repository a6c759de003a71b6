"""Any action becomes a feasible decision; as printed nothing is repaired; assignments are optimal."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from twingap.opt.decision import Decision, GlobalDecision, LocalDecision
from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.global_equations import committee_spectrum, phase_times
from twingap.opt.local_equations import head_spectrum, multicast_times
from twingap.opt.rates import seconds, spectral_efficiency
from twingap.rl.actions import Action, GlobalAction, LocalAction, check_action
from twingap.rl.assignment import assign
from twingap.rl.decoding import decode
from twingap.rl.environment import make_env
from twingap.rl.execution import execute

MODES = [(multicast, whole) for multicast in ("group", "per_link") for whole in (False, True)]
UNEVEN = {"aps": 3, "heads_per_ap": (1, 4), "delegates": (2, 5), "capacity": (2, 3)}


def random_action(rng, env, size=1.0):
    """Uniform shares whose sums lie around ``size`` times the budget; some are zero."""
    envs, heads = env.num_envs, len(env.system.cycles)
    committees, delegates = env.system.committee_cycles.shape
    aps = len(env.system.heads.heads)

    def shares(*shape):
        return rng.random((envs, *shape)) * (rng.random((envs, *shape)) > 0.2) * size

    return Action(
        LocalAction(shares(heads) / heads, shares(heads) / heads, rng.random((envs, heads))),
        GlobalAction(
            (rng.random((envs, committees, aps)) > 0.5).astype(float),
            (rng.random((envs, committees)) > 0.3).astype(float),
            shares(committees) / committees / 3,
            shares(committees, delegates) / committees / delegates,
            rng.random((envs, committees, delegates)),
        ),
    )


def random_decision(rng, env):
    """A decision that breaks everything that can be broken except finiteness and the range of access."""
    truth = env.truth
    envs, heads = env.num_envs, len(env.system.cycles)
    aps, most = truth.local.layout.is_head.shape
    committees, delegates = truth.global_.layout.is_delegate.shape
    group = truth.local.multicast == "group"

    def amounts(*shape):
        return rng.normal(1.0, 2.0, (envs, *shape))

    return Decision(
        LocalDecision(
            amounts(heads), 2e9 * amounts(heads), amounts(heads) if group else None, None if group else amounts(aps, most, most)
        ),
        GlobalDecision(
            rng.integers(0, committees, (envs, aps)),
            amounts(aps),
            1e10 * amounts(committees, delegates),
            amounts(committees, delegates) if group else None,
            None if group else amounts(committees, delegates, delegates),
        ),
    )


@pytest.mark.parametrize(("multicast", "whole"), MODES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32), size=st.sampled_from([0.0, 0.5, 2.0, 50.0]))
def test_projection_makes_any_action_feasible(multicast, whole, seed, size):
    env = make_env("tiny", 0.2, seed, 3, system_seed=seed, multicast=multicast, whole_subchannels=whole, **UNEVEN)
    observation = env.reset()
    action = check_action(random_action(np.random.default_rng(seed), env, size), env.truth)
    decoded = decode(action, observation.twin, env.truth)
    assert evaluate(env.truth, decoded.decision).violation.max() <= 1e-9
    assert decoded.claims_hold.all()


@pytest.mark.parametrize(("multicast", "whole"), MODES)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_execution_makes_any_decision_feasible_and_leaves_feasible_ones_alone(multicast, whole, seed):
    env = make_env("tiny", 0.0, seed, 3, system_seed=seed, multicast=multicast, whole_subchannels=whole, **UNEVEN)
    env.reset()
    executed = execute(random_decision(np.random.default_rng(seed), env), env.truth)
    assert evaluate(env.truth, executed).violation.max() <= 1e-9
    again = execute(executed, env.truth)
    for side, part in (("local", "local"), ("global_", "global_")):
        for each in dataclasses.fields(getattr(executed, side)):
            before, after = getattr(getattr(executed, part), each.name), getattr(getattr(again, part), each.name)
            assert (before is None) == (after is None)
            if before is not None:
                np.testing.assert_array_equal(after, before)


def test_shares_within_the_budget_are_taken_as_they_are():
    env = make_env("tiny", 0.0, 1, 2)
    observation = env.reset()
    action = random_action(np.random.default_rng(0), env, 0.5)
    decision = decode(action, observation.twin, env.truth).decision
    np.testing.assert_allclose(decision.local.uplink, 6.0 * action.local.uplink)
    np.testing.assert_allclose(decision.local.cpu_hz, action.local.cpu * env.truth.local.cpu_max_hz)


def test_too_many_shares_shrink_together_to_the_whole_budget():
    env = make_env("tiny", 0.0, 1, 2)
    observation = env.reset()
    action = random_action(np.random.default_rng(0), env, 5.0)
    decision = decode(action, observation.twin, env.truth).decision
    np.testing.assert_allclose(head_spectrum(env.truth.local, decision.local).sum(axis=-1), 6.0)
    asked = action.local.uplink / action.local.uplink.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(decision.local.uplink / decision.local.uplink.sum(axis=-1, keepdims=True), asked)


def test_links_of_a_sender_finish_together_on_the_observed_state():
    env = make_env("tiny", 0.1, 1, 4, multicast="per_link", aps=3, capacity=(3, 3))
    twin = env.reset().twin
    action = random_action(np.random.default_rng(0), env, 0.5)
    always = dataclasses.replace(
        action, global_=dataclasses.replace(action.global_, serve=np.ones((4, 2)), request=np.full((4, 2), 0.1))
    )
    decision = decode(always, twin, env.truth).decision
    local = twin.local
    link = seconds(local.multicast_bits, decision.local.peer * local.subchannel_hz * spectral_efficiency(local.sinr_peer))
    slowest = multicast_times(local, decision.local)
    assert np.isfinite(slowest).any()
    for j, (k, a) in enumerate(zip(local.layout.ap, local.layout.rank, strict=True)):
        for b in np.flatnonzero(local.layout.is_link[k, a]):
            np.testing.assert_allclose(link[:, k, a, b], slowest[:, j])
    # Requests of one committee finish together too: each takes as long as the request phase.
    phases = phase_times(twin.global_, decision.global_)[..., 0]
    for env_index in range(4):
        for k, i in enumerate(decision.global_.access[env_index]):
            rate = decision.global_.request[env_index, k] * 30e6 * np.log2(1.0 + twin.global_.sinr_access[env_index, i, k])
            np.testing.assert_allclose(twin.global_.block_bits[env_index, i] / rate, phases[env_index, i])


def test_cpu_runs_at_no_more_than_the_truth_and_exactly_as_asked_below_it():
    env = make_env("tiny", {"cpu": 0.3}, 2, 50)
    observation = env.reset()
    action = random_action(np.random.default_rng(0), env)
    decision = decode(action, observation.twin, env.truth).decision
    asked = action.local.cpu * observation.twin.local.cpu_max_hz
    assert (asked > env.truth.local.cpu_max_hz).any()
    np.testing.assert_array_equal(decision.local.cpu_hz, np.minimum(asked, env.truth.local.cpu_max_hz))


def test_a_committee_that_is_off_takes_nothing_and_frees_its_shares():
    env = make_env("tiny", 0.0, 1, 1)
    observation = env.reset()
    shares = np.full((1, 2, 4), 0.5)
    action = Action(
        LocalAction(np.zeros((1, 6)), np.zeros((1, 6)), np.zeros((1, 6))),
        GlobalAction(np.eye(2)[None], np.array([[1.0, 0.0]]), np.full((1, 2), 0.5), shares, np.ones((1, 2, 4))),
    )
    decision = decode(action, observation.twin, env.truth).decision
    spectrum = committee_spectrum(env.truth.global_, decision.global_)
    np.testing.assert_allclose(spectrum[0, 1], 0.0)
    np.testing.assert_allclose(decision.global_.cpu_hz[0, 1], 0.0)
    np.testing.assert_allclose(spectrum[0, 0].sum(), 12.0)


def test_whole_subchannels_round_down_and_give_the_rest_to_the_largest_remainders():
    env = make_env("tiny", 0.0, 1, 1, whole_subchannels=True)
    observation = env.reset()
    totals = np.array([[2.0, 0.9, 0.2, 1.6, 0.7, 0.6]])
    local = LocalAction(0.25 * totals / 6.0, 0.75 * totals / 6.0, np.ones((1, 6)))
    action = Action(local, random_action(np.random.default_rng(0), env).global_)
    decision = decode(action, observation.twin, env.truth).decision
    np.testing.assert_allclose(head_spectrum(env.truth.local, decision.local), [[2.0, 1.0, 0.0, 2.0, 1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(decision.local.uplink[0, 3] / decision.local.multicast[0, 3], 1.0 / 3.0)


def test_as_printed_rounds_to_the_nearest_whole_even_past_the_budget():
    env = make_env("tiny", 0.0, 1, 1, whole_subchannels=True, decoding="as_printed")
    twin = env.reset().twin
    totals = np.array([[2.0, 0.9, 0.4, 1.6, 0.7, 1.6]])
    local = LocalAction(0.5 * totals / 6.0, 0.5 * totals / 6.0, np.ones((1, 6)))
    action = Action(local, random_action(np.random.default_rng(0), env).global_)
    decision = decode(action, twin, env.truth, env.rules).decision
    np.testing.assert_allclose(head_spectrum(env.truth.local, decision.local), [[2.0, 1.0, 0.0, 2.0, 1.0, 2.0]], atol=1e-12)


def test_as_printed_keeps_amounts_and_reports_claims_that_break_c3():
    env = make_env("tiny", {"cpu": 0.3}, 2, 3, decoding="as_printed")
    observation = env.reset()
    action = random_action(np.random.default_rng(0), env, 5.0)
    claims = np.array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 1.0]]])
    action = dataclasses.replace(action, global_=dataclasses.replace(action.global_, preference=claims))
    decoded = decode(action, observation.twin, env.truth, env.rules)
    assert decoded.claims_hold.tolist() == [True, False, False]
    np.testing.assert_allclose(decoded.decision.local.uplink, 6.0 * action.local.uplink)
    np.testing.assert_array_equal(decoded.decision.local.cpu_hz, action.local.cpu * observation.twin.local.cpu_max_hz)


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    committees=st.integers(1, 4),
    aps=st.integers(1, 9),
    spare=st.integers(0, 3),
    levels=st.sampled_from([2, 4, 0]),
)
def test_assignment_is_optimal_within_capacities(seed, committees, aps, spare, levels):
    rng = np.random.default_rng(seed)
    shape = (3, committees, aps)
    preference = rng.normal(size=shape) if levels == 0 else rng.integers(0, levels, shape).astype(float)
    capacity = np.stack([np.bincount(rng.integers(0, committees, aps + spare), minlength=committees) for _ in range(3)])
    access = assign(preference, capacity)
    np.testing.assert_array_equal(access, assign(preference, capacity))
    for env in range(3):
        assert np.all(np.bincount(access[env], minlength=committees) <= capacity[env])
        seats = np.repeat(np.arange(committees), capacity[env])
        gain = preference[env][seats].T
        rows, columns = linear_sum_assignment(gain, maximize=True)
        found = preference[env][access[env], np.arange(aps)].sum()
        np.testing.assert_allclose(found, gain[rows, columns].sum(), atol=1e-9)


def test_access_repair_moves_as_few_aps_as_possible():
    env = make_env("tiny", 0.0, 1, 1, aps=5, capacity=(3, 3))
    env.reset()
    decision = random_decision(np.random.default_rng(0), env)
    asked = dataclasses.replace(decision, global_=dataclasses.replace(decision.global_, access=np.array([[0, 0, 0, 0, 1]])))
    executed = execute(asked, env.truth).global_.access
    assert (executed != asked.global_.access).sum() == 1
    assert np.bincount(executed[0]).max() == 3


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_relabelling_heads_of_an_ap_relabels_the_decision(seed):
    rng = np.random.default_rng(seed)
    env = make_env("tiny", 0.1, 1, 2, multicast="per_link")
    twin, truth = env.reset().twin, env.truth
    action = random_action(rng, env, 2.0)
    within = np.stack([rng.permutation(3), rng.permutation(3)])
    heads = np.concatenate([within[0], 3 + within[1]])

    def moved(snapshot):
        part = snapshot.local
        peer = np.stack([part.sinr_peer[:, k][:, within[k]][:, :, within[k]] for k in range(2)], axis=1)
        return dataclasses.replace(
            snapshot,
            local=dataclasses.replace(
                part,
                cycles=part.cycles[..., heads],
                accuracy=part.accuracy[heads],
                upload_bits=part.upload_bits[heads],
                cumulative_weight=part.cumulative_weight[heads],
                cpu_max_hz=part.cpu_max_hz[:, heads],
                sinr_uplink=part.sinr_uplink[:, heads],
                sinr_peer=peer,
            ),
        )

    local = action.local
    relabelled = dataclasses.replace(
        action, local=LocalAction(local.uplink[:, heads], local.multicast[:, heads], local.cpu[:, heads])
    )
    plain = decode(action, twin, truth).decision
    other = decode(relabelled, moved(twin), moved(truth)).decision
    np.testing.assert_allclose(other.local.uplink, plain.local.uplink[:, heads])
    for k in range(2):
        np.testing.assert_allclose(other.local.peer[:, k], plain.local.peer[:, k][:, within[k]][:, :, within[k]])
    np.testing.assert_allclose(evaluate(moved(truth), other).utility, evaluate(truth, plain).utility)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("local.uplink", np.nan),
        ("local.multicast", -1e-3),
        ("local.cpu", 1.5),
        ("global.preference", np.inf),
        ("global.serve", 2.0),
        ("global.request", -1.0),
        ("global.multicast", np.nan),
        ("global.cpu", -0.1),
    ],
)
def test_impossible_actions_are_refused_by_name(path, value):
    env = make_env("tiny", 0.0, 1, 2)
    env.reset()
    action = random_action(np.random.default_rng(0), env)
    side, name = path.split(".")
    getattr(action.local if side == "local" else action.global_, name).flat[0] = value
    with pytest.raises(InputError) as caught:
        env.step(action)
    assert caught.value.field == f"action.{path}"


def test_actions_of_the_wrong_shape_are_refused():
    env = make_env("tiny", 0.0, 1, 2)
    env.reset()
    action = random_action(np.random.default_rng(0), env)
    with pytest.raises(InputError, match=r"action\.local\.cpu: has shape \(2, 5\)"):
        env.step(dataclasses.replace(action, local=dataclasses.replace(action.local, cpu=np.ones((2, 5)))))


@pytest.mark.parametrize(("field", "value"), [("uplink", np.nan), ("cpu_hz", np.inf)])
def test_decisions_that_are_not_finite_are_refused(field, value):
    env = make_env("tiny", 0.0, 1, 2)
    env.reset()
    decision = random_decision(np.random.default_rng(0), env)
    getattr(decision.local, field).flat[0] = value
    with pytest.raises(InputError, match=f"local.{field}"):
        env.step(decision)


def test_decisions_for_unknown_committees_are_refused():
    env = make_env("tiny", 0.0, 1, 2)
    env.reset()
    decision = random_decision(np.random.default_rng(0), env)
    decision.global_.access.flat[0] = 2
    with pytest.raises(InputError, match=r"global\.access"):
        env.step(decision)
