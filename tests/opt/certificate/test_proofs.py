"""Certificates that the solver writes are re-proved, in every mode and at the edges of what a snapshot may hold."""

import itertools
import subprocess
import sys
import time

import pytest

import twingap
from twingap.opt.certificate.check import verify_certificate
from twingap.opt.certificate.proof import SHARE_CUT, GlobalProof, WholeGlobalProof
from twingap.opt.errors import InputError

MODES = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor, "whole_subchannels": whole}
    for multicast, rule, floor, whole in itertools.product(("group", "per_link"), ("fail", "cap"), (True, False), (False, True))
]
# Budgets with which whole numbers matter and somebody earns.
SOME = {"local_subchannels": 20.0, "global_subchannels": 31.0}


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())))
def test_every_mode_is_re_proved(certified, failures, mode):
    for seed, gap in ((0, 1e-4), (1, 1e-8)):
        snapshot = twingap.draw(preset="tiny", seed=seed, **mode)
        assert not failures(snapshot, *certified(snapshot, gap=gap))


@pytest.mark.parametrize(
    "local",
    [
        {"subchannels_max": 3.0},
        {"subchannels_max": 0.5},
        {"spectrum_cost": 0.0, "cpu_cost": 0.0},
        {"accuracy": [1.0] * 6},
        {"benefit": 1e-3},
    ],
    ids=lambda local: "-".join(local),
)
@pytest.mark.parametrize("whole", [False, True])
def test_edges_are_re_proved(certified, failures, changed, local, whole):
    snapshot = twingap.draw(preset="tiny", seed=3, whole_subchannels=whole)
    snapshot = changed(snapshot, local, {"subchannels_max": 8.0, "cpu_cost": 0.0})
    assert not failures(snapshot, *certified(snapshot, gap=1e-7))


@pytest.mark.parametrize("preset", ["paper", "plant"])
def test_where_nothing_pays_the_bound_is_exactly_zero(certified, failures, preset):
    # Per-link multicast needs more spectrum than 80 heads can earn back: everything off is best, and no slack is left.
    for seed in range(4):
        snapshot = twingap.draw(preset=preset, seed=seed, multicast="per_link")
        solution, certificate = certified(snapshot, gap=1e-6)
        assert solution.local == (0.0, 0.0)
        assert certificate.local.bound == 0.0
        assert not failures(snapshot, solution, certificate)


def test_equal_heads_are_re_proved(certified, failures, alike):
    cuts = 0
    for subchannels in (1.5, 2.0, 2.5, 3.0, 5.0):
        snapshot = alike(subchannels)
        solution, certificate = certified(snapshot, gap=1e-8)
        assert not failures(snapshot, solution, certificate)
        cuts += int((certificate.local.tree == SHARE_CUT).sum())
    assert cuts > 0, "no head's share was cut: the test says nothing about symmetry"


def test_equal_heads_with_whole_subchannels_are_re_proved(certified, failures, alike):
    for subchannels in (8.0, 10.9, 13.0):
        snapshot = alike(subchannels, whole_subchannels=True, spectrum_cost=1e-8)
        assert not failures(snapshot, *certified(snapshot, gap=1e-6))


def test_parts_may_differ_in_whole_subchannels(certified, failures, changed):
    for local, global_ in ((True, False), (False, True)):
        snapshot = twingap.draw(preset="tiny", seed=1)
        snapshot = changed(snapshot, {"whole_subchannels": local}, {"whole_subchannels": global_})
        solution, certificate = certified(snapshot)
        assert not failures(snapshot, solution, certificate)
        assert certificate.local.whole == local
        assert isinstance(certificate.global_, WholeGlobalProof) == global_


def test_many_points_are_proved_by_divisible_subchannels(certified, failures):
    snapshot = twingap.draw(preset="tiny", seed=2, whole_subchannels=True, aps=14, heads_per_ap=(1, 1), global_subchannels=60.0)
    solution, certificate = certified(snapshot)
    assert not failures(snapshot, solution, certificate)
    assert isinstance(certificate.global_, GlobalProof)


def test_whole_proofs_say_nothing_about_divisible_subchannels(certified, failures, changed):
    snapshot = twingap.draw(preset="tiny", seed=1, whole_subchannels=True)
    solution, certificate = certified(snapshot)
    for free in ({"local": {"whole_subchannels": False}}, {"global_": {"whole_subchannels": False}}):
        assert failures(changed(snapshot, **free), solution, certificate)


@pytest.mark.parametrize("whole", [False, True])
def test_more_committees_are_re_proved(certified, failures, whole):
    snapshot = twingap.draw(preset="tiny", seed=2, aps=6, committees=4, whole_subchannels=whole, **SOME)
    assert not failures(snapshot, *certified(snapshot))


def test_what_is_proved_in_no_time_is_re_proved_too(certified, failures, changed):
    for seed, whole in itertools.product(range(3), (False, True)):
        snapshot = twingap.draw(preset="tiny", seed=seed, whole_subchannels=whole)
        snapshot = changed(snapshot, {"subchannels_max": 7.0 if whole else 2.0}, {"subchannels_max": 10.0})
        assert not failures(snapshot, *certified(snapshot, gap=0.0, time_limit=1e-9))


@pytest.mark.parametrize("whole", [False, True])
def test_certificates_are_re_proved_faster_than_snapshots_solved(certified, failures, whole):
    snapshot = twingap.draw(preset="tiny" if whole else "paper", seed=0, whole_subchannels=whole)
    solution, certificate = certified(snapshot, gap=1e-6)
    assert not failures(snapshot, solution, certificate)

    def quickest(action):
        taken = []
        for _ in range(5):
            started = time.process_time()
            action()
            taken.append(time.process_time() - started)
        return min(taken)

    solving = quickest(lambda: twingap.solve(snapshot, gap=1e-6))
    assert quickest(lambda: verify_certificate(snapshot, solution, certificate)) <= solving


def test_where_nobody_can_earn_anything_the_bound_is_exactly_zero(certified, failures, changed):
    for seed, whole in itertools.product(range(3), (False, True)):
        snapshot = twingap.draw(preset="tiny", seed=seed, whole_subchannels=whole)
        for local, global_ in (
            ({"benefit": 1e-3}, {"benefit": 1e-3}),
            ({"subchannels_max": 0.2}, {"subchannels_max": 0.2}),
            ({"subchannels_max": 1e-3, "spectrum_cost": 0.0}, {"subchannels_max": 1e-3, "spectrum_cost": 0.0}),
        ):
            poor = changed(snapshot, local, global_)
            solution, certificate = certified(poor, gap=1e-6)
            assert (solution.objective, solution.bound, solution.gap) == (0.0, 0.0, 0.0)
            assert not failures(poor, solution, certificate)


def test_who_writes_no_certificate_says_so():
    snapshot = twingap.draw(preset="tiny", seed=0)
    with pytest.raises(InputError, match="writes no certificate") as caught:
        twingap.solve(snapshot, solver="milp", certificate=True)
    assert caught.value.field == "certificate"
    assert twingap.solve(snapshot).certificate is None


def test_the_checker_never_loads_a_solver():
    code = (
        "import sys, twingap.opt.certificate.check, twingap.opt.certificate.certificate_file;"
        "sys.exit(any(name.startswith('twingap.opt.solvers') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
