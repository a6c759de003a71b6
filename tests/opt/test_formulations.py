"""Both Pyomo formulations against the evaluator: same objective at any decision, feasible exactly when it is feasible."""

import itertools

import numpy as np
import pytest

import twingap
from twingap.opt.decision import Decision, GlobalDecision, LocalDecision
from twingap.opt.evaluation import evaluate
from twingap.opt.global_equations import TIMEOUT_TOLERANCE, committee_spectrum, evaluate_global, phase_times, served
from twingap.opt.global_reduction import committee_needs, decision_of_times
from twingap.opt.local_equations import ADAPTATION_SLOPE, evaluate_local, multicast_times
from twingap.opt.local_reduction import recover_local, reduce_local
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json

pyo = pytest.importorskip("pyomo.environ")

from twingap.opt.formulations import link, reduced  # noqa: E402
from twingap.opt.formulations.recovery import global_decision, local_decision  # noqa: E402
from twingap.opt.formulations.tightening import supporting_planes, tighten_local, time_between  # noqa: E402

FORMULATIONS = {"link": link, "reduced": reduced}
MODES = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor, "whole_subchannels": whole}
    for multicast, rule, floor, whole in itertools.product(("group", "per_link"), ("fail", "cap"), (True, False), (False, True))
]


def described(mode):
    words = [mode["multicast"], mode["timeout_rule"], "floor" if mode["floor_adaptation"] else "smooth"]
    return "-".join(words + ["whole"] * mode["whole_subchannels"])


@pytest.fixture(params=MODES, ids=described)
def mode(request):
    return request.param


@pytest.fixture(params=sorted(FORMULATIONS))
def formulation(request):
    return request.param


def build(formulation, part):
    block = pyo.ConcreteModel()
    module = FORMULATIONS[formulation]
    return module.build_local(part, block) if hasattr(part, "accuracy") else module.build_global(part, block)


def put(variable, index, value):
    target = variable if index is None else variable[index]
    if target.fixed:
        assert abs(target.value - value) < 1e-9
    target.set_value(float(value), skip_validation=True)


def violation(block):
    """Largest violation of a constraint (relative to the largest number in play, at least 1) or of a bound."""
    worst = 0.0
    for rule in block.component_data_objects(pyo.Constraint, active=True):
        body = pyo.value(rule.body)
        low = -np.inf if rule.lower is None else pyo.value(rule.lower)
        high = np.inf if rule.upper is None else pyo.value(rule.upper)
        worst = max(worst, low - body, body - high)
    for variable in block.component_data_objects(pyo.Var):
        if variable.value is not None and not variable.fixed:
            low = -np.inf if variable.lb is None else variable.lb
            high = np.inf if variable.ub is None else variable.ub
            worst = max(worst, low - variable.value, variable.value - high)
            if variable.is_integer() or variable.is_binary():
                worst = max(worst, abs(variable.value - round(variable.value)))
    return worst


def fill_local(model, decision):
    """Give every variable the value that a decision implies."""
    part, block = model.part, model.block
    earned = evaluate_local(part, decision)
    own = np.where(np.isfinite(earned.training + earned.upload), earned.training + earned.upload, np.inf)
    common = float(earned.queueing + earned.adaptation)
    low, high = model.tau_range
    tau = float(earned.multicast)
    at_work = high == 0.0 or (np.isfinite(tau) and common <= model.horizon)
    on = np.isfinite(own) & (own <= model.horizon) & at_work & (model.data.worth > 0.0)
    put(block.multicasting, None, at_work)
    put(block.waiting, None, earned.queueing if at_work else model.horizon)
    put(block.adaptation, None, earned.adaptation if at_work else model.horizon)
    put(block.common, None, np.exp(-part.decay * common) if at_work else 0.0)
    for j in range(len(own)):
        put(block.on, j, on[j])
        put(block.uplink, j, decision.uplink[j])
        put(block.cpu, j, decision.cpu_hz[j] / model.cpu_unit)
        # Times of a head that is off stand for nothing; these keep every bound.
        upload, training = block.upload[j], block.training[j]
        put(block.upload, j, np.clip(earned.upload[j], upload.lb, upload.ub) if on[j] else upload.ub)
        put(block.training, j, np.clip(earned.training[j], training.lb, training.ub) if on[j] else training.lb)
        put(block.own, j, np.exp(-part.decay * own[j]) if on[j] else 0.0)
        put(block.gain, j, np.exp(-part.decay * (own[j] + common)) if on[j] else 0.0)
        if part.whole_subchannels:
            put(block.whole, j, earned.spectrum[j])
    if high > 0.0:
        tau = min(max(tau, low), high) if at_work else high
        put(block.tau, None, tau)
        if part.floor_adaptation:
            level = max(0, int(np.floor(ADAPTATION_SLOPE * np.log(2.0 * part.arrival_rate * tau))))
            for each in block.level:
                put(block.level, each, each == level)
                put(block.tau_at, each, tau if each == level else 0.0)
        if hasattr(block, "multicast_time"):
            times = multicast_times(part, decision)
            for j in range(len(own)):
                slot = block.multicast_time[j]
                put(block.multicast_time, j, min(max(times[j], slot.lb), slot.ub) if at_work else slot.lb)
    spectrum = earned.spectrum - decision.uplink
    if hasattr(block, "peer"):
        for where in block.peer:
            put(block.peer, where, decision.peer[where])
    elif hasattr(block, "multicast_time") or part.whole_subchannels or block.multicast.is_indexed():
        for j in range(len(own)):
            put(block.multicast, j, spectrum[j])
    else:
        put(block.multicast, None, spectrum.sum())


def fill_global(model, decision):
    part, block = model.part, model.block
    earned = evaluate_global(part, decision)
    using, uncut = served(part, decision), phase_times(part, decision)
    cap = part.timeout_rule == "cap"
    spectrum = committee_spectrum(part, decision)
    for i, (committee, times) in enumerate(zip(using, uncut, strict=True)):
        kept = times <= part.timeout * (1.0 + TIMEOUT_TOLERANCE)
        verified = bool(np.isfinite(earned.verification[i]) and earned.delay[i] <= model.horizon and model.alive[i])
        on = verified and (cap or bool(kept.all()))
        put(block.on, i, on)
        for p in range(5):
            slot = block.phase[i, p]
            reached = kept[p] if cap else on
            put(block.phase, (i, p), np.clip(times[p], slot.lb, slot.ub) if reached else slot.ub)
            if cap:
                put(block.kept, (i, p), reached)
        slot = block.verification[i]
        put(block.verification, i, np.clip(earned.verification[i], slot.lb, slot.ub) if on else slot.ub)
        delay = sum(block.phase[i, p].value for p in range(5)) + block.verification[i].value
        put(block.gain, i, np.exp(-part.decay * delay) if on else 0.0)
        requesting = block.kept[i, 0].value if cap else on
        for k, used in enumerate(committee):
            put(block.access, (i, k), used)
            put(block.served, (i, k), used and requesting)
        cost = part.spectrum_cost * part.subchannel_hz * spectrum[i].sum() + part.cpu_cost * decision.cpu_hz[i].sum()
        for c, n in block.count:
            if c == i:
                put(block.count, (i, n), n == committee.sum())
                put(block.worth_at, (i, n), part.benefit * block.gain[i].value - cost if n == committee.sum() else 0.0)
        delegates = range(part.layout.delegates[i])
        if part.whole_subchannels:
            for v in delegates:
                put(block.whole, (i, v), spectrum[i, v])
        if hasattr(block, "rate"):
            put(block.request, i, (committee * decision.request).sum())
            put(block.cpu, i, decision.cpu_hz[i].sum() / model.cpu_unit)
            for p in (1, 2, 4):
                put(block.rate, (i, p), 1.0 / block.phase[i, p].value if (block.kept[i, p].value if cap else on) else 0.0)
            for a in delegates[1:]:
                put(block.relay, (i, a), spectrum[i, a])
            continue
        for k, used in enumerate(committee):
            put(block.request, (i, k), decision.request[k] if used else 0.0)
        for v in delegates:
            put(block.cpu, (i, v), decision.cpu_hz[i, v] / model.cpu_unit)
            if part.multicast == "group":
                put(block.multicast, (i, v), decision.multicast[i, v])
        if part.multicast == "per_link":
            for where in [w for w in block.peer if w[0] == i]:
                put(block.peer, where, decision.peer[where])


def whole_parts(amounts, budget, rng):
    """Groups of amounts (last axis) scaled so that every group's sum is whole and all sums together keep the budget."""
    groups = amounts.sum(axis=-1)
    whole = np.floor(rng.dirichlet(np.ones(len(groups))) * budget)
    return amounts * np.divide(whole, groups, out=np.zeros_like(whole), where=groups > 0.0)[:, None]


def random_local(part, rng, formulation):
    heads = len(part.layout.ap)
    cpu = part.cpu_max_hz * rng.uniform(0.2, 1.0, heads) * rng.choice([0.0, 1.0, 1.0, 1.0], heads)
    on = rng.choice([0.0, 1.0, 1.0], heads)
    if formulation == "reduced" and not part.whole_subchannels:
        data = reduce_local(part)
        most = rng.uniform(0.5, 1.0) * data.budget
        tau = data.multicast_need / (most * rng.uniform(0.1, 0.9))
        uplink = rng.dirichlet(np.ones(heads)) * (most - data.multicast_need / tau) * on
        return recover_local(part, tau, uplink, np.where(uplink > 0.0, np.maximum(cpu, 1e-3 * part.cpu_max_hz), cpu))
    links = np.where(part.layout.is_link, 1.0 / np.log2(1.0 + part.sinr_peer), 0.0)
    links = links[part.layout.ap, part.layout.rank] * rng.uniform(0.3, 1.0, heads)[:, None]
    if formulation == "link":
        links *= rng.uniform(0.3, 1.0, links.shape)
    if part.multicast == "group":
        links = links.max(axis=-1, keepdims=True)
    amounts = np.concatenate([0.3 * on[:, None] * rng.uniform(0.1, 1.0, (heads, 1)), links], axis=1)
    if part.whole_subchannels:
        amounts = whole_parts(amounts, part.subchannels_max, rng)
    else:
        amounts = amounts * part.subchannels_max / amounts.sum() * rng.uniform(0.5, 1.0)
    if part.multicast == "group":
        return LocalDecision(amounts[:, 0], cpu, multicast=amounts[:, 1])
    peer = np.where(part.layout.is_link, amounts[:, 1:][part.layout.head], 0.0)
    return LocalDecision(amounts[:, 0], cpu, peer=peer)


def random_global(part, rng, formulation):
    committees, aps = part.sinr_access.shape
    access = rng.permutation(np.repeat(np.arange(committees), np.minimum(part.capacity, aps)))[:aps]
    working = rng.choice([True, True, False], committees)
    needs = committee_needs(part)
    times = part.timeout * rng.uniform(0.2, 1.0, (committees, 4))
    times[:, 3] = np.minimum(times[:, 3], times[:, 2])
    if part.timeout_rule == "cap":
        times = np.where(rng.random(times.shape) < 0.2, np.inf, times)
        times[:, 3] = np.minimum(times[:, 3], times[:, 2])
    verification = needs.fastest * rng.uniform(1.0, 5.0, committees)
    decision = decision_of_times(part, access, working, times, verification)
    request, shares = decision.request, decision.multicast if part.multicast == "group" else decision.peer
    cpu = decision.cpu_hz
    if formulation == "link":
        request = request * rng.uniform(0.9, 1.5, request.shape)
        shares = shares * rng.uniform(0.9, 1.5, shares.shape)
        cpu = cpu * rng.uniform(0.3, 1.0, cpu.shape)

    def make(request, shares):
        group = part.multicast == "group"
        return GlobalDecision(access, request, cpu, *([shares] if group else [None, shares]))

    if part.whole_subchannels:
        totals = committee_spectrum(part, make(request, shares))
        grow = np.divide(np.ceil(totals), totals, out=np.zeros_like(totals), where=totals > 0.0)
        request = request * grow[access, 0]
        shares = shares * grow.reshape(grow.shape + (1,) * (shares.ndim - 2))
    return make(request, shares)


def random_decision(snapshot, rng, formulation):
    return Decision(random_local(snapshot.local, rng, formulation), random_global(snapshot.global_, rng, formulation))


def test_objective_and_feasibility_are_the_evaluators(mode, formulation):
    rng = np.random.default_rng(1)
    feasible = 0
    for seed in range(6):
        snapshot = twingap.draw("tiny", seed, **mode)
        local, global_ = build(formulation, snapshot.local), build(formulation, snapshot.global_)
        for _ in range(8):
            decision = random_decision(snapshot, rng, formulation)
            earned = evaluate(snapshot, decision)
            fill_local(local, decision.local)
            fill_global(global_, decision.global_)
            for model, part in ((local, earned.local), (global_, earned.global_)):
                wrong = violation(model.block)
                if part.violation <= 1e-9:
                    assert pyo.value(model.block.earned) == pytest.approx(float(part.utility), rel=1e-9, abs=1e-8)
                    assert wrong <= 1e-8
                    feasible += 1
                else:
                    assert wrong > 1e-9
    assert feasible >= 60


def breaks(model, change):
    """Whether a filled model that held no longer holds after ``change``."""
    assert violation(model.block) <= 1e-8
    change()
    return violation(model.block) > 1e-7


def test_broken_decisions_and_greater_claims_are_refused(formulation):
    snapshot = twingap.draw("tiny", 3)
    best = twingap.solve(snapshot, gap=1e-6).decision

    def filled():
        local, global_ = build(formulation, snapshot.local), build(formulation, snapshot.global_)
        fill_local(local, best.local)
        fill_global(global_, best.global_)
        return local, global_

    def scaled(part, variable, index, factor):
        model = filled()[part]
        slot = getattr(model.block, variable)
        slot = slot if index is None else slot[index]
        assert slot.value > 0.0
        return breaks(model, lambda: slot.set_value(slot.value * factor, skip_validation=True))

    on = int(np.argmax(best.local.uplink))
    working = int(np.bincount(best.global_.access).argmax())
    assert scaled(0, "gain", on, 1.001)
    assert scaled(0, "common", None, 1.001)
    assert scaled(0, "uplink", on, 0.999)
    assert scaled(0, "uplink", on, 1.01)
    assert scaled(0, "tau", None, 0.999)
    assert scaled(0, "training", on, 0.999)
    assert scaled(1, "gain", working, 1.001)
    assert scaled(1, "phase", (working, 2), 0.999)
    assert scaled(1, "verification", working, 0.999)
    assert scaled(1, "worth_at", (working, int((best.global_.access == working).sum())), 1.001)


def test_capacity_is_kept(formulation):
    def edit(content):
        content["committees"][0]["capacity"], content["committees"][1]["capacity"] = 2, 1

    part = changed(twingap.draw("tiny", 3), edit).global_
    for access, fits in (([0, 1], True), ([1, 1], False)):
        nobody = np.zeros(2, dtype=bool)
        model = build(formulation, part)
        fill_global(model, decision_of_times(part, np.array(access), nobody, np.full((2, 4), np.inf), np.full(2, np.inf)))
        assert (violation(model.block) <= 1e-9) == fits


def changed(snapshot, edit):
    content = snapshot_to_json(snapshot)
    edit(content["global"])
    return snapshot_from_json(content)


def test_an_empty_committee_need_not_meet_timeouts(formulation):
    """Forcing it would prove a false bound: here committee 0 cannot meet them with all the spectrum there is."""

    def edit(content):
        content["committees"][0] |= {"capacity": 0, "block_bits": 1e15}

    snapshot = changed(twingap.draw("tiny", 3), edit)
    decision = twingap.solve(snapshot, gap=1e-6).decision
    assert (decision.global_.access == 1).all()
    model = build(formulation, snapshot.global_)
    fill_global(model, decision.global_)
    assert violation(model.block) <= 1e-8
    assert pyo.value(model.block.earned) == pytest.approx(float(evaluate(snapshot, decision).global_.utility), rel=1e-9)
    assert pyo.value(model.block.earned) > 0.0


def test_decisions_are_recovered(mode, formulation):
    rng = np.random.default_rng(2)
    for seed in range(3):
        snapshot = twingap.draw("tiny", seed, **mode)
        local, global_ = build(formulation, snapshot.local), build(formulation, snapshot.global_)
        decision = random_decision(snapshot, rng, formulation)
        if evaluate(snapshot, decision).violation > 1e-9:
            continue
        fill_local(local, decision.local)
        fill_global(global_, decision.global_)
        recovered = evaluate(snapshot, Decision(local_decision(local), global_decision(global_)))
        assert recovered.violation <= 1e-9
        asked = evaluate(snapshot, decision)
        slack = 1e-5
        assert recovered.local.utility >= asked.local.utility - slack
        if not mode["whole_subchannels"]:
            assert recovered.global_.utility >= asked.global_.utility - slack


def test_tightening_keeps_an_optimum(mode, formulation):
    for seed in range(2):
        snapshot = twingap.draw("tiny", seed, **mode)
        result = twingap.solve(snapshot, gap=1e-7, time_limit=1)
        if result.gap > 1e-4 or not result.decision.local.uplink.any():
            continue
        model = build(formulation, snapshot.local)
        tighten_local(model)
        fill_local(model, result.decision.local)
        assert violation(model.block) <= 1e-6


def test_supporting_planes_lie_above():
    rng = np.random.default_rng(0)
    data = reduce_local(twingap.draw("tiny", 1).local)
    touched = 0
    for j in range(len(data.worth)):
        u = data.need[j] * 10 ** rng.uniform(-2, 2, 4000)
        f = data.cpu_max[j] * rng.uniform(0.01, 1.0, 4000)
        own = np.exp(-data.decay * (data.need[j] / u + data.work[j] / f))
        planes = supporting_planes(data, j, 0.1, 1.0)
        assert planes
        for free, p, q in planes:
            excess = free + p * u + q * f - own
            assert (excess >= 0.0).all()
            touched += excess.min() < 1e-2
    assert touched > 10


def test_times_that_pay_lie_between_the_roots():
    low, high = time_between(0.5, 2.0, 10.0, 100.0)
    t = np.linspace(1e-3, 100.0, 200_001)
    paying = t[10.0 * t * np.exp(-0.5 * t) >= 2.0]
    assert low <= paying[0] <= low + 1e-3
    assert high - 1e-3 <= paying[-1] <= high
    assert time_between(0.5, 1e9, 10.0, 100.0) == (np.inf, 0.0)
    assert time_between(0.5, 0.0, 10.0, 100.0) == (0.0, 100.0)
