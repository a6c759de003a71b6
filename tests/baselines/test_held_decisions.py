"""An environment that holds decisions: what is held is executed whatever is answered, everything else as answered."""

import numpy as np
import pytest

from twingap.baselines.fixed_bandwidth import UPLINK_FRACTION
from twingap.baselines.fixed_cpu import DELEGATE_FRACTION, HEAD_FRACTION
from twingap.baselines.held_decisions import HOLDS, HeldEnvironment
from twingap.baselines.random_shares import RandomShares
from twingap.opt.errors import InputError
from twingap.rl.actions import Action, GlobalAction, LocalAction
from twingap.rl.environment import Environment
from twingap.rl.learners import make_trainer


def played(hold, seed=0, sigma=0.0, epochs=1):
    """(truth, twin, action, decision) of the last of some epochs, and the same of an environment that holds nothing."""
    settings = {"sigma": sigma, "seed": seed, "num_envs": 3, "horizon": 5}
    found = []
    for env in (HeldEnvironment("tiny", hold, **settings), Environment("tiny", **settings)):
        policy = RandomShares(np.random.default_rng(7))
        observation = env.reset()
        for _ in range(epochs):
            truth, twin = env.truth, observation.twin
            action = policy.act(observation)
            step = env.step(action)
            observation = step.observation
        found.append((truth, twin, action, step.decision))
    return found


def test_fixed_cpu_is_a_fraction_of_what_the_twin_shows_and_the_rest_is_as_answered():
    (truth, twin, _, held), (_, _, _, free) = played("fixed_cpu", sigma=0.2)
    heads = np.minimum(HEAD_FRACTION * twin.local.cpu_max_hz, truth.local.cpu_max_hz)
    np.testing.assert_allclose(held.local.cpu_hz, heads, rtol=1e-12)
    serving = held.global_.cpu_hz.sum(axis=-1) > 0
    delegates = np.minimum(DELEGATE_FRACTION * twin.global_.cpu_max_hz, truth.global_.cpu_max_hz)
    np.testing.assert_allclose(held.global_.cpu_hz, delegates * serving[..., None], rtol=1e-12)
    assert serving.any()
    for part, names in (("local", ("uplink", "multicast")), ("global_", ("access", "request", "multicast"))):
        for name in names:
            np.testing.assert_array_equal(getattr(getattr(held, part), name), getattr(getattr(free, part), name))
    assert np.abs(held.local.cpu_hz - free.local.cpu_hz).max() > 0.0


def test_fixed_bandwidth_is_an_equal_share_for_everybody():
    (truth, _, _, held), (_, _, _, free) = played("fixed_bandwidth")
    local, global_ = truth.local, truth.global_
    own = local.subchannels_max / len(local.layout.ap)
    np.testing.assert_allclose(held.local.uplink, UPLINK_FRACTION * own, rtol=1e-12)
    np.testing.assert_allclose(held.local.multicast, (1 - UPLINK_FRACTION) * own, rtol=1e-12)
    # Two committees of four delegates, five senders each.
    each = global_.subchannels_max / 2 / 5
    serves = held.global_.multicast.sum(axis=-1) > 0
    assert serves.any()
    np.testing.assert_allclose(held.global_.multicast, each * np.repeat(serves[..., None], 4, axis=-1), rtol=1e-12)
    per_committee = np.stack([np.where(held.global_.access == i, held.global_.request, 0.0).sum(axis=-1) for i in range(2)], -1)
    np.testing.assert_allclose(per_committee, each * serves, rtol=1e-12)
    np.testing.assert_array_equal(held.local.cpu_hz, free.local.cpu_hz)
    np.testing.assert_array_equal(held.global_.cpu_hz, free.global_.cpu_hz)


def test_random_access_belongs_to_the_epoch_and_not_to_the_answer():
    accesses = []
    for seed in range(6):
        (truth, _, _, held), (_, _, _, free) = played("random_access", seed=seed, epochs=1 + seed % 3)
        np.testing.assert_array_equal(held.local.uplink, free.local.uplink)
        counts = (held.global_.access[..., None] == np.arange(2)).sum(axis=-2)
        assert (counts <= truth.global_.capacity).all()
        accesses.append(held.global_.access)
    assert len({access.tobytes() for access in accesses}) > 1
    # Another policy, the same epoch.
    env = HeldEnvironment("tiny", "random_access", seed=0, num_envs=3, horizon=5)
    step = env.step(RandomShares(np.random.default_rng(99)).act(env.reset()))
    np.testing.assert_array_equal(step.decision.global_.access, accesses[0])


def test_random_access_claims_every_ap_once_by_the_printed_rule():
    env = HeldEnvironment("tiny", "random_access", num_envs=200, decoding="as_printed")
    env.reset()
    action = Action(
        LocalAction(*(np.zeros((200, 6)) for _ in range(3))),
        GlobalAction(np.zeros((200, 2, 2)), np.zeros((200, 2)), np.zeros((200, 2)), *(np.zeros((200, 2, 4)) for _ in range(2))),
    )
    step = env.step(action)
    assert step.paid.all()
    assert len(np.unique(step.decision.global_.access, axis=0)) > 2


def test_random_access_goes_on_after_a_restore():
    first = HeldEnvironment("tiny", "random_access", seed=4, num_envs=3, horizon=5)
    answer = RandomShares(np.random.default_rng(1)).act(first.reset())
    first.step(answer)
    state = first.state()
    expected = [first.step(answer).decision.global_.access for _ in range(3)]
    second = HeldEnvironment("tiny", "random_access", seed=4, num_envs=3, horizon=5)
    second.reset()
    second.restore(state)
    for access in expected:
        np.testing.assert_array_equal(second.step(answer).decision.global_.access, access)


@pytest.mark.parametrize("hold", sorted(HOLDS))
def test_other_epochs_of_the_same_system_hold_the_same(hold):
    env = HeldEnvironment("tiny", hold, sigma=0.1, system_seed=3, decoding="as_printed", over_capacity="clip")
    other = env.training(seed=5, num_envs=2)
    assert isinstance(other, HeldEnvironment)
    assert (other.hold, other.seed, other.num_envs) == (hold, 5, 2)
    assert (other.system_seed, other.twin_error, other.rules) == (3, env.twin_error, env.rules)


def test_what_cannot_be_held_is_refused():
    with pytest.raises(InputError, match="fixed_cpu"):
        HeldEnvironment("tiny", "fixed_nothing")
    env = HeldEnvironment("tiny", "fixed_cpu", num_envs=2)
    decision = Environment("tiny", num_envs=2)
    step = decision.step(RandomShares(np.random.default_rng(0)).act(decision.reset()))
    env.reset()
    with pytest.raises(InputError, match="Action"):
        env.step(step.decision)
    with pytest.raises(InputError, match="plain environments"):
        make_trainer("a3c", env, 0, {"updates": 1, "workers": 1})
