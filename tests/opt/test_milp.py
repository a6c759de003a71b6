"""Solver milp: polygons and secants on the right side, programs that never say less than the equations, true bounds."""

import itertools
import math

import numpy as np
import pytest

pytest.importorskip("highspy")

import twingap
from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.global_equations import evaluate_global
from twingap.opt.global_reduction import decision_of_times
from twingap.opt.local_equations import adaptation_time, evaluate_local, queueing_time
from twingap.opt.local_reduction import recover_local, reduce_local
from twingap.opt.result import Deadline
from twingap.opt.solvers.milp.cells import first_ends, secants, split
from twingap.opt.solvers.milp.global_part import GlobalRelaxation
from twingap.opt.solvers.milp.highs import Relaxation
from twingap.opt.solvers.milp.local_delay import delay_in, first_taus, lines_below
from twingap.opt.solvers.milp.local_part import LocalRelaxation
from twingap.opt.solvers.milp.program import Program, TangentPoints
from twingap.opt.solvers.milp.refinement import Case

MODES = list(itertools.product(("group", "per_link"), ("fail", "cap"), (True, False)))


def test_secants_lie_above_the_exponential_and_meet_it_at_the_ends():
    ends = first_ends(0.3, 9.0, 0.5)
    start, slope = secants(ends[:-1], ends[1:], 0.5)
    for weight in np.linspace(0.0, 1.0, 11):
        at = ends[:-1] + weight * np.diff(ends)
        over = start + slope * at - np.exp(-0.5 * at)
        assert (over >= -1e-15).all()
        assert over.max() == pytest.approx(0.0, abs=1e-14) if weight in (0.0, 1.0) else over.max() > 1e-4
    finer = split(ends, 1.0, 0.5, 1.0, 1e-3)
    assert set(ends) < set(finer)
    assert 1.0 in finer


def hyperbola_program(low, high, constant):
    program = Program()
    product, time = program.columns(1, 0.0, 1e3, -1.0), program.columns(1, 0.0, high, -2.0)
    on = program.columns(1, 1.0, 1.0)
    program.rows([(time, 1.0)], 1, upper=high)
    program.hyperbolas(product, time, on, constant, low, high, 0)
    return program


def test_polygons_lie_below_hyperbolas_and_tangents_tighten_them():
    program, points = hyperbola_program(0.1, 8.0, 3.0), TangentPoints()
    coarse = points.vertices(program.curves, 3.0)
    assert (coarse.time * coarse.product <= 3.0 * (1 + 1e-12)).all()
    assert coarse.time.min() == 0.1
    assert coarse.time.max() == 8.0
    # min p + 2 t on p t >= 3 is 2 sqrt(6), at t = sqrt(3/2).
    relaxation = Relaxation(program, 1.0, points, Deadline(10.0))
    loose = relaxation.tighten(1e-9, rounds=1)
    tight = Relaxation(program, 1.0, points, Deadline(10.0)).tighten(1e-9, rounds=30)
    assert loose.bound >= tight.bound >= -2.0 * math.sqrt(6.0)
    assert tight.relaxed == pytest.approx(-2.0 * math.sqrt(6.0), rel=1e-7)


@pytest.mark.parametrize("floor", [True, False])
def test_lines_stay_below_the_shared_delay(floor):
    part = twingap.draw("tiny", 0, floor_adaptation=floor).local
    problem = reduce_local(part)
    taus = first_taus(problem, 0.05, 3.0)
    for left, right in itertools.pairwise(taus.tolist()):
        for tau in np.linspace(left, right, 9)[1:-1]:
            truth = float(queueing_time(part, np.array(tau)) + adaptation_time(part, np.array(tau)))
            assert delay_in(problem, float(tau), left, right) == pytest.approx(truth, rel=1e-12)
            below = max(a + b * tau for a, b in lines_below(problem, left, right))
            assert below <= truth * (1 + 1e-12)
            assert below >= truth * (1 - (1e-12 if floor else 0.01))


def fixed(program, columns, values):
    program.rows([(columns, 1.0)], len(columns), lower=values - 1e-9, upper=values + 1e-9)


def solved_until_tight(program, unit):
    """Search, cut off what violates hyperbolas, search again."""
    relaxation = Relaxation(program, unit, TangentPoints(), Deadline(250.0))
    while True:
        searched = relaxation.search(-math.inf, 1e-4, lambda _relaxed, _bound: False)
        if not relaxation.sharpen(searched.values, 1e-5):
            return searched


@pytest.mark.parametrize(("multicast", "floor"), list(itertools.product(("group", "per_link"), (True, False))))
def test_the_local_program_earns_what_the_equations_say_or_little_more(multicast, floor):
    """Random decisions put into the program: with grids refined at their delays it is exact, and never below the truth."""
    part = twingap.draw("tiny", 3, multicast=multicast, floor_adaptation=floor).local
    rng = np.random.default_rng(0)
    for _ in range(2):
        relaxation = LocalRelaxation(part)
        problem, heads = relaxation.problem, len(relaxation.problem.worth)
        tau = relaxation.tau_low * rng.uniform(1.3, 2.5)
        case = next(case for case in relaxation.cases if case.left < tau < case.right)
        room = problem.budget - problem.multicast_need / tau
        on = rng.uniform(size=heads) < 0.7
        uplink = np.where(on, rng.uniform(0.5, 1.0, heads) * room / heads, 0.0)
        cpu = np.where(on, rng.uniform(0.5, 1.0, heads) * problem.cpu_max, 0.0)
        earned = evaluate_local(part, recover_local(part, tau, uplink, cpu))
        assert earned.violation <= 1e-12
        upload = problem.need[on] / uplink[on]
        training = problem.work[on] / cpu[on]
        delay = upload + training + delay_in(problem, tau, *case)
        for j, at in zip(np.flatnonzero(on).tolist(), delay.tolist(), strict=True):
            relaxation.ends[j] = np.unique(np.append(relaxation.ends[j], [at - 1e-5, at, at + 1e-5]))
        program = relaxation.build(case)
        model = relaxation.model
        for row, j in enumerate(np.flatnonzero(on).tolist()):
            its = np.flatnonzero(model.head == j)
            for columns, total in ((model.x, upload[row]), (model.y, training[row])):
                program.sparse_rows(np.zeros_like(its), columns[its], 1.0, 1, total - 1e-9, total + 1e-9)
            program.sparse_rows(np.zeros_like(its), model.b[its], 1.0, 1, 1.0, 1.0)
        fixed(program, model.b[~on[model.head]], np.zeros(int((~on[model.head]).sum())))
        fixed(program, model.tau, np.array([tau]))
        searched = solved_until_tight(program, relaxation.unit)
        assert searched.bound >= float(earned.utility)
        # Without the floor Q itself is a tangent (5 per interval).
        assert searched.relaxed == pytest.approx(float(earned.utility), abs=1e-3 if floor else 0.5)


@pytest.mark.parametrize(("multicast", "rule"), list(itertools.product(("group", "per_link"), ("fail", "cap"))))
def test_the_global_program_earns_what_the_equations_say_or_little_more(multicast, rule):
    part = twingap.draw("tiny", 3, multicast=multicast, timeout_rule=rule).global_
    rng = np.random.default_rng(1)
    tried = 0
    while tried < 2:
        relaxation = GlobalRelaxation(part)
        committees, points = relaxation.needs.access.shape
        access = rng.integers(0, committees, points)
        counts = np.bincount(access, minlength=committees)
        on = counts > 0
        phases = np.sort(rng.uniform(0.3, 1.0, (committees, 4)) * part.timeout, axis=1)[:, [0, 1, 3, 2]]
        if rule == "cap":
            phases[rng.uniform(size=committees) < 0.5, 1] = np.inf
        check = relaxation.needs.fastest * rng.uniform(1.5, 9.0, committees)
        earned = evaluate_global(part, decision_of_times(part, access, on, phases, check))
        if earned.violation > 1e-9 or (earned.delay[on] > relaxation.ranges.late[on]).any():
            continue
        tried += 1
        # One share serves prepare and reply: the one that asks for less of it is done before its time.
        phases[on, 2:] = earned.phases[on][:, [2, 4]]
        for i in np.flatnonzero(on).tolist():
            at = float(earned.delay[i])
            relaxation.ends[i] = np.unique(np.append(relaxation.ends[i], [at - 1e-5, at, at + 1e-5]))
        program = relaxation.build(Case(0.0, 0.0))
        model = relaxation.model
        fixed(program, model.gamma.ravel(), (access == np.arange(committees)[:, None]).astype(float).ravel())
        for i in np.flatnonzero(on).tolist():
            its = np.flatnonzero(model.i == i)
            program.sparse_rows(np.zeros_like(its), model.b[its], 1.0, 1, 1.0, 1.0)
            for phase in range(4):
                served = float(np.isfinite(phases[i, phase]))
                total = phases[i, phase] if served else 0.0
                program.sparse_rows(np.zeros_like(its), model.time[phase][its], 1.0, 1, total - 1e-9, total + 1e-9)
                program.sparse_rows(np.zeros_like(its), model.served[phase][its], 1.0, 1, served, served)
            program.sparse_rows(np.zeros_like(its), model.check[its], 1.0, 1, check[i] - 1e-9, check[i] + 1e-9)
        searched = solved_until_tight(program, relaxation.unit)
        assert searched.bound >= float(earned.utility)
        assert searched.relaxed == pytest.approx(float(earned.utility), abs=1e-2)


def test_small_case_is_proved_and_agrees_with_the_decomposition():
    snapshot = twingap.draw("tiny", 4)
    mine = twingap.solve(snapshot, solver="milp", gap=1e-3, time_limit=60)
    other = twingap.solve(snapshot, gap=1e-6)
    assert mine.stopped == "gap"
    assert mine.gap <= 1e-3
    assert mine.bound >= other.objective
    assert other.bound >= mine.objective
    bounds = [point.bound for point in mine.trace]
    objectives = [point.objective for point in mine.trace]
    assert bounds == sorted(bounds, reverse=True)
    assert objectives == sorted(objectives)
    assert len(bounds) > 3
    assert bounds[-1] <= mine.bound * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("multicast", "rule", "floor"), MODES)
def test_every_mode_is_proved_and_agrees_with_the_decomposition(multicast, rule, floor):
    modes = {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor}
    snapshot = twingap.draw("tiny", 5, **modes)
    mine = twingap.solve(snapshot, solver="milp", gap=1e-3, time_limit=60)
    other = twingap.solve(snapshot, gap=1e-6)
    assert mine.gap <= 1e-3
    assert mine.bound >= other.objective
    assert other.bound >= mine.objective


def test_a_search_above_a_floor_proves_the_floor_when_nothing_is_there():
    program = hyperbola_program(0.1, 8.0, 3.0)
    relaxation = Relaxation(program, 1.0, TangentPoints(), Deadline(10.0))
    best = relaxation.search(-math.inf, 1e-9, lambda _relaxed, _bound: False)
    below = relaxation.search(best.relaxed - 0.5, 1e-9, lambda _relaxed, _bound: False)
    above = relaxation.search(best.relaxed + 0.5, 1e-9, lambda _relaxed, _bound: False)
    assert below.relaxed == pytest.approx(best.relaxed, abs=1e-8)
    assert below.bound >= best.relaxed
    assert not len(above.values)
    assert above.bound == pytest.approx(best.relaxed + 0.5, abs=1e-4)
    assert above.bound >= best.relaxed + 0.5


@pytest.mark.parametrize("part", ["local", "global"])
def test_whole_subchannels_are_refused_by_name(part):
    content = twingap.opt.snapshot_file.snapshot_to_json(twingap.draw("tiny", 0))
    content[part]["whole_subchannels"] = True
    snapshot = twingap.opt.snapshot_file.snapshot_from_json(content)
    with pytest.raises(InputError) as caught:
        twingap.solve(snapshot, solver="milp")
    assert caught.value.field == f"{part}.whole_subchannels"


def test_a_short_limit_on_many_heads_is_kept_and_the_bound_is_true():
    snapshot = twingap.draw("paper", 0)
    mine = twingap.solve(snapshot, solver="milp", gap=1e-4, time_limit=2.0)
    assert mine.seconds < 4.0
    assert mine.stopped == "time_limit"
    assert mine.bound >= twingap.solve(snapshot, gap=1e-5).objective
    assert evaluate(snapshot, mine.decision).violation <= 1e-9
