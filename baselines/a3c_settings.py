"""Every number of an A3C run on one screen; validated, with the reason for each default."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from ..rl.mappo_settings import GLOBAL_DEFAULTS, GLOBAL_HEADS, LOCAL_DEFAULTS, LOCAL_HEADS
from ..rl.search_space import Range, SearchSpace
from ..rl.settings import changed, is_count, is_positive, is_within, require
from .a3c import Optimiser

Order = Literal["tickets", "free"]


@dataclass(frozen=True)
class A3cTeam:
    """Of one team. Spread and its schedule are MAPPO's."""

    hidden: int = 32
    learning_rate: float = 1e-3
    """At the start; falls linearly to ``final_learning_rate`` of it."""
    critic_learning_rate: float = 3e-3
    final_learning_rate: float = 0.05
    max_gradient_norm: float = 0.5
    team_credit: float = 1.0
    """Weight of the team's advantage against the agent's own, see ``advantages.share_credit``."""
    entropy: Mapping[str, float] = field(default_factory=dict)
    """Entropy coefficient per action head; heads not named have 0."""


LOCAL_TEAM = A3cTeam(hidden=LOCAL_DEFAULTS.hidden)
GLOBAL_TEAM = A3cTeam(hidden=GLOBAL_DEFAULTS.hidden, entropy=dict(GLOBAL_DEFAULTS.entropy))


@dataclass(frozen=True)
class A3cSettings:
    """Of a run of both teams, for 128 environments of preset ``paper``, shared out among the workers."""

    updates: int = 400
    """Every worker pushes ``pushes`` times per update; between updates all stand still, and the run can be saved."""
    workers: int = 2
    """Processes; 1 runs in the program itself."""
    order: Order = "tickets"
    """Of pushes, see ``a3c_workers``: with tickets runs repeat bit for bit, free ones do not (with one worker both do)."""
    optimiser: Optimiser = "adam"
    """Of the shared weights; rmsprop is the published one, with moments shared alike."""
    pushes: int = 4
    rollout: int = 1
    """Epochs per push, in each environment of a worker."""
    discount: float = 0.0
    """No action changes the state (model section 4): 0 has the same best action as others and the least variance."""
    gae_lambda: float = 1.0
    """1 are the n-step returns of the method; without effect while the discount is 0."""
    value_decay: float = 0.98
    """Weight of the past in the normaliser of returns, per push."""
    batch_normalised: bool = True
    """Advantages are centred and scaled per push, as MAPPO's; otherwise they are in units of the returns' deviation, so that
    steps shrink with them."""
    local: A3cTeam = LOCAL_TEAM
    global_: A3cTeam = GLOBAL_TEAM

    def __post_init__(self) -> None:
        for name in ("updates", "workers", "pushes", "rollout"):
            require(is_count(getattr(self, name)), name, getattr(self, name), "a whole number >= 1")
        require(self.order in get_args(Order), "order", self.order, " or ".join(get_args(Order)))
        require(self.optimiser in get_args(Optimiser), "optimiser", self.optimiser, " or ".join(get_args(Optimiser)))
        for name in ("discount", "gae_lambda"):
            require(is_within(getattr(self, name), 0.0, 1.0), name, getattr(self, name), "a number from 0 to 1")
        require(is_within(self.value_decay, 0.0, 0.99999), "value_decay", self.value_decay, "a number from 0 to 0.99999")
        require(isinstance(self.batch_normalised, bool), "batch_normalised", self.batch_normalised, "true or false")
        _check_team(self.local, "local", LOCAL_HEADS)
        _check_team(self.global_, "global_", GLOBAL_HEADS)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> A3cSettings:
        """From plain data; what is not named keeps its default. InputError for unknown fields and impossible values."""
        return changed(cls(), data)


def _check_team(team: A3cTeam, prefix: str, heads: tuple[str, ...]) -> None:
    require(is_count(team.hidden), f"{prefix}.hidden", team.hidden, "a whole number >= 1")
    for name in ("learning_rate", "critic_learning_rate", "max_gradient_norm"):
        require(is_positive(getattr(team, name)), f"{prefix}.{name}", getattr(team, name), "a finite number > 0")
    for name in ("final_learning_rate", "team_credit"):
        require(is_within(getattr(team, name), 0.0, 1.0), f"{prefix}.{name}", getattr(team, name), "a number from 0 to 1")
    for head, value in team.entropy.items():
        require(head in heads, f"{prefix}.entropy.{head}", "not a head", f"one of {', '.join(heads)}")
        require(is_within(value, 0.0, math.inf), f"{prefix}.entropy.{head}", value, "a finite number >= 0")


def _team_space(team: str) -> dict[str, Range]:
    return {
        f"{team}.hidden": Range(16, 128, log=True),
        f"{team}.learning_rate": Range(1e-4, 1e-2, log=True),
        f"{team}.critic_learning_rate": Range(3e-4, 3e-2, log=True),
        f"{team}.max_gradient_norm": Range(0.1, 5.0, log=True),
        f"{team}.team_credit": Range(0.0, 1.0),
    }


SEARCH_SPACE: SearchSpace = {
    "pushes": Range(1, 8),
    **_team_space("local"),
    **_team_space("global_"),
    "global_.entropy.serve": Range(1e-4, 3e-2, log=True),
    "global_.entropy.bid": Range(1e-4, 3e-2, log=True),
}
"""What ``twingap tune a3c`` varies: about a factor of ten around the defaults."""
