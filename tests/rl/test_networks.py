"""Relabelling heads, delegates or APs relabels actions and nothing else; padding is without effect; actions are legal."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twingap.opt.scenario import preset
from twingap.rl.actions import check_action
from twingap.rl.environment import Environment, make_env
from twingap.rl.features import CommitteeFeatures, HeadFeatures, committee_features, head_features
from twingap.rl.mappo_settings import (
    GLOBAL_DEFAULTS,
    LOCAL_DEFAULTS,
    REDUCED_GLOBAL_DEFAULTS,
    REDUCED_LOCAL_DEFAULTS,
    MappoSettings,
)
from twingap.rl.mappo_training import MappoTrainer
from twingap.rl.team_networks import global_networks, local_networks

CPU = torch.device("cpu")


def shaken(network):
    """Weights large enough that every input matters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network.double()


def features(name="paper", **changes):
    twin = make_env(name, sigma=0.1, seed=2, num_envs=3, **changes).reset().twin
    heads, committees = head_features(twin.local, CPU), committee_features(twin.global_, CPU)
    heads = HeadFeatures(heads.values.double(), heads.is_head.double())
    parts = (committees.committee, committees.delegate, committees.access, committees.is_delegate)
    return heads, CommitteeFeatures(*(part.double() for part in parts))


@pytest.mark.parametrize("team", [LOCAL_DEFAULTS, REDUCED_LOCAL_DEFAULTS])
def test_local_actor_and_critic_are_equivariant_in_heads_and_aps(team):
    heads, _ = features()
    actor, critic = (shaken(network) for network in local_networks(heads, team))
    among_heads, among_aps = torch.randperm(10), torch.randperm(8)
    moved = HeadFeatures(heads.values[:, among_aps][:, :, among_heads], heads.is_head[among_aps][:, among_heads])
    assert not torch.allclose(moved.values, heads.values)
    for name, head in actor(heads).heads.items():
        expected = head.location[:, among_aps]
        expected = expected if team.actions == "reduced" else expected[:, :, among_heads]
        torch.testing.assert_close(actor(moved).heads[name].location, expected)
    torch.testing.assert_close(critic(moved), critic(heads)[:, among_aps])


@pytest.mark.parametrize("team", [GLOBAL_DEFAULTS, REDUCED_GLOBAL_DEFAULTS])
def test_global_actor_and_critic_are_equivariant_in_delegates_aps_and_committees(team):
    _, committees = features()
    actor, critic = (shaken(network) for network in global_networks(committees, team))
    # The manager (place 0) stays: it is not like the others.
    delegates = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(20)])
    aps, swap = torch.randperm(8), torch.tensor([1, 0])
    moved = CommitteeFeatures(
        committees.committee[:, swap],
        committees.delegate[:, swap][:, :, delegates],
        committees.access[:, swap][:, :, aps],
        committees.is_delegate[swap][:, delegates],
    )
    order = {"bid": aps, "share": delegates, "speed": delegates}
    for name, head in actor(committees).heads.items():
        expected = head.location[:, swap]
        if name in order:
            expected = expected[:, :, order[name]]
        torch.testing.assert_close(actor(moved).heads[name].location, expected)
    torch.testing.assert_close(critic(moved), critic(committees)[:, swap])


@pytest.mark.parametrize("local", [LOCAL_DEFAULTS, REDUCED_LOCAL_DEFAULTS])
@pytest.mark.parametrize("global_", [GLOBAL_DEFAULTS, REDUCED_GLOBAL_DEFAULTS])
def test_padding_changes_nothing(local, global_):
    heads, committees = features("tiny", heads_per_ap=(1, 4), delegates=(2, 6), system_seed=3)
    assert (heads.is_head == 0).any()
    assert (committees.is_delegate == 0).any()
    actor = shaken(local_networks(heads, local)[0])
    junk = HeadFeatures(heads.values.where(heads.is_head.unsqueeze(-1) > 0, 50.0), heads.is_head)
    real = heads.is_head > 0
    drawn = actor(heads).sample(torch.Generator().manual_seed(0))
    torch.testing.assert_close(actor(junk).log_prob(drawn), actor(heads).log_prob(drawn))
    for name, head in actor(heads).heads.items():
        places = real if local.actions == "full" else slice(None)
        torch.testing.assert_close(actor(junk).heads[name].location[:, places], head.location[:, places])
    manager = shaken(global_networks(committees, global_)[0])
    other = replace(committees, delegate=committees.delegate.where(committees.is_delegate.unsqueeze(-1) > 0, 50.0))
    drawn = manager(committees).sample(torch.Generator().manual_seed(0))
    torch.testing.assert_close(manager(other).log_prob(drawn), manager(committees).log_prob(drawn))


def test_features_use_nothing_but_what_agents_see():
    env = make_env("paper", sigma=0.2, seed=2, num_envs=3)
    twin = env.reset().twin
    assert not np.allclose(twin.local.sinr_uplink, env.truth.local.sinr_uplink)
    part = env.truth.local
    seen, truth = head_features(twin.local, CPU).values, head_features(part, CPU).values
    assert not torch.allclose(seen, truth)


@pytest.mark.parametrize("mode", [{}, {"multicast": "per_link"}, {"heads_per_ap": (1, 4), "delegates": (2, 6)}])
def test_the_policy_acts_legally_on_any_size(mode):
    small = MappoSettings(updates=1)
    policy = MappoTrainer(make_env("tiny", seed=0, num_envs=4, **mode), small, 0).policy
    for name in ("tiny", "paper"):
        env = Environment(preset(name, **mode), sigma=0.2, seed=5, num_envs=4)
        observation = env.reset()
        for action in (policy.act(observation), policy.act(observation, False, torch.Generator().manual_seed(1))):
            check_action(action, env.truth)
        assert env.step(policy.act(observation)).evaluation.violation.max() <= 1e-9
