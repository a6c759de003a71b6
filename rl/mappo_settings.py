"""Every number of a MAPPO run on one screen; validated, with the reason for each default."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, cast, get_args

from .clones import CLONES, NO_CLONES, Clones
from .search_space import Range, SearchSpace
from .settings import changed, is_count, is_positive, is_within, require

Context = Literal["own", "team"]
Networks = Literal["shared", "own"]
Device = Literal["cpu", "cuda", "auto"]
Actions = Literal["full", "reduced"]

# Action heads of an AP and of a manager; ``networks`` and ``teams`` say what each means.
LOCAL_HEADS = ("uplink", "multicast", "cpu")
DISCRETE = ("serve", "bid")
COMMON = ("appetite", "spread", "manager", "request", "reply", "pace")
PER_DELEGATE = ("share", "speed")
GLOBAL_HEADS = (*DISCRETE, *COMMON, *PER_DELEGATE)
# Of the action space ``reduced`` (``reduced_actions``).
REDUCED_LOCAL_HEADS = ("price", "multicast", "delay")
REDUCED_COMMON = ("appetite", "price")
REDUCED_GLOBAL_HEADS = (*DISCRETE, *REDUCED_COMMON)


@dataclass(frozen=True)
class TeamSettings:
    """Of one team. Log standard deviations and entropy coefficients are per action head (see the names above)."""

    hidden: int = 32
    networks: Networks = "shared"
    """shared: one network for all heads, delegates and agents; own: an actor and a critic per agent, as Algorithms 1 and 2
    print it (``own_networks``), which runs on one system only."""
    actions: Actions = "full"
    """full: every share is chosen; reduced: what couples agents is chosen (prices, level of multicasting, on/off, access), and
    the rest is in equilibrium on the observed state (``reduced_actions``); needs ``networks: shared``."""
    context: Context = "own"
    """What an agent's actor reads beside its own heads or delegates: nothing (``own``: decentralised, as in Section V), or also
    the mean of all agents' summaries (``team``: one vector that the twins exchange before they act)."""
    learning_rate: float = 3e-3
    """At the start; falls linearly to ``final_learning_rate`` of it."""
    final_learning_rate: float = 0.05
    critic_learning_rate: float = 3e-3
    epochs: int = 4
    """Passes over each batch. With one pass the ratio (29) is always 1 and the clip (28) never acts."""
    minibatches: int = 1
    clip: float = 0.2
    max_gradient_norm: float = 0.5
    team_credit: float = 1.0
    """Weight of the team's advantage against the agent's own, see ``advantages.share_credit``."""
    log_std_start: Mapping[str, float] = field(default_factory=dict)
    log_std_end: Mapping[str, float] = field(default_factory=dict)
    entropy: Mapping[str, float] = field(default_factory=dict)
    """Entropy coefficient per action head; heads not named have 0."""


def _each(heads: Iterable[str], value: float) -> dict[str, float]:
    return dict.fromkeys(heads, value)


LOCAL_DEFAULTS = TeamSettings(
    log_std_start=_each(LOCAL_HEADS, -1.0),
    log_std_end=_each(LOCAL_HEADS, -2.5),
)
GLOBAL_DEFAULTS = TeamSettings(
    context="team",
    learning_rate=2e-3,
    log_std_start=_each(COMMON, -1.5) | _each(PER_DELEGATE, -3.5),
    log_std_end=_each(COMMON, -2.5) | _each(PER_DELEGATE, -4.5),
    entropy={"serve": 0.003, "bid": 0.001},
)
REDUCED_LOCAL_DEFAULTS = replace(
    LOCAL_DEFAULTS,
    actions="reduced",
    log_std_start={"price": -1.0, "multicast": -2.5, "delay": -2.0},
    log_std_end={"price": -2.5, "multicast": -4.0, "delay": -3.5},
)
REDUCED_GLOBAL_DEFAULTS = replace(
    GLOBAL_DEFAULTS,
    actions="reduced",
    log_std_start=_each(REDUCED_COMMON, -1.5),
    log_std_end=_each(REDUCED_COMMON, -2.5),
)
# Of each team (by its field in MappoSettings) and action space: the defaults, and names of all heads.
TEAM_DEFAULTS: Mapping[str, Mapping[Actions, TeamSettings]] = {
    "local": {"full": LOCAL_DEFAULTS, "reduced": REDUCED_LOCAL_DEFAULTS},
    "global_": {"full": GLOBAL_DEFAULTS, "reduced": REDUCED_GLOBAL_DEFAULTS},
}
TEAM_HEADS: Mapping[str, Mapping[Actions, tuple[str, ...]]] = {
    "local": {"full": LOCAL_HEADS, "reduced": REDUCED_LOCAL_HEADS},
    "global_": {"full": GLOBAL_HEADS, "reduced": REDUCED_GLOBAL_HEADS},
}


@dataclass(frozen=True)
class MappoSettings:
    """Of a run, tuned for 128 environments of preset ``paper``. A run is a fixed number of updates, never a time, so that a
    seed gives the same weights however busy the machine is."""

    updates: int = 500
    rollout: int = 1
    """Decision epochs per update, in each environment."""
    discount: float = 0.0
    """No action changes the state (model section 4), so the return (26) separates by epoch and the best action maximises the
    immediate reward: 0 has the same optimum as any other discount and the least variance."""
    gae_lambda: float = 1.0
    """As printed in (30); without effect while the discount is 0."""
    value_decay: float = 0.98
    """Weight of the past in the value normaliser, per update."""
    device: Device = "cpu"
    """cpu is bit for bit reproducible; auto takes a GPU when there is one."""
    clones: Clones = CLONES
    """Larger systems that the managers train on beside the given one."""
    local: TeamSettings = LOCAL_DEFAULTS
    global_: TeamSettings = GLOBAL_DEFAULTS

    def __post_init__(self) -> None:
        for name in ("updates", "rollout"):
            require(is_count(getattr(self, name)), name, getattr(self, name), "a whole number >= 1")
        for name in ("discount", "gae_lambda"):
            require(is_within(getattr(self, name), 0.0, 1.0), name, getattr(self, name), "a number from 0 to 1")
        require(is_within(self.value_decay, 0.0, 0.99999), "value_decay", self.value_decay, "a number from 0 to 0.99999")
        require(self.device in ("cpu", "cuda", "auto"), "device", self.device, "cpu, cuda or auto")
        self.clones.check("clones")
        _check_team(self.local, "local", discrete=())
        _check_team(self.global_, "global_", discrete=DISCRETE)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From plain data; what is not named keeps its default, log standard deviations that of the action space. InputError
        for unknown fields and impossible values."""
        start = cls()
        teams = {
            name: _in_its_space(getattr(start, name), given, name)
            for name, given in data.items()
            if name in TEAM_DEFAULTS and isinstance(given, Mapping) and "actions" in given
        }
        return changed(replace(start, **teams), data)


PRINTED_LOCAL = replace(LOCAL_DEFAULTS, networks="own", context="own")
PRINTED_GLOBAL = replace(GLOBAL_DEFAULTS, networks="own", context="own")


@dataclass(frozen=True)
class PrintedSettings(MappoSettings):
    """Of learner ``mappo_paper``: Algorithms 1 and 2 as printed. Own networks per agent, lambda = 1 in (30), the clip (28), the
    team's reward (25) for every agent, returns over the episode. Batch, rates and widths are not given: ours."""

    rollout: int = 8
    discount: float = 0.9
    clones: Clones = NO_CLONES
    local: TeamSettings = PRINTED_LOCAL
    global_: TeamSettings = PRINTED_GLOBAL


def _team_space(team: str) -> dict[str, Range]:
    return {
        f"{team}.hidden": Range(16, 128, log=True),
        f"{team}.learning_rate": Range(3e-4, 3e-2, log=True),
        f"{team}.critic_learning_rate": Range(3e-4, 3e-2, log=True),
        f"{team}.epochs": Range(1, 8),
        f"{team}.clip": Range(0.05, 0.4),
        f"{team}.max_gradient_norm": Range(0.1, 5.0, log=True),
        f"{team}.team_credit": Range(0.0, 1.0),
    }


SEARCH_SPACE: SearchSpace = {
    **_team_space("local"),
    **_team_space("global_"),
    "global_.entropy.serve": Range(1e-4, 3e-2, log=True),
    "global_.entropy.bid": Range(1e-4, 3e-2, log=True),
}
"""What ``twingap tune mappo`` (and mappo_paper) varies: about a factor of ten around the defaults."""


def _in_its_space(team: TeamSettings, given: Mapping[str, Any], prefix: str) -> TeamSettings:
    """The team's settings with the given changes, from the standard deviations of the action space that they name."""
    defaults = TEAM_DEFAULTS[prefix][require_actions(given["actions"], prefix)]
    start = replace(team, log_std_start=defaults.log_std_start, log_std_end=defaults.log_std_end)
    return changed(start, given, f"{prefix}.")


def require_actions(value: object, prefix: str) -> Actions:
    """The name of an action space; InputError when it is none."""
    require(value in get_args(Actions), f"{prefix}.actions", value, " or ".join(get_args(Actions)))
    return cast(Actions, value)


def _check_team(team: TeamSettings, prefix: str, *, discrete: tuple[str, ...]) -> None:
    def check(holds: bool, name: str, value: object, allowed: str) -> None:
        require(holds, f"{prefix}.{name}", value, allowed)

    heads = TEAM_HEADS[prefix][require_actions(team.actions, prefix)]
    check(team.networks in get_args(Networks), "networks", team.networks, " or ".join(get_args(Networks)))
    shared = team.actions == "full" or team.networks == "shared"
    check(shared, "actions", team.actions, f"full with networks: {team.networks}; reduced needs networks: shared")
    check(team.context in get_args(Context), "context", team.context, " or ".join(get_args(Context)))
    for name in ("hidden", "epochs", "minibatches"):
        check(is_count(getattr(team, name)), name, getattr(team, name), "a whole number >= 1")
    for name in ("learning_rate", "critic_learning_rate", "max_gradient_norm"):
        value = getattr(team, name)
        check(is_positive(value), name, value, "a finite number > 0")
    for name in ("final_learning_rate", "team_credit"):
        check(is_within(getattr(team, name), 0.0, 1.0), name, getattr(team, name), "a number from 0 to 1")
    check(is_within(team.clip, 0.0, 1.0) and 0.0 < team.clip < 1.0, "clip", team.clip, "a number between 0 and 1 (28)")
    continuous = [head for head in heads if head not in discrete]
    for name in ("log_std_start", "log_std_end"):
        given = getattr(team, name)
        check(sorted(given) == sorted(continuous), name, sorted(given), f"exactly the heads {', '.join(continuous)}")
        for head, value in given.items():
            check(is_within(value, -10.0, 3.0), f"{name}.{head}", value, "a number from -10 to 3")
    for head, value in team.entropy.items():
        check(head in heads, f"entropy.{head}", "not a head", f"one of {', '.join(heads)}")
        check(is_within(value, 0.0, math.inf), f"entropy.{head}", value, "a finite number >= 0")
