"""Event files of a training run, read back."""

import sys

import pytest
from rich.console import Console

from twingap.opt.errors import InputError
from twingap.studies.train_command import train_to_checkpoint

pytest.importorskip("tensorboard")
VALIDATION = {"episodes": 1, "length": 2, "looks": 2}


def trained(output, directory, **options):
    given = {"updates": 4, "validation": VALIDATION, "tensorboard": directory, "console": Console(quiet=True)} | options
    return train_to_checkpoint("mappo", "tiny", 0.0, 0, output, **given)


def scalars(directory):
    """Step and value by name."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(directory))
    read.Reload()
    return {name: [(event.step, event.value) for event in read.Scalars(name)] for name in read.Tags()["scalars"]}


def test_what_was_logged_reads_back(tmp_path):
    found = trained(tmp_path / "run.ckpt", tmp_path / "log")
    logged = scalars(tmp_path / "log")
    for name in ("reward/local", "reward/global", "local/kl", "local/clip_fraction", "global/entropy.serve", "global/std.pace"):
        assert [step for step, _ in logged[name]] == [1, 2, 3, 4], name
    rates = [value for _, value in logged["local/learning_rate"]]
    assert rates[0] == pytest.approx(3e-3)
    assert rates == sorted(rates, reverse=True)
    for part in ("sum", "local", "global"):
        for end in ("gap", "gap_to_incumbent"):
            expected = [(row["update"], pytest.approx(row[f"{part}_{end}"], abs=1e-6)) for row in found.looks]
            assert logged[f"{end}/{part}"] == expected
    again = trained(tmp_path / "run.ckpt", tmp_path / "log", resume=tmp_path / "run.ckpt", updates=None, validation=None)
    assert again.updates == 4


def test_without_tensorboard_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"twingap\[tensorboard\]"):
        trained(tmp_path / "run.ckpt", tmp_path / "log")
    assert not (tmp_path / "run.ckpt").exists()


def test_a_file_is_not_a_directory(tmp_path):
    (tmp_path / "log").write_text("")
    with pytest.raises(InputError, match="is a file"):
        trained(tmp_path / "run.ckpt", tmp_path / "log")
