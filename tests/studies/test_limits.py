"""Hard limits: what overruns is killed with everything it started, and is a row with the reason; the others finish."""

import os
import time
from pathlib import Path

import pytest
from rich.console import Console

from twingap.opt.errors import InputError
from twingap.studies.cells import Cell
from twingap.studies.limits import Limits, descendants, exceeds
from twingap.studies.progress import Lines
from twingap.studies.records import Records
from twingap.studies.runner import run_cells
from twingap.studies.workers import Workers

# Whole runs with processes of their own; generous, for machines that do other things as well.
pytestmark = pytest.mark.timeout(300)
MEMORY = 500_000_000


@pytest.fixture
def run(tmp_path, monkeypatch):
    """run(cells) -> Records, on works of ``cell_works``."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))

    def call(*cells, workers=2):
        records = Records(tmp_path)
        records.prepare()
        failed = run_cells(cells, records, Lines(Console(quiet=True)), Workers(workers, records))
        assert {cell.key for cell in failed} == {cell.key for cell in cells if records.failure(cell.key)}
        return records

    return call


def cell(work, limits=None, **settings):
    return Cell(work, f"cell_works:{work}", settings, limits=limits or Limits())


def gone(pid):
    """True when the process has ended (or ends within a moment)."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_named_semaphores_go_with_the_cell_that_made_them(run):
    one = cell("lock")
    made = run(one).result(one.key)
    assert made["there"]
    assert not Path(made["path"]).exists()


@pytest.mark.slow
def test_what_hangs_or_takes_40_gb_is_killed_and_the_others_finish(run, tmp_path):
    pids = tmp_path / "pids"
    hung = cell("hang", Limits(time=3.0), pids=str(pids))
    taken = [cell(work, Limits(memory=MEMORY)) for work in ("take", "take_at_once", "take_elsewhere")]
    fine = [cell("square", Limits(time=100.0, memory=MEMORY), x=x) for x in range(4)]
    records = run(hung, *taken, *fine)
    assert [records.result(one.key)["square"] for one in fine] == [0, 1, 4, 9]
    failure = records.failure(hung.key)
    assert failure is not None
    assert (failure["reason"], failure["error"]) == ("time_limit", "time limit 3 s: killed")
    assert all(gone(int(pid)) for pid in pids.read_text().split())
    for one in taken:
        failure = records.failure(one.key)
        assert failure is not None
        assert failure["reason"] == "memory_limit", failure["error"]
        assert failure["error"].splitlines()[-1].startswith("memory limit 0.5 GB")


@pytest.mark.slow
def test_every_end_has_its_reason_and_nothing_is_left_behind(run, tmp_path):
    pids = tmp_path / "pids"
    cells = [cell("fail"), cell("vanish"), cell("crash"), cell("leave_behind", pids=str(pids))]
    records = run(*cells)
    failures = [records.failure(one.key) or {} for one in cells]
    assert [failure.get("reason") for failure in failures] == ["error", "died", "died", None]
    assert failures[0]["error"].strip().endswith("ValueError: no such luck")
    assert "Traceback" in failures[0]["error"]
    assert failures[1]["error"] == "the process died with exit code 7"
    assert failures[2]["error"] == "the process was killed by SIGSEGV"
    assert all(gone(int(pid)) for pid in pids.read_text().split())


@pytest.mark.slow
def test_a_cell_waits_for_what_it_needs_and_does_not_run_without(run):
    squares = [cell("square", x=x) for x in (3, 4)]
    broken = cell("fail")
    keys = [one.key for one in squares]
    after = Cell("after", "cell_works:after", {"of": keys}, needs=tuple(keys))
    never = Cell("never", "cell_works:after", {"of": []}, needs=(keys[0], broken.key))
    records = run(never, after, broken, *squares)
    assert records.result(after.key) == {"sum": 25}
    assert not records.has(never)
    assert records.failure(never.key) is None


def test_memory_is_that_of_the_whole_tree():
    assert os.getpid() in descendants(os.getppid())
    assert descendants(os.getpid()) == [] or os.getpid() not in descendants(os.getpid())
    assert exceeds([os.getpid()], 1_000_000)
    assert not exceeds([os.getpid()], 10**12)
    assert not exceeds([], 0)


def test_workers_are_counted(tmp_path):
    with pytest.raises(InputError, match="workers"):
        Workers(0, Records(tmp_path))
