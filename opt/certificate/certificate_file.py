"""Certificate files: JSON, format "twingap.certificate", version 1. Numbers read back exactly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..arrays import Integers, floats, integers
from ..files import write_atomically
from ..reading import ANY_NUMBER, NON_NEGATIVE, POSITIVE, Reader, Rule, read_json
from ..snapshot_file import check_format
from .proof import LEAF, Certificate, GlobalProof, LocalProof

FORMAT = "twingap.certificate"
VERSION = 1
KIND: Rule = (lambda x: x in (0.0, 1.0, 2.0), "must be 0, 1 or 2")


def save_certificate(certificate: Certificate, path: str | Path) -> None:
    """Write a certificate file atomically."""
    write_atomically(path, json.dumps(certificate_to_json(certificate), allow_nan=False, separators=(",", ":")) + "\n")


def certificate_to_json(certificate: Certificate) -> dict[str, object]:
    """The JSON object of a certificate."""
    local, global_ = certificate.local, certificate.global_
    return {
        "format": FORMAT,
        "version": VERSION,
        "snapshot": certificate.snapshot,
        "bound": certificate.bound,
        "local": {
            "bound": local.bound,
            "tree": local.tree.tolist(),
            "heads": local.heads.tolist(),
            "cuts": local.cuts.tolist(),
            "prices": local.prices.tolist(),
            "touches": local.touches.tolist(),
            "bounds": local.bounds.tolist(),
        },
        "global": {
            "bound": global_.bound,
            "counts": global_.counts.tolist(),
            "tree": global_.tree.tolist(),
            "committees": global_.committees.tolist(),
            "cuts": global_.cuts.tolist(),
            "prices": global_.prices.tolist(),
            "slopes": global_.slopes.tolist(),
            "potentials": global_.potentials.tolist(),
            "bounds": global_.bounds.tolist(),
        },
    }


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
    tree = _whole(reader, "tree", None, KIND)
    leaves = int((tree == LEAF).sum())
    inner = len(tree) - leaves
    proof = LocalProof(
        bound=reader.number("bound", ANY_NUMBER),
        tree=tree,
        heads=_whole(reader, "heads", inner, _index()),
        cuts=floats(reader.vector("cuts", inner, POSITIVE)),
        prices=floats(reader.vector("prices", leaves, NON_NEGATIVE)),
        touches=floats(reader.vector("touches", leaves, NON_NEGATIVE)),
        bounds=floats(reader.vector("bounds", leaves, ANY_NUMBER)),
    )
    reader.finish()
    return proof


def _global(reader: Reader) -> GlobalProof:
    rows = reader.items("counts")
    width = len(reader.items("counts[0]", rows[0])) if rows else 0
    tree = _whole(reader, "tree", None, KIND)
    leaves = int((tree == LEAF).sum())
    inner = len(tree) - leaves
    proof = GlobalProof(
        bound=reader.number("bound", ANY_NUMBER),
        counts=integers(reader.matrix("counts", len(rows), width, _index())),
        tree=tree,
        committees=_whole(reader, "committees", inner, _index()),
        cuts=floats(reader.vector("cuts", inner, POSITIVE)),
        prices=floats(reader.vector("prices", leaves, NON_NEGATIVE)),
        slopes=floats(reader.matrix("slopes", leaves, width, ANY_NUMBER)),
        potentials=floats(reader.matrix("potentials", leaves, width, ANY_NUMBER)),
        bounds=floats(reader.vector("bounds", leaves, ANY_NUMBER)),
    )
    reader.finish()
    return proof


def _index() -> Rule:
    # Up to 2^31: whatever a snapshot can hold, and far from where a float stops being a whole number.
    return (lambda x: 0.0 <= x < 2.0**31 and x == np.floor(x), "must be a whole number, 0 or more")


def _whole(reader: Reader, key: str, length: int | None, rule: Rule) -> Integers:
    return integers(reader.vector(key, length, rule))
