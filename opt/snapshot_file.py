"""Snapshot files: JSON, SI units, SINR linear (format "twingap.snapshot", version 1).

Reading checks every field: presence, type, shape, sign and range; the first fault raises an InputError that names file,
field path, what is wrong and what is allowed. Nothing is repaired silently.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import numpy as np

from .arrays import Floats, Integers, floats, integers
from .errors import InputError
from .files import write_atomically
from .reading import FRACTION, NON_NEGATIVE, POSITIVE, WHOLE, Reader, Rule, read_json
from .snapshot import CommitteeLayout, GlobalPart, HeadLayout, LocalPart, Multicast, Snapshot, TimeoutRule

FORMAT = "twingap.snapshot"
VERSION = 1

LOCAL_NUMBERS: dict[str, Rule] = {
    "subchannel_hz": POSITIVE,
    "subchannels_max": POSITIVE,
    "benefit": POSITIVE,
    "decay": POSITIVE,
    "spectrum_cost": NON_NEGATIVE,
    "cpu_cost": NON_NEGATIVE,
    "arrival_rate": POSITIVE,
    "cache_multiplier": NON_NEGATIVE,
    "multicast_batch": NON_NEGATIVE,
    "confirmation_weight": NON_NEGATIVE,
    "multicast_bits": POSITIVE,
}
LOCAL_VECTORS: dict[str, Rule] = {
    "accuracy": FRACTION,
    "cycles": NON_NEGATIVE,
    "upload_bits": POSITIVE,
    "cumulative_weight": NON_NEGATIVE,
    "cpu_max_hz": POSITIVE,
    "sinr_uplink": POSITIVE,
}
GLOBAL_NUMBERS: dict[str, Rule] = {
    "subchannel_hz": POSITIVE,
    "subchannels_max": POSITIVE,
    "timeout": POSITIVE,
    "benefit": POSITIVE,
    "decay": POSITIVE,
    "spectrum_cost": NON_NEGATIVE,
    "cpu_cost": NON_NEGATIVE,
}
MULTICAST_MODES = ("group", "per_link")
TIMEOUT_RULES = ("fail", "cap")


def load_snapshot(path: str | Path) -> Snapshot:
    """Read and check a snapshot file. Raises InputError (file, field path, problem, what is allowed)."""
    return snapshot_from_json(read_json(path), str(path))


def snapshot_from_json(content: object, source: str = "") -> Snapshot:
    """Check a parsed snapshot and build it; ``source`` names the file in errors."""
    top = Reader(content, "", source)
    check_format(top, FORMAT, VERSION)
    name = top.text("name")
    extras: dict[str, object] = {"": top.extras(also=("certified_elsewhere",))}
    local_reader, global_reader = top.child("local"), top.child("global")
    top.finish()
    local = _read_local(local_reader, extras)
    global_ = _read_global(global_reader, len(local.layout.heads), extras)
    return Snapshot(name, local, global_, {path: found for path, found in extras.items() if found})


def check_format(top: Reader, name: str, version: int) -> None:
    """Check ``format`` and ``version`` of a file."""
    top.text("format", [name])
    found = top.value("version")
    if isinstance(found, bool) or found != version:
        top.fail("version", f"is {found!r}; this version of twingap reads version {version}")


def _read_local(reader: Reader, extras: dict[str, object]) -> LocalPart:
    extras[reader.path] = reader.extras()
    numbers: dict[str, Any] = {key: reader.number(key, rule) for key, rule in LOCAL_NUMBERS.items()}
    whole = reader.boolean("whole_subchannels")
    multicast = cast(Multicast, reader.text("multicast", MULTICAST_MODES))
    floor = reader.boolean("floor_adaptation")
    layout = HeadLayout.of(_read_aps(reader))
    vectors: dict[str, Any] = {key: floats(reader.vector(key, len(layout.ap), rule)) for key, rule in LOCAL_VECTORS.items()}
    aps, most = layout.is_head.shape
    blocks = reader.items("sinr_peer")
    if len(blocks) != aps:
        reader.fail("sinr_peer", f"has {len(blocks)} entries; it must have {aps}, one per AP")
    peer = np.ones((aps, most, most))
    for k, block in enumerate(blocks):
        n = int(layout.heads[k])
        peer[k, :n, :n] = reader.matrix(f"sinr_peer[{k}]", n, n, POSITIVE, diagonal=False, value=block)
    reader.finish()
    return LocalPart(
        **numbers,
        whole_subchannels=whole,
        multicast=multicast,
        floor_adaptation=floor,
        layout=layout,
        **vectors,
        sinr_peer=floats(np.where(layout.is_link, peer, 1.0)),
    )


def _read_aps(reader: Reader) -> Integers:
    ap = reader.vector("ap", None, WHOLE)
    if not len(ap):
        reader.fail("ap", "is empty; there must be at least one cluster head")
    if ap.max() >= len(ap):
        reader.fail(f"ap[{int(ap.argmax())}]", f"is {ap.max():.0f}; AP indices must be 0..K-1 without gaps")
    indices = ap.astype(np.int64)
    missing = np.flatnonzero(np.bincount(indices) == 0)
    if len(missing):
        reader.fail("ap", f"has no head of AP {missing[0]}; AP indices must be 0..K-1 without gaps")
    starts = np.flatnonzero(np.diff(indices, prepend=-1))
    if len(starts) > indices.max() + 1:
        seen: set[int] = set()
        for j in starts:
            if int(indices[j]) in seen:
                reader.fail(f"ap[{j}]", f"returns to AP {indices[j]}; heads of one AP must be consecutive")
            seen.add(int(indices[j]))
    return indices


def _read_global(reader: Reader, aps: int, extras: dict[str, object]) -> GlobalPart:
    extras[reader.path] = reader.extras()
    numbers: dict[str, Any] = {key: reader.number(key, rule) for key, rule in GLOBAL_NUMBERS.items()}
    whole = reader.boolean("whole_subchannels")
    multicast = cast(Multicast, reader.text("multicast", MULTICAST_MODES))
    rule = cast(TimeoutRule, reader.text("timeout_rule", TIMEOUT_RULES))
    committees = reader.items("committees")
    if not committees:
        reader.fail("committees", "is empty; there must be at least one committee")
    readers = [Reader(c, reader.at(f"committees[{i}]"), reader.source) for i, c in enumerate(committees)]
    sizes = [len(c.items("cycles")) for c in readers]
    for c, size in zip(readers, sizes, strict=True):
        if size < 2:
            c.fail("cycles", f"has {size} entries; a committee needs at least two delegates (the first is the manager)")
    layout = CommitteeLayout.of(np.array(sizes))
    count, most = layout.is_delegate.shape
    block, capacity = np.empty(count), np.empty(count)
    cycles, cpu_max = np.zeros((count, most)), np.ones((count, most))
    access, peer = np.empty((count, aps)), np.ones((count, most, most))
    for i, (c, n) in enumerate(zip(readers, sizes, strict=True)):
        extras[c.path] = c.extras()
        block[i] = c.number("block_bits", POSITIVE)
        capacity[i] = c.number("capacity", WHOLE)
        cycles[i, :n] = c.vector("cycles", n, NON_NEGATIVE)
        cpu_max[i, :n] = c.vector("cpu_max_hz", n, POSITIVE)
        access[i] = c.vector("sinr_access", aps, POSITIVE)
        peer[i, :n, :n] = c.matrix("sinr_peer", n, n, POSITIVE, diagonal=False)
        c.finish()
    if capacity.sum() < aps:
        reader.fail("committees", f"have capacities that sum to {capacity.sum():.0f}; they must serve all {aps} APs")
    reader.finish()
    return GlobalPart(
        **numbers,
        whole_subchannels=whole,
        multicast=multicast,
        timeout_rule=rule,
        layout=layout,
        block_bits=floats(block),
        capacity=integers(np.minimum(capacity, 2**53)),
        cycles=floats(cycles),
        cpu_max_hz=floats(cpu_max),
        sinr_access=floats(access),
        sinr_peer=floats(np.where(layout.is_link, peer, 1.0)),
    )


def save_snapshot(snapshot: Snapshot, path: str | Path) -> None:
    """Write a snapshot file atomically; reading it back gives the same numbers bit for bit."""
    write_atomically(path, json.dumps(snapshot_to_json(snapshot), indent=1, allow_nan=False) + "\n")


def snapshot_to_json(snapshot: Snapshot) -> dict[str, object]:
    """The JSON object of a single-epoch snapshot (diagonals, which mean nothing, are written as 0)."""
    if snapshot.batch_shape:
        raise InputError(f"is a batch of shape {snapshot.batch_shape}; take one epoch with .at(index)", field="snapshot")
    local, global_, extras = snapshot.local, snapshot.global_, snapshot.extras
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": snapshot.name,
        "local": {
            **{key: getattr(local, key) for key in LOCAL_NUMBERS},
            "whole_subchannels": local.whole_subchannels,
            "multicast": local.multicast,
            "floor_adaptation": local.floor_adaptation,
            "ap": local.layout.ap.tolist(),
            **{key: getattr(local, key).tolist() for key in LOCAL_VECTORS},
            "sinr_peer": [_square(local.sinr_peer[k], int(n)) for k, n in enumerate(local.layout.heads)],
            **_found(extras, "local"),
        },
        "global": {
            **{key: getattr(global_, key) for key in GLOBAL_NUMBERS},
            "whole_subchannels": global_.whole_subchannels,
            "multicast": global_.multicast,
            "timeout_rule": global_.timeout_rule,
            "committees": [_committee(global_, i, extras) for i in range(len(global_.layout.delegates))],
            **_found(extras, "global"),
        },
        **_found(extras, ""),
    }


def _committee(part: GlobalPart, i: int, extras: object) -> dict[str, object]:
    n = int(part.layout.delegates[i])
    return {
        "block_bits": float(part.block_bits[i]),
        "capacity": int(part.capacity[i]),
        "cycles": part.cycles[i, :n].tolist(),
        "cpu_max_hz": part.cpu_max_hz[i, :n].tolist(),
        "sinr_access": part.sinr_access[i].tolist(),
        "sinr_peer": _square(part.sinr_peer[i], n),
        **_found(extras, f"global.committees[{i}]"),
    }


def _square(matrix: Floats, n: int) -> list[list[float]]:
    return np.where(np.eye(n, dtype=bool), 0.0, matrix[:n, :n]).tolist()


def _found(extras: object, path: str) -> dict[str, object]:
    return cast(dict[str, dict[str, object]], extras).get(path, {})
