"""Every example runs as it is printed; the example package is installed and followed from its README, without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
PACKAGE = EXAMPLES / "twingap-example"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*arguments, cwd, path=()):
    """What a Python process printed, started in another directory with ``path`` in front."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run([sys.executable, *map(str, arguments)], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A directory of its own that pip installed the example package into; twingap is that of this environment."""
    target = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "package"
    # A copy: building leaves files beside the sources.
    subprocess.run(["cp", "-r", str(PACKAGE), str(source)], check=True)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check", "--target", target]
    run("-m", "pip", "install", *options, source, cwd=target)
    return target


def snippet():
    """The Python of the README."""
    (code,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    return code


def shown():
    """What the README says that it prints."""
    return re.findall(r"```\n( +policy.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)[0]


def test_the_readmes_snippet_measures_a_function_of_ones_own(installed, tmp_path):
    code = snippet()
    assert len([line for line in code.splitlines() if line.strip()]) < 15
    (tmp_path / "mine.py").write_text(code)
    said = run("mine.py", cwd=tmp_path, path=[installed])
    rows, expected = (
        {(policy, float(sigma)): [float(x) for x in rest] for policy, sigma, *rest in table(each)} for each in (said, shown())
    )
    assert rows.keys() == expected.keys()
    for row, numbers in expected.items():
        assert rows[row] == pytest.approx(numbers, abs=2e-6)
    assert {policy for policy, _ in rows} == {"mine", "by_load", "certainty_equivalent", "oracle"}
    for gap, slack, twin, own in rows.values():
        assert slack + twin + own == pytest.approx(gap, abs=2e-6)
    assert rows["mine", 0.0] != rows["by_load", 0.0]
    assert "mine" in (tmp_path / "gap.html").read_text()


def table(text):
    """Rows of a printed data frame, index dropped."""
    lines = [line.split() for line in text.splitlines()]
    return [line[1:] for line in lines if line and line[0].isdigit()]


def test_the_installed_solver_is_listed_and_its_bound_holds(installed, tmp_path):
    code = """
import twingap
from twingap.opt.registry import registered_solvers
entry = registered_solvers()["random_search"]
assert entry.origin == "twingap-example" and entry.draws and "per_link" not in entry.handles and not entry.missing, entry
for changes in ({}, {"timeout_rule": "cap"}, {"floor_adaptation": False}, {"committees": 3, "aps": 4}):
    snapshot = twingap.draw("tiny", seed=1, **changes)
    mine, certified = twingap.solve(snapshot, solver="random_search", time_limit=5.0), twingap.solve(snapshot)
    again = twingap.solve(snapshot, solver="random_search", time_limit=5.0)
    assert again.stopped != "exhausted" or again.objective == mine.objective
    assert 0.0 < mine.objective <= certified.bound, mine
    assert mine.local.bound >= certified.local.objective and mine.global_.bound >= certified.global_.objective, mine
for name, changes in (("local.multicast", {"multicast": "per_link"}), ("local.whole_subchannels", {"whole_subchannels": True})):
    try:
        twingap.solve(twingap.draw("tiny", seed=1, **changes), solver="random_search")
    except twingap.InputError as error:
        assert name in str(error), error
    else:
        raise AssertionError(name)
print("held")
"""
    assert run("-c", code, cwd=tmp_path, path=[installed]) == "held\n"


def test_the_contract_meets_the_installed_solver(installed):
    """It says what it handles, so the battery of our own solvers knows which modes it may refuse."""
    battery = ROOT / "tests" / "contract" / "test_solvers.py"
    chosen = "random_search and (answers_hold or unsupported or same_seed)"
    said = run("-m", "pytest", "-p", "no:cacheprovider", battery, "-k", chosen, cwd=ROOT, path=[installed])
    assert re.search(r"\b18 passed", said), said


def test_the_heuristic(tmp_path):
    rows = [line.split() for line in run(EXAMPLES / "heuristic.py", cwd=tmp_path).splitlines()[1:]]
    gaps = {(policy, sigma): float(gap) for policy, sigma, gap, *_ in rows}
    assert len(gaps) == 8
    assert 0.0 < gaps["square_root_rule", "0.0"] < 1.0
    assert gaps["oracle", "0.0"] < 1e-3


def test_the_solver_plugin(tmp_path):
    gaps = [float(gap) for gap in re.findall(r"gap (\S+) %", run(EXAMPLES / "solver_plugin.py", cwd=tmp_path))]
    assert len(gaps) == 3
    assert all(0.0 <= gap < 100.0 for gap in gaps)
