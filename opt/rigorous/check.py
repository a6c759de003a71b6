"""Does a certificate prove what a solution claims? The claims of ``opt.certificate.check``, each settled as a theorem."""

from __future__ import annotations

from flint import arb

from ..certificate.proof import Certificate, WholeGlobalProof
from ..snapshot import Snapshot
from ..solution_file import Solution
from ..verify import Check
from .balls import INFINITE, ZERO
from .global_proof import prove_global
from .global_whole import prove_whole_global
from .local import prove_local


def verify_rigorously(snapshot: Snapshot, solution: Solution, certificate: Certificate) -> tuple[Check, ...]:
    """Re-prove the bounds of a solution (one epoch) in ball arithmetic; needs python-flint (extra ``rigorous``).

    When all checks hold it is a theorem that no decision which keeps C1 to C6 exactly earns more than ``solution.bound`` in
    Problem (16) with the real numbers that the snapshot's floats are. ``docs/proof-format.md`` has the rules and their proofs.
    """
    local, global_, whole = certificate.local, certificate.global_, snapshot.global_.whole_subchannels
    # A proof for whole subchannels proves nothing about divisible ones; the other way round it does.
    local_proved = prove_local(snapshot.local, local) if snapshot.local.whole_subchannels or not local.whole else None
    if isinstance(global_, WholeGlobalProof):
        global_proved = prove_whole_global(snapshot.global_, global_) if whole else None
    else:
        global_proved = prove_global(snapshot.global_, global_)
    total = _largest(local_proved) + _largest(global_proved)
    # A solution reports its objective where rounding put that above a tight bound.
    claims = (
        ("", solution.bound, max(certificate.bound, solution.objective)),
        ("local ", solution.local[1], local.bound),
        ("global ", solution.global_[1], global_.bound),
    )
    return (
        Check("rigorous certificate", certificate.snapshot == snapshot.name, f"is for {certificate.snapshot!r}"),
        _part("rigorous local certificate", local_proved, local.bounds.tolist(), local.bound),
        _part("rigorous global certificate", global_proved, global_.bounds.tolist(), global_.bound),
        # Claims of parts may sum to more than a float can say; what is proved of them does not.
        Check("rigorous sum", total <= certificate.bound, f"claims {certificate.bound!r}, parts prove {_shown(total)}"),
        *(Check(f"rigorous {name}bound", real == claim, f"claims {real!r}, of {claim!r}") for name, real, claim in claims),
    )


def _largest(proved: list[arb] | None) -> arb:
    """Upper bound of a part: everything off earns 0."""
    return INFINITE if proved is None else max((ball.upper() for ball in proved), default=ZERO).max(ZERO)


def _part(title: str, proved: list[arb] | None, claims: list[float], bound: float) -> Check:
    if proved is None or not bound >= 0.0:
        problem = "its cells do not cover the feasible set" if proved is None else f"claims {bound!r}; everything off earns 0"
        return Check(title, holds=False, detail=problem)
    for leaf, (ball, claim) in enumerate(zip(proved, claims, strict=True)):
        if not (ball <= claim and claim <= bound):
            return Check(title, holds=False, detail=f"leaf {leaf} claims {claim!r} of {bound!r}, proved {_shown(ball)}")
    return Check(title, holds=True, detail=f"{len(proved)} cells prove {_shown(_largest(proved))}, claims {bound!r}")


def _shown(ball: arb) -> str:
    return ball.upper().str(17, radius=False)
