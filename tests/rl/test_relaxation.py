"""With certain choices the relaxed decision is the projection's own; mixtures keep capacities and become the assignment."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twingap.rl.actions import Action
from twingap.rl.assignment import assign
from twingap.rl.differentiable import EXACT
from twingap.rl.environment import make_env
from twingap.rl.features import committee_features, head_features
from twingap.rl.mappo_settings import GLOBAL_DEFAULTS, LOCAL_DEFAULTS
from twingap.rl.relaxation import mixed_assignment, projected_global_utility, projected_local_utility
from twingap.rl.team_networks import global_networks, local_networks
from twingap.rl.teams import global_action, global_shares, local_action, local_shares

CPU = torch.device("cpu")


@pytest.mark.parametrize("multicast", ["group", "per_link"])
@pytest.mark.parametrize("rule", ["fail", "cap"])
def test_certain_choices_earn_what_the_environment_pays(multicast, rule):
    env = make_env("tiny", sigma=0.1, seed=3, num_envs=32, multicast=multicast, timeout_rule=rule, aps=3, heads_per_ap=(1, 4))
    twin, truth = env.reset().twin, env.truth
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(0)
    heads, committees = head_features(twin.local, CPU), committee_features(twin.global_, CPU)
    # Wide draws: some budgets are passed and shrunk, some are not.
    wide = dict.fromkeys(LOCAL_DEFAULTS.log_std_start, 0.5)
    local, _ = local_networks(heads, replace(LOCAL_DEFAULTS, log_std_start=wide, log_std_end=wide))
    global_, _ = global_networks(committees, GLOBAL_DEFAULTS)
    with torch.no_grad():
        drawn, drawn_global = local(heads).sample(generator), global_(committees).sample(generator)
    action = Action(local_action(drawn, twin.local.layout), global_action(drawn_global, committees))
    step = env.step(action)
    double = {name: values.double() for name, values in drawn.items()}
    double_global = {name: values.double() for name, values in drawn_global.items()}
    committees = replace(committees, delegate=committees.delegate.double())
    access = assign(action.global_.preference, truth.global_.capacity)
    served = torch.tensor((access[:, None, :] == np.arange(2)[:, None]).astype(float))
    ours = projected_local_utility(local_shares(double, twin.local.layout), twin.local, truth.local, EXACT)
    np.testing.assert_allclose(ours.numpy(), step.reward_local, rtol=1e-6, atol=1e-6)
    shares, serves = global_shares(double_global, committees), double_global["serve"][..., 0]
    ours = projected_global_utility(shares, served, serves, twin.global_, truth.global_, EXACT)
    np.testing.assert_allclose(ours.numpy(), step.reward_global, rtol=1e-6, atol=1e-6)
    assert (step.reward_global != 0.0).any()


def test_mixtures_keep_capacities_and_become_the_best_assignment():
    rng = np.random.default_rng(2)
    score = torch.tensor(rng.normal(size=(64, 3, 7)))
    capacity = np.tile([2, 4, 3], (64, 1))
    sure = torch.zeros(64, 3, dtype=torch.float64)
    soft = mixed_assignment(score, sure, capacity, 1.0)
    torch.testing.assert_close(soft.sum(dim=1), torch.ones(64, 7, dtype=torch.float64))
    assert bool((soft.sum(dim=-1) <= torch.tensor(capacity) * 1.02).all())
    hard = mixed_assignment(score, sure, capacity, 0.02)
    best = assign(score.numpy(), capacity)
    agree = np.take_along_axis(hard.numpy(), best[:, None, :], axis=1).mean()
    assert agree > 0.9


def test_a_committee_that_does_not_serve_gets_only_who_finds_no_room_elsewhere():
    log_serves = torch.tensor([[-40.0, 0.0]])
    served = mixed_assignment(torch.zeros(1, 2, 8), log_serves, np.array([[5, 5]]), 0.5)
    assert float(served[0, 1].sum()) == pytest.approx(5.0, rel=0.05)


def test_where_the_rooms_just_hold_all_aps_the_gradient_is_that_of_the_mixture():
    generator = torch.Generator().manual_seed(3)
    score, weight = (torch.randn(1, 2, 6, generator=generator, dtype=torch.float64) for _ in range(2))
    score.requires_grad_()

    def worth(scores):
        return (weight * mixed_assignment(scores, torch.zeros(1, 2), np.array([[3, 3]]), 0.5)).sum()

    (slope,) = torch.autograd.grad(worth(score), score)
    for place in ((0, 0, 1), (0, 1, 4)):
        step = torch.zeros_like(score)
        step[place] = 1e-4
        with torch.no_grad():
            expected = (worth(score + step) - worth(score - step)) / 2e-4
        assert float(slope[place]) == pytest.approx(float(expected), rel=1e-4, abs=1e-6)
