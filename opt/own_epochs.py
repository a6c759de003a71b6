"""Epochs of one's own (a trace): one batch of snapshots, their state, and the system that they tell of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

import numpy as np

from .arrays import Booleans, Floats, floats
from .errors import InputError
from .fluctuation import NEPER_PER_DB
from .scenario import Scenario
from .snapshot import GLOBAL_AXES, LOCAL_AXES, GlobalPart, LocalPart, Snapshot
from .system import BITS_PER_BYTE, State, System, latent_shapes, split, with_state


@dataclass(frozen=True, eq=False)
class EstimatedSystem(System):
    """A system known from its epochs (``estimate_system``). base: the snapshot [no batch axes] that holds what no state says:
    prices, budgets, modes, data; the scenario only says how entities differ and fluctuate."""

    base: Snapshot = field(kw_only=True)

    def snapshot(self, state: State, name: str = "") -> Snapshot:
        """Problem (16) at this state."""
        return replace(with_state(self.base, state), name=name or self.name)


def stack_epochs(snapshots: Sequence[Snapshot], field: str = "snapshots") -> Snapshot:
    """One snapshot with a batch axis [epoch] of single epochs of one system.

    State, data, accuracies and weights may change from epoch to epoch. Raises InputError, naming epoch and field, where layout
    (heads per AP, delegates per committee), modes, budgets, prices or other single numbers differ from the first epoch's.
    """
    if not snapshots:
        raise InputError("is empty; give at least one epoch", field=field)
    first = snapshots[0]
    for place, each in enumerate(snapshots):
        if each.batch_shape:
            raise InputError(f"is a batch of shape {each.batch_shape}; give single epochs", field=f"{field}[{place}]")
        different = difference(each, first)
        if different:
            path, problem = different
            raise InputError(
                f"{problem} in {field}[0]; all epochs must be of one system, measure other systems apart",
                field=f"{field}[{place}].{path}",
            )

    def stacked(parts: list[LocalPart] | list[GlobalPart], axes: Mapping[str, int]) -> dict[str, Floats]:
        return {name: np.stack([getattr(part, name) for part in parts]) for name in axes}

    local = replace(first.local, **stacked([each.local for each in snapshots], LOCAL_AXES))
    global_ = replace(first.global_, **stacked([each.global_ for each in snapshots], GLOBAL_AXES))  # pyright: ignore[reportArgumentType]
    return Snapshot(first.name, local, global_)


def difference(one: Snapshot, other: Snapshot) -> tuple[str, str] | None:
    """Where two snapshots cannot be of one system: (path of the field, "is ..., but ..."), None when they can."""
    for name, mine, theirs in (
        ("local.ap", one.local.layout.heads, other.local.layout.heads),
        ("global.committees", one.global_.layout.delegates, other.global_.layout.delegates),
    ):
        if not np.array_equal(mine, theirs):
            what = "heads per AP" if name == "local.ap" else "delegates per committee"
            return name, f"has {_counts(mine.tolist())} {what}, but {_counts(theirs.tolist())}"
    for prefix, mine, theirs, axes in (
        ("local", one.local, other.local, LOCAL_AXES),
        ("global", one.global_, other.global_, GLOBAL_AXES),
    ):
        for each in fields(mine):
            if each.name != "layout" and each.name not in axes:
                value, expected = getattr(mine, each.name), getattr(theirs, each.name)
                if value != expected:
                    return f"{prefix}.{each.name}", f"is {value!r}, but {expected!r}"
    return None


def state_of(epochs: Snapshot) -> State:
    """The state in a batch of snapshots [...]; ``with_state`` on it gives them back, SINR up to rounding."""
    local, global_ = epochs.local, epochs.global_
    batch = epochs.batch_shape

    def flat(values: Floats, real: Booleans | None = None) -> Floats:
        core = values if real is None else np.where(real, values, 1.0)
        return core.reshape(*batch, math.prod(core.shape[len(batch) :]))

    heads, committees = local.layout, global_.layout
    committee, delegates = committees.is_delegate.shape
    nothing = np.ones((*batch, committee))
    sinr = np.concatenate(
        [
            np.ones((*batch, len(heads.ap))),
            flat(local.sinr_uplink),
            flat(local.sinr_peer, heads.is_link),
            nothing,
            nothing,
            np.ones((*batch, committee * delegates)),
            flat(global_.sinr_access),
            flat(global_.sinr_peer, committees.is_link),
        ],
        axis=-1,
    )
    return State(
        cpu_head=local.cpu_max_hz,
        block_bits=global_.block_bits,
        capacity=global_.capacity,
        cpu_delegate=global_.cpu_max_hz,
        sinr_db=np.log(sinr) / NEPER_PER_DB,
        shapes=latent_shapes(heads, committees),
    )


def estimate_system(snapshots: Sequence[Snapshot]) -> EstimatedSystem:
    """The system that n epochs of it tell of, by sample moments; what agents may know before they look.

    * means: of every SINR its mean in dB; of every CPU capacity, and of data, accuracies and weights, the mean over epochs;
    * ``sinr_fluctuation_db``: one deviation for all links, pooled: root of the sum over epochs and links of (dB - the link's
      mean)^2 over (n - 1) links; ``cpu_fluctuation``: the same of (CPU / its mean - 1), heads and delegates together. n = 1: 0;
    * ranges of CPU, of block sizes and of psi: least and greatest value seen (psi at least so large that any committees hold
      all APs); ``mean_sinr_db``: least and greatest mean;
    * correlation in time is not estimated (0: epochs count as independent).

    Prices, budgets and modes are the epochs' own. Estimate from other epochs than those that a policy is measured on: what is
    estimated from the same ones is hindsight. Raises InputError where epochs are not of one system (``stack_epochs``).
    """
    epochs = stack_epochs(snapshots)
    local, global_ = epochs.local, epochs.global_
    heads, committees = local.layout, global_.layout
    state = state_of(epochs)
    decibel = split(state.sinr_db, state.shapes)
    means = {name: values.mean(axis=0) for name, values in decibel.items()}
    kinds = (
        ("sinr_uplink_db", np.ones(len(heads.ap), dtype=np.bool_)),
        ("sinr_peer_db", heads.is_link),
        ("sinr_access_db", np.ones(global_.sinr_access.shape[1:], dtype=np.bool_)),
        ("sinr_link_db", committees.is_link),
    )
    cpu_head, cpu_delegate = local.cpu_max_hz.mean(axis=0), global_.cpu_max_hz.mean(axis=0)
    real = committees.is_delegate
    every_mean = np.concatenate([means[name][of] for name, of in kinds])
    low, high = (int(end) for end in (global_.capacity.min(), global_.capacity.max()))
    least = max(low, -(-len(heads.heads) // len(real)))
    scenario = Scenario(
        aps=len(heads.heads),
        heads_per_ap=(int(heads.heads.min()), int(heads.heads.max())),
        committees=len(real),
        delegates=(int(committees.delegates.min()), int(committees.delegates.max())),
        mean_sinr_db=_range(every_mean),
        sinr_fluctuation_db=_deviation([(decibel[name] - means[name])[:, of] for name, of in kinds]),
        head_cpu_hz=_range(local.cpu_max_hz),
        delegate_cpu_hz=_range(global_.cpu_max_hz[:, real]),
        cpu_fluctuation=_deviation([local.cpu_max_hz / cpu_head - 1.0, (global_.cpu_max_hz / cpu_delegate - 1.0)[:, real]]),
        block_bytes=_range(global_.block_bits / BITS_PER_BYTE),
        capacity=(least, max(least, high)),
    )
    averages = {name: floats(getattr(local, name).mean(axis=0)) for name in STATIC_OF_HEADS}
    cycles = floats(global_.cycles.mean(axis=0))
    base = epochs.at(0)
    return EstimatedSystem(
        scenario=scenario,
        heads=heads,
        committees=committees,
        mean_cpu_head=floats(cpu_head),
        mean_sinr_uplink_db=floats(means["sinr_uplink_db"]),
        mean_sinr_peer_db=floats(means["sinr_peer_db"]),
        committee_cycles=cycles,
        mean_cpu_delegate=floats(cpu_delegate),
        mean_sinr_access_db=floats(means["sinr_access_db"]),
        mean_sinr_link_db=floats(means["sinr_link_db"]),
        name="estimated",
        base=replace(base, local=replace(base.local, **averages), global_=replace(base.global_, cycles=cycles)),
        **averages,
    )


# Per head, in no state: usually the same in every epoch.
STATIC_OF_HEADS = ("accuracy", "cycles", "upload_bits", "cumulative_weight")


def _counts(counts: list[int]) -> str:
    """For messages: one number where all are the same."""
    return str(counts[0]) + f" x {len(counts)}" if len(set(counts)) == 1 else str(counts)


def _range(values: Floats) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _deviation(groups: list[Floats]) -> float:
    """Pooled standard deviation of deviations from their means, each [epoch, ...]; 0 for one epoch."""
    freedom = (len(groups[0]) - 1) * sum(group[0].size for group in groups)
    return math.sqrt(sum(float((group**2).sum()) for group in groups) / freedom) if freedom else 0.0
