"""What every registered baseline must do, in every mode, on tiny systems. A new baseline is met here without a new test."""

import numpy as np
import pytest

from twingap.baselines.registry import find_baseline, registered_baselines
from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.solve import solve
from twingap.rl.environment import make_env

MODES = {
    "group": {},
    "per_link": {"multicast": "per_link"},
    "cap": {"timeout_rule": "cap"},
    "smooth": {"floor_adaptation": False},
    "three_committees": {"committees": 3, "aps": 4},
}


def environment(mode, sigma=0.1):
    return make_env("tiny", sigma=sigma, seed=3, num_envs=4, horizon=2, system_seed=1, **MODES[mode])


def played(name, mode, sigma=0.1):
    """Two epochs: [(truth, executed decision, evaluation)]."""
    env = environment(mode, sigma)
    observation = env.reset()
    policy = find_baseline(name)(env, np.random.default_rng(7))
    steps = []
    for _ in range(2):
        step = env.step(policy.act(observation))
        observation = step.observation
        steps.append((step.truth, step.decision, step.evaluation))
    return steps


@pytest.fixture(scope="module")
def bounds():
    """Certified bound of every epoch and environment, by mode."""
    found = {}
    for mode in MODES:
        truths = [truth for truth, _, _ in played("everything_off", mode)]
        found[mode] = [[solve(truth.at(env)).bound for env in range(4)] for truth in truths]
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", registered_baselines())
def test_feasible_and_never_above_the_bound(name, mode, bounds):
    for t, (truth, decision, evaluation) in enumerate(played(name, mode)):
        assert evaluation.feasible.all()
        again = evaluate(truth, decision)
        np.testing.assert_array_equal(again.utility, evaluation.utility)
        assert (again.utility <= np.array(bounds[mode][t]) + 1e-8 * np.maximum(1.0, np.abs(bounds[mode][t]))).all()


@pytest.mark.parametrize("name", registered_baselines())
def test_same_seed_same_answer(name):
    for (_, one, _), (_, two, _) in zip(played(name, "group"), played(name, "group"), strict=True):
        np.testing.assert_array_equal(one.local.uplink, two.local.uplink)
        np.testing.assert_array_equal(one.local.cpu_hz, two.local.cpu_hz)
        np.testing.assert_array_equal(one.global_.access, two.global_.access)
        np.testing.assert_array_equal(one.global_.request, two.global_.request)
        np.testing.assert_array_equal(one.global_.multicast, two.global_.multicast)


@pytest.mark.parametrize("mode", MODES)
def test_everything_off_earns_exactly_nothing(mode):
    for _, _, evaluation in played("everything_off", mode):
        assert (evaluation.utility == 0.0).all()


@pytest.mark.parametrize("mode", MODES)
def test_the_oracle_replayed_earns_the_solvers_objective(mode):
    for truth, _, evaluation in played("oracle", mode):
        for env in range(4):
            expected = solve(truth.at(env)).objective
            assert evaluation.utility[env] == pytest.approx(expected, rel=1e-9)


def test_certainty_equivalence_without_error_is_the_oracle_and_with_error_is_not():
    for (_, _, one), (_, _, two) in zip(
        played("oracle", "group", 0.0), played("certainty_equivalent", "group", 0.0), strict=True
    ):
        np.testing.assert_array_equal(one.utility, two.utility)
    worse = [
        one.utility - two.utility
        for (_, _, one), (_, _, two) in zip(played("oracle", "group"), played("certainty_equivalent", "group"), strict=True)
    ]
    assert np.mean(worse) > 0.1


def test_an_unknown_name_is_one_line_with_all_names():
    with pytest.raises(InputError) as error:
        find_baseline("psychic")
    assert "psychic" in str(error.value)
    assert "certainty_equivalent" in str(error.value)
