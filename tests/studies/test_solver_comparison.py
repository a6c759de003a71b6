"""The solver comparison: rows and tables from made-up records, bad configurations, and runs through the command line."""

import csv
import json
import math
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

import twingap
from twingap.opt.errors import FalseBoundError, InputError
from twingap.opt.snapshot_file import save_snapshot, snapshot_to_json
from twingap.studies.config import checked
from twingap.studies.outcome import Outcome
from twingap.studies.report.comparison_figures import families_compared
from twingap.studies.report.style import look
from twingap.studies.solver_comparison import cells_of_comparison
from twingap.studies.solver_comparison_config import ComparisonConfig
from twingap.studies.solver_comparison_results import collect_comparison

MACHINE = {"processor": "made up"}
NAMES = ("one", "two")
CONFIG = ComparisonConfig(
    solvers=("decomposition", "multistart", "milp", "scip", "gurobi"), families={"tiny": (0, 1)}, time_limit=10.0, gap=0.01
)


def settings(solver, name, seed=0):
    return {"solver": solver, "name": name, "seed": seed, "draws": solver == "multistart"}


def record(of, result):
    return {
        "title": "a cell",
        "settings": of,
        "seconds": 1.0,
        "peak_memory": 5e6,
        "machine": MACHINE,
        "code": "0",
        "result": result,
    }


def kept(name):
    snapshot = snapshot_to_json(twingap.draw("tiny", 0))
    return record({"name": name, "group": "made up", "source": {}}, {"snapshot": snapshot})


def answered(solver, name, seconds, objective, bound, trace=(), seed=0, stopped="gap"):
    """Everything in the local part: objective, bound null for none."""
    known = objective is not None and bound is not None
    gap = (bound - objective) / max(abs(objective), 1e-9) if known else None
    parts = {"local": {"objective": objective, "bound": bound}, "global": {"objective": 0.0, "bound": 0.0}}
    solution = {"objective": objective, "bound": bound, "gap": gap, "stopped": stopped, "seconds": seconds, "parts": parts}
    result = {"solution": solution, "processor_seconds": 0.5 * seconds, "trace": list(trace), "versions": {"lib": "1"}}
    return record(settings(solver, name, seed), result)


def refused(solver, name, why="mode"):
    return record(settings(solver, name), {"refused": why, "why": f"is {why}"})


def failed(solver, name, reason):
    return {"title": "a cell", "settings": settings(solver, name), "seconds": 90.0, "reason": reason, "error": "so it went"}


@pytest.fixture
def results():
    records = [
        kept("one"),
        kept("two"),
        answered("decomposition", "one", 2.0, 100.0, 100.5, [[1.0, 90.0, 110.0]]),
        answered("decomposition", "two", 4.0, 50.0, 50.0),
        # Half of the seeds find it on snapshot one, both on two.
        answered("multistart", "one", 10.0, 100.2, None, [[3.0, 100.0, None]], seed=0, stopped="time_limit"),
        answered("multistart", "one", 10.0, 60.0, None, seed=1, stopped="time_limit"),
        answered("multistart", "two", 6.0, 49.9, None, [[1.0, 49.9, None]], seed=0, stopped="exhausted"),
        answered("multistart", "two", 6.0, 49.9, None, [[2.0, 49.9, None]], seed=1, stopped="exhausted"),
        answered("milp", "one", 10.5, 100.0, 100.4),
        refused("milp", "two"),
        refused("gurobi", "one", "licence"),
        refused("gurobi", "two", "licence"),
        answered("scip", "two", 10.0, None, 80.0, stopped="time_limit"),
    ]
    return collect_comparison(CONFIG, Outcome(tuple(records), (failed("scip", "one", "memory_limit"),)))


def row(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_outcomes(results):
    outcomes = {(r["snapshot"], r["run"]): r["outcome"] for r in results.runs.to_dict("records")}
    assert outcomes == {
        ("one", "decomposition"): "proved",
        ("two", "decomposition"): "proved",
        ("one", "multistart (seed 0)"): "time limit",
        ("one", "multistart (seed 1)"): "time limit",
        ("two", "multistart (seed 0)"): "ended",
        ("two", "multistart (seed 1)"): "ended",
        ("one", "milp"): "late",
        ("two", "milp"): "unsupported",
        ("one", "scip"): "killed (memory)",
        ("two", "scip"): "no decision",
        ("one", "gurobi"): "licence",
        ("two", "gurobi"): "licence",
    }


def test_scores_by_hand(results):
    best = row(results.runs, snapshot="one", run="decomposition")
    assert (best["best_objective"], best["best_bound"]) == (100.2, 100.4)
    assert (best["scored"], best["found_seconds"], best["gap_left"]) == (2.0, 2.0, pytest.approx(0.005))
    # 1 until 1 s, (110 - 90)/90 until 2 s, then (100.5 - 100)/100 until 10 s.
    assert best["gap_integral"] == pytest.approx(1.0 + 2 / 9 + 8 * 0.005)
    assert best["primal_integral"] == pytest.approx(1.0 + 10.2 / 100.2 + 8 * 0.2 / 100.2)
    assert best["dual_integral"] == pytest.approx(1.0 + 9.8 / 100.2 + 8 * 0.3 / 100.2)
    lucky = row(results.runs, snapshot="one", run="multistart (seed 0)")
    assert (lucky["scored"], lucky["proved_seconds"], lucky["found_seconds"], lucky["gap_integral"]) == (10, math.inf, 3, 10)
    assert row(results.runs, snapshot="one", run="milp")["scored"] == 10.0
    killed = row(results.runs, snapshot="one", run="scip")
    assert (killed["scored"], killed["gap_left"], killed["primal_integral"], killed["detail"]) == (10, 1, 10, "so it went")
    for snapshot in NAMES:
        assert math.isnan(row(results.runs, snapshot=snapshot, run="gurobi")["scored"])


def test_solvers_by_hand(results):
    ours = row(results.solvers, solver="decomposition")
    assert [ours[n] for n in ("taken", "proved", "found", "failed", "fastest")] == [2, 2, 2, 0, 2]
    assert ours["median_seconds"] == 3.0
    assert ours["shifted_mean"] == pytest.approx(math.sqrt(12.0 * 14.0) - 10.0)
    theirs = row(results.solvers, solver="multistart")
    # The median over seeds of (3, never) is never, of (1, 2) it is 1.5.
    assert [theirs[n] for n in ("taken", "proved", "found", "fastest")] == [2, 0, 1, 0]
    assert row(results.scores, snapshot="two", solver="multistart")["found_seconds"] == 1.5
    assert [row(results.solvers, solver="milp")[n] for n in ("taken", "proved", "found", "unsupported")] == [1, 0, 0, 1]
    assert [row(results.solvers, solver="scip")[n] for n in ("taken", "failed", "gap_left")] == [2, 1, 1.0]
    none = row(results.solvers, solver="gurobi")
    assert (none["taken"], none["licence"]) == (0, 2)
    assert math.isnan(none["shifted_mean"])
    best = row(results.solvers, solver="virtual best")
    assert (best["taken"], best["proved"], best["median_seconds"]) == (2, 2, 3.0)


def test_pairs_by_hand(results):
    pair = row(results.pairs, solver="multistart", other="decomposition")
    assert (pair["factor"], pair["snapshots"]) == (pytest.approx(math.sqrt(10 / 2 * 10 / 4)), 2)
    assert row(results.pairs, solver="milp", other="decomposition")["snapshots"] == 1
    assert row(results.pairs, solver="gurobi", other="decomposition")["snapshots"] == 0


def test_how_close_bounds_were(results):
    ours = row(results.bounds, prover="decomposition")
    assert (ours["snapshots"], ours["snapshot"], ours["against"]) == (2, "one", "multistart (seed 0)")
    # Sum and local part of one: three others each with an objective; of two: two others; global part: 0 against 0.
    assert ours["smallest_margin"] == 0.0 or ours["smallest_margin"] == pytest.approx(0.3 / 100.5)


def test_a_contradiction_stops_and_names_the_snapshot(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path))
    records = (
        kept("one"),
        answered("decomposition", "one", 1.0, 100.0, 100.1),
        answered("milp", "one", 1.0, 90.0, 99.0),
    )
    with pytest.raises(FalseBoundError, match=r"snapshot one: milp proves 99\.0"):
        collect_comparison(CONFIG, Outcome(records, ()))
    assert json.loads((tmp_path / "one.snapshot.json").read_text())["format"] == "twingap.snapshot"
    own = record(settings("milp", "one"), {"false_bound": "milp earns more on one"})
    with pytest.raises(FalseBoundError, match="milp earns more on one"):
        collect_comparison(CONFIG, Outcome((kept("one"), own), ()))


def test_dots_of_families_are_drawn_together_and_merged_when_there_are_many(results):
    panels = families_compared(results.scores, CONFIG.gap, CONFIG.time_limit).axes
    solvers = list(dict.fromkeys(results.scores["solver"]))
    for panel, column, factor in zip(panels, ("scored", "gap_left"), (1.0, 100.0), strict=True):
        drawn = [line for line in panel.lines if line.get_marker() != "None" and len(line.get_xdata()) > 0]
        assert not any(line.get_rasterized() for line in drawn)
        for row in results.scores[results.scores["scored"].notna()].to_dict("records"):
            colour = look(solvers.index(row["solver"]))["color"]
            fill = colour if math.isfinite(row["proved_seconds"]) else "white"
            shown = max(factor * row[column], 1e-3 if factor == 1.0 else 1e-4)
            like = [line for line in drawn if (line.get_color(), line.get_markerfacecolor()) == (colour, fill)]
            assert any(np.isclose(line.get_xdata(), shown).any() for line in like)
    many = pd.concat([results.scores] * 1000, ignore_index=True)
    for panel in families_compared(many, CONFIG.gap, CONFIG.time_limit).axes:
        dots = [line for line in panel.lines if line.get_marker() != "None"]
        assert len(dots) <= 2 * len(solvers)
        assert all(line.get_rasterized() for line in dots)


def test_nothing_run_is_an_error():
    with pytest.raises(InputError, match="no run"):
        collect_comparison(CONFIG, Outcome((kept("one"),), ()))


def test_cells_cover_the_grid_and_seeds_only_where_they_matter():
    cells = cells_of_comparison(CONFIG)
    solving = [cell for cell in cells if "solver" in cell.settings]
    assert len(cells) - len(solving) == 2
    assert len(solving) == 2 * (4 + 2)
    assert all(cell.needs == (cell.settings["snapshot"],) for cell in solving)
    assert all((cell.limits.time, cell.limits.memory) == (90.0, 4_000_000_000) for cell in solving)


def test_files_presets_and_folders_are_snapshots(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    for seed in (1, 2):
        save_snapshot(twingap.draw("tiny", seed), folder / f"{seed}.json")
    draws = [{"name": "three", "preset": "tiny", "changes": {"aps": 3}, "seeds": [0, 4]}]
    content = {"solvers": ["decomposition"], "families": {}, "draws": draws, "snapshots": [str(folder)]}
    cells = cells_of_comparison(checked(ComparisonConfig, content))
    names = [cell.settings["name"] for cell in cells if "source" in cell.settings]
    assert names == ["three-0", "three-4", *(twingap.draw("tiny", seed).name for seed in (1, 2))]
    before = {cell.key for cell in cells}
    changed = json.loads((folder / "1.json").read_text())
    changed["local"]["benefit"] += 1.0
    (folder / "1.json").write_text(json.dumps(changed))
    after = {cell.key for cell in cells_of_comparison(checked(ComparisonConfig, content))}
    # Another file is another snapshot, and another cell for every solver.
    assert len(after - before) == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("solvers: [guess]", ["solvers", "guess", "decomposition"]),
        ("solvers: []", ["solvers"]),
        ("solvers: [milp, milp]", ["solvers", "once"]),
        ("families: {huge: [0]}", ["family", "huge", "tiny"]),
        ("families: {tiny: []}", ["families", "tiny"]),
        ("families: {tiny: [-1]}", ["families", "-1"]),
        ("families: {}", ["families", "empty"]),
        ("seeds: [-1]", ["seeds"]),
        ("gap: -0.1", ["gap"]),
        ("time_limit: 0", ["time_limit"]),
        ("warm_up: .inf", ["warm_up"]),
        ("draws: [{name: x, preset: huge}]", ["preset", "huge"]),
        ("draws: [{name: x, changes: {planets: 9}}]", ["planets"]),
        ("draws: [{name: x}, {name: x}]", ["x-0", "differ"]),
        ("draws: [{preset: tiny}]", ["draws[0].name"]),
        ("snapshots: [nowhere.json]", ["nowhere.json", "cannot be read"]),
        ("snapshots: ['{broken}']", ["broken.json", "local.benefit"]),
        ("snapshots: ['{empty}']", ["empty", ".json"]),
    ],
)
def test_a_bad_configuration_is_one_line_before_any_work(run, tmp_path, line, words):
    content = snapshot_to_json(twingap.draw("tiny", 0))
    content["local"]["benefit"] = -1.0
    (tmp_path / "broken.json").write_text(json.dumps(content))
    (tmp_path / "empty").mkdir()
    config = tmp_path / "comparison.yaml"
    config.write_text(line.replace("{broken}", str(tmp_path / "broken.json")).replace("{empty}", str(tmp_path / "empty")))
    code, out, err = run("study", "solver_comparison", "--config", config, "--output", tmp_path / "results")
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    for word in words:
        assert word in err
    assert not (tmp_path / "results").exists()


LIAR = '''
import math
from dataclasses import replace
from twingap.opt.errors import InputError
from twingap.opt.formulations.decisions import any_access, global_off, local_off
from twingap.opt.decision import Decision
from twingap.opt.result import Answer


def off(snapshot):
    return Decision(local_off(snapshot.local), global_off(snapshot.global_, any_access(snapshot.global_)))


def solve(snapshot, budget, rng):
    """Claims that nothing earns more than 1."""
    return Answer(off(snapshot), local_bound=0.5, global_bound=0.5, proof="none", stopped="exhausted")


def modest(snapshot, budget, rng):
    """Claims nothing, and does not take a second kind of snapshot."""
    if snapshot.local.multicast == "per_link":
        raise InputError("is 'per_link'; it must be 'group'", field="local.multicast")
    return Answer(off(snapshot), stopped="exhausted")


def crash(snapshot, budget, rng):
    raise ZeroDivisionError("on purpose")
'''


@pytest.fixture
def planted(tmp_path):
    """study(solvers): runs the comparison with solvers of another package, in a process of its own."""
    about = tmp_path / "package" / "planted-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[twingap.solvers]\nliar = planted:solve\nmodest = planted:modest\ncrashes = planted:crash\n"
    )
    (about.parent / "planted.py").write_text(LIAR)
    env = {**os.environ, "PYTHONPATH": str(about.parent), "TWINGAP_REPLAY_DIR": str(tmp_path / "replay")}

    def study(*solvers):
        config = tmp_path / "comparison.yaml"
        families = {"tiny": [0], "perlink": [0]}
        content = {"solvers": list(solvers), "families": families, "seeds": [0], "time_limit": 20, "warm_up": 0}
        config.write_text(yaml.safe_dump(content))
        command = [sys.executable, "-c", "from twingap.studies.cli import main; main()", "study", "solver_comparison"]
        arguments = [*command, "--config", str(config), "--output", str(tmp_path / "results")]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, env=env)

    return study


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_refusals_are_rows_crashes_are_failures_and_a_planted_contradiction_stops_the_report(planted, tmp_path):
    results = tmp_path / "results"
    done = planted("decomposition", "modest")
    assert done.returncode == 0, done.stderr
    assert "no bound is contradicted" in done.stdout
    with open(results / "runs.csv", newline="") as rows:
        outcomes = {(r["snapshot"], r["solver"]): r["outcome"] for r in csv.DictReader(rows)}
    assert outcomes["family-perlink-0", "modest"] == "unsupported"
    assert outcomes["family-tiny-0", "modest"] == "ended"
    assert outcomes["family-tiny-0", "decomposition"] == outcomes["family-perlink-0", "decomposition"] == "proved"
    assert "local.multicast" in (results / "report.html").read_text()
    before = {path: path.stat().st_mtime_ns for path in (results / "records").iterdir()}

    done = planted("decomposition", "modest", "crashes")
    assert done.returncode == 1
    assert "FAILED crashes (seed 0), family-tiny-0: ZeroDivisionError: on purpose" in done.stderr
    assert "crashed" in (results / "report.html").read_text()
    # What was done is not done again.
    assert before == {path: path.stat().st_mtime_ns for path in (results / "records").iterdir()}

    done = planted("decomposition", "liar")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("twingap: FalseBoundError: snapshot family-")
    assert "liar (seed 0) proves 1.0" in last
    assert not (results / "report.html").exists()
    (kept,) = (tmp_path / "replay").glob("family-*.snapshot.json")
    assert twingap.load_snapshot(kept).name in last
