"""What callers give and solvers answer: one rule, one line, and no solver changes what it is scored on."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import twingap
from twingap.opt.arguments import seed, seeds
from twingap.opt.errors import InputError, NothingFoundError
from twingap.opt.fingerprint import digest
from twingap.opt.registry import SOLVERS, SolverEntry, find_solver, registered_solvers
from twingap.opt.result import Answer, Budget
from twingap.opt.solve import solve
from twingap.opt.solvers.decomposition import solve as decompose
from twingap.rl.environment import make_env
from twingap.rl.twin import twin_errors

RNG = np.random.default_rng


@pytest.fixture
def planted(monkeypatch):
    """Registers a solver of this function."""

    def plant(function):
        monkeypatch.setitem(SOLVERS, "planted", SolverEntry("tests:planted", "nothing", "everything"))
        monkeypatch.setattr("twingap.opt.solve.find_solver", lambda _: function)

    return plant


@pytest.mark.parametrize("wrong", [-1, 2**63, 3.0, "3", True, None, [3], np.float64(3), math.nan, np.array([3, 4])])
def test_seeds_by_one_rule_everywhere(wrong):
    env = make_env("tiny", num_envs=1)
    given = (
        seed,
        lambda each: twingap.draw("tiny", each),
        lambda each: make_env("tiny", seed=each),
        lambda each: make_env("tiny", system_seed=each),
        lambda each: twingap.solve(twingap.draw("tiny"), seed=each),
        lambda each: twingap.train("mappo", env, seed=each, updates=1),
        lambda each: twingap.measure_gap("static", "tiny", seeds=[0, each]),
    )
    for call in given:
        with pytest.raises(InputError, match="seed"):
            call(wrong)
    if wrong is not None:
        with pytest.raises(InputError, match=r"^seed: "):
            env.reset(wrong)


def test_numbers_of_numpy_are_numbers():
    assert seeds(np.arange(2)) == (0, 1)
    assert seeds(np.int64(4)) == (4,)
    assert twin_errors(np.array(0.25)) == (0.25,)
    assert [math.copysign(1.0, each) for each in twin_errors([-0.0, np.float32(0.5), 1])] == [1.0, 1.0, 1.0]
    assert digest(twingap.draw("tiny", np.int64(3))) == digest(twingap.draw("tiny", 3))
    assert twingap.preset("tiny", aps=np.int64(3)).aps == 3
    env = make_env("tiny", num_envs=1)
    np.testing.assert_array_equal(env.reset(np.uint8(7)).local, env.reset(7).local)


@pytest.mark.parametrize(
    "wrong",
    [[], [0.0, -0.0], [0.1, 0.10000000001], -0.1, math.nan, math.inf, 11, 10**400, "0.1", ["0.1"], True, {"sinr": 0.1}, None],
)
def test_twin_errors_that_are_refused(wrong):
    with pytest.raises(InputError, match=r"^sigma"):
        twin_errors(wrong)


def off(snapshot):
    return decompose(snapshot, Budget(), RNG(0)).decision


ANSWERS = {
    "None": None,
    "a tuple": (1.0, 2.0),
    "its class": Answer,
    "a bound that is nan": Answer(None, local_bound=math.nan),
    "a bound that is -inf": Answer(None, global_bound=-math.inf),
    "a bound that is a text": Answer(None, local_bound="1"),
    "a bound that is true": Answer(None, local_bound=True),
    "a reason of its own": Answer(None, stopped="tired"),
    "a proof that is none": Answer(None, proof=3),
    "a trace that is none": Answer(None, trace=[1.0]),
    "stages that are none": Answer(None, stages=None),
    "a certificate that is none": Answer(None, certificate="yes"),
    "a decision that is none": Answer({"local": 1}),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_garbage_is_one_line_that_names_the_solver(planted, answer):
    planted(lambda *_: answer)
    with pytest.raises(InputError, match=r"^solver 'planted': answered .*; a solver must return an opt\.result\.Answer$"):
        solve(twingap.draw("tiny"), "planted")


def test_a_decision_of_no_numbers_names_solver_and_field(planted):
    def run(snapshot, _budget, _rng):
        decision = off(snapshot)
        return Answer(replace(decision, local=replace(decision.local, uplink=decision.local.uplink.astype(object))))

    planted(run)
    with pytest.raises(InputError, match=r"^solver 'planted': decision: local\.uplink: holds object"):
        solve(twingap.draw("tiny"), "planted")


def test_a_solver_changes_neither_its_snapshot_nor_what_it_answered(planted):
    held = []

    def run(snapshot, _budget, _rng):
        decision = off(snapshot)
        buffer = np.array(decision.local.uplink)
        held.append(buffer)
        for part in (snapshot.local, snapshot.global_):
            for array in (part.cpu_max_hz, part.cycles, part.sinr_peer):
                array.setflags(write=True)
                array *= 100.0
            object.__setattr__(part, "benefit", 1e9)
        return Answer(replace(decision, local=replace(decision.local, uplink=buffer)))

    snapshot = twingap.draw("tiny", 1)
    before, honest = digest(snapshot), solve(snapshot)
    planted(run)
    result = solve(snapshot, "planted")
    assert digest(snapshot) == before
    assert result.objective == honest.objective
    held[0][...] = 0.0
    np.testing.assert_array_equal(result.decision.local.uplink, honest.decision.local.uplink)


@pytest.mark.parametrize("solver", sorted(SOLVERS))
def test_no_solver_of_ours_writes_into_its_snapshot(solver):
    if registered_solvers()[solver].missing:
        pytest.skip(f"{solver} is not installed")
    snapshot = twingap.draw("tiny", 2)
    before = digest(snapshot)
    try:
        find_solver(solver)(snapshot, Budget(gap=0.5, time_limit=2.0), RNG(0))
    except InputError as error:
        pytest.skip(str(error))
    assert digest(snapshot) == before


def test_what_a_solver_raises_goes_through_with_its_name(planted):
    def fails(*_):
        raise ZeroDivisionError("mine")

    planted(fails)
    with pytest.raises(ZeroDivisionError, match=r"^mine") as raised:
        solve(twingap.draw("tiny"), "planted")
    assert raised.value.__notes__ == ["solver 'planted' raised this on tiny-0"]
    planted(lambda *_: sys.exit(0))
    with pytest.raises(NothingFoundError, match=r"^solver 'planted' called sys\.exit\(0\)"):
        solve(twingap.draw("tiny"), "planted")


BROKEN = {
    "raises": 'raise RuntimeError("boom")',
    "exits": "import sys; sys.exit(0)",
    "does not parse": "def (",
    "has it not": "x = 1",
    "is no function": "run = 3",
    "is a broken entry": "from twingap.opt.registry import SolverEntry\nrun = SolverEntry(3, 'nothing', 'all')",
    "prints": 'print("hello")\nraise KeyError',
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_a_package_that_breaks_is_a_row_and_nothing_more(tmp_path, source):
    about = tmp_path / "evil-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    groups = ("solvers", "baselines", "learners", "studies")
    (about / "entry_points.txt").write_text("".join(f"[twingap.{group}]\nbad = evil:run\n" for group in groups))
    (tmp_path / "evil.py").write_text(source)
    script = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from twingap.opt.errors import InputError
from twingap.opt.registry import find_entry, find_solver, registered_solvers
from twingap.baselines.registry import find_baseline
from twingap.rl.learners import find_learner
from twingap.studies.registry import find_study
assert find_solver("decomposition")
row = registered_solvers()["bad"]
assert row.origin == "evil" and row.why_not, row
assert find_entry("decomposition").certifies
for find, field in ((find_solver, "solver"), (find_baseline, "baseline"), (find_learner, "learner"), (find_study, "study")):
    try:
        answer = find("bad")
        assert find is find_baseline and not callable(answer) or find is find_baseline, find
    except InputError as error:
        assert str(error).startswith(field) and "'bad'" in str(error) and "\\n" not in str(error), error
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
