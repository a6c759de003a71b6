"""All numbers of Problem (16) at one decision epoch: static parameters and state, for one epoch or a batch of them.

Arrays may carry leading batch axes (written ``...`` below): a plain snapshot has none, an environment's state has one.
Ragged structures (APs with different numbers of heads, committees with different numbers of delegates) are padded;
the layouts say which entries are real. SI units, SINR linear (and ``deferred``: it may be computed when first read).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .arrays import Booleans, Floats, Integers, booleans, integers
from .deferred import Deferred

Multicast = Literal["group", "per_link"]
TimeoutRule = Literal["fail", "cap"]


@dataclass(frozen=True, eq=False)
class HeadLayout:
    """Which cluster head belongs to which AP. J heads, K APs, N = most heads of one AP.

    ap [J]: AP of each head, heads of one AP consecutive. rank [J]: position of the head among its AP's heads.
    heads [K]: number of heads of each AP. is_link [K, N, N]: True where row and column are different real heads.
    head [K, N]: index of the head at that place, 0 where there is none (see ``is_head``). is_head [K, N].
    """

    ap: Integers
    rank: Integers
    heads: Integers
    head: Integers
    is_head: Booleans
    is_link: Booleans

    @classmethod
    def of(cls, ap: Integers) -> HeadLayout:
        """Layout of heads whose APs are ``ap``: indices 0..K-1 without gaps."""
        heads = np.bincount(ap)
        first = np.concatenate([[0], np.cumsum(heads)[:-1]])
        by_ap = np.argsort(ap, kind="stable")
        rank = np.empty(len(ap), dtype=np.int64)
        rank[by_ap] = np.arange(len(ap)) - first[ap[by_ap]]
        place: Integers = np.arange(int(heads.max()))
        is_head = place[None, :] < heads[:, None]
        head = np.zeros(is_head.shape, dtype=np.int64)
        head[ap, rank] = np.arange(len(ap))
        is_link = is_head[:, :, None] & is_head[:, None, :] & (place[:, None] != place[None, :])
        return cls(integers(ap), integers(rank), integers(heads), integers(head), booleans(is_head), booleans(is_link))

    @cached_property
    def place(self) -> Integers:
        """Where each head stands in the flattened [K, N]; [J]."""
        return integers(self.ap * self.head.shape[1] + self.rank)

    @cached_property
    def is_full(self) -> bool:
        """True when every AP has N heads, so that [K, N] flattened is [J]."""
        return np.array_equal(self.place, np.arange(self.head.size))

    def per_head(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values [..., K, N] of the heads alone, [..., J]; a view where that is possible."""
        flat = values.reshape((*values.shape[:-2], -1))
        return flat if self.is_full else flat.take(self.place, axis=-1)

    def sum_per_ap(self, values: Floats) -> Floats:
        """Sums of values [..., J] over the heads of each AP, [..., K]."""
        if self.is_full:
            return values.reshape((*values.shape[:-1], *self.head.shape)).sum(axis=-1)
        return np.add.reduceat(values, self.head[:, 0], axis=-1)


@dataclass(frozen=True, eq=False)
class CommitteeLayout:
    """Which delegates exist. I committees, V = most delegates of one; index 0 is the manager.

    delegates [I]: number of delegates. is_delegate [I, V]. is_link [I, V, V]: different real delegates.
    """

    delegates: Integers
    is_delegate: Booleans
    is_link: Booleans

    @classmethod
    def of(cls, delegates: Integers) -> CommitteeLayout:
        """Layout of committees with these numbers of delegates."""
        place = np.arange(int(delegates.max()))
        real = place[None, :] < delegates[:, None]
        link = real[:, :, None] & real[:, None, :] & (place[:, None] != place[None, :])
        return cls(integers(delegates), booleans(real), booleans(link))

    @cached_property
    def is_full(self) -> bool:
        """True when every committee has V delegates: there is no padding."""
        return bool(self.is_delegate.all())

    def padded(self, values: Floats, padding: float) -> Floats:
        """Values [..., I, V] of the delegates and ``padding`` elsewhere; the values themselves where there is no elsewhere."""
        return values if self.is_full else np.where(self.is_delegate, values, padding)


@dataclass(frozen=True, eq=False)
class LocalPart:
    """Local part of Problem (16): heads train, upload, multicast and get confirmed (model section 2).

    Scalars: subchannel_hz W_0 [Hz]; subchannels_max [subchannels]; benefit B; decay A [1/s]; spectrum_cost [per Hz];
    cpu_cost [per cycle/s]; arrival_rate lambda [1/s]; cache_multiplier iota; multicast_batch H;
    confirmation_weight CW_th; multicast_bits [bits].
    Per head [..., J]: accuracy theta; cycles C_j; upload_bits; cumulative_weight CW_j; cpu_max_hz; sinr_uplink.
    sinr_peer [..., K, N, N]: row transmits, padded with 1 (``layout.is_link`` says what is real).
    """

    subchannel_hz: float
    subchannels_max: float
    whole_subchannels: bool
    multicast: Multicast
    floor_adaptation: bool
    benefit: float
    decay: float
    spectrum_cost: float
    cpu_cost: float
    arrival_rate: float
    cache_multiplier: float
    multicast_batch: float
    confirmation_weight: float
    multicast_bits: float
    layout: HeadLayout
    accuracy: Floats
    cycles: Floats
    upload_bits: Floats
    cumulative_weight: Floats
    cpu_max_hz: Floats
    sinr_uplink: Deferred = Deferred()
    sinr_peer: Deferred = Deferred()


@dataclass(frozen=True, eq=False)
class GlobalPart:
    """Global part of Problem (16): APs choose a committee, the committee agrees on a block (model section 3).

    Scalars: subchannel_hz W_0 [Hz]; subchannels_max; timeout T_th [s]; timeout_rule; benefit B; decay A [1/s];
    spectrum_cost [per Hz]; cpu_cost [per cycle/s].
    Per committee: block_bits [..., I]; capacity psi [..., I] (integers); cycles [..., I, V]; cpu_max_hz [..., I, V];
    sinr_access [..., I, K]; sinr_peer [..., I, V, V] (row transmits). Padding: cycles 0, the others 1.
    """

    subchannel_hz: float
    subchannels_max: float
    whole_subchannels: bool
    multicast: Multicast
    timeout: float
    timeout_rule: TimeoutRule
    benefit: float
    decay: float
    spectrum_cost: float
    cpu_cost: float
    layout: CommitteeLayout
    block_bits: Floats
    capacity: Integers
    cycles: Floats
    cpu_max_hz: Floats
    sinr_access: Deferred = Deferred()
    sinr_peer: Deferred = Deferred()


Part = TypeVar("Part", LocalPart, GlobalPart)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One epoch of Problem (16), or a batch of epochs when its arrays carry leading axes.

    ``extras``: what the file carried under keys that are ignored, by the path of their object; written back on saving.
    """

    name: str
    local: LocalPart
    global_: GlobalPart
    extras: Mapping[str, object] = field(default_factory=dict[str, object])

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Leading axes; () for a single epoch."""
        return self.local.sinr_uplink.shape[:-1]

    def at(self, index: int | tuple[int, ...]) -> Snapshot:
        """One epoch of a batch."""
        batch = self.batch_shape
        where = index if isinstance(index, tuple) else (index,)

        def pick(part: Part, core: dict[str, int]) -> Part:
            chosen = {}
            for attribute, axes in core.items():
                array = getattr(part, attribute)
                chosen[attribute] = array[where] if array.ndim > axes else array
            return replace(part, **chosen)

        name = f"{self.name}[{','.join(map(str, where))}]" if batch else self.name
        return Snapshot(name, pick(self.local, LOCAL_AXES), pick(self.global_, GLOBAL_AXES))


# Number of axes of each array field in a single epoch; more means leading batch axes.
LOCAL_AXES = dict.fromkeys(("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink"), 1) | {
    "sinr_peer": 3
}
GLOBAL_AXES = {"block_bits": 1, "capacity": 1, "cycles": 2, "cpu_max_hz": 2, "sinr_access": 2, "sinr_peer": 3}
