"""What proves a bound of the global part, from the boxes of a search."""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Floats, Integers, floats, integers
from ...certificate.proof import LEAF, LOAD_CUT, GlobalProof
from ...result import Deadline
from .global_assignment import any_assignment
from .global_bound import COUNT, LOAD_HIGH, LOAD_LOW, TIME_HIGH, TIME_LOW, bound_at, tighten_times
from .global_response import GlobalModel
from .global_search import root_boxes
from .proof_tree import ProofTree, leaf_claims


def global_proof(model: GlobalModel, counts: Integers, tree: ProofTree, claim: float, deadline: Deadline) -> GlobalProof | None:
    """The proof of a search whose first cells are the vectors of ``counts``; cells have one multiplier, their price.
    None when the deadline passes before it is written.

    Slopes and potentials are found again here, so that searches need not keep them. ``bound`` of the proof may exceed ``claim``
    by what rounding makes of that.
    """
    kinds: list[int] = []
    committees: list[int] = []
    cuts: list[float] = []
    prices: list[float] = []
    multipliers: list[Floats] = []
    bounds: list[float] = []
    for way, root in enumerate(root_boxes(model, counts)):
        boxes = [root]
        for node, is_leaf in tree.preorder([way], claim):
            box = boxes.pop()
            kinds.append(LEAF if is_leaf else node.kind)
            if is_leaf:
                if deadline.passed:
                    return None
                bound, both = _slopes_and_potentials(model, box, node.multipliers[0])
                prices.append(node.multipliers[0])
                multipliers.append(both)
                bounds.append(bound)
                continue
            committees.append(node.index)
            cuts.append(node.where)
            low_row, high_row = (LOAD_LOW, LOAD_HIGH) if node.kind == LOAD_CUT else (TIME_LOW, TIME_HIGH)
            below, above = box.copy(), box
            below[high_row, node.index] = above[low_row, node.index] = node.where
            boxes += [above, below]
    return GlobalProof(
        bound=max(claim, *bounds),
        counts=integers(counts),
        tree=integers(kinds),
        committees=integers(committees),
        cuts=floats(cuts),
        prices=floats(prices),
        slopes=floats([both[0] for both in multipliers]),
        potentials=floats([both[1] for both in multipliers]),
        bounds=leaf_claims(bounds),
    )


def _slopes_and_potentials(model: GlobalModel, box: Floats, price: float) -> tuple[float, Floats]:
    """(bound, [slopes, potentials] [2, I]) of a box at a price; -inf when nothing in it is affordable."""
    committees, points = model.needs.shape
    potential, spectrum, loads = np.zeros(committees), np.zeros(committees), np.zeros(committees)
    chord, earliest = np.zeros((2, committees)), np.zeros((committees, model.rows.shape[1]))
    box = box.copy()
    if not tighten_times(model, box[COUNT], box[LOAD_LOW], box, earliest):
        return -math.inf, np.zeros((2, committees))
    access = np.zeros(points, dtype=np.int64)
    any_assignment(box[COUNT], access)
    bound, _ = bound_at(model, box, earliest, price, access, potential, chord, loads, spectrum)
    return bound, np.stack([chord[1], potential])
