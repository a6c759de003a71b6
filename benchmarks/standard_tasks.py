"""Our rivals' cores on standard tasks beside Stable-Baselines3 on the same number of steps: do they lose for the right reason?

    python benchmarks/standard_tasks.py ddqn     # CartPole-v1, beside DQN
    python benchmarks/standard_tasks.py a3c      # CartPole-v1, one worker, beside A2C
    python benchmarks/standard_tasks.py ddpg     # Pendulum-v1, beside DDPG

The thin seam: ``VectorGame`` is a vector environment of gymnasium as a game of one team with one agent, and each learner gets
a plain network for it; loops, targets, replay, workers and losses are those that run on the environment of this project.
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

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor, nn

from twingap.baselines.a3c import A3cNumbers, Networks, SharedTeam, Worker
from twingap.baselines.ddpg import DdpgNumbers, DeterministicPolicyGradient, Noise
from twingap.baselines.ddqn import DdqnNumbers, DoubleQ, LevelValues
from twingap.baselines.game import Outcome
from twingap.baselines.off_policy import play
from twingap.baselines.off_policy_settings import OffPolicySettings
from twingap.baselines.replay import Replay
from twingap.rl.distributions import Bernoulli, Hybrid

TEAM = "agent"
EPISODES = 20
HIDDEN = 64
# Of a worker between two steps of its learning rate's fall to zero.
PUSHES = 20


@dataclass(frozen=True, eq=False)
class Vector:
    """Plain features [row, number]."""

    values: Tensor

    def at(self, rows: Tensor) -> Vector:
        return Vector(self.values[rows])

    @staticmethod
    def join(parts: list[Vector]) -> Vector:
        return Vector(torch.cat([part.values for part in parts]))


def vector(observation) -> Vector:
    return Vector(torch.as_tensor(observation, dtype=torch.float32))


class VectorGame:
    """Copies of a gymnasium task. action: from latents to what the task takes."""

    def __init__(self, task: str, copies: int, seed: int, action: Callable) -> None:
        self.env = SyncVectorEnv([lambda: gymnasium.make(task)] * copies, autoreset_mode=AutoresetMode.SAME_STEP)
        self.action = action
        observation, _ = self.env.reset(seed=seed)
        self.features = {TEAM: vector(observation)}

    def step(self, latents) -> Outcome:
        observation, reward, terminated, truncated, info = self.env.step(self.action(latents[TEAM]))
        following = observation.copy()
        if "final_obs" in info:
            for row in np.flatnonzero(terminated | truncated):
                following[row] = info["final_obs"][row]
        self.features = {TEAM: vector(observation)}
        return Outcome({TEAM: np.asarray(reward)[:, None]}, terminated, {TEAM: vector(following)}, truncated)


def layers(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, outputs))


class PushLevels(nn.Module):
    """Q of pushing left and right: one slot of two levels."""

    def __init__(self) -> None:
        super().__init__()
        self.body = layers(4, 3)

    def forward(self, features: Vector) -> LevelValues:
        out = self.body(features.values)
        return LevelValues(out[:, :1], {"push": out[:, None, None, 1:]}, {})


def orthogonal(outputs: int, gain: float) -> nn.Sequential:
    """What Stable-Baselines3's A2C has: tanh, orthogonal weights, no bias at the start, ``gain`` in the last layer."""
    body = nn.Sequential(nn.Linear(4, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs))
    for layer in body:
        if isinstance(layer, nn.Linear):
            nn.init.orthogonal_(layer.weight, gain if layer is body[-1] else 2.0**0.5)
            nn.init.zeros_(layer.bias)
    return body


class PushActor(nn.Module):
    """Chance of pushing right."""

    def __init__(self) -> None:
        super().__init__()
        self.body = orthogonal(1, 0.01)

    def forward(self, features: Vector) -> Hybrid:
        return Hybrid({"push": Bernoulli(self.body(features.values)[:, None, :])})


class Value(nn.Module):
    """Value of the one agent [row, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = orthogonal(1, 1.0)

    def forward(self, features: Vector) -> Tensor:
        return self.body(features.values)


class Torque(nn.Module):
    """Torque as a fraction of the largest."""

    def __init__(self) -> None:
        super().__init__()
        self.body = layers(3, 1)

    def forward(self, features: Vector) -> dict[str, Tensor]:
        return {"torque": torch.tanh(self.body(features.values))[:, None, :]}


class TorqueValue(nn.Module):
    """Value of a torque [row, 1]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = layers(4, 1)

    def forward(self, features: Vector, actions: dict[str, Tensor]) -> Tensor:
        return self.body(torch.cat([features.values, actions["torque"][:, 0]], dim=-1))


def push(latents) -> np.ndarray:
    return latents["push"][:, 0, 0].long().numpy()


def torque(latents) -> np.ndarray:
    return 2.0 * latents["torque"][:, 0].numpy()


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


def trusted(learner: str, steps: int, seed: int):
    import stable_baselines3 as sb3
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.noise import NormalActionNoise

    kind = {"net_arch": [HIDDEN, HIDDEN]}
    if learner == "ddqn":
        model = sb3.DQN(
            "MlpPolicy",
            "CartPole-v1",
            learning_rate=2.3e-3,
            batch_size=64,
            buffer_size=100_000,
            learning_starts=1000,
            gamma=0.99,
            target_update_interval=10,
            train_freq=128,
            gradient_steps=64,
            exploration_fraction=0.16,
            exploration_final_eps=0.04,
            policy_kwargs=kind,
            seed=seed,
        )
        act = push_of(model)
    elif learner == "ddpg":
        model = sb3.DDPG(
            "MlpPolicy",
            "Pendulum-v1",
            learning_rate=1e-3,
            batch_size=64,
            learning_starts=500,
            gamma=0.98,
            tau=0.005,
            train_freq=1,
            action_noise=NormalActionNoise(np.zeros(1), 0.1 * np.ones(1)),
            policy_kwargs=kind,
            seed=seed,
        )
        act = torque_of(model)
    else:
        env = make_vec_env("CartPole-v1", n_envs=8, seed=seed)
        model = sb3.A2C(
            "MlpPolicy", env, learning_rate=lambda left: 7e-4 * left, gamma=0.99, n_steps=5, policy_kwargs=kind, seed=seed
        )
        act = push_of(model)
    model.learn(steps)
    return act


def push_of(model):
    def act(features: Vector):
        actions, _ = model.predict(features.values.numpy(), deterministic=True)
        return {"push": torch.as_tensor(actions)[:, None, None]}

    return act


def torque_of(model):
    def act(features: Vector):
        actions, _ = model.predict(features.values.numpy(), deterministic=True)
        return {"torque": torch.as_tensor(actions)[:, None, :] / 2.0}

    return act


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
