"""A system of a scenario: what stays fixed over epochs, and how its state becomes a snapshot.

All randomness of an epoch is one vector of standard normals, the latent state z: SINR in dB and CPU are normal around
each entity's mean, block size and psi pass through the normal distribution function to their uniform ranges. A process
that keeps z standard normal therefore keeps every marginal, whatever its correlation over time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from .arrays import Booleans, Floats, Integers, freeze
from .fluctuation import Latent, fluctuated, linear
from .scenario import Scenario, Span
from .snapshot import CommitteeLayout, GlobalPart, HeadLayout, LocalPart, Snapshot

Number = TypeVar("Number", bound=np.floating[Any])

BITS_PER_BYTE = 8.0
# The places of z that are SINR.
SINR = ("sinr_uplink_db", "sinr_peer_db", "sinr_access_db", "sinr_link_db")


@dataclass(frozen=True, eq=False)
class State:
    """What changes from epoch to epoch, with leading batch axes (...).

    cpu_head [..., J] cycles/s; block_bits [..., I]; capacity [..., I]; cpu_delegate [..., I, V] cycles/s; sinr_db
    [..., latent_size]: all SINR in dB, in the places of z; shapes: which places are whose (``System.latent_shapes``). By link,
    padding as in Snapshot (0 dB): sinr_uplink_db [..., J]; sinr_peer_db [..., K, N, N]; sinr_access_db [..., I, K];
    sinr_link_db [..., I, V, V].
    """

    cpu_head: Floats
    block_bits: Floats
    capacity: Integers
    cpu_delegate: Floats
    sinr_db: Floats
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def sinr_uplink_db(self) -> Floats:
        """Of each head to its AP."""
        return split(self.sinr_db, self.shapes)["sinr_uplink_db"]

    @property
    def sinr_peer_db(self) -> Floats:
        """Among the heads of each AP; row transmits."""
        return split(self.sinr_db, self.shapes)["sinr_peer_db"]

    @property
    def sinr_access_db(self) -> Floats:
        """Of each AP to each manager."""
        return split(self.sinr_db, self.shapes)["sinr_access_db"]

    @property
    def sinr_link_db(self) -> Floats:
        """Among the delegates of each committee; row transmits."""
        return split(self.sinr_db, self.shapes)["sinr_link_db"]


def split(latent: NDArray[Number], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[Number]]:
    """Views of z [..., latent_size], or of anything in its places, by name."""
    batch = latent.shape[:-1]
    views: dict[str, NDArray[Number]] = {}
    start = 0
    for name, shape in shapes.items():
        stop = start + math.prod(shape)
        views[name] = latent[..., start:stop].reshape(batch + shape)
        start = stop
    return views


def latent_shapes(heads: HeadLayout, committees: CommitteeLayout) -> dict[str, tuple[int, ...]]:
    """Shape of everything that changes in one epoch, in the order in which it lies in z."""
    K, N = heads.head.shape
    J = len(heads.ap)
    I, V = committees.is_delegate.shape  # noqa: E741 - the paper's symbol
    return {
        "cpu_head": (J,),
        "sinr_uplink_db": (J,),
        "sinr_peer_db": (K, N, N),
        "block_bits": (I,),
        "capacity": (I,),
        "cpu_delegate": (I, V),
        "sinr_access_db": (I, K),
        "sinr_link_db": (I, V, V),
    }


def with_state(snapshot: Snapshot, state: State, cycles: Floats | None = None, *, same_sinr: bool = False) -> Snapshot:
    """The snapshot with this state's numbers in it, and the heads' ``cycles`` [..., J] where given; ``same_sinr`` says that the
    snapshot's SINR is the state's already (dB would not give it back to the last bit)."""
    local: dict[str, object] = {"cpu_max_hz": state.cpu_head}
    global_: dict[str, object] = {"block_bits": state.block_bits, "capacity": state.capacity, "cpu_max_hz": state.cpu_delegate}
    if cycles is not None:
        local["cycles"] = cycles
    if not same_sinr:
        sinr = deferred_sinr(state)
        local |= {"sinr_uplink": sinr["sinr_uplink_db"], "sinr_peer": sinr["sinr_peer_db"]}
        global_ |= {"sinr_access": sinr["sinr_access_db"], "sinr_peer": sinr["sinr_link_db"]}
    return replace(snapshot, local=replace(snapshot.local, **local), global_=replace(snapshot.global_, **global_))


def deferred_sinr(state: State) -> dict[str, Callable[[], Floats]]:
    """Linear SINR of each kind, by its name in dB, for a snapshot to compute when somebody reads it."""
    # What is computed later must be what it is now.
    freeze(state.sinr_db)
    views = split(state.sinr_db, state.shapes)
    return {name: partial(linear, views[name]) for name in SINR}


@dataclass(frozen=True, eq=False)
class System:
    """What stays fixed over epochs: layouts, data, accuracies, and the mean of every fluctuating quantity.

    Per head [J]: accuracy; cycles C_j (1); upload_bits (3); cumulative_weight (8)(9); mean_cpu_head [cycles/s];
    mean_sinr_uplink_db. mean_sinr_peer_db [K, N, N]. Per committee: committee_cycles [I, V]; mean_cpu_delegate [I, V];
    mean_sinr_access_db [I, K]; mean_sinr_link_db [I, V, V].
    """

    scenario: Scenario
    heads: HeadLayout
    committees: CommitteeLayout
    accuracy: Floats
    cycles: Floats
    upload_bits: Floats
    cumulative_weight: Floats
    mean_cpu_head: Floats
    mean_sinr_uplink_db: Floats
    mean_sinr_peer_db: Floats
    committee_cycles: Floats
    mean_cpu_delegate: Floats
    mean_sinr_access_db: Floats
    mean_sinr_link_db: Floats
    name: str = field(default="")

    @cached_property
    def latent_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of everything that changes in one epoch, in the order in which it lies in z."""
        return latent_shapes(self.heads, self.committees)

    @cached_property
    def latent_size(self) -> int:
        """Length of z."""
        return sum(math.prod(shape) for shape in self.latent_shapes.values())

    def split(self, latent: NDArray[Number]) -> dict[str, NDArray[Number]]:
        """Views of z [..., latent_size] by what they stand for."""
        return split(latent, self.latent_shapes)

    @cached_property
    def is_sinr(self) -> Floats:
        """1 in the places of z that stand for a real link's SINR, 0 elsewhere; [latent_size]."""
        return self._placed(1.0, self.heads.is_link, 1.0, self.committees.is_link)

    @cached_property
    def mean_sinr_db(self) -> Floats:
        """What SINR [latent_size] fluctuates around, in dB, in the places of z; 0 elsewhere."""
        return self._placed(self.mean_sinr_uplink_db, self.mean_sinr_peer_db, self.mean_sinr_access_db, self.mean_sinr_link_db)

    def _placed(
        self, uplink: Floats | float, peer: Floats | Booleans, access: Floats | float, link: Floats | Booleans
    ) -> Floats:
        """Numbers of the four kinds of SINR in their places of z, 0 elsewhere; [latent_size]."""
        flat = np.zeros(self.latent_size)
        views = self.split(flat)
        for field_, values in (("uplink", uplink), ("peer", peer), ("access", access), ("link", link)):
            views[f"sinr_{field_}_db"][...] = values
        flat.setflags(write=False)
        return flat

    def state(self, latent: Latent) -> State:
        """The state that z [..., latent_size] stands for."""
        numbers = self.scenario
        # SINR is nearly all of a state: one pass over all of z.
        sinr_db = fluctuated(self.mean_sinr_db, numbers.sinr_fluctuation_db * self.is_sinr, latent)
        z = self.split(latent)
        low, high = numbers.capacity_range
        state = State(
            cpu_head=_cpu(self.mean_cpu_head, z["cpu_head"], numbers.cpu_fluctuation, numbers.head_cpu_hz),
            block_bits=_block_bits(z["block_bits"], numbers.block_bytes),
            capacity=np.minimum(low + np.floor((high - low + 1) * _uniform(z["capacity"])), high).astype(np.int64),
            cpu_delegate=self.committees.padded(
                _cpu(self.mean_cpu_delegate, z["cpu_delegate"], numbers.cpu_fluctuation, numbers.delegate_cpu_hz),
                1.0,
            ),
            sinr_db=sinr_db,
            shapes=self.latent_shapes,
        )
        freeze(state.cpu_head, state.block_bits, state.capacity, state.cpu_delegate, state.sinr_db)
        return state

    def mean_state(self) -> State:
        """Every quantity at its mean (z = 0); psi at the middle of its range."""
        return self.state(np.zeros(self.latent_size))

    def snapshot(self, state: State, name: str = "") -> Snapshot:
        """Problem (16) at this state."""
        numbers = self.scenario
        sinr = deferred_sinr(state)
        local = LocalPart(
            subchannel_hz=numbers.subchannel_hz,
            subchannels_max=numbers.local_subchannels,
            whole_subchannels=numbers.whole_subchannels,
            multicast=numbers.multicast,
            floor_adaptation=numbers.floor_adaptation,
            benefit=numbers.local_benefit,
            decay=numbers.local_decay,
            spectrum_cost=numbers.local_spectrum_cost,
            cpu_cost=numbers.local_cpu_cost,
            arrival_rate=numbers.arrival_rate,
            cache_multiplier=numbers.cache_multiplier,
            multicast_batch=numbers.multicast_batch,
            confirmation_weight=numbers.confirmation_weight,
            multicast_bits=numbers.multicast_bits,
            layout=self.heads,
            accuracy=self.accuracy,
            cycles=self.cycles,
            upload_bits=self.upload_bits,
            cumulative_weight=self.cumulative_weight,
            cpu_max_hz=state.cpu_head,
            sinr_uplink=sinr["sinr_uplink_db"],
            sinr_peer=sinr["sinr_peer_db"],
        )
        global_ = GlobalPart(
            subchannel_hz=numbers.subchannel_hz,
            subchannels_max=numbers.global_subchannels,
            whole_subchannels=numbers.whole_subchannels,
            multicast=numbers.multicast,
            timeout=numbers.timeout,
            timeout_rule=numbers.timeout_rule,
            benefit=numbers.global_benefit,
            decay=numbers.global_decay,
            spectrum_cost=numbers.global_spectrum_cost,
            cpu_cost=numbers.global_cpu_cost,
            layout=self.committees,
            block_bits=state.block_bits,
            capacity=state.capacity,
            cycles=self.committee_cycles,
            cpu_max_hz=state.cpu_delegate,
            sinr_access=sinr["sinr_access_db"],
            sinr_peer=sinr["sinr_link_db"],
        )
        return Snapshot(name or self.name, local, global_)


def _cpu(mean: Floats, z: Latent, fluctuation: float, span: Span) -> Floats:
    return np.clip(mean * (1.0 + fluctuation * z.astype(np.float64)), *span)


def _uniform(z: Latent) -> Floats:
    """Standard normals to uniforms on [0, 1]."""
    return np.asarray(ndtr(z.astype(np.float64)))


def _block_bits(z: Latent, block_bytes: Span) -> Floats:
    low, high = block_bytes
    return BITS_PER_BYTE * (low + (high - low) * _uniform(z))
