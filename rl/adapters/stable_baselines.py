"""A whole batch of environments at once: the ``VecEnv`` of Stable-Baselines3."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ...opt.arguments import seed as checked_seed
from ...opt.arrays import Booleans
from ...opt.errors import InputError
from ..environment import Environment
from ..observation import Features, Observation
from .flat import FlatCoding
from .gymnasium_env import LARGEST_FEATURE, box, paid

Indices = int | Iterable[int] | None


class StableBaselinesVecEnv(VecEnv):
    """As ``GymnasiumEnv`` for every member of the batch; info of each member: reward_local, reward_global and, at the end of an
    episode, terminal_observation (that of the last epoch played, as nothing follows), never TimeLimit.truncated."""

    def __init__(self, environment: Environment, certify: float | None = None) -> None:
        self.environment, self.certify = environment, certify
        self.coding = FlatCoding(environment.system)
        spaces = box(self.coding.observation_size, LARGEST_FEATURE), box(self.coding.action_size, 1.0)
        super().__init__(environment.num_envs, *spaces)
        self._actions: NDArray[Any] | None = None
        self._seen: Observation | None = None

    def reset(self) -> Features:
        """Start an episode everywhere; ``seed(number)`` before it starts the streams again."""
        seed = self._seeds[0]
        self._reset_seeds()
        self._seen = self.environment.reset(seed)
        return self.coding.observation(self._seen)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """A whole number >= 0, from which ``reset`` starts the streams of the whole batch."""
        return super().seed(None if seed is None else checked_seed(seed))

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions for ``step_wait``."""
        self._actions = actions

    def step_wait(self) -> tuple[Features, NDArray[np.float32], Booleans, list[dict[str, Any]]]:
        """One epoch everywhere."""
        if self._actions is None:
            raise InputError("was called without actions; call step_async first", field="step_wait")
        step = self.environment.step(self.coding.action(self._actions))
        self._actions = None
        told = {name: values.tolist() for name, values in paid(step, self.certify).items()}
        infos: list[dict[str, Any]] = [dict(zip(told, values, strict=True)) for values in zip(*told.values(), strict=True)]
        if step.terminated.any() and self._seen is not None:
            # Made anew: whoever was given it the first time may have written into it.
            for info, last in zip(infos, self.coding.observation(self._seen), strict=True):
                info["terminal_observation"] = last
        self._seen = step.observation
        return self.coding.observation(step.observation), step.reward.astype(np.float32), step.terminated, infos

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Indices = None) -> list[Any]:
        """An attribute of the batch, once for each of the members asked for."""
        if attr_name == "render_mode":
            return [None for _ in self._get_indices(indices)]
        return [getattr(self, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Indices = None) -> None:
        """Refused: members of a batch share everything."""
        del value, indices
        raise InputError("cannot be set on single members of a batch", field=attr_name)

    def env_method(self, method_name: str, *method_args: Any, indices: Indices = None, **method_kwargs: Any) -> list[Any]:
        """Refused: members of a batch share everything."""
        del method_args, indices, method_kwargs
        raise InputError("cannot be called on single members of a batch", field=method_name)

    def env_is_wrapped(self, wrapper_class: type, indices: Indices = None) -> list[bool]:
        """No member is wrapped."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]
