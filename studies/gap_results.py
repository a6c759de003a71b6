"""What the gap study found, from its records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..opt.errors import InputError
from ..rl.decoding import Rules
from .frozen_epochs import Certificate
from .gap_anatomy import Anatomy, anatomy_of
from .gap_config import GapConfig
from .gap_table import Measured, episode_table, gap_table
from .outcome import Outcome
from .scoring import Scores


@dataclass(frozen=True, eq=False)
class GapResults:
    """What a study found. episodes, table: see ``gap_table``; anatomy: see ``gap_anatomy``; curves: policy, rules, sigma, seed,
    update, utilities and gap brackets of the frozen epochs, and rewards in training; training: one row per run, with updates
    done and planned and which weights are measured; validation: looks on validation epochs; transfer: as table, with
    the preset that learners were measured on without training there; cells, failures: see ``Outcome``."""

    config: GapConfig
    episodes: pd.DataFrame
    table: pd.DataFrame
    anatomy: Anatomy
    curves: pd.DataFrame
    training: pd.DataFrame
    validation: pd.DataFrame
    transfer: pd.DataFrame
    cells: pd.DataFrame
    failures: pd.DataFrame


def collect_gap(config: GapConfig, outcome: Outcome) -> GapResults:
    """Results of a study. Raises InputError when no policy was measured."""
    certificates: dict[str, Certificate] = {}
    moved: dict[str, list[Measured]] = {}
    measured: list[Measured] = []
    curves: list[pd.DataFrame] = []
    looks: list[pd.DataFrame] = []
    runs: list[dict[str, object]] = []
    for record in outcome.records:
        settings, result = record["settings"], record["result"]
        seed = settings["epochs"]["seed"]
        if "policy" not in settings:
            certificates[_place(settings["epochs"])] = Certificate.from_json(result)
            continue
        here = _place(settings["epochs"])
        if here not in certificates:
            # Its certificate's record was lost: that is a row of the failures, and without bounds there is no gap.
            continue
        policy, sigma, rules = settings["policy"], settings["sigma"], settings["rules"]
        scores = Scores.from_json(result["scores"])
        measured.append(Measured(policy, sigma, seed, certificates[here], scores, Rules(**rules)))
        if result["curve"] is not None:
            named = {"policy": policy, **rules, "sigma": sigma, "seed": seed}
            curves.append(pd.DataFrame(result["curve"]).assign(**named))
            if result["looks"]:
                looks.append(pd.DataFrame(result["looks"]).assign(**named))
            runs.append(named | result["run"])
            for name, found in result["transfer"].items():
                there = certificates.get(_place(settings["transfer"][name]["epochs"]))
                if there is not None:
                    one = Measured(policy, sigma, seed, there, Scores.from_json(found), Rules(**rules))
                    moved.setdefault(name, []).append(one)
    if not measured:
        raise InputError("hold no measured policy", field="records")
    order = {policy: place for place, policy in enumerate(config.policies)}
    by_rules = {rules: place for place, rules in enumerate(config.rules)}
    for several in (measured, *moved.values()):
        several.sort(key=lambda each: (order[each.policy], by_rules[each.rules], each.sigma, each.seed))
    transfers = [
        gap_table(episode_table(each), config.replicates, config.level).assign(preset=name) for name, each in moved.items()
    ]
    episodes = episode_table(measured)
    return GapResults(
        config=config,
        episodes=episodes,
        table=gap_table(episodes, config.replicates, config.level),
        anatomy=anatomy_of(episodes, config.replicates, config.level),
        curves=pd.concat(curves, ignore_index=True) if curves else pd.DataFrame(),
        training=pd.DataFrame(runs),
        validation=pd.concat(looks, ignore_index=True) if looks else pd.DataFrame(),
        transfer=pd.concat(transfers, ignore_index=True) if transfers else pd.DataFrame(),
        cells=outcome.cell_table(),
        failures=outcome.failure_table(),
    )


def gap_tables(results: GapResults) -> dict[str, pd.DataFrame]:
    """Tables by file name; they hold nothing but results: same seeds, same bytes."""
    return {
        "gap": results.table,
        "episodes": results.episodes,
        "gap_anatomy": results.anatomy.table,
        "episodes_anatomy": results.anatomy.episodes,
        "curves": results.curves,
        "training": results.training,
        "validation": results.validation,
        "transfer": results.transfer,
    }


def _place(epochs: dict[str, Any]) -> str:
    """Which frozen epochs these are."""
    return f"{epochs['preset']}, seed {epochs['seed']}, {epochs['scenario']}"
