"""Every AP and every block manager an agent of its own: PettingZoo's ``ParallelEnv``."""

from __future__ import annotations

from typing import Any, Literal, get_args

import gymnasium
import numpy as np
from numpy.typing import NDArray
from pettingzoo import ParallelEnv

from ...opt.errors import InputError
from ..environment import Environment, Step
from ..observation import Features, Observation
from .flat import FlatCoding, numbers
from .gymnasium_env import LARGEST_FEATURE, box, paid, single

Credit = Literal["team", "own"]


class TwinParallelEnv(ParallelEnv[str, Features, NDArray[Any]]):
    """Agents ap_0, ..., manager_0, ...; each sees and decides its own vector (see ``flat``).

    reward: with credit "team" (default) every AP is paid r_loc and every manager r_glo (25), with "own" each its part of it.
    info of every agent: both teams' rewards, its own part as reward_own and, with ``certify`` (a relative gap), the certified
    bounds of the epoch that was paid. Agents end together at the horizon: terminated, never truncated. ``state()`` is all
    agents' observations joined, for a central critic.
    """

    metadata = {"name": "twingap_v0", "render_modes": [], "is_parallelizable": True}  # noqa: RUF012 - read by pettingzoo

    def __init__(self, environment: Environment, credit: Credit = "team", certify: float | None = None) -> None:
        if credit not in get_args(Credit):
            raise InputError(f"is {credit!r}; allowed: {', '.join(get_args(Credit))}", field="credit")
        self.environment, self.certify = single(environment, "TwinParallelEnv"), certify
        self.credit: Credit = credit
        self.coding = FlatCoding(environment.system)
        self.render_mode = None
        self.possible_agents = list(self.coding.agents)
        self.agents: list[str] = []
        sees, does = self.coding.observation_slices, self.coding.action_slices
        self.observation_spaces = {
            agent: box(sees[agent].stop - sees[agent].start, LARGEST_FEATURE) for agent in self.possible_agents
        }
        self.action_spaces = {agent: box(does[agent].stop - does[agent].start, 1.0) for agent in self.possible_agents}
        self.state_space = box(self.coding.observation_size, LARGEST_FEATURE)
        self._next: Observation | None = None

    def observation_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Of one agent; always the same object."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gymnasium.spaces.Space[Any]:
        """Of one agent; always the same object."""
        return self.action_spaces[agent]

    def state(self) -> Features:
        """All agents' observations joined."""
        if self._next is None:
            raise InputError("was asked for before reset(); there is no epoch yet", field="state")
        return self.coding.observation(self._next)[0]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Features], dict[str, dict[str, Any]]]:
        """Start an episode; with a seed the streams of truth and error start again from it. No options."""
        del options
        if seed is not None or self._next is None or self.agents:
            self._next = self.environment.reset(seed)
        self.agents = list(self.possible_agents)
        return self._split(self._next), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, NDArray[Any]]
    ) -> tuple[dict[str, Features], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """One epoch; every agent must act."""
        if not self.agents:
            raise InputError("was called before reset() or after the end of an episode; call reset()", field="step")
        step = self.environment.step(self.coding.action(self._join(actions)[None]))
        self._next = step.observation
        over = bool(step.terminated[0])
        told = {name: float(values[0]) for name, values in paid(step, self.certify).items()}
        own = dict(zip(self.agents, self._own(step), strict=True))
        team = {agent: told["reward_local" if agent.startswith("ap_") else "reward_global"] for agent in self.agents}
        found = (
            self._split(step.observation),
            team if self.credit == "team" else own,
            dict.fromkeys(self.agents, over),
            dict.fromkeys(self.agents, False),
            {agent: told | {"reward_own": own[agent]} for agent in self.agents},
        )
        if over:
            self.agents = []
        return found

    def _own(self, step: Step) -> list[float]:
        return np.concatenate([step.reward_ap[0], step.reward_manager[0]]).tolist()

    def _split(self, observation: Observation) -> dict[str, Features]:
        joined = self.coding.observation(observation)[0]
        return {agent: joined[part] for agent, part in self.coding.observation_slices.items()}

    def _join(self, actions: dict[str, NDArray[Any]]) -> NDArray[Any]:
        joined = np.empty(self.coding.action_size)
        for agent, part in self.coding.action_slices.items():
            if agent not in actions:
                raise InputError("is missing; every living agent acts in every epoch", field=f"action.{agent}")
            action = numbers(actions[agent], f"action.{agent}")
            if action.shape != (part.stop - part.start,):
                raise InputError(f"has shape {action.shape}; it must be {(part.stop - part.start,)}", field=f"action.{agent}")
            joined[part] = action
        return joined
