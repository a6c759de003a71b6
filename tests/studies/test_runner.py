"""Cells and records: keys, resume, failures, time limits."""

import json

import pytest
from rich.console import Console

from twingap.opt.errors import InputError
from twingap.studies.cells import Cell, code_version
from twingap.studies.limits import NO_LIMITS, Limits
from twingap.studies.progress import Lines, TerminalBars, progress_on
from twingap.studies.records import Records
from twingap.studies.runner import run_cells
from twingap.studies.words import Failure
from twingap.studies.workers import Workers

EPOCHS = {"preset": "tiny", "scenario": {}, "seed": 0, "episodes": 1, "length": 1}


def certify(limits=NO_LIMITS, **changes):
    return Cell("bounds", "twingap.studies.gap_cells:certify_epochs", {"epochs": EPOCHS | changes}, limits=limits)


@pytest.fixture
def records(tmp_path):
    made = Records(tmp_path)
    made.prepare()
    return made


def failure_time(records):
    return max(path.stat().st_mtime_ns for path in records.directory.glob("failures/*.json"))


def lines():
    return Lines(Console(quiet=True))


def test_the_key_depends_on_everything_that_decides_the_result():
    keys = {certify().key, certify(seed=1).key, certify(length=2).key, certify(scenario={"aps": 3}).key}
    keys |= {Cell("bounds", "twingap.studies.gap_cells:other", {"epochs": EPOCHS}).key}
    keys |= {Cell("bounds", "twingap.studies.gap_cells:certify_epochs", {"epochs": EPOCHS}, code="other").key}
    assert len(keys) == 6
    assert Cell("another title", "twingap.studies.gap_cells:certify_epochs", {"epochs": EPOCHS}).key == certify().key
    assert code_version().startswith("0.")


@pytest.mark.slow
def test_done_cells_do_not_run_again_and_failures_on_request(records):
    cells = [certify(), certify(preset="huge")]
    assert run_cells(cells, records, lines(), Workers(2, records)) == [cells[1]]
    first = records.record(cells[0].key)
    assert first is not None
    assert first["result"]["local_bound"][0][0] > 0.0
    failure = records.failure(cells[1].key)
    assert failure is not None
    assert "InputError" in failure["error"]
    assert records.record(cells[1].key) is None
    before = failure_time(records)
    assert run_cells(cells, records, lines(), Workers(2, records)) == [cells[1]]
    assert failure_time(records) == before
    assert run_cells(cells, records, lines(), Workers(2, records), retry_failed=True) == [cells[1]]
    assert failure_time(records) > before
    assert records.record(cells[0].key) == first
    assert not list(records.directory.glob("claims/*"))


@pytest.mark.slow
def test_a_cell_that_overruns_is_killed(records):
    cell = certify(Limits(time=0.2), preset="plant", episodes=50, length=20)
    assert run_cells([cell], records, lines(), Workers(2, records)) == [cell]
    failure = records.failure(cell.key)
    assert failure is not None
    assert failure["reason"] == "time_limit"


@pytest.mark.slow
def test_a_cell_of_other_sources_is_refused(records):
    cell = Cell("bounds", "twingap.studies.gap_cells:certify_epochs", {"epochs": EPOCHS}, code="0.0+other")
    assert run_cells([cell], records, lines(), Workers(2, records)) == [cell]
    failure = records.failure(cell.key)
    assert failure is not None
    assert "source changed" in failure["error"]


def test_a_damaged_record_is_named(records):
    cell = certify()
    records.write(cell, {"x": 0.1 + 0.2}, 1.0)
    assert records.result(cell.key) == {"x": 0.1 + 0.2}
    path = next(records.directory.glob("records/*.json"))
    path.write_text("{")
    with pytest.raises(InputError, match=path.name):
        records.record(cell.key)
    path.write_text(json.dumps({"format": "twingap.record", "key": "other"}))
    with pytest.raises(InputError, match=path.name):
        records.record(cell.key)
    with pytest.raises(InputError, match="no record"):
        records.result("missing")


def test_progress_is_plain_lines_when_not_a_terminal(capsys):
    progress = progress_on(Console())
    assert isinstance(progress, Lines)
    cell = certify()
    other = certify(seed=1)
    progress.begin([cell, other], done=2, failed=1, workers=2)
    progress.started(cell)
    progress.advanced(cell, 1, 2)
    progress.put_back(cell)
    progress.finished(cell, 180.0, None)
    progress.finished(other, 1.5, Failure("error", "Traceback\nValueError: no"))
    progress.end()
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("2 of 5")
    assert out[1].startswith("1 of 5 cells failed before; --retry-failed")
    assert out[2].startswith("[  4/5] bounds")
    assert out[2].endswith("180.0 s  about 2 min left")
    assert out[3].endswith("FAILED: ValueError: no")
    assert isinstance(progress_on(Console(force_terminal=True)), TerminalBars)


def test_bars_on_a_terminal(tmp_path):
    with open(tmp_path / "terminal", "w") as stream:
        progress = TerminalBars(Console(file=stream, force_terminal=True))
        cell = certify()
        progress.begin([cell], done=0, failed=0, workers=1)
        progress.started(cell)
        progress.put_back(cell)
        progress.started(cell)
        progress.advanced(cell, 1, 2)
        progress.finished(cell, 1.5, Failure("error", "ValueError: no"))
        progress.end()
    assert "FAILED: ValueError: no" in (tmp_path / "terminal").read_text()
