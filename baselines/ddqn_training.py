"""Runs of DDQN on the environment: one player per team."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from ..rl.learners import LearnerEntry
from .ddqn import DdqnNumbers, DoubleQ
from .ddqn_networks import GlobalLevels, LocalLevels, global_meaning, local_meaning
from .ddqn_settings import SEARCH_SPACE, DdqnSettings
from .game import GLOBAL, LOCAL, Features, of_both_teams
from .off_policy import OffPolicyTrainer, Player, saved_players
from .starting_point import global_actor, local_actor


def make_players(calibration: Mapping[str, Features], settings: DdqnSettings) -> dict[str, Player]:
    """Fresh players, their feature scales fitted on the calibration epochs."""
    heads, committees = of_both_teams(calibration)
    local = LocalLevels(local_actor(heads, settings.hidden), settings.hidden, settings.levels)
    global_ = GlobalLevels(global_actor(committees, settings.hidden), settings.hidden, settings.levels)
    numbers = numbers_of(settings)
    return {
        LOCAL: DoubleQ(local, numbers, local_meaning(local, settings.reach)),
        GLOBAL: DoubleQ(global_, numbers, global_meaning(global_, settings.reach)),
    }


def numbers_of(settings: DdqnSettings) -> DdqnNumbers:
    """What a player reads of the settings."""
    return DdqnNumbers(**{name: getattr(settings, name) for name in DdqnNumbers.__dataclass_fields__})


class DdqnTrainer(OffPolicyTrainer):
    """A run of DDQN."""

    learner: ClassVar[str] = "ddqn"
    make_players = staticmethod(make_players)


LEARNER = LearnerEntry(DdqnSettings, DdqnTrainer, partial(saved_players, make_players), space=SEARCH_SPACE)
