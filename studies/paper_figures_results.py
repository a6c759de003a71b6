"""What the study of the paper's figures found, from its records: one row per frozen episode everywhere."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..opt.arrays import Floats
from ..opt.errors import InputError
from .few_seeds import weakness
from .frozen_epochs import Certificate
from .gap_statistics import episode_gaps
from .gap_table import Measured, episode_table
from .outcome import Outcome
from .paper_claims import paper_claims
from .paper_estimates import Found
from .paper_figures_cells import SWEEPS
from .paper_figures_config import PaperFiguresConfig
from .scoring import Scores
from .verdicts import Claim

PARTS = ("local", "global")
# A delay of less worth than this share of the benefit counts as having this worth: 92 s at a decay of 0.3 per second.
SMALLEST_WORTH = 1e-12


@dataclass(frozen=True, eq=False)
class PaperResults:
    """found: the tables below, looked up; claims: with their verdicts; cells, failures: see ``Outcome``.

    curves: calibration, approach, sigma, seed, part, training_episodes, episode, utility, bound, gap. policies: the columns of
    ``gap_table.episode_table`` (policy is called approach) with calibration and equal_delay; sizes: also sweep and size.
    delay [s]: mean over those who finish; equal_delay [s]: the delay that would earn everybody together the same benefit,
    -ln(mean of exp(-A T)) / A, to which who never finishes adds 0."""

    config: PaperFiguresConfig
    found: Found
    claims: Sequence[Claim]
    cells: pd.DataFrame
    failures: pd.DataFrame


def collect_paper_figures(config: PaperFiguresConfig, outcome: Outcome) -> PaperResults:
    """Results of a study. Raises InputError when nothing was measured."""
    bounds = {_place(each): each["result"] for each in outcome.records if "certificate" not in each["settings"]}
    curves: list[pd.DataFrame] = []
    policies: list[pd.DataFrame] = []
    sizes: list[pd.DataFrame] = []
    for record in outcome.records:
        settings, result = record["settings"], record["result"]
        if "certificate" not in settings or _place(record) not in bounds:
            # Bounds themselves; or their record was lost: that is a row of the failures, and without bounds there is no gap.
            continue
        proved = bounds[_place(record)]
        policies.append(_episodes(config, settings, Certificate.from_json(proved["epochs"]), result["scores"]))
        curves.extend(_curve(settings, Certificate.from_json(proved["epochs"]), look) for look in result["curve"] or ())
        for sweep in SWEEPS if result["sizes"] is not None else ():
            for size, certificate, scores in zip(settings["sizes"][sweep], proved[sweep], result["sizes"][sweep], strict=True):
                table = _episodes(config, settings, Certificate.from_json(certificate), scores)
                sizes.append(table.assign(sweep=sweep, size=size))
    if not curves:
        raise InputError("hold no training run with its bounds", field="records")
    tables = (pd.concat(each, ignore_index=True) for each in (curves, policies, sizes))
    found = Found(*tables, replicates=config.replicates, level=config.level)
    return PaperResults(config, found, paper_claims(config, found), outcome.cell_table(), outcome.failure_table())


def paper_tables(results: PaperResults) -> dict[str, pd.DataFrame]:
    """Tables by file name; they hold nothing but results: same seeds, same bytes."""
    return {
        "claims": claim_table(results.claims),
        "readings": reading_table(results.claims),
        "curves": results.found.curves,
        "policies": results.found.policies,
        "sizes": results.found.sizes,
    }


def claim_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """One row per claim. warning: where something that it rests on was measured on too few seeds."""
    rows = [(claim.where, claim.text, claim.verdict, claim.rule, weakness(_fewest_seeds(claim))) for claim in claims]
    return pd.DataFrame(rows, columns=["where", "claim", "verdict", "rule", "warning"])


def _fewest_seeds(claim: Claim) -> int:
    """Of its measured comparisons; 0 when nothing was measured."""
    counts = [len(each.estimate.seeds) for reading in claim.readings for each in reading.comparisons]
    return min(filter(None, counts), default=0)


def reading_table(claims: Sequence[Claim]) -> pd.DataFrame:
    """One row per comparison: what was measured, and what follows for it, its reading and its claim; seeds: the value on each;
    warning: where they are too few."""
    rows = [
        {
            "where": claim.where,
            "claim": claim.text,
            "verdict": claim.verdict,
            "calibration": reading.calibration,
            "reading": reading.meaning,
            "outcome": reading.outcome,
            "comparison": each.label,
            "value": each.factor * each.estimate.value,
            "low": each.factor * each.estimate.low,
            "high": each.factor * each.estimate.high,
            "unit": each.unit,
            "comparison_outcome": each.outcome,
            "seeds": " ".join(f"{each.factor * seed:.4g}" for seed in each.estimate.seeds),
            "warning": weakness(len(each.estimate.seeds)),
        }
        for claim in claims
        for reading in claim.readings
        for each in reading.comparisons
    ]
    return pd.DataFrame(rows)


def _place(record: dict[str, Any]) -> tuple[str, int]:
    return record["settings"]["calibration"], record["settings"]["seed"]


def _episodes(
    config: PaperFiguresConfig, settings: dict[str, Any], certificate: Certificate, content: dict[str, Any]
) -> pd.DataFrame:
    """One row per part (their sum, which has no delay, too) and episode."""
    scores = Scores.from_json(content)
    table = episode_table([Measured(settings["approach"], settings["sigma"], settings["seed"], certificate, scores)])
    scenario = config.scenario(settings["calibration"])
    equal = {
        "sum": np.full(len(scores.local_worth), np.nan),
        "local": _equal_delay(scores.local_worth, scenario.local_decay),
        "global": _equal_delay(scores.global_worth, scenario.global_decay),
    }
    delays = np.concatenate([equal[part] for part in dict.fromkeys(table["part"])])
    return table.rename(columns={"policy": "approach"}).assign(equal_delay=delays, calibration=settings["calibration"])


def _equal_delay(worth: Floats, decay: float) -> Floats:
    """-ln(mean worth) / A of every episode [s]; worth [episode, epoch]."""
    return -np.log(np.maximum(worth.mean(axis=-1), SMALLEST_WORTH)) / decay


def _curve(settings: dict[str, Any], certificate: Certificate, look: dict[str, Any]) -> pd.DataFrame:
    """One row per part and episode of one look."""
    tables: list[pd.DataFrame] = []
    for part in PARTS:
        utility = np.asarray(look[part])
        bound, incumbent = getattr(certificate, f"{part}_bound"), getattr(certificate, f"{part}_incumbent")
        means = (bound.mean(axis=-1, keepdims=True), utility[:, None], np.abs(incumbent).mean(axis=-1, keepdims=True))
        rows = {
            "training_episodes": look["training_episodes"],
            "episode": np.arange(len(utility)),
            "utility": utility,
            "bound": bound.mean(axis=-1),
            "gap": episode_gaps(*means),
        }
        tables.append(pd.DataFrame(rows).assign(part=part))
    named = {name: settings[name] for name in ("calibration", "approach", "sigma", "seed")}
    return pd.concat(tables, ignore_index=True).assign(**named)
