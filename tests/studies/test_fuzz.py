"""Damaged study files, snapshots and records: a clear line and exit 2, or a correct run; never a traceback, never half a file.

2,000 mutations and some more with fixed seeds, through the same entry as the command line, in process.
"""

import json
import random
import re
import shutil
import warnings
from pathlib import Path

import pytest
import yaml

from twingap.opt.drawing import draw
from twingap.opt.errors import InputError
from twingap.opt.snapshot_file import save_snapshot
from twingap.rl.learners import LEARNERS, find_learner
from twingap.studies.config import checked
from twingap.studies.registry import find_study
from twingap.studies.tuning.config import TuneConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
VALUES = [
    "-1",
    "0",
    "1",
    "1e308",
    "-1e308",
    "1e-320",
    "NaN",
    "Infinity",
    "null",
    "true",
    '"x"',
    "[]",
    "{}",
    "[[1]]",
    "1" * 400,
    "~",
]
CHARACTERS = "{}[]\",:-.0123456789eE+x \n\t\\'#&*!|>%@`\x00\ud800é\u202e"


def mutated(text, rng):
    """The text with one to three faults: a value replaced, a key lost, characters changed, a piece lost, doubled or cut off."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(max(1, len(text)))
        length = rng.choice([1, 1, 2, 5, 20, 200])
        kind = rng.randrange(6)
        numbers = list(re.finditer(r"-?\d+\.?\d*(?:e[+-]?\d+)?", text))
        if kind <= 1 and numbers:
            number = rng.choice(numbers)
            text = text[: number.start()] + rng.choice(VALUES) + text[number.end() :]
        elif kind == 2:
            text = text[:at] + rng.choice(CHARACTERS) + text[at + 1 :]
        elif kind == 3:
            text = text[:at] + text[at + length :]
        elif kind == 4:
            text = text[:at] + text[at : at + length] + text[at:]
        else:
            text = text[: at if rng.random() < 0.3 else len(text)] + rng.choice(CHARACTERS)
    return text


def write(path, text):
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


@pytest.fixture
def run(run):
    """run(arguments...) -> (exit code, stderr). Warnings are what they are on the command line, and no errors."""

    def call(*arguments):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code, _, said = run(*arguments)
        assert code in (0, 1, 2)
        if code == 2:
            assert said.startswith("twingap: ")
            assert said.count("\n") == 1, said
        return code, said

    return call


def test_study_files(run, tmp_path):
    """Of the gap study; a valid one is turned away by the number of workers, which comes last."""
    text = yaml.safe_dump(dict(find_study("gap").tiny) | {"scenario": {"aps": 2}, "learners": {"m": {"learner": "mappo"}}})
    rng = random.Random(1)
    path, valid = tmp_path / "gap.yaml", 0
    for _ in range(700):
        write(path, mutated(text, rng))
        code, said = run("study", "gap", "--config", path, "--workers", 0, "--output", tmp_path / "results")
        assert code == 2
        valid += "workers" in said
        assert [each.name for each in tmp_path.iterdir()] == ["gap.yaml"]
    assert 0 < valid < 700


@pytest.mark.parametrize("learner", sorted(LEARNERS))
def test_settings_of_learners(run, tmp_path, learner):
    """In the study file that ``twingap tune`` writes and ``train`` and ``study`` read: checked before any cell runs."""
    settings = find_learner(learner).settings().to_json()
    text = yaml.safe_dump(
        {"preset": "tiny", "policies": ["m"], "learners": {"m": {"learner": learner, "settings": settings, "tuned_on": [7]}}}
    )
    rng = random.Random(learner)
    path, valid = tmp_path / "best.yaml", 0
    for _ in range(30):
        write(path, mutated(text, rng))
        code, said = run("study", "gap", "--config", path, "--workers", 0, "--output", tmp_path / "results")
        assert code == 2
        valid += "workers" in said
    assert valid < 30
    assert [each.name for each in tmp_path.iterdir()] == ["best.yaml"]


def test_configurations_of_tuning():
    whole = TuneConfig(learner="mappo", preset="tiny", fixed={"local.hidden": 16}, updates=40, num_envs=8).model_dump(
        mode="json"
    )
    text = yaml.safe_dump(whole)
    rng = random.Random(5)
    refused = 0
    for _ in range(300):
        try:
            content = yaml.safe_load(mutated(text, rng).encode("utf-8", "surrogatepass"))
        except (yaml.YAMLError, UnicodeDecodeError):
            continue
        if isinstance(content, dict):
            refused += not is_complete(content)
    assert refused > 50


def is_complete(content):
    """Whether it is a configuration; InputError, and nothing else, says that it is none."""
    try:
        checked(TuneConfig, content).complete()
    except InputError:
        return False
    return True


def test_studies_that_validate_run(run, tmp_path, monkeypatch):
    """Mutations of a study of cheap cells: turned away, or run to the end, failed cells as rows; eight at most are run."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    rng = random.Random(4)
    path, results, ran = tmp_path / "cheap.yaml", tmp_path / "results", 0
    text = "cells: 2\nseconds: 0.01\ncell_time_limit: 20.0\ncell_memory_limit: 4.0\n"
    for _ in range(80):
        write(path, mutated(text, rng))
        code, said = run("study", "cheap_study:STUDY", "--config", path, "--output", results)
        if code == 2:
            assert not results.exists(), said
            continue
        ran += 1
        assert not list(results.rglob("*.part"))
        assert run("report", results)[0] == code
        assert len(list(results.glob("records/*.json"))) + len(list(results.glob("failures/*.json"))) > 0
        assert (results / "cells.csv").read_bytes().endswith(b"\n")
        shutil.rmtree(results)
        if ran == 8:
            break
    assert ran > 2


def test_snapshots(run, tmp_path):
    save_snapshot(draw("tiny", 0), tmp_path / "whole.json")
    text = (tmp_path / "whole.json").read_text()
    rng = random.Random(2)
    path, solution, valid = tmp_path / "snapshot.json", tmp_path / "solution.json", 0
    for n in range(700):
        write(path, mutated(text, rng))
        code, said = run("solve", path, "--time-limit", 0.2, "--gap", 1e-2, "--output", solution)
        assert "FalseBoundError" not in said
        if solution.exists():
            assert code < 2
            valid += 1
            json.loads(solution.read_text())
            if n % 4 == 0 and code == 0:
                assert run("verify", path, solution)[0] == 0
            solution.unlink()
        else:
            assert code > 0
        assert not list(tmp_path.glob(".*"))
    assert 0 < valid < 700


@pytest.fixture
def results(run, tmp_path, monkeypatch):
    """Results directory of a study of four cells."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    config = tmp_path / "cheap.yaml"
    config.write_text("{cells: 4, seconds: 0}")
    assert run("study", "cheap_study:STUDY", "--config", config, "--output", tmp_path / "results")[0] == 0
    return tmp_path / "results"


def test_records_and_the_files_beside_them(run, results):
    """Reported and run again: both refuse a damaged file by name, or find what was found before."""
    files = [results / "study.json", *sorted(results.glob("records/*.json"))]
    whole = {path: path.read_text() for path in files}
    tables = {path: path.read_bytes() for path in results.glob("*.csv")}
    rng = random.Random(3)
    refused = 0
    for n in range(600):
        path = files[n % len(files)]
        write(path, mutated(whole[path], rng))
        code, said = run("report", results)
        refused += code == 2
        if code == 2:
            assert path.name in said or "results" in said, said
        for table in results.glob("*.csv"):
            assert table.read_bytes().endswith(b"\n")
        assert not list(results.rglob("*.part"))
        path.write_text(whole[path])
    assert refused > 300
    assert run("report", results)[0] == 0
    assert {path: path.read_bytes() for path in results.glob("*.csv")} == tables
