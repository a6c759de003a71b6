"""The registry of learners: one file with a ``LEARNER`` and one line here, or an entry point in ``twingap.learners``.

A learner is a settings class and a trainer. Everything else (command line, gap study, checkpoints, benchmarks) works with any
of them through the protocols below, and never asks which one it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from ..opt.arguments import one_of, shown
from ..opt.arguments import seed as checked_seed
from ..opt.errors import InputError
from ..opt.targets import found, registered_targets
from .decoding import Rules
from .environment import Environment, EnvironmentState
from .policy import Policy
from .search_space import SearchSpace

if TYPE_CHECKING:
    from torch import Tensor

GROUP = "twingap.learners"

# name: "module:attribute" of a LearnerEntry, imported on use.
LEARNERS: dict[str, str] = {
    "mappo": "twingap.rl.mappo_training:LEARNER",
    "mappo_paper": "twingap.rl.mappo_training:PRINTED",
    "gradient": "twingap.rl.gradient_training:LEARNER",
    "ddqn": "twingap.baselines.ddqn_training:LEARNER",
    "ddpg": "twingap.baselines.ddpg_training:LEARNER",
    "a3c": "twingap.baselines.a3c_training:LEARNER",
}


class LearnerSettings(Protocol):
    """Numbers of a run: a frozen dataclass that checks itself (InputError with the path ``settings.<field>``)."""

    @property
    def updates(self) -> int:
        """Length of the run. A fixed number of updates, never a time: a seed gives the same weights on any machine."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        ...

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From plain data; what is not named keeps its default. InputError for unknown fields and impossible values."""
        ...


@dataclass(frozen=True)
class UpdateRecord:
    """Of one update. update: how many are done; seconds spent training so far (evaluation not counted); agent_steps: rows
    (environment, epoch, agent) learnt from so far; reward_local, reward_global: means over the update's epochs, exploration
    included; figures: the learner's own diagnostics, by name (``local.clip_fraction``, ``global.entropy.serve``)."""

    update: int
    seconds: float
    agent_steps: int
    reward_local: float
    reward_global: float
    figures: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class TrainerState:
    """A run between two updates. tensors by name: weights, normalisers, moments, buffers, generators; environment; counters;
    extra: what else the future depends on, as plain JSON data."""

    tensors: dict[str, Tensor]
    environment: EnvironmentState
    updates: int
    seconds: float
    agent_steps: int
    extra: Mapping[str, Any] = field(default_factory=dict)


class Trainer(Protocol):
    """A run that can be looked at, stopped and continued between any two updates.

    ``restore(state())`` in a fresh trainer of the same settings, seed and environment must go on bit for bit as if never
    interrupted (the contract test kills runs between any two updates).
    """

    learner: ClassVar[str]
    """The name it is registered under; checkpoints carry it."""
    env: Environment
    seed: int
    updates: int
    seconds: float
    agent_steps: int

    @property
    def settings(self) -> LearnerSettings:
        """Of this run."""
        ...

    @property
    def finished(self) -> bool:
        """All updates done."""
        ...

    @property
    def policy(self) -> Policy:
        """Acts with the present weights, without exploration."""
        ...

    def update(self) -> UpdateRecord:
        """Collect experience and learn from it, once."""
        ...

    def state(self) -> TrainerState:
        """All that the run's future depends on (a copy)."""
        ...

    def restore(self, state: TrainerState) -> None:
        """Go on from there. RuntimeError or KeyError when the tensors do not fit."""
        ...


@dataclass(frozen=True)
class LearnerEntry:
    """What is registered. settings: their class; trainer: (environment, settings, seed) to a Trainer; policy: the scheduler of
    a saved run, on the CPU, from settings and state alone; num_envs: how many environments the defaults are tuned for; space:
    what ``twingap tune`` varies, the defaults within; rules: the only ones it can learn by (None: any); one_size: whether
    what is learnt with these settings runs only on systems of the sizes that it was trained on."""

    settings: type[LearnerSettings]
    trainer: Callable[[Environment, Any, int], Trainer]
    policy: Callable[[Any, TrainerState], Policy]
    num_envs: int = 128
    space: SearchSpace = field(default_factory=dict)
    rules: Rules | None = None
    one_size: Callable[[Any], bool] = lambda _settings: False

    def check_rules(self, rules: Rules) -> None:
        """Raise InputError, naming the field, when it cannot learn by these rules."""
        for name, needed in asdict(self.rules).items() if self.rules else ():
            if (given := getattr(rules, name)) != needed:
                raise InputError(f"is {given!r}; this learner needs {needed!r}", field=name)


def registered_learners() -> dict[str, str]:
    """Our learners and those that other packages register under the entry point group ``twingap.learners``."""
    return registered_targets(LEARNERS, GROUP)


def find_learner(name: str) -> LearnerEntry:
    """The learner registered under ``name``; InputError with all names when there is none."""
    known = registered_learners()
    one_of(name, "learner", known)
    entry = found(name, known[name], "learner")
    if not isinstance(entry, LearnerEntry):
        raise InputError(f"is {name!r} ({known[name]}), which is a {type(entry).__name__}, not a LearnerEntry", field="learner")
    return entry


def make_trainer(name: str, env: Environment, seed: int, settings: Mapping[str, Any]) -> Trainer:
    """A fresh run of a learner; ``settings`` are fields of its settings class. InputError for what is not allowed."""
    entry = find_learner(name)
    seed = checked_seed(seed)
    if not isinstance(env, Environment):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"is {shown(env)}; it must be an Environment, see make_env", field="env")
    return entry.trainer(env, entry.settings.from_json(settings), seed)


Listener = Callable[[UpdateRecord, Policy], None]


def train(learner: str, env: Environment, *, seed: int = 0, on_update: Listener | None = None, **settings: object) -> Policy:
    """Train a learner by name for its number of updates; ``settings`` are fields of its settings (for mappo: MappoSettings).

    ``on_update`` hears each update's record and may try the policy as it stands (progress bars, learning curves on frozen
    epochs); it changes nothing. InputError for an unknown name or field.
    """
    trainer = make_trainer(learner, env, seed, settings)
    while not trainer.finished:
        record = trainer.update()
        if on_update is not None:
            on_update(record, trainer.policy)
    return trainer.policy
