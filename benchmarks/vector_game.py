"""Standard tasks of gymnasium as games of one team with one agent, and plain networks for each learner's core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from torch import Tensor, nn

from twingap.baselines.ddqn import LevelValues
from twingap.baselines.game import Outcome
from twingap.rl.distributions import Bernoulli, Hybrid

TEAM = "agent"
HIDDEN = 64


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
