"""The page of the paper's figures: what its claims become when the bound is known."""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..few_seeds import warning
from ..paper_comparisons import CLOSE, RANDOM
from ..paper_estimates import SWEPT, Found
from ..paper_figures_config import BASELINES, PaperFiguresConfig
from ..paper_figures_results import PaperResults, paper_tables, reading_table
from ..study_file import CONFIG
from ..verdicts import Claim, Comparison, Estimate
from .interval import WithInterval, percent_with_interval
from .origin import Origin, seeds_in_words
from .page import Column, Page, Picture, Section, Table, Text, data_section, settings_section
from .paper_curves import delay_against_size, looks_of, training_curves
from .paper_methods import COMPARISONS, methods
from .style import label

ORACLE = "oracle"
PARTS = ("local", "global")
UPDATES = {"local": "local model update verification", "global": "global model update verification"}


def paper_page(results: PaperResults, directory: Path) -> Page:
    """Verdicts, figures per calibration, methods, all comparisons, downloads, settings. directory: of the page."""
    config = results.config
    weak = warning(len(config.seeds))
    warnings = [Text(weak, warning=True)] if weak else []
    return Page(
        title="twingap: the paper's figures",
        heading="Which of the paper's claims hold, and how far from optimal is everybody?",
        sections=[
            Section("", [Text(_lead(results.claims)), *warnings, _claims(results.claims)]),
            *(Section(f"Figures, {name}", list(_figures(results, name))) for name in config.calibrations),
            Section("Methods", [Text(each) for each in methods(config)]),
            Section("Every comparison", [Text(COMPARISONS), _comparisons(results)]),
            data_section(paper_tables(results), directory),
            settings_section(_settings(config), results.cells),
        ],
        failures=results.failures.to_dict("records"),
        origin=Origin(f"twingap study paper_figures --config {CONFIG}", seeds_in_words(config.seeds)),
    )


def _lead(claims: Iterable[Claim]) -> str:
    counts: dict[str, int] = {}
    for claim in claims:
        counts[claim.verdict] = counts.get(claim.verdict, 0) + 1
    said = ", ".join(f"{verdict} {count}" for verdict, count in sorted(counts.items(), key=lambda each: -each[1]))
    return (
        f"{sum(counts.values())} claims of the abstract and Section VI: {said}. Measured is in percent of the optimum unless "
        f"a unit is given, with intervals in brackets. Close, similar and about mean within {100 * CLOSE:g} %."
    )


def _claims(claims: Iterable[Claim]) -> Table:
    columns = [
        Column("where", "where"),
        Column("claim", "claim", words=True),
        Column("verdict", "verdict", words=True),
        Column("measured", "measured", words=True),
        Column("rule", "holds when", words=True),
    ]
    rows = [
        {"where": claim.where, "claim": claim.text, "verdict": claim.verdict, "measured": measured(claim), "rule": claim.rule}
        for claim in claims
    ]
    return Table(columns, rows, note="Not decided: an interval includes both. All comparisons are in the last table.")


def measured(claim: Claim) -> str:
    """For every outcome among the claim's readings: how many, and the first one's comparison that decides it most narrowly."""
    parts: list[str] = []
    for outcome in ("holds", "does not hold", "not decided"):
        readings = [reading for reading in claim.readings if reading.outcome == outcome]
        if not readings:
            continue
        first = readings[0]
        telling = [each for each in first.comparisons if each.outcome == outcome]
        # What was not measured comes last.
        closest = min(telling, key=lambda each: abs(np.nan_to_num(each.estimate.value, nan=np.inf)))
        named = ", ".join(filter(None, (first.calibration, first.meaning)))
        count = f"{outcome} in {len(readings)} of {len(claim.readings)} readings, as in " if len(claim.readings) > 1 else ""
        parts.append(f"{count}{named}: {closest.label} {numbers(closest)}")
    return "; ".join(parts)


def numbers(comparison: Comparison) -> str:
    """Value, interval and unit."""
    estimate, factor = comparison.estimate, comparison.factor
    if math.isnan(estimate.value):
        return "not measured"
    digits = 0 if comparison.unit == "episodes" else 2
    value, low, high = (f"{factor * each:z.{digits}f}" for each in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}] {comparison.unit}".strip()


def _figures(results: PaperResults, name: str) -> Iterator[Text | Picture | Table]:
    config, found = results.config, results.found
    chosen, place = config.calibrations[name], list(config.calibrations).index(name)
    changed = f"with {json.dumps(chosen.scenario)}" if chosen.scenario else "as it is"
    yield Text(f"Preset {config.preset} {changed}. Black lines: the certified bound, which no curve can cross.")
    yield _gaps(found, config, name)
    styles = styles_of(config)
    # Files of the first calibration have plain names.
    suffix = "" if place == 0 else f"-{place + 1}"
    shown = [
        *(("45"[n], part, list(chosen.learners), chosen.sigma, "Learners") for n, part in enumerate(PARTS)),
        *(("67"[n], part, _variants(config, part), (0.0,), "Decisions taken away") for n, part in enumerate(PARTS)),
    ]
    for number, part, approaches, sigmas, title in shown:
        yield Picture(
            f"figure{number}{suffix}",
            partial(training_curves, found, name, part, approaches, sigmas, styles),
            f"Figure {number} ({name}): {title}, {UPDATES[part]}",
            "Above: utility per epoch; below: gap to the bound, in percent of the optimum. Thick: interquartile mean over "
            "the frozen episodes with its interval; thin: every seed. Level lines learn nothing; their utility is in the "
            "legend, since it may lie below the axis. Episodes differ in what they are worth, so utilities and the bound have "
            "wide bands together; gaps are paired.",
            f"Utility and gap of {', '.join(label(each) for each in approaches)} against training episodes, {part} part.",
        )
    for number, sweep in (("8", "transaction"), ("9", "block")):
        part = SWEPT[sweep]
        approaches = [*_variants(config, part), ORACLE]
        yield Picture(
            f"figure{number}{suffix}",
            partial(delay_against_size, found, name, sweep, approaches, styles),
            f"Figure {number} ({name}): Delay against {sweep} size, {UPDATES[part]}",
            "Above: both meanings of delay (see Methods); below: who finishes, and the gap to the bound. Dots: every seed. "
            "The oracle is the certified solver on the true state: the largest utility there is, which is not the least "
            "delay.",
            f"Delay of {', '.join(label(each) for each in approaches)} against {sweep} size.",
        )


def styles_of(config: PaperFiguresConfig) -> dict[str, dict[str, Any]]:
    """Colour, marker and line of every approach, the same in all figures of all calibrations."""
    learners = dict.fromkeys(name for each in config.calibrations.values() for name in each.learners)
    return looks_of([*learners, *config.holds, *BASELINES])


def _variants(config: PaperFiguresConfig, part: str) -> list[str]:
    return [config.proposed, *(hold for hold in config.holds if part == "global" or hold != "random_access"), RANDOM]


def _gaps(found: Found, config: PaperFiguresConfig, name: str) -> Table:
    """Final gaps, a row per approach."""
    chosen = config.calibrations[name]
    places = [(part, sigma) for part in PARTS for sigma in chosen.sigma]
    columns = [Column("approach", "approach", words=True)]
    columns += [Column(f"{p} {s:g}", f"{p}, σ = {100 * s:g} %", percent_with_interval(2)) for p, s in places]
    rows: list[dict[str, Any]] = []
    for approach in (*chosen.learners, *config.holds, *BASELINES):
        row: dict[str, Any] = {"approach": label(approach)}
        for part, sigma in places:
            gap = found.mean(found.final(name, approach, sigma, part, "gap"))
            if not math.isnan(gap.value):
                row[f"{part} {sigma:g}"] = _with_interval(gap)
        rows.append(row)
    return Table(columns, rows, note="Gap to the certified bound when training has ended, in percent of the optimum.")


def _with_interval(estimate: Estimate) -> WithInterval:
    return WithInterval.of({"gap": estimate.value, "gap_low": estimate.low, "gap_high": estimate.high}, "gap")


def _comparisons(results: PaperResults) -> Table:
    shown = {"claim": "claim", "calibration": "calibration", "reading": "reading", "comparison": "comparison"}
    shown |= {"numbers": "measured", "seeds": "each seed", "comparison_outcome": "outcome"}
    columns = [Column("where", "where"), *(Column(key, title, words=True) for key, title in shown.items())]
    every = (each for claim in results.claims for reading in claim.readings for each in reading.comparisons)
    table = reading_table(results.claims).assign(numbers=[numbers(each) for each in every])
    return Table(columns, table.to_dict("records"))


def _settings(config: PaperFiguresConfig) -> dict[str, Any]:
    content = config.model_dump(mode="json")
    return {name: value if isinstance(value, (int, float, str)) else json.dumps(value) for name, value in content.items()}
