"""Certificates forged to claim less than is attained: whether any checker accepts one.

A forger changes what a certificate may hold freely (multipliers, cuts, the tree itself) and then claims, leaf by leaf and in
all, exactly what the checker proves: nothing is left to refuse but the proof. When what is proved lies below what a decision
earns, the checker has been fooled. Nothing else is a fault: a forgery that is refused, or that proves less, is as it should be.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

import twingap
from twingap.opt.certificate.certificate_file import certificate_from_json, certificate_to_json
from twingap.opt.certificate.check import verify_certificate
from twingap.opt.certificate.global_check import prove_global
from twingap.opt.certificate.local_check import prove_local
from twingap.opt.certificate.proof import LEAF, Certificate, GlobalProof, LocalProof, WholeGlobalProof
from twingap.opt.certificate.whole_global_check import prove_whole_global
from twingap.opt.certificate.whole_local_check import prove_whole_local
from twingap.opt.errors import InputError
from twingap.opt.snapshot import Snapshot
from twingap.opt.solution_file import Solution

from .attack import attack, rounding

Proof = LocalProof | GlobalProof | WholeGlobalProof
# Where arithmetic leaves its range: both ends of the numbers that a file may hold, and their neighbourhoods.
EXTREMES = (
    0.0,
    5e-324,
    4e-323,
    1e-310,
    2.3e-308,
    1e-300,
    1e-200,
    1e-100,
    1e-30,
    1e-16,
    1.0,
    1e16,
    1e30,
    1e100,
    1e154,
    1e200,
    1e300,
    1e308,
)
MULTIPLIERS = ("prices", "touches", "slopes", "potentials")
SIGNED = ("slopes", "potentials")
PER_LEAF = (*MULTIPLIERS, "bounds")


@dataclass(frozen=True)
class Victim:
    """A snapshot with its own certificate and solution, and the most that is known to be attained of each part."""

    snapshot: Snapshot
    certificate: Certificate
    solution: Solution
    local: float
    global_: float

    def attained(self, part: str) -> float:
        """Of the part."""
        return self.local if part == "local" else self.global_

    def scale(self, part: str) -> float:
        """Sum of all benefits of the part."""
        layout = self.snapshot.local.layout
        if part == "local":
            return self.snapshot.local.benefit * len(layout.ap)
        return self.snapshot.global_.benefit * len(layout.heads)


def victim(snapshot: Snapshot, time_limit: float = 1.0) -> Victim | None:
    """Solved and attacked; None where the solver itself ends in an error, which is another program's finding."""
    try:
        result = twingap.solve(snapshot, gap=1e-6, time_limit=time_limit, certificate=True)
    except Exception:
        return None
    if result.certificate is None or result.decision is None:
        return None
    met = attack(snapshot) if len(snapshot.local.layout.ap) <= 16 else None
    solution = Solution(
        snapshot=snapshot.name,
        solver=result.solver,
        objective=result.objective,
        bound=result.bound,
        gap=result.gap,
        stopped=result.stopped,
        holds=result.holds,
        seconds=result.seconds,
        local=(result.local.objective, result.local.bound),
        global_=(result.global_.objective, result.global_.bound),
        decision=result.decision,
    )
    local = max(result.local.objective, met.local if met else 0.0, 0.0)
    global_ = max(result.global_.objective, met.global_ if met else 0.0, 0.0)
    return Victim(snapshot, result.certificate, solution, local, global_)


def subtree(tree: list[int], node: int) -> int:
    """One past the end of the subtree that starts at ``node`` in preorder."""
    pending = 1
    while pending and node < len(tree):
        pending += 1 if tree[node] != LEAF else -1
        node += 1
    return node


class Forger:
    """Draws forgeries of one part's proof, in JSON; ``other``: the same part of another snapshot's certificate."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def extreme(self, near: float, signed: bool) -> float:
        """A number at an end of the range, of any size, or the given one moved."""
        rng = self.rng
        kind = rng.integers(5)
        if kind == 0:
            number = float(rng.choice(EXTREMES))
        elif kind == 1:
            number = float(rng.choice(EXTREMES)) * float(rng.uniform(1.0, 9.0))
        elif kind == 2:
            number = 10.0 ** float(rng.uniform(-320.0, 308.0))
        elif kind == 3:
            number = near * 10.0 ** float(rng.uniform(-12.0, 12.0))
        else:
            number = near * (1.0 + float(rng.choice([-1.0, 1.0])) * 10.0 ** float(rng.uniform(-16.0, 0.0)))
        number = min(abs(number), 1.7e308)
        return -number if signed and rng.random() < 0.4 else number

    def multipliers(self, proof: dict[str, object]) -> str:
        """One, some or all multipliers of some leaves become extreme."""
        rng = self.rng
        keys = [key for key in MULTIPLIERS if key in proof and len(proof[key])]  # type: ignore[arg-type]
        every = rng.random() < 0.5
        together = rng.random() < 0.4
        for key in keys if every else [keys[int(rng.integers(len(keys)))]]:
            values = np.array(proof[key], dtype=float)
            mask = rng.random(len(values)) < (1.0 if rng.random() < 0.6 else 0.3)
            flat = values.reshape(len(values), -1)
            one = self.extreme(float(np.median(np.abs(flat))), key in SIGNED)
            for leaf in np.flatnonzero(mask):
                for column in range(flat.shape[1]):
                    flat[leaf, column] = one if together else self.extreme(abs(float(flat[leaf, column])), key in SIGNED)
            proof[key] = flat.reshape(values.shape).tolist()
        return "multipliers"

    def permuted(self, proof: dict[str, object]) -> str:
        """Multipliers of leaves exchanged, or all scaled by one number."""
        rng = self.rng
        keys = [key for key in MULTIPLIERS if key in proof and len(proof[key])]  # type: ignore[arg-type]
        key = keys[int(rng.integers(len(keys)))]
        values = np.array(proof[key], dtype=float)
        if rng.random() < 0.5:
            values = values[rng.permutation(len(values))]
        else:
            with np.errstate(over="ignore"):
                values = np.clip(values * 10.0 ** float(rng.uniform(-300.0, 300.0)), -1.7e308, 1.7e308)
        proof[key] = values.tolist()
        return "permuted"

    def moved_cuts(self, proof: dict[str, object]) -> str:
        """Cuts moved, to where they cut nothing among others."""
        cuts = proof["cuts"]
        whole = all(isinstance(cut, int) for cut in cuts)  # type: ignore[union-attr]
        for at in range(len(cuts)):  # type: ignore[arg-type]
            if self.rng.random() < 0.5:
                moved = self.extreme(float(cuts[at]) or 1.0, signed=False)  # type: ignore[index]
                cuts[at] = int(min(moved, 2.0**31 - 1)) if whole else max(moved, 5e-324)  # type: ignore[index]
        for key in ("heads", "committees"):
            if key in proof and self.rng.random() < 0.3:
                proof[key] = [int(self.rng.integers(0, 6)) for _ in proof[key]]  # type: ignore[union-attr]
        return "cuts"

    def reshaped(self, proof: dict[str, object]) -> str:
        """Leaves dropped or doubled, subtrees cut off, replaced by one another or by new cuts."""
        rng = self.rng
        tree: list[int] = list(proof["tree"])  # type: ignore[call-overload]
        if not tree:
            return "nothing"
        node = int(rng.integers(len(tree)))
        kind = int(rng.integers(5))
        if kind == 0:
            # The subtree becomes a leaf, with the multipliers of its first.
            self.splice(proof, node, subtree(tree, node), [LEAF])
        elif kind == 1:
            # A leaf becomes a cut with twice the same leaf.
            leaves = [at for at, value in enumerate(tree) if value == LEAF]
            if not leaves:
                return "nothing"
            node = leaves[int(rng.integers(len(leaves)))]
            self.splice(proof, node, node + 1, [int(rng.integers(1, 4)), LEAF, LEAF])
        elif kind == 2:
            self.splice(proof, node, node + 1, [] if tree[node] == LEAF else [LEAF])
        elif kind == 3:
            tree[node] = int(rng.integers(0, 4))
            proof["tree"] = tree
        else:
            self.splice(proof, node, subtree(tree, node), tree[: subtree(tree, 0)][: int(rng.integers(1, len(tree) + 1))])
        return "tree"

    def splice(self, proof: dict[str, object], first: int, last: int, nodes: list[int]) -> None:
        """Replaces nodes of the tree; the lists of leaves and cuts follow."""
        tree: list[int] = list(proof["tree"])  # type: ignore[call-overload]
        for keys, count in (
            (PER_LEAF, lambda part: sum(n == LEAF for n in part)),
            (("cuts", "heads", "committees"), lambda part: sum(n != LEAF for n in part)),
        ):
            before, gone, new = count(tree[:first]), count(tree[first:last]), count(nodes)
            for key in keys:
                if key not in proof:
                    continue
                values = list(proof[key])  # type: ignore[call-overload]
                pool = values[before : before + gone] or values[:1] or [1.0 if key not in ("heads", "committees") else 0]
                proof[key] = values[:before] + [pool[i % len(pool)] for i in range(new)] + values[before + gone :]
        proof["tree"] = tree[:first] + nodes + tree[last:]

    def borrowed(self, proof: dict[str, object], other: dict[str, object] | None) -> str:
        """The proof of another snapshot, or its multipliers."""
        if other is None or set(other) != set(proof) or other["whole_subchannels"] != proof["whole_subchannels"]:
            return self.multipliers(proof)
        if self.rng.random() < 0.5:
            proof.update(other)
        else:
            for key in MULTIPLIERS:
                if key in proof and len(other[key]):  # type: ignore[arg-type]
                    values, theirs = np.array(proof[key], dtype=float), np.array(other[key], dtype=float)
                    if values.shape[1:] == theirs.shape[1:]:
                        proof[key] = theirs[self.rng.integers(0, len(theirs), len(values))].tolist()
        return "borrowed"

    def single_leaf(self, proof: dict[str, object]) -> str:
        """Trees of one leaf each with multipliers from anywhere: the plainest lie."""
        if proof["tree"]:
            ways = len(proof["counts"]) if "counts" in proof else 1  # type: ignore[arg-type]
            for key in PER_LEAF:
                if key in proof:
                    proof[key] = [
                        list(proof[key][0]) if isinstance(proof[key][0], list) else proof[key][0] for _ in range(ways)
                    ]  # type: ignore[index]
            proof["tree"] = [LEAF] * ways
            for key in ("cuts", "heads", "committees"):
                if key in proof:
                    proof[key] = []
        self.multipliers(proof)
        return "single"

    def forge(self, proof: dict[str, object], other: dict[str, object] | None) -> str:
        """Changes a proof in place, in one way or two; returns which."""
        ways = []
        for _ in range(1 + int(self.rng.random() < 0.4)):
            kind = int(self.rng.integers(8))
            if not (len(proof["tree"]) and len(proof["prices"])):  # type: ignore[arg-type]
                return "+".join(ways) or "nothing"
            if kind <= 1:
                ways.append(self.multipliers(proof))
            elif kind <= 3:
                ways.append(self.single_leaf(proof))
            elif kind == 4:
                ways.append(self.permuted(proof))
            elif kind == 5:
                ways.append(self.moved_cuts(proof))
            elif kind == 6:
                ways.append(self.reshaped(proof))
            else:
                ways.append(self.borrowed(proof, other))
        return "+".join(ways)


@dataclass(frozen=True)
class Forged:
    """What came of a forgery: which part and way; ``proved`` (nan: refused as a file or as a tree), and whether it is false.

    certificate: with lowered claims, where they are below what is attained; read: as forged, None where it is no file.
    """

    part: str
    way: str
    proved: float
    false: bool
    certificate: Certificate | None
    refused: str = ""
    read: Certificate | None = None


def proved_by_checker(snapshot: Snapshot, part: str, proof: Proof) -> np.ndarray | None:
    """What the everyday checker proves of every leaf; None: not a proof."""
    if isinstance(proof, LocalProof):
        if proof.whole:
            return prove_whole_local(snapshot.local, proof) if snapshot.local.whole_subchannels else None
        return prove_local(snapshot.local, proof)
    assert part == "global"
    if isinstance(proof, WholeGlobalProof):
        return prove_whole_global(snapshot.global_, proof) if snapshot.global_.whole_subchannels else None
    return prove_global(snapshot.global_, proof)


def attempt(its: Victim, other: Victim | None, part: str, forger: Forger) -> Forged:
    """One forgery of one part: changed, read as a file would be, its claims set to what is proved, judged."""
    content = certificate_to_json(its.certificate)
    proof: dict[str, object] = content[part]  # type: ignore[assignment]
    theirs = None if other is None else certificate_to_json(other.certificate)[part]
    way = forger.forge(proof, theirs)  # type: ignore[arg-type]
    try:
        read = certificate_from_json(content)
    except (InputError, IndexError, ValueError, OverflowError) as error:
        return Forged(
            part, way, math.nan, isinstance(error, (IndexError, OverflowError)), None, f"{type(error).__name__}: {error}"
        )
    held: Proof = read.local if part == "local" else read.global_
    proved = proved_by_checker(its.snapshot, part, held)
    if proved is None:
        return Forged(part, way, math.nan, False, None, "no tree", read)
    return judged(its, part, way, read, held, proved)


def judged(its: Victim, part: str, way: str, read: Certificate, held: Proof, proved: np.ndarray) -> Forged:
    """Whether claims of exactly what is proved are accepted below what is attained."""
    attained, room = its.attained(part), rounding(its.attained(part), its.scale(part))
    total = float(np.max(proved, initial=0.0))
    if math.isnan(total):
        # A leaf that is nan must be refused whatever it claims; the lowest claim shows it.
        proved, total = np.where(np.isnan(proved), -1e308, proved), 0.0
        total = float(np.max(proved, initial=0.0))
    if total >= attained - room:
        return Forged(part, way, total, False, None, "", read)
    lowered = replace(held, bounds=np.where(np.isfinite(proved), proved, -1e308), bound=total)
    certificate = with_part(read, part, lowered)
    return Forged(part, way, total, accepts(its, certificate), certificate, "", read)


def with_part(certificate: Certificate, part: str, proof: Proof) -> Certificate:
    """The certificate with this proof of a part; the whole claims the sum."""
    changed = replace(certificate, **{"local" if part == "local" else "global_": proof})
    return replace(changed, bound=changed.local.bound + changed.global_.bound)


def lowered(its: Victim, found: Forged) -> Forged:
    """The forgery with its claims just below what is attained, whatever the everyday checker proves of it."""
    attained, room = its.attained(found.part), rounding(its.attained(found.part), its.scale(found.part))
    if found.read is None or attained <= 2.0 * room:
        return replace(found, certificate=None)
    held: Proof = found.read.local if found.part == "local" else found.read.global_
    claim = attained - 2.0 * room
    return replace(
        found,
        certificate=with_part(found.read, found.part, replace(held, bounds=np.full(len(held.bounds), claim), bound=claim)),
    )


def claiming(its: Victim, certificate: Certificate) -> Solution:
    """The solution that claims just what a certificate does."""
    return replace(
        its.solution,
        bound=max(certificate.bound, its.solution.objective),
        local=(its.solution.local[0], certificate.local.bound),
        global_=(its.solution.global_[0], certificate.global_.bound),
    )


def accepts(its: Victim, certificate: Certificate) -> bool:
    """Whether ``verify_certificate`` accepts it for a solution that claims just the same."""
    claims = claiming(its, certificate)
    return all(check.holds for check in verify_certificate(its.snapshot, claims, certificate) if "sum" not in check.name)
