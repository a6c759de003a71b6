"""Machine code before the clock starts: a small instance of the same modes is solved once per process.

Compiling takes half a minute to a minute on a fresh machine and would eat the first solve's time limit; with the kernels in the
cache on disk (``opt.compiled``) loading them takes a fraction of a second.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from ...families import draw_family
from ...global_range import global_numbers
from ...local_reduction import reduce_local
from ...result import Deadline
from ...snapshot import LocalPart, Multicast, Snapshot, TimeoutRule
from .global_many import OnePrice
from .global_part import global_model, solve_global
from .local_heads import heads_of
from .local_part import solve_local
from .local_primal import allocate, tune_share


def prepare(snapshot: Snapshot) -> None:
    """Compile or load what ``solve`` needs for a snapshot of these modes."""
    local, global_ = snapshot.local, snapshot.global_
    _prepare_local(local.multicast, local.whole_subchannels)
    _prepare_global(global_.multicast, global_.timeout_rule, global_.whole_subchannels)


@cache
def _prepare_local(multicast: Multicast, whole: bool) -> None:
    part = draw_family("whole" if whole else "scarce", 0, multicast=multicast, whole_subchannels=whole).local
    solve_local(part, 1e-3, 0.0, Deadline(math.inf), certify=True)
    if not whole:
        _share_is_tuned(part)


def _share_is_tuned(part: LocalPart) -> None:
    """The one kernel that most searches never come to."""
    problem = reduce_local(part)
    heads, count = heads_of(problem), len(problem.worth)
    on, pins = np.ones(count, dtype=np.bool_), np.zeros(count)
    pins[0] = 0.25 * problem.budget
    tau = 2.0 * problem.multicast_need / problem.budget
    start = allocate(problem, heads, on, pins, tau, problem.spectrum_price)
    tune_share(problem, heads, on, pins, 0, 0.0, 2.0 * float(pins[0]), start)


@cache
def _prepare_global(multicast: Multicast, rule: TimeoutRule, whole: bool) -> None:
    part = draw_family("whole" if whole else "tiny", 0, multicast=multicast, timeout_rule=rule, whole_subchannels=whole).global_
    solve_global(part, 1e-3, 0.0, Deadline(math.inf), certify=True)
    if not whole:
        # No time to start from every vector of counts.
        numbers = global_numbers(part)
        assert numbers is not None
        one = OnePrice(global_model(part, numbers), np.array(part.capacity, dtype=np.int64), 0.1)
        one.minimise(0.0, Deadline(math.inf))
