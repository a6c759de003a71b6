"""The command's promise at every end: one line, codes 0, 1, 2 and 130, and with --json one object and nothing else."""

import json
import os
import subprocess
import sys

import pytest

from twingap.opt.drawing import draw
from twingap.opt.evaluation import evaluate
from twingap.opt.snapshot_file import save_snapshot
from twingap.opt.solution_file import load_solution, save_solution
from twingap.opt.solve import solve
from twingap.opt.verify import verify

POLICIES = """
import os, sys
from twingap.baselines.nothing import nothing

def prints(observation):
    print("debug")
    return nothing(observation.twin)

def prints_below_python(observation):
    os.write(1, b"debug\\n")
    return nothing(observation.twin)

def exits(observation):
    raise SystemExit(0)

def fails(observation):
    raise ValueError("mine\\nin two lines")

no_policy = 3
"""


@pytest.fixture
def snapshot(tmp_path):
    path = tmp_path / "snapshot.json"
    save_snapshot(draw("tiny", 1), path)
    return path


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A working directory with policies in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_policies.py").write_text(POLICIES)
    (tmp_path / "quits_at_once.py").write_text("print('hello')\nraise SystemExit(0)\n")
    (tmp_path / "no_python.py").write_text("def (\n")
    yield
    for name in ("own_policies", "quits_at_once", "no_python"):
        sys.modules.pop(name, None)


def command(*arguments, before="", **options):
    """The command in a process of its own: (code, stdout, stderr)."""
    code = f"{before}\nfrom twingap.studies.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output="stdout" not in options, **options)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("policy", ["prints", "prints_below_python"])
@pytest.mark.usefixtures("here")
def test_json_is_one_object_whatever_a_policy_prints(snapshot, policy):
    code, out, err = command("measure", snapshot, "--policy", f"own_policies:{policy}", "--sigma", 0, "--json")
    assert code == 0
    assert {row["policy"] for row in json.loads(out)} == {f"own_policies:{policy}"}
    assert b"debug" in err


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("own_policies:exits", ["SystemExit", "own_policies.py, line"]),
        ("own_policies:fails", ["ValueError: mine in two lines", "own_policies.py, line 17"]),
        ("own_policies:no_policy", ["int", "callable"]),
        ("own_policies:missing", ["missing"]),
        ("own_policies:", ["module:function"]),
        ("quits_at_once:policy", ["SystemExit"]),
        ("no_python:policy", ["SyntaxError", "no_python.py, line 1"]),
        ("no_such_module:policy", ["no_such_module"]),
    ],
)
@pytest.mark.usefixtures("here")
def test_a_policy_that_ends_otherwise_is_one_line_that_names_it(run, snapshot, policy, words):
    code, out, err = run("measure", snapshot, "--policy", policy, "--sigma", 0, "--json")
    assert (code, out) == (2, "")
    # What the policy prints is its own; the first to come here may wait for compiling, and is told so.
    said = [line for line in err.splitlines() if line.startswith("twingap: ") and "compiling" not in line]
    assert len(said) == 1
    for word in [policy, *words]:
        assert word in said[0]


def test_a_closed_pipe_changes_no_code(snapshot, tmp_path):
    """Whoever looks at the first lines only has no failure: 0 stays 0, and 1 stays a negative answer."""
    for arguments, expected in ((("list", "presets"), 0), (("--help",), 0), (("verify", snapshot, tmp_path / "none"), 2)):
        reader, writer = os.pipe()
        os.close(reader)
        try:
            code, _, err = command(*arguments, stdout=writer, stderr=subprocess.PIPE)
        finally:
            os.close(writer)
        assert code == expected
        assert err.count(b"\n") == (1 if expected else 0)


def test_nobody_reads_complaints(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    try:
        code, _, _ = command("solve", tmp_path / "none.json", stdout=writer, stderr=writer)
    finally:
        os.close(writer)
    assert code == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [("list", "solvers", "--json"), ("--help",), ("--version",)])
def test_an_answer_that_cannot_be_written_is_one_line(arguments):
    with open("/dev/full", "wb") as full:
        code, _, err = command(*arguments, stdout=full, stderr=subprocess.PIPE)
    assert code == 2
    assert err == b"twingap: stdout: cannot be written (No space left on device); give the answer a place\n"


def test_a_closed_stdout_is_no_error():
    code, out, err = command("list", "presets", before="import os, sys; os.close(1); sys.stdout = None")
    assert (code, out, err) == (0, b"", b"")


def test_paths_are_shown_as_they_were_typed():
    name = "dir-\N{LATIN SMALL LETTER U WITH DIAERESIS}/none.json"
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    code, _, err = command("solve", name, env=os.environ | plain)
    assert code == 2
    assert err.startswith(b"twingap: " + name.encode())
    # Who asks for ASCII gets ASCII.
    code, _, err = command("solve", name, env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1"})
    assert code == 2
    assert err.startswith(b"twingap: dir-\\xfc/none.json")


@pytest.mark.parametrize("way", ["raise KeyError('lost')", "raise SystemExit(0)", "raise MemoryError"])
def test_what_nobody_expects_is_one_line_too(run, monkeypatch, way):
    from twingap.studies import list_command

    def presets():
        exec(way)

    monkeypatch.setitem(list_command.LISTED, list_command.Kind.PRESETS, presets)
    code, out, err = run("list", "presets")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "unexpected" in err
    assert "TWINGAP_TRACEBACK" in err
    monkeypatch.setenv("TWINGAP_TRACEBACK", "1")
    assert "Traceback" in run("list", "presets")[2]


def test_the_version_and_the_package_as_a_program(run):
    code, out, _ = run("--version")
    assert (code, out) == (0, "twingap 0.1.0\n")
    done = subprocess.run([sys.executable, "-m", "twingap", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == out


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("presets", "paper"),
        ("families", "scarce"),
        ("policies", "oracle"),
        ("learners", "mappo"),
        ("solvers", "decomposition"),
        ("studies", "gap"),
    ],
)
def test_names_are_listed(run, kind, name):
    code, out, _ = run("list", kind)
    assert code == 0
    assert any(line.split()[0] == name and len(line.split()) > 1 for line in out.splitlines())
    rows = json.loads(run("list", kind, "--json")[1])
    assert [row["name"] for row in rows] == [line.split()[0] for line in out.splitlines()]


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (".", ["journal", "file"]),
        ("/", ["journal", "file"]),
        ("missing/journal", ["journal", "existing directory"]),
        ("mysql://user@localhost/db", ["pip install mysqlclient"]),
        ("postgresql+psycopg2://user@localhost/db", ["pip install psycopg2-binary"]),
        ("redis://localhost", ["redis"]),
        ("sqlite:////missing/x.db", ["unable to open"]),
    ],
)
def test_a_storage_that_cannot_be_had_is_one_line(run, tmp_path, monkeypatch, storage, words):
    pytest.importorskip("optuna")
    monkeypatch.chdir(tmp_path)
    for driver in ("MySQLdb", "psycopg2"):
        monkeypatch.setitem(sys.modules, driver, None)
    code, out, err = run("tune", "ddqn", "--trials", 1, "--preset", "tiny", "--storage", storage)
    assert (code, out, err.count("\n")) == (2, "", 1)
    for word in ["--storage", *words]:
        assert word in err
    assert not list(tmp_path.rglob("*.workers"))


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_a_table_with_another_separator_says_which(run, tmp_path, snapshot, separator, name):
    table = tmp_path / "epochs.csv"
    lines = [["epoch", "local.benefit", "local.decay"], ["a", "3,5", "1,0"]]
    table.write_text("\n".join(map(separator.join, lines)))
    code, _, err = run("measure", table, "--base", snapshot, "--policy", "equal_shares")
    assert (code, err.count("\n")) == (2, 1)
    assert "epochs.csv" in err
    assert name in err


def test_nothing_is_violated_by_less_than_nothing(tmp_path):
    snapshot, path = draw("tiny", 1), tmp_path / "solution.json"
    found = solve(snapshot)
    save_solution(found, snapshot, path)
    earned = evaluate(snapshot, found.decision)
    assert "-0.0" in {str(float(x)) for part in (earned.local, earned.global_) for x in part.violations.values()}
    checks = verify(snapshot, load_solution(path, snapshot)).checks
    constraints = [check.detail for check in checks if check.name.startswith("constraint")]
    assert constraints
    assert not [detail for detail in constraints if "-0" in detail.replace("e-0", "")]
