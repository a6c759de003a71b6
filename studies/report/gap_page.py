"""The page of a gap measurement: how far from the certified optimum is every policy?"""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd
from markupsafe import Markup

from ...rl.decoding import PROJECTED, Rules
from ..few_seeds import marked, warning
from ..gap_anatomy import Anatomy
from ..gap_table import by_rules
from .anatomy_section import anatomy_section
from .gap_figures import gap_by_error, gap_distribution, learning_curves
from .interval import WithInterval, percent_with_interval
from .origin import Origin
from .page import Column, Page, Picture, Section, Table, Text, fixed, settings_section
from .style import label


@dataclass(frozen=True, eq=False)
class GapContent:
    """What the page shows. episodes, table: see ``gap_table``; anatomy: see ``gap_anatomy``; settings: shown as they are;
    curves, training, transfer, cells, failures: of a study (empty for a measurement). seeds_draw: for the methods, what a seed
    stands for. origin: what made the numbers; data: downloads."""

    episodes: pd.DataFrame
    table: pd.DataFrame
    anatomy: Anatomy
    settings: Mapping[str, Any]
    level: float = 0.95
    replicates: int = 2000
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    training: pd.DataFrame = field(default_factory=pd.DataFrame)
    transfer: pd.DataFrame = field(default_factory=pd.DataFrame)
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    failures: pd.DataFrame = field(default_factory=pd.DataFrame)
    origin: Origin | None = None
    data: Section = field(default_factory=lambda: Section("Data", ()))
    seeds_draw: str = (
        "a system (who takes part, data, mean channels), {per_seed} evaluation episodes, and a training run on other epochs of "
        "the same system"
    )

    def split(self) -> dict[Rules, GapContent]:
        """The same for each rules alone."""
        tables, curves = by_rules(self.table), by_rules(self.curves)
        episodes, split = by_rules(self.episodes), by_rules(self.anatomy.episodes)
        summaries, none = by_rules(self.anatomy.table), self.anatomy.table.head(0)
        return {
            rules: replace(
                self,
                episodes=episodes[rules],
                table=table,
                anatomy=Anatomy(split.get(rules, none), summaries.get(rules, none), self.anatomy.missing),
                curves=curves.get(rules, self.curves.head(0)),
            )
            for rules, table in tables.items()
        }


def gap_page(content: GapContent) -> Page:
    """Answer, figures, how to read them, methods, all numbers, settings; figures once for each rules."""
    several = content.split()
    figures: list[Section] = []
    for place, (rules, part) in enumerate(several.items()):
        shown = [Section("Figures", _pictures(part)), anatomy_section(part.anatomy, content.level)]
        figures += shown if len(several) == 1 else [_under(rules, place, section) for section in shown]
    return Page(
        title="twingap: gap to the certified optimum",
        heading="How far from the certified optimum?",
        sections=[
            Section("", _summary(content)),
            *figures,
            Section("How to read it", [*_rules(several), Text(READING.format(worst=_worst_certificate(content.episodes)))]),
            Section("Methods", [Text(_methods(content))]),
            Section("All numbers", [_details(content.table)]),
            *_transfer(content.transfer),
            *_training(content.training),
            content.data,
            settings_section(content.settings, content.cells),
        ],
        failures=content.failures.to_dict("records"),
        origin=content.origin,
    )


# The entry {worst:.1e} is filled in. Markup's format escapes what is put in.
READING = Markup(
    "The optimum of every evaluation epoch is certified: a solver proves that no decision whatever earns more than the bound, "
    "and holds a decision (the incumbent) that earns almost as much; the worst certificate of an episode here is {worst:.1e} "
    "of its optimum wide. A policy's true gap lies between its gap to the incumbent and its gap to the bound; both are in the "
    "last table. The <em>oracle</em> shows what the solver itself leaves; <em>certainty equivalent</em> is the same solver "
    "believing the twin, so its gap is what the twin's error costs a scheduler without learning. A learner has learnt "
    "something once it beats <em>static</em>, which never looks at the state. Gaps are axes on a logarithmic scale that "
    "starts at the certificates' own width: what lies there cannot be told from optimal."
)
RULES_MEAN = Markup(
    "<em>Projection</em> repairs what breaks a constraint; <em>as printed</em> takes amounts and claims as they are. CPU above "
    "the true capacity is executed at the capacity (<em>clip</em>) or left (<em>void</em>). What is left broken has the whole "
    "epoch paid 0, both parts (25): such an epoch has a gap of 100 %, and <em>voided</em> in the last table says how many are. "
    "Zero is more than a loss, so a policy that loses money can look better where it is void."
)
WEIGHTS = (
    "Measured are the weights after the last update (last), or those with the smallest gap of both parts on validation epochs "
    "(best). Validation epochs are drawn apart from those of training and from the evaluation epochs of this page."
)
METHODS = (
    "Every seed draws {seeds_draw}. Epochs and twin errors are common random numbers: every policy meets the same truths "
    "and, at one σ, the same errors, and rewards come from the truth. The gap of an episode is the sum over its epochs of "
    "bound minus utility, divided by the sum of the incumbents' absolute values; each part is measured against its own "
    "optimum, so the parts' gaps do not add up. Interquartile means cut a quarter of the episodes at each end. Intervals are "
    "percentile bootstraps ({replicates} replicates) that draw episodes with replacement inside every seed, so they speak of "
    "these seeds; the dots show how seeds differ. In every epoch the executed decision is evaluated anew by the equations, "
    "and an evaluation that exceeds a bound stops the cell and saves the epoch for replay."
)

# Who was measured, by which rules and at which twin error.
MEASURED = (
    Column("policy", "policy", label),
    Column("decoding", "decoding"),
    Column("over_capacity", "CPU above capacity"),
    Column("sigma", "σ", lambda sigma: f"{sigma:g}"),
)


def _under(rules: Rules, place: int, section: Section) -> Section:
    """The section of one of several rules: says which, and its pictures have names of their own."""
    blocks = [replace(b, name=f"{b.name}-{place}") if isinstance(b, Picture) and place else b for b in section.blocks]
    return Section(f"{section.title}: {rules}", blocks)


def _rules(several: Mapping[Rules, Any]) -> list[Text]:
    """What the rules mean, where they are not only the usual ones."""
    return [] if list(several) == [PROJECTED] else [Text(RULES_MEAN)]


def _transfer(table: pd.DataFrame) -> list[Section]:
    """Gaps of learners on presets that they were not trained on."""
    if not len(table):
        return []
    numbers = _details(table)
    moved = Table([Column("preset", "measured on"), *numbers.columns], numbers.rows, numbers.note)
    return [Section("Without training there", [Text("The trained weights, as they are, on systems of another preset."), moved])]


def _training(runs: pd.DataFrame) -> list[Section]:
    """Which weights of every run are measured."""
    if not len(runs):
        return []
    columns = [
        *MEASURED,
        Column("seed", "seed"),
        Column("planned", "updates planned"),
        Column("updates", "updates done"),
        Column("kept", "weights measured"),
        Column("kept_update", "after update"),
    ]
    note = "Fewer updates than planned: stopped early, after looks at the validation epochs without anything better."
    return [Section("Training runs", [Text(WEIGHTS), Table(columns, runs.to_dict("records"), note)])]


def _methods(content: GapContent) -> str:
    episodes, seeds = int(content.table["episodes"].max()), int(content.table["seeds"].max())
    drawn = content.seeds_draw.format(per_seed=episodes // seeds)
    return METHODS.format(seeds_draw=drawn, replicates=content.replicates)


def _summary(content: GapContent) -> list[Text | Table]:
    table = content.table
    seeds, episodes = int(table["seeds"].max()), int(table["episodes"].max())
    lead = (
        "Each entry is the gap of local and global part together to a proved upper bound, in percent of the optimum: "
        f"interquartile mean over {episodes} episodes of {seeds} seed{'s' if seeds != 1 else ''}, with its "
        f"{100 * content.level:g} % interval. 0 % is optimal, 100 % earns nothing, more than 100 % loses money."
    )
    sigmas = list(dict.fromkeys(table["sigma"]))
    columns = [Column("policy", "policy"), *(Column(f"{s:g}", f"σ = {100 * s:g} %", percent_with_interval(2)) for s in sigmas)]
    several = by_rules(table)
    if len(several) > 1:
        columns.insert(1, Column("rules", "rules"))
    rows = [row | {"rules": str(rules)} for rules, part in several.items() for row in summary(part)]
    weak = warning(int(table["seeds"].min()))
    blocks = [Text(lead), *([Text(weak, warning=True)] if weak else [])]
    return [*blocks, Table(columns, rows, note="An empty entry is missing: its cell failed.")]


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per policy with the gaps of the sum at every twin error, in the table's order."""
    total = table[table["part"] == "sum"]
    rows: dict[str, dict[str, Any]] = {}
    for each in total.to_dict("records"):
        rows.setdefault(each["policy"], {"policy": label(each["policy"])})[f"{each['sigma']:g}"] = WithInterval.of(each, "gap")
    return list(rows.values())


def _pictures(content: GapContent) -> list[Picture]:
    pictures = [
        Picture(
            "gap",
            partial(gap_by_error, content.episodes, content.table),
            "Gap to the certified bound against the twin error",
            "Lines: interquartile mean over episodes; bands: 95 % stratified bootstrap; dots: each seed alone. Policies are "
            "set slightly apart at each twin error.",
            "Gap of every policy over the twin error, for both parts and each part; the first table holds the numbers.",
        )
    ]
    if len(content.curves):
        pictures.append(
            Picture(
                "learning",
                partial(learning_curves, content.curves, content.episodes),
                "Learning curves",
                "Utility on the frozen evaluation epochs (looked at, not used to choose anything), in percent of each seed's "
                "certified bound, which no line can cross.",
                "Utility of learners over updates, local and global part, one panel per twin error.",
            )
        )
    pictures.append(
        Picture(
            "distribution",
            partial(gap_distribution, content.episodes),
            "Gap of every episode, both parts together",
            "Small points: episodes; bar: middle half; stroke: median; round dots: each seed's interquartile mean.",
            "Strips of the gaps of single episodes for every policy, one panel per twin error.",
        )
    )
    return pictures


def _details(table: pd.DataFrame) -> Table:
    columns = [
        *MEASURED,
        Column("part", "part"),
        Column("utility", "utility", fixed(2)),
        Column("bound", "bound", fixed(2)),
        Column("gap_to_incumbent", "gap to incumbent %", fixed(3, 100)),
        Column("gap", "gap to bound %", fixed(3, 100)),
        Column("gap_low", "low %", fixed(3, 100)),
        Column("gap_high", "high %", fixed(3, 100)),
        Column("delay", "delay s", fixed(2)),
        Column("finished", "finished %", fixed(1, 100)),
        Column("voided", "voided %", fixed(1, 100)),
        Column("seeds", "seeds", marked),
    ]
    note = (
        "utility, bound: per epoch. delay: mean over heads (local) or over APs with a confirmed block (global) that finish, "
        "and their share. voided: share of epochs paid 0 by (25)."
    )
    return Table(columns, table.to_dict("records"), note)


def _worst_certificate(episodes: pd.DataFrame) -> float:
    """Largest relative gap between bound and incumbent over episodes of the sum."""
    total = episodes[episodes["part"] == "sum"]
    return float(((total["bound"] - total["incumbent"]) / total["incumbent"].abs().clip(lower=1e-9)).max())
