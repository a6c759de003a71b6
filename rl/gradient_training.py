"""The gradient learner: the networks of MAPPO, trained by gradient through the utility, under the same twin errors.

The twin is a model that we own: in training the truth is known, the twin's view of it is what the networks read, and the
utility (``differentiable``) of the projected decision (``relaxation``) is followed uphill. It says what the architecture can
reach when no variance of exploration stands in the way. It is judged like every policy: by the environment, on decisions of its
own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from .action_spaces import ACTION_SPACES
from .actions import Action
from .actor_policy import ActorPolicy, saved_policy
from .decoding import PROJECTED
from .differentiable import Smoothing
from .distributions import Hybrid, Latents
from .environment import Environment
from .gradient_settings import SEARCH_SPACE, GradientSettings, GradientTeamSettings
from .learners import LearnerEntry, TrainerState
from .mappo_settings import TEAM_DEFAULTS, TeamSettings
from .observation import Observation
from .relaxation import mixed_assignment, projected_global_utility, projected_local_utility
from .run import Learnt, Run
from .saved_tensors import below, optimiser_tensors, restore_optimiser
from .team_networks import AnyGlobalActor, AnyLocalActor, global_networks, local_networks
from .teams import best_latents, scores
from .twin import TwinError
from .view import View

CPU = torch.device("cpu")


class Climber:
    """One team's actor and its optimiser."""

    def __init__(self, actor: AnyLocalActor | AnyGlobalActor, settings: GradientTeamSettings) -> None:
        self.actor, self.settings = actor, settings
        self.optimiser = torch.optim.Adam(actor.parameters(), lr=settings.learning_rate, fused=True)

    def climb(self, utility: Tensor, progress: float) -> float:
        """One step up the mean utility (in units of the largest benefit); the gradient's norm."""
        settings = self.settings
        low = settings.final_learning_rate
        for group in self.optimiser.param_groups:
            group["lr"] = settings.learning_rate * (low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * progress)))
        self.optimiser.zero_grad(set_to_none=True)
        (-utility.mean()).backward()
        norm = nn.utils.clip_grad_norm_(self.actor.parameters(), settings.max_gradient_norm)
        self.optimiser.step()
        return float(norm)

    @property
    def rate(self) -> float:
        """The learning rate of the last step."""
        return self.optimiser.param_groups[0]["lr"]

    def tensors(self) -> dict[str, Tensor]:
        """Weights, scales and the optimiser's moments, by name."""
        found = {f"actor.{name}": tensor for name, tensor in self.actor.state_dict().items()}
        found |= {f"optimiser.{name}": tensor for name, tensor in optimiser_tensors(self.optimiser).items()}
        return found

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()``."""
        self.actor.load_state_dict(below("actor", tensors))
        restore_optimiser(self.optimiser, below("optimiser", tensors))


class GradientTrainer(Run[GradientSettings]):
    """A run of the gradient learner. One update: one epoch of every environment, one step of each team."""

    learner: ClassVar[str] = "gradient"

    def __init__(self, env: Environment, settings: GradientSettings, seed: int) -> None:
        LEARNER.check_rules(env.rules)
        self.clones = settings.clones.factors(env.num_envs)
        super().__init__(env.with_clones(self.clones), settings, seed)
        self.observation: Observation = self.env.reset()
        view = self._view()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            local, _ = local_networks(view.heads, _local(settings))
            global_, _ = global_networks(view.committees, _global(settings))
        self.local, self.global_ = Climber(local, settings.local), Climber(global_, settings.global_)
        self._actors = local, global_

    @property
    def policy(self) -> ActorPolicy:
        """Acts with the present weights (not a copy)."""
        return ActorPolicy(*self._actors, CPU, self.env.twin_error)

    def learn(self, progress: float) -> Learnt:
        """One step uphill for both teams on the present epoch, then on to the next one."""
        settings, env = self.settings, self.env
        local_space, global_space = ACTION_SPACES[settings.local.actions], ACTION_SPACES[settings.global_.actions]
        smoothing = Smoothing(*(width.at(progress) for width in (settings.level, settings.timeout, settings.slowest)))
        twin, truth = self.observation.twin, env.truth
        view = self._view()
        heads, committees = view.heads, view.committees
        local, global_ = self._actors

        chosen = local(heads)
        shares = local_space.local_shares(_locations(chosen), heads, view.local)
        utility = projected_local_utility(shares, twin.local, truth.local, smoothing)
        largest = truth.local.benefit * len(truth.local.layout.ap)
        norm_local = self.local.climb(utility / largest, progress)

        decided = global_(committees)
        latents = _locations(decided)
        log_serves = functional.logsigmoid(latents["serve"][..., 0])
        likes = latents | {"bid": torch.sigmoid(latents["bid"])}
        served = mixed_assignment(scores(likes), log_serves, truth.global_.capacity, settings.temperature.at(progress))
        serves = log_serves.exp()
        shares = global_space.global_shares(latents, committees, served, serves, view.global_)
        expected = projected_global_utility(shares, served, serves, twin.global_, truth.global_, smoothing)
        aps = truth.global_.sinr_access.shape[-1]
        norm_global = self.global_.climb(expected / (truth.global_.benefit * aps), progress)

        with torch.no_grad():
            step = env.step(
                Action(
                    local_space.local_action(best_latents(chosen), heads, view.local),
                    global_space.global_action(best_latents(decided), committees, view.global_),
                )
            )
        self.observation = step.observation
        return Learnt(
            rows=step.reward_ap.size + step.reward_manager.size,
            reward_local=float(step.reward_local.mean()),
            reward_global=float(step.reward_global[self.clones == 1.0].mean()),
            figures={
                "local.smoothed_utility": float(utility.detach().mean()),
                "local.gradient_norm": norm_local,
                "local.learning_rate": self.local.rate,
                "global.smoothed_utility": float(expected.detach().mean()),
                "global.gradient_norm": norm_global,
                "global.learning_rate": self.global_.rate,
                "global.serving": float(log_serves.detach().exp().mean()),
            },
        )

    def _view(self) -> View:
        """Of the present epoch."""
        settings = self.settings
        return View.of(self.observation, self.env.twin_error, settings.local.actions, settings.global_.actions, CPU)

    def state(self) -> TrainerState:
        """All that the run's future depends on (a copy)."""
        tensors = {f"local.{name}": tensor for name, tensor in self.local.tensors().items()}
        tensors |= {f"global.{name}": tensor for name, tensor in self.global_.tensors().items()}
        return self._state_of(tensors, {"twin_error": asdict(self.env.twin_error)})

    def restore(self, state: TrainerState) -> None:
        """Go on from there: bit for bit as if never interrupted."""
        self.local.restore(below("local", state.tensors))
        self.global_.restore(below("global", state.tensors))
        self.observation = self.env.restore(state.environment)
        self._count_from(state)


def _locations(distribution: Hybrid) -> Latents:
    return {name: head.location for name, head in distribution.heads.items()}


def _local(settings: GradientSettings) -> TeamSettings:
    """What the network of a team is made of, as MAPPO says it."""
    team = settings.local
    return replace(TEAM_DEFAULTS["local"][team.actions], hidden=team.hidden, context=team.context)


def _global(settings: GradientSettings) -> TeamSettings:
    team = settings.global_
    return replace(TEAM_DEFAULTS["global_"][team.actions], hidden=team.hidden, context=team.context)


def policy_of(settings: GradientSettings, state: TrainerState) -> ActorPolicy:
    """The scheduler of a saved run, on the CPU."""
    return saved_policy(_local(settings), _global(settings), state.tensors, error=TwinError(**state.extra["twin_error"]))


LEARNER = LearnerEntry(
    settings=GradientSettings,
    trainer=GradientTrainer,
    policy=policy_of,
    num_envs=64,
    space=SEARCH_SPACE,
    rules=PROJECTED,  # what it differentiates
)
