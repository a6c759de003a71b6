"""Checkpoints: the policy comes back bit for bit, a resumed run equals an uninterrupted one, foreign files are refused."""

import json
from dataclasses import astuple, replace

import numpy as np
import pytest
import safetensors.torch
import torch

from twingap.baselines.held_decisions import HeldEnvironment
from twingap.opt.errors import InputError
from twingap.rl.checkpoint import load_checkpoint, load_policy, resume, save_checkpoint
from twingap.rl.environment import make_env
from twingap.rl.mappo_settings import GLOBAL_DEFAULTS, LOCAL_DEFAULTS, MappoSettings
from twingap.rl.mappo_training import MappoTrainer
from twingap.rl.trace_environment import TraceEnvironment

SETTINGS = MappoSettings(
    updates=5,
    discount=0.5,
    local=replace(LOCAL_DEFAULTS, hidden=8, epochs=2, minibatches=2),
    global_=replace(GLOBAL_DEFAULTS, hidden=8, epochs=2),
)


def environment(**changes):
    return make_env("tiny", **({"sigma": 0.1, "seed": 4, "num_envs": 8, "horizon": 3, "correlation": 0.5} | changes))


def trained(updates):
    trainer = MappoTrainer(environment(), SETTINGS, 7)
    return trainer, [trainer.update() for _ in range(updates)]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("stop", [0, 1, 2, 3, 4])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, stop):
    whole, records = trained(5)
    save_checkpoint(trained(stop)[0], tmp_path / "run.ckpt")
    resumed = resume(tmp_path / "run.ckpt", environment())
    assert resumed.updates == stop
    for record in records[stop:]:
        assert astuple(replace(resumed.update(), seconds=0.0)) == astuple(replace(record, seconds=0.0))
    assert resumed.finished
    assert same(resumed.state().tensors, whole.state().tensors)


def test_the_policy_comes_back_bit_for_bit(tmp_path):
    trainer, _ = trained(2)
    save_checkpoint(trainer, tmp_path / "run.ckpt")
    policy = load_policy(tmp_path / "run.ckpt")
    observation = environment(seed=11).reset()
    for kind in ({}, {"deterministic": False}):
        ours, theirs = (
            each.act(observation, **kind, generator=torch.Generator().manual_seed(1)) for each in (trainer.policy, policy)
        )
        for part in ("local", "global_"):
            for mine, yours in zip(vars(getattr(ours, part)).values(), vars(getattr(theirs, part)).values(), strict=True):
                assert np.array_equal(mine, yours), part


def test_the_header_says_what_the_run_was(tmp_path):
    save_checkpoint(trained(2)[0], tmp_path / "run.ckpt")
    about = load_checkpoint(tmp_path / "run.ckpt").about
    assert about["seed"] == 7
    assert MappoSettings.from_json(about["settings"]) == SETTINGS
    assert about["environment"]["scenario"]["aps"] == 2
    assert about["environment"]["sigma"]["cpu"] == 0.1
    assert about["versions"].keys() == {"twingap", "torch", "numpy"}
    assert about["standing"]["updates"] == 2


def test_resuming_elsewhere_names_what_differs(tmp_path):
    save_checkpoint(trained(1)[0], tmp_path / "run.ckpt")
    for changes, field in (({"sigma": 0.2}, "sigma"), ({"num_envs": 4}, "num_envs"), ({"aps": 3}, "scenario")):
        with pytest.raises(InputError) as raised:
            resume(tmp_path / "run.ckpt", environment(**changes))
        assert raised.value.field == f"environment.{field}"


def test_a_run_goes_on_in_its_own_kind_of_environment_only(tmp_path):
    drawn = make_env("tiny", num_envs=3)
    drawn.reset()
    truths = [drawn.truth.at(epoch) for epoch in range(3)]
    places = {
        "plain": lambda: make_env("tiny", num_envs=2),
        "fixed_cpu": lambda: HeldEnvironment("tiny", "fixed_cpu", num_envs=2),
        "random_access": lambda: HeldEnvironment("tiny", "random_access", num_envs=2),
        "trace": lambda: TraceEnvironment(truths[:2], system=drawn.system),
        "other epochs": lambda: TraceEnvironment(truths[1:], system=drawn.system),
    }
    for name, place in places.items():
        trainer = MappoTrainer(place(), SETTINGS, 7)
        trainer.update()
        save_checkpoint(trainer, tmp_path / name)
        assert resume(tmp_path / name, place()).updates == 1
    for was, now, field in (
        ("fixed_cpu", "random_access", "hold"),
        ("random_access", "plain", "hold"),
        ("plain", "random_access", "hold"),
        ("trace", "other epochs", "epochs"),
    ):
        with pytest.raises(InputError) as raised:
            resume(tmp_path / was, places[now]())
        assert raised.value.field == f"environment.{field}"


def test_foreign_and_broken_files_are_refused(tmp_path):
    save_checkpoint(trained(1)[0], tmp_path / "run.ckpt")
    good = (tmp_path / "run.ckpt").read_bytes()
    tensors = safetensors.torch.load(good)
    about = load_checkpoint(tmp_path / "run.ckpt").about

    def metadata(change):
        return {"twingap": json.dumps(about | change)}

    broken = {
        "truncated": good[:-10],
        "text": b"not a checkpoint",
        "without metadata": safetensors.torch.save(tensors),
        "other version": safetensors.torch.save(tensors, metadata({"version": 99})),
        "older version": safetensors.torch.save(tensors, metadata({"version": 1})),
        "no seed": safetensors.torch.save(tensors, {"twingap": json.dumps({k: v for k, v in about.items() if k != "seed"})}),
        "no weights": safetensors.torch.save({"environment.latent": tensors["environment.latent"]}, metadata({})),
        "other sizes": safetensors.torch.save(tensors, metadata({"settings": {"local": {"hidden": 16}}})),
    }
    for name, content in broken.items():
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(InputError) as raised:
            load_policy(path)
        assert raised.value.source == str(path), name
        assert ("train again" in str(raised.value)) == (name == "older version")
    with pytest.raises(InputError):
        load_policy(tmp_path / "missing")


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_only_runs_that_mean_something_else_now_are_too_old(tmp_path, sigma):
    path = tmp_path / "run.safetensors"
    for actions in ("full", "reduced"):
        env = environment(sigma=sigma)
        save_checkpoint(MappoTrainer(env, MappoSettings.from_json({"local": {"actions": actions}}), 0), path)
        older = {"twingap": json.dumps(load_checkpoint(path).about | {"version": 3})}
        path.write_bytes(safetensors.torch.save(safetensors.torch.load_file(path), older))
        if actions == "reduced" and sigma > 0.0:
            with pytest.raises(InputError, match=r"is 3, of an older twingap .* train again"):
                load_policy(path)
        else:
            load_policy(path)
