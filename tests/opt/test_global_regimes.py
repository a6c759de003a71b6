"""The global part where it is weak: budgets just at what the timeout needs, free spectrum, many committees, wild numbers.

Bounds and decisions of hand-worked cases, and seeded draws of each regime whose own certificates must hold.
"""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

import twingap
from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.global_check import prove_global
from twingap.opt.certificate.proof import GlobalProof, WholeGlobalProof
from twingap.opt.certificate.whole_global_check import prove_whole_global
from twingap.opt.errors import FalseBoundError
from twingap.opt.global_equations import evaluate_global
from twingap.opt.global_range import global_numbers, most_benefit
from twingap.opt.global_reduction import committee_needs
from twingap.opt.result import Deadline
from twingap.opt.snapshot import CommitteeLayout, GlobalPart
from twingap.opt.solvers.decomposition import whole_global
from twingap.opt.solvers.decomposition.global_held import attained
from twingap.opt.solvers.decomposition.global_part import solve_global

GAP = 1e-6


def plain(rng, whole=False, committees=None, points=None, **changes):
    """A small random part, with free or priced spectrum and CPU, loose or binding timeouts, idle delegates."""
    committees = committees or int(rng.integers(1, 5))
    points = points or int(rng.integers(1, 6))
    layout = CommitteeLayout.of(integers(rng.integers(2, 5, size=committees)))
    most = layout.delegates.max()
    capacity = rng.integers(0, points + 1, size=committees)
    while capacity.sum() < points:
        capacity[rng.integers(committees)] += 1
    cycles = np.where(layout.is_delegate, 10 ** rng.uniform(7, 9.5, (committees, most)), 0.0)
    cycles[:, 0] *= rng.random() < 0.8
    cycles *= rng.random() < 0.9
    part = GlobalPart(
        subchannel_hz=30e6,
        subchannels_max=float(rng.integers(3, 40)) + 0.5 if whole else float(10 ** rng.uniform(0, 2)),
        whole_subchannels=whole,
        multicast=str(rng.choice(["group", "per_link"])),
        timeout=float(10 ** rng.uniform(-1, 1)),
        timeout_rule=str(rng.choice(["fail", "cap"])),
        benefit=200.0,
        decay=float(rng.choice([0.1, 0.3, 0.5, 1.0])),
        spectrum_cost=float(rng.choice([0, 1e-9, 2e-8])),
        cpu_cost=float(rng.choice([0, 1e-10, 1e-9])),
        layout=layout,
        block_bits=floats(rng.uniform(8e6, 80e6, committees)),
        capacity=integers(capacity),
        cycles=floats(cycles),
        cpu_max_hz=floats(np.where(layout.is_delegate, rng.uniform(5e9, 20e9, (committees, most)), 1.0)),
        sinr_access=floats(10 ** rng.uniform(0, 2.5, (committees, points))),
        sinr_peer=floats(np.where(layout.is_link, 10 ** rng.uniform(0, 2.5, (committees, most, most)), 1.0)),
    )
    return replace(part, **changes)


def at_timeout(part):
    """Spectrum of every committee with every phase at the timeout and the APs that need least; inf where none fit."""
    needs = committee_needs(part)
    requests = np.array([np.sort(needs.access[i])[: int(part.capacity[i])].sum() for i in range(len(part.capacity))])
    each = (requests + needs.leader + np.maximum(needs.broadcast, needs.reply).sum(axis=-1)) / part.timeout
    return np.where(part.capacity > 0, each, np.inf)


def budget(rng, whole=False):
    """0.5 to 1.3 times what one committee, or all, need for the timeout; the edges of its tolerance among them."""
    part = plain(rng, whole, timeout_rule=str(rng.choice(["fail", "fail", "cap"])))
    each = at_timeout(part)
    need = float(each.min() if rng.random() < 0.5 else each[np.isfinite(each)].sum())
    factor = float(rng.choice([rng.uniform(0.5, 1.3), 1.0, 1.0 + 1e-9, 1.0 - 1e-9, 1.0 - 1e-10, 1.0 + 1e-12]))
    if whole:
        room = math.floor(part.subchannels_max)
        return replace(part, block_bits=floats(part.block_bits * (room / need * factor)), subchannels_max=float(room))
    return replace(part, subchannels_max=need * factor)


def free(rng, whole=False):
    """Uploads of next to no bits; prices of 0, ordinary and far too small to matter."""
    part = plain(rng, whole, spectrum_cost=float(rng.choice([0.0, 1e-9, 2e-8, 1e-20, 1e-300, 5e-324])))
    return replace(part, block_bits=floats(10 ** rng.uniform(-9, 3, part.block_bits.shape)))


def many(rng, whole=False):
    """More committees, often more than APs."""
    return plain(rng, whole, committees=int(rng.integers(3, 7)), points=int(rng.integers(1, 7)))


def zero(rng, whole=False):
    """Nothing has a price."""
    return plain(rng, whole, spectrum_cost=0.0, cpu_cost=0.0)


def twins(rng, whole=False):
    """Committees and APs that are alike."""
    part = plain(rng, whole)
    access = np.full_like(part.sinr_access, part.sinr_access[0, 0])
    return replace(part, sinr_access=floats(access), block_bits=floats(np.full_like(part.block_bits, part.block_bits[0])))


def orders(rng, whole=False):
    """Numbers over many orders of magnitude."""
    part, span = plain(rng, whole), float(rng.choice([3.0, 8.0, 15.0]))

    def spread(values, share):
        return values * 10 ** rng.uniform(-span, span, np.shape(values)) if rng.random() < share else values

    real, link = part.layout.is_delegate, part.layout.is_link
    return replace(
        part,
        subchannels_max=part.subchannels_max if whole else float(spread(part.subchannels_max, 0.5)),
        benefit=float(spread(part.benefit, 0.5)),
        decay=float(spread(part.decay, 0.5)),
        timeout=float(spread(part.timeout, 0.4)),
        spectrum_cost=float(spread(part.spectrum_cost, 0.5)),
        cpu_cost=float(spread(part.cpu_cost, 0.5)),
        block_bits=floats(spread(part.block_bits, 0.4)),
        cycles=floats(spread(part.cycles, 0.4)),
        cpu_max_hz=floats(np.where(real, spread(part.cpu_max_hz, 0.4), 1.0)),
        sinr_access=floats(spread(part.sinr_access, 0.4)),
        sinr_peer=floats(np.where(link, spread(part.sinr_peer, 0.4), 1.0)),
    )


def extreme(rng, whole=False):
    """Single numbers as large and as small as floating-point numbers go."""
    part = plain(rng, whole)

    def any_size():
        return float(rng.choice([10 ** rng.uniform(-300, 300), 5e-324, 1e-308, 1e154]))

    names = ["benefit", "decay", "timeout", "spectrum_cost", "cpu_cost", *([] if whole else ["subchannels_max"])]
    changes = {name: any_size() for name in names if rng.random() < 0.3}
    for name in ("block_bits", "sinr_access"):
        if rng.random() < 0.25:
            values = getattr(part, name)
            changes[name] = floats(values * 10 ** rng.uniform(-200, 200, values.shape))
    return replace(part, **changes)


REGIMES = (budget, free, many, zero, twins, orders, extreme)


def proved_bounds(part, proof):
    prove = prove_whole_global if isinstance(proof, WholeGlobalProof) else prove_global
    return prove(part, proof)


def check(part, seconds=600.0, closes=True):
    """Solves with a certificate: feasible, objective as evaluated, own certificate holds, closes to 1e-6."""
    with np.errstate(all="ignore"):
        answer = solve_global(part, 0.5 * GAP, 0.0, Deadline(seconds), certify=True)
        found = evaluate_global(part, answer.decision)
    proof = answer.proof
    assert float(found.violation) <= 1e-9
    assert answer.objective == float(found.utility)
    assert answer.bound >= answer.objective >= 0.0
    if math.isfinite(answer.bound):
        proved = proved_bounds(part, proof)
        assert ((proved <= proof.bounds) & (proof.bounds <= proof.bound)).all()
    if closes:
        # Bounds hold a margin of 1e-11 of what one could earn at the least possible delay.
        assert (
            answer.bound - answer.objective <= 2.0 * GAP * answer.objective + 1e-10 * part.benefit * part.sinr_access.shape[1]
        )
    return answer


@pytest.mark.parametrize("whole", [False, True], ids=["divisible", "whole"])
@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.__name__)
def test_weak_regimes_close_and_their_certificates_hold(regime, whole):
    for seed in range(25):
        check(regime(np.random.default_rng([seed, 11]), whole), closes=regime is not extreme)


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True], ids=["divisible", "whole"])
@pytest.mark.parametrize("regime", REGIMES, ids=lambda regime: regime.__name__)
def test_weak_regimes_close_and_their_certificates_hold_many(regime, whole):
    for seed in range(1000, 1030):
        check(regime(np.random.default_rng([seed, 11]), whole), closes=regime is not extreme)


def pair(**changes):
    """One committee of manager and one delegate that serves two APs; all links alike, needs of 1 subchannel second each."""
    layout = CommitteeLayout.of(integers([2]))
    part = GlobalPart(
        subchannel_hz=1e6,
        subchannels_max=10.0,
        whole_subchannels=False,
        multicast="group",
        timeout=1.0,
        timeout_rule="fail",
        benefit=100.0,
        decay=0.1,
        spectrum_cost=0.0,
        cpu_cost=0.0,
        layout=layout,
        block_bits=floats([1e6]),
        capacity=integers([2]),
        cycles=floats([[1e9, 1e9]]),
        cpu_max_hz=floats([[2e9, 4e9]]),
        sinr_access=floats([[1.0, 1.0]]),
        sinr_peer=floats(np.ones((1, 2, 2))),
    )
    return replace(part, **changes)


@pytest.mark.parametrize("whole", [False, True])
def test_a_committee_may_earn_without_a_subchannel(whole):
    """``cap``, spectrum far too dear: all five phases count T, and both APs earn B exp(-A (5 T + 0.5 s))."""
    part = pair(timeout_rule="cap", spectrum_cost=1.0, whole_subchannels=whole)
    best = 2 * 100.0 * math.exp(-0.1 * 5.5)
    answer = check(part)
    assert answer.objective == pytest.approx(best, rel=1e-12)
    assert answer.bound == pytest.approx(best, rel=1e-9)
    if whole:
        search = whole_global._Tables(part, global_numbers(part)).search(Deadline(120.0))
        assert search[2] >= best  # not because the objective lifted it


@pytest.mark.parametrize("factor", [1.0, 1.0 - 1e-10, 1.0 - 9e-10, 1.0 + 1e-12, 1.0 + 1e-9])
def test_a_budget_just_at_what_the_timeout_needs_is_served(factor):
    """Four subchannels keep every phase at T = 1 s; a phase may exceed T by 1e-9 of it and counts T."""
    answer = check(pair(subchannels_max=4.0 * factor))
    assert answer.objective == pytest.approx(2 * 100.0 * math.exp(-0.1 * 5.5), rel=1e-8)


def test_a_budget_below_what_the_timeout_needs_is_of_no_use():
    answer = check(pair(subchannels_max=4.0 * (1.0 - 1e-8)))
    assert answer.objective == 0.0
    assert answer.bound == 0.0


@pytest.mark.parametrize("price", [5e-324, 1e-300, 1e-30, 1e-20])
def test_a_price_too_small_to_matter_changes_nothing(price):
    for seed in range(6):
        part = zero(np.random.default_rng([seed, 3]))
        free_ = check(part).objective
        assert check(replace(part, spectrum_cost=price)).objective == pytest.approx(free_, rel=2e-6)
        assert check(replace(part, cpu_cost=price)).objective == pytest.approx(free_, rel=2e-6)


@pytest.mark.parametrize("budget", [1e20, 1e160, 1e300])
def test_a_budget_without_end_serves_everybody_at_once(budget):
    """Communication takes no time: what is left is verification, 0.5 s."""
    assert check(pair(subchannels_max=budget)).objective == pytest.approx(200.0 * math.exp(-0.05), rel=2e-6)


def test_with_free_spectrum_the_right_aps_are_served():
    """One committee is too slow to serve (its phases count T), the other takes all spectrum for one AP: the one that needs
    least. The bound sees no loads at a price of 0; the search must not cut times for ever."""
    rng = np.random.default_rng(2)
    for _ in range(10):
        part = plain(rng, committees=2, points=4, timeout_rule="cap", multicast="group", cpu_cost=0.0, spectrum_cost=0.0)
        part = replace(part, capacity=integers([4, 1]), block_bits=floats([6e7, 4e6]), subchannels_max=1.2, timeout=0.24)
        answer = check(part, seconds=120.0)
        best = 0.0
        for only in range(4):
            access = np.where(np.arange(4) == only, 1, 0)
            alone = solve_global(replace(part, **_fixed(part, access)), 1e-9, 0.0, Deadline(120.0))
            best = max(best, alone.objective)
        assert answer.objective >= best * (1.0 - GAP)


def _fixed(part, access):
    """Changes that leave this access only: other links of APs are too poor to be chosen (their need is unheard of)."""
    committees: np.ndarray = np.arange(len(part.capacity))
    chosen = committees[:, None] == access
    return {"sinr_access": floats(np.where(chosen, part.sinr_access, 1e-6 * part.sinr_access))}


def test_a_bound_below_what_is_earned_is_not_lifted():
    assert attained(1.0, 1.0 + 1e-12, 1e-11) == 1.0 + 1e-12
    assert attained(1.0, 2.0, 1e-11) == 1.0
    assert attained(1.0, math.nan, 1e-11) == 1.0
    assert attained(2.0, 1.0, 1e-11) == 2.0


@pytest.mark.parametrize("whole", [False, True])
def test_a_false_bound_of_the_global_part_is_loud(whole, monkeypatch, tmp_path):
    """A search that proves too little ends ``solve``, and the snapshot is kept."""
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path))
    from twingap.opt.solvers.decomposition import global_part

    if whole:
        honest = whole_global._Tables.search

        def search(tables, deadline):
            access, totals, bound, worth = honest(tables, deadline)
            return access, totals, 0.5 * bound, worth

        monkeypatch.setattr(whole_global._Tables, "search", search)
    else:
        run = global_part._Search.run

        def search(self):
            stopped = run(self)
            self.bound *= 0.5
            return stopped

        monkeypatch.setattr(global_part._Search, "run", search)
    snapshot = twingap.draw("tiny", 0, whole_subchannels=whole)
    with pytest.raises(FalseBoundError):
        twingap.solve(snapshot)
    assert list(tmp_path.glob("*global*.snapshot.json"))


@pytest.mark.parametrize("whole", [False, True])
def test_without_closed_forms_only_the_benefit_bounds(whole):
    """A decay of 1e-300: nothing is resolved, so nobody is held to earn less than B for each AP, whatever multipliers say."""
    part = pair(decay=1e-300, whole_subchannels=whole)
    assert global_numbers(part) is None
    answer = check(part, closes=False)
    assert answer.bound == most_benefit(part) == pytest.approx(200.0)
    proof = answer.proof
    assert (proved_bounds(part, replace(proof, prices=floats([1e300]))) >= 200.0).all()
    empty = replace(proof, prices=floats([]), bounds=floats([]), tree=integers([]))
    assert proved_bounds(part, empty) is None


ODD = (0.0, 5e-324, 1e-310, 1e-160, 1e-20, 1.0, 1e20, 1e160, 1e308, math.inf, math.nan, -1.0)


def test_no_multiplier_makes_a_checker_prove_less_than_is_earned():
    rng = np.random.default_rng(0)
    tried = 0
    for seed, whole in itertools.product(range(40), (False, True)):
        part = (plain, zero, free, many)[seed % 4](np.random.default_rng([seed, 5]), whole)
        answer = solve_global(part, 1e-6, 0.0, Deadline(120.0), certify=True)
        if answer.objective <= 0.0:
            continue
        proof = answer.proof
        for _ in range(20):
            leaves = len(proof.prices)
            changes = {"prices": floats(rng.choice(ODD, leaves))}
            if isinstance(proof, GlobalProof):
                size = proof.slopes.shape
                signs = rng.choice([-1.0, 1.0], size)
                changes |= {"slopes": floats(-rng.choice(ODD, size)), "potentials": floats(signs * rng.choice(ODD, size))}
            with np.errstate(all="ignore"):
                proved = proved_bounds(part, replace(proof, **changes))
            assert proved is not None
            assert not np.isnan(proved).any()
            assert proved.max() >= answer.objective * (1.0 - 1e-12)
            tried += 1
    assert tried > 1000


def test_multipliers_out_of_range_are_refused_by_name(tmp_path):
    snapshot = twingap.draw("tiny", 0)
    certificate = twingap.solve(snapshot, certificate=True).certificate
    proof = certificate.global_
    for name, value in (("prices", 1e-200), ("prices", 1e200), ("slopes", -1e200), ("potentials", 1e200)):
        changed = np.full_like(getattr(proof, name), value)
        path = tmp_path / f"{name}.json"
        twingap.save_certificate(replace(certificate, global_=replace(proof, **{name: floats(changed)})), path)
        with pytest.raises(twingap.InputError, match=name):
            twingap.load_certificate(path)
