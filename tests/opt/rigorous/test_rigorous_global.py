"""The global part in ball arithmetic: accepts what the solver proves, never a claim below what is attained."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from flint import arb

from twingap import solve
from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.proof import LEAF, GlobalProof, WholeGlobalProof
from twingap.opt.families import draw_family
from twingap.opt.global_equations import evaluate_global
from twingap.opt.rigorous.balls import INFINITE, ZERO
from twingap.opt.rigorous.global_curve import Curve
from twingap.opt.rigorous.global_needs import Needs
from twingap.opt.rigorous.global_proof import prove_global
from twingap.opt.rigorous.global_whole import prove_whole_global
from twingap.opt.rigorous.global_whole_time import LeastTime
from twingap.opt.rigorous.global_worth import Earner, Piece, least_spectrum, worth_on

EXTREMES = (0.0, 5e-324, 1e-300, 1e-9, 1.0, 1e9, 1e300, 1e308)
DIVISIBLE = ("tiny", "small", "scarce", "identical", "perlink", "cap", "shards", "paper", "paper_perlink", "starved")


def prove(part, proof):
    return (prove_whole_global if isinstance(proof, WholeGlobalProof) else prove_global)(part, proof)


def accepted(part, proof):
    proved = prove(part, proof)
    return proved is not None and all(value <= claim for value, claim in zip(proved, proof.bounds.tolist(), strict=True))


def proves_at_least(part, proof, attained):
    """Whether the forged proof is refused or its leaves prove at least what is attained (as floats compute it)."""
    attained *= 1.0 - 1e-11
    proved = prove(part, proof)
    return proved is None or any(not value < attained for value in proved)


@pytest.fixture(scope="module", params=["tiny", "scarce", "perlink", "cap", "whole"])
def solved(request):
    """(global part, its proof, what is attained)."""
    snapshot = draw_family(request.param, 3)
    result = solve(snapshot, gap=1e-4, certificate=True)
    attained = float(evaluate_global(snapshot.global_, result.decision.global_).utility)
    return snapshot.global_, result.certificate.global_, attained


@pytest.mark.parametrize("name", DIVISIBLE)
@pytest.mark.parametrize("seed", [1, 2])
def test_accepts_the_solvers_own_proofs(name, seed):
    snapshot = draw_family(name, seed)
    assert accepted(snapshot.global_, solve(snapshot, gap=1e-4, certificate=True).certificate.global_)


@pytest.mark.parametrize("name", ["whole", "whole_perlink", "cap"])
def test_accepts_the_solvers_own_whole_proofs(name):
    snapshot = draw_family(name, 5, whole_subchannels=True)
    proof = solve(snapshot, gap=1e-4, certificate=True).certificate.global_
    assert isinstance(proof, WholeGlobalProof)
    assert accepted(snapshot.global_, proof)


def test_refuses_claims_below_what_is_attained(solved):
    part, proof, attained = solved
    for share in (0.0, 0.5, 1.0 - 1e-9):
        lower = replace(proof, bounds=floats(np.minimum(proof.bounds, share * attained)))
        assert not accepted(part, lower)


def test_no_multiplier_makes_a_bound_false(solved):
    part, proof, attained = solved
    rng = np.random.default_rng(5)

    def extreme(like, signed):
        values = rng.choice(EXTREMES, like.shape)
        values = np.where(rng.random(like.shape) < 0.5, values, like)
        return floats(values * rng.choice([-1.0, 1.0], like.shape)) if signed else floats(values)

    for _ in range(12):
        forged = replace(proof, prices=extreme(proof.prices, signed=False))
        if isinstance(proof, GlobalProof):
            slopes, potentials = extreme(proof.slopes, signed=True), extreme(proof.potentials, signed=True)
            forged = replace(forged, slopes=slopes, potentials=potentials)
        assert proves_at_least(part, forged, attained)


def test_no_cut_makes_a_bound_false(solved):
    part, proof, attained = solved
    committees = len(part.capacity)
    rng = np.random.default_rng(7)
    for where in (1e-300, 1e-6, 0.7, 3.0, 1e300):
        if isinstance(proof, WholeGlobalProof):
            cuts = {"tree": [1, 0, 0], "committees": [rng.integers(committees)], "cuts": [min(int(where), 20)]}
            forged = replace(proof, **{key: integers(its) for key, its in cuts.items()})
            forged = replace(forged, prices=floats([proof.prices[0]] * 2), bounds=floats([0.0, 0.0]))
        else:
            ways = len(proof.counts)
            tree, leaves = [int(rng.integers(1, 3)), 0, 0] * ways, 2 * ways
            multipliers = (floats([its[0]] * leaves) for its in (proof.prices, proof.slopes, proof.potentials))
            prices, slopes, potentials = multipliers
            forged = replace(
                proof,
                tree=integers(tree),
                committees=integers(rng.integers(committees, size=ways)),
                cuts=floats([where] * ways),
                prices=prices,
                slopes=slopes,
                potentials=potentials,
                bounds=floats([0.0] * leaves),
            )
        assert proves_at_least(part, forged, attained)


def test_leaves_that_do_not_cover_everything_prove_nothing():
    snapshot = draw_family("shards", 1)
    part, proof = snapshot.global_, solve(snapshot, gap=1e-4, certificate=True).certificate.global_
    assert prove_global(part, replace(proof, counts=integers(proof.counts[::-1]))) is not None
    for counts in (proof.counts[:-1], np.vstack([proof.counts[:-1], proof.counts[:1]]), proof.counts[:, :-1], proof.counts + 1):
        assert prove_global(part, replace(proof, counts=integers(counts))) is None
    for tree in (proof.tree[:-1], np.append(proof.tree, LEAF), np.zeros(0)):
        assert prove_global(part, replace(proof, tree=integers(tree))) is None
    one = floats([0.0])
    tree = GlobalProof(0.0, proof.counts, integers([2, 0, 0]), integers([99]), one, one, floats([[]]), floats([[]]), one)
    assert prove_global(part, tree) is None
    whole = draw_family("whole", 1).global_
    for nodes, committee in (([1, 0], 0), ([1, 0, 0, 0], 0), ([], 0), ([1, 0, 0], 9)):
        forged = WholeGlobalProof(0.0, integers(nodes), integers([committee]), integers([3]), floats([0, 0]), floats([0, 0]))
        assert prove_whole_global(whole, forged) is None


def test_the_largest_worth_on_a_piece():
    """Against a grid: never below it, and hardly above it."""
    rng = np.random.default_rng(3)
    for _ in range(60):
        gain, decay, verifying, fastest, price = rng.uniform(0.05, 1.0, 5) * (200.0, 1.0, 3.0, 1.0, 2.0)
        verifying, price = verifying * rng.integers(2), price * rng.integers(2)
        low, delay, spectrum, root = rng.uniform(0.1, 1.0), 0.05, rng.uniform(), rng.uniform(0.5, 6.0)
        high = low + rng.uniform(0.1, 5.0) if rng.random() < 0.7 else math.inf
        piece = Piece(arb(low), arb(high), arb(delay), arb(spectrum), arb(root))
        found = worth_on(Earner(*map(arb, (gain, decay, verifying, fastest, price))), piece, ZERO, INFINITE)
        t = np.linspace(low, min(high, low + 60.0), 1500)[:, None]
        v = fastest + np.geomspace(1e-9, 60.0, 1200)[None, :]
        paid = verifying / v + price * (spectrum + root**2 / (t - delay))
        grid = (gain * np.exp(-decay * (t + v)) - paid).max()
        never = -price * (spectrum + (root**2 / (high - delay) if math.isfinite(high) else 0.0))
        assert float(found.upper()) >= max(grid, never) - 1e-12 * gain
        assert float(found) <= max(grid, never) + 2e-3 * gain


@pytest.mark.parametrize("name", ["small", "perlink", "paper", "paper_perlink", "cap"])
def test_the_curve_lies_below_every_choice_of_phases(name):
    part = draw_family(name, 4).global_
    needs = Needs(part)
    rng, timeout = np.random.default_rng(11), float(part.timeout)
    for its in needs.committees:
        curve, load = Curve(needs, its), sum(its.access[:1], ZERO)
        pieces = [piece for alternative in curve.pieces(load) for piece in alternative]
        e, g = np.array([float(x) for x in its.sends]), np.array([float(x) for x in its.replies])
        tightest = math.inf
        for _ in range(400):
            request, x, y, share = timeout * rng.uniform(0.02, 1.0, 4) ** rng.choice([0.01, 1.0])
            z = y * min(share / timeout, 1.0)
            ends = np.maximum(e / y, g / z).sum() if needs.group else e.sum() / y + g.sum() / z
            spectrum = float(load) / request + float(its.leader) / x + ends
            below = float(least_spectrum(pieces, arb(request + x + max(x, y) + y + z)).lower())
            assert below <= spectrum * (1.0 + 1e-12)
            tightest = min(tightest, spectrum / max(below, 1e-9))
        assert tightest < 1.5


@pytest.mark.parametrize("mode", ["group", "per_link"])
def test_the_time_of_whole_subchannels_is_that_of_the_best_counts(mode):
    """Every split of N among the manager and the delegates is tried, and within it the phases on a fine grid of w."""
    part = draw_family("whole_perlink", 2, multicast=mode).global_
    needs = Needs(part)
    its, load = needs.committees[0], needs.committees[0].access[0]
    e, g = [float(x) for x in its.sends], [float(x) for x in its.replies]
    for total in (7, 12):
        best = math.inf
        for counts in itertools.product(range(1, total), repeat=len(e)):
            own = total - sum(counts)
            if own < 1:
                continue
            w = np.linspace(0.0, own, 4002)[1:-1]
            x = float(its.leader) / (own - w)
            if mode == "group":
                ys = np.array([max(a / n for a, n in zip(e, counts, strict=True))])
                zs = np.array([max(b / n for b, n in zip(g, counts, strict=True))])
            else:
                fastest = max((a + b) / n for a, b, n in zip(e, g, counts, strict=True))
                ys = fastest * np.linspace(1.0, 2.0, 400)
                zs = np.max([b / (n - a / ys) for a, b, n in zip(e, g, counts, strict=True)], axis=0)
            for y, z in zip(ys, zs, strict=True):
                late = (np.maximum(x, y) > part.timeout) | (float(load) / w > part.timeout)
                best = min(best, np.where(late, math.inf, float(load) / w + x + np.maximum(x, y) + y + z).min())
        found = LeastTime(needs, its, load, total)
        while found.sharpen():
            pass
        if best == math.inf:
            assert found.time == INFINITE
        else:
            assert best * (1.0 - 1e-4) <= float(found.time) <= best * (1.0 + 1e-12)
