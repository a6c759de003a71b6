"""What the paper's comparisons fix is fixed, and what they optimise is optimal given that."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from twingap.baselines.cpu_response import best_delegate_cpu, best_head_cpu
from twingap.baselines.fixed_bandwidth import FixedBandwidth
from twingap.baselines.fixed_cpu import FixedCpu
from twingap.baselines.random_access import RandomAccess, held_to, with_access
from twingap.baselines.solver_decisions import planned_decisions
from twingap.opt.decision import Decision, GlobalDecision
from twingap.opt.evaluation import evaluate
from twingap.opt.global_equations import evaluate_global
from twingap.opt.local_equations import evaluate_local
from twingap.opt.solve import solve
from twingap.rl.environment import make_env


@pytest.fixture(scope="module")
def observation():
    return make_env("tiny", sigma=0.1, seed=5, num_envs=3, system_seed=2).reset()


def test_head_cpu_beats_a_grid(observation):
    part = observation.twin.local
    decision = FixedBandwidth().act(observation).local
    best = evaluate_local(part, decision).head_utility
    for fraction in np.linspace(0.01, 1.0, 200):
        other = evaluate_local(part, replace(decision, cpu_hz=fraction * part.cpu_max_hz)).head_utility
        assert (other <= best + 1e-9).all()
    assert (best_head_cpu(part, decision) == decision.cpu_hz).all()


def test_delegate_cpu_beats_a_grid(observation):
    part = observation.twin.global_
    decision = FixedBandwidth().act(observation).global_
    cpu = best_delegate_cpu(part, decision)
    best = evaluate_global(part, replace(decision, cpu_hz=cpu)).committee_utility
    assert (cpu > 0.0).any()
    for factor in np.concatenate([np.linspace(0.2, 0.999, 50), np.linspace(1.001, 5.0, 50)]):
        other = evaluate_global(part, replace(decision, cpu_hz=np.minimum(factor * cpu, part.cpu_max_hz)))
        assert (other.committee_utility <= best + 1e-9).all()


def test_fixed_bandwidth_splits_equally(observation):
    twin = observation.twin
    decision = FixedBandwidth().act(observation)
    found = evaluate(twin, decision)
    heads = found.local.spectrum
    np.testing.assert_allclose(heads, twin.local.subchannels_max / heads.shape[-1])
    running = found.global_.spectrum > 0.0
    assert running.any()
    np.testing.assert_allclose(found.global_.spectrum[running], twin.global_.subchannels_max / 2)


def test_fixed_cpu_runs_at_its_fraction_and_optimises_the_rest(observation):
    twin = observation.twin
    decision = FixedCpu(0.5, 0.15).act(observation)
    np.testing.assert_array_equal(decision.local.cpu_hz, 0.5 * twin.local.cpu_max_hz)
    on = decision.global_.cpu_hz > 0.0
    np.testing.assert_array_equal(decision.global_.cpu_hz[on], 0.15 * twin.global_.cpu_max_hz[on])
    # No decision with this CPU earns more in the local part: attack it with random spectrum near the plan.
    rng = np.random.default_rng(0)
    best = evaluate_local(twin.local, decision.local).utility
    for _ in range(300):
        noise = rng.lognormal(sigma=0.1, size=(2, *decision.local.uplink.shape))
        uplink, multicast = decision.local.uplink * noise[0], decision.local.multicast * noise[1]
        scale = twin.local.subchannels_max / (uplink + multicast).sum(axis=-1, keepdims=True)
        tried = replace(decision.local, uplink=uplink * scale, multicast=multicast * scale)
        assert (evaluate_local(twin.local, tried).utility <= best + 1e-3 * np.abs(best)).all()


def test_random_access_keeps_its_draw_and_is_optimal_given_it():
    """Over all accesses of an epoch, the best plan held to an access is the optimum: the trick loses nothing."""
    env = make_env("tiny", sigma=0.0, seed=1, num_envs=1, system_seed=0, aps=3, capacity=(2, 3))
    twin = env.reset().twin
    capacity = twin.global_.capacity[0]
    values = []
    for access in itertools.product(range(2), repeat=3):
        access = np.array([access])
        if (np.bincount(access[0], minlength=2) > capacity).any():
            continue
        plan = held_to(planned_decisions(with_access(twin, access)), access)
        found = evaluate(twin, plan)
        assert found.feasible.all()
        assert (plan.global_.access == access).all()
        values.append(float(found.utility[0]))
    assert len(values) > 3
    best = solve(twin.at(0))
    assert max(values) == pytest.approx(best.objective, rel=3e-4)
    assert min(values) < 0.99 * best.objective


def test_random_access_draws_anew(observation):
    policy = RandomAccess(np.random.default_rng(0))
    drawn = [policy.act(observation).global_.access.tolist() for _ in range(6)]
    assert any(one != drawn[0] for one in drawn)


def test_a_committee_that_loses_money_is_switched_off(observation):
    dear = replace(observation.twin.global_, cpu_cost=1.0)
    plan = FixedCpu().act(replace(observation, twin=replace(observation.twin, global_=dear)))
    assert isinstance(plan, Decision)
    assert isinstance(plan.global_, GlobalDecision)
    assert (plan.global_.cpu_hz == 0.0).all()
    assert (evaluate_global(dear, plan.global_).utility == 0.0).all()
