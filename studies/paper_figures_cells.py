"""The work of the cells behind the paper's figures; each runs in a process of its own and returns plain data.

``certify``: bounds of one calibration and seed, on the frozen epochs of the curves and at every size of Figs. 8 and 9.
``train``: one training run, its curve on the frozen epochs and, without twin error, the trained policy at every size. The
policy is not trained again for a size: it reads sizes in what it sees (needs in seconds of a subchannel). Blocks of training
have all sizes of Fig. 9; transactions have one, so how well it carries over to others is measured against the bound there.
``measure``: a baseline, once and at every size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..baselines.held_decisions import HeldEnvironment
from ..baselines.registry import make_baseline
from ..opt.scenario import Scenario, preset
from ..opt.system import BITS_PER_BYTE
from ..rl.decoding import Rules
from ..rl.environment import Environment
from ..rl.learners import make_trainer
from ..rl.policy import Policy
from .cells import Report
from .frozen_epochs import EVALUATION_SEED, Certificate, FrozenEpochs
from .frozen_epochs import certify as certify_frozen
from .gap_cells import POLICY_SEED
from .records import Records
from .scoring import Scores, score

SWEEPS = ("transaction", "block")


@dataclass(frozen=True)
class Played:
    """What a cell plays: frozen epochs of one calibration and seed, at twin error ``sigma``; hold: see HeldEnvironment."""

    epochs: FrozenEpochs
    sigma: float
    hold: str | None
    rules: Rules

    @classmethod
    def of(cls, settings: dict[str, Any]) -> Played:
        """From a cell's settings."""
        scenario = preset(settings["preset"], **settings["scenario"])
        epochs = FrozenEpochs(scenario, settings["seed"], settings["episodes"], settings["length"])
        return cls(epochs, settings.get("sigma", 0.0), settings.get("hold"), Rules(**settings["rules"]))

    def environment(self) -> Environment:
        """That plays the frozen epochs."""
        return self._environment(EVALUATION_SEED + self.epochs.seed, self.epochs.episodes)

    def training(self, num_envs: int) -> Environment:
        """Other epochs of the same system."""
        return self._environment(self.epochs.seed, num_envs)

    def at_sizes(self, settings: dict[str, Any]) -> Iterator[tuple[str, float, Played]]:
        """(sweep, size in bytes, what is played there)."""
        for sweep in SWEEPS:
            for size in settings["sizes"][sweep]:
                yield (
                    sweep,
                    size,
                    replace(self, epochs=replace(self.epochs, scenario=with_size(self.epochs.scenario, sweep, size))),
                )

    def _environment(self, seed: int, num_envs: int) -> Environment:
        epochs = self.epochs
        kind: Callable[..., Environment] = Environment if self.hold is None else HeldEnvironment
        held = {} if self.hold is None else {"hold": self.hold}
        return kind(
            epochs.scenario,
            sigma=self.sigma,
            seed=seed,
            num_envs=num_envs,
            horizon=epochs.length,
            decoding=self.rules.decoding,
            over_capacity=self.rules.over_capacity,
            system_seed=epochs.seed,
            **held,
        )


def with_size(scenario: Scenario, sweep: str, size: float) -> Scenario:
    """The scenario with transactions, or every block, of this many bytes."""
    if sweep == "transaction":
        return scenario.changed(transaction_bits=BITS_PER_BYTE * size)
    return scenario.changed(block_bytes=(size, size))


def certify(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """Certificates: of the frozen epochs, and of each sweep by size."""
    del directory
    played = Played.of(settings)
    sizes = list(played.at_sizes(settings))
    each = played.epochs.episodes * played.epochs.length
    total = each * (1 + len(sizes))
    found: dict[str, Any] = {"epochs": certify_frozen(played.epochs, lambda done, _: report(done, total)).to_json()}
    found |= {sweep: [] for sweep in SWEEPS}
    for place, (sweep, _, there) in enumerate(sizes, start=1):
        certificate = certify_frozen(there.epochs, lambda done, _, before=place * each: report(before + done, total))
        found[sweep].append(certificate.to_json())
    return found


def train(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """A curve: one entry per look with the training episodes played so far and the mean utility per epoch of every frozen
    episode; final scores; and scores at every size (None under twin error)."""
    played, bounds = Played.of(settings), _bounds(settings, directory)
    learner, name = settings["learner"], settings["approach"]
    updates, episodes_each = planned_updates(played, settings)
    environment = played.training(settings["num_envs"])
    trainer = make_trainer(learner, environment, played.epochs.seed, settings["settings"] | {"updates": updates})
    marks = {round(look * updates / settings["looks"]) for look in range(settings["looks"] + 1)}

    def look() -> Scores:
        return score(trainer.policy, played.environment(), played.epochs, bounds["epochs"], f"{name}-update-{trainer.updates}")

    curve: list[dict[str, Any]] = []
    while True:
        if trainer.updates in marks:
            scores = look()
            curve.append(
                {
                    "training_episodes": trainer.updates * episodes_each,
                    "local": scores.local_utility.mean(axis=-1).tolist(),
                    "global": scores.global_utility.mean(axis=-1).tolist(),
                }
            )
        if trainer.finished:
            break
        trainer.update()
        report(trainer.updates, updates)
    scores = look()
    sizes = None if settings["sizes"] is None else _at_sizes(trainer.policy, played, settings, bounds, name)
    return {"curve": curve, "scores": scores.to_json(), "sizes": sizes}


def planned_updates(played: Played, settings: dict[str, Any]) -> tuple[int, float]:
    """(updates of the run, episodes of each): as many as come closest to the training episodes asked for, at least 1. How many
    epochs an update plays is the learner's business; one update of a run that is thrown away tells."""
    environment = played.training(settings["num_envs"])
    trial = make_trainer(settings["learner"], environment, played.epochs.seed, settings["settings"] | {"updates": 1})
    rows = trial.update().agent_steps
    layout = environment.system
    agents = len(layout.heads.heads) + len(layout.committees.delegates)
    each = rows / agents / played.epochs.length
    return max(1, round(settings["training_episodes"] / each)), each


def measure(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """Scores of a baseline on the frozen epochs and at every size; no curve."""
    del report
    played, bounds = Played.of(settings), _bounds(settings, directory)
    name = settings["approach"]
    environment = played.environment()
    scores = score(_baseline(name, environment, played), environment, played.epochs, bounds["epochs"], name)
    found: dict[str, list[Any]] = {sweep: [] for sweep in SWEEPS}
    for (sweep, _, there), certificate in zip(played.at_sizes(settings), _in_order(bounds), strict=True):
        environment = there.environment()
        policy = _baseline(name, environment, there)
        found[sweep].append(score(policy, environment, there.epochs, certificate, f"{name}-{sweep}").to_json())
    return {"curve": None, "scores": scores.to_json(), "sizes": found}


def _baseline(name: str, environment: Environment, played: Played) -> Policy:
    return make_baseline(name, environment, np.random.default_rng([POLICY_SEED, played.epochs.seed]))


def _at_sizes(
    policy: Policy, played: Played, settings: dict[str, Any], bounds: dict[str, Any], name: str
) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[Any]] = {sweep: [] for sweep in SWEEPS}
    for (sweep, _, there), certificate in zip(played.at_sizes(settings), _in_order(bounds), strict=True):
        found[sweep].append(score(policy, there.environment(), there.epochs, certificate, f"{name}-{sweep}").to_json())
    return found


def _bounds(settings: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The certificates that ``certify`` has recorded under the key in ``settings["certificate"]``."""
    found = Records(directory).result(settings["certificate"])
    certificates: dict[str, Any] = {sweep: [Certificate.from_json(each) for each in found[sweep]] for sweep in SWEEPS}
    return certificates | {"epochs": Certificate.from_json(found["epochs"])}


def _in_order(bounds: dict[str, Any]) -> list[Certificate]:
    return [certificate for sweep in SWEEPS for certificate in bounds[sweep]]
