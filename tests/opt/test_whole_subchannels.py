"""Solver ``decomposition`` with whole subchannels: all counts enumerated and attacked, relations, random instances, shapes."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import twingap
from twingap.opt.arrays import floats, integers
from twingap.opt.decision import GlobalDecision, LocalDecision
from twingap.opt.evaluation import evaluate
from twingap.opt.global_equations import evaluate_global
from twingap.opt.local_equations import evaluate_local
from twingap.opt.local_reduction import multicast_needs
from twingap.opt.result import Deadline
from twingap.opt.solvers.decomposition.global_part import solve_global
from twingap.opt.solvers.decomposition.local_part import solve_local
from twingap.opt.solvers.decomposition.response import served_value
from twingap.opt.solvers.decomposition.whole_curve import FROM, LEVEL, MEMBERS, SLOPE, TO, committee_rows, reply_time
from twingap.opt.solvers.decomposition.whole_head import best_split


def whole(seed, **changes):
    return twingap.draw("tiny", seed, **({"whole_subchannels": True} | changes))


def compositions(most, parts):
    """All vectors of ``parts`` whole numbers >= 1 with a sum up to ``most``."""
    return [n for n in itertools.product(range(1, most + 1), repeat=parts) if sum(n) <= most]


def attacked(earn, size, rng, rounds=24, crowd=160):
    """The best of ``earn`` over logits [crowd, size], by narrowing random search."""
    centre, best, width = np.zeros(size), -np.inf, 2.0
    for _ in range(rounds):
        logits = centre + width * rng.normal(size=(crowd, size))
        logits[0] = centre
        value = earn(logits)
        if value.max() > best:
            best, centre = value.max(), logits[value.argmax()]
        width *= 0.01 ** (1.0 / rounds)
    return best


def split(totals, logits):
    """Shares [..., parts] of ``totals`` [...]."""
    weight = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return totals[..., None] * weight / weight.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("floor", [True, False])
@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_no_counts_of_heads_beat_the_bound_and_the_best_are_found(multicast, floor):
    part = whole(5, aps=1, multicast=multicast, floor_adaptation=floor, local_subchannels=5.7, mean_sinr_db=(10.0, 25.0)).local
    part = replace(part, cpu_cost=0.0)
    rng = np.random.default_rng(0)
    heads = len(part.layout.ap)
    assert heads == 3

    def earn(counts, logits):
        crowd = len(logits)
        parts = 2 if multicast == "group" else heads
        shares = split(np.broadcast_to(counts, (crowd, heads)), logits.reshape(crowd, heads, parts))
        cpu = np.broadcast_to(part.cpu_max_hz, (crowd, heads))
        if multicast == "group":
            decision = LocalDecision(shares[..., 0], cpu, multicast=shares[..., 1])
        else:
            peer = np.zeros((crowd, 1, heads, heads))
            for j in range(heads):
                peer[:, 0, j, [other for other in range(heads) if other != j]] = shares[:, j, 1:]
            decision = LocalDecision(shares[..., 0], cpu, peer=peer)
        got = evaluate_local(part, decision)
        assert (got.violation < 1e-9).all()
        return got.utility

    size = heads * (2 if multicast == "group" else heads)
    rounds = 24 if multicast == "group" else 48
    best = max(attacked(lambda x, n=np.array(n, float): earn(n, x), size, rng, rounds) for n in compositions(5, heads))
    answer = solve_local(part, 1e-7, 0.0, Deadline(30.0))
    assert best > 0.0
    assert best <= answer.bound
    assert answer.objective >= best - 1e-9
    assert answer.objective == pytest.approx(best, rel=2e-3)
    assert answer.bound - answer.objective <= 1e-6 * answer.objective


@pytest.mark.parametrize("rule", ["fail", "cap"])
@pytest.mark.parametrize("multicast", ["group", "per_link"])
def test_no_totals_of_delegates_beat_the_bound_and_the_best_are_found(multicast, rule):
    budget, points, delegates = 7, 2, 3
    changes = {"committees": 1, "delegates": (delegates, delegates), "aps": points, "timeout_rule": rule}
    part = whole(1, multicast=multicast, global_subchannels=7.9, mean_sinr_db=(8.0, 20.0), **changes).global_
    part = replace(part, cpu_cost=0.0, timeout=1.2 if rule == "cap" else 3.0)
    rng = np.random.default_rng(0)

    def earn(totals, logits):
        crowd = len(logits)
        links = 1 if multicast == "group" else delegates - 1
        first = split(np.full(crowd, totals[0]), logits[:, : points + links])
        cpu = np.broadcast_to(part.cpu_max_hz, (crowd, 1, delegates))
        access = integers(np.zeros((crowd, points)))
        if multicast == "group":
            own = np.broadcast_to(totals, (crowd, delegates)).copy()
            own[:, 0] = first[:, points]
            decision = GlobalDecision(access, first[:, :points], cpu, multicast=own[:, None])
        else:
            peer = np.zeros((crowd, 1, delegates, delegates))
            peer[:, 0, 0, 1:] = first[:, points:]
            rest = logits[:, points + links :].reshape(crowd, delegates - 1, delegates - 1)
            for a in range(1, delegates):
                others = [b for b in range(delegates) if b != a]
                peer[:, 0, a, others] = split(np.full(crowd, totals[a]), rest[:, a - 1])
            decision = GlobalDecision(access, first[:, :points], cpu, peer=peer)
        got = evaluate_global(part, decision)
        assert (got.violation < 1e-9).all()
        return got.utility

    size = points + (1 if multicast == "group" else (delegates - 1) * delegates)
    tries = [np.array(n, float) for n in compositions(budget, delegates)]
    best = max(attacked(lambda x, n=n: earn(n, x), size, rng) for n in tries)
    answer = solve_global(part, 1e-7, 0.0, Deadline(30.0))
    assert best > 0.0
    assert best <= answer.bound
    assert answer.objective >= best - 1e-9
    assert answer.objective == pytest.approx(best, rel=2e-3)
    assert answer.bound - answer.objective <= 1e-8 * answer.objective


@pytest.mark.parametrize("seed", range(16))
def test_random_instances_are_certified(seed):
    """group and per_link, fail and cap, floor and smooth; never worth more than divisible subchannels' bound."""
    rng = np.random.default_rng(seed)
    snapshot = whole(
        seed,
        multicast=("group", "per_link")[seed & 1],
        timeout_rule=("fail", "cap")[seed >> 1 & 1],
        floor_adaptation=bool(seed >> 2 & 1),
        local_subchannels=float(rng.integers(8, 15)),
        global_subchannels=float(rng.integers(8, 31)),
        delegates=(3, 4),
        committees=1 + seed % 4,
        aps=3,
    )
    answer = twingap.solve(snapshot, gap=1e-6, time_limit=60)
    assert answer.gap <= 1e-6 or answer.bound < 1e-6
    got = evaluate(snapshot, answer.decision)
    assert got.violation <= 1e-9
    assert got.local.violations["whole"] <= 1e-12
    assert got.global_.violations["whole"] <= 1e-12
    divisible = replace(
        snapshot,
        local=replace(snapshot.local, whole_subchannels=False),
        global_=replace(snapshot.global_, whole_subchannels=False),
    )
    assert answer.objective <= twingap.solve(divisible, gap=1e-4, time_limit=60).bound


def test_a_fraction_of_a_subchannel_is_worth_nothing_and_more_budget_never_hurts():
    def solved(local, global_):
        snapshot = whole(4, local_subchannels=local, global_subchannels=global_)
        return twingap.solve(snapshot, gap=1e-7, time_limit=60)

    some, fraction, more = solved(8.0, 11.0), solved(8.7, 11.9), solved(9.0, 12.0)
    assert fraction.objective == some.objective
    assert fraction.bound == pytest.approx(some.bound, rel=1e-10)
    assert more.bound >= some.objective


def test_relabelled_heads_and_equal_heads_change_nothing():
    part = whole(3, aps=1, local_subchannels=6.0, mean_sinr_db=(10.0, 25.0)).local
    order = [2, 0, 1]
    relabelled = replace(
        part,
        **{
            name: floats(getattr(part, name)[order])
            for name in ("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink")
        },
        sinr_peer=floats(part.sinr_peer[:, order][:, :, order]),
    )
    one, two = (solve_local(p, 1e-7, 0.0, Deadline(30.0)) for p in (part, relabelled))
    assert one.objective > 0.0
    assert two.objective == pytest.approx(one.objective, rel=1e-6)
    same = replace(
        part,
        **{
            name: floats(np.repeat(getattr(part, name)[:1], 3))
            for name in ("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink")
        },
        sinr_peer=floats(np.full(part.sinr_peer.shape, 50.0)),
    )
    equal = solve_local(same, 1e-6, 0.0, Deadline(30.0))
    assert equal.stopped == "gap"


def test_fewer_subchannels_than_heads_leave_everything_off():
    answer = solve_local(whole(0, local_subchannels=5.9).local, 1e-6, 0.0, Deadline(30.0))
    assert (answer.objective, answer.bound) == (0.0, 0.0)


def test_heads_without_peers_only_upload():
    part = whole(6, heads_per_ap=(1, 1), aps=3, local_subchannels=4.0).local
    assert (multicast_needs(part) == 0.0).all()
    answer = solve_local(part, 1e-9, 0.0, Deadline(30.0))
    best = 0.0
    for counts in itertools.product(range(5), repeat=3):
        if sum(counts) <= 4:
            speeds = itertools.product(np.linspace(0.0, 1.0, 15), repeat=3)
            cpu = np.array(list(speeds)) * part.cpu_max_hz
            uplink = np.broadcast_to(np.array(counts, float), cpu.shape)
            got = evaluate_local(part, LocalDecision(uplink, cpu, multicast=np.zeros(cpu.shape)))
            best = max(best, got.utility.max())
    assert best <= answer.bound
    assert answer.objective == pytest.approx(best, rel=0.02)
    assert answer.objective >= best
    assert answer.bound - answer.objective <= 1e-9 * answer.objective


def test_many_points_fall_back_on_the_divisible_bound():
    snapshot = whole(2, aps=14, heads_per_ap=(1, 1), global_subchannels=60.0)
    answer = solve_global(snapshot.global_, 1e-4, 0.0, Deadline(30.0))
    assert evaluate_global(snapshot.global_, answer.decision).violation <= 1e-9
    divisible = solve_global(replace(snapshot.global_, whole_subchannels=False), 1e-4, 0.0, Deadline(30.0))
    assert answer.bound == divisible.bound
    assert 0.9 * divisible.objective < answer.objective <= divisible.bound


def test_best_split_of_a_head_beats_every_split_on_a_grid():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        benefit, work, cpu_max = (
            10 ** rng.uniform(0, 2),
            rng.choice([0.0, 10 ** rng.uniform(8, 9.5)]),
            10 ** rng.uniform(9, 9.5),
        )
        cpu_price, need, seconds = (
            rng.choice([0.0, 10 ** rng.uniform(-9, -8)]),
            10 ** rng.uniform(-2, 1),
            10 ** rng.uniform(-2, 1),
        )
        total, price = float(rng.integers(1, 9)), 10 ** rng.uniform(-3, 3)
        low, high = (0.0, np.inf) if rng.random() < 0.5 else np.sort(rng.uniform(0.0, total, 2))
        value, uplink = best_split(benefit, 0.3, work, cpu_max, cpu_price, need, seconds, total, price, low, high)
        grid = np.linspace(low, min(high, total * (1.0 - 1e-9)), 500)
        worth = [served_value(benefit, 0.3, work, cpu_max, cpu_price, need, u)[0] - price * seconds / (total - u) for u in grid]
        assert value >= max(worth) - 1e-9 * (benefit + abs(value))
        assert low <= uplink <= min(high, total)
        inside += low < uplink < min(high, total)
    assert inside > 100


@pytest.mark.parametrize("group", [True, False])
def test_rows_are_never_slower_than_random_counts(group):
    """Least y + z and 2 y + z per total against every composition (and, per_link, a grid of y)."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        reply = 10 ** rng.uniform(-1, 0.5, 3)
        broadcast = reply * (1.0 + rng.random(3)) if group else 10 ** rng.uniform(-1, 0.5, 3)
        rows = committee_rows(group, broadcast, reply, 8, 100.0, 1e-9, capped=False)
        for total in range(3, 9):
            mine = rows[rows[:, MEMBERS] == total]
            y = np.linspace(mine[:, FROM], mine[:, TO], 400)
            z = 1.0 / (mine[:, LEVEL] - mine[:, SLOPE] / y)
            for weight in (1.0, 2.0):
                best = np.inf
                for counts in np.array([n for n in compositions(total, 3) if sum(n) == total]):
                    if group:
                        best = min(best, weight * (broadcast / counts).max() + (reply / counts).max())
                        continue
                    start = ((broadcast + reply) / counts).max()
                    found = minimize_scalar(
                        lambda y, n, e, r, w: w * y + (r / (n - e / y)).max(),
                        args=(counts, broadcast, reply, weight),
                        bounds=(start, 2.0 * start),
                        method="bounded",
                        options={"xatol": 1e-12},
                    )
                    best = min(best, found.fun)
                least = (weight * y + z).min()
                assert least <= best * (1.0 + (1e-12 if group else 1e-5))
                assert least >= best * (1.0 - (1e-12 if group else 1e-6))


def test_greedy_reply_times_are_the_least():
    rng = np.random.default_rng(2)
    for _ in range(50):
        reply, broadcast = rng.uniform(0.1, 2.0, 3), rng.uniform(0.1, 2.0, 3)
        y, members = rng.uniform(0.5, 4.0), int(rng.integers(3, 10))
        counts = np.zeros(3, dtype=np.int64)
        z, _ = reply_time(False, broadcast, reply, y, members, counts)
        best = np.inf
        for n in compositions(members, 3):
            if ((broadcast + reply) / y <= np.array(n)).all():
                best = min(best, (reply / (np.array(n) - broadcast / y)).max())
        assert z == pytest.approx(best) or z == best
