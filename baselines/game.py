"""What the rivals play: teams that see features, answer with latents and are paid. The environment is one game; a plain vector
task, on which a learner is checked against others, is another (``benchmarks/standard_tasks.py``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..opt.arrays import Booleans, Floats
from ..rl.actions import Action
from ..rl.distributions import Latents
from ..rl.environment import Environment
from ..rl.features import CommitteeFeatures, HeadFeatures, committee_features, head_features
from ..rl.observation import Observation
from ..rl.teams import global_action, local_action

CPU = torch.device("cpu")
# The environment's teams, in the order in which they draw from a run's generator.
LOCAL, GLOBAL = "local", "global"
TEAMS = (LOCAL, GLOBAL)

# Any frozen dataclass of tensors with ``at(rows)`` and ``join(parts)``, batched over environments.
Features = Any


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one epoch paid. reward [env, agent] by team; terminated [env]: nothing follows, do not bootstrap; following:
    features by team of what really came next, which at the end of an episode is not what the next one starts with; truncated
    [env] (None: never): an episode was cut short here, so what follows has a value but is not played."""

    reward: Mapping[str, Floats]
    terminated: Booleans
    following: Mapping[str, Features]
    truncated: Booleans | None = None


class Game(Protocol):
    """A batch of environments with one or more teams of agents."""

    @property
    def features(self) -> Mapping[str, Features]:
        """Of the present epoch, by team."""
        ...

    def step(self, latents: Mapping[str, Latents]) -> Outcome:
        """Answer with every team's latents and move on."""
        ...


class TwinGame:
    """The environment with its two teams, paid per AP and per manager."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.see(env.reset())

    def see(self, observation: Observation) -> None:
        """Go on from this observation of the environment."""
        self.observation = observation
        self.features: Mapping[str, Features] = features_of(observation)

    def step(self, latents: Mapping[str, Latents]) -> Outcome:
        """One epoch. The state is exogenous and the horizon the end, so what follows is the next observation."""
        step = self.env.step(action_of(latents, self.features, self.observation))
        self.see(step.observation)
        return Outcome({LOCAL: step.reward_ap, GLOBAL: step.reward_manager}, step.terminated, self.features)


def features_of(observation: Observation) -> dict[str, HeadFeatures | CommitteeFeatures]:
    """Both teams' features."""
    twin = observation.twin
    return {LOCAL: head_features(twin.local, CPU), GLOBAL: committee_features(twin.global_, CPU)}


def of_both_teams(features: Mapping[str, Features]) -> tuple[HeadFeatures, CommitteeFeatures]:
    """(the APs', the managers')."""
    heads, committees = features[LOCAL], features[GLOBAL]
    assert isinstance(heads, HeadFeatures)
    assert isinstance(committees, CommitteeFeatures)
    return heads, committees


def action_of(latents: Mapping[str, Latents], features: Mapping[str, Features], observation: Observation) -> Action:
    """What both teams' latents mean."""
    layout = observation.twin.local.layout
    return Action(local_action(latents[LOCAL], layout), global_action(latents[GLOBAL], features[GLOBAL]))


def as_tensor(array: NDArray[np.floating[Any]]) -> Tensor:
    """float32 on the CPU."""
    return torch.as_tensor(array, dtype=torch.float32)
