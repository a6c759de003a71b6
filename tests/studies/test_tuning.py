"""Tuning: exactly N finished trials whatever is killed, the same trials when resumed, seeds apart, a file for studies."""

import contextlib
import io
import os
import signal
import subprocess
import sys
import time

import numpy as np
import optuna
import pandas as pd
import pytest
import yaml
from optuna.trial import TrialState
from rich.console import Console

from twingap.opt.errors import InputError
from twingap.opt.registry import registered_solvers
from twingap.rl.checkpoint import resume
from twingap.rl.environment import make_env
from twingap.rl.learners import find_learner, make_trainer, registered_learners
from twingap.rl.search_space import at_path, nested
from twingap.studies.config import read_config
from twingap.studies.gap import STUDY
from twingap.studies.gap_config import GapConfig
from twingap.studies.train_command import train_to_checkpoint
from twingap.studies.tuning import worker
from twingap.studies.tuning.config import TuneConfig, tunable
from twingap.studies.tuning.objective import make_bench
from twingap.studies.tuning.results import Check, Tuning, row_of
from twingap.studies.tuning.slots import SLOT
from twingap.studies.tuning.tune import open_slots, paired_check, write_tuning
from twingap.studies.tuning.worker import work
from twingap.studies.tuning_command import given_settings

CONFIG = TuneConfig(learner="mappo", preset="tiny", seeds=2, episodes=2, length=2, updates=4, num_envs=4, looks=2).complete()
TINY = ("--preset", "tiny", "--seeds", 2, "--episodes", 2, "--length", 2, "--num-envs", 4, "--looks", 2)


@pytest.fixture(scope="module")
def bench():
    return make_bench(CONFIG, CONFIG.tuning_seeds, lambda _done, _total: None)


@pytest.fixture(params=["journal", "sqlite"])
def url(request, tmp_path):
    return str(tmp_path / "study.log") if request.param == "journal" else f"sqlite:///{tmp_path / 'study.db'}"


def opened(url, trials=3, heartbeat=1.0, config=CONFIG):
    return open_slots(config, trials, url, "mappo", heartbeat)


def finished(slots):
    return {slot: (trial.params, trial.value) for slot, trial in slots.finished().items()}


def worked(url, bench, trials=3):
    slots, storage = opened(url, trials)
    work(slots, storage, bench)
    return slots


@pytest.mark.parametrize("name", registered_learners())
def test_every_learner_has_a_space_around_its_defaults_and_allows_its_corners(name):
    entry = find_learner(name)
    defaults = entry.settings.from_json({}).to_json()
    for path, each in tunable(name).space.items():
        assert at_path(defaults, path) in each, path
    for end in ("low", "high"):
        entry.settings.from_json(nested({path: getattr(each, end) for path, each in entry.space.items()}))


@pytest.mark.parametrize("name", registered_solvers())
def test_solvers_have_nothing_to_tune(name):
    with pytest.raises(InputError, match=f"'{name}', which has no parameters"):
        tunable(name)


def test_trials_start_with_the_defaults_and_a_resumed_study_draws_the_same(url, tmp_path, bench, monkeypatch):
    whole = worked(str(tmp_path / "whole.log"), bench)
    defaults = find_learner("mappo").settings.from_json({}).to_json()
    assert finished(whole)[0][0] == {path: at_path(defaults, path) for path in tunable("mappo").space}
    count = 0

    def interrupted(*arguments, **options):
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return make_trainer(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("twingap.studies.tuning.objective.make_trainer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            worked(url, bench)
    slots = worked(url, bench)
    assert finished(slots) == finished(whole)
    states = [trial.state for trial in slots.study.get_trials()]
    assert states.count(TrialState.COMPLETE) == 3
    assert states.count(TrialState.FAIL) == 1
    assert len(states) == 4


def test_a_trial_whose_worker_was_killed_is_run_again_with_its_parameters(url, bench):
    slots, storage = opened(url, trials=1)
    held = slots.repair()[0]
    # What a killed worker leaves: RUNNING, some parameters, a last sign of life, and no lock.
    with storage.working(held):
        pass
    storage.optuna.set_trial_state_values(held._trial_id, TrialState.RUNNING)
    left = worker.suggest(optuna.trial.Trial(slots.study, held._trial_id), tunable("mappo").space)
    slots = worked(url, bench, trials=1)
    trials = slots.study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE]
    assert trials[1].params == left


def test_a_trial_under_way_is_left_alone(url):
    slots, _ = opened(url, trials=1)
    with slots.taken() as trial:
        other, _ = opened(url, trials=1)
        with other.taken() as second:
            assert second is None
        assert other.repair()[0].number == trial.number
        assert other.repair()[0].state == TrialState.RUNNING


def test_of_two_trials_in_one_slot_the_later_is_withdrawn(url):
    slots, _ = opened(url, trials=1)
    slots.repair()
    slots.study.enqueue_trial({}, user_attrs={SLOT: 0})
    assert slots.repair()[0].number == 0
    assert [trial.state for trial in slots.study.get_trials()] == [TrialState.WAITING, TrialState.FAIL]


def test_a_configuration_that_breaks_is_a_finished_trial(tmp_path, bench, monkeypatch):
    def broken(*_):
        raise FloatingPointError("overflow")

    monkeypatch.setattr("twingap.studies.tuning.objective.score", broken)
    slots = worked(str(tmp_path / "study.log"), bench, trials=1)
    row = row_of(0, slots.finished()[0])
    assert (row.state, row.error, row.gap) == ("failed", "FloatingPointError: overflow", None)
    found = Tuning(CONFIG, [row], "study.log")
    assert found.best is None
    write_tuning(found, tmp_path)
    assert "FloatingPointError: overflow" in (tmp_path / "report.html").read_text()
    assert not (tmp_path / "best.yaml").exists()


def test_hopeless_trials_are_pruned_while_they_train(tmp_path, bench):
    pruner = optuna.pruners.ThresholdPruner(upper=-1.0)
    slots, storage = opened(str(tmp_path / "study.log"), trials=1)
    slots.study.pruner = pruner
    work(slots, storage, bench)
    row = row_of(0, slots.finished()[0])
    assert (row.state, row.updates, len(row.gaps)) == ("pruned", 2, 1)


def test_the_best_file_is_accepted_and_its_seeds_are_refused(tmp_path, bench):
    slots = worked(str(tmp_path / "study.log"), bench)
    rows = [row_of(slot, trial) for slot, trial in slots.finished().items()]
    check = Check((0.1, 0.1, 0.1), (0.2, 0.2, 0.2), (-0.1, -0.1, -0.1), 3, CONFIG.check_seeds)
    found = Tuning(CONFIG, rows, "study.log", check=check)
    assert found.best.gap == min(row.gap for row in rows)
    write_tuning(found, tmp_path)
    assert set(pd.read_csv(tmp_path / "trials.csv")["warning"]) == {"fewer than 5 seeds"}
    ten = Tuning(CONFIG.model_copy(update={"seeds": 10}), rows, "study.log")
    assert set(ten.table()["warning"]) == {""}
    config = read_config(GapConfig, tmp_path / "best.yaml")
    run = config.learner_run("mappo_tuned")
    assert (run.learner, run.updates, run.num_envs) == ("mappo", 4, 4)
    for path, value in found.best.parameters.items():
        assert at_path(run.settings, path) == value
    assert STUDY.cells(config)
    content = yaml.safe_load((tmp_path / "best.yaml").read_text())
    for seed in (*CONFIG.tuning_seeds, *CONFIG.check_seeds):
        (tmp_path / "bad.yaml").write_text(yaml.safe_dump(content | {"seeds": [0, seed]}))
        with pytest.raises(InputError, match=f"seeds holds {seed}, on which learner 'mappo_tuned' was tuned"):
            read_config(GapConfig, tmp_path / "bad.yaml")
    page = (tmp_path / "report.html").read_text()
    assert "the tuned settings beat the defaults" in page


def test_training_takes_the_best_file_and_refuses_its_seeds(tmp_path):
    run = {"learner": "mappo", "updates": 2, "num_envs": 4, "settings": {"local": {"hidden": 17}}, "tuned_on": [7]}
    (tmp_path / "best.yaml").write_text(yaml.safe_dump({"preset": "tiny", "learners": {"mappo_tuned": run}}))
    arguments = ("mappo_tuned", "tiny", 0.1)
    options = {"config": tmp_path / "best.yaml", "console": Console(file=io.StringIO())}
    with pytest.raises(InputError, match="seed: is 7, on which 'mappo_tuned' was tuned"):
        train_to_checkpoint(*arguments, 7, tmp_path / "run.ckpt", **options)
    assert train_to_checkpoint(*arguments, 0, tmp_path / "run.ckpt", **options).updates == 2
    trainer = resume(tmp_path / "run.ckpt", make_env("tiny", sigma=0.1, num_envs=4, horizon=32))
    assert (trainer.learner, trainer.settings.local.hidden) == ("mappo", 17)


@pytest.mark.parametrize(
    ("difference", "better", "said"),
    [
        ((-0.10, -0.11, -0.09), 2, "beat the defaults"),
        ((-0.10, -0.11, -0.09), 1, "not certain"),
        ((-0.01, -0.05, 0.03), 2, "not certain"),
        ((0.0, -0.01, 0.01), 0, "do not beat"),
    ],
)
def test_better_is_said_only_where_it_was_measured(difference, better, said):
    assert said in Check((0.1, 0.0, 0.2), (0.2, 0.1, 0.3), difference, better, (1, 2)).verdict


def test_the_check_pairs_the_same_episodes():
    """Tuned is better by 0.01 in every episode, though episodes differ by ten times as much, in whatever order rows come."""
    rng = np.random.default_rng(0)
    rows = [
        {"seed": seed, "episode": episode, "policy": policy, "gap": gap + extra}
        for seed in (5, 6)
        for episode, gap in enumerate(rng.uniform(0.1, 0.2, size=8))
        for policy, extra in (("tuned", 0.01 if seed == 6 else -0.03), ("default", 0.0))
    ]
    episodes = pd.DataFrame(rows).sample(frac=1.0, random_state=1)
    check = paired_check(episodes, (5, 6))
    # Middle half of eight times -0.03 and eight times 0.01.
    assert check.difference[0] == pytest.approx(-0.01)
    assert check.difference[1:] == pytest.approx((-0.01, -0.01))
    assert check.better == 1
    default = episodes.query("policy == 'default'")["gap"].sort_values().to_numpy()
    assert check.default[0] == pytest.approx(default[4:12].mean())
    assert check.default[1] < check.default[0] < check.default[2]


def test_only_what_is_named_is_varied_and_what_is_set_holds_for_all(tmp_path):
    config = CONFIG.model_copy(update={"vary": ("local.learning_rate", "local.clip"), "fixed": {"local.hidden": 16}})
    config = TuneConfig.model_validate(config.model_dump()).complete()
    assert list(config.space) == ["local.learning_rate", "local.clip"]
    settings = config.settings({"local.learning_rate": 0.001})
    assert settings == {"local": {"hidden": 16, "learning_rate": 0.001}, "updates": 4}
    slots, _ = opened(str(tmp_path / "study.log"), trials=1, config=config)
    slots.repair()
    assert slots.study.get_trials()[0].system_attrs["fixed_params"].keys() == config.space.keys()
    with pytest.raises(InputError, match=r"vary: is \['local.learning_rate'\], but"):
        opened(str(tmp_path / "study.log"), config=config.model_copy(update={"vary": ("local.learning_rate",)}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vary": ("hidden",)}, "vary: names 'hidden'; it must be of local.hidden"),
        ({"fixed": {"local.hidden": 16}}, "fixed: names 'local.hidden', which is varied"),
        ({"fixed": {"updates": 5}}, "fixed: names 'updates'"),
        ({"vary": ("local.clip",), "fixed": {"local": {"hidden": 16}}}, "fixed.local: is a mapping"),
        ({"vary": ("local.clip",), "fixed": {"local.hidden": 0}}, "settings.local.hidden"),
        ({"vary": ("local.clip",), "fixed": {"workers": 1}}, "settings.workers"),
    ],
)
def test_what_cannot_be_varied_or_set_is_named(changes, said):
    with pytest.raises(InputError) as raised:
        TuneConfig(learner="mappo", **changes).complete()
    assert said in str(raised.value)


def test_settings_on_the_command_line_are_yaml():
    found = given_settings(["workers=1", "local.entropy.x=0.5", "order=free", "team=false"])
    assert found == {"workers": 1, "local.entropy.x": 0.5, "order": "free", "team": False}
    for bad in ("workers", "=1", "a=[1"):
        with pytest.raises(InputError, match="--set"):
            given_settings([bad])


def test_another_question_in_the_same_study_is_refused(url):
    opened(url, trials=2)[0].repair()
    with pytest.raises(InputError, match=r"sigma: is 0\.2, but study 'mappo' has 0\.1"):
        opened(url, config=CONFIG.model_copy(update={"sigma": 0.2}))
    with pytest.raises(InputError, match="has 2 trials already"):
        opened(url, trials=1)


def tune(*options, **more):
    code = "from twingap.studies.cli import main; main()"
    command = [sys.executable, "-c", code, "tune", *map(str, options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("nobody",), "NAME: is 'nobody'; it must be one of"),
        (("bnb",), "no parameters"),
        (("mappo", "--trials", 0), "--trials: is 0"),
        (("mappo", "--storage", ""), "--storage: is empty"),
        (("mappo", "--seeds", 0), "seeds"),
        (("mappo", "--preset", "none", "--storage", "x.log"), "preset"),
        (("mappo", "--storage", "nowhere/x.log"), "nowhere/x.log: --storage: cannot be a journal"),
        (("mappo", "--storage", "what://x"), "cannot be opened"),
    ],
)
def test_bad_options_are_one_line(options, said, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, error = run("tune", *options)
    assert code == 2
    assert said in error
    assert len(error.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_two_commands_on_one_study_one_killed_mid_trial_end_with_exactly_n(tmp_path, url):
    common = ("mappo", *TINY, "--trials", 4, "--updates", 12, "--storage", url, "--heartbeat", 1, "--no-compare")
    first = tune(*common, "--output", tmp_path / "a", start_new_session=True)
    config = replace_updates(12)
    slots, _ = open_slots(config, 4, url, "mappo", 1.0)
    deadline = time.monotonic() + 300
    while not any(trial.state == TrialState.RUNNING and trial.params for trial in slots.study.get_trials()):
        assert time.monotonic() < deadline
        assert first.poll() is None, first.stdout.read()
        time.sleep(0.05)
    second = tune(*common, "--output", tmp_path / "b")
    with contextlib.suppress(ProcessLookupError):
        os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    out, _ = second.communicate(timeout=500)
    assert second.returncode == 0, out
    assert "4 finished trials" in out
    states = [trial.state for trial in slots.study.get_trials()]
    assert states.count(TrialState.COMPLETE) + states.count(TrialState.PRUNED) == 4
    assert TrialState.RUNNING not in states
    assert TrialState.WAITING not in states
    assert states.count(TrialState.FAIL) >= 1
    assert (tmp_path / "b" / "best.yaml").exists()
    assert (tmp_path / "b" / "report-history.svg").exists()


def replace_updates(updates):
    return CONFIG.model_copy(update={"updates": updates})
