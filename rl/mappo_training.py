"""A run of MAPPO: one loop, both teams, a fixed number of updates."""

from __future__ import annotations

from dataclasses import asdict
from typing import ClassVar

import numpy as np
import torch

from ..opt.errors import InputError
from .action_spaces import ACTION_SPACES
from .actions import Action
from .actor_policy import ActorPolicy, saved_policy
from .environment import Environment
from .learners import LearnerEntry, TrainerState
from .mappo import Learner
from .mappo_settings import SEARCH_SPACE, Device, MappoSettings, PrintedSettings
from .observation import Observation
from .run import Learnt, Run, last_progress
from .saved_tensors import below
from .team_networks import AnyGlobalActor, AnyLocalActor, global_networks, local_networks
from .twin import TwinError
from .view import View


class MappoTrainer(Run[MappoSettings]):
    """A MAPPO run.

    The two teams share no variable of Problem (16), hence no network and no loss; they share the epochs. ``seed`` decides
    initial weights, draws and minibatches; the environment has its own.
    """

    learner: ClassVar[str] = "mappo"

    def __init__(self, env: Environment, settings: MappoSettings, seed: int) -> None:
        self.clones = settings.clones.factors(env.num_envs)
        super().__init__(env.with_clones(self.clones), settings, seed)
        self.device = pick_device(settings.device)
        self.generator = torch.Generator(self.device).manual_seed(seed)
        self._look(self.env.reset())
        # torch's layers initialise from its global generator: borrow it, and give it back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            local = local_networks(self.view.heads, settings.local)
            global_ = global_networks(self.view.committees, settings.global_)
        self.local = Learner(*local, settings, settings.local, self.device)
        self.global_ = Learner(*global_, settings, settings.global_, self.device)

    @property
    def policy(self) -> ActorPolicy:
        """Acts with the present weights (not a copy)."""
        local, global_ = self.local.actor, self.global_.actor
        assert isinstance(local, AnyLocalActor)
        assert isinstance(global_, AnyGlobalActor)
        return ActorPolicy(local, global_, self.device, self.env.twin_error)

    def learn(self, progress: float) -> Learnt:
        """Roll out, update both teams."""
        settings, env = self.settings, self.env
        local_space, global_space = ACTION_SPACES[settings.local.actions], ACTION_SPACES[settings.global_.actions]
        self.local.advance(progress)
        self.global_.advance(progress)
        paid_local, paid_global, ends = [], [], []
        for _ in range(settings.rollout):
            view = self.view
            local = self.local.sample(view.heads, self.generator)
            global_ = self.global_.sample(view.committees, self.generator)
            step = env.step(
                Action(
                    local_space.local_action(local, view.heads, view.local),
                    global_space.global_action(global_, view.committees, view.global_),
                )
            )
            paid_local.append(step.reward_ap)
            paid_global.append(step.reward_manager)
            ends.append(step.terminated)
            self._look(step.observation)
        terminated = np.stack(ends)
        rewards_local, rewards_global = np.stack(paid_local), np.stack(paid_global)
        batch = self.local.batch(rewards_local, terminated, self.view.heads)
        record_local = self.local.update(batch, self.generator)
        batch = self.global_.batch(rewards_global, terminated, self.view.committees)
        record_global = self.global_.update(batch, self.generator)
        return Learnt(
            rows=rewards_local.size + rewards_global.size,
            reward_local=float(rewards_local.sum(axis=-1).mean()),
            reward_global=float(rewards_global[:, self.clones == 1.0].sum(axis=-1).mean()),
            figures=record_local.figures("local")
            | self.local.schedules("local")
            | record_global.figures("global")
            | self.global_.schedules("global"),
        )

    def _look(self, observation: Observation) -> None:
        """Go on to this epoch."""
        settings = self.settings
        spaces = settings.local.actions, settings.global_.actions
        self.observation, self.view = observation, View.of(observation, self.env.twin_error, *spaces, self.device)

    def state(self) -> TrainerState:
        """All that the run's future depends on (a copy)."""
        tensors = {f"local.{name}": tensor for name, tensor in self.local.tensors().items()}
        tensors |= {f"global.{name}": tensor for name, tensor in self.global_.tensors().items()}
        tensors["generator"] = self.generator.get_state()
        return self._state_of(tensors, {"twin_error": asdict(self.env.twin_error)})

    def restore(self, state: TrainerState) -> None:
        """Go on from there: with the same settings, scenario and device, bit for bit as if never interrupted."""
        self.local.restore(below("local", state.tensors))
        self.global_.restore(below("global", state.tensors))
        self.generator.set_state(state.tensors["generator"])
        self._look(self.env.restore(state.environment))
        self._count_from(state)


def policy_of(settings: MappoSettings, state: TrainerState) -> ActorPolicy:
    """The scheduler of a saved run, on the CPU. RuntimeError or KeyError when the tensors do not fit the settings."""
    # Only draws depend on how far the schedule of the standard deviations has come: as in the last update.
    progress, error = last_progress(settings, state), TwinError(**state.extra["twin_error"])
    return saved_policy(settings.local, settings.global_, state.tensors, progress, error)


def pick_device(name: Device) -> torch.device:
    """The torch device of a settings value; InputError when a GPU is asked for and there is none."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("is 'cuda' and torch sees no GPU; use 'auto' or 'cpu'", field="settings.device")
    return torch.device(name)


class PrintedTrainer(MappoTrainer):
    """Algorithms 1 and 2 as printed: see ``PrintedSettings``."""

    learner: ClassVar[str] = "mappo_paper"


def one_size(settings: MappoSettings) -> bool:
    """Whether a team has a network per agent (``own_networks``)."""
    return "own" in (settings.local.networks, settings.global_.networks)


LEARNER = LearnerEntry(MappoSettings, MappoTrainer, policy_of, space=SEARCH_SPACE, one_size=one_size)
PRINTED = LearnerEntry(PrintedSettings, PrintedTrainer, policy_of, num_envs=16, space=SEARCH_SPACE, one_size=one_size)
