"""Shards: the part of a study that one task of a job array does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..opt.errors import InputError
from .agenda import with_needs
from .cells import Cell


@dataclass(frozen=True)
class Shard:
    """The i-th of n, from 1."""

    index: int
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise InputError(f"is {self}; it must be i/n with 1 <= i <= n, for example 3/20", field="shard")

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From "i/n"."""
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        if found is None:
            raise InputError(f"is {text!r}; it must be i/n with 1 <= i <= n, for example 3/20", field="shard")
        return cls(int(found[1]), int(found[2]))

    def of(self, cells: Sequence[Cell]) -> list[Cell]:
        """Every n-th cell, and what these need: a shard depends on no other. What several shards need is done by the one that
        comes to it first, while the others wait."""
        return with_needs(cells[self.index - 1 :: self.count], cells)
