"""One training run of MAPPO inside a study, looked at on the frozen epochs now and then for its learning curve.

Nothing is chosen by these looks: the policy that is measured is the one after the last update.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..rl.environment import Environment
from ..rl.mappo_policy import MappoPolicy
from ..rl.mappo_settings import MappoSettings
from ..rl.training import Trainer
from .cells import Report
from .frozen_epochs import Certificate, FrozenEpochs
from .scoring import score

# Looks per run: enough for a curve, a few seconds in all.
LOOKS = 40


@dataclass(frozen=True, eq=False)
class Trained:
    """The policy after the last update, and its curve: update, utilities of both parts per frozen epoch, and mean rewards of
    the training epochs since the last look (exploration included; None at update 0)."""

    policy: MappoPolicy
    curve: list[dict[str, Any]]


def training_environment(epochs: FrozenEpochs, sigma: float, training: dict[str, Any]) -> Environment:
    """Where the seed's policy is trained: its system at this twin error, on epochs of another stream than the frozen ones."""
    return Environment(epochs.scenario, sigma=sigma, seed=epochs.seed, num_envs=training["num_envs"], system_seed=epochs.seed)


def training_settings(training: dict[str, Any]) -> MappoSettings:
    """MAPPO's settings with a study's changes; InputError names what is wrong."""
    return MappoSettings.from_json({**training["settings"], "updates": training["updates"]})


def train_learner(
    epochs: FrozenEpochs, sigma: float, training: dict[str, Any], certificate: Certificate, report: Report
) -> Trained:
    """Train for the settings' updates."""
    settings = training_settings(training)
    trainer = Trainer(training_environment(epochs, sigma, training), settings, epochs.seed)

    def look() -> dict[str, Any]:
        found = score(trainer.policy, epochs.environment(sigma), epochs, certificate, f"mappo-update-{trainer.updates}")
        local, global_ = float(found.local_utility.mean()), float(found.global_utility.mean())
        return {"update": trainer.updates, "local_utility": local, "global_utility": global_}

    every = max(1, settings.updates // LOOKS)
    curve: list[dict[str, Any]] = [look() | {"local_reward": None, "global_reward": None}]
    local_rewards: list[float] = []
    global_rewards: list[float] = []
    while not trainer.finished:
        record = trainer.update()
        local_rewards.append(record.reward_local)
        global_rewards.append(record.reward_global)
        report(trainer.updates, settings.updates)
        if trainer.updates % every == 0 or trainer.finished:
            rewards = {
                "local_reward": sum(local_rewards) / len(local_rewards),
                "global_reward": sum(global_rewards) / len(global_rewards),
            }
            curve.append(look() | rewards)
            local_rewards, global_rewards = [], []
    return Trained(trainer.policy, curve)
