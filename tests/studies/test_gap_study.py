"""The gap study end to end on preset tiny, through the command line, with real worker processes."""

import csv
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFIG = """
preset: tiny
sigma: [0, 0.1]
seeds: [0, 1]
policies: [{policies}]
episodes: 3
length: 2
replicates: 200
training: {{updates: 3, num_envs: 8}}
"""
# Worker processes on a busy machine that compiles first.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
RESULTS = ("gap.csv", "episodes.csv", "curves.csv", "gap_anatomy.csv", "episodes_anatomy.csv")


def command(*arguments):
    return [sys.executable, "-c", "from twingap.studies.cli import main; main()", *map(str, arguments)]


def study(directory, policies="mappo, certainty_equivalent, static, random", env=None):
    config = directory.parent / "gap.yaml"
    config.write_text(CONFIG.format(policies=policies))
    arguments = command("study", "gap", "--config", config, "--output", directory, "--workers", "2")
    return subprocess.run(arguments, capture_output=True, text=True, check=False, env={**os.environ, **(env or {})})


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    directory = tmp_path_factory.mktemp("study") / "results"
    done = study(directory)
    assert done.returncode == 0, done.stderr
    return directory, done


def test_the_table_is_printed_and_every_cell_has_a_record(first):
    directory, done = first
    assert re.search(r"^mappo +\d", done.stdout, re.MULTILINE)
    assert len(list((directory / "records").glob("*.json"))) == 2 + 4 * 2 * 2
    assert not list((directory / "failures").glob("*.json"))
    with open(directory / "gap.csv", newline="") as rows:
        table = list(csv.DictReader(rows))
    assert len(table) == 4 * 2 * 3
    for row in table:
        assert float(row["gap_to_incumbent"]) <= float(row["gap"]) + 1e-12
        assert float(row["gap_low"]) <= float(row["gap_high"])
        assert float(row["utility"]) <= float(row["bound"])
        if row["policy"] == "certainty_equivalent" and row["sigma"] == "0.0":
            assert float(row["gap"]) < 2e-3


def test_same_seeds_same_bytes_twice(first, tmp_path):
    directory, _ = first
    again = tmp_path / "again"
    assert study(again).returncode == 0
    for name in RESULTS:
        assert (again / name).read_bytes() == (directory / name).read_bytes()


def test_started_again_it_runs_only_what_is_missing(first):
    directory, _ = first
    before = {name: (directory / name).read_bytes() for name in RESULTS}
    records = sorted((directory / "records").glob("*.json"))
    lost = next(path for path in records if json.loads(path.read_text())["settings"].get("policy") == "static")
    lost.unlink()
    kept = {path: path.stat().st_mtime_ns for path in records if path != lost}
    done = study(directory)
    assert done.returncode == 0, done.stderr
    assert lost.exists()
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    assert {name: (directory / name).read_bytes() for name in RESULTS} == before


def test_the_page_fetches_nothing(first):
    directory, _ = first
    page = (directory / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "oracle is not among the policies measured" in page
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", page)
    assert not re.search(r"@import|url\((?!#)|<script[^>]*src|<link|<iframe", page)
    for name in ("gap", "learning", "distribution"):
        assert (directory / f"report-{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (directory / f"report-{name}.svg").read_text().startswith("<svg")


def test_report_makes_the_same_tables_again(first):
    directory, _ = first
    before = (directory / "gap.csv").read_bytes()
    (directory / "gap.csv").unlink()
    done = subprocess.run(command("report", directory), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (directory / "gap.csv").read_bytes() == before


PLANTED = '''
import os
from dataclasses import replace
from twingap.baselines.solver_decisions import planned_decisions


class Overspender:
    """Plans with three times the spectrum, and makes its environment execute that as it is."""

    def __init__(self, environment):
        self.environment, honest = environment, environment.step
        environment.step = lambda answer: replace(honest(answer), decision=self.asked)

    def act(self, observation):
        truth = self.environment.truth
        local = replace(truth.local, subchannels_max=3.0 * truth.local.subchannels_max)
        self.asked = planned_decisions(replace(truth, local=local))
        return self.asked


def make(environment, rng):
    return Overspender(environment)


def die(environment, rng):
    os._exit(9)
'''


def test_a_planted_policy_that_beats_the_bound_and_one_that_dies_fail_the_study_loudly(tmp_path):
    """Both come from another package's entry points; the other cells still count."""
    about = tmp_path / "package" / "planted-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[twingap.baselines]\nover = planted:make\ndies = planted:die\n")
    (about.parent / "planted.py").write_text(PLANTED)
    env = {"PYTHONPATH": str(about.parent), "TWINGAP_REPLAY_DIR": str(tmp_path / "replay")}
    done = study(tmp_path / "results", "over, dies, static", env)
    assert done.returncode == 1
    assert "FalseBoundError" in done.stderr
    assert "exit code 9" in done.stderr
    assert list((tmp_path / "replay").glob("*over-local.evidence.json"))
    with open(tmp_path / "results" / "failures.csv", newline="") as rows:
        failures = list(csv.DictReader(rows))
    assert len(failures) == 8
    with open(tmp_path / "results" / "gap.csv", newline="") as rows:
        assert {row["policy"] for row in csv.DictReader(rows)} == {"static"}
    assert "cells failed" in (tmp_path / "results" / "report.html").read_text()


def test_interrupted_it_leaves_whole_records_only(tmp_path):
    config = tmp_path / "gap.yaml"
    config.write_text(CONFIG.format(policies="mappo, static").replace("updates: 3", "updates: 10000"))
    arguments = command("study", "gap", "--config", config, "--output", tmp_path / "results")
    # A shell that starts this test in the background has it ignore interrupts, and children inherit that.
    listening = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    running = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listening)
    records = tmp_path / "results" / "records"
    deadline = time.monotonic() + 200.0
    while not list(records.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    try:
        _, said = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130
    assert said.strip().endswith("interrupted")
    for path in Path(records).iterdir():
        if path.name.startswith(".") and path.suffix == ".part":
            continue  # no record: a worker was killed while it wrote, and the next start removes it
        assert path.suffix == ".json"
        json.loads(path.read_text())
