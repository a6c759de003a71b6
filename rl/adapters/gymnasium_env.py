"""One environment for one agent that decides for everybody: Gymnasium's ``Env``."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...opt.arguments import seed as checked_seed
from ...opt.arrays import Floats
from ...opt.errors import InputError
from ..environment import Environment, Step
from ..observation import Features, Observation
from .certified import certified_bounds
from .flat import FlatCoding, numbers

# Features are standardised; an error of 10,000 times the value would not reach this. Checkers want a number.
LARGEST_FEATURE = 1e6


def box(size: int, high: float) -> gymnasium.spaces.Box[Any]:
    """float32 vectors of this size within [-high, high]."""
    return gymnasium.spaces.Box(-high, high, (size,), np.float32)


def paid(step: Step, certify: float | None) -> dict[str, Floats]:
    """What info tells of a step, each [env]: reward_local, reward_global and, if asked for, the certified bounds."""
    told = {"reward_local": step.reward_local, "reward_global": step.reward_global}
    return told if certify is None else told | certified_bounds(step, certify)


def single(environment: Environment, adapter: str) -> Environment:
    """The environment, refused unless it is a batch of one."""
    if environment.num_envs != 1:
        raise InputError(f"is {environment.num_envs}; {adapter} needs 1", field="num_envs")
    return environment


class GymnasiumEnv(gymnasium.Env[Features, NDArray[Any]]):
    """Observation and action are all agents' vectors joined (see ``flat``); the reward is r_loc + r_glo (25).

    An episode terminates at the horizon and is never truncated. Nothing follows the last epoch: the observation that comes with
    ``terminated`` is the next episode's first, which ``reset()`` without a seed then starts. info: reward_local, reward_global,
    and with ``certify`` (a relative gap) the certified bounds of the epoch that was paid.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - gymnasium reads it from the class

    def __init__(self, environment: Environment, certify: float | None = None) -> None:
        self.environment, self.certify = single(environment, "GymnasiumEnv"), certify
        self.coding = FlatCoding(environment.system)
        self.observation_space = box(self.coding.observation_size, LARGEST_FEATURE)
        self.action_space = box(self.coding.action_size, 1.0)
        self._next: Observation | None = None
        self._over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Features, dict[str, Any]]:
        """Start an episode; with a seed the streams of truth and error start again from it. No options."""
        # Ours first: Gymnasium's own check takes no numpy numbers, and true for one.
        seed = None if seed is None else checked_seed(seed)
        super().reset(seed=seed, options=options)
        if seed is not None or self._next is None or not self._over:
            self._next = self.environment.reset(seed)
        self._over = False
        return self.coding.observation(self._next)[0], {}

    def step(self, action: NDArray[Any]) -> tuple[Features, float, bool, bool, dict[str, Any]]:
        """One epoch."""
        if self._over:
            raise InputError("was called before reset() or after the end of an episode; call reset()", field="step")
        step = self.environment.step(self.coding.action(numbers(action, "action")[None]))
        self._next, self._over = step.observation, bool(step.terminated[0])
        info: dict[str, Any] = {name: float(values[0]) for name, values in paid(step, self.certify).items()}
        return self.coding.observation(step.observation)[0], float(step.reward[0]), self._over, False, info
