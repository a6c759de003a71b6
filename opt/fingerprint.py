"""By which epochs are told apart."""

from __future__ import annotations

import hashlib

import numpy as np

from .snapshot import Snapshot


def fingerprint(truth: Snapshot) -> str:
    """A short hash of the state of a batch of snapshots."""
    digest = hashlib.sha256()
    local, global_ = truth.local, truth.global_
    for array in (
        local.cpu_max_hz,
        local.sinr_uplink,
        local.sinr_peer,
        global_.block_bits,
        global_.capacity,
        global_.cpu_max_hz,
        global_.sinr_access,
        global_.sinr_peer,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:8]
