"""At the solver's prices the reduced space answers as the solver does; its actions are legal and differentiable."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from twingap.opt.evaluation import evaluate
from twingap.opt.local_reduction import multicast_needs
from twingap.opt.solve import solve
from twingap.opt.solvers.decomposition.global_curve import ROOT, X_UNIT, Y_UNIT, Z_UNIT, curve_until_timeout
from twingap.rl.action_spaces import reduced_global_action, reduced_local_action
from twingap.rl.actions import Action
from twingap.rl.assignment import assign
from twingap.rl.differentiable import EXACT
from twingap.rl.environment import make_env
from twingap.rl.equalisation import phases
from twingap.rl.features import committee_features, head_features, upload_needs
from twingap.rl.learners import make_trainer
from twingap.rl.mappo_settings import REDUCED_GLOBAL_DEFAULTS, REDUCED_LOCAL_DEFAULTS
from twingap.rl.reduced_actions import reduced_global_shares, reduced_local_shares
from twingap.rl.relaxation import projected_global_utility, projected_local_utility
from twingap.rl.team_networks import global_networks, local_networks
from twingap.rl.teams import doubled

CPU = torch.device("cpu")
REDUCED = {"updates": 1, "local": {"actions": "reduced"}, "global_": {"actions": "reduced"}}


def batch(values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.fixture(scope="module")
def solved():
    env = make_env("paper", seed=5, num_envs=6)
    env.reset()
    return env, [solve(env.truth.at(each)) for each in range(6)]


def test_at_the_solvers_prices_heads_get_what_the_solver_gives_them(solved):
    env, answers = solved
    truth = env.truth
    part, heads = truth.local, head_features(truth.local, CPU)
    shares = reduced_local_shares(solver_latents(truth, answers), heads, part)
    uplink, multicast, fraction = (each.numpy() for each in shares)
    for each, answer in enumerate(answers):
        decision = answer.decision.local
        on = decision.uplink > 0.0
        assert 0 < on.sum() < len(on) or on.all()
        np.testing.assert_array_equal(uplink[each] > 0.0, on)
        np.testing.assert_allclose(uplink[each] * part.subchannels_max, decision.uplink, rtol=1e-4)
        np.testing.assert_allclose(multicast[each] * part.subchannels_max, decision.multicast, rtol=1e-4)
        np.testing.assert_allclose((fraction[each] * part.cpu_max_hz[each])[on], decision.cpu_hz[on], rtol=1e-4)


def solver_latents(truth, answers):
    """What APs would draw that knew the solver's price, its level of multicasting and the delay that it causes."""
    part = truth.local
    found = {"price": [], "multicast": [], "delay": []}
    for each, answer in enumerate(answers):
        one, decision = truth.at(each).local, answer.decision.local
        evaluation = evaluate(truth.at(each), answer.decision).local
        on, roots = decision.uplink > 0.0, np.sqrt(multicast_needs(one))
        marginal = evaluation.benefit * one.decay * upload_needs(one) / np.where(on, decision.uplink, 1.0) ** 2
        price = np.median(marginal[on]) - one.spectrum_cost * one.subchannel_hz
        level = (decision.multicast / roots).mean() * len(roots) / one.subchannels_max
        own = one.layout.sum_per_ap(roots) / one.layout.heads * len(roots) / (level * one.subchannels_max)
        found["price"].append(np.log(price * one.subchannels_max / (one.benefit * len(roots))))
        found["multicast"].append(np.log(level))
        # What they expect from their own heads alone, (6) and (11).
        queueing = np.maximum(0.0, one.cache_multiplier * own - one.multicast_batch / (2.0 * one.arrival_rate))
        expected = queueing + np.floor(2.84 * np.log(2.0 * own * one.arrival_rate)) * own
        found["delay"].append(np.log((evaluation.queueing + evaluation.adaptation) / expected))
    aps = len(part.layout.heads)
    return {
        name: batch(np.stack([np.broadcast_to(value, aps) for value in values]))[..., None] for name, values in found.items()
    }


def test_at_the_solvers_price_a_committee_earns_what_the_solver_earns(solved):
    env, answers = solved
    part, features = env.truth.global_, committee_features(env.truth.global_, CPU)
    access = np.stack([answer.decision.global_.access for answer in answers])
    served = batch(access[:, None] == np.arange(2)[:, None])
    serves = batch([[answer.decision.global_.cpu_hz[i].sum() > 0.0 for i in range(2)] for answer in answers])
    assert 0.0 < float(serves.mean()) < 1.0 or float(serves.sum(dim=-1).max()) == 2.0
    best = np.array([answer.global_.objective for answer in answers])
    earned = []
    # The price is one number per epoch: the best of a fine grid is the solver's, and none earns more.
    for price in np.linspace(-3.0, -1.0, 401):
        latents = {"price": torch.full((6, 2, 1), float(price), dtype=torch.float64)}
        shares = reduced_global_shares(latents, features, served, serves, part)
        earned.append(projected_global_utility(shares, served, serves, part, part, EXACT).numpy())
    np.testing.assert_allclose(np.max(earned, axis=0), best, rtol=1e-4)
    assert (np.max(earned, axis=0) <= best * (1.0 + 1e-7)).all()
    alone = (serves.sum(dim=-1) == 1.0).numpy()
    assert (np.ptp(earned, axis=0)[alone] == 0.0).all(), "C5 is worth nothing to a committee that serves alone"


def test_phases_share_time_as_the_solvers_curve_does():
    rng = np.random.default_rng(0)
    # Managers from far easier to far harder to hear than delegates: each order of pre-prepare and prepare occurs.
    leader, broadcast = rng.lognormal(0.0, 2.0, (40, 3)), rng.lognormal(0.0, 0.5, (40, 3, 2))
    reply = broadcast * rng.uniform(0.3, 1.0, broadcast.shape)
    found = phases(leader, broadcast, reply)
    order = np.sign(np.round(found.leader / found.prepare - 1.0, 12))
    assert set(order.ravel()) == {-1.0, 0.0, 1.0}
    for place in np.ndindex(leader.shape):
        row = curve_until_timeout(leader[place], broadcast[place], reply[place], 1.0)[0]
        x, y, z, total = (each[place] for each in found)
        assert (x, y, z, total) == pytest.approx((row[X_UNIT], row[Y_UNIT], row[Z_UNIT], row[ROOT]), rel=1e-12)
        assert total == pytest.approx(x + y + max(x, y) + z, rel=1e-12)
        # What it costs: each sender pays for its slowest phase.
        paid = leader[place] / x + np.maximum(broadcast[place] / y, reply[place] / z).sum()
        assert paid == pytest.approx(total, rel=1e-9)


def test_the_untrained_start_is_near_the_optimum(solved):
    _, answers = solved
    env = make_env("paper", seed=5, num_envs=6)
    policy = make_trainer("mappo", make_env("paper", seed=6, num_envs=6), 0, REDUCED).policy
    step = env.step(policy.act(env.reset()))
    best_local, best_global = sum(each.local.bound for each in answers), sum(each.global_.bound for each in answers)
    assert 0.97 * best_local < step.reward_local.sum() <= best_local
    assert 0.7 * best_global < step.reward_global.sum() <= best_global


def drawn(env, generator):
    """Features, double draws and actors at the present epoch of an environment."""
    twin = env.reset().twin
    heads, committees = head_features(twin.local, CPU), committee_features(twin.global_, CPU)
    torch.manual_seed(0)
    wide = dict.fromkeys(REDUCED_LOCAL_DEFAULTS.log_std_start, 0.5)
    local, _ = local_networks(heads, replace(REDUCED_LOCAL_DEFAULTS, log_std_start=wide, log_std_end=wide))
    global_, _ = global_networks(committees, REDUCED_GLOBAL_DEFAULTS)
    with torch.no_grad():
        return twin, heads, committees, local(heads).sample(generator), global_(committees).sample(generator)


@pytest.mark.parametrize("multicast", ["group", "per_link"])
@pytest.mark.parametrize("rule", ["fail", "cap"])
def test_certain_choices_earn_what_the_environment_pays(multicast, rule):
    env = make_env("tiny", sigma=0.1, seed=3, num_envs=32, multicast=multicast, timeout_rule=rule, aps=3, heads_per_ap=(1, 4))
    twin, heads, committees, local, global_ = drawn(env, torch.Generator().manual_seed(1))
    truth = env.truth
    action = Action(reduced_local_action(local, heads, twin.local), reduced_global_action(global_, committees, twin.global_))
    step = env.step(action)
    access = assign(action.global_.preference, truth.global_.capacity)
    served = batch(access[:, None, :] == np.arange(2)[:, None])
    local, global_ = doubled(local), doubled(global_)
    ours = projected_local_utility(reduced_local_shares(local, heads, twin.local), twin.local, truth.local, EXACT)
    np.testing.assert_allclose(ours.numpy(), step.reward_local, rtol=1e-9, atol=1e-7)
    serves = global_["serve"][..., 0]
    planned = assign(action.global_.preference, twin.global_.capacity)
    planned = batch(planned[:, None, :] == np.arange(2)[:, None])
    shares = reduced_global_shares(global_, committees, planned, serves, twin.global_)
    ours = projected_global_utility(shares, served, serves, twin.global_, truth.global_, EXACT)
    np.testing.assert_allclose(ours.numpy(), step.reward_global, rtol=1e-9, atol=1e-7)
    assert (step.reward_global != 0.0).any()


def test_the_slope_through_the_closed_form_is_that_of_finite_differences():
    env = make_env("tiny", seed=3, num_envs=2, floor_adaptation=False, aps=3)
    twin, heads, committees, local, global_ = drawn(env, torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    served = torch.softmax(torch.randn(2, 2, 3, generator=generator, dtype=torch.float64), dim=1)
    serves = batch([[0.7, 0.9], [0.4, 0.8]])
    # Lower prices, so that budgets bind and every head runs.
    points = [doubled(local)[name].requires_grad_() for name in ("price", "multicast", "delay")]

    def of_local(price, multicast, delay):
        latents = {"price": price - 1.0, "multicast": multicast, "delay": delay}
        shares = reduced_local_shares(latents, heads, twin.local)
        return projected_local_utility(shares, twin.local, env.truth.local, EXACT)

    def of_global(price, served, serves):
        shares = reduced_global_shares({"price": price}, committees, served, serves, twin.global_)
        return projected_global_utility(shares, served, serves, twin.global_, env.truth.global_, EXACT)

    assert torch.autograd.gradcheck(of_local, points, eps=1e-6, atol=1e-4, rtol=1e-4)
    price = doubled(global_)["price"].requires_grad_()
    at = (price, served.requires_grad_(), serves.requires_grad_())
    assert torch.autograd.gradcheck(of_global, at, eps=1e-6, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("changes", [{}, {"multicast": "per_link"}, {"committees": 3, "aps": 4}, {"heads_per_ap": (1, 4)}])
def test_without_error_the_printed_rule_pays_every_action(changes):
    env = make_env("tiny", seed=1, num_envs=16, decoding="as_printed", **changes)
    policy = make_trainer("mappo", env, 0, REDUCED).policy
    observation, generator = env.reset(), torch.Generator().manual_seed(0)
    for _ in range(3):
        step = env.step(policy.act(observation, False, generator))
        assert step.paid.all()
        assert (step.reward != 0.0).all()
        observation = step.observation


def test_phases_end_by_the_timeout():
    env = make_env("tiny", seed=1, num_envs=16, timeout=0.12, global_subchannels=200.0)
    policy = make_trainer("mappo", env, 0, REDUCED).policy
    step = env.step(policy.act(env.reset()))
    phases = step.evaluation.global_.phases
    serving = step.decision.global_.request.sum(axis=-1) > 0.0
    assert (phases[serving] <= 0.12 * (1.0 + 1e-9)).all()
    assert (phases[serving] > 0.12 * (1.0 - 1e-6)).any(), "it binds somewhere"
