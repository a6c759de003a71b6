"""Families of snapshots: the regimes of Problem (16) that differ for a solver, each a preset with some fields changed.

A preset says what a system looks like; a family says what makes an instance hard: few heads or many, ample or scarce
spectrum, each mode, more committees, symmetry. Tests, benchmarks and the comparison of solvers draw from them.
No value here is the paper's: every change is our assumption, and a family's note says what it is there for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .drawing import draw
from .errors import InputError
from .scenario import Scenario
from .scenario import preset as scenario_of
from .snapshot import Snapshot


@dataclass(frozen=True)
class Family:
    """Snapshots of ``preset`` with ``changes`` to Scenario (assumptions); ``note`` says what they test."""

    preset: str
    changes: Mapping[str, object]
    note: str

    @property
    def scenario(self) -> Scenario:
        """The scenario that snapshots of this family are drawn from."""
        return scenario_of(self.preset, **self.changes)


# Small instances: two APs, committees of four, weights as before the first approval (M = 0), so that waiting for
# confirmation takes its part of the delay; CW_th 50 or less keeps it from being all of the delay.
_SMALL: dict[str, object] = {"approvals": 0}
# Spectrum nearly free and short: the budget decides, not the price, and heads compete for being served at all.
_CHEAP: dict[str, object] = {
    "local_decay": 1.0,
    "local_spectrum_cost": 1e-9,
    "global_spectrum_cost": 1e-9,
    "local_cpu_cost": 1e-10,
    "global_cpu_cost": 1e-10,
}
# Every link pays: a lighter message, and patience that 12 links in one pool allow.
_PER_LINK: dict[str, object] = {"multicast": "per_link", "multicast_compression": 10.0, "timeout": 6.0, "global_decay": 0.2}

FAMILIES: dict[str, Family] = {
    "tiny": Family("tiny", _SMALL | {"heads_per_ap": (2, 2)}, "the smallest that has everything: four heads"),
    "small": Family(
        "tiny",
        _SMALL | {"delegates": (5, 5), "local_subchannels": 8.0, "global_subchannels": 15.0, "confirmation_weight": 50.0},
        "six heads, committees of five",
    ),
    "scarce": Family(
        "tiny",
        _SMALL
        | _CHEAP
        | {
            "aps": 1,
            "heads_per_ap": (5, 5),
            "local_subchannels": 1.2,
            "global_subchannels": 3.0,
            "local_benefit": 10.0,
            "confirmation_weight": 10.0,
            "multicast_compression": 10.0,
        },
        "one AP whose five heads share 1.2 subchannels: prices alone leave a gap of a head, which is branched away",
    ),
    "identical": Family(
        "tiny",
        _SMALL
        | _CHEAP
        | {
            "heads_per_ap": (6, 6),
            "identical_heads": True,
            "link_offset_db": 0.0,
            "sinr_fluctuation_db": 0.0,
            "cpu_fluctuation": 0.0,
            "local_subchannels": 3.0,
            "global_subchannels": 8.0,
            "confirmation_weight": 10.0,
            "multicast_compression": 10.0,
        },
        "twelve heads equal in every number: some are on, and branching must not try every subset",
    ),
    "perlink": Family(
        "tiny",
        _SMALL | _PER_LINK | {"local_subchannels": 8.0, "global_subchannels": 30.0, "confirmation_weight": 50.0},
        "every link has and pays its own spectrum",
    ),
    "cap": Family(
        "tiny",
        _SMALL
        | {
            "aps": 3,
            "heads_per_ap": (2, 2),
            "local_subchannels": 8.0,
            "global_subchannels": 4.0,
            "timeout_rule": "cap",
            "timeout": 0.8,
        },
        "a late phase counts as the timeout: some phases are best not served",
    ),
    "smooth": Family(
        "tiny",
        _SMALL | {"local_subchannels": 8.0, "confirmation_weight": 50.0, "floor_adaptation": False},
        "the level of (11) without its floor",
    ),
    "whole": Family(
        "tiny",
        _SMALL
        | {
            "local_subchannels": 10.0,
            "global_subchannels": 14.0,
            "confirmation_weight": 50.0,
            "whole_subchannels": True,
        },
        "totals of heads and delegates are whole numbers",
    ),
    "whole_perlink": Family(
        "tiny",
        _SMALL
        | _PER_LINK
        | {
            "delegates": (3, 3),
            "local_subchannels": 12.0,
            "global_subchannels": 30.0,
            "confirmation_weight": 50.0,
            "whole_subchannels": True,
        },
        "whole totals, split among a sender's links",
    ),
    "shards": Family(
        "paper",
        {"approvals": 0, "committees": 4, "delegates": (7, 7), "global_subchannels": 60.0, "global_decay": 0.3},
        "four committees: access is a search",
    ),
    "paper": Family("paper", {}, "preset paper as it is"),
    "paper_perlink": Family(
        "paper",
        {"multicast": "per_link", "multicast_payload": "header", "timeout": 10.0, "global_decay": 0.1},
        "preset paper with own spectrum per link and printed headers; 420 links a committee need more patience",
    ),
    "plant": Family("plant", {}, "preset plant as it is: 500 heads"),
    "starved": Family(
        "paper",
        _CHEAP
        | {
            "approvals": 0,
            "local_subchannels": 12.0,
            "global_subchannels": 30.0,
            "confirmation_weight": 20.0,
            "multicast_compression": 20.0,
        },
        "80 heads for 12 subchannels: most are off",
    ),
}


def family(name: str) -> Family:
    """Family of that name; InputError for an unknown one."""
    if name not in FAMILIES:
        raise InputError(f"is {name!r}; allowed: {', '.join(FAMILIES)}", field="family")
    return FAMILIES[name]


def draw_family(name: str, seed: int = 0, **changes: object) -> Snapshot:
    """One snapshot of a family, called ``family-NAME-SEED``; ``changes`` are further fields of Scenario.

    Raises InputError for an unknown name, an unknown field or an impossible value.
    """
    chosen = family(name)
    return replace(draw(chosen.preset, seed, **{**chosen.changes, **changes}), name=f"family-{name}-{seed}")
