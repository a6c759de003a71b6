"""The frame of every run of ours (``learners.Trainer``): updates counted and timed. How one learns is its own."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor

from .environment import Environment
from .learners import LearnerSettings, TrainerState, UpdateRecord
from .policy import Policy
from .threads import one_thread

Settings = TypeVar("Settings", bound=LearnerSettings)


@dataclass(frozen=True)
class Learnt:
    """What one update brought: rows (environment, epoch, agent) learnt from; the others as in UpdateRecord."""

    rows: int
    reward_local: float
    reward_global: float
    figures: Mapping[str, float]


class Run(ABC, Generic[Settings]):
    """A run that can be looked at, stopped and continued between any two updates."""

    learner: ClassVar[str]

    def __init__(self, env: Environment, settings: Settings, seed: int) -> None:
        self.env, self.settings, self.seed = env, settings, seed
        self.updates, self.seconds, self.agent_steps = 0, 0.0, 0

    @property
    @abstractmethod
    def policy(self) -> Policy:
        """Acts with the present weights (not a copy)."""

    @abstractmethod
    def learn(self, progress: float) -> Learnt:
        """One update at this point of the run, progress in [0, 1)."""

    @property
    def finished(self) -> bool:
        """All updates done."""
        return self.updates >= self.settings.updates

    @one_thread()
    def update(self) -> UpdateRecord:
        """Collect experience and learn from it, once."""
        started = time.perf_counter()
        learnt = self.learn(self.updates / self.settings.updates)
        self.updates += 1
        self.agent_steps += learnt.rows
        self.seconds += time.perf_counter() - started
        return UpdateRecord(
            update=self.updates,
            seconds=self.seconds,
            agent_steps=self.agent_steps,
            reward_local=learnt.reward_local,
            reward_global=learnt.reward_global,
            figures=learnt.figures,
        )

    @abstractmethod
    def state(self) -> TrainerState:
        """All that the run's future depends on (a copy)."""

    @abstractmethod
    def restore(self, state: TrainerState) -> None:
        """Go on from there: with the same settings, scenario and device, bit for bit as if never interrupted. RuntimeError or
        KeyError when the tensors do not fit."""

    def _state_of(self, tensors: Mapping[str, Tensor], extra: Mapping[str, Any]) -> TrainerState:
        """The state with these tensors (copied) and this plain JSON data, where the environment and the counters stand."""
        return TrainerState(
            tensors={name: tensor.detach().cpu().clone() for name, tensor in tensors.items()},
            environment=self.env.state(),
            updates=self.updates,
            seconds=self.seconds,
            agent_steps=self.agent_steps,
            extra=extra,
        )

    def _count_from(self, state: TrainerState) -> None:
        self.updates, self.seconds, self.agent_steps = state.updates, state.seconds, state.agent_steps


def last_progress(settings: LearnerSettings, state: TrainerState) -> float:
    """Where a saved run's schedules stood in its last update, in [0, 1)."""
    return max(state.updates - 1, 0) / settings.updates
