"""By which epochs are told apart."""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any

import numpy as np

from .snapshot import CommitteeLayout, GlobalPart, HeadLayout, LocalPart, Snapshot


def digest(truth: Snapshot) -> str:
    """SHA-256 of every number that decides what a decision earns on a batch of snapshots: state, data, prices, budgets, modes
    and layouts; not of names and extras."""
    hashed = hashlib.sha256()
    for part in (truth.local, truth.global_):
        _add(hashed, part)
    return hashed.hexdigest()


def fingerprint(truth: Snapshot) -> str:
    """A short digest: short enough to keep one per epoch, long enough to notice a mistake."""
    return short(digest(truth))


def short(whole: str) -> str:
    """The fingerprint that belongs to a digest."""
    return whole[:8]


def _add(hashed: Any, part: LocalPart | GlobalPart | HeadLayout | CommitteeLayout) -> None:
    for each in fields(part):
        value: Any = getattr(part, each.name)
        if isinstance(value, HeadLayout | CommitteeLayout):
            _add(hashed, value)
        elif isinstance(value, np.ndarray):
            hashed.update(f"{each.name}{value.dtype.str}{value.shape}".encode())  # pyright: ignore[reportUnknownMemberType]
            hashed.update(np.ascontiguousarray(value).data)  # pyright: ignore[reportUnknownArgumentType]
        else:
            hashed.update(f"{each.name}={value!r};".encode())
