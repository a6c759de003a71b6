"""Exit codes, one-line errors, and no files on bad input."""

import json
import subprocess
import sys

import pytest

from twingap.opt.drawing import draw
from twingap.opt.families import draw_family
from twingap.opt.snapshot_file import save_snapshot, snapshot_to_json
from twingap.studies.gap import STUDY as GAP
from twingap.studies.records import Records
from twingap.studies.study_file import write_study_file
from twingap.studies.words import Failure


@pytest.mark.parametrize("ended", ["failed", "not run"])
def test_a_study_of_which_nothing_is_left_is_a_negative_answer_and_no_bad_input(run, tmp_path, ended):
    config = GAP.config(**GAP.tiny)
    cells = GAP.cells(config)
    records = Records(tmp_path)
    records.prepare()
    write_study_file(tmp_path, "gap", config, cells)
    for cell in cells if ended == "failed" else ():
        records.write_failure(cell, Failure("died", "no such luck"), 1.0)
    code, _, said = run("report", tmp_path)
    assert code == 1
    assert said.startswith("twingap: records: ")
    assert said.count("\n") == 1
    assert f"{len(cells)} cells failed or did not run" in said
    assert len((tmp_path / "failures.csv").read_text().splitlines()) > len(cells)
    assert not (tmp_path / "report.html").exists()


@pytest.fixture
def snapshot(tmp_path):
    path = tmp_path / "snapshot.json"
    save_snapshot(draw("tiny", 1), path)
    return path


def test_draw_a_family(run, tmp_path):
    drawn = tmp_path / "drawn.json"
    assert run("draw", "--family", "scarce", "--seed", 4, "--output", drawn)[0] == 0
    assert json.loads(drawn.read_text()) == snapshot_to_json(draw_family("scarce", 4))


def test_draw_solve_verify(run, tmp_path, snapshot):
    drawn, solution = tmp_path / "drawn.json", tmp_path / "solution.json"
    assert run("draw", "--preset", "tiny", "--seed", 1, "--output", drawn)[0] == 0
    assert drawn.read_bytes() == snapshot.read_bytes()
    code, out, _ = run("solve", snapshot, "--output", solution)
    assert code == 0
    for word in ("objective", "bound", "gap", "stopped", "holds", "local", "global", "seconds"):
        assert any(line.split()[0] == word for line in out.splitlines())
    assert run("verify", snapshot, solution)[0] == 0


def test_verify_says_no(run, tmp_path, snapshot):
    solution = tmp_path / "solution.json"
    run("solve", snapshot, "--output", solution)
    claims = json.loads(solution.read_text())
    claims["objective"] += 1.0
    solution.write_text(json.dumps(claims))
    code, out, _ = run("verify", snapshot, solution)
    assert code == 1
    assert "FAILED objective" in out
    code, out, _ = run("verify", snapshot, solution, "--json")
    assert code == 1
    assert json.loads(out)["holds"] is False


def test_certificate_is_written_and_re_proved(run, tmp_path, snapshot):
    solution, certificate = tmp_path / "solution.json", tmp_path / "certificate.json"
    assert run("solve", snapshot, "--output", solution, "--certificate", certificate)[0] == 0
    code, out, _ = run("verify", snapshot, solution, "--certificate", certificate)
    assert code == 0
    assert "ok     local certificate" in out
    claims = json.loads(certificate.read_text())
    claims["local"]["bound"] *= 0.99
    certificate.write_text(json.dumps(claims))
    code, out, _ = run("verify", snapshot, solution, "--certificate", certificate)
    assert code == 1
    assert "FAILED local certificate" in out
    certificate.write_text("{}")
    code, _, err = run("verify", snapshot, solution, "--certificate", certificate)
    assert (code, err.count("\n")) == (2, 1)
    assert run("solve", snapshot, "--solver", "milp", "--certificate", tmp_path / "none.json")[0] == 2
    assert not (tmp_path / "none.json").exists()


def test_a_certificate_is_re_proved_rigorously(run, tmp_path, snapshot, monkeypatch):
    solution, certificate = tmp_path / "solution.json", tmp_path / "certificate.json"
    run("solve", snapshot, "--output", solution, "--certificate", certificate)
    arguments = ("verify", snapshot, solution, "--certificate", certificate, "--rigorous")
    code, out, _ = run(*arguments)
    assert code == 0
    assert "ok     rigorous local certificate" in out
    assert "ok     rigorous global certificate" in out
    claims = json.loads(certificate.read_text())
    claims["global"]["bounds"] = [0.99 * bound for bound in claims["global"]["bounds"]]
    certificate.write_text(json.dumps(claims))
    code, out, _ = run(*arguments, "--json")
    failed = {check["name"] for check in json.loads(out)["checks"] if not check["holds"]}
    assert (code, failed) == (1, {"global certificate", "rigorous global certificate"})
    code, _, err = run("verify", snapshot, solution, "--rigorous")
    assert (code, err.count("\n")) == (2, 1)
    assert "--certificate" in err
    # Without the extra: one line that says what to install.
    for name in [name for name in sys.modules if name.startswith("twingap.opt.rigorous")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    code, _, err = run(*arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert "pip install 'twingap[rigorous]'" in err


def test_solve_as_json(run, snapshot):
    code, out, _ = run("solve", snapshot, "--json")
    assert code == 0
    content = json.loads(out)
    assert content["holds"] == "optimal"
    assert content["objective"] <= content["bound"]
    assert content["stages"]


def test_solvers(run):
    code, out, _ = run("solvers")
    assert code == 0
    assert "decomposition" in out
    assert json.loads(run("solvers", "--json")[1])["decomposition"]["installed"] is True


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["draw", "--preset", "huge", "--output", "{out}"], ["preset", "huge", "tiny", "paper", "plant", "campus"]),
        (["draw", "--family", "huge", "--output", "{out}"], ["family", "huge", "tiny", "whole_perlink", "starved"]),
        (["draw", "--family", "tiny", "--preset", "tiny", "--output", "{out}"], ["--family", "--preset"]),
        (["draw", "--output", "{dir}/nowhere/out.json"], ["nowhere", "cannot be written"]),
        (["draw", "--seed", "-1", "--output", "{out}"], ["--seed"]),
        (["draw"], ["--output"]),
        (["solve", "{dir}/missing.json", "--output", "{out}"], ["missing.json", "cannot be read"]),
        (["solve", "{snapshot}", "--solver", "guess", "--output", "{out}"], ["solver", "guess", "decomposition"]),
        (["solve", "{snapshot}", "--gap", "-1", "--output", "{out}"], ["gap", "-1"]),
        (["solve", "{snapshot}", "--time-limit", "0", "--output", "{out}"], ["time_limit"]),
        (["solve", "{snapshot}", "--gap", "small", "--output", "{out}"], ["--gap"]),
        (["solve", "{snapshot}", "--speed", "3"], ["--speed"]),
        (["solve", "{broken}", "--output", "{out}"], ["broken.json", "local.benefit", "must be > 0"]),
        (["verify", "{snapshot}", "{dir}/missing.json"], ["missing.json"]),
        (["train", "sarsa", "--output", "{out}"], ["sarsa", "mappo"]),
        (["train", "mappo", "--preset", "huge", "--output", "{out}"], ["huge", "tiny"]),
        (["train", "mappo", "--preset", "tiny", "--sigma", "-1", "--output", "{out}"], ["sigma", "-1"]),
        (["train", "mappo", "--preset", "tiny", "--output", "{dir}/nowhere/out"], ["nowhere", "written"]),
        (["train", "mappo", "--preset", "tiny", "--resume", "{snapshot}", "--output", "{out}"], ["snapshot.json"]),
        (["study", "everything", "--output", "{dir}/results"], ["everything", "gap"]),
        (["study", "gap", "--workers", "0", "--output", "{dir}/results"], ["workers"]),
        (["study", "gap", "--config", "{dir}/missing.yaml", "--output", "{dir}/results"], ["missing.yaml"]),
        (["study", "gap", "--config", "{config}", "--output", "{dir}/results"], ["gap.yaml", "sigmas", "unknown", "seeds"]),
        (["report", "{dir}"], ["study.json"]),
        (["tune"], ["NAME"]),
        (["polish"], ["polish"]),
    ],
)
def test_bad_input_is_one_line_exit_2_and_no_file(run, tmp_path, snapshot, arguments, words):
    content = json.loads(snapshot.read_text())
    content["local"]["benefit"] = -1.0
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(content))
    config = tmp_path / "gap.yaml"
    config.write_text("preset: tiny\nsigmas: [0]\n")
    before = sorted(tmp_path.rglob("*"))
    names = {"out": tmp_path / "out", "dir": tmp_path, "snapshot": snapshot, "broken": broken, "config": config}
    code, out, err = run(*(argument.format(**names) for argument in arguments))
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("sigma: [-0.1]", ["sigma", "finite"]),
        ("sigma: []", ["sigma"]),
        ("seeds: [1, 1]", ["seeds", "once"]),
        ("policies: [mappo, psychic]", ["policies", "psychic", "oracle"]),
        ("episodes: 0", ["episodes"]),
        ("training: {updates: 0}", ["training.updates"]),
        ("training: {epochs: 3}", ["training.epochs", "unknown"]),
        ("preset: huge", ["preset", "huge"]),
        ("scenario: {aps: -1}", ["scenario.aps"]),
        ("scenario: {planets: 9}", ["planets"]),
        ("training: {settings: {clip: 3}}", ["training.settings", "unknown"]),
        ("learners: {mappo: {settings: {clip: 3}}}", ["clip"]),
        ("policies: [mine]\nlearners: {mine: {learner: sarsa}}", ["learner", "sarsa", "mappo"]),
        ("learners: {static: {learner: mappo}}", ["learners", "static"]),
        ("- a\n- b", ["keys and values"]),
        ("{", ["YAML"]),
    ],
)
def test_a_bad_configuration_is_one_line_before_any_work(run, tmp_path, line, words):
    config = tmp_path / "gap.yaml"
    config.write_text(line)
    code, out, err = run("study", "gap", "--config", config, "--output", tmp_path / "results")
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err
    assert not (tmp_path / "results").exists()


def test_solving_loads_neither_torch_nor_pandas(snapshot):
    code = (
        "import sys; sys.argv = ['twingap', 'solve', sys.argv[1]]\n"
        "from twingap.studies.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    subprocess.run([sys.executable, "-c", code, str(snapshot)], check=True, capture_output=True)


def test_help_lists_the_commands(run):
    for arguments in ([], ["--help"]):
        code, out, _ = run(*arguments)
        assert code == 0
        for command in ("draw", "solve", "verify", "solvers", "train", "tune", "study", "report"):
            assert command in out


@pytest.mark.slow
def test_train_writes_a_checkpoint_and_goes_on(run, tmp_path):
    first, then = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    arguments = ("train", "mappo", "--preset", "tiny", "--sigma", "0.1", "--seed", "0")
    code, out, _ = run(*arguments, "--updates", "3", "--output", first)
    assert code == 0
    assert "gap to the certified bound" in out
    code, out, _ = run(*arguments, "--resume", first, "--output", then, "--json")
    assert code == 0
    assert json.loads(out)["updates"] == 3
    code, _, err = run(*arguments, "--resume", first, "--updates", "5", "--output", then)
    assert code == 2
    assert "updates" in err
    code, _, err = run("train", "mappo", "--preset", "tiny", "--sigma", "0.2", "--resume", first, "--output", then)
    assert code == 2
    assert "sigma" in err
