"""Every registered solver, on every mode: feasible, scored by the equations, bound true, reproducible, within its limits."""

import itertools
import math

import numpy as np
import pytest

import twingap
from twingap.opt.certificate.certificate_file import load_certificate, save_certificate
from twingap.opt.certificate.check import verify_certificate
from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.registry import registered_solvers
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json
from twingap.opt.solution_file import load_solution, save_solution
from twingap.opt.verify import verify

SOLVERS = sorted(registered_solvers())
# General-purpose solvers need minutes where ours need milliseconds: they get a coarser gap and a few seconds, so the battery
# stays short. Their bounds must be true and their decisions feasible all the same.
PATIENCE = {
    "bnb": (1e-3, 4.0),
    "milp": (1e-2, 3.0),
    "scip": (0.05, 1.5),
    "scip-link": (0.05, 1.0),
    "gurobi": (0.05, 1.5),
    "multistart": (0.05, 1.0),
}
MODES = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor}
    for multicast, rule, floor in itertools.product(("group", "per_link"), ("fail", "cap"), (True, False))
]


@pytest.fixture(params=SOLVERS)
def solver(request):
    entry = registered_solvers()[request.param]
    if entry.missing:
        pytest.skip(f"{request.param} needs {', '.join(entry.missing)}")
    return request.param


def run(snapshot, solver, gap=1e-4, time_limit=30.0, seed=0):
    """Solve as patiently as the solver deserves."""
    coarse, short = PATIENCE.get(solver, (0.0, math.inf))
    try:
        return twingap.solve(snapshot, solver=solver, gap=max(gap, coarse), time_limit=min(time_limit, short), seed=seed)
    except InputError as error:
        if "licence" in str(error):
            pytest.skip(str(error))
        raise


def described(mode):
    return f"{mode['multicast']}-{mode['timeout_rule']}-{'floor' if mode['floor_adaptation'] else 'smooth'}"


def refused(solver, mode):
    """The field of the mode that the solver does not say it handles; None when it handles all."""
    handles = registered_solvers()[solver].handles
    words = {
        "multicast": mode["multicast"],
        "timeout_rule": mode["timeout_rule"],
        "floor_adaptation": "floor" if mode["floor_adaptation"] else "smooth",
    }
    return next((field for field, word in words.items() if word not in handles and "every mode" not in handles), None)


@pytest.mark.parametrize("mode", MODES, ids=described)
@pytest.mark.parametrize("seed", [0, 1])
def test_answers_hold_in_every_mode(solver, mode, seed, tmp_path):
    """Or the mode is one that the solver does not say it handles, and the error names it."""
    snapshot = twingap.draw(preset="tiny", seed=seed, **mode)
    if refused(solver, mode):
        with pytest.raises(InputError) as caught:
            run(snapshot, solver)
        assert refused(solver, mode) in caught.value.field
        return
    result = run(snapshot, solver)
    assert result.holds in ("optimal", "feasible")
    earned = evaluate(snapshot, result.decision)
    assert earned.violation <= 1e-9
    assert result.objective == earned.utility
    if math.isfinite(result.bound):
        assert result.bound >= result.objective
        assert result.bound == pytest.approx(result.local.bound + result.global_.bound, rel=1e-12)
    if result.stopped == "gap":
        assert result.gap <= max(1e-4, PATIENCE.get(solver, (0.0, 0.0))[0])
    save_solution(result, snapshot, tmp_path / "solution.json")
    checks = verify(snapshot, load_solution(tmp_path / "solution.json", snapshot))
    assert checks.holds, [check for check in checks.checks if not check.holds]


@pytest.mark.parametrize("mode", MODES, ids=described)
def test_bounds_cover_random_decisions_and_their_improvement(solver, mode):
    """A crude attack: random feasible decisions, improved by keeping random steps that help."""
    if refused(solver, mode):
        pytest.skip(f"{solver} does not say that it handles this {refused(solver, mode)}")
    snapshot = twingap.draw(preset="tiny", seed=7, **mode)
    bound = run(snapshot, solver).bound
    rng = np.random.default_rng(0)
    best = -np.inf
    logs = rng.normal(size=(400, _size(snapshot)))
    for spread in (2.0, 1.0, 0.5, 0.25, 0.1):
        trials = _decisions(snapshot, logs, rng)
        got = evaluate(snapshot, trials)
        assert (got.violation <= 1e-9).all()
        best = max(best, float(got.utility.max()))
        assert (got.utility <= bound + 1e-8 * abs(bound)).all()
        parents = logs[np.argsort(-got.utility)[:40]]
        logs = np.concatenate([parents, np.repeat(parents, 9, axis=0) + rng.normal(scale=spread, size=(360, logs.shape[1]))])
    assert best > -np.inf


def test_same_seed_same_answer(solver):
    snapshot = twingap.draw(preset="tiny", seed=3)
    one, two = (run(snapshot, solver, seed=5) for _ in range(2))
    if "time_limit" in (one.stopped, two.stopped):
        pytest.skip(f"{solver} ran into its time limit, and where it is then depends on the machine")
    assert one.objective == two.objective
    assert (one.decision.local.uplink == two.decision.local.uplink).all()
    assert (one.decision.global_.cpu_hz == two.decision.global_.cpu_hz).all()


def test_time_limits_are_kept_and_bounds_stay_true(solver):
    snapshot = twingap.draw(preset="paper", seed=0)
    exact = run(snapshot, solver, gap=1e-6, time_limit=60)
    cut = twingap.solve(snapshot, solver=solver, gap=0.0, time_limit=1e-9)
    assert cut.seconds < 5.0
    assert cut.stopped in ("time_limit", "gap", "exhausted")
    assert cut.bound >= exact.objective
    if cut.decision is not None:
        assert cut.objective <= exact.bound


def test_an_unsupported_mode_is_named(solver):
    snapshot = twingap.draw(preset="tiny", seed=0, whole_subchannels=True)
    if "divisible" in registered_solvers()[solver].handles:
        with pytest.raises(InputError) as caught:
            twingap.solve(snapshot, solver=solver, time_limit=30)
        assert "whole_subchannels" in caught.value.field
    else:
        result = run(snapshot, solver)
        assert result.decision is None or evaluate(snapshot, result.decision).violation <= 1e-9


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("mode", MODES, ids=described)
def test_certificates_hold_in_every_mode(solver, mode, whole, tmp_path):
    snapshot = twingap.draw(preset="tiny", seed=1, whole_subchannels=whole, **mode)
    if not registered_solvers()[solver].certifies:
        with pytest.raises(InputError) as caught:
            twingap.solve(snapshot, solver=solver, certificate=True)
        assert caught.value.field == "certificate"
        return
    result = twingap.solve(snapshot, solver=solver, certificate=True)
    save_solution(result, snapshot, tmp_path / "solution.json")
    save_certificate(result.certificate, tmp_path / "certificate.json")
    solution, certificate = load_solution(tmp_path / "solution.json", snapshot), load_certificate(tmp_path / "certificate.json")
    assert all(check.holds for check in verify_certificate(snapshot, solution, certificate))


@pytest.mark.parametrize("change", ["zero-prices", "accuracy-1", "no-cycles", "one-capacity-0", "one-ap"])
def test_degenerate_snapshots(solver, change):
    content = snapshot_to_json(twingap.draw(preset="tiny", seed=2, aps=1) if change == "one-ap" else twingap.draw("tiny", 2))
    local, global_ = content["local"], content["global"]
    if change == "zero-prices":
        local |= {"spectrum_cost": 0.0, "cpu_cost": 0.0}
        global_ |= {"spectrum_cost": 0.0, "cpu_cost": 0.0}
    elif change == "accuracy-1":
        local["accuracy"] = [1.0] * len(local["accuracy"])
    elif change == "no-cycles":
        local["cycles"] = [0.0] * len(local["cycles"])
        for committee in global_["committees"]:
            committee["cycles"] = [0.0] * len(committee["cycles"])
    elif change == "one-capacity-0":
        global_["committees"][0]["capacity"] = 0
    snapshot = snapshot_from_json(content)
    result = run(snapshot, solver)
    assert result.bound >= result.objective
    assert result.gap <= max(1e-4, PATIENCE.get(solver, (0.0, 0.0))[0]) or result.stopped != "gap"


def _size(snapshot):
    heads = len(snapshot.local.layout.ap)
    links = snapshot.local.layout.is_link.size + snapshot.global_.layout.is_link.size
    delegates = snapshot.global_.layout.is_delegate.size
    return 3 * heads + links + 2 * delegates + 2 * len(snapshot.local.layout.heads)


def _decisions(snapshot, logs, rng):
    """Feasible decisions from free numbers [n, size]: shares by softmax, CPU by a sigmoid, access by sorting."""
    local, global_ = snapshot.local, snapshot.global_
    n, heads, aps = len(logs), len(local.layout.ap), len(local.layout.heads)
    at = iter(range(logs.shape[1]))

    def take(*shape):
        where = [next(at) for _ in range(int(np.prod(shape)))]
        return logs[:, where].reshape(n, *shape)

    def share(amounts, budget):
        total = sum(a.reshape(n, -1).sum(axis=1) for a in amounts)
        scale = budget / total * (1 - 1e-12) * rng.uniform(0.5, 1.0, n)
        return [a * scale.reshape(-1, *[1] * (a.ndim - 1)) for a in amounts]

    uplink, cpu = np.exp(take(heads)), local.cpu_max_hz / (1 + np.exp(-take(heads)))
    if local.multicast == "group":
        uplink, multicast = share([uplink, np.exp(take(heads))], local.subchannels_max)
        first = twingap.LocalDecision(uplink, cpu, multicast=multicast)
    else:
        links = np.exp(take(*local.layout.is_link.shape)) * local.layout.is_link
        uplink, peer = share([uplink, links], local.subchannels_max)
        first = twingap.LocalDecision(uplink, cpu, peer=peer)
    seats = np.repeat(np.arange(len(global_.capacity)), np.minimum(global_.capacity, aps))
    access = np.stack([rng.permutation(seats)[:aps] for _ in range(n)])
    request = np.exp(take(aps))
    cpu = global_.cpu_max_hz * global_.layout.is_delegate / (1 + np.exp(-take(*global_.layout.is_delegate.shape)))
    if global_.multicast == "group":
        spectrum = np.exp(take(*global_.layout.is_delegate.shape)) * global_.layout.is_delegate
        request, spectrum = share([request, spectrum], global_.subchannels_max)
        second = twingap.GlobalDecision(access, request, cpu, multicast=spectrum)
    else:
        links = np.exp(take(*global_.layout.is_link.shape)) * global_.layout.is_link
        request, peer = share([request, links], global_.subchannels_max)
        second = twingap.GlobalDecision(access, request, cpu, peer=peer)
    return twingap.Decision(first, second)
