"""Solution files: JSON, format "twingap.solution", version 1. Numbers read back exactly."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from .arrays import Floats, Integers
from .decision import Decision, GlobalDecision, LocalDecision
from .files import write_atomically
from .reading import ANY_NUMBER, Reader, Rule, read_json
from .result import Result, Stopped
from .snapshot import Snapshot
from .snapshot_file import check_format

FORMAT = "twingap.solution"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solution file claims. Missing numbers (null) are NaN for objectives and +inf for bounds."""

    snapshot: str
    solver: str
    objective: float
    bound: float
    gap: float
    stopped: str
    holds: str
    seconds: float
    local: tuple[float, float]
    global_: tuple[float, float]
    decision: Decision | None


def save_solution(result: Result, snapshot: Snapshot, path: str | Path) -> None:
    """Write a solution file atomically."""
    write_atomically(path, json.dumps(solution_to_json(result, snapshot), indent=1, allow_nan=False) + "\n")


def solution_to_json(result: Result, snapshot: Snapshot) -> dict[str, object]:
    """The JSON object of a result; ``bound`` is null when none is proved, ``decision`` null when none is held."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "snapshot": result.snapshot,
        "solver": result.solver,
        "objective": _number(result.objective),
        "bound": _number(result.bound),
        "gap": _number(result.gap),
        "stopped": result.stopped,
        "holds": result.holds,
        "seconds": result.seconds,
        "parts": {
            "local": {"objective": _number(result.local.objective), "bound": _number(result.local.bound)},
            "global": {"objective": _number(result.global_.objective), "bound": _number(result.global_.bound)},
        },
        "proof": result.proof,
        "decision": None if result.decision is None else decision_to_json(snapshot, result.decision),
    }


def decision_to_json(snapshot: Snapshot, decision: Decision) -> dict[str, object]:
    """The JSON object of a single-epoch decision, without padding."""
    heads, delegates = snapshot.local.layout.heads, snapshot.global_.layout.delegates
    local, global_ = decision.local, decision.global_
    local_json: dict[str, object] = {"uplink": local.uplink.tolist(), "cpu_hz": local.cpu_hz.tolist()}
    if local.multicast is not None:
        local_json["multicast"] = local.multicast.tolist()
    if local.peer is not None:
        local_json["peer"] = [local.peer[k, :n, :n].tolist() for k, n in enumerate(heads)]
    global_json: dict[str, object] = {
        "access": global_.access.tolist(),
        "request": global_.request.tolist(),
        "cpu_hz": [global_.cpu_hz[i, :n].tolist() for i, n in enumerate(delegates)],
    }
    if global_.multicast is not None:
        global_json["multicast"] = [global_.multicast[i, :n].tolist() for i, n in enumerate(delegates)]
    if global_.peer is not None:
        global_json["peer"] = [global_.peer[i, :n, :n].tolist() for i, n in enumerate(delegates)]
    return {"local": local_json, "global": global_json}


def load_solution(path: str | Path, snapshot: Snapshot) -> Solution:
    """Read and check a solution file against its snapshot. Raises InputError (file, field path, problem, what is allowed)."""
    top = Reader(read_json(path), "", str(path))
    check_format(top, FORMAT, VERSION)
    top.extras()
    parts = top.child("parts")
    local, global_ = parts.child("local"), parts.child("global")
    raw = top.value("decision")
    solution = Solution(
        snapshot=top.text("snapshot"),
        solver=top.text("solver"),
        objective=_optional(top, "objective", math.nan),
        bound=_optional(top, "bound", math.inf),
        gap=_optional(top, "gap", math.inf),
        stopped=top.text("stopped", get_args(Stopped)),
        holds=top.text("holds", ("optimal", "feasible", "none")),
        seconds=top.number("seconds", ANY_NUMBER),
        local=(_optional(local, "objective", math.nan), _optional(local, "bound", math.inf)),
        global_=(_optional(global_, "objective", math.nan), _optional(global_, "bound", math.inf)),
        decision=None if raw is None else decision_from_json(raw, snapshot, str(path)),
    )
    top.optional("proof")
    for reader in (local, global_, parts, top):
        reader.finish()
    return solution


def decision_from_json(content: object, snapshot: Snapshot, source: str = "") -> Decision:
    """Build a decision from JSON, checking every shape and number; signs and budgets are the evaluator's business."""
    reader = Reader(content, "decision", source)
    local, global_ = reader.child("local"), reader.child("global")
    reader.finish()
    heads, delegates = snapshot.local.layout.heads, snapshot.global_.layout.delegates
    per_link = snapshot.local.multicast == "per_link"
    uplink = local.vector("uplink", len(snapshot.local.layout.ap), ANY_NUMBER)
    cpu = local.vector("cpu_hz", len(uplink), ANY_NUMBER)
    multicast = None if per_link else local.vector("multicast", len(uplink), ANY_NUMBER)
    peer = _squares(local, heads) if per_link else None
    local.finish()
    per_link = snapshot.global_.multicast == "per_link"
    access = _committees(global_, len(heads), len(delegates))
    request = global_.vector("request", len(heads), ANY_NUMBER)
    cpu_hz = _rows(global_, "cpu_hz", delegates)
    rows = None if per_link else _rows(global_, "multicast", delegates)
    squares = _squares(global_, delegates) if per_link else None
    global_.finish()
    return Decision(LocalDecision(uplink, cpu, multicast, peer), GlobalDecision(access, request, cpu_hz, rows, squares))


def _committees(reader: Reader, aps: int, committees: int) -> Integers:
    known: Rule = (lambda x: x in range(committees), f"must be a committee, 0 to {committees - 1}")
    return reader.vector("access", aps, known).astype(np.int64)


def _rows(reader: Reader, key: str, sizes: Integers) -> Floats:
    lines = reader.items(key)
    if len(lines) != len(sizes):
        reader.fail(key, f"has {len(lines)} entries; it must have {len(sizes)}, one per committee")
    rows = np.zeros((len(sizes), int(sizes.max())))
    for i, (line, n) in enumerate(zip(lines, sizes, strict=True)):
        rows[i, :n] = reader.vector(f"{key}[{i}]", int(n), ANY_NUMBER, line)
    return rows


def _squares(reader: Reader, sizes: Integers) -> Floats:
    blocks = reader.items("peer")
    if len(blocks) != len(sizes):
        reader.fail("peer", f"has {len(blocks)} entries; it must have {len(sizes)}")
    squares = np.zeros((len(sizes), int(sizes.max()), int(sizes.max())))
    for i, (block, n) in enumerate(zip(blocks, sizes, strict=True)):
        squares[i, :n, :n] = reader.matrix(f"peer[{i}]", int(n), int(n), ANY_NUMBER, value=block)
    return squares


def _optional(reader: Reader, key: str, missing: float) -> float:
    return missing if reader.value(key) is None else reader.number(key, ANY_NUMBER)


def _number(x: float) -> float | None:
    return x if math.isfinite(x) else None
