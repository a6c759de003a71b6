"""What every registered learner must do, on tiny systems. A new learner is met here without a new test."""

import itertools
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from twingap.opt.errors import InputError
from twingap.opt.evaluation import evaluate
from twingap.opt.solve import solve
from twingap.rl.checkpoint import load_policy, resume, save_checkpoint
from twingap.rl.environment import make_env
from twingap.rl.learners import find_learner, make_trainer, registered_learners

UPDATES = 4
REDUCED = {"local": {"actions": "reduced"}, "global_": {"actions": "reduced"}}
# Every registered learner as it is, and those that know two action spaces in the other one.
RUNS = {name: (name, {}) for name in registered_learners()} | {
    f"{name} reduced": (name, REDUCED) for name in ("mappo", "gradient")
}
MODES = {
    "group": {},
    "per_link": {"multicast": "per_link"},
    "cap": {"timeout_rule": "cap"},
    "smooth": {"floor_adaptation": False},
    "whole": {"whole_subchannels": True},
    "three_committees": {"committees": 3, "aps": 4},
    "uneven": {"heads_per_ap": (1, 4), "delegates": (2, 5)},
}


def environment(seed=4, mode="group", **changes):
    return make_env("tiny", **({"sigma": 0.1, "seed": seed, "num_envs": 8, "horizon": 3} | MODES[mode] | changes))


def trained(run, updates=UPDATES, mode="group", seed=7):
    name, settings = RUNS[run]
    trainer = make_trainer(name, environment(mode=mode), seed, settings | {"updates": UPDATES})
    return trainer, [trainer.update() for _ in range(updates)]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("stop", range(UPDATES))
def test_a_run_killed_between_any_two_updates_goes_on_bit_for_bit(tmp_path, run, stop):
    whole, records = trained(run)
    save_checkpoint(trained(run, stop)[0], tmp_path / "run.ckpt")
    resumed = resume(tmp_path / "run.ckpt", environment())
    assert (resumed.learner, resumed.updates) == (RUNS[run][0], stop)
    for record in records[stop:]:
        assert astuple(replace(resumed.update(), seconds=0.0)) == astuple(replace(record, seconds=0.0))
    assert resumed.finished
    assert same(resumed.state().tensors, whole.state().tensors)
    assert resumed.state().extra == whole.state().extra


@pytest.mark.parametrize("run", RUNS)
def test_the_seed_decides_everything(run):
    before = torch.random.get_rng_state()
    first, second, other = trained(run)[0], trained(run)[0], trained(run, seed=8)[0]
    assert torch.equal(before, torch.random.get_rng_state()), "training leaves torch's global generator alone"
    assert same(first.state().tensors, second.state().tensors)
    assert not same(first.state().tensors, other.state().tensors)


@pytest.mark.parametrize("run", RUNS)
def test_records_count_and_are_finite(run):
    trainer, records = trained(run)
    assert [record.update for record in records] == list(range(1, UPDATES + 1))
    assert trainer.finished
    for earlier, later in itertools.pairwise(records):
        assert earlier.agent_steps < later.agent_steps
        assert earlier.seconds <= later.seconds
    for record in records:
        assert np.isfinite([record.reward_local, record.reward_global, *record.figures.values()]).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("run", RUNS)
def test_what_was_learnt_is_feasible_never_beats_the_bound_and_comes_back_from_its_file(tmp_path, run, mode):
    trainer, _ = trained(run, 2, mode)
    save_checkpoint(trainer, tmp_path / "run.ckpt")
    before = torch.random.get_rng_state()
    kept = load_policy(tmp_path / "run.ckpt")
    assert torch.equal(before, torch.random.get_rng_state()), "loading leaves torch's global generator alone"
    env = environment(seed=11, mode=mode, num_envs=3)
    observation = env.reset()
    step = env.step(trainer.policy.act(observation))
    assert step.evaluation.feasible.all()
    again = evaluate(step.truth, step.decision)
    bounds = np.array([solve(step.truth.at(each)).bound for each in range(3)])
    assert (again.utility <= bounds + 1e-8 * np.maximum(1.0, np.abs(bounds))).all()
    env.reset(seed=11)
    np.testing.assert_array_equal(env.step(kept.act(observation)).evaluation.utility, step.evaluation.utility)


@pytest.mark.parametrize("name", registered_learners())
def test_settings_survive_json_and_refuse_what_they_do_not_know(name):
    settings = find_learner(name).settings
    assert settings.from_json(settings.from_json({"updates": 3}).to_json()).updates == 3
    for wrong in ({"updates": 0}, {"updates": True}, {"planets": 9}):
        with pytest.raises(InputError) as raised:
            settings.from_json(wrong)
        assert raised.value.field == f"settings.{next(iter(wrong))}"


def test_an_unknown_name_is_one_line_with_all_names():
    with pytest.raises(InputError, match="mappo"):
        find_learner("sarsa")
