"""The one way to run a solver: scored by the equations, its bound checked, its claims verifiable."""

import dataclasses
import json
import math

import numpy as np
import pytest

from twingap.opt.bounds import assert_not_beaten
from twingap.opt.decision import Decision, GlobalDecision, LocalDecision
from twingap.opt.errors import FalseBoundError, InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.registry import SOLVERS, SolverEntry, find_solver
from twingap.opt.result import Answer, relative_gap
from twingap.opt.snapshot_file import load_snapshot
from twingap.opt.solution_file import load_solution, save_solution
from twingap.opt.solve import InfeasibleAnswerError, solve
from twingap.opt.verify import verify

DECISION = Decision(
    LocalDecision(np.array([2.0, 1, 3, 2, 4]), np.array([5.0, 8, 10, 4, 8]), multicast=np.array([3.0, 4, 6, 0, 0])),
    GlobalDecision(
        np.array([0, 1, 0]),
        np.array([3.0, 1, 1]),
        np.array([[4.0, 3, 2], [5, 2, 0]]),
        multicast=np.array([[3.0, 4, 4], [1, 2, 0]]),
    ),
)


@pytest.fixture
def answering(monkeypatch):
    """Registers a solver that gives this answer."""

    def register(answer):
        monkeypatch.setitem(SOLVERS, "planted", SolverEntry("tests:planted", "nothing", "everything"))
        monkeypatch.setattr("twingap.opt.solve.find_solver", lambda _: lambda *_: answer)

    return register


def test_the_equations_score_and_null_stays_null(by_hand, answering, tmp_path):
    snapshot = by_hand()
    answering(Answer(DECISION))
    result = solve(snapshot, solver="planted")
    earned = evaluate(snapshot, DECISION)
    assert result.objective == earned.utility
    assert result.local.objective == earned.local.utility
    assert result.bound == math.inf
    assert result.gap == math.inf
    assert result.holds == "feasible"
    save_solution(result, snapshot, tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text())
    assert content["bound"] is None
    assert content["gap"] is None
    assert content["parts"]["global"]["bound"] is None
    assert content["decision"]["local"]["uplink"] == [2.0, 1.0, 3.0, 2.0, 4.0]
    assert content["decision"]["global"]["multicast"] == [[3.0, 4.0, 4.0], [1.0, 2.0]]


def test_no_decision_is_no_result(by_hand, answering, tmp_path):
    answering(Answer(None, local_bound=500.0, global_bound=400.0, stopped="time_limit"))
    result = solve(by_hand(), solver="planted")
    assert (result.holds, result.stopped, result.bound) == ("none", "time_limit", 900.0)
    assert math.isnan(result.objective)
    save_solution(result, by_hand(), tmp_path / "s.json")
    assert load_solution(tmp_path / "s.json", by_hand()).decision is None
    assert not verify(by_hand(), load_solution(tmp_path / "s.json", by_hand())).holds


@pytest.mark.parametrize("part", ["local", "global"])
def test_a_beaten_bound_fails_loudly_and_saves_the_snapshot(by_hand, answering, tmp_path, monkeypatch, part):
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path / "replay"))
    earned = evaluate(by_hand(), DECISION)
    bounds = {"local_bound": float(earned.local.utility), "global_bound": float(earned.global_.utility)}
    answering(Answer(DECISION, **bounds))
    assert solve(by_hand(), solver="planted").holds == "optimal"
    bounds[f"{part}_bound"] -= 1e-3
    # What one part's false bound misses, the other's slack must not hide.
    bounds["global_bound" if part == "local" else "local_bound"] += 1.0
    answering(Answer(DECISION, **bounds))
    with pytest.raises(FalseBoundError, match="above the proved bound"):
        solve(by_hand(), solver="planted")
    saved = next((tmp_path / "replay").glob("*.snapshot.json"))
    assert evaluate(load_snapshot(saved), DECISION).utility == earned.utility
    evidence = json.loads(next((tmp_path / "replay").glob("*.evidence.json")).read_text())
    assert evidence["utility"] > evidence["bound"]


def test_nan_utility_counts_as_beating(by_hand, tmp_path, monkeypatch):
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path))
    with pytest.raises(FalseBoundError):
        assert_not_beaten(math.nan, 1.0, by_hand(), DECISION, "nan")


def test_an_infeasible_decision_is_a_bug(by_hand, answering):
    greedy = dataclasses.replace(DECISION, local=dataclasses.replace(DECISION.local, uplink=np.full(5, 100.0)))
    answering(Answer(greedy))
    with pytest.raises(InfeasibleAnswerError):
        solve(by_hand(), solver="planted")


def test_impossible_options_name_themselves(by_hand):
    for options, field in (
        ({"gap": -1.0}, "gap"),
        ({"gap": math.nan}, "gap"),
        ({"time_limit": 0.0}, "time_limit"),
        ({"time_limit": math.nan}, "time_limit"),
        ({"solver": "magic"}, "solver"),
    ):
        with pytest.raises(InputError) as caught:
            solve(by_hand(), **options)
        assert caught.value.field == field


def test_a_solver_with_missing_packages_says_which(monkeypatch):
    monkeypatch.setitem(SOLVERS, "far", SolverEntry("far:solve", "nothing", "everything", requires=("no_such_package",)))
    with pytest.raises(InputError, match="no_such_package"):
        find_solver("far")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (dataclasses.replace(DECISION.local, uplink=np.ones(4)), "local.uplink"),
        (dataclasses.replace(DECISION.local, multicast=None), "local.multicast"),
        (dataclasses.replace(DECISION.local, peer=np.ones((3, 3, 3))), "local.peer"),
    ],
)
def test_decisions_of_the_wrong_shape_are_named(by_hand, wrong, field):
    with pytest.raises(InputError) as caught:
        evaluate(by_hand(), dataclasses.replace(DECISION, local=wrong))
    assert caught.value.field == field


def test_verification_notices_every_false_claim(by_hand, answering, tmp_path):
    snapshot = by_hand()
    earned = evaluate(snapshot, DECISION)
    answering(Answer(DECISION, local_bound=float(earned.local.utility) + 1, global_bound=float(earned.global_.utility) + 1))
    file = tmp_path / "s.json"
    save_solution(solve(snapshot, solver="planted"), snapshot, file)
    truth = json.loads(file.read_text())
    assert verify(snapshot, load_solution(file, snapshot)).holds

    def failing(change):
        content = json.loads(json.dumps(truth))
        change(content)
        file.write_text(json.dumps(content))
        return {check.name for check in verify(snapshot, load_solution(file, snapshot)).checks if not check.holds}

    assert failing(lambda c: c.update(objective=c["objective"] + 1)) >= {"objective", "gap"}
    assert failing(lambda c: c.update(bound=c["objective"] - 1)) >= {"bound not beaten", "gap"}
    assert failing(lambda c: c.update(gap=0.0)) == {"gap"}
    assert failing(lambda c: c.update(snapshot="other")) == {"snapshot"}
    assert failing(lambda c: c["parts"]["local"].update(bound=c["parts"]["local"]["objective"] - 1)) == {
        "local bound not beaten"
    }
    assert "constraint local.C2" in failing(lambda c: c["decision"]["local"]["cpu_hz"].__setitem__(0, 7.0))
    assert "constraint global.C4" in failing(lambda c: c["decision"]["global"].update(access=[0, 0, 0]))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda c: c["decision"]["local"].pop("uplink"), "decision.local.uplink"),
        (lambda c: c["decision"]["local"].update(peer=[]), "decision.local.peer"),
        (lambda c: c["decision"]["global"]["access"].__setitem__(1, 2), "decision.global.access[1]"),
        (lambda c: c["decision"]["global"]["cpu_hz"][1].append(1.0), "decision.global.cpu_hz[1]"),
        (lambda c: c.update(stopped="tired"), "stopped"),
        (lambda c: c.update(bound="high"), "bound"),
        (lambda c: c["parts"].pop("global"), "parts.global"),
        (lambda c: c.update(colour=1), "colour"),
    ],
)
def test_malformed_solutions_name_the_field(by_hand, answering, tmp_path, change, field):
    answering(Answer(DECISION))
    file = tmp_path / "s.json"
    save_solution(solve(by_hand(), solver="planted"), by_hand(), file)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    with pytest.raises(InputError) as caught:
        load_solution(file, by_hand())
    assert caught.value.field == field


@pytest.mark.parametrize(("objective", "bound", "gap"), [(100.0, 101.0, 0.01), (-50.0, -49.0, 0.02), (0.0, 1e-9, 1.0)])
def test_relative_gap_by_hand(objective, bound, gap):
    assert relative_gap(objective, bound) == pytest.approx(gap)


def test_relative_gap_without_numbers():
    assert relative_gap(math.nan, 1.0) == math.inf
    assert relative_gap(1.0, math.inf) == math.inf
