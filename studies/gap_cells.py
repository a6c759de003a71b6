"""The work of the gap study's cells; each runs in a process of its own and returns plain data.

``certify_epochs``: bounds of one seed's frozen epochs. ``measure_baseline``: one baseline at one twin error and seed.
``measure_learner``: train a learner at one twin error and seed, then measure it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..baselines.registry import make_baseline
from ..opt.scenario import preset
from ..rl.decoding import Rules
from .cells import Report
from .frozen_epochs import Certificate, FrozenEpochs, certify
from .gap_config import GapConfig
from .records import Records
from .scoring import score

# Policies draw from streams of their own, apart from those of the truth, the twin and the training.
POLICY_SEED = 2_000_003


def certify_epochs(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """Certificate of one seed's frozen epochs."""
    del directory
    return certify(frozen_epochs(settings["epochs"]), report).to_json()


def measure_baseline(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """Scores of one baseline."""
    del report
    epochs = frozen_epochs(settings["epochs"])
    environment = epochs.environment(settings["sigma"], Rules(**settings["rules"]))
    rng = np.random.default_rng([POLICY_SEED, epochs.seed])
    policy = make_baseline(settings["policy"], environment, rng)
    certificate = certificate_of(settings, directory)
    return {"scores": score(policy, environment, epochs, certificate, settings["policy"]).to_json(), "curve": None}


def measure_learner(settings: dict[str, Any], directory: Path, report: Report) -> dict[str, Any]:
    """Scores and learning curve of a learner trained on the same system, with another stream of epochs; its scores on other
    presets where ``transfer`` names them."""
    from .training_run import train_learner

    epochs = frozen_epochs(settings["epochs"])
    certificate = certificate_of(settings, directory)
    rules = Rules(**settings["rules"])
    trained = train_learner(epochs, settings["sigma"], settings["training"], certificate, report, rules)
    environment = epochs.environment(settings["sigma"], rules)
    scores = score(trained.policy, environment, epochs, certificate, settings["policy"])
    moved: dict[str, Any] = {}
    for name, there in settings["transfer"].items():
        other = frozen_epochs(there["epochs"])
        played = other.environment(settings["sigma"], rules)
        found = score(trained.policy, played, other, certificate_of(there, directory), f"{settings['policy']}-on-{name}")
        moved[name] = found.to_json()
    result = {"scores": scores.to_json(), "curve": trained.curve, "run": trained.run, "looks": trained.looks}
    return result | {"transfer": moved}


def certificate_of(settings: dict[str, Any], directory: Path) -> Certificate:
    """The certificate that the study has already recorded under the key in ``settings["certificate"]``."""
    return Certificate.from_json(Records(directory).result(settings["certificate"]))


def epoch_settings(config: GapConfig, seed: int, moved_to: str | None = None) -> dict[str, Any]:
    """``FrozenEpochs`` as plain data; ``moved_to``: of another preset."""
    return {
        "preset": moved_to or config.preset,
        "scenario": {} if moved_to else config.scenario,
        "seed": seed,
        "episodes": config.episodes,
        "length": config.length,
    }


def frozen_epochs(settings: dict[str, Any]) -> FrozenEpochs:
    """``FrozenEpochs`` from plain data."""
    scenario = preset(settings["preset"], **settings["scenario"])
    return FrozenEpochs(scenario, settings["seed"], settings["episodes"], settings["length"])
