"""One training run of a learner inside a study, looked at on the frozen epochs now and then for its learning curve.

Nothing is chosen by these looks: the policy that is measured is the one after the last update.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..rl.decoding import PROJECTED, Rules
from ..rl.environment import Environment
from ..rl.learners import make_trainer
from ..rl.policy import Policy
from .cells import Report
from .frozen_epochs import Certificate, FrozenEpochs
from .scoring import score

# Looks per run: enough for a curve, a few seconds in all.
LOOKS = 40


@dataclass(frozen=True, eq=False)
class Trained:
    """The policy after the last update, and its curve: update, utilities of both parts per frozen epoch, and mean rewards of
    the training epochs since the last look (exploration included; None at update 0)."""

    policy: Policy
    curve: list[dict[str, Any]]


def training_environment(epochs: FrozenEpochs, sigma: float, num_envs: int, rules: Rules = PROJECTED) -> Environment:
    """Where the seed's policy is trained: its system at this twin error, on epochs of another stream than the frozen ones."""
    return Environment(
        epochs.scenario,
        sigma=sigma,
        seed=epochs.seed,
        num_envs=num_envs,
        decoding=rules.decoding,
        over_capacity=rules.over_capacity,
        system_seed=epochs.seed,
    )


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

    def look() -> dict[str, Any]:
        found = score(
            trainer.policy, epochs.environment(sigma, rules), epochs, certificate, f"{trainer.learner}-update-{trainer.updates}"
        )
        local, global_ = float(found.local_utility.mean()), float(found.global_utility.mean())
        return {"update": trainer.updates, "local_utility": local, "global_utility": global_}

    every = max(1, updates // LOOKS)
    curve: list[dict[str, Any]] = [look() | {"local_reward": None, "global_reward": None}]
    local_rewards: list[float] = []
    global_rewards: list[float] = []
    while not trainer.finished:
        record = trainer.update()
        local_rewards.append(record.reward_local)
        global_rewards.append(record.reward_global)
        report(trainer.updates, updates)
        if trainer.updates % every == 0 or trainer.finished:
            rewards = {
                "local_reward": sum(local_rewards) / len(local_rewards),
                "global_reward": sum(global_rewards) / len(global_rewards),
            }
            curve.append(look() | rewards)
            local_rewards, global_rewards = [], []
    return Trained(trainer.policy, curve)
