"""What is held of the global part at the end, whatever happened: a feasible decision, and a bound that nothing lifted."""

from __future__ import annotations

import numpy as np

from ...arrays import Integers, floats, integers
from ...certificate.proof import LEAF, GlobalProof
from ...decision import GlobalDecision
from ...evaluation import FEASIBLE
from ...formulations.decisions import any_access
from ...global_equations import evaluate_global
from ...global_range import most_benefit
from ...result import Deadline
from ...snapshot import GlobalPart
from .part_answer import PartAnswer


def attained(bound: float, objective: float, rounding: float) -> float:
    """The larger of both where they differ by no more than ``rounding``, which may put the objective above a tight bound.

    A decision that earns more than that proves the bound false: it is left as it is, for ``opt.solve`` to stop at.
    """
    return objective if bound < objective <= bound + rounding else bound


def all_off(part: GlobalPart, access: Integers) -> GlobalDecision:
    """The decision in which no committee works: feasible with any access within the capacities, earns 0."""
    shape = part.layout.is_link.shape
    group = part.multicast == "group"
    return GlobalDecision(
        access=integers(access),
        request=floats(np.zeros(len(access))),
        cpu_hz=floats(np.zeros(shape[:2])),
        multicast=floats(np.zeros(shape[:2])) if group else None,
        peer=None if group else floats(np.zeros(shape)),
    )


def held(part: GlobalPart, decision: GlobalDecision, access: Integers) -> tuple[GlobalDecision, float]:
    """(decision, what it earns), or everything off where it is not feasible, or earns less than that (or no number)."""
    with np.errstate(all="ignore"):
        found = evaluate_global(part, decision)
        if float(found.violation) <= FEASIBLE and float(found.utility) >= 0.0:
            return decision, float(found.utility)
        decision = all_off(part, access)
        return decision, float(evaluate_global(part, decision).utility)


def out_of_range(part: GlobalPart, deadline: Deadline, certify: bool) -> PartAnswer[GlobalDecision]:
    """The answer where closed forms have no numbers to work with (``global_range``): everything off, at most B for each AP.

    Its proof has one leaf; multipliers and coverage do not matter to a bound that holds for every decision.
    """
    bound = most_benefit(part)
    access = any_access(part)
    decision, objective = held(part, all_off(part, access), access)
    proof = None
    if certify:
        served = np.bincount(access, minlength=len(part.capacity))
        nothing = floats(np.zeros((1, len(served))))
        proof = GlobalProof(
            bound=bound,
            counts=integers(served[None]),
            tree=integers([LEAF]),
            committees=integers([]),
            cuts=floats([]),
            prices=floats([0.0]),
            slopes=nothing,
            potentials=nothing,
            bounds=floats([bound]),
        )
    trace = ((deadline.elapsed, objective, bound),)
    return PartAnswer(decision, objective, bound, "exhausted", trace, proof=proof)
