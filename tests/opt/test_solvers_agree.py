"""Solvers of different kinds prove the same optimum: 1e-3 on tiny and small, and no bound below another's decision."""

import pytest

import twingap
from twingap.opt.families import draw_family
from twingap.opt.registry import registered_solvers

PROVERS = ("bnb", "milp", "scip")
GAP = 1e-3
# Seconds on an idle core are below 1 (bnb), 5 (milp) and 20 (scip); the rest is room for a loaded machine.
PATIENCE = 240.0


def solved(snapshot, solver):
    entry = registered_solvers()[solver]
    if entry.missing:
        pytest.skip(f"{solver} needs {', '.join(entry.missing)}")
    return twingap.solve(snapshot, solver=solver, gap=GAP, time_limit=PATIENCE)


def contradiction(one, other):
    """What two results say against each other, or nothing: each decision must lie below the other's bound, part by part."""
    for name in ("local", "global_"):
        a, b = getattr(one, name), getattr(other, name)
        room = 1e-7 * max(1.0, abs(a.bound), abs(b.bound))
        if a.objective > b.bound + room or b.objective > a.bound + room:
            return f"{name}: {one.solver} {a}, {other.solver} {b}"
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("solver", PROVERS)
@pytest.mark.parametrize(("family", "seed"), [("tiny", 3), ("tiny", 7), ("small", 8)])
def test_small_instances_are_proved_and_agree_with_decomposition(family, seed, solver):
    snapshot = draw_family(family, seed)
    reference = twingap.solve(snapshot, gap=1e-6)
    result = solved(snapshot, solver)
    assert result.stopped == "gap", (result.stopped, result.gap)
    assert result.gap <= GAP
    assert contradiction(reference, result) == ""
    assert abs(result.objective - reference.objective) <= (result.gap + reference.gap + 1e-9) * abs(reference.objective)


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["bnb", "milp"])
@pytest.mark.parametrize("family", ["scarce", "identical", "perlink", "cap", "smooth"])
def test_bounds_of_other_families_do_not_contradict(family, solver):
    """A moment each: these solvers need not finish here, but what they claim must fit."""
    snapshot = draw_family(family, 1)
    reference = twingap.solve(snapshot, gap=1e-6)
    result = twingap.solve(snapshot, solver=solver, gap=GAP, time_limit=1.5)
    assert contradiction(reference, result) == ""
