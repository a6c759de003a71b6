"""What proves a bound: trees of cells with multipliers at their leaves.

A tree is stored in preorder: ``tree`` [nodes] holds 0 for a leaf and otherwise how the node is cut; the part below the cut
comes first. Cells are not stored: the checker cuts the whole feasible set itself, so the leaves always cover it.
Whole subchannels are divisible ones too, so a proof for divisible subchannels holds for them as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..arrays import Floats, Integers

LEAF = 0
# Multipliers and cuts of a local proof are 0 or within [1/MULTIPLIERS, MULTIPLIERS]. Any value would give a true bound over the
# reals; within these floating-point numbers do, too (``local_check``), and no search needs others.
MULTIPLIERS = 1e160
# Cuts of the local tree: in tau = T_multi, in the uplink share of one head, or (whole subchannels) in the number of one head.
TIME_CUT, SHARE_CUT, COUNT_CUT = 1, 2, 3
# Cuts of a global tree: in one committee's access load, or in its communication time.
LOAD_CUT, DELAY_CUT = 1, 2
# Cut of the global tree for whole subchannels: in one committee's number of subchannels.
TOTAL_CUT = 1


@dataclass(frozen=True, eq=False)
class LocalProof:
    """One tree on tau > 0 and uplink shares u >= 0; with ``whole`` also on whole numbers of subchannels n_j = u_j + m_j.

    bound: claim for the part. tree [nodes]: LEAF, TIME_CUT, SHARE_CUT or, with ``whole``, COUNT_CUT. heads [cuts]: head that is
    cut (0 for a cut in time). cuts [cuts]: where [s or subchannels]. Per leaf: prices, pi of a subchannel, the money price p_0
    included, or with ``whole`` nu of a second of sum_j s_j / m_j; touches [s], where the line below the shared delay touches
    it; bounds, the leaf's own claim.

    A cut in head j's share at s parts u_j <= s from u_j >= s, one in its number n_j <= s from n_j >= s + 1. Heads equal in
    every number may be taken in the order u_j >= u_j' (with ``whole``: n_j >= n_j', and shares as they come) for j < j', so
    that below the cut the later of them lie below it too, above it the earlier above. The tree is empty when T_multi is
    infinite whatever is done.
    """

    whole: bool
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
class WholeGlobalProof:
    """One tree on the whole numbers N_i of subchannels that committees use.

    bound: claim for the part. tree [nodes]: LEAF or TOTAL_CUT. committees [cuts]; cuts [cuts]: N_i <= cut below, >= cut + 1
    above. Per leaf: prices p of C5; bounds, the leaf's own claim.
    """

    bound: float
    tree: Integers
    committees: Integers
    cuts: Integers
    prices: Floats
    bounds: Floats


@dataclass(frozen=True, eq=False)
class Certificate:
    """Proofs of both parts for the snapshot of that name; bound: claim for the whole, at least the parts' sum."""

    snapshot: str
    bound: float
    local: LocalProof
    global_: GlobalProof | WholeGlobalProof
