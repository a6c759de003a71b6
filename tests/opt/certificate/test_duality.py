"""Weak duality: any tree and any multipliers give a true bound of the divisible parts."""

import itertools
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import twingap
from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.global_check import count_vectors, prove_global
from twingap.opt.certificate.local_check import prove_local
from twingap.opt.certificate.proof import DELAY_CUT, LEAF, LOAD_CUT, SHARE_CUT, TIME_CUT, GlobalProof, LocalProof
from twingap.opt.global_equations import evaluate_global
from twingap.opt.global_reduction import committee_needs, request_needs
from twingap.opt.local_equations import evaluate_local
from twingap.opt.local_reduction import equal_heads, reduce_local
from twingap.opt.result import Deadline
from twingap.opt.rigorous import local as rigorous
from twingap.opt.solvers.decomposition.global_part import solve_global
from twingap.opt.solvers.decomposition.local_part import solve_local

MODES = [
    {"multicast": multicast, "timeout_rule": rule}
    for multicast, rule in itertools.product(("group", "per_link"), ("fail", "cap"))
]


def random_local_proof(rng, part, heads, random_tree):
    problem = reduce_local(part)
    least = problem.multicast_need / problem.budget if problem.multicast_need > 0.0 else 0.0

    def cut():
        if least > 0.0 and rng.random() < 0.5:
            return TIME_CUT, 0, least * math.exp(rng.exponential())
        return SHARE_CUT, int(rng.integers(heads)), problem.budget * math.exp(rng.normal(-1.5, 1.5))

    tree, drawn = random_tree(rng, 6, cut)
    leaves = int((tree == LEAF).sum())
    scale = problem.worth.sum() / problem.budget
    return LocalProof(
        whole=False,
        bound=0.0,
        tree=tree,
        heads=integers([index for index, _ in drawn]),
        cuts=floats([where for _, where in drawn]),
        prices=floats(problem.spectrum_price + scale * np.exp(rng.normal(-1.0, 2.0, leaves))),
        touches=floats(max(least, 1e-3) * np.exp(rng.exponential(size=leaves))),
        bounds=floats(np.zeros(leaves)),
    )


@pytest.mark.parametrize("prove", [prove_local, rigorous.prove_local], ids=["fast", "rigorous"])
def test_local_bounds_hold_for_any_cuts_and_multipliers(prove, random_local_part, random_tree, leaf_of):
    cut_trees = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        part = random_local_part(rng)
        answer = solve_local(part, 1e-3, 1e-6, Deadline(0.5))
        tau, shares = float(evaluate_local(part, answer.decision).multicast), answer.decision.uplink
        problem = reduce_local(part)
        labels = equal_heads(problem.worth, problem.work, problem.need, problem.cpu_max)
        for _ in range(5):
            proof = random_local_proof(rng, part, len(labels), random_tree)
            proved = prove(part, proof)
            if proved is None:
                continue
            cut_trees += len(proved) > 1
            assert max(proved) >= answer.objective or answer.objective <= 0.0
            if len(set(labels.tolist())) == len(labels) and answer.objective > 0.0:
                leaf = leaf_of(proof.tree, partial(on_the_lower_side, proof, tau, shares))
                assert proved[leaf] >= answer.objective * (1.0 - 1e-9)
    assert cut_trees > 100


def on_the_lower_side(proof, tau, shares, cut, kind):
    return (tau if kind == TIME_CUT else shares[proof.heads[cut]]) <= proof.cuts[cut]


def random_global_proof(rng, part, counts, random_tree):
    """A proof with random cuts and multipliers for these roots, and the number of cuts and leaves of each tree."""
    needs = committee_needs(part)
    committees, points = needs.access.shape

    def cut(way):
        i = int(rng.integers(committees))
        if rng.random() < 0.5:
            sums = np.concatenate([[0.0], np.cumsum(np.sort(needs.access[i]))])
            low, high = sums[way[i]], sums[-1] - sums[points - way[i]]
            return LOAD_CUT, i, float(rng.uniform(low, high)) + 1e-9
        return DELAY_CUT, i, float(np.exp(rng.normal(0.0, 1.0)))

    trees = [random_tree(rng, 2, partial(cut, way)) for way in counts]
    tree = integers(np.concatenate([kinds for kinds, _ in trees]))
    drawn = [each for _, its in trees for each in its]
    leaves = int((tree == LEAF).sum())
    scale = part.benefit * points / part.subchannels_max
    proof = GlobalProof(
        bound=0.0,
        counts=counts,
        tree=tree,
        committees=integers([index for index, _ in drawn]),
        cuts=floats([where for _, where in drawn]),
        prices=floats(scale * np.exp(rng.normal(-1.5, 1.5, leaves))),
        slopes=floats(-scale * np.exp(rng.normal(-1.0, 1.0, (leaves, committees)))),
        potentials=floats(rng.normal(size=(leaves, committees))),
        bounds=floats(np.zeros(leaves)),
    )
    return proof, [kinds for kinds, _ in trees]


def global_leaf_of(part, proof, trees, decision, leaf_of):
    """The leaf of the cell that holds a decision."""
    found = evaluate_global(part, decision)
    committees = len(part.capacity)
    loads = np.where(decision.access == np.arange(committees)[:, None], request_needs(part), 0.0).sum(axis=1)
    times = np.where(found.benefit > 0.0, found.phases.sum(axis=-1), np.inf)
    way = int(np.flatnonzero((proof.counts == np.bincount(decision.access, minlength=committees)).all(axis=1))[0])
    before = np.concatenate([*trees[:way], np.zeros(0, dtype=np.int64)])
    first_leaf, first_cut = int((before == LEAF).sum()), int((before != LEAF).sum())

    def below(cut, kind):
        i = proof.committees[first_cut + cut]
        return (loads[i] if kind == LOAD_CUT else times[i]) <= proof.cuts[first_cut + cut]

    return first_leaf + leaf_of(trees[way], below)


def test_global_bounds_hold_for_any_cuts_and_multipliers(random_tree, leaf_of):
    cut_trees = 0
    for seed, mode in itertools.product(range(8), MODES):
        rng = np.random.default_rng(seed)
        snapshot = twingap.draw(preset="tiny", seed=seed, aps=4, committees=int(rng.integers(1, 4)), **mode)
        budget, timeout = float(np.exp(rng.normal(3.0, 1.0))), float(np.exp(rng.normal(0.0, 1.0)))
        part = replace(snapshot.global_, subchannels_max=budget, timeout=timeout)
        answer = solve_global(part, 1e-6, 1e-9, Deadline(1.0))
        counts = count_vectors(part.capacity, part.sinr_access.shape[-1])
        for _ in range(20):
            proof, trees = random_global_proof(rng, part, counts, random_tree)
            proved = prove_global(part, proof)
            if proved is not None:
                cut_trees += len(proof.cuts) > 0
                assert proved[global_leaf_of(part, proof, trees, answer.decision, leaf_of)] >= answer.objective * (1.0 - 1e-9)
    assert cut_trees > 50
