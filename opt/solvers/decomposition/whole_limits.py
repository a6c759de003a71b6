"""Whole subchannels at sizes where one uninterruptible step would pass the deadline: what divisible subchannels say instead.

Tables over every number of subchannels grow with the square or cube of the budget, and one of them is one call of compiled
code, which no deadline ends. Where the first ones alone would take more than ``SHARE`` of the time left, they are not begun:
the bound is that of divisible subchannels (whole totals are divisible ones, so it holds) and the decision is everything off.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ...arrays import Integers
from ...decision import GlobalDecision, LocalDecision
from ...global_equations import evaluate_global
from ...global_reduction import decision_of_times, useful_subchannels
from ...local_equations import evaluate_local
from ...local_reduction import recover_local, reduce_local
from ...result import Deadline
from ...snapshot import GlobalPart, LocalPart
from ...whole_subchannels import whole_budget
from .part_answer import PartAnswer, PartDecision

# Part of the time left that the first tables may take; seconds per step of theirs, measured with room (a slow, busy core).
SHARE = 0.5
LOCAL_STEP, GLOBAL_STEP = 1e-7, 1e-8


def local_tables_fit(part: LocalPart, deadline: Deadline) -> bool:
    """Whether one bound of a cell, J W^2 steps at each price, leaves time for more."""
    budget = float(whole_budget(reduce_local(part).budget))
    return LOCAL_STEP * len(part.layout.ap) * budget**2 <= SHARE * deadline.left


def global_tables_fit(part: GlobalPart, deadline: Deadline) -> bool:
    """Whether the rows of all committees, W^3 steps each, leave time for more."""
    budget = float(whole_budget(useful_subchannels(part)))
    return GLOBAL_STEP * len(part.layout.delegates) * budget**3 <= SHARE * deadline.left


def nothing_local(part: LocalPart, relaxed: PartAnswer[LocalDecision]) -> PartAnswer[LocalDecision]:
    """Everything off, under the relaxation's bound."""
    nothing = np.zeros(len(part.layout.ap))
    decision = recover_local(part, np.inf, nothing, nothing)
    return _held(relaxed, decision, float(evaluate_local(part, decision).utility))


def nothing_global(part: GlobalPart, relaxed: PartAnswer[GlobalDecision]) -> PartAnswer[GlobalDecision]:
    """Everything off with the relaxation's access, under its bound."""
    committees = len(part.layout.delegates)
    off = np.full((committees, 4), np.inf)
    access: Integers = relaxed.decision.access
    decision = decision_of_times(part, access, np.zeros(committees, dtype=np.bool_), off, off[:, 0])
    return _held(relaxed, decision, float(evaluate_global(part, decision).utility))


def _held(relaxed: PartAnswer[PartDecision], decision: PartDecision, objective: float) -> PartAnswer[PartDecision]:
    bound = max(relaxed.bound, objective)
    trace = tuple((seconds, objective, proved) for seconds, _, proved in relaxed.trace)
    return replace(relaxed, decision=decision, objective=objective, bound=bound, stopped="time_limit", trace=trace)
