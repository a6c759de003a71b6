"""What proves a bound: trees of cells with multipliers at their leaves.

A tree is stored in preorder: ``tree`` [nodes] holds 0 for a leaf and otherwise how the node is cut; the part below the cut
comes first. Cells are not stored: the checker cuts the whole feasible set itself, so the leaves always cover it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Floats, Integers

LEAF = 0
# Cuts of the local tree: in tau = T_multi, or in the uplink share of one head.
TIME_CUT, SHARE_CUT = 1, 2
# Cuts of a global tree: in one committee's access load, or in its communication time.
LOAD_CUT, DELAY_CUT = 1, 2


@dataclass(frozen=True, eq=False)
class LocalProof:
    """One tree on tau > 0 and uplink shares u >= 0.

    bound: claim for the part. tree [nodes]: LEAF, TIME_CUT or SHARE_CUT. heads [cuts]: head whose share is cut (0 for a cut in
    time). cuts [cuts]: where [s or subchannels]. Per leaf: prices pi of a subchannel, the money price p_0 included; touches
    [s], where the line below the shared delay touches it; bounds, the leaf's own claim.

    A cut in head j's share at s parts u_j <= s from u_j >= s. Heads equal in every number may be taken in the order
    u_j >= u_j' for j < j', so that below the cut the later of them are at most s too, above it the earlier at least s.
    The tree is empty when T_multi is infinite whatever is done.
    """

    bound: float
    tree: Integers
    heads: Integers
    cuts: Floats
    prices: Floats
    touches: Floats
    bounds: Floats


@dataclass(frozen=True, eq=False)
class GlobalProof:
    """One tree for each vector of counts, one after the other, on the access loads and communication times of committees.

    bound: claim for the part. counts [ways, I]: APs per committee, one row per tree. tree [nodes]: LEAF, LOAD_CUT, DELAY_CUT.
    committees [cuts]; cuts [cuts]: where [subchannel seconds or s]. Per leaf: prices p of C5; slopes [leaves, I] of the lines
    above the committees' worths in their loads; potentials [leaves, I] of the committees; bounds, the leaf's own claim.
    """

    bound: float
    counts: Integers
    tree: Integers
    committees: Integers
    cuts: Floats
    prices: Floats
    slopes: Floats
    potentials: Floats
    bounds: Floats


@dataclass(frozen=True, eq=False)
class Certificate:
    """Proofs of both parts for the snapshot of that name; bound: claim for the whole, at least the parts' sum."""

    snapshot: str
    bound: float
    local: LocalProof
    global_: GlobalProof
