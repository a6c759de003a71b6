"""A3C: the loss by hand, shared optimisers against torch's, workers in processes against workers taken in turn."""

import multiprocessing
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from twingap.baselines.a3c import A3cNumbers, Networks, SharedTeam, actor_critic_loss
from twingap.baselines.a3c_settings import A3cSettings
from twingap.baselines.a3c_training import A3cTrainer, make_networks, numbers_of
from twingap.baselines.a3c_workers import HomeWorker, WorkerPlan, gather
from twingap.baselines.game import LOCAL, features_of
from twingap.opt.errors import InputError
from twingap.rl.distributions import Bernoulli, Gaussian, Hybrid
from twingap.rl.environment import make_env

SMALL = {"updates": 3, "pushes": 3, "rollout": 2, "local": {"hidden": 8}, "global_": {"hidden": 8}}


def environment(**changes):
    return make_env("tiny", **({"sigma": 0.1, "seed": 4, "num_envs": 6, "horizon": 3} | changes))


def numbers(**changes):
    return replace(numbers_of(A3cSettings(), A3cSettings().local), **changes)


def test_the_loss_is_policy_gradient_entropy_and_value_error():
    normal = Gaussian(torch.tensor([[[0.0]], [[1.0]]]), torch.tensor(0.0))
    distribution = Hybrid({"x": normal, "y": Bernoulli(torch.zeros(2, 1, 1))})
    latents = {"x": torch.tensor([[[0.0]], [[2.0]]]), "y": torch.ones(2, 1, 1)}
    advantage, value = torch.tensor([[1.0], [-2.0]]), torch.tensor([[0.5], [0.5]])
    returns = torch.tensor([[1.0], [0.0]])
    found = actor_critic_loss(distribution, latents, advantage, value, returns, {"y": 0.1})
    log_density = [-0.5 * np.log(2 * np.pi), -0.5 * np.log(2 * np.pi) - 0.5]
    log_prob = [each + np.log(0.5) for each in log_density]
    expected = -(1.0 * log_prob[0] - 2.0 * log_prob[1]) / 2 - 0.1 * np.log(2.0) + 0.25
    assert float(found) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "torchs"),
    [("adam", partial(torch.optim.Adam, eps=1e-5)), ("rmsprop", partial(torch.optim.RMSprop, alpha=0.99, eps=1e-5))],
)
def test_shared_optimisers_are_torchs(name, torchs):
    torch.manual_seed(0)
    actor, critic = nn.Linear(3, 2), nn.Linear(3, 1)
    networks = Networks(actor, critic)
    rates = numbers(learning_rate=0.01, critic_learning_rate=0.03, final_learning_rate=0.5, optimiser=name)
    shared = SharedTeam(networks, rates)
    optimiser = torchs(
        [{"params": list(actor.parameters()), "lr": 0.0075}, {"params": list(critic.parameters()), "lr": 0.0225}]
    )
    for _ in range(5):
        gradients = [torch.randn_like(each) for each in networks.parameters()]
        for parameter, gradient in zip(networks.parameters(), gradients, strict=True):
            parameter.grad = gradient
        optimiser.step()
        shared.push(nn.utils.parameters_to_vector(gradients), torch.ones(3, 1), progress=0.5)
    expected = nn.utils.parameters_to_vector(networks.parameters()).detach()
    torch.testing.assert_close(shared.weights, expected)
    assert int(shared.pushes) == 5


def by_hand(workers):
    """The weights after one update if gradients are computed in turn on stale copies: what tickets promise."""
    env = environment()
    settings = A3cSettings.from_json(SMALL | {"workers": workers})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        networks = make_networks(features_of(env.reset()), settings)
    team_numbers = {"local": numbers_of(settings, settings.local), "global": numbers_of(settings, settings.global_)}
    shared = {team: SharedTeam(each, team_numbers[team]) for team, each in networks.items()}
    crew = [WorkerPlan.of(env, 7, index, workers).worker(networks, shared) for index in range(workers)]
    for worker in crew:
        worker.pull()
    waiting = [worker.gradients() for worker in crew]
    for push in range(settings.pushes):
        for index, worker in enumerate(crew):
            for team, (gradient, returns, _) in waiting[index].items():
                shared[team].push(gradient, returns, 0.0)
            worker.pull()
            if push + 1 < settings.pushes:
                waiting[index] = worker.gradients()
    return shared["local"].weights


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_with_tickets_do_what_is_promised_bit_for_bit(workers):
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": workers}), 7)
    trainer.update()
    found = trainer.shared[LOCAL].weights.clone()
    trainer.close()
    assert torch.equal(found, by_hand(workers))
    assert trainer.agent_steps == 6 * 3 * 2 * 4


def test_free_workers_push_as_often_and_learn():
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": 2, "order": "free"}), 7)
    before = trainer.shared[LOCAL].weights.clone()
    record = trainer.update()
    assert record.figures["local.pushes"] == 6
    assert not torch.equal(before, trainer.shared[LOCAL].weights)
    trainer.close()


@pytest.mark.parametrize("order", ["tickets", "free"])
def test_a_run_needs_no_named_semaphores_which_would_outlive_one_that_is_killed(order, monkeypatch):
    made = []
    monkeypatch.setattr("multiprocessing.synchronize.SemLock._make_name", lambda: made.append("name") or "/twingap-test")
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": 2, "order": order}), 7)
    trainer.update()
    trainer.close()
    assert made == []


def test_a_dead_worker_is_an_error_and_not_a_wait():
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": 2}), 7)
    trainer.update()
    trainer.workers[1].process.kill()
    trainer.workers[1].process.join()
    with pytest.raises(RuntimeError, match="worker 1"):
        trainer.update()
    trainer.close()


def test_one_that_dies_while_another_waits_for_its_turn_is_an_error():
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": 2}), 7)
    for worker in trainer.workers:
        worker.ready()
    trainer.workers[1].process.kill()
    trainer.workers[0].go(3, 0.0)
    with pytest.raises(RuntimeError, match="worker 1 died"):
        gather(trainer.workers)
    trainer.close()


def test_what_goes_wrong_in_a_worker_is_told():
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": 2}), 7)
    trainer.workers[0].go("many", 0.0)
    with pytest.raises(RuntimeError, match=r"worker 0 failed:\n(.|\n)*TypeError"):
        trainer.workers[0].done()
    trainer.close()


def test_workers_end_with_their_trainer():
    trainer = A3cTrainer(environment(), A3cSettings.from_json(SMALL | {"workers": 2}), 7)
    processes = [worker.process for worker in trainer.workers]
    assert all(process in multiprocessing.active_children() for process in processes)
    del trainer
    import gc

    gc.collect()
    assert not any(process.is_alive() for process in processes)


def test_workers_play_other_epochs_than_each_other_and_the_trainers():
    env = environment()
    plans = [WorkerPlan.of(env, 7, index, 2) for index in range(2)]
    seeds = {plan.env_seed for plan in plans} | {env.seed}
    assert len(seeds) == 3
    assert [plan.num_envs for plan in plans] == [3, 3]
    networks = make_networks(features_of(env.reset()), A3cSettings.from_json(SMALL))
    shared = {team: SharedTeam(each, numbers()) for team, each in networks.items()}
    home = HomeWorker(plans[0], networks, shared)
    home.ready()
    home.go(1, 0.0)
    assert set(home.done()) == {"local", "global"}
    assert isinstance(shared[LOCAL].numbers, A3cNumbers)


def test_advantages_are_scaled_by_the_batch_or_by_the_returns(monkeypatch):
    """Per push: mean 0 and deviation 1. Otherwise: advantage over the deviation of returns seen before."""
    seen = []

    def watched(distribution, latents, advantage, value, returns, entropy):
        seen.append(advantage.clone())
        return actor_critic_loss(distribution, latents, advantage, value, returns, entropy)

    monkeypatch.setattr("twingap.baselines.a3c.actor_critic_loss", watched)
    for batch_normalised in (True, False):
        settings = A3cSettings.from_json(SMALL | {"workers": 1, "batch_normalised": batch_normalised})
        trainer = A3cTrainer(environment(), settings, 7)
        trainer.workers[0].ready()
        trainer.workers[0].worker.gradients()
    batch, returns = seen[0], seen[2]
    assert float(batch.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(batch.std(correction=0)) == pytest.approx(1.0, abs=1e-4)
    torch.testing.assert_close((returns - returns.mean()) / returns.std(correction=0), batch, atol=1e-4, rtol=1e-4)
    assert float(returns.std()) > 1.5, "before the first push the deviation of returns counts as 1"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"workers": 0}, "workers"),
        ({"order": "queue"}, "order"),
        ({"local": {"learning_rate": 0.0}}, "local.learning_rate"),
        ({"global_": {"entropy": {"wings": 1.0}}}, "global_.entropy.wings"),
    ],
)
def test_impossible_settings_name_their_field(change, field):
    with pytest.raises(InputError) as raised:
        A3cSettings.from_json(change)
    assert raised.value.field == f"settings.{field}"
