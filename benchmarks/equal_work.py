"""The task and the numbers that `train_throughput.py` gives to every library: what an agent row is, network, batch, passes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import gymnasium
import numpy as np
from torch import nn

Rolled = TypeVar("Rolled")
OBSERVATION, ACTIONS, HIDDEN = 30, 20, 64
PASSES, MINIBATCHES, DISCOUNT, LAMBDA, CLIP, RATE = 10, 4, 0.99, 0.95, 0.2, 3e-4
ENVIRONMENTS, HORIZON = 16, 32
# Epochs per update: 4,096 rows with 8 agents, 20,000 with 50.
ROLLOUT = {8: 32, 50: 25}


class Clock:
    """CPU seconds of one kind of work."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __enter__(self) -> None:
        self.started = time.process_time()

    def __exit__(self, *_: object) -> None:
        self.seconds += time.process_time() - self.started


def timed_turns(updates: int, roll: Callable[[], Rolled], learn: Callable[[Rolled], object]) -> tuple[float, float]:
    """(rollout, update) CPU seconds of so many updates, after one to warm up."""
    rolling, updating = Clock(), Clock()
    for update in range(updates + 1):
        if update == 1:
            rolling.seconds = updating.seconds = 0.0
        with rolling:
            rolled = roll()
        with updating:
            learn(rolled)
    return rolling.seconds, updating.seconds


class Task:
    """Be where the first 20 of the 30 numbers seen say: observation [env, agent, 30], action [env, agent, 20], rewards and ends
    [env, agent]; every episode ends after HORIZON epochs."""

    def __init__(self, agents: int) -> None:
        self.shape = (ENVIRONMENTS, agents)
        self.seen = np.random.default_rng(0).standard_normal((HORIZON, *self.shape, OBSERVATION)).astype(np.float32)
        self.epoch = 0

    def reset(self) -> np.ndarray:
        self.epoch = 0
        return self.seen[0]

    def step(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
        miss = action.reshape(*self.shape, ACTIONS) - self.seen[self.epoch][..., :ACTIONS]
        self.epoch = (self.epoch + 1) % HORIZON
        return self.seen[self.epoch], -np.einsum("...i,...i->...", miss, miss), self.epoch == 0


def layers(outputs: int) -> list[nn.Module]:
    return [nn.Linear(OBSERVATION, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, outputs)]


def box(size: int) -> gymnasium.spaces.Box:
    return gymnasium.spaces.Box(-100.0, 100.0, (size,))
