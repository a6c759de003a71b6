"""The tree of cells of one branch and bound, kept so that it can be written as a certificate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ...arrays import Floats, floats, integers
from ...certificate.proof import LEAF, LocalProof


@dataclass(slots=True)
class Node:
    """A cell: its own bound (not its parents'), the multipliers that prove it, and how it was cut (kind LEAF: not at all)."""

    bound: float
    multipliers: tuple[float, ...]
    kind: int = LEAF
    index: int = 0
    where: float = 0.0
    children: tuple[int, int] = (-1, -1)


class ProofTree:
    """All cells of one search by number, in the order they were made."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []

    def add(self, bound: float, *multipliers: float) -> int:
        """A new cell; returns its number."""
        self.nodes.append(Node(bound, multipliers))
        return len(self.nodes) - 1

    def improve(self, number: int, bound: float, *multipliers: float) -> None:
        """A bound of its own that a cell got later; the lower one counts."""
        node = self.nodes[number]
        if bound < node.bound:
            node.bound, node.multipliers = bound, multipliers

    def cut(self, number: int, kind: int, index: int, where: float, below: int, above: int) -> None:
        """Say how a cell was cut, and its two parts."""
        node = self.nodes[number]
        node.kind, node.index, node.where, node.children = kind, index, where, (below, above)

    def preorder(self, roots: Iterable[int], claim: float) -> list[tuple[Node, bool]]:
        """(cell, whether it is a leaf) for the smallest trees under ``roots`` whose leaves prove ``claim`` by themselves.

        A search bounds a cell by its parents' bounds too. Cutting the trees off at the first cell that needs no more makes
        every leaf stand alone.
        """
        listed: list[tuple[Node, bool]] = []
        for root in roots:
            pending = [root]
            while pending:
                node = self.nodes[pending.pop()]
                is_leaf = node.kind == LEAF or node.bound <= claim
                listed.append((node, is_leaf))
                if not is_leaf:
                    pending += [node.children[1], node.children[0]]
        return listed


def leaf_claims(bounds: Iterable[float]) -> Floats:
    """What leaves claim: their bound, or 0 where that is less (or -inf: empty), since everything off earns 0."""
    return floats(np.maximum(np.fromiter(bounds, dtype=np.float64), 0.0))


def local_proof(tree: ProofTree, roots: Iterable[int], claim: float, whole: bool = False) -> LocalProof:
    """The proof of a local part whose cells have multipliers (price, touch)."""
    listed = tree.preorder(roots, claim)
    cuts = [node for node, is_leaf in listed if not is_leaf]
    leaves = [node for node, is_leaf in listed if is_leaf]
    return LocalProof(
        whole=whole,
        bound=claim,
        tree=integers([LEAF if is_leaf else node.kind for node, is_leaf in listed]),
        heads=integers([node.index for node in cuts]),
        cuts=floats([node.where for node in cuts]),
        prices=floats([node.multipliers[0] for node in leaves]),
        touches=floats([node.multipliers[1] for node in leaves]),
        bounds=leaf_claims(node.bound for node in leaves),
    )
