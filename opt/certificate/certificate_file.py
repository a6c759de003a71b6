"""Certificate files: JSON, format "twingap.certificate", version 1. Numbers read back exactly."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import numpy as np

from ..arrays import Integers, floats, integers
from ..files import write_atomically
from ..reading import ANY_NUMBER, NON_NEGATIVE, POSITIVE, Reader, Rule, read_json
from ..snapshot_file import check_format
from .proof import LEAF, MULTIPLIERS, Certificate, GlobalProof, LocalProof, WholeGlobalProof

FORMAT = "twingap.certificate"
VERSION = 1
# What a node may be, by the number of ways in which cells are cut.
KINDS: dict[int, Rule] = {
    1: (lambda x: x in (0.0, 1.0), "must be 0 or 1"),
    2: (lambda x: x in (0.0, 1.0, 2.0), "must be 0, 1 or 2"),
    3: (lambda x: x in (0.0, 1.0, 2.0, 3.0), "must be 0, 1, 2 or 3"),
}
# Up to 2^31: whatever a snapshot can hold, and far from where a float stops being a whole number.
INDEX: Rule = (lambda x: 0.0 <= x < 2.0**31 and x == np.floor(x), "must be a whole number, 0 or more")

# Multipliers and cuts: products of a few of these and of a problem's numbers neither overflow nor lose digits (``proof``).
_RANGE = f"within {1.0 / MULTIPLIERS:g} and {MULTIPLIERS:g}"
MULTIPLIER: Rule = (lambda x: x == 0.0 or 1.0 / MULTIPLIERS <= x <= MULTIPLIERS, f"must be 0 or {_RANGE}")
POSITIVE_MULTIPLIER: Rule = (lambda x: 1.0 / MULTIPLIERS <= x <= MULTIPLIERS, f"must be {_RANGE}")


def save_certificate(certificate: Certificate, path: str | Path) -> None:
    """Write a certificate file atomically."""
    write_atomically(path, json.dumps(certificate_to_json(certificate), allow_nan=False, separators=(",", ":")) + "\n")


def certificate_to_json(certificate: Certificate) -> dict[str, object]:
    """The JSON object of a certificate."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "snapshot": certificate.snapshot,
        "bound": certificate.bound,
        "local": _lists(certificate.local, certificate.local.whole),
        "global": _lists(certificate.global_, isinstance(certificate.global_, WholeGlobalProof)),
    }


def _lists(proof: LocalProof | GlobalProof | WholeGlobalProof, whole: bool) -> dict[str, object]:
    content: dict[str, object] = {"whole_subchannels": whole}
    for field in fields(proof):
        value = getattr(proof, field.name)
        if field.name != "whole":
            content[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
    return content


def load_certificate(path: str | Path) -> Certificate:
    """Read a certificate file. Raises InputError (file, field path, problem, what is allowed)."""
    return certificate_from_json(read_json(path), str(path))


def certificate_from_json(content: object, source: str = "") -> Certificate:
    """Build a certificate from JSON, checking shapes and ranges; whether it proves anything is the checker's business."""
    top = Reader(content, "", source)
    check_format(top, FORMAT, VERSION)
    top.extras()
    certificate = Certificate(
        top.text("snapshot"), top.number("bound", ANY_NUMBER), _local(top.child("local")), _global(top.child("global"))
    )
    top.finish()
    return certificate


def _local(reader: Reader) -> LocalProof:
    whole = reader.boolean("whole_subchannels")
    tree, inner, leaves = _tree(reader, 3 if whole else 2)
    proof = LocalProof(
        whole=whole,
        bound=reader.number("bound", ANY_NUMBER),
        tree=tree,
        heads=_whole(reader, "heads", inner),
        # Only a number of subchannels may be cut at 0.
        cuts=floats(reader.vector("cuts", inner, MULTIPLIER if whole else POSITIVE_MULTIPLIER)),
        prices=floats(reader.vector("prices", leaves, MULTIPLIER)),
        touches=floats(reader.vector("touches", leaves, MULTIPLIER)),
        bounds=floats(reader.vector("bounds", leaves, ANY_NUMBER)),
    )
    reader.finish()
    return proof


def _global(reader: Reader) -> GlobalProof | WholeGlobalProof:
    proof = _of_totals(reader) if reader.boolean("whole_subchannels") else _of_accesses(reader)
    reader.finish()
    return proof


def _of_totals(reader: Reader) -> WholeGlobalProof:
    tree, inner, leaves = _tree(reader, 1)
    return WholeGlobalProof(
        bound=reader.number("bound", ANY_NUMBER),
        tree=tree,
        committees=_whole(reader, "committees", inner),
        cuts=_whole(reader, "cuts", inner),
        prices=floats(reader.vector("prices", leaves, NON_NEGATIVE)),
        bounds=floats(reader.vector("bounds", leaves, ANY_NUMBER)),
    )


def _of_accesses(reader: Reader) -> GlobalProof:
    rows = reader.items("counts")
    width = len(reader.items("counts[0]", rows[0])) if rows else 0
    tree, inner, leaves = _tree(reader, 2)
    return GlobalProof(
        bound=reader.number("bound", ANY_NUMBER),
        counts=integers(reader.matrix("counts", len(rows), width, INDEX)),
        tree=tree,
        committees=_whole(reader, "committees", inner),
        cuts=floats(reader.vector("cuts", inner, POSITIVE)),
        prices=floats(reader.vector("prices", leaves, NON_NEGATIVE)),
        slopes=floats(reader.matrix("slopes", leaves, width, ANY_NUMBER)),
        potentials=floats(reader.matrix("potentials", leaves, width, ANY_NUMBER)),
        bounds=floats(reader.vector("bounds", leaves, ANY_NUMBER)),
    )


def _tree(reader: Reader, ways: int) -> tuple[Integers, int, int]:
    """(tree, how many cuts, how many leaves)."""
    tree = integers(reader.vector("tree", None, KINDS[ways]))
    leaves = int((tree == LEAF).sum())
    return tree, len(tree) - leaves, leaves


def _whole(reader: Reader, key: str, length: int) -> Integers:
    return integers(reader.vector(key, length, INDEX))
