"""Clones: the larger system they stand for, written out, pays and shows what they say; only training meets them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twingap.opt.decision import GlobalDecision
from twingap.opt.errors import InputError
from twingap.opt.global_equations import evaluate_global
from twingap.opt.global_reduction import request_needs
from twingap.rl.belief import believed
from twingap.rl.clones import Clones, cloned
from twingap.rl.environment import make_env
from twingap.rl.features import committee_features
from twingap.rl.gradient_settings import GradientSettings
from twingap.rl.learners import make_trainer, train
from twingap.rl.mappo_settings import MappoSettings, PrintedSettings

CPU = torch.device("cpu")
ENVS, APS, TIMES = 6, 8, 3


def written_out(part):
    """The system with TIMES APs in the place of each."""
    return replace(part, sinr_access=np.repeat(part.sinr_access, TIMES, axis=-1), capacity=TIMES * part.capacity)


def decision(part, access, requests, multicast, cpu):
    """``requests`` [env, I] shared out so that the requests of a committee finish together."""
    serves = access[:, None, :] == np.arange(2)[:, None]
    needs = np.where(serves, request_needs(part), 0.0)
    each = (requests[..., None] * needs / needs.sum(axis=-1, keepdims=True)).sum(axis=1)
    shares = multicast[..., None] * np.full(part.sinr_peer.shape, 0.25) if part.multicast == "per_link" else None
    return GlobalDecision(access, each, cpu, multicast if shares is None else None, shares)


@pytest.mark.parametrize("multicast", ["group", "per_link"])
@pytest.mark.parametrize("rule", ["fail", "cap"])
def test_they_earn_per_clone_what_the_larger_system_earns(multicast, rule):
    # Some requests pass the timeout.
    changes = {"aps": APS, "multicast": multicast, "timeout_rule": rule, "capacity": (5, 5)}
    env = make_env("tiny", seed=1, num_envs=ENVS, **changes)
    env.reset()
    snapshot = env.truth
    rng = np.random.default_rng(0)
    access = np.stack([rng.permutation(np.arange(APS) % 2) for _ in range(ENVS)])
    amounts = rng.uniform(0.2, 3.0, (ENVS, 2)), rng.uniform(0.5, 3.0, (ENVS, 2, 4)), rng.uniform(1e9, 5e9, (ENVS, 2, 4))
    small = cloned(snapshot, np.full(ENVS, float(TIMES))).global_
    large = written_out(snapshot.global_)
    few = evaluate_global(small, decision(small, access, *amounts))
    many = evaluate_global(large, decision(large, np.repeat(access, TIMES, axis=-1), *amounts))
    late = few.phases[..., 0] >= snapshot.global_.timeout
    assert late.any()
    assert not late.all()
    np.testing.assert_allclose(few.phases, many.phases, rtol=1e-12)
    np.testing.assert_allclose(TIMES * few.committee_utility, many.committee_utility, rtol=1e-12)
    np.testing.assert_array_equal(TIMES * few.served, many.served)
    np.testing.assert_allclose(few.spectrum, many.spectrum, rtol=1e-12)


def test_managers_see_the_larger_system():
    snapshot = make_env("paper", seed=1, num_envs=ENVS).reset().twin
    # psi of clones: TIMES as many, for TIMES as many APs.
    large = committee_features(written_out(snapshot.global_), CPU)
    small = committee_features(cloned(snapshot, np.full(ENVS, float(TIMES))).global_, CPU)
    torch.testing.assert_close(small.committee, large.committee, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(small.access.repeat_interleave(TIMES, dim=2), large.access, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(small.delegate, large.delegate, rtol=0.0, atol=0.0)
    needs = torch.tensor(request_needs(snapshot.global_))
    torch.testing.assert_close(large.requests, needs.repeat_interleave(TIMES, dim=2), rtol=1e-6, atol=0.0)


@pytest.mark.parametrize("sigma", [0.0, 0.2, {"cpu": 0.2}])
def test_the_twin_and_what_is_believed_of_it_are_of_the_larger_system(sigma):
    factors = np.array([4.0, 2.5, 1.0])
    plain, larger = (make_env("tiny", sigma, 3, 3) for _ in range(2))
    larger = larger.with_clones(factors)
    seen, seen_larger = plain.reset(), larger.reset()
    pairs = [
        (plain.truth, larger.truth),
        (seen.twin, seen_larger.twin),
        (believed(seen, plain.twin_error), believed(seen_larger, larger.twin_error)),
    ]
    for one, other in pairs:
        expected = request_needs(one.global_) * factors[:, None, None]
        np.testing.assert_allclose(request_needs(other.global_), expected, rtol=1e-12)
        np.testing.assert_array_equal(other.global_.sinr_peer, one.global_.sinr_peer)
        np.testing.assert_array_equal(other.local.sinr_uplink, one.local.sinr_uplink)


@pytest.mark.parametrize("name", ["mappo", "gradient"])
def test_the_given_environment_stays_as_it_was(name):
    env = make_env("tiny", seed=1, num_envs=4)
    trainer = make_trainer(name, env, 0, {"updates": 2, "clones": {"share": 0.5, "most": 4.0}})
    assert env.clones is None
    np.testing.assert_allclose(trainer.env.clones, [4.0**0.25, 4.0**0.75, 1.0, 1.0])
    assert make_trainer(name, env, 0, {"clones": {"share": 0.0}}).env is env
    assert PrintedSettings().clones.share == 0.0


def test_one_environment_is_always_as_given():
    np.testing.assert_array_equal(Clones().factors(1), [1.0])
    assert (Clones(1.0, 8.0).factors(5) == 1.0).tolist() == [False] * 4 + [True]
    assert Clones().factors(128).max() < Clones().most


@pytest.mark.parametrize("settings", [MappoSettings, GradientSettings])
@pytest.mark.parametrize(
    ("change", "path"), [({"share": 1.5}, "share"), ({"most": 0.5}, "most"), ({"share": None}, "share"), ({"many": 2}, "many")]
)
def test_impossible_settings_name_their_field(settings, change, path):
    with pytest.raises(InputError) as raised:
        settings.from_json({"clones": change})
    assert raised.value.field == f"settings.clones.{path}"


@pytest.mark.slow
def test_managers_that_met_clones_do_better_on_more_aps():
    earned = []
    for share in (0.0, 0.5):
        policy = train(
            "gradient", make_env("paper", seed=5, num_envs=32, heads_per_ap=(1, 1)), updates=200, clones={"share": share}
        )
        larger = make_env("paper", seed=6, num_envs=200, heads_per_ap=(1, 1), aps=50)
        earned.append(float(larger.step(policy.act(larger.reset())).reward_global.mean()))
    assert earned[1] > 1.02 * earned[0] > 0.0
