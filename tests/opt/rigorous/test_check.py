"""The whole rigorous check: what the solver proves is accepted in every mode, and a claim changed anywhere is refused."""

import math
from dataclasses import replace

import pytest

import twingap
from twingap.opt.arrays import floats
from twingap.opt.solution_file import load_solution, save_solution

MODES = [("tiny", 0), ("tiny", 1), ("smooth", 0), ("perlink", 0), ("cap", 0), ("scarce", 0), ("identical", 0), ("whole", 0)]


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """certified(family, seed) -> (snapshot, its solution as read, its certificate)."""
    path = tmp_path_factory.mktemp("rigorous") / "solution.json"

    def call(family, seed):
        snapshot = twingap.draw_family(family, seed)
        result = twingap.solve(snapshot, gap=1e-5, certificate=True)
        save_solution(result, snapshot, path)
        return snapshot, load_solution(path, snapshot), result.certificate

    return call


def refused(*claims):
    """Names of the checks that do not hold."""
    return {check.name for check in twingap.verify_rigorously(*claims) if not check.holds}


@pytest.mark.parametrize(("family", "seed"), MODES)
def test_what_the_solver_proves_is_accepted_by_both(certified, family, seed):
    claims = certified(family, seed)
    assert not refused(*claims)
    assert all(check.holds for check in twingap.verify_certificate(*claims))


def test_a_claim_changed_anywhere_is_refused(certified):
    snapshot, solution, certificate = certified("tiny", 0)
    local, global_ = certificate.local, certificate.global_
    for part, proof in (("local", local), ("global", global_)):
        field = "local" if part == "local" else "global_"
        title = {f"rigorous {part} certificate"}
        lower = replace(proof, bounds=floats(proof.bounds * (1.0 - 1e-9)))
        assert refused(snapshot, solution, replace(certificate, **{field: lower})) == title
        for bound in (proof.bound * (1.0 - 1e-9), -1.0, math.nan):
            changed = replace(certificate, **{field: replace(proof, bound=bound)})
            assert refused(snapshot, solution, changed) == title | {f"rigorous {part} bound"}
        cut = replace(proof, tree=proof.tree[:-1])
        assert title <= refused(snapshot, solution, replace(certificate, **{field: cut}))
    assert refused(snapshot, solution, replace(certificate, bound=certificate.bound * (1.0 - 1e-9))) >= {"rigorous sum"}
    assert refused(snapshot, solution, replace(certificate, bound=math.nan)) >= {"rigorous sum"}
    assert refused(snapshot, replace(solution, bound=math.inf), certificate) == {"rigorous bound"}
    assert refused(replace(snapshot, name="another"), solution, certificate) == {"rigorous certificate"}
    # Of a whole part's proof nothing follows for a divisible one.
    assert "rigorous local certificate" in refused(snapshot, solution, replace(certificate, local=replace(local, whole=True)))
    richer = replace(snapshot, local=replace(snapshot.local, benefit=snapshot.local.benefit * 1.001))
    assert "rigorous local certificate" in refused(richer, solution, certificate)
