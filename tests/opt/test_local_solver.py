"""The local solver: hand-checked optima, proofs attacked, properties of the optimum, edges of what a snapshot may hold."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import lambertw

from twingap.opt.arrays import floats, integers
from twingap.opt.decision import LocalDecision
from twingap.opt.drawing import draw
from twingap.opt.local_equations import evaluate_local
from twingap.opt.result import Deadline
from twingap.opt.snapshot import HeadLayout
from twingap.opt.solvers.decomposition.local_part import solve_local


def solved(part, relative=1e-6, absolute=1e-9, seconds=10.0):
    """Solve and check what every answer must keep."""
    answer = solve_local(part, relative, absolute, Deadline(seconds))
    found = evaluate_local(part, answer.decision)
    assert answer.objective == float(found.utility)
    assert answer.objective <= answer.bound
    assert found.violation <= 1e-9
    return answer


def gap(answer):
    """Relative gap; 0 where everything off is best and only the slack for rounding is left."""
    difference = answer.bound - answer.objective
    return 0.0 if answer.objective == 0.0 and difference <= 1e-9 else difference / max(abs(answer.objective), 1e-9)


def alone(count, **changes):
    """Heads that are alone in their APs, equal, with nothing to train, free of charge: W_0 log2(1 + SINR) = 1 bit/s."""
    part = draw("tiny", 0).local
    one = np.ones(count)
    fields = {
        "subchannel_hz": 1.0,
        "subchannels_max": 1.0,
        "layout": HeadLayout.of(integers(np.arange(count))),
        "benefit": 10.0,
        "decay": 1.0,
        "spectrum_cost": 0.0,
        "cpu_cost": 0.0,
        "confirmation_weight": 0.0,
        "accuracy": one,
        "cycles": one,
        "upload_bits": one,
        "cumulative_weight": one,
        "cpu_max_hz": one,
        "sinr_uplink": one,
        "sinr_peer": np.ones((count, 1, 1)),
    } | changes
    vectors = {key: floats(value) if isinstance(value, np.ndarray) else value for key, value in fields.items()}
    return replace(part, **vectors)


def test_one_head_is_lambert_w():
    # max_u 10 exp(-1/u) - 0.5 u: x exp(-x) = q = sqrt(0.5/10)/2, worth 10 exp(-2x)(1 - 2x) at u = 1/(2x).
    x = -lambertw(-0.5 * math.sqrt(0.05)).real
    answer = solved(alone(1, spectrum_cost=0.5, subchannels_max=100.0), 1e-10, 0.0)
    assert answer.stopped == "gap"
    assert answer.objective == pytest.approx(10.0 * math.exp(-2 * x) * (1 - 2 * x), rel=1e-10)
    assert answer.decision.uplink[0] == pytest.approx(0.5 / x, rel=1e-5)


def test_two_equal_heads_where_only_one_fits():
    # exp(-1/u) + exp(-1/(1-u)) is largest at u = 1 (0.368; both at one half: 0.271).
    answer = solved(alone(2), 1e-8, 0.0)
    assert gap(answer) <= 1e-8
    assert answer.objective == pytest.approx(10.0 * math.exp(-1.0), rel=1e-8)
    assert sorted(answer.decision.uplink) == pytest.approx([0.0, 1.0])


def test_one_of_many_equal_heads():
    # Twelve equal heads, room for k at T = k: k exp(-k) ... only one is served.
    answer = solved(alone(12), 1e-6, 0.0)
    assert gap(answer) <= 1e-6
    assert answer.objective == pytest.approx(10.0 * math.exp(-1.0), rel=1e-6)


def test_leftover_goes_to_one_head_on_its_convex_side():
    # Free spectrum, one easy head and one that would need twice the budget for its concave side; brute force over the split.
    answer = solved(alone(2, benefit=1.0, upload_bits=np.array([0.0108, 2.0])), 1e-8, 0.0)
    u = np.linspace(0.0, 1.0, 100001)[1:-1]
    assert gap(answer) <= 1e-8
    assert answer.objective == pytest.approx((np.exp(-0.0108 / u) + np.exp(-2.0 / (1.0 - u))).max(), rel=1e-8)
    assert 0.5 < answer.decision.uplink[1] < 1.0


def test_free_cpu_runs_at_its_bound():
    # One head, work 1 cycle of accuracy 1/e at f_max 1: T = 1 + 1/u, free: u = W, f = f_max.
    answer = solved(alone(1, accuracy=np.array([math.exp(-1.0)])), 1e-10, 0.0)
    assert answer.objective == pytest.approx(10.0 * math.exp(-2.0), rel=1e-10)
    assert answer.decision.cpu_hz[0] == 1.0


def test_confirmation_scales_benefits():
    plain = solved(alone(2, upload_bits=np.array([0.1, 0.1])), 1e-9, 0.0)
    weight = 3.0 * alone(1).arrival_rate
    late = solved(alone(2, upload_bits=np.array([0.1, 0.1]), confirmation_weight=1.0 + weight), 1e-9, 0.0)
    assert late.objective == pytest.approx(math.exp(-3.0) * plain.objective, rel=1e-8)


def test_everything_off_when_nothing_pays():
    part = replace(draw("tiny", 1).local, spectrum_cost=1.0)
    answer = solved(part, 1e-4, 0.0)
    assert answer.objective == 0.0
    assert 0.0 <= answer.bound <= 1e-9
    assert not answer.decision.uplink.any()


def test_off_when_a_link_has_no_rate():
    part = draw("tiny", 1).local
    peer = part.sinr_peer.copy()
    peer[0, 0, 1] = 1e-300
    answer = solved(replace(part, sinr_peer=floats(peer)))
    assert answer.objective == answer.bound == 0.0


def test_unreachable_head_is_off_and_others_stay():
    part = draw("tiny", 2).local
    sinr = part.sinr_uplink.copy()
    sinr[0] = 1e-300
    answer = solved(replace(part, sinr_uplink=floats(sinr), subchannels_max=20.0))
    assert answer.decision.uplink[0] == 0.0
    assert answer.objective > 0.0


def test_optimum_just_below_a_level_end():
    # Long adaptation levels and cheap multicast: among seeds, some optima sit at the end of a level, where the delay jumps.
    at_ends = 0
    for seed in range(12):
        part = draw("tiny", seed, floor_adaptation=True).local
        answer = solved(part, 1e-8, 0.0)
        assert gap(answer) <= 1e-8
        tau = float(evaluate_local(part, answer.decision).multicast)
        if not math.isfinite(tau):
            continue
        level = 2.84 * math.log(2.0 * part.arrival_rate * tau)
        if 0.0 < math.ceil(level) - level < 1e-7:
            at_ends += 1
            held = evaluate_local(part, answer.decision)
            assert held.adaptation == pytest.approx(math.floor(level) * tau)
    assert at_ends > 0


def test_time_limit_is_kept_with_a_true_bound(random_local_part):
    part = random_local_part(np.random.default_rng(66))
    solved(part, seconds=1.0)  # compiled, or the clock would count that
    answer = solved(part, 0.0, 0.0, 0.0)
    assert answer.stopped == "time_limit"
    assert answer.bound >= solved(part).objective


@pytest.mark.parametrize(("preset", "seed"), [("tiny", 0), ("tiny", 1), ("paper", 0), ("paper", 1), ("plant", 0)])
@pytest.mark.parametrize("multicast", ["group", "per_link"])
@pytest.mark.parametrize("floor", [True, False])
def test_presets_are_certified(preset, seed, multicast, floor):
    answer = solved(draw(preset, seed, multicast=multicast, floor_adaptation=floor).local, 1e-7, 0.0)
    assert gap(answer) <= 1e-7
    assert set(answer.stages) == {"reduction", "bounding", "primal", "recovery"}
    objectives, bounds = np.array([point[1] for point in answer.trace]), np.array([point[2] for point in answer.trace])
    assert np.all(np.diff(objectives) >= -1e-9 * abs(answer.objective))
    assert np.all(bounds >= answer.objective)


@pytest.mark.parametrize(("budget", "lighter"), [(60.0, 1.0), (6.0, 300.0), (0.5, 300.0)])
def test_starved_paper_is_certified(budget, lighter):
    part = draw("paper", 3).local
    answer = solved(replace(part, subchannels_max=budget, multicast_bits=part.multicast_bits / lighter), 1e-6, 0.0)
    assert gap(answer) <= 1e-6
    assert 0 < np.count_nonzero(answer.decision.uplink) < len(part.accuracy)


@pytest.mark.parametrize("seed", range(100))
def test_random_parts_are_certified_and_survive_an_attack(random_local_part, seed):
    rng = np.random.default_rng(seed)
    part = random_local_part(rng)
    answer = solved(part)
    assert gap(answer) <= 1e-6 or answer.bound - answer.objective <= 1e-9
    best = float(evaluate_local(part, random_decisions(part, rng, 3000)).utility.max())
    near = float(evaluate_local(part, neighbours(part, answer.decision, rng, 3000)).utility.max())
    assert max(best, near) <= answer.bound
    assert max(best, near) <= answer.objective + 1e-6 * abs(answer.objective) + 1e-9


def random_decisions(part, rng, count):
    """Feasible decisions all over the place: who is on, how the budget is split, CPU."""
    heads, layout = len(part.accuracy), part.layout
    group = part.multicast == "group"
    slots = np.flatnonzero((layout.heads[layout.ap] > 1) if group else layout.is_link.reshape(-1))
    on = rng.random((count, heads)) < rng.random((count, 1))
    weight = np.exp(rng.normal(0.0, 1.0, (count, heads))) * on
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    air = np.exp(rng.normal(0.0, 0.2, (count, len(slots))))
    air /= np.maximum(air.sum(axis=1, keepdims=True), 1e-12)
    spent = part.subchannels_max * np.minimum(1.0, np.exp(rng.uniform(-3.0, 1.0, (count, 1))))
    split = rng.random((count, 1)) if len(slots) else np.zeros((count, 1))
    shares = np.zeros((count, heads if group else layout.is_link.size))
    shares[:, slots] = spent * split * air
    cpu = part.cpu_max_hz * np.where(on, np.minimum(1.0, np.exp(rng.uniform(-2.0, 0.7, (count, heads)))), 0.0)
    uplink = spent * (1.0 - split) * weight
    if group:
        return LocalDecision(uplink, cpu, multicast=shares)
    return LocalDecision(uplink, cpu, peer=shares.reshape(count, *layout.is_link.shape))


def neighbours(part, decision, rng, count):
    """Feasible decisions around one, from a hair to a third away."""
    size = np.exp(rng.uniform(np.log(1e-6), np.log(0.3), (count, 1)))

    def shaken(values):
        flat = values.reshape(1, -1)
        return (flat * np.exp(size * rng.normal(size=(count, flat.shape[1])))).reshape(count, *values.shape)

    uplink, cpu = shaken(decision.uplink), np.minimum(shaken(decision.cpu_hz), part.cpu_max_hz)
    shares = shaken(decision.multicast if part.multicast == "group" else decision.peer)
    used = uplink.sum(axis=1) + shares.reshape(count, -1).sum(axis=1)
    scale = np.minimum(1.0, part.subchannels_max / np.maximum(used, 1e-300))
    shares = shares * scale.reshape(-1, *([1] * (shares.ndim - 1)))
    uplink = uplink * scale[:, None]
    if part.multicast == "group":
        return LocalDecision(uplink, cpu, multicast=shares)
    return LocalDecision(uplink, cpu, peer=shares)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(300, 312))
def test_no_optimiser_beats_the_bound(random_local_part, seed):
    rng = np.random.default_rng(seed)
    part = random_local_part(rng)
    answer = solved(part)
    start = random_decisions(part, rng, 2000)
    value = evaluate_local(part, start).utility
    heads = len(part.accuracy)
    shape = start.uplink.shape[1:] if part.multicast == "group" else part.layout.is_link.shape

    def decision(z):
        shares = np.exp(np.clip(z, -60.0, 60.0))
        amounts = shares[: len(z) - heads]
        amounts = amounts / max(1.0, amounts.sum()) * part.subchannels_max
        cpu = part.cpu_max_hz / (1.0 + np.exp(-np.clip(z[-heads:], -60.0, 60.0)))
        air = amounts[heads:].reshape(shape)
        if part.multicast == "group":
            return LocalDecision(amounts[:heads], cpu, multicast=air)
        return LocalDecision(amounts[:heads], cpu, peer=air)

    def loss(z):
        return -float(evaluate_local(part, decision(z)).utility)

    for k in np.argsort(-value)[:3]:
        air = (start.multicast if part.multicast == "group" else start.peer)[k].reshape(-1)
        amounts = np.concatenate([start.uplink[k], air]) / part.subchannels_max
        fraction = np.clip(start.cpu_hz[k] / part.cpu_max_hz, 1e-12, 1.0 - 1e-12)
        z = np.concatenate([np.log(np.maximum(amounts, 1e-25)), np.log(fraction / (1.0 - fraction))])
        for method in ("Nelder-Mead", "L-BFGS-B"):
            z = minimize(loss, z, method=method, options={"maxiter": 400}).x
        assert -loss(z) <= answer.bound
        assert -loss(z) <= answer.objective + 1e-6 * abs(answer.objective) + 1e-9


@pytest.mark.parametrize("seed", range(12))
def test_more_budget_never_hurts(random_local_part, seed):
    part = random_local_part(np.random.default_rng(seed))
    more = replace(part, subchannels_max=part.subchannels_max * 1.3)
    assert solved(part).objective <= solved(more).bound


@pytest.mark.parametrize("seed", range(12))
def test_relabelling_heads_changes_nothing(random_local_part, seed):
    rng = np.random.default_rng(seed)
    part = random_local_part(rng)
    layout = part.layout
    order = rng.permutation(len(layout.heads))
    rank = [rng.permutation(int(layout.heads[k])) for k in order]
    heads = np.concatenate([layout.head[k, r] for k, r in zip(order, rank, strict=True)])
    moved = HeadLayout.of(integers(np.repeat(np.arange(len(order)), layout.heads[order])))
    peer = np.ones_like(part.sinr_peer)
    for k, (old, r) in enumerate(zip(order, rank, strict=True)):
        peer[k, : len(r), : len(r)] = part.sinr_peer[old][np.ix_(r, r)]
    names = ("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink")
    same = replace(part, layout=moved, sinr_peer=floats(peer), **{n: floats(getattr(part, n)[heads]) for n in names})
    one, two = solved(part), solved(same)
    assert one.objective <= two.bound
    assert two.objective <= one.bound


@pytest.mark.parametrize("seed", range(12))
def test_scaling_money_scales_utility(random_local_part, seed):
    part = random_local_part(np.random.default_rng(seed))
    rich = replace(part, benefit=64.0 * part.benefit, spectrum_cost=64.0 * part.spectrum_cost, cpu_cost=64.0 * part.cpu_cost)
    one, two = solved(part), solved(rich)
    assert 64.0 * one.objective <= two.bound + 1e-12 * abs(two.bound)
    assert two.objective <= 64.0 * one.bound * (1 + 1e-12)


def test_same_part_same_answer():
    part = draw("paper", 5).local
    one, two = solved(part, 1e-5), solved(part, 1e-5)
    assert one.bound == two.bound
    assert np.array_equal(one.decision.uplink, two.decision.uplink)
