"""What a policy is shown, in memory of its own: whatever it does to it, the truth stays as it is.

The twin of a field without error is the truth's number, and must never be the truth's array: a scheduler that normalises its
observation in place would change what it is paid by. Every array of an observation is read-only, which stops such accidents,
and none shares memory with the truth, which stops what gets around the flag (torch tensors, an array's ``base``).
"""

from __future__ import annotations

from dataclasses import replace

from ..opt.arrays import Floats, floats, freeze, integers
from ..opt.frozen import frozen_array
from ..opt.snapshot import GlobalPart, LocalPart, Snapshot
from ..opt.system import State, System, deferred_sinr


def own_state(seen: State) -> State:
    """The observed state, read-only, with copies of all arrays but SINR in dB, which nothing else is computed from any more
    (``settled``) or which is the twin's alone."""
    freeze(seen.sinr_db)
    return replace(
        seen,
        cpu_head=floats(seen.cpu_head),
        block_bits=floats(seen.block_bits),
        capacity=integers(seen.capacity),
        cpu_delegate=floats(seen.cpu_delegate),
    )


def settled(truth: Snapshot) -> Snapshot:
    """The same snapshot, its SINR computed now and not when it is first read."""
    for part, names in ((truth.local, LOCAL_SINR), (truth.global_, GLOBAL_SINR)):
        for name in names:
            getattr(part, name)
    return truth


def own_snapshot(truth: Snapshot, seen: State, cycles: Floats, system: System, *, same_sinr: bool) -> Snapshot:
    """The truth with this state (``own_state``) and these cycles [..., J] in it, sharing no array with it; layouts are those of
    ``system``. same_sinr: the SINR is the truth's to the last bit (dB would not give it back), copied when it is first read."""
    if same_sinr:
        local_sinr = {name: _Copied(truth.local, name) for name in LOCAL_SINR}
        global_sinr = {name: _Copied(truth.global_, name) for name in GLOBAL_SINR}
    else:
        sinr = deferred_sinr(seen)
        local_sinr = {"sinr_uplink": sinr["sinr_uplink_db"], "sinr_peer": sinr["sinr_peer_db"]}
        global_sinr = {"sinr_access": sinr["sinr_access_db"], "sinr_peer": sinr["sinr_link_db"]}
    local = replace(
        truth.local,
        layout=system.heads,
        accuracy=floats(truth.local.accuracy),
        cycles=floats(cycles),
        upload_bits=floats(truth.local.upload_bits),
        cumulative_weight=floats(truth.local.cumulative_weight),
        cpu_max_hz=seen.cpu_head,
        **local_sinr,
    )
    global_ = replace(
        truth.global_,
        layout=system.committees,
        block_bits=seen.block_bits,
        capacity=seen.capacity,
        cycles=floats(truth.global_.cycles),
        cpu_max_hz=seen.cpu_delegate,
        **global_sinr,
    )
    return Snapshot(truth.name, local, global_)


LOCAL_SINR = ("sinr_uplink", "sinr_peer")
GLOBAL_SINR = ("sinr_access", "sinr_peer")


class _Copied:
    """Makes the copy of one array of the truth when somebody reads it (``opt.deferred``)."""

    def __init__(self, part: LocalPart | GlobalPart, name: str) -> None:
        self.part, self.name = part, name

    def __call__(self) -> Floats:
        return frozen_array(getattr(self.part, self.name))
