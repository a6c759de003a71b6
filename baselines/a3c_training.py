"""Runs of A3C on the environment: workers on shared weights, standing still between updates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..rl.actor_policy import ActorPolicy, saved_policy
from ..rl.environment import Environment, EnvironmentState
from ..rl.learners import LearnerEntry, TrainerState
from ..rl.mappo_settings import GLOBAL_DEFAULTS, LOCAL_DEFAULTS, TeamSettings
from ..rl.networks import GlobalActor, LocalActor
from ..rl.run import Learnt, Run, last_progress
from ..rl.saved_tensors import below
from ..rl.team_networks import global_networks, local_networks
from ..rl.value_normalisation import ValueNormaliser
from .a3c import A3cNumbers, Networks, SharedTeam
from .a3c_settings import SEARCH_SPACE, A3cSettings, A3cTeam
from .a3c_workers import HomeWorker, WorkerPlan, WorkerState, gather, start_workers
from .game import CPU, GLOBAL, LOCAL, Features, features_of, of_both_teams


class A3cTrainer(Run[A3cSettings]):
    """A run of A3C. The environment it is given says what is played and shows one epoch, to which feature scales are fitted;
    workers play environments of their own like it."""

    learner: ClassVar[str] = "a3c"

    def __init__(self, env: Environment, settings: A3cSettings, seed: int) -> None:
        super().__init__(env, settings, seed)
        # torch's layers initialise from its global generator: borrow it, and give it back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = make_networks(features_of(env.reset()), settings)
        numbers = {LOCAL: numbers_of(settings, settings.local), GLOBAL: numbers_of(settings, settings.global_)}
        self.shared = {team: SharedTeam(networks, numbers[team]) for team, networks in self.networks.items()}
        plans = [WorkerPlan.of(env, seed, index, settings.workers) for index in range(settings.workers)]
        self.rows = sum(plan.num_envs for plan in plans) * settings.pushes * settings.rollout
        if settings.workers == 1:
            self.workers, self.close = [HomeWorker(plans[0], self.networks, self.shared)], lambda: None
        else:
            self.workers, self.close = start_workers(plans, self.networks, self.shared, settings.order, self)

    @property
    def policy(self) -> ActorPolicy:
        """Acts with the present weights (not a copy)."""
        local, global_ = self.networks[LOCAL].actor, self.networks[GLOBAL].actor
        assert isinstance(local, LocalActor)
        assert isinstance(global_, GlobalActor)
        return ActorPolicy(local, global_, CPU)

    def learn(self, progress: float) -> Learnt:
        """Let every worker push its number of times."""
        for worker in self.workers:
            worker.ready()
        for worker in self.workers:
            worker.go(self.settings.pushes, progress)
        found = gather(self.workers)
        paid = {team: np.mean([each[team] for each in found], axis=0) for team in self.shared}
        self._pull(progress)
        return Learnt(
            rows=self.rows * sum(len(each) for each in paid.values()),
            reward_local=float(paid[LOCAL].sum()),
            reward_global=float(paid[GLOBAL].sum()),
            figures={f"{team}.pushes": float(shared.pushes) for team, shared in self.shared.items()},
        )

    def state(self) -> TrainerState:
        """All that the run's future depends on (a copy)."""
        tensors: dict[str, Tensor] = {}
        for team, shared in self.shared.items():
            tensors |= {f"{team}.shared.{name}": tensor for name, tensor in shared.tensors().items()}
            actor = self.networks[team].actor.state_dict()
            tensors |= {f"{team}.actor.{name}": tensor for name, tensor in actor.items()}
            # Scales of the critic's features are no weights.
            tensors |= {f"{team}.critic.{name}": tensor for name, tensor in self.networks[team].critic.state_dict().items()}
        workers: list[dict[str, Any]] = []
        for index, worker in enumerate(self.workers):
            state = worker.state()
            tensors[f"worker.{index}.generator"] = torch.tensor(list(state.generator), dtype=torch.uint8)
            tensors[f"worker.{index}.latent"] = torch.tensor(state.environment.latent)
            where = state.environment
            workers.append({"epoch": where.epoch, "truth_rng": where.truth_rng, "error_rng": where.error_rng})
        return self._state_of(tensors, {"workers": workers})

    def restore(self, state: TrainerState) -> None:
        """Go on from there: with the same settings and scenario, bit for bit as if never interrupted (unless ``free``)."""
        for team, shared in self.shared.items():
            shared.restore(below(f"{team}.shared", state.tensors))
            self.networks[team].actor.load_state_dict(below(f"{team}.actor", state.tensors))
            self.networks[team].critic.load_state_dict(below(f"{team}.critic", state.tensors))
        for index, (worker, where) in enumerate(zip(self.workers, state.extra["workers"], strict=True)):
            latent = state.tensors[f"worker.{index}.latent"].numpy()
            environment = EnvironmentState(latent, where["epoch"], where["truth_rng"], where["error_rng"])
            worker.restore(WorkerState(environment, bytes(state.tensors[f"worker.{index}.generator"].tolist())))
        self.env.restore(state.environment)
        self._count_from(state)

    def _pull(self, progress: float) -> None:
        """Make the shared weights those of the policy."""
        for team, shared in self.shared.items():
            networks = self.networks[team]
            shared.pull(networks, ValueNormaliser())
            assert networks.spreads is not None
            networks.spreads.progress = progress


def make_networks(calibration: Mapping[str, Features], settings: A3cSettings) -> dict[str, Networks]:
    """Fresh networks of both teams, MAPPO's, their feature scales fitted on the calibration epochs."""
    heads, committees = of_both_teams(calibration)
    local_team, global_team = team_settings(settings)
    local, local_critic = local_networks(heads, local_team)
    global_, global_critic = global_networks(committees, global_team)
    return {LOCAL: Networks(local, local_critic, local.spreads), GLOBAL: Networks(global_, global_critic, global_.spreads)}


def team_settings(settings: A3cSettings) -> tuple[TeamSettings, TeamSettings]:
    """Widths of A3C, spreads of MAPPO."""
    return replace(LOCAL_DEFAULTS, hidden=settings.local.hidden), replace(GLOBAL_DEFAULTS, hidden=settings.global_.hidden)


def numbers_of(settings: A3cSettings, team: A3cTeam) -> A3cNumbers:
    """What a worker reads of the settings of one team."""
    of_team = {each.name: getattr(team, each.name) for each in fields(team) if each.name != "hidden"}
    of_run = {
        name: getattr(settings, name)
        for name in ("rollout", "discount", "gae_lambda", "value_decay", "batch_normalised", "optimiser")
    }
    return A3cNumbers(**of_team, **of_run)


def policy_of(settings: A3cSettings, state: TrainerState) -> ActorPolicy:
    """The scheduler of a saved run. RuntimeError or KeyError when the tensors do not fit the settings."""
    return saved_policy(*team_settings(settings), state.tensors, last_progress(settings, state))


LEARNER = LearnerEntry(settings=A3cSettings, trainer=A3cTrainer, policy=policy_of, space=SEARCH_SPACE)
