"""Ctrl-C and SIGTERM while solving: every registered solver ends at once, what it holds is printed and written, code 130."""

import functools
import json
import signal
import subprocess
import sys

import pytest

import twingap
from twingap.opt.interrupt import SolveInterrupted
from twingap.opt.registry import registered_solvers
from twingap.opt.result import Answer, Deadline
from twingap.opt.snapshot_file import save_snapshot
from twingap.opt.solution_file import load_solution

# The command line, with the solver saying "begun" on the true stderr (modelling libraries catch the other one) DELAY seconds
# after it began.
BEGUN = """
import os, sys, threading
import twingap.opt.solve as door
from twingap.studies.cli import main
delay, stderr, find = float(sys.argv.pop(1)), os.dup(2), door.find_solver
def finding(name):
    solver = find(name)
    def begun(*given):
        said = threading.Timer(delay, os.write, (stderr, b"begun\\n"))
        said.daemon = True
        said.start()
        return solver(*given)
    return begun
door.find_solver = finding
main()
"""
# Nobody closes this gap before the signal comes (whole subchannels, for who handles them), and all end long before PATIENCE.
HARD = {"preset": "paper", "committees": 4, "aps": 12, "delegates": (9, 9)}
GAP, LIMIT, PATIENCE = "0", "500", 60.0


def interrupted(arguments, number, delay=1.0):
    """(code, stdout, stderr) of the command line that got this signal after its solver began; None when it ended before."""
    # A shell that starts this test in the background has it ignore interrupts, and children inherit that.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(
        [sys.executable, "-c", BEGUN, str(delay), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=listening,
    )
    try:
        assert running.stderr is not None
        before = ""
        while "begun" not in before:
            line = running.stderr.readline()
            if not line:
                assert running.wait() in (0, 2), before
                running.communicate()
                return None
            before += line
        running.send_signal(number)
        out, said = running.communicate(timeout=PATIENCE)
    finally:
        running.kill()
    return running.returncode, out, said


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    """Snapshots: divisible subchannels, and whole ones."""
    folder = tmp_path_factory.mktemp("hard")
    for name, whole in (("divisible", False), ("whole", True)):
        save_snapshot(twingap.draw(seed=0, whole_subchannels=whole, **HARD), folder / f"{name}.json")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["sigint", "sigterm"])
@pytest.mark.parametrize("solver", sorted(registered_solvers()))
def test_every_solver_ends_with_what_it_holds(hard, tmp_path, run, solver, number):
    entry = registered_solvers()[solver]
    if entry.missing:
        pytest.skip(f"{solver} needs {', '.join(entry.missing)}")
    output = tmp_path / "solution.json"
    snapshot = hard / ("whole.json" if solver == "decomposition" else "divisible.json")
    asked = ["solve", snapshot, "--solver", solver, "--gap", GAP, "--time-limit", LIMIT, "--output", output]
    ended = interrupted(asked, number)
    if ended is None:
        pytest.skip(f"{solver} ended by itself before it was interrupted (or has no licence)")
    code, out, said = ended
    assert (code, said.strip()) == (130, "twingap: interrupted")
    assert any(line.split() == ["stopped", "interrupted"] for line in out.splitlines())
    solution = load_solution(output, twingap.load_snapshot(snapshot))
    assert solution.stopped == "interrupted"
    assert solution.decision is not None
    assert run("verify", snapshot, output)[0] == 0


@pytest.mark.slow
def test_json_of_an_interrupted_solve_is_one_object(hard):
    asked = ["solve", hard / "divisible.json", "--solver", "bnb", "--gap", GAP, "--time-limit", LIMIT, "--json"]
    ended = interrupted(asked, signal.SIGINT)
    assert ended is not None
    assert ended[0] == 130
    assert json.loads(ended[1])["stopped"] == "interrupted"


@pytest.fixture
def plugged(monkeypatch):
    """Puts a function in the place of somebody else's solver; Ctrl-C raises KeyboardInterrupt where nobody listens."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def plug(function):
        monkeypatch.setattr("twingap.opt.solve.find_solver", lambda _: function)
        monkeypatch.setattr("twingap.opt.solve.prepare_solver", lambda *_: None)
        return "theirs"

    yield plug
    signal.signal(signal.SIGINT, before)


def test_python_raises_keyboard_interrupt_with_the_result(plugged):
    def looking(snapshot, budget, rng):
        del snapshot, rng
        deadline = Deadline(budget.time_limit)
        signal.raise_signal(signal.SIGINT)
        assert deadline.passed
        assert deadline.left == 0.0
        return Answer(None, local_bound=1e6, global_bound=2e6, stopped="time_limit")

    with pytest.raises(KeyboardInterrupt) as raised:
        twingap.solve(twingap.draw("tiny", 0), solver=plugged(looking))
    assert isinstance(raised.value, SolveInterrupted)
    result = raised.value.result
    assert (result.stopped, result.holds, result.bound) == ("interrupted", "none", 3e6)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not Deadline(1.0).passed  # the interrupt was that solve's alone


def test_a_solver_that_never_looks_ends_all_the_same(plugged, monkeypatch):
    monkeypatch.setattr("twingap.opt.interrupt.GRACE", 0.1)

    def deaf(snapshot, budget, rng):
        del snapshot, budget, rng
        signal.raise_signal(signal.SIGINT)
        while True:
            pass

    with pytest.raises(KeyboardInterrupt) as raised:
        twingap.solve(twingap.draw("tiny", 0), solver=plugged(deaf))
    assert not isinstance(raised.value, SolveInterrupted)


def test_a_solver_that_raises_keyboard_interrupt_leaves_no_file(plugged, tmp_path):
    from twingap.studies.snapshot_commands import solve

    def angry(snapshot, budget, rng):
        del snapshot, budget, rng
        raise KeyboardInterrupt

    save_snapshot(twingap.draw("tiny", 0), tmp_path / "s.json")
    with pytest.raises(KeyboardInterrupt):
        solve(tmp_path / "s.json", plugged(angry), output=tmp_path / "o.json")
    assert not (tmp_path / "o.json").exists()


def test_who_handles_signals_themselves_keeps_that(plugged):
    heard = []

    def mine(number, frame):
        del frame
        heard.append(number)

    def solving(snapshot, budget, rng):
        del snapshot, budget, rng
        signal.raise_signal(signal.SIGINT)
        return Answer(None, stopped="time_limit")

    solver = plugged(solving)
    signal.signal(signal.SIGINT, mine)
    assert twingap.solve(twingap.draw("tiny", 0), solver=solver).stopped == "time_limit"
    assert heard == [signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is mine


def test_a_second_signal_ends_everything():
    """Also while a solver does not look."""
    stuck = (
        "import signal, time\n"
        "from twingap.opt.interrupt import ends_the_process, listening\n"
        "from twingap.opt.stop import Stop\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "stop = Stop()\n"
        "with ends_the_process(), listening(stop, patient=True):\n"
        "    print('begun', flush=True)\n"
        "    while not stop.interrupted: time.sleep(0.01)\n"
        "    print('first', flush=True)\n"
        "    while True: time.sleep(0.01)\n"
    )
    running = subprocess.Popen([sys.executable, "-c", stuck], stdout=subprocess.PIPE, text=True)
    with running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        running.send_signal(signal.SIGINT)
        assert running.stdout.readline() == "first\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=PATIENCE) == -signal.SIGINT
