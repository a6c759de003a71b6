"""One battery for every registered study: its tiny configuration runs, continues, reports, and bad input is one line."""

import json
import sys

import pytest
import yaml

from twingap.opt.errors import InputError
from twingap.studies.cli import main
from twingap.studies.config import StudyConfig, checked, read_config
from twingap.studies.registry import find_study, registered_studies
from twingap.studies.run_study import collect_study
from twingap.studies.study_file import CONFIG

pytestmark = pytest.mark.timeout(900)
NAMES = sorted(registered_studies())


def call(monkeypatch, *arguments):
    """Exit code of the command line, in process."""
    monkeypatch.setattr(sys, "argv", ["twingap", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code or 0


@pytest.fixture(scope="module", params=NAMES)
def ran(request, tmp_path_factory):
    """(name, configuration file, results directory) of a study that ran once."""
    directory = tmp_path_factory.mktemp(request.param)
    config = directory / "tiny.yaml"
    config.write_text(yaml.safe_dump(dict(find_study(request.param).tiny)))
    with pytest.MonkeyPatch.context() as patch:
        code = call(patch, "study", request.param, "--config", config, "--output", directory / "results", "--workers", 2)
    assert code == 0
    return request.param, config, directory / "results"


def records_of(results):
    return {path.name: path.stat().st_mtime_ns for path in (results / "records").iterdir()}


def tables_of(results):
    return {path.name: path.read_bytes() for path in results.glob("*.csv")}


@pytest.mark.slow
def test_every_cell_has_its_record_and_the_page_is_whole(ran):
    _, _, results = ran
    cells = json.loads((results / "study.json").read_text())["cells"]
    assert set(records_of(results)) == {f"{cell['key']}.json" for cell in cells}
    assert not list((results / "failures").iterdir())
    page = (results / "report.html").read_text()
    assert page.rstrip().endswith("</html>")
    assert collect_study(results).lines


@pytest.mark.slow
def test_started_again_it_runs_what_is_missing_and_finds_the_same(ran, monkeypatch):
    name, config, results = ran
    before, tables = records_of(results), tables_of(results)
    (results / "records" / sorted(before)[0]).unlink()
    lost = sorted(before)[0]
    assert call(monkeypatch, "study", name, "--config", config, "--output", results) == 0
    after = records_of(results)
    assert set(after) == set(before)
    assert [key for key in before if after[key] != before[key]] == [lost]
    shown = find_study(name).tables(collect_study(results).results)
    assert {f"{stem}.csv" for stem in shown} <= set(tables)
    if name == "gap":
        # Times are no results; a study that measures them cannot repeat them.
        assert {stem: tables_of(results)[f"{stem}.csv"] for stem in shown} == {stem: tables[f"{stem}.csv"] for stem in shown}


@pytest.mark.slow
def test_report_needs_the_directory_alone(ran, monkeypatch):
    _, _, results = ran
    tables = tables_of(results)
    for path in [*results.glob("*.csv"), *results.glob("report*")]:
        path.unlink()
    assert call(monkeypatch, "report", results) == 0
    assert tables_of(results) == tables
    assert (results / "report.html").exists()


@pytest.mark.slow
def test_the_page_opens_in_a_browser(ran, check_page):
    _, _, results = ran
    check_page(results / "report.html")


@pytest.mark.slow
def test_the_configuration_beside_the_page_is_the_same_study(ran, monkeypatch):
    name, _, results = ran
    written = read_config(find_study(name).config, results / CONFIG)
    assert {cell.key for cell in find_study(name).cells(written)} == {path.stem for path in (results / "records").iterdir()}
    monkeypatch.setattr("twingap.studies.table_files.find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"pip install 'twingap\[parquet\]'"):
        collect_study(results, parquet=True)


@pytest.mark.slow
def test_a_lost_cell_is_a_row_of_the_report(ran, monkeypatch, capsys):
    _, _, results = ran
    lost = sorted((results / "records").iterdir())[-1]
    content = lost.read_bytes()
    lost.unlink()
    try:
        code = call(monkeypatch, "report", results)
        assert code == 1
        assert f"FAILED {json.loads(content)['title']}: not run" in capsys.readouterr().err
        assert "not_run" in (results / "failures.csv").read_text()
    finally:
        lost.write_bytes(content)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("text", "word"),
    [("wrong_key: 1", "wrong_key"), ("cell_time_limit: -1", "cell_time_limit"), ("[", "YAML"), ("- 1", "keys")],
)
def test_a_bad_configuration_is_one_line_and_no_file(name, text, word, tmp_path, monkeypatch, capsys):
    config = tmp_path / "bad.yaml"
    config.write_text(text)
    code = call(monkeypatch, "study", name, "--config", config, "--output", tmp_path / "results")
    said = capsys.readouterr().err
    assert code == 2
    assert said.count("\n") == 1
    assert word in said
    assert "bad.yaml" in said
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("name", NAMES)
def test_configurations_have_defaults_and_cells_have_limits(name):
    study = find_study(name)
    assert issubclass(study.config, StudyConfig)
    assert study.cells(study.config())
    cells = study.cells(checked(study.config, dict(study.tiny)))
    assert len({cell.key for cell in cells}) == len(cells)
    assert {cell.key for cell in study.cells(checked(study.config, dict(study.tiny)))} == {cell.key for cell in cells}
    for cell in cells:
        assert cell.limits.time is not None
        assert cell.limits.memory is not None
        assert set(cell.needs) <= {other.key for other in cells}
        json.dumps(cell.settings, allow_nan=False)
