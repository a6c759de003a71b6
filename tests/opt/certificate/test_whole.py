"""Checker for whole subchannels: true for any cuts and multipliers, exact heads, rows and tables tied to the solver's own."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import twingap
from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.head import Head, on_at, split_value
from twingap.opt.certificate.proof import COUNT_CUT, LEAF, SHARE_CUT, TIME_CUT, TOTAL_CUT, LocalProof, WholeGlobalProof
from twingap.opt.certificate.whole_delegates import FROM, LEVEL, MEMBERS, SLOPE, TO, delegate_rows
from twingap.opt.certificate.whole_global_check import prove_whole_global, worth_tables
from twingap.opt.certificate.whole_local_check import prove_whole_local
from twingap.opt.global_equations import committee_spectrum, evaluate_global
from twingap.opt.global_range import global_numbers
from twingap.opt.local_equations import evaluate_local, head_spectrum
from twingap.opt.result import Deadline
from twingap.opt.rigorous import local as rigorous
from twingap.opt.solvers.decomposition.global_part import solve_global
from twingap.opt.solvers.decomposition.local_part import solve_local

MODES = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor}
    for multicast, rule, floor in itertools.product(("group", "per_link"), ("fail", "cap"), (True, False))
]


def drawn(seed, **changes):
    options = {"whole_subchannels": True, "local_subchannels": 14.0, "global_subchannels": 24.0, "aps": 3} | changes
    return twingap.draw("tiny", seed, **options)


@pytest.mark.parametrize("prove", [prove_whole_local, rigorous.prove_local], ids=["fast", "rigorous"])
def test_local_bounds_hold_for_any_cuts_and_multipliers(prove, random_tree, leaf_of, multipliers):
    cut_trees = 0
    for seed, mode in itertools.product(range(3), MODES):
        rng = np.random.default_rng(seed)
        part = drawn(seed, heads_per_ap=(1, 2), **mode).local
        answer = solve_local(part, 1e-4, 0.0, Deadline(10.0))
        found = evaluate_local(part, answer.decision)
        tau, shares, totals = float(found.multicast), answer.decision.uplink, head_spectrum(part, answer.decision)
        heads = len(shares)

        def cut(rng=rng, heads=heads, tau=tau):
            kind = int(rng.choice([TIME_CUT, SHARE_CUT, COUNT_CUT]))
            if kind == TIME_CUT and np.isfinite(tau):
                return kind, 0, max(tau, 1e-3) * float(np.exp(rng.normal()))
            if kind == SHARE_CUT:
                return kind, int(rng.integers(heads)), float(rng.uniform(0.0, 6.0))
            return COUNT_CUT, int(rng.integers(heads)), float(rng.integers(0, 6))

        def below(proof, number, kind, tau=tau, shares=shares, totals=totals):
            j = proof.heads[number]
            held = tau if kind == TIME_CUT else shares[j] if kind == SHARE_CUT else np.round(totals[j])
            return held <= proof.cuts[number]

        for _ in range(8):
            tree, cuts = random_tree(rng, 5, cut)
            leaves = int((tree == LEAF).sum())
            proof = LocalProof(
                whole=True,
                bound=0.0,
                tree=tree,
                heads=integers([index for index, _ in cuts]),
                cuts=floats([where for _, where in cuts]),
                prices=floats(multipliers(rng, 20.0, leaves)),
                touches=floats(multipliers(rng, 1.0, leaves)),
                bounds=floats(np.zeros(leaves)),
            )
            proved = prove(part, proof)
            if proved is not None and answer.objective > 0.0:
                cut_trees += leaves > 1
                assert proved[leaf_of(tree, partial(below, proof))] >= answer.objective * (1.0 - 1e-9)
    assert cut_trees > 50


def test_numbers_of_equal_heads_may_be_cut_anywhere(random_tree, multipliers, alike):
    """A cut in the number of one of six equal heads cuts those of others too, and some best decision is still covered."""
    rng = np.random.default_rng(0)
    for subchannels in (8.0, 11.0, 14.0):
        part = alike(subchannels, whole_subchannels=True).local
        answer = solve_local(part, 1e-6, 0.0, Deadline(10.0))
        assert len(set(np.round(head_spectrum(part, answer.decision)))) > 1, "all have the same number: nothing is tested"
        for _ in range(40):
            tree, cuts = random_tree(rng, 6, lambda: (COUNT_CUT, int(rng.integers(6)), float(rng.integers(1, 4))))
            leaves = int((tree == LEAF).sum())
            proof = LocalProof(
                whole=True,
                bound=0.0,
                tree=tree,
                heads=integers([index for index, _ in cuts]),
                cuts=floats([where for _, where in cuts]),
                prices=floats(np.zeros(leaves)),
                touches=floats(multipliers(rng, 1.0, leaves)),
                bounds=floats(np.zeros(leaves)),
            )
            proved = prove_whole_local(part, proof)
            assert proved is not None
            assert proved.max() >= answer.objective * (1.0 - 1e-12)


def test_global_bounds_hold_for_any_cuts_and_prices(random_tree, leaf_of, multipliers):
    cut_trees = 0
    for seed, mode in itertools.product(range(3), MODES[::2]):
        rng = np.random.default_rng(seed)
        part = drawn(seed, committees=1 + seed, **mode).global_
        answer = solve_global(part, 1e-6, 0.0, Deadline(10.0))
        totals = np.round(committee_spectrum(part, answer.decision).sum(axis=-1))
        committees, width = len(totals), int(part.subchannels_max)

        def cut(rng=rng, committees=committees, width=width):
            return TOTAL_CUT, int(rng.integers(committees)), int(rng.integers(width + 3))

        def below(proof, number, _kind, totals=totals):
            return totals[proof.committees[number]] <= proof.cuts[number]

        for _ in range(15):
            tree, cuts = random_tree(rng, 4, cut)
            leaves = int((tree == LEAF).sum())
            proof = WholeGlobalProof(
                bound=0.0,
                tree=tree,
                committees=integers([index for index, _ in cuts]),
                cuts=integers([where for _, where in cuts]),
                prices=floats(multipliers(rng, 20.0, leaves)),
                bounds=floats(np.zeros(leaves)),
            )
            proved = prove_whole_global(part, proof)
            assert proved is not None
            cut_trees += leaves > 1
            assert proved[leaf_of(tree, partial(below, proof))] >= answer.objective * (1.0 - 1e-12)
    assert cut_trees > 50


def test_the_worth_of_a_split_is_the_best_on_a_grid():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(300):
        worth, work = 10 ** rng.uniform(0, 2), rng.choice([0.0, 10 ** rng.uniform(8, 9.5)])
        head = Head(
            0.3, work, 10 ** rng.uniform(9, 9.5), rng.choice([0.0, 10 ** rng.uniform(-9, -8)]), 10 ** rng.uniform(-2, 1)
        )
        seconds, total, price = 10 ** rng.uniform(-2, 1), float(rng.integers(1, 9)), 10 ** rng.uniform(-3, 3)
        low, high = (0.0, np.inf) if rng.random() < 0.5 else np.sort(rng.uniform(0.0, total, 2))
        grid = np.linspace(low, min(high, total * (1.0 - 1e-9)), 800)
        on_grid = [on_at(head, worth, 0.0, u) - price * seconds / (total - u) for u in grid]
        value, best = split_value(head, worth, seconds, price, total, low, high), max(on_grid)
        assert value >= best - 1e-12 * (worth + abs(best))
        assert value <= best + 0.02 * (worth + abs(best))
        inside += low < grid[int(np.argmax(on_grid))] < min(high, total * (1.0 - 1e-9))
    assert inside > 50


@pytest.mark.parametrize("group", [True, False])
def test_no_counts_of_delegates_get_below_the_rows(group):
    """Random whole counts and times: f(y) + z is never less than the rows' least, for slopes of f from 1 to 2."""
    rng = np.random.default_rng(1)
    tightest = np.inf
    for _ in range(12):
        needs = 10 ** rng.uniform(-1.0, 0.5, (4, 4)) * (1.0 - np.eye(4))
        rows = delegate_rows(needs, group, 9, 100.0, 100.0, capped=False)
        for members, weight in itertools.product(range(3, 10), (1.0, 1.5, 2.0)):
            mine = rows[rows[:, MEMBERS] == members]
            y = np.linspace(mine[:, FROM], mine[:, TO], 300)
            least = (weight * y + 1.0 / (mine[:, LEVEL] - mine[:, SLOPE] / y)).min()
            for counts in itertools.product(range(1, 8), repeat=3):
                if sum(counts) != members:
                    continue
                n = np.array(counts, dtype=float)
                if group:
                    reached = weight * (needs[1:].max(axis=1) / n).max() + (needs[1:, 0] / n).max()
                else:
                    others, reply = needs[1:, 1:].sum(axis=1), needs[1:, 0]
                    start = ((others + reply) / n).max()
                    times = start * np.exp(np.linspace(0.0, np.log(2.0), 200))[:, None]
                    reached = (weight * times[:, 0] + (reply / (n - others / times)).max(axis=1)).min()
                assert reached >= least * (1.0 - (1e-12 if group else 2e-5))
                tightest = min(tightest, reached / least - 1.0)
    assert tightest < 1e-6


@pytest.mark.parametrize("mode", MODES[::2], ids=lambda mode: "-".join(map(str, mode.values())))
def test_every_table_of_the_checker_is_what_an_exact_solve_of_its_committee_gives(mode):
    """One committee, all APs, N subchannels: the solver's optimum, which counts and times attain, equals the largest worth."""
    for seed, budget in itertools.product(range(3), (9.0, 14.0, 23.0)):
        part = drawn(seed, committees=1, global_subchannels=budget, **mode).global_
        for timeout in (2.0, 0.4):
            part = replace(part, timeout=timeout)
            answer = solve_global(part, 1e-9, 0.0, Deadline(10.0))
            attained = float(evaluate_global(part, answer.decision).utility)
            best = worth_tables(part, global_numbers(part))[0, -1].max()
            assert best >= attained
            assert best == pytest.approx(attained, rel=4e-9, abs=1e-8)
