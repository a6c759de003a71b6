"""Runs of DDPG on the environment: one player per team."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from ..rl.learners import LearnerEntry
from .ddpg import DdpgNumbers, DeterministicPolicyGradient, Noise
from .ddpg_networks import Deterministic, GlobalActionValue, LocalActionValue
from .ddpg_settings import SEARCH_SPACE, DdpgSettings
from .game import GLOBAL, LOCAL, Features, of_both_teams
from .off_policy import OffPolicyTrainer, Player, saved_players
from .starting_point import CHOICES, global_actor, local_actor


def make_players(calibration: Mapping[str, Features], settings: DdpgSettings) -> dict[str, Player]:
    """Fresh players, their feature scales fitted on the calibration epochs."""
    heads, committees = of_both_teams(calibration)
    noise = noise_of(settings)
    numbers = DdpgNumbers(**{name: getattr(settings, name) for name in DdpgNumbers.__dataclass_fields__})
    hidden = settings.hidden
    # As in MAPPO and DDQN: managers share a context, APs do not.
    local, global_ = local_actor(heads, hidden), global_actor(committees, hidden, context="team")
    critics = (
        LocalActionValue(copy.deepcopy(local), hidden, noise),
        GlobalActionValue(global_actor(committees, hidden), hidden, noise),
    )
    return {
        LOCAL: DeterministicPolicyGradient(Deterministic(local), critics[0], noise, numbers),
        GLOBAL: DeterministicPolicyGradient(Deterministic(global_), critics[1], noise, numbers),
    }


def noise_of(settings: DdpgSettings) -> dict[str, Noise]:
    """By action head; relaxed choices stay from 0 to 1."""
    return {
        name: Noise(
            settings.exploration * start,
            settings.exploration * settings.noise_end[name],
            *((0.0, 1.0) if name in CHOICES else ()),
        )
        for name, start in settings.noise_start.items()
    }


class DdpgTrainer(OffPolicyTrainer):
    """A run of DDPG."""

    learner: ClassVar[str] = "ddpg"
    make_players = staticmethod(make_players)


LEARNER = LearnerEntry(DdpgSettings, DdpgTrainer, partial(saved_players, make_players), space=SEARCH_SPACE)
