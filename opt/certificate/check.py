"""Does a certificate prove what a solution claims? Every claim is re-proved; none is believed."""

from __future__ import annotations

from ..arrays import Floats
from ..snapshot import GlobalPart, LocalPart, Snapshot
from ..solution_file import Solution
from ..verify import Check
from .global_check import prove_global
from .local_check import prove_local
from .proof import Certificate, GlobalProof, LocalProof, WholeGlobalProof
from .whole_global_check import prove_whole_global
from .whole_local_check import prove_whole_local


def verify_certificate(snapshot: Snapshot, solution: Solution, certificate: Certificate) -> tuple[Check, ...]:
    """Re-prove the bounds of a solution (one epoch) by weak duality, with the equations and reductions but without the solver.

    Holds when the leaves cover every feasible decision, each leaf's recomputed bound is within its claim, no leaf claims more
    than its part (everything off earns 0, so no part claims less than that), the whole claims at least the sum of its parts,
    and the solution claims exactly what the certificate does.
    """
    local, global_ = certificate.local, certificate.global_
    whole = certificate.bound
    # Rounding may put the objective an ulp above a tight bound; a solution then reports the larger of the two.
    claims = (
        ("", solution.bound, max(whole, solution.objective)),
        ("local ", solution.local[1], local.bound),
        ("global ", solution.global_[1], global_.bound),
    )
    return (
        Check("certificate", certificate.snapshot == snapshot.name, f"is for {certificate.snapshot!r}"),
        _part("local", _proved_local(snapshot.local, local), local.bounds, local.bound),
        _part("global", _proved_global(snapshot.global_, global_), global_.bounds, global_.bound),
        Check(
            "certificate sum", whole >= local.bound + global_.bound, f"claims {whole!r}, parts {local.bound + global_.bound!r}"
        ),
        *(
            Check(f"{name}bound certified", real == claim, f"claims {real!r}, certified {claim!r}")
            for name, real, claim in claims
        ),
    )


def _proved_local(part: LocalPart, proof: LocalProof) -> Floats | None:
    """A proof for whole subchannels proves nothing about divisible ones; the other way round it does."""
    if proof.whole:
        return prove_whole_local(part, proof) if part.whole_subchannels else None
    return prove_local(part, proof)


def _proved_global(part: GlobalPart, proof: GlobalProof | WholeGlobalProof) -> Floats | None:
    if isinstance(proof, WholeGlobalProof):
        return prove_whole_global(part, proof) if part.whole_subchannels else None
    return prove_global(part, proof)


def _part(name: str, proved: Floats | None, claimed: Floats, bound: float) -> Check:
    title = f"{name} certificate"
    if proved is None:
        return Check(title, holds=False, detail="its cells do not cover the feasible set")
    if not bound >= 0.0:
        return Check(title, holds=False, detail=f"claims {bound!r}; everything off earns 0")
    # Written so that a NaN on either side fails.
    wrong = ~((proved <= claimed) & (claimed <= bound))
    if wrong.any():
        leaf = int(wrong.argmax())
        detail = f"leaf {leaf} claims {float(claimed[leaf])!r} of {bound!r}, proved {float(proved[leaf])!r}"
        return Check(title, holds=False, detail=detail)
    best = float(proved.max(initial=0.0))
    return Check(title, holds=True, detail=f"{len(proved)} cells prove {best!r}, claims {bound!r}")
