"""Trees in preorder: the cells of their leaves, cut from cells that cover everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Cell = TypeVar("Cell")
LEAF = 0


def leaves(
    tree: Sequence[int], roots: Sequence[Cell], split: Callable[[Cell, int, int], tuple[Cell, Cell] | None]
) -> list[Cell] | None:
    """The leaves' cells of one tree per root, one tree after the other; None when the nodes are not exactly these trees.

    ``split(cell, kind, cut)``: the parts below and above cut number ``cut``, which together cover it; None: not allowed.
    """
    waiting, found, cut = list(reversed(roots)), list[Cell](), 0
    for kind in tree:
        if not waiting:
            return None
        cell = waiting.pop()
        if kind == LEAF:
            found.append(cell)
            continue
        parts = split(cell, kind, cut)
        if parts is None:
            return None
        waiting += reversed(parts)
        cut += 1
    return None if waiting else found
