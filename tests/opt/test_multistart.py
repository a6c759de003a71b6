"""The casadi model restates the equations: tied to the evaluator at random points; starts never beat a bound."""

import itertools
import math

import numpy as np
import pytest

import twingap
from twingap.opt.errors import InputError
from twingap.opt.global_equations import evaluate_global
from twingap.opt.global_reduction import committee_needs, decision_of_times
from twingap.opt.local_equations import evaluate_local
from twingap.opt.local_reduction import recover_local, reduce_local

casadi = pytest.importorskip("casadi")

from twingap.opt.solvers.multistart import global_program, local_program  # noqa: E402

MODES = list(itertools.product(("group", "per_link"), ("fail", "cap"), (True, False)))


def value(program, objective, points):
    """Objective and constraints (feasible when <= 0) at a point."""
    function = casadi.Function("at", program.variables, [objective, casadi.vertcat(*program.rules)])
    earned, rules = function(*points)
    return float(earned), np.array(rules).reshape(-1)


@pytest.mark.parametrize(("multicast", "rule", "floor"), MODES)
def test_the_local_program_is_the_evaluators(multicast, rule, floor):
    rng = np.random.default_rng(0)
    snapshot = twingap.draw("tiny", 2, multicast=multicast, timeout_rule=rule, floor_adaptation=floor)
    part = snapshot.local
    data = reduce_local(part)
    for _ in range(20):
        on = np.flatnonzero(rng.random(len(data.worth)) < 0.8)
        if on.size == 0:
            continue
        tau = data.multicast_need / data.budget * rng.uniform(1.2, 10.0)
        share, cpu = np.zeros(len(data.worth)), np.zeros(len(data.worth))
        left = data.budget - data.multicast_need / tau
        share[on] = left * rng.dirichlet(np.ones(len(on))) * rng.uniform(0.5, 1.0)
        cpu[on] = rng.uniform(0.1, 1.0, len(on)) * data.cpu_max[on]
        earned = evaluate_local(part, recover_local(part, tau, share, cpu))
        program, objective = local_program(data, on, tau, rng)
        point = [share[on], (cpu / data.cpu_max)[on], tau, float(earned.queueing), float(earned.adaptation)]
        got, rules = value(program, objective, point)
        assert got == pytest.approx(float(earned.utility), rel=1e-9)
        assert (rules <= 1e-9).all()
        for slot in (3, 4):
            if point[slot] > 0.0:
                less = [x if n != slot else 0.99 * x for n, x in enumerate(point)]
                assert (value(program, objective, less)[1] > 1e-9).any()
        assert (value(program, objective, [2.0 * point[0] * data.budget / share.sum(), *point[1:]])[1] > 0.5).any()


@pytest.mark.parametrize(("multicast", "rule", "floor"), MODES)
def test_the_global_program_is_the_evaluators(multicast, rule, floor):
    rng = np.random.default_rng(0)
    snapshot = twingap.draw("tiny", 2, multicast=multicast, timeout_rule=rule, floor_adaptation=floor)
    part = snapshot.global_
    needs = committee_needs(part)
    access = np.array([0, 1])
    for _ in range(20):
        kept = np.ones((2, 4)) if rule == "fail" else (rng.random((2, 4)) < 0.8).astype(float)
        kept[:, 3] = np.maximum(kept[:, 3], kept[:, 2])
        times = part.timeout * rng.uniform(0.3, 1.0, (2, 4))
        times[:, 3] = np.minimum(times[:, 3], times[:, 2])
        times = np.where(kept > 0.0, times, np.inf)
        verification = needs.fastest * rng.uniform(1.0, 5.0, 2)
        decision = decision_of_times(part, access, np.ones(2, bool), times, verification)
        earned = evaluate_global(part, decision)
        program, objective = global_program(part, needs, access, np.array([0, 1]), kept, rng)
        points = []
        for i in range(2):
            # A share that replies faster than it must prepare also prepares faster: the times that are attained.
            request, leader, broadcast, commit, reply = earned.phases[i]
            relays = np.maximum(needs.broadcast[i] / times[i, 2], needs.reply[i] / times[i, 3])
            points.append([request, leader, broadcast, reply, commit, verification[i], *relays])
        got, rules = value(program, objective, points)
        assert got == pytest.approx(float(earned.utility), rel=1e-9)
        spent = float(earned.spectrum.sum()) / part.subchannels_max
        assert rules[-1] == pytest.approx(spent - 1.0, rel=1e-9)
        assert (rules[:-1] <= 1e-9).all()


def test_starts_come_close_and_never_beat_the_bound():
    snapshot = twingap.draw("tiny", 1)
    ours = twingap.solve(snapshot, gap=1e-6)
    found = twingap.solve(snapshot, solver="multistart", time_limit=2, seed=1)
    assert found.bound == math.inf
    assert found.gap == math.inf
    assert 0.9 * ours.objective <= found.objective <= ours.bound


def test_whole_subchannels_are_refused_by_name():
    with pytest.raises(InputError) as caught:
        twingap.solve(twingap.draw("tiny", 1, whole_subchannels=True), solver="multistart")
    assert caught.value.field == "local.whole_subchannels"
