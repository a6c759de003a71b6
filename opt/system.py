"""A system drawn from a scenario: what stays fixed over epochs, and how its state becomes a snapshot.

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

from .arrays import Booleans, Floats, Integers, floats, freeze, integers
from .fluctuation import Latent, fluctuated, linear
from .scenario import Scenario, Span
from .scenario import preset as scenario_of
from .snapshot import CommitteeLayout, GlobalPart, HeadLayout, LocalPart, Snapshot

Number = TypeVar("Number", bound=np.floating[Any])

BITS_PER_BYTE = 8.0
# The places of z that are SINR.
SINR = ("sinr_uplink_db", "sinr_peer_db", "sinr_access_db", "sinr_link_db")
Vector = TypeVar("Vector", Floats, Integers)


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
        return State(
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


def draw_system(scenario: Scenario, rng: np.random.Generator, name: str = "") -> System:
    """A system of this scenario: who takes part, their data and accuracies, and all means."""
    heads = HeadLayout.of(np.repeat(np.arange(scenario.aps), _counts(rng, scenario.heads_per_ap, scenario.aps)))
    committees = CommitteeLayout.of(_counts(rng, scenario.delegates, scenario.committees))
    J = len(heads.ap)
    K, N = heads.head.shape
    V = committees.is_delegate.shape[1]

    def of_heads(drawn: Vector) -> Vector:
        return np.full_like(drawn, drawn[0]) if scenario.identical_heads else drawn

    devices = _counts(rng, scenario.devices, J)
    data_bits = of_heads(_data_bits(rng, scenario, devices))
    devices = of_heads(devices)
    accuracy = of_heads(rng.uniform(*scenario.accuracy, J))
    uplink_db = of_heads(rng.uniform(*scenario.mean_sinr_db, J))
    sender_db = uplink_db[heads.head][:, :, None]
    delegate_db = rng.uniform(*scenario.mean_sinr_db, (scenario.committees, V))[:, :, None]
    offset = scenario.link_offset_db
    models = devices if scenario.uploaded_models == "per_device" else np.ones(J)
    cycles = np.full(V, scenario.delegate_cycles * scenario.transactions_per_block)
    cycles[0] = scenario.manager_cycles * scenario.transactions_per_block
    delegate_cpu = rng.uniform(*scenario.delegate_cpu_hz, (scenario.committees, V))
    return System(
        scenario=scenario,
        heads=heads,
        committees=committees,
        accuracy=floats(accuracy),
        cycles=floats(scenario.batch * data_bits * scenario.cycles_per_bit),
        upload_bits=floats(models * scenario.model_bits),
        cumulative_weight=floats(cumulative_weight(heads, data_bits, accuracy, scenario)),
        mean_cpu_head=floats(of_heads(rng.uniform(*scenario.head_cpu_hz, J))),
        mean_sinr_uplink_db=floats(uplink_db),
        mean_sinr_peer_db=floats(
            np.where(heads.is_link, sender_db + rng.uniform(-offset, offset, (K, N, N)), 0.0),
        ),
        committee_cycles=floats(np.where(committees.is_delegate, cycles, 0.0)),
        mean_cpu_delegate=floats(np.where(committees.is_delegate, delegate_cpu, 1.0)),
        mean_sinr_access_db=floats(rng.uniform(*scenario.mean_sinr_db, (scenario.committees, K))),
        mean_sinr_link_db=floats(
            np.where(committees.is_link, delegate_db + rng.uniform(-offset, offset, (scenario.committees, V, V)), 0.0),
        ),
        name=name,
    )


def cumulative_weight(layout: HeadLayout, data_bits: Floats, accuracy: Floats, scenario: Scenario) -> Floats:
    """CW_j [J] by (8) and (9), capped at CW_th: own weight plus the weights of the updates that approve it.

    W_j = (data of j / data of its AP) * theta_j. CW_j = W_j + sum over the M of the AP's other heads j' that approve of
    W_j' / max(|theta_j' - theta_j|, 0.05) (R6). ``scenario.approvals`` is M, and the M heads that follow j in its AP, counted
    in a circle, are those that have approved; None: all of them (M = N - 1, our assumption).
    """
    of_ap = np.bincount(layout.ap, weights=data_bits)
    own = data_bits / of_ap[layout.ap] * accuracy
    weight, theta = own[layout.head], accuracy[layout.head]
    difference = np.abs(theta[:, None, :] - theta[:, :, None])
    approves = layout.is_link
    if scenario.approvals is not None:
        place = integers(range(layout.head.shape[1]))
        steps = (place - place[:, None]) % layout.heads[:, None, None]
        approves = approves & (steps <= scenario.approvals)
    approving = np.where(approves, weight[:, None, :] / np.maximum(difference, scenario.accuracy_difference_min), 0.0)
    total = own + approving.sum(axis=-1)[layout.ap, layout.rank]
    return np.minimum(total, scenario.confirmation_weight)


def draw(preset: str = "paper", seed: int = 0, **changes: object) -> Snapshot:
    """One epoch of one system of a preset, drawn from the stationary distribution; changes are fields of Scenario."""
    for_system, for_state = np.random.SeedSequence(seed).spawn(2)
    system = draw_system(scenario_of(preset, **changes), np.random.default_rng(for_system), f"{preset}-{seed}")
    latent = np.random.default_rng(for_state).standard_normal(system.latent_size)
    return system.snapshot(system.state(latent))


def _counts(rng: np.random.Generator, span: tuple[int, int], number: int) -> Integers:
    return rng.integers(span[0], span[1], size=number, endpoint=True)


def _data_bits(rng: np.random.Generator, scenario: Scenario, devices: Integers) -> Floats:
    """Data of each cluster [J]: sum over its devices of D_n."""
    cluster = np.repeat(np.arange(len(devices)), devices)
    each = scenario.images_per_device * scenario.image_bits * rng.uniform(*scenario.data_spread, len(cluster))
    return floats(np.bincount(cluster, weights=each).astype(np.float64))


def _cpu(mean: Floats, z: Latent, fluctuation: float, span: Span) -> Floats:
    return np.clip(mean * (1.0 + fluctuation * z.astype(np.float64)), *span)


def _uniform(z: Latent) -> Floats:
    """Standard normals to uniforms on [0, 1]."""
    return np.asarray(ndtr(z.astype(np.float64)))


def _block_bits(z: Latent, block_bytes: Span) -> Floats:
    low, high = block_bytes
    return BITS_PER_BYTE * (low + (high - low) * _uniform(z))
