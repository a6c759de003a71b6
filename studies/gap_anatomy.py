r"""What a gap is made of: solver slack, the twin's error, and the policy's own doing. The one home of the split.

On one episode, with G_p the gap to the certified bound and g_p the gap to the incumbent of a policy p (``gap_statistics``),
c the certainty-equivalent scheduler and o the oracle, all on the same truths and c on the same twin errors as p:

    solver slack   s = G_p - g_p   bound minus incumbent: what the certificate leaves open; the same for every policy
    twin           w = G_c - G_o   what the twin's error costs the solver that trusts it; the same for every policy
    own            v = g_p - w     the remainder, so that s + w + v = G_p

**The own part can be negative**: p loses less to the twin's error than a perfect optimiser that trusts the twin (it reckons
with the error, or does not look where the error hurts), and -v is how much of w it saves. The oracle, which never sees the
twin, saves all of it: v = -w. v mixes what p would lose on the truth and what the error costs p beyond (or below) w; at
sigma = 0, where w = 0, v is p's own gap alone.

**Over episodes** s, w and the gap are interquartile means, as everywhere; an interquartile mean is not linear, so the own part
of a summary is again the remainder, gap - s - w: the three add up to the gap of ``gap_table`` in every row. Its interval, as
all of them, comes from bootstrap replicates that draw the same episodes for the gap, s and w.
"""

# pandas' own annotations cannot tell a column from a table.
# pyright: reportArgumentType=false, reportReturnType=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import pandas as pd

from ..opt.arrays import Floats
from ..rl.decoding import PROJECTED, Rules
from .few_seeds import weakness
from .gap_statistics import interquartile_mean, percentile_interval
from .gap_table import RULES, resampled_by_seed

SHARES = ("slack", "twin", "own")
TRUSTING, ORACLE = "certainty_equivalent", "oracle"
_EPISODE = [*RULES, "sigma", "seed", "part", "episode"]
_ROW = ["policy", *RULES, "sigma", "part"]


@dataclass(frozen=True, eq=False)
class Anatomy:
    """episodes: one row per policy, rules, sigma, seed, part and episode with gap, slack, twin and own. table: one row per
    policy, rules, sigma and part with their summaries, each with NAME_low and NAME_high, seeds, episodes and warning (too few
    seeds). missing: one line for every measurement that the split would need and does not have; its rows are left out."""

    episodes: pd.DataFrame
    table: pd.DataFrame
    missing: tuple[str, ...]


def anatomy_of(
    episodes: pd.DataFrame, replicates: int = 2000, level: float = 0.95, rows_of: Mapping[str, str] | None = None
) -> Anatomy:
    """Split the gaps of an episode table (``gap_table.episode_table``).

    rows_of: which rows of the table measure the baselines ``certainty_equivalent`` and ``oracle``, where the rows have other
    names.
    """
    names = {TRUSTING: TRUSTING, ORACLE: ORACLE} | dict(rows_of or {})
    gaps = {name: _gaps_of(episodes, row) for name, row in names.items()}
    twin = (gaps[TRUSTING] - gaps[ORACLE]).dropna().rename("twin")
    joined = episodes.join(twin, on=_EPISODE, how="inner")
    split = joined[["policy", *_EPISODE, "gap"]].reset_index(drop=True)
    split["slack"] = (joined["gap"] - joined["gap_to_incumbent"]).to_numpy()
    split["twin"] = joined["twin"].to_numpy()
    split["own"] = (joined["gap_to_incumbent"] - joined["twin"]).to_numpy()
    return Anatomy(split, _table(split, replicates, level), _missing(episodes, gaps))


def _gaps_of(episodes: pd.DataFrame, row: str) -> pd.Series:
    return episodes[episodes["policy"] == row].set_index(_EPISODE)["gap"]


def _table(split: pd.DataFrame, replicates: int, level: float) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
    for named, group in split.groupby(_ROW, sort=False):
        resampling, order = resampled_by_seed(group, replicates)
        series = group[["gap", "slack", "twin"]].to_numpy()[order].T
        means = _with_own(interquartile_mean(series))
        drawn = _with_own(resampling.interquartile_means(series))
        row: dict[str, object] = dict(zip(_ROW, cast(tuple[object, ...], named), strict=True))
        for name, mean, replicated in zip(("gap", *SHARES), means, drawn, strict=True):
            row[name] = float(mean)
            row[f"{name}_low"], row[f"{name}_high"] = percentile_interval(replicated, level)
        seeds = len(set(group["seed"]))
        rows.append(row | {"seeds": seeds, "episodes": len(group), "warning": weakness(seeds)})
    bounds = [f"{name}{end}" for name in ("gap", *SHARES) for end in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=[*_ROW, *bounds, "seeds", "episodes", "warning"])


def _with_own(means: Floats) -> Floats:
    """gap, slack, twin [3, ...] and the remainder [4, ...]."""
    gap, slack, twin = means
    return np.stack([gap, slack, twin, gap - slack - twin])


def _missing(episodes: pd.DataFrame, gaps: Mapping[str, pd.Series]) -> tuple[str, ...]:
    """One line per baseline: missing altogether, or at which twin errors and seeds."""
    names = [*RULES, "sigma", "seed"]
    runs = episodes[names].drop_duplicates()
    wanted = list(zip(*(runs[name].tolist() for name in names), strict=True))
    lines: list[str] = []
    for name, known in gaps.items():
        there = set(known.index.droplevel(["part", "episode"]).unique())
        absent = [_place(*each) for each in wanted if each not in there]
        if not there:
            lines.append(f"{name} is not among the policies measured")
        elif absent:
            lines.append(f"{name} has no result at {'; '.join(absent)}")
    return tuple(lines)


def _place(decoding: str, over_capacity: str, sigma: float, seed: int) -> str:
    rules = Rules.of(decoding, over_capacity)
    return f"{'' if rules == PROJECTED else f'{rules}, '}sigma {sigma:g}, seed {seed}"
