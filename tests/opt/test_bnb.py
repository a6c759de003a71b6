"""Solver bnb: safe bounds hold for any prices and loose solves, boxes lose nothing, answers agree with decomposition."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import twingap
from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.local_equations import ADAPTATION_SLOPE
from twingap.opt.local_reduction import reduce_local
from twingap.opt.result import Deadline

pytest.importorskip("cvxpy")
pytest.importorskip("clarabel")

from twingap.opt.solvers.bnb import global_bound, local_bound
from twingap.opt.solvers.bnb.conic import CompiledCone, cp
from twingap.opt.solvers.bnb.earner import Earners, kept, peaks
from twingap.opt.solvers.bnb.global_box import GlobalPrices, assigned, count_vectors
from twingap.opt.solvers.bnb.global_tree import GlobalTree
from twingap.opt.solvers.bnb.lines import secant, tangent
from twingap.opt.solvers.bnb.local_box import LocalPrices, pieces
from twingap.opt.solvers.bnb.local_tree import LocalTree
from twingap.opt.solvers.bnb.search import Search

MODES = [
    {"multicast": "group", "timeout_rule": "fail", "floor_adaptation": True},
    {"multicast": "per_link", "timeout_rule": "cap", "floor_adaptation": False},
]


def one_earner(rng, phases=3):
    """An earner with every kind of number, its interval covering slow and fast delays."""
    return Earners(
        worth=rng.uniform(50.0, 150.0, 1),
        decay=0.4,
        cost=rng.uniform(0.5, 8.0, (1, phases)) * (rng.random((1, phases)) < 0.8),
        weight=rng.uniform(1.0, 2.0, (1, phases)),
        cap=np.where(rng.random((1, phases)) < 0.5, np.inf, rng.uniform(0.2, 2.0, (1, phases))),
        cpu=rng.uniform(0.0, 5.0, 1),
        fastest=rng.uniform(0.0, 0.5, 1),
        low=np.zeros(1),
        high=np.full(1, 30.0),
    )


@pytest.mark.parametrize("seed", range(12))
def test_cells_cover_what_any_choice_earns_and_are_tight(seed):
    rng = np.random.default_rng(seed)
    earner = one_earner(rng)
    found = peaks(earner)
    cost, weight, cap = earner.cost[0], earner.weight[0], earner.cap[0]
    best = -np.inf
    logs = rng.normal(-0.5, 1.5, (20_000, len(cost) + 1))
    for spread in (0.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001):
        times = np.exp(logs + spread * rng.normal(size=logs.shape))
        x = np.where(cost > 0.0, np.minimum(times[:, :-1], cap), 0.0)
        v = np.maximum(times[:, -1], earner.fastest) if earner.cpu[0] > 0.0 else np.full(len(x), earner.fastest[0])
        delay = x @ weight + v
        spent = np.divide(cost, x, out=np.zeros_like(x), where=x > 0.0).sum(axis=1) + earner.cpu[0] / np.maximum(v, 1e-300)
        earned = earner.worth[0] * np.exp(-earner.decay * delay) - spent
        inside = (delay <= 30.0) & (delay >= found.edges[0, 0])
        cell = np.clip(np.searchsorted(found.edges[0], delay) - 1, 0, found.uppers.shape[1] - 1)
        assert (earned[inside] <= found.uppers[0, cell[inside]] + 1e-9).all()
        earned = np.where(inside, earned, -np.inf)
        best = max(best, earned.max())
        logs = np.log(times[np.argsort(-earned)[np.arange(len(logs)) % 200]])
    # The secant's error on a cell, worth (A width)^2/8, is what is left between the best choice and the bound.
    width = np.diff(found.edges[0])[found.uppers[0].argmax()]
    assert found.best[0] <= best + earner.worth[0] * (earner.decay * width) ** 2 / 8.0 + 0.02 * abs(best) + 1e-3


def test_cells_hold_at_hand_computed_earner():
    # One phase at cost 4 without CPU: on [1, 1] the only delay is 1, earned 100 exp(-0.5) - 4.
    point = Earners(
        np.array([100.0]),
        0.5,
        np.array([[4.0]]),
        np.ones((1, 1)),
        np.full((1, 1), np.inf),
        np.zeros(1),
        np.zeros(1),
        np.ones(1),
        np.ones(1),
    )
    assert peaks(point).best[0] == pytest.approx(100.0 * math.exp(-0.5) - 4.0, rel=1e-9)
    # Far faster than it would choose to be, time is dearer than all it can earn: the bound must follow the cost.
    hurried = point._replace(low=np.array([0.01]), high=np.array([0.01]))
    assert peaks(hurried).best[0] == pytest.approx(100.0 * math.exp(-0.005) - 400.0, rel=1e-9)
    # Slower than the interval allows: nothing is possible.
    assert peaks(point._replace(fastest=np.array([2.0]))).best[0] == -np.inf


def test_kept_intervals_contain_everything_above_the_threshold():
    rng = np.random.default_rng(5)
    earner = one_earner(rng)
    found = peaks(earner)
    low, high, alive = kept(found, found.best - 5.0)
    assert alive.all()
    assert earner.low[0] <= low[0] < high[0] <= earner.high[0]
    again = peaks(earner._replace(low=low, high=high))
    assert again.best[0] <= found.best[0] + 1e-9
    assert not kept(found, found.best + 1.0)[2].any()


def test_secants_lie_over_and_tangents_under():
    low, high = np.array([0.5]), np.array([4.0])
    level, slope = secant(0.3, low, high)
    under_level, under_slope = tangent(0.3, np.array([2.0]))
    delays = np.linspace(0.5, 4.0, 101)
    curve = np.exp(-0.3 * delays)
    assert (level - slope * delays >= curve - 1e-15).all()
    assert (under_level - under_slope * delays <= curve + 1e-15).all()
    assert level[0] - slope[0] * 4.0 == pytest.approx(curve[-1], rel=1e-14)
    assert secant(0.3, low, low)[1][0] == pytest.approx(0.3 * math.exp(-0.15), rel=1e-12)


@pytest.mark.parametrize("stepped", [True, False])
def test_pieces_follow_the_shared_delay(stepped):
    part = twingap.draw("tiny", 4, floor_adaptation=stepped).local
    reduced = reduce_local(part)
    found = []
    for piece in pieces(reduced):
        found.append(piece)
        if piece.left > 2.0:
            break
    assert found[0].left <= reduced.multicast_need / reduced.budget
    for before, after in itertools.pairwise(found):
        assert after.left <= before.right
    for piece in found:
        for share in (0.01, 0.5, 0.99):
            tau = piece.left + share * (piece.right - piece.left)
            level = max(0.0, ADAPTATION_SLOPE * math.log(reduced.load_rate * tau))
            level = math.floor(level) if stepped else level
            exact = max(0.0, reduced.queue_slope * tau - reduced.queue_relief) + level * tau
            assert piece.delay(tau) == pytest.approx(exact, abs=1e-9)


def test_compiled_cone_is_the_cvxpy_problem():
    x, y = cp.Variable(3), cp.Variable()
    weight, floor = cp.Parameter(3, nonneg=True), cp.Parameter(3)
    limit = cp.sum(x) <= 4.0
    rows = [limit, x >= floor, cp.SOC(y, x)]
    problem = cp.Problem(cp.Maximize(weight @ x - 0.7 * y), rows)
    compiled = CompiledCone(problem, {"weight": weight, "floor": floor}, {"x": x, "y": y}, {"limit": limit})
    numbers = {"weight": np.array([1.0, 3.0, 2.0]), "floor": np.array([-1.0, 0.25, 0.5])}
    found = compiled.solve(numbers, Deadline(60.0))
    weight.value, floor.value = numbers["weight"], numbers["floor"]
    problem.solve(solver=cp.CLARABEL, warm_start=False)
    assert found.values["x"] == pytest.approx(x.value, abs=1e-6)
    assert found.duals["limit"][0] == pytest.approx(limit.dual_value, abs=1e-6)


def test_compiled_cone_refuses_entries_of_two_parameters():
    x, one, two = cp.Variable(), cp.Parameter(), cp.Parameter()
    problem = cp.Problem(cp.Minimize(x), [x >= one + two])
    with pytest.raises(ValueError, match="more than one parameter"):
        CompiledCone(problem, {"one": one, "two": two}, {"x": x}, {})


@pytest.mark.parametrize("mode", MODES)
def test_any_prices_bound_the_optimum(mode):
    """Prices drawn at random, not solved for: weak duality must hold all the same, on every root together."""
    snapshot = twingap.draw("tiny", 3, **mode)
    exact = twingap.solve(snapshot, gap=1e-6)
    rng = np.random.default_rng(1)
    local, global_ = LocalTree(snapshot.local), GlobalTree(snapshot.global_)
    roots, tail = local.roots()
    boxes, rest = global_.roots()
    for _ in range(20):
        prices = LocalPrices(10.0 ** rng.uniform(-2.0, 3.0), 10.0 ** rng.uniform(-3.0, 2.0, len(local.numbers.worth)))
        bound = max(local_bound.proved(local.numbers, root, prices).total for root in roots)
        assert max(bound, tail) >= exact.local.objective
        committees, terms = global_.numbers.broadcast.shape
        any_prices = GlobalPrices(
            10.0 ** rng.uniform(-2.0, 3.0),
            10.0 ** rng.uniform(0.0, 4.0, committees),
            rng.random(committees),
            rng.random((committees, terms)),
        )
        bound = max(global_bound.proved(global_.numbers, box, any_prices).total for box in boxes)
        assert max(bound, rest) >= exact.global_.objective


def test_a_loosely_solved_node_still_bounds():
    """The cone program stopped far from its optimum: its own objective may promise too little, the proved bound may not."""
    snapshot = twingap.draw("tiny", 1)
    exact = twingap.solve(snapshot, gap=1e-6)
    for tree, objective in (
        (LocalTree(snapshot.local), exact.local.objective),
        (GlobalTree(snapshot.global_), exact.global_.objective),
    ):
        roots, _ = tree.roots()
        deadline = Deadline(60.0)
        proved = {}
        for tolerance in (1e-8, 0.3):
            tree.relaxed(roots[0], deadline)  # compiles the cone program
            cone = tree._cone
            solve = type(cone).solve

            def loosely(numbers, deadline, tolerance=tolerance, cone=cone, solve=solve):
                return solve(cone, numbers, deadline, tolerance=tolerance)

            cone.solve = loosely
            answers = [(root, tree.relaxed(root, deadline)) for root in roots]
            del cone.solve
            proved[tolerance] = [tree.proved(root, tree.prices(root, found)).total for root, found in answers]
            assert max(proved[tolerance]) >= objective
        # The loose answer is really another one, so the assertion above was about something.
        assert proved[0.3] != pytest.approx(proved[1e-8], rel=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_boxes_keep_the_best_decision(mode):
    """Halving and tightening with a poor incumbent lose nothing: some box of every generation bounds the optimum."""
    snapshot = twingap.draw("tiny", 6, **mode)
    exact = twingap.solve(snapshot, gap=1e-6)
    for tree, best in (
        (LocalTree(snapshot.local), exact.local.objective),
        (GlobalTree(snapshot.global_), exact.global_.objective),
    ):
        tree.attempt = lambda *_: None
        tree.objective = best - 0.05 * abs(best)
        search = Search(tree, tree.trivial_bound)
        search.start(Deadline(60.0))
        for _ in range(60):
            if search.done:
                break
            search.step(0.0, Deadline(60.0))
            assert search.bound >= best * (1.0 - 1e-9)


def test_assignment_keeps_counts_and_bans():
    tree = GlobalTree(twingap.draw("tiny", 0).global_)
    root = next(node for node in tree.roots()[0] if (node.counts == 1).all())
    cost = np.array([[1.0, 2.0], [5.0, 3.0]])
    assert assigned(cost, root).tolist() == [0, 1]
    banned = replace(root, may_use=np.array([[False, True], [True, True]]))
    assert assigned(cost, banned).tolist() == [1, 0]
    assert assigned(cost, replace(root, may_use=np.array([[False, True], [False, True]]))) is None


def test_count_vectors_are_all_that_capacities_allow():
    found = {tuple(int(n) for n in vector) for vector in count_vectors(np.array([2, 3, 1]), 4)}
    every = {(a, b, c) for a in range(3) for b in range(4) for c in range(2) if a + b + c == 4}
    assert found == every


def test_whole_subchannels_are_refused_by_name():
    with pytest.raises(InputError) as caught:
        twingap.solve(twingap.draw("tiny", 0, whole_subchannels=True), solver="bnb")
    assert caught.value.field == "local.whole_subchannels"


def test_trace_closes_from_both_sides():
    result = twingap.solve(twingap.draw("tiny", 0), solver="bnb", gap=1e-3)
    objectives, bounds = [p.objective for p in result.trace], [p.bound for p in result.trace]
    assert objectives == sorted(objectives)
    assert bounds == sorted(bounds, reverse=True)
    assert result.trace[-1].bound == pytest.approx(result.bound, rel=1e-12)
    assert result.gap <= 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_closes_tiny_and_agrees_with_decomposition(seed):
    snapshot = twingap.draw("tiny", seed)
    ours = twingap.solve(snapshot, solver="bnb", gap=1e-3, time_limit=60)
    theirs = twingap.solve(snapshot, solver="decomposition", gap=1e-4, time_limit=60)
    assert ours.gap <= 1e-3
    assert evaluate(snapshot, ours.decision).violation <= 1e-9
    slack = 1e-8 * abs(ours.objective)
    assert ours.objective <= theirs.bound + slack
    assert theirs.objective <= ours.bound + slack
    assert abs(ours.objective - theirs.objective) <= (ours.bound - ours.objective) + (theirs.bound - theirs.objective) + slack


def random_local_prices(rng, heads):
    """Prices over many orders of magnitude; half of them see no shared delay."""
    return LocalPrices(10.0 ** rng.uniform(-2.0, 2.0), 10.0 ** rng.uniform(-2.0, 1.0, heads) * (rng.random() < 0.5))


@pytest.mark.parametrize("seed", range(4))
def test_tightening_never_cuts_a_decision_as_good_as_the_incumbent(seed):
    snapshot = twingap.draw("tiny", seed)
    exact = twingap.solve(snapshot, gap=1e-6)
    earned = evaluate(snapshot, exact.decision)
    rng = np.random.default_rng(seed)
    tree, local = LocalTree(snapshot.local), earned.local
    tau, own = float(local.multicast), (local.training + local.upload)[tree.numbers.heads]
    on = np.isfinite(own)
    root = next(node for node in tree.roots()[0] if node.left <= tau <= node.right)
    tree.objective = exact.local.objective - 1e-7
    cut = 0
    for _ in range(60):
        prices = random_local_prices(rng, len(on))
        box = tree.tightened(root, prices, tree.proved(root, prices))
        assert box is not None
        assert box.left <= tau <= box.right
        assert (box.low[on] <= own[on] * (1 + 1e-9)).all()
        assert (own[on] <= box.high[on] * (1 + 1e-9)).all()
        assert box.may_on[on].all()
        assert box.may_off[~on].all()
        cut += (box.high < root.high).any() or (box.low > root.low).any() or box.right < root.right or box.left > root.left
    assert cut > 0
    forest, counts = GlobalTree(snapshot.global_), earned.global_.served.astype(np.int64)
    delay, at_work = earned.global_.delay, earned.global_.benefit > 0.0
    root = next(node for node in forest.roots()[0] if (node.counts == counts).all())
    forest.objective = exact.global_.objective - 1e-7
    committees, terms = forest.numbers.broadcast.shape
    for _ in range(60):
        prices = GlobalPrices(
            10.0 ** rng.uniform(-2.0, 2.0),
            10.0 ** rng.uniform(0.0, 3.0, committees),
            rng.random(committees),
            rng.random((committees, terms)),
        )
        box = forest.tightened(root, prices, forest.proved(root, prices))
        assert box is not None
        assert (box.low <= delay * (1 + 1e-9))[at_work].all()
        assert (delay <= box.high * (1 + 1e-9))[at_work].all()
        assert box.may_on[at_work].all()
        assert box.may_off[~at_work].all()


def test_everything_off_earns_no_more_than_any_proved_bound():
    tree = GlobalTree(twingap.draw("tiny", 0).global_)
    rng = np.random.default_rng(2)
    committees, terms = tree.numbers.broadcast.shape
    for root in tree.roots()[0]:
        idle = replace(root, may_on=np.zeros(committees, dtype=np.bool_))
        for _ in range(20):
            prices = GlobalPrices(
                0.0, 10.0 ** rng.uniform(0.0, 4.0, committees), rng.random(committees), np.ones((committees, terms))
            )
            assert tree.proved(idle, prices).total >= 0.0
