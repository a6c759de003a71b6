"""A whole batch of environments at once: Gymnasium's ``VectorEnv``, without one Python call per environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ...opt.arguments import seed as checked_seed
from ...opt.arrays import Booleans, Floats
from ...opt.errors import InputError
from ..environment import Environment
from ..observation import Features, Observation
from .flat import FlatCoding
from .gymnasium_env import LARGEST_FEATURE, box, paid


class GymnasiumVectorEnv(VectorEnv[Features, NDArray[Any], NDArray[Any]]):
    """As ``GymnasiumEnv`` for every member of the batch; spaces and info as Gymnasium's vector environments have them.

    All members terminate together at the horizon and start again in the same step (``AutoresetMode.SAME_STEP``). As nothing
    follows a termination, ``final_obs`` is the observation of the last epoch that was played.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 - gymnasium reads it

    def __init__(self, environment: Environment, certify: float | None = None) -> None:
        self.environment, self.certify = environment, certify
        self.coding = FlatCoding(environment.system)
        self.num_envs = environment.num_envs
        self.single_observation_space = box(self.coding.observation_size, LARGEST_FEATURE)
        self.single_action_space = box(self.coding.action_size, 1.0)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._seen: Observation | None = None

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Features, dict[str, Any]]:
        """Start an episode everywhere; one seed stands for the whole batch. No options."""
        if isinstance(seed, list):
            raise InputError("is a list; one whole number stands for the whole batch", field="seed")
        seed = None if seed is None else checked_seed(seed)
        super().reset(seed=seed, options=options)
        self._seen = self.environment.reset(seed)
        return self.coding.observation(self._seen), {}

    def step(self, actions: NDArray[Any]) -> tuple[Features, Floats, Booleans, Booleans, dict[str, Any]]:
        """One epoch everywhere."""
        step = self.environment.step(self.coding.action(actions))
        everywhere = np.ones(self.num_envs, dtype=np.bool_)
        info: dict[str, Any] = {}
        for name, values in paid(step, self.certify).items():
            info |= {name: values, f"_{name}": everywhere}
        if step.terminated.any():
            # Made anew: whoever was given it the first time may have written into it.
            last = None if self._seen is None else self.coding.observation(self._seen)
            info |= {"final_obs": last, "_final_obs": step.terminated}
            info |= {"final_info": dict(info), "_final_info": step.terminated}
        self._seen = step.observation
        return self.coding.observation(step.observation), step.reward, step.terminated, np.zeros_like(step.terminated), info
