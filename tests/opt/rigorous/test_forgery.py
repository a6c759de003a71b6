"""No multiplier, cut or tree makes the rigorous checker prove less than what is attained, not even numbers no file may hold."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

import twingap
from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.local_check import prove_local as prove_fast
from twingap.opt.rigorous.local import prove_local

EXTREMES = [0.0, 5e-324, 1e-160, 1e-9, 1e-2, 1.0, 1e3, 1e16, 1e308]


@pytest.fixture(scope="module")
def solved():
    """[(local part, what is attained, its proof)]: both adaptations, divisible and whole, and free spectrum."""
    found = []
    for changes in (
        {},
        {"floor_adaptation": False},
        {"local_spectrum_cost": 0.0, "multicast": "per_link"},
        {"whole_subchannels": True, "local_subchannels": 14.0, "global_subchannels": 24.0},
        {"whole_subchannels": True, "local_subchannels": 14.0, "global_subchannels": 24.0, "floor_adaptation": False},
    ):
        snapshot = twingap.draw("tiny", 1, **changes)
        result = twingap.solve(snapshot, gap=1e-5, certificate=True)
        found.append((snapshot.local, result.local.objective, result.certificate.local))
    return found


def test_extreme_multipliers_prove_nothing_false(solved):
    for part, attained, proof in solved:
        assert attained > 1.0
        leaf = proof.bounds[:1] * 0.0 + attained * (1.0 - 1e-9)
        one = replace(proof, tree=integers([0]), heads=integers([]), cuts=floats([]), bounds=leaf)
        for price, touch in itertools.product(EXTREMES, EXTREMES):
            (found,) = prove_local(part, replace(one, prices=floats([price]), touches=floats([touch])))
            assert not found <= leaf[0], (price, touch)


def test_forged_trees_prove_nothing_false(solved):
    rng = np.random.default_rng(0)
    for part, attained, proof in solved:
        for _ in range(12):
            numbers = {}
            for name in ("cuts", "prices", "touches"):
                own = getattr(proof, name)
                forged = rng.random(len(own)) < 0.3
                numbers[name] = floats(np.where(forged, rng.choice(EXTREMES, len(own)), own))
            heads = np.where(rng.random(len(proof.heads)) < 0.2, rng.integers(0, 7, len(proof.heads)), proof.heads)
            claims = floats(np.minimum(proof.bounds, attained * (1.0 - 1e-9)))
            found = prove_local(part, replace(proof, heads=integers(heads), bounds=claims, **numbers))
            assert found is None or not all(ball <= claim for ball, claim in zip(found, claims.tolist(), strict=True))


def test_what_a_claim_is_changes_no_bound(solved):
    """Precision follows the claims; what is proved is the same but for the width of balls, and no more than the fast one's."""
    for part, _, proof in solved[:3]:
        own, doubtful = prove_local(part, proof), prove_local(part, replace(proof, bounds=floats(proof.bounds * 0.0)))
        assert all(abs(float(a.mid()) - float(b.mid())) < 1e-12 for a, b in zip(own, doubtful, strict=True))
        assert all(ball <= fast for ball, fast in zip(own, prove_fast(part, proof).tolist(), strict=True))


def test_an_empty_tree_proves_0_only_where_nothing_can_be_earned(solved):
    nothing = {name: floats([]) for name in ("cuts", "prices", "touches", "bounds")}
    for part, _, proof in solved:
        empty = replace(proof, tree=integers([]), heads=integers([]), **nothing)
        assert prove_local(part, empty) is None
        assert prove_local(replace(part, subchannels_max=1e-14), empty) == []
        if proof.whole:
            assert prove_local(replace(part, subchannels_max=5.5), empty) == []
            assert prove_local(replace(part, subchannels_max=6.0), empty) is None
