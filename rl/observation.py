"""What the agents see: the twin's snapshot, and per agent the numbers of (17) and (19) as standardised features."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..opt.arrays import Booleans, Floats
from ..opt.snapshot import Snapshot
from ..opt.system import BITS_PER_BYTE, State, System

Features = NDArray[np.float32]
# Standard deviation of a uniform variable, as a fraction of its range.
UNIFORM_DEVIATION = 1.0 / np.sqrt(12.0)


@dataclass(frozen=True, eq=False)
class Encoding:
    """How a state of one system becomes features, (value - mean) / deviation over the scenario's ranges, padding 0.

    N = most heads of one AP, K APs, V = most delegates of one committee.
    local [..., K, N + N + N (N - 1)]: f_max of the AP's heads, their SINR to the AP in dB, the SINR among them in dB (row by
    row, without the diagonal): 110 numbers for 10 heads (17).
    global [..., I, 1 + K + V (V - 1) + V + 1]: block size, SINR from each AP to the manager in dB, SINR among the delegates in
    dB (row by row, without the diagonal; the manager's row first), f_max of the delegates, psi (19).
    local_mask [K, F], global_mask [I, F]: which features stand for something real.
    means_known: whether agents may take the system's means for known before they look (``belief``).
    """

    system: System
    means_known: bool = True

    @cached_property
    def local_mask(self) -> Booleans:
        """Which local features are real [K, F]."""
        layout = self.system.heads
        return np.concatenate([layout.is_head, layout.is_head, _off_diagonal(layout.is_link)], axis=-1)

    @cached_property
    def global_mask(self) -> Booleans:
        """Which global features are real [I, F]."""
        layout = self.system.committees
        committees = len(layout.delegates)
        always = np.ones((committees, 1), dtype=np.bool_)
        access = np.ones((committees, len(self.system.heads.heads)), dtype=np.bool_)
        return np.concatenate([always, access, _off_diagonal(layout.is_link), layout.is_delegate, always], axis=-1)

    def local(self, state: State) -> Features:
        """Features of every AP [..., K, F] (17)."""
        layout, numbers = self.system.heads, self.system.scenario
        cpu = _standardised(state.cpu_head, *numbers.head_cpu_hz)[..., layout.head]
        uplink = self._sinr(state.sinr_uplink_db)[..., layout.head]
        peers = _off_diagonal(self._sinr(state.sinr_peer_db))
        features = np.concatenate([cpu, uplink, peers], axis=-1)
        return features if self.local_mask.all() else features * self.local_mask

    def global_(self, state: State) -> Features:
        """Features of every manager [..., I, F] (19)."""
        numbers = self.system.scenario
        low_bits, high_bits = (BITS_PER_BYTE * size for size in numbers.block_bytes)
        parts = [
            _standardised(state.block_bits, low_bits, high_bits)[..., None],
            self._sinr(state.sinr_access_db),
            _off_diagonal(self._sinr(state.sinr_link_db)),
            _standardised(state.cpu_delegate, *numbers.delegate_cpu_hz),
            _standardised(state.capacity, *numbers.capacity_range)[..., None],
        ]
        features = np.concatenate(parts, axis=-1)
        return features if self.global_mask.all() else features * self.global_mask

    def _sinr(self, decibel: NDArray[Any]) -> Features:
        low, high = self.system.scenario.mean_sinr_db
        return _standardised(decibel, low, high, extra=self.system.scenario.sinr_fluctuation_db)


@dataclass(frozen=True, eq=False)
class Observation:
    """One batch of observations. ``twin`` is the observed snapshot [env, ...] (static parameters are known exactly), so that
    a solver or a scheduler of one's own can plan on it; ``state`` the same in the units of State (SINR in dB). Every array is
    read-only, and none shares memory with the truth: copy what you mean to change.
    clones [env]: how many identical APs each AP of ``twin`` stands for (None: itself); ``state`` is of one of them."""

    twin: Snapshot
    state: State
    encoding: Encoding
    clones: Floats | None = None

    @cached_property
    def local(self) -> Features:
        """Features of every AP [env, K, F] (17); see Encoding."""
        return _read_only(self.encoding.local(self.state))

    @cached_property
    def global_(self) -> Features:
        """Features of every manager [env, I, F] (19); see Encoding."""
        return _read_only(self.encoding.global_(self.state))


def _read_only(features: Features) -> Features:
    features.setflags(write=False)
    return features


def _standardised(values: NDArray[Any], low: float, high: float, extra: float = 0.0) -> Features:
    """(value - middle) / deviation in float32; a range without width keeps its unit (deviation 1)."""
    deviation = float(np.hypot((high - low) * UNIFORM_DEVIATION, extra)) or 1.0
    middle = 0.5 * (low + high)
    return np.asarray((values - middle) * (1.0 / deviation), dtype=np.float32)


def _off_diagonal(square: NDArray[Any]) -> NDArray[Any]:
    """[..., n, n] to [..., n (n - 1)], row by row without the diagonal."""
    size = square.shape[-1]
    batch = square.shape[:-2]
    # Dropping the first element leaves rows of n + 1 whose last is the next diagonal element.
    flat = square.reshape(*batch, size * size)[..., 1:].reshape(*batch, size - 1, size + 1)
    return flat[..., :-1].reshape(*batch, size * (size - 1))
