"""One training run of a learner inside a study, looked at on the frozen epochs now and then for its learning curve.

Nothing is chosen by these looks: the policy that is measured is the one after the last update, or the one that looks at
validation epochs chose (``validation``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..rl.decoding import PROJECTED, Rules
from ..rl.environment import Environment
from ..rl.learners import Trainer, TrainerState, UpdateRecord, find_learner, make_trainer
from ..rl.policy import Policy
from .cells import Report
from .frozen_epochs import Certificate, FrozenEpochs
from .gap_table import Measured, gap_brackets
from .scoring import score
from .validation import History, Look, Validation, Validator, bracket_columns

# Looks per run: enough for a curve, a few seconds in all.
LOOKS = 40


@dataclass(frozen=True, eq=False)
class Trained:
    """The policy to measure. curve: update, utilities of both parts per frozen epoch, gap brackets, and mean rewards of the
    training epochs since the last look (exploration included; None at update 0). run: updates done and planned, which weights
    are measured and after how many updates they were reached. looks: on validation epochs, where there are any."""

    policy: Policy
    curve: list[dict[str, Any]]
    run: dict[str, Any]
    looks: list[dict[str, Any]]


def run_to_its_end(
    trainer: Trainer,
    validator: Validator | None,
    updated: Callable[[UpdateRecord], None],
    keep: Callable[[History], None],
    looked: Callable[[Look], None] = lambda _look: None,
) -> None:
    """Update until the run is finished or patience runs out, looking where it is due. keep: see ``Validator.look``."""
    while True:
        if validator is not None and validator.due(trainer):
            looked(validator.look(trainer, keep))
        if trainer.finished or (validator is not None and validator.stops):
            return
        updated(trainer.update())


def training_environment(epochs: FrozenEpochs, sigma: float, num_envs: int, rules: Rules = PROJECTED) -> Environment:
    """Where the seed's policy is trained: its system at this twin error, on epochs of another stream than the frozen ones."""
    return epochs.environment(sigma, rules).training(epochs.seed, num_envs)


def train_learner(
    epochs: FrozenEpochs,
    sigma: float,
    training: dict[str, Any],
    certificate: Certificate,
    report: Report,
    rules: Rules = PROJECTED,
) -> Trained:
    """Train for the settings' updates; ``training``: a LearnerRun of the gap study as plain data, defaults filled in."""
    environment = training_environment(epochs, sigma, training["num_envs"], rules)
    trainer = make_trainer(training["learner"], environment, epochs.seed, training["settings"])
    updates = trainer.settings.updates
    wanted = training["validation"]
    validator = None if wanted is None else Validator(Validation(**wanted), epochs, sigma, rules)

    def look() -> dict[str, Any]:
        name = f"{trainer.learner}-update-{trainer.updates}"
        found = score(trainer.policy, epochs.environment(sigma, rules), epochs, certificate, name)
        local, global_ = float(found.local_utility.mean()), float(found.global_utility.mean())
        utilities = {"update": trainer.updates, "local_utility": local, "global_utility": global_}
        return utilities | bracket_columns(gap_brackets(Measured(name, sigma, epochs.seed, certificate, found, rules)))

    every = max(1, updates // LOOKS)
    curve: list[dict[str, Any]] = [look() | {"local_reward": None, "global_reward": None}]
    rewards: list[tuple[float, float]] = []
    best: list[TrainerState] = []

    def look_with_rewards() -> None:
        local, global_ = (sum(each) / len(rewards) for each in zip(*rewards, strict=True))
        curve.append(look() | {"local_reward": local, "global_reward": global_})
        rewards.clear()

    def updated(record: UpdateRecord) -> None:
        rewards.append((record.reward_local, record.reward_global))
        report(trainer.updates, updates)
        if trainer.updates % every == 0 or trainer.finished:
            look_with_rewards()

    def keep(_history: History) -> None:
        best[:] = [trainer.state()]

    run_to_its_end(trainer, validator, updated, keep)
    if rewards:
        look_with_rewards()
    run = {"updates": trainer.updates, "planned": updates, "kept": "last", "kept_update": trainer.updates}
    looks = [] if validator is None else [each.to_row() for each in validator.history.looks]
    if validator is None or validator.validation.keep == "last":
        return Trained(trainer.policy, curve, run, looks)
    (state,) = best
    policy = find_learner(trainer.learner).policy(trainer.settings, state)
    return Trained(policy, curve, run | {"kept": "best", "kept_update": state.updates}, looks)
