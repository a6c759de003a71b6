"""Looks at validation epochs: what they choose, that they change nothing, and that kills and resumes change nothing either."""

import itertools

import numpy as np
import pytest
from rich.console import Console

from twingap.opt.errors import InputError
from twingap.opt.fingerprint import fingerprint
from twingap.opt.scenario import preset
from twingap.rl.checkpoint import load_checkpoint
from twingap.rl.checkpoint import resume as resume_checkpoint
from twingap.rl.decoding import PROJECTED
from twingap.rl.learners import make_trainer
from twingap.studies import train_command
from twingap.studies.config import checked
from twingap.studies.frozen_epochs import FrozenEpochs, certify
from twingap.studies.gap_config import GapConfig
from twingap.studies.train_command import best_path, resumed_validator, train_and_keep, train_to_checkpoint
from twingap.studies.training_run import train_learner, training_environment
from twingap.studies.validation import VALIDATION_SEED, History, Look, Validation, Validator

QUIET = Console(quiet=True)
SMALL = {"episodes": 2, "length": 2}


def look(update, gap):
    return Look(update, {"sum": (gap - 0.01, gap), "local": (0.0, 0.1), "global": (0.0, 0.1)})


def test_history_by_hand():
    history = History((look(2, 0.5), look(4, 0.3), look(6, 0.4), look(8, 0.3)))
    assert history.best == look(4, 0.3)
    assert history.stale == 2
    assert History().best is None
    assert History().stale == 0
    assert History.from_json(history.to_json()) == history
    assert look(2, 0.5).to_row()["sum_gap_to_incumbent"] == pytest.approx(0.49)


def test_patience_counts_looks_without_a_smaller_gap():
    epochs = FrozenEpochs(preset("tiny"), 0, 1, 1)
    history = History((look(2, 0.5), look(4, 0.3), look(6, 0.4), look(8, 0.3)))
    for patience, stops in ((1, True), (2, True), (3, False), (None, False)):
        assert Validator(Validation(patience=patience), epochs, 0.0, history=history).stops is stops


def test_validation_epochs_are_of_the_same_system_and_of_no_other_stream():
    epochs = FrozenEpochs(preset("tiny"), 3, 2, 2)
    ours = Validator(checked(Validation, SMALL), epochs, 0.1).epochs
    assert (ours.seed, ours.stream) == (3, VALIDATION_SEED)
    environments = [ours.environment(0.1), epochs.environment(0.1), training_environment(epochs, 0.1, 2)]
    for each in environments:
        each.reset()
    assert len({fingerprint(each.truth) for each in environments}) == 3
    for each in environments:
        np.testing.assert_array_equal(each.system.mean_sinr_db, environments[0].system.mean_sinr_db)


def training(**validation):
    config = checked(
        GapConfig,
        {"preset": "tiny", "policies": ["mappo"], "training": {"updates": 6, "num_envs": 4, "validation": SMALL | validation}},
    )
    return config.learner_run("mappo").model_dump()


@pytest.fixture(scope="module")
def epochs():
    return FrozenEpochs(preset("tiny"), 0, 2, 2)


@pytest.fixture(scope="module")
def certificate(epochs):
    return certify(epochs, lambda _done, _total: None)


def run(epochs, certificate, settings):
    return train_learner(epochs, 0.1, settings, certificate, lambda _done, _total: None)


def acts(policy, epochs):
    return policy.act(epochs.environment(0.1).reset()).local.uplink


def test_looks_change_nothing_and_the_best_weights_are_those_of_the_smallest_gap(epochs, certificate):
    plain = run(epochs, certificate, training() | {"validation": None})
    looked = run(epochs, certificate, training(looks=6))
    best = run(epochs, certificate, training(looks=6, keep="best"))
    np.testing.assert_array_equal(acts(plain.policy, epochs), acts(looked.policy, epochs))
    assert plain.curve == looked.curve == best.curve
    assert looked.run == {"updates": 6, "planned": 6, "kept": "last", "kept_update": 6}
    assert [row["update"] for row in best.looks] == [1, 2, 3, 4, 5, 6]
    chosen = min(best.looks, key=lambda row: row["sum_gap"])
    assert best.run == {"updates": 6, "planned": 6, "kept": "best", "kept_update": chosen["update"]}
    for row in best.looks + best.curve:
        for part in ("sum", "local", "global"):
            assert row[f"{part}_gap_to_incumbent"] <= row[f"{part}_gap"] + 1e-12


@pytest.fixture
def worsening(monkeypatch):
    """Gaps of successive looks: the second is the best."""

    def brackets(measured):
        update = int(measured.policy.rpartition("-")[2])
        gap = {1: 0.5, 2: 0.3}.get(update, 0.3 + 0.1 * update)
        return look(update, gap).gaps

    monkeypatch.setattr("twingap.studies.validation.gap_brackets", brackets)


@pytest.mark.usefixtures("worsening")
def test_a_run_ends_when_patience_runs_out_and_keeps_its_best(epochs, certificate):
    stopped = run(epochs, certificate, training(looks=6, keep="best", patience=2))
    assert stopped.run == {"updates": 4, "planned": 6, "kept": "best", "kept_update": 2}
    assert stopped.curve[-1]["update"] == 4
    last = run(epochs, certificate, training(looks=6, patience=2))
    assert last.run == {"updates": 4, "planned": 6, "kept": "last", "kept_update": 4}
    assert not np.array_equal(acts(stopped.policy, epochs), acts(last.policy, epochs))


def trained(output, **options):
    given = {"updates": 6, "validation": SMALL | {"looks": 6, "keep": "best"}, "console": QUIET} | options
    return train_to_checkpoint("mappo", "tiny", 0.1, 0, output, **given)


class Killed(BaseException):
    pass


def goes(epochs, output, resume=None):
    """Train six updates with a look after each; the learner's state and history in the end."""
    environment = training_environment(epochs, 0.1, 4)
    if resume is None:
        trainer = make_trainer("mappo", environment, 0, {"updates": 6})
        validator = Validator(checked(Validation, SMALL | {"looks": 6}), epochs, 0.1)
    else:
        trainer = resume_checkpoint(resume, environment)
        validator = resumed_validator(resume, output, epochs, 0.1, PROJECTED)
    train_and_keep(trainer, validator, output, QUIET)
    return validator.history


@pytest.mark.slow
@pytest.mark.usefixtures("worsening")
def test_killed_anywhere_and_resumed_it_is_the_same_run(epochs, tmp_path, monkeypatch):
    """Killed before and after every file that the run writes; also between the best checkpoint and the run's own."""
    whole = tmp_path / "whole.ckpt"
    expected = goes(epochs, whole)
    assert expected.best.update == 2
    save, files = train_command.save_checkpoint, 6 + 2 + 1
    for stop, after in itertools.product(range(1, files + 1), (False, True)):
        output, made = tmp_path / f"{stop}-{after}.ckpt", itertools.count(1)

        def dies(trainer, path, notes, stop=stop, after=after, made=made):
            file = next(made)
            if file < stop or (file == stop and after):
                save(trainer, path, notes)
            if file >= stop:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(train_command, "save_checkpoint", dies)
            with pytest.raises(Killed):
                goes(epochs, output)
        if not output.exists():
            assert stop <= 2, "killed before the first look was over"
            continue
        assert goes(epochs, output, resume=output) == expected
        for mine, theirs in ((output, whole), (best_path(output), best_path(whole))):
            one, two = load_checkpoint(mine), load_checkpoint(theirs)
            assert one.state.updates == two.state.updates
            assert one.about["notes"] == two.about["notes"]
            for name, tensor in two.state.tensors.items():
                assert tensor.equal(one.state.tensors[name]), (stop, name)


@pytest.mark.usefixtures("worsening")
def test_what_cannot_be_resumed_is_one_line(tmp_path):
    output = tmp_path / "run.ckpt"
    trained(output)
    for name, value in (("looks", 3), ("keep", "last"), ("patience", 2)):
        with pytest.raises(InputError) as raised:
            trained(output, resume=output, updates=None, validation={name: value})
        assert raised.value.field == name
    elsewhere = tmp_path / "other.ckpt"
    assert trained(elsewhere, resume=output, updates=None, validation=None).kept_update == 2
    best_path(output).unlink()
    with pytest.raises(InputError, match="best weights"):
        trained(output, resume=output, updates=None, validation=None)
    best_path(output).write_bytes(output.read_bytes())
    with pytest.raises(InputError, match="holds update 6; the best look of this run was at update 2"):
        trained(output, resume=output, updates=None, validation=None)
    with pytest.raises(InputError) as raised:
        trained(elsewhere, validation={"keep": "first"})
    assert raised.value.field == "keep"
