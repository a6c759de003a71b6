"""Tables of a gap measurement: per episode, and summarised per policy, twin error and part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd

from ..opt.arrays import Floats, Integers
from ..rl.decoding import PROJECTED, Rules
from .few_seeds import weakness
from .frozen_epochs import Certificate
from .gap_statistics import episode_gaps, grouped_interquartile_means, interquartile_mean, percentile_interval
from .resampling import Resampling, seeded_resampling
from .scoring import Scores

PARTS = ("sum", "local", "global")
BOOTSTRAP_SEED = 0
RULES = ("decoding", "over_capacity")


@dataclass(frozen=True, eq=False)
class Measured:
    """One policy at one twin error on one seed's frozen epochs, by these rules."""

    policy: str
    sigma: float
    seed: int
    certificate: Certificate
    scores: Scores
    rules: Rules = PROJECTED


def episode_table(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row per policy, rules, sigma, seed, part and episode: mean utility, bound, incumbent [per epoch], both gaps, delay
    [s], shares of heads or APs that finish and of epochs paid 0 by (25)."""
    sizes = [len(each.scores.local_utility) for each in measured]
    numbers = {part: _numbers(measured, part) for part in PARTS}
    # Part after part so far; stably sorted by measurement, every measurement has its parts one after the other.
    order = np.argsort(np.tile(np.repeat(np.arange(len(measured)), sizes), len(PARTS)), kind="stable")
    of_measurement = np.repeat(np.arange(len(measured)), len(PARTS) * np.array(sizes))
    named = {"policy": np.array([each.policy for each in measured])}
    named |= {name: np.array([getattr(each.rules, name) for each in measured]) for name in RULES}
    named |= {name: np.array([getattr(each, name) for each in measured]) for name in ("sigma", "seed")}
    parts = np.repeat(np.array(PARTS), sum(sizes))
    episodes = np.tile(np.concatenate([np.arange(size) for size in sizes]), len(PARTS))
    columns: dict[str, object] = {name: given[of_measurement] for name, given in named.items()}
    columns |= {"part": parts[order], "episode": episodes[order]}
    for name in numbers[PARTS[0]]:
        columns[name] = np.concatenate([numbers[part][name] for part in PARTS])[order]
    return pd.DataFrame(columns)


def gap_brackets(measured: Measured) -> dict[str, tuple[float, float]]:
    """By part, interquartile means over episodes of the gap to the incumbent and of the gap to the bound: the bracket that the
    true gap lies in (``gap_statistics``)."""
    found: dict[str, tuple[float, float]] = {}
    for part in PARTS:
        bound, incumbent, utility = _part(measured, part)
        low, high = (interquartile_mean(episode_gaps(reference, utility, incumbent)) for reference in (incumbent, bound))
        found[part] = float(low), float(high)
    return found


def gap_table(episodes: pd.DataFrame, replicates: int = 2000, level: float = 0.95) -> pd.DataFrame:
    """One row per policy, rules, sigma and part, in the order of first appearance.

    utility, bound: means per epoch. gap: interquartile mean over episodes of the gap to the certified bound, with
    [gap_low, gap_high], its stratified bootstrap interval; gap_to_incumbent: the same mean of the gap to the incumbent, so the
    true gap lies in [gap_to_incumbent, gap].
    delay [s] and finished: means over heads (local) or APs (global) that finish, and their share; NaN for the sum. voided:
    share of epochs paid 0 by (25). warning: where the row rests on too few seeds.
    """
    rows: list[dict[str, object]] = []
    keys = ["policy", *RULES, "sigma", "part"]
    for named, group in episodes.groupby(keys, sort=False):
        seeds = len(set(group["seed"]))
        row: dict[str, object] = dict(zip(keys, cast(tuple[object, ...], named), strict=True))
        resampling, order = resampled_by_seed(group, replicates)
        low, high = percentile_interval(resampling.interquartile_means(group["gap"].to_numpy()[order]), level)
        rows.append(
            row
            | {
                "utility": group["utility"].mean(),
                "bound": group["bound"].mean(),
                "gap": float(interquartile_mean(group["gap"])),
                "gap_low": low,
                "gap_high": high,
                "gap_to_incumbent": float(interquartile_mean(group["gap_to_incumbent"])),
                "delay": group["delay"].mean(),
                "finished": group["finished"].mean(),
                "voided": group["voided"].mean(),
                "seeds": seeds,
                "episodes": len(group),
                "warning": weakness(seeds),
            }
        )
    return pd.DataFrame(rows)


def resampled_by_seed(group: pd.DataFrame, replicates: int) -> tuple[Resampling, Integers]:
    """Replicates of a group of episodes that resample inside each seed, and the rows' order in which they count them.

    Groups with the same seeds and episodes get the same replicates, so that what is computed on them stays paired.
    """
    seeds = group["seed"].to_numpy()
    sizes = np.unique(seeds, return_counts=True)[1]
    return seeded_resampling(tuple(sizes.tolist()), BOOTSTRAP_SEED, replicates), np.argsort(seeds, kind="stable")


def by_rules(table: pd.DataFrame) -> dict[Rules, pd.DataFrame]:
    """The rows of each rules, in the order of first appearance."""
    if not len(table):
        return {}
    return {Rules(*cast(tuple[Any, Any], key)): rows for key, rows in table.groupby(list(RULES), sort=False)}


def seed_gaps(episodes: pd.DataFrame) -> pd.DataFrame:
    """Interquartile mean of the gap of each seed alone; the dots of the figures."""
    names = ["policy", *RULES, "sigma", "part", "seed"]
    groups = episodes.groupby(names, sort=False).ngroup().to_numpy()
    first = episodes.loc[~episodes[names].duplicated(), names].reset_index(drop=True)
    return first.assign(gap=grouped_interquartile_means(episodes["gap"].to_numpy(), groups))


def _numbers(measured: Sequence[Measured], part: str) -> dict[str, Floats]:
    """The numbers of a part, each [episode of all measurements]."""
    bound, incumbent, utility = (
        np.concatenate(arrays) for arrays in zip(*(_part(each, part) for each in measured), strict=True)
    )
    return {
        "utility": utility.mean(axis=-1),
        "bound": bound.mean(axis=-1),
        "incumbent": incumbent.mean(axis=-1),
        "gap": episode_gaps(bound, utility, incumbent),
        "gap_to_incumbent": episode_gaps(incumbent, utility, incumbent),
        "delay": _mean(np.concatenate([_delay(each, part) for each in measured])),
        "finished": _mean(np.concatenate([_finished(each, part) for each in measured])),
        "voided": np.concatenate([each.scores.voided for each in measured]).mean(axis=-1),
    }


def _part(each: Measured, part: str) -> tuple[Floats, Floats, Floats]:
    """(bound, incumbent, utility) of a part, each [episode, epoch]."""
    proved, earned = each.certificate, each.scores
    local = (proved.local_bound, proved.local_incumbent, earned.local_utility)
    global_ = (proved.global_bound, proved.global_incumbent, earned.global_utility)
    if part == "local":
        return local
    if part == "global":
        return global_
    return local[0] + global_[0], local[1] + global_[1], local[2] + global_[2]


def _delay(each: Measured, part: str) -> Floats:
    shown = {"local": each.scores.local_delay, "global": each.scores.global_delay}
    return shown.get(part, np.full(each.scores.local_delay.shape, np.nan))


def _finished(each: Measured, part: str) -> Floats:
    shown = {"local": each.scores.heads_finished, "global": each.scores.aps_confirmed}
    return shown.get(part, np.full(each.scores.local_delay.shape, np.nan))


def _mean(values: Floats) -> Floats:
    """Mean over the epochs of each episode, of those that are numbers; NaN when none is."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    return np.divide(np.where(known, values, 0.0).sum(axis=-1), count, out=np.full(count.shape, np.nan), where=count > 0)
