"""Our rivals' cores on standard tasks beside Stable-Baselines3 on the same number of steps: do they lose for the right reason?

    python benchmarks/standard_tasks.py ddqn     # CartPole-v1, beside DQN
    python benchmarks/standard_tasks.py a3c      # CartPole-v1, one worker, beside A2C
    python benchmarks/standard_tasks.py ddpg     # Pendulum-v1, beside DDPG

The thin seam: ``vector_game.VectorGame`` is a vector environment of gymnasium as a game of one team with one agent, and each
learner gets a plain network for it; loops, targets, replay, workers and losses are those that run on the environment of this
project.
Networks (layers, activations, how they start), optimisers, steps, batches, rates and discounts are the same for both sides.
What differs is the cores' own: a slow target that moves at every step instead of jumps (DQN), gradients of actor and critic
clipped apart (A2C), noise that falls instead of random first actions (DDPG), returns normalised (all). Score: mean return of
20 episodes without exploration after training; the interval is a percentile bootstrap of the mean over seeds. Ours reaches the
trusted implementation's score when its mean lies within or above that interval.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from trusted_learners import trusted
from vector_game import TEAM, PushActor, PushLevels, Torque, TorqueValue, Value, VectorGame, push, torque

from twingap.baselines.a3c import A3cNumbers, Networks, SharedTeam, Worker
from twingap.baselines.ddpg import DdpgNumbers, DeterministicPolicyGradient, Noise
from twingap.baselines.ddqn import DdqnNumbers, DoubleQ
from twingap.baselines.off_policy import play
from twingap.baselines.off_policy_settings import OffPolicySettings
from twingap.baselines.replay import Replay

EPISODES = 20
# Of a worker between two steps of its learning rate's fall to zero.
PUSHES = 20


def off_policy(player, game: VectorGame, settings: OffPolicySettings, steps: int, seed: int):
    generator = torch.Generator().manual_seed(seed)
    memories = {TEAM: Replay(settings.capacity)}
    for done in range(0, steps, settings.rollout):
        play(game, {TEAM: player}, memories, settings, done / steps, generator)
    return lambda features: player.latents(player.decide(features), features)


def train_ddqn(steps: int, seed: int):
    torch.manual_seed(seed)
    settings = OffPolicySettings(rollout=128, warm_up=1000, gradient_steps=64, batch_steps=64, capacity=100_000, discount=0.99)
    numbers = DdqnNumbers(2.3e-3, 1.0, 0.99, 0.02, 1.0, 0.04, 0.16, 10.0, 0.999, False)
    player = DoubleQ(PushLevels(), numbers, lambda chosen, _: chosen)
    return off_policy(player, VectorGame("CartPole-v1", 1, seed, push), settings, steps, seed)


def train_ddpg(steps: int, seed: int):
    torch.manual_seed(seed)
    settings = OffPolicySettings(rollout=1, warm_up=500, gradient_steps=1, batch_steps=64, capacity=100_000, discount=0.98)
    numbers = DdpgNumbers(1e-3, 1e-3, 1.0, 0.98, 0.005, 10.0, 0.999, 0)
    player = DeterministicPolicyGradient(Torque(), TorqueValue(), {"torque": Noise(0.5, 0.1, -1.0, 1.0)}, numbers)
    return off_policy(player, VectorGame("Pendulum-v1", 1, seed, torque), settings, steps, seed)


def train_a3c(steps: int, seed: int):
    torch.manual_seed(seed)
    networks = {TEAM: Networks(PushActor(), Value())}
    # Gradients of normalised returns, hence clipped tenfold lower than those of returns in the hundreds: the clip keeps batches
    # in which poles fall from moving the policy far.
    numbers = A3cNumbers(7e-4, 7e-4, 0.0, 5, 0.99, 1.0, 1.0, 0.05, 0.99, {}, False, "rmsprop")
    shared = {TEAM: SharedTeam(networks[TEAM], numbers)}
    copies = 8
    worker = Worker(VectorGame("CartPole-v1", copies, seed, push), networks, shared, torch.Generator().manual_seed(seed))
    worker.pull()
    pushes = steps // (copies * numbers.rollout)
    for done in range(0, pushes, PUSHES):
        worker.run(min(PUSHES, pushes - done), done / pushes)
    return lambda features: networks[TEAM].actor(features).mode()


@torch.no_grad()
def score(act, task: str, action: Callable) -> float:
    """Mean return of EPISODES episodes, one per copy."""
    game = VectorGame(task, EPISODES, 10_000, action)
    total, running = np.zeros(EPISODES), np.ones(EPISODES, dtype=bool)
    while running.any():
        outcome = game.step({TEAM: act(game.features[TEAM])})
        total += np.where(running, outcome.reward[TEAM][:, 0], 0.0)
        running &= ~(outcome.terminated | outcome.truncated)
    return float(total.mean())


def interval(scores: list[float], replicates: int = 10_000) -> tuple[float, float, float]:
    """Mean over seeds and the middle 95 % of its bootstrap replicates."""
    values = np.asarray(scores)
    drawn = values[np.random.default_rng(0).integers(0, len(values), size=(replicates, len(values)))].mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def verdict(mean: float, trusted: tuple[float, float, float]) -> str:
    """In words."""
    _, low, high = trusted
    place = "lies within" if low <= mean <= high else "lies above" if mean > high else "does not reach"
    return f"{place} the trusted implementation's interval: {mean:.1f} and [{low:.1f}, {high:.1f}]"


@dataclass(frozen=True)
class Task:
    name: str
    steps: int
    train: Callable
    action: Callable


TASKS = {
    "ddqn": Task("CartPole-v1", 20_000, train_ddqn, push),
    "a3c": Task("CartPole-v1", 100_000, train_a3c, push),
    "ddpg": Task("Pendulum-v1", 6_000, train_ddpg, torque),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learner", choices=list(TASKS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[10, 11, 12, 13, 14])
    parser.add_argument("--steps", type=int)
    options = parser.parse_args()
    torch.set_num_threads(1)
    task = TASKS[options.learner]
    steps = options.steps or task.steps
    print(f"{task.name}, {steps} steps, seeds {options.seeds}; mean return of {EPISODES} episodes")
    found: dict[str, tuple[float, float, float]] = {}
    for label, train in (("twingap", task.train), ("SB3", lambda steps, seed: trusted(options.learner, steps, seed))):
        scores, seconds = [], []
        for seed in options.seeds:
            started = time.process_time()
            act = train(steps, seed)
            seconds.append(time.process_time() - started)
            scores.append(score(act, task.name, task.action))
        each = ", ".join(f"{value:.0f}" for value in scores)
        mean, low, high = found[label] = interval(scores)
        cpu = np.mean(seconds)
        print(f"{label:8s} mean {mean:8.1f} [{low:.1f}, {high:.1f}]  CPU s {cpu:6.1f}   each: {each}", flush=True)
    print(f"twingap {verdict(found['twingap'][0], found['SB3'])}")


if __name__ == "__main__":
    main()
