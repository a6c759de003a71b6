"""Solver ``bnb``: spatial branch and bound on cone relaxations written in cvxpy and solved by Clarabel.

Both parts of (16) share nothing: two trees whose bounds add up. The tree with the larger gap takes the next step. Bounds never
rest on what the cone solver claims: its duals are prices, and the bound they prove is evaluated in closed form (``local_tree``,
``global_tree``, ``earner``). The method shares no code with ``decomposition``, so that one checks the other.
"""

from __future__ import annotations

import numpy as np

from ...decision import Decision
from ...errors import InputError
from ...result import Answer, Budget, Deadline, Stopped, TracePoint, relative_gap
from ...snapshot import Snapshot
from .global_tree import MOST_ROOTS, GlobalTree
from .local_tree import LocalTree
from .search import Search

PROOF = "weak duality at the duals of cone relaxations, evaluated in closed form with rounding slack; best-bound branching"


def solve(snapshot: Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Solve both parts to a relative gap of their sum. Deterministic: ``rng`` is not used.

    Raises InputError for ``whole_subchannels``: relaxing whole numbers is not written down in this solver's relaxation.
    """
    del rng
    for name, part in (("local", snapshot.local), ("global", snapshot.global_)):
        if part.whole_subchannels:
            raise InputError(
                "is true; solver bnb handles divisible subchannels only (false)", field=f"{name}.whole_subchannels"
            )
    deadline = Deadline(budget.time_limit)
    trees = LocalTree(snapshot.local), GlobalTree(snapshot.global_)
    searches = [Search(tree, tree.trivial_bound) for tree in trees]
    trace: list[TracePoint] = []
    stages = {"local": 0.0, "global": 0.0}
    stopped: Stopped = "exhausted"
    for search in searches:
        search.start(deadline)
    while True:
        objective = sum(search.tree.objective for search in searches)
        bound = sum(search.bound for search in searches)
        if not trace or (trace[-1].objective, trace[-1].bound) != (objective, bound):
            trace.append(TracePoint(deadline.elapsed, objective, bound))
        if relative_gap(objective, bound) <= budget.gap:
            stopped = "gap"
            break
        if deadline.passed:
            stopped = "time_limit"
            break
        waiting = [search for search in searches if not search.done]
        if not waiting:
            break
        started = deadline.elapsed
        search = max(waiting, key=lambda search: search.bound - search.tree.objective)
        search.step(0.5 * budget.gap * max(abs(objective), 1e-9), deadline)
        stages["local" if search is searches[0] else "global"] += deadline.elapsed - started
    for name, search in zip(("local", "global"), searches, strict=True):
        stages |= {f"{name} nodes": float(search.nodes), f"{name} cones": float(search.tree.solves)}
    proof = PROOF
    if trees[1].too_many:
        proof += f"; global part not searched: more than {MOST_ROOTS} ways to share its APs, and the search starts from each"
    return Answer(
        decision=Decision(trees[0].decision, trees[1].decision),
        local_bound=searches[0].bound,
        global_bound=searches[1].bound,
        proof=proof,
        stopped=stopped,
        trace=tuple(trace),
        stages=stages,
    )
