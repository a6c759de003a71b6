"""The page of a tuning: what was the best configuration, and does it beat the defaults where nothing was tuned?"""

from __future__ import annotations

from functools import partial

import pandas as pd

from ..few_seeds import warning
from ..tuning.results import Tuning
from .origin import Origin, seeds_in_words
from .page import Column, Page, Picture, Section, Table, Text, data_section, fixed, settings_section
from .tuning_figures import curves, history, importances

METHODS = (
    "A trial trains the learner with one configuration on {seeds} systems side by side (seeds {first} to {last}, no study "
    "may report on them), {updates} updates each, and measures it on {epochs} frozen epochs per system at twin error "
    "{sigma:g}: its value is the interquartile mean, over all episodes, of the gap of both parts together to the certified "
    "bound, after the last update. Every trial meets the same systems, epochs, errors and draws. Trial 0 is the learner's "
    "defaults; the others are drawn by Optuna's TPE sampler, seeded by the trial's number. Up to {looks} times per run the "
    "gap is measured, and a trial whose best gap is worse than the median of the others at the same point is stopped "
    "(pruned)."
)


def tuning_page(found: Tuning) -> Page:
    """Answer, figures, methods, all trials, settings."""
    config = found.config
    methods = METHODS.format(
        seeds=config.seeds,
        first=config.tuning_seeds[0],
        last=config.tuning_seeds[-1],
        updates=config.updates,
        epochs=config.episodes * config.length,
        sigma=config.sigma,
        looks=config.looks,
    )
    settings = {"command": found.command or "Python", "storage": found.storage} | config.model_dump()
    return Page(
        title=f"twingap: tuning of {config.learner}",
        heading=f"Which settings of {config.learner} leave the smallest gap?",
        sections=[
            Section("", _summary(found)),
            Section("Figures", _pictures(found)),
            Section("Methods", [Text(methods)]),
            Section("All trials", [_trials(found)]),
            data_section({"trials": found.table()}, None),
            settings_section(settings, pd.DataFrame()),
        ],
        origin=Origin(found.command or "twingap.tune", f"tuning {seeds_in_words(config.tuning_seeds)}"),
    )


def _summary(found: Tuning) -> list[Text | Table]:
    states = [row.state for row in found.trials]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("complete", "pruned", "failed"))
    lines: list[Text | Table] = [Text(f"{len(states)} finished trials: {counts}.")]
    best = found.best
    if best is None:
        return [*lines, Text("No trial is complete, so there is no best configuration.")]
    if found.check is not None:
        lines += [Text(f"On fresh seeds {found.check.verdict}.")]
        weak = warning(len(found.check.seeds), "fresh seeds")
        lines += [Text(weak, warning=True)] if weak else []
    elif best.slot == 0:
        lines.append(Text("No trial was better than the defaults."))
    else:
        lines.append(Text("The best settings were not compared with the defaults on fresh seeds."))
    default = next((row for row in found.trials if row.slot == 0), None)
    rows = [
        {"name": name, "best": value, "default": None if default is None else default.parameters.get(name)}
        for name, value in best.parameters.items()
    ]
    columns = [Column("name", "setting"), Column("best", f"trial {best.slot}", _number), Column("default", "default", _number)]
    note = (
        f"Gap of trial {best.slot} on the tuning epochs, where it was chosen (hence too good): {100 * (best.gap or 0.0):.3f} %."
    )
    return [*lines, Table(columns, rows, note)]


def _pictures(found: Tuning) -> list[Picture | Text]:
    pictures: list[Picture | Text] = [
        Picture(
            "history",
            partial(history, found),
            "Gap of every trial",
            "Dots: trials on the tuning epochs; steps: the best so far; dashed: the defaults.",
            "Gap over the trial's number, on a logarithmic scale; the last table holds the numbers.",
        ),
        Picture(
            "curves",
            partial(curves, found),
            "Gap while training",
            "One line per trial; pruned ones end early.",
            "Gap over updates, one line per trial, best and defaults marked.",
        ),
    ]
    if not found.importance:
        return [*pictures, Text("Too few complete trials to tell which settings matter.", note=True)]
    importance = Picture(
        "importance",
        partial(importances, found),
        "Which settings matter",
        "Share of each setting in what separates the best trials from the others, by PED-ANOVA; with few trials this is noise.",
        "Bars, one per setting.",
    )
    return [*pictures, importance]


def _trials(found: Tuning) -> Table:
    names = list(dict.fromkeys(name for row in found.trials for name in row.parameters))
    columns = [
        Column("trial", "trial"),
        Column("state", "state"),
        Column("gap", "gap %", fixed(3, 100)),
        Column("updates", "updates"),
        *(Column(name, name, _number) for name in names),
        Column("error", "error"),
    ]
    return Table(columns, found.table().to_dict("records"), "gap of a pruned trial: when it was stopped.")


def _number(value: float) -> str:
    return f"{value:.4g}"
