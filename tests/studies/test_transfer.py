"""Learners measured on presets that they were not trained on."""

import pytest

from twingap.opt.errors import InputError
from twingap.studies.config import checked
from twingap.studies.gap import cells_of_gap
from twingap.studies.gap_cells import certify_epochs, measure_baseline, measure_learner
from twingap.studies.gap_config import GapConfig
from twingap.studies.gap_report import gap_lines
from twingap.studies.gap_results import collect_gap
from twingap.studies.outcome import Outcome

SMALL = {"preset": "tiny", "sigma": [0.0], "seeds": [0], "policies": ["mappo", "static"], "episodes": 1, "length": 2}
SMALL |= {"training": {"updates": 1, "num_envs": 2}, "replicates": 100}


def test_only_learners_are_moved_and_wait_for_the_bounds_there():
    cells = cells_of_gap(checked(GapConfig, SMALL | {"transfer": ["paper"]}))
    here, there, mappo, static = cells
    assert there.title == "bounds of paper, seed 0"
    assert mappo.needs == (here.key, there.key)
    assert static.needs == (here.key,)
    without = cells_of_gap(checked(GapConfig, SMALL))
    assert [cell.title for cell in without] == ["bounds, seed 0", "mappo, sigma 0, seed 0", "static, sigma 0, seed 0"]


@pytest.mark.parametrize("names", [["moon"], ["paper", "paper"]])
def test_unknown_or_repeated_presets_are_refused(names):
    with pytest.raises(InputError):
        cells_of_gap(checked(GapConfig, SMALL | {"transfer": names}))


@pytest.mark.parametrize(
    ("policy", "more"),
    [("mappo_paper", {}), ("own", {"learners": {"own": {"learner": "mappo", "settings": {"global_": {"networks": "own"}}}}})],
)
def test_networks_of_one_size_are_refused_on_other_sizes_before_anything_runs(policy, more):
    moved = SMALL | {"policies": [policy, "static"], "transfer": ["paper"]} | more
    with pytest.raises(InputError, match=f"^transfer: names 'paper' .*{policy!r}.*trained on only") as refused:
        cells_of_gap(checked(GapConfig, moved))
    assert "\n" not in str(refused.value)
    # Other prices change no size, and such networks run there.
    priced = moved | {"transfer": ["tiny"], "scenario": {"local_spectrum_cost": 1e-9}}
    assert len(cells_of_gap(checked(GapConfig, priced))) == 4


def test_the_trained_weights_are_measured_against_the_bounds_there(tmp_path, monkeypatch):
    config = checked(GapConfig, SMALL | {"transfer": ["paper"]})
    done, records = {}, []
    monkeypatch.setattr("twingap.studies.gap_cells.Records", lambda _directory: type("R", (), {"result": done.__getitem__}))
    for cell in cells_of_gap(config):
        work = {"certify_epochs": certify_epochs, "measure_learner": measure_learner, "measure_baseline": measure_baseline}
        done[cell.key] = work[cell.work.partition(":")[2]](cell.settings, tmp_path, lambda _done, _total: None)
        about = {"title": cell.title, "settings": cell.settings, "result": done[cell.key]}
        records.append(about | {"seconds": 1.0, "peak_memory": 0, "code": "", "machine": {}})
    results = collect_gap(config, Outcome(tuple(records), ()))
    moved = results.transfer
    assert set(moved["policy"]) == {"mappo"}
    assert set(moved["preset"]) == {"paper"}
    assert (moved["utility"] <= moved["bound"]).all()
    assert moved.query("part == 'local'")["bound"].iloc[0] > 2 * results.table.query("part == 'local'")["bound"].iloc[0]
    assert any("measured on paper" in line for line in gap_lines(results))
