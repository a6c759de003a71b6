"""The rivals' cores learn standard tasks; ``benchmarks/standard_tasks.py`` holds them against a trusted implementation."""

import importlib
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def tasks():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        module = importlib.import_module("standard_tasks")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield module
    torch.set_num_threads(before)


# Scores of agents that know nothing: about 20 on CartPole, -1200 on Pendulum.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("learner", "steps", "least"), [("a3c", 30_000, 50.0), ("ddqn", 6_000, 60.0), ("ddpg", 2_500, -1000.0)]
)
def test_it_learns(tasks, learner, steps, least):
    task = tasks.TASKS[learner]
    with torch.random.fork_rng():
        act = task.train(steps, 0)
    assert tasks.score(act, task.name, task.action) > least


@pytest.mark.parametrize(("mean", "said"), [(99.0, "does not reach"), (100.0, "within"), (120.0, "within"), (121.0, "above")])
def test_ours_must_lie_within_or_above_the_trusted_interval(tasks, mean, said):
    assert said in tasks.verdict(mean, (110.0, 100.0, 120.0))


def test_the_interval_is_of_the_mean_over_seeds(tasks):
    mean, low, high = tasks.interval([100.0, 200.0, 300.0])
    assert mean == 200.0
    # The lowest replicate draws one seed three times: chance 1/27 > 2.5 %.
    assert (low, high) == (100.0, 300.0)
    assert tasks.interval([5.0] * 5) == (5.0, 5.0, 5.0)


def test_a_cut_episode_is_followed_by_what_was_really_seen(tasks):
    """Pendulum is cut after 200 steps and never terminates: values beyond the cut count, those of the next start do not."""
    game = tasks.VectorGame("Pendulum-v1", 2, 0, tasks.torque)
    still = {tasks.TEAM: {"torque": torch.zeros(2, 1, 1)}}
    outcomes = [game.step(still) for _ in range(200)]
    assert not any(outcome.terminated.any() for outcome in outcomes)
    assert outcomes[-1].truncated.all()
    last, begun = outcomes[-1].following[tasks.TEAM].values, game.features[tasks.TEAM].values
    assert not torch.allclose(last, begun)
    earlier = outcomes[-2].following[tasks.TEAM].values
    # Angles move by no more than speed x 0.05 s in a step.
    assert np.abs(last.numpy()[:, :2] - earlier.numpy()[:, :2]).max() < 0.45


def test_workers_count_what_lies_beyond_a_cut(tasks):
    from vector_game import Vector

    from twingap.baselines.a3c import A3cNumbers, Networks, SharedTeam, Worker
    from twingap.baselines.game import Outcome

    class Cut:
        """One step per episode, paid 1, always cut."""

        features = {tasks.TEAM: Vector(torch.zeros(3, 4))}  # noqa: RUF012 - a constant of the test

        def step(self, latents):
            del latents
            following = {tasks.TEAM: Vector(torch.ones(3, 4))}
            return Outcome({tasks.TEAM: np.ones((3, 1))}, np.zeros(3, bool), following, np.ones(3, bool))

    networks = {tasks.TEAM: Networks(tasks.PushActor(), tasks.Value())}
    shared = {tasks.TEAM: SharedTeam(networks[tasks.TEAM], A3cNumbers(1e-3, 1e-3, 1.0, 2, 0.5, 1.0, 1.0, 0.5, 0.99, {}, False))}
    worker = Worker(Cut(), networks, shared, torch.Generator().manual_seed(0))
    _, returns, _ = worker.gradients()[tasks.TEAM]
    beyond = float(networks[tasks.TEAM].critic(Vector(torch.ones(1, 4))).detach())
    np.testing.assert_allclose(returns.numpy(), 1.0 + 0.5 * beyond, rtol=1e-5)
