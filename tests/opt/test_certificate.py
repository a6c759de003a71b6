"""Certificates: re-proved for what the solver wrote, true for any multipliers and cuts, refused when tampered with."""

import copy
import itertools
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

import twingap
from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.certificate_file import (
    certificate_from_json,
    certificate_to_json,
    load_certificate,
    save_certificate,
)
from twingap.opt.certificate.check import verify_certificate
from twingap.opt.certificate.global_check import count_vectors, prove_global
from twingap.opt.certificate.local_check import prove_local, same_heads
from twingap.opt.certificate.proof import DELAY_CUT, LEAF, LOAD_CUT, SHARE_CUT, TIME_CUT, GlobalProof, LocalProof
from twingap.opt.errors import InputError
from twingap.opt.global_equations import evaluate_global
from twingap.opt.global_reduction import committee_needs, request_needs
from twingap.opt.local_equations import evaluate_local
from twingap.opt.local_reduction import reduce_local
from twingap.opt.result import Deadline
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json
from twingap.opt.solution_file import load_solution, save_solution
from twingap.opt.solvers.decomposition.global_part import solve_global
from twingap.opt.solvers.decomposition.local_part import solve_local

MODES = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor}
    for multicast, rule, floor in itertools.product(("group", "per_link"), ("fail", "cap"), (True, False))
]


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """certified(snapshot, **options) -> (solution, certificate), both through files."""
    folder = tmp_path_factory.mktemp("certificates")

    def call(snapshot, **options):
        result = twingap.solve(snapshot, certificate=True, **options)
        save_solution(result, snapshot, folder / "solution.json")
        save_certificate(result.certificate, folder / "certificate.json")
        return load_solution(folder / "solution.json", snapshot), load_certificate(folder / "certificate.json")

    return call


def changed(snapshot, local=None, global_=None):
    """A snapshot with these numbers of its file changed."""
    content = snapshot_to_json(snapshot)
    content["local"].update(local or {})
    content["global"].update(global_ or {})
    return snapshot_from_json(content)


def failures(snapshot, solution, certificate):
    return [check for check in verify_certificate(snapshot, solution, certificate) if not check.holds]


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(map(str, mode.values())))
def test_every_mode_is_re_proved(certified, mode):
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
def test_edges_are_re_proved(certified, local):
    snapshot = changed(twingap.draw(preset="tiny", seed=3), local, {"subchannels_max": 8.0, "cpu_cost": 0.0})
    assert not failures(snapshot, *certified(snapshot, gap=1e-7))


@pytest.mark.parametrize("preset", ["paper", "plant"])
def test_where_nothing_pays_the_bound_is_exactly_zero(certified, preset):
    # Per-link multicast needs more spectrum than 80 heads can earn back: everything off is best, and no slack is left.
    for seed in range(4):
        snapshot = twingap.draw(preset=preset, seed=seed, multicast="per_link")
        solution, certificate = certified(snapshot, gap=1e-9)
        assert solution.local == (0.0, 0.0)
        assert certificate.local.bound == 0.0
        assert not failures(snapshot, solution, certificate)


def alike(subchannels):
    """Six equal heads of two APs, everything free of charge: the best decision serves some of them."""
    snapshot = twingap.draw(preset="tiny", seed=5)
    content = snapshot_to_json(snapshot)["local"]
    vectors = ("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink")
    equal = {key: [content[key][0]] * len(content[key]) for key in vectors}
    return changed(snapshot, equal | {"subchannels_max": subchannels, "spectrum_cost": 0.0, "cpu_cost": 0.0})


def test_equal_heads_are_re_proved(certified):
    cuts = 0
    for subchannels in (1.5, 2.0, 2.5, 3.0, 5.0):
        snapshot = alike(subchannels)
        solution, certificate = certified(snapshot, gap=1e-8)
        assert not failures(snapshot, solution, certificate)
        cuts += int((certificate.local.tree == SHARE_CUT).sum())
    assert cuts > 0, "no head's share was cut: the test says nothing about symmetry"


def test_more_committees_are_re_proved(certified):
    snapshot = twingap.draw(preset="tiny", seed=2, aps=6, committees=4)
    assert not failures(snapshot, *certified(snapshot))


def test_what_is_proved_in_no_time_is_re_proved_too(certified):
    for seed in range(3):
        snapshot = changed(twingap.draw(preset="tiny", seed=seed), {"subchannels_max": 2.0}, {"subchannels_max": 10.0})
        assert not failures(snapshot, *certified(snapshot, gap=0.0, time_limit=1e-9))


def test_paper_is_re_proved_faster_than_solved(certified):
    snapshot = twingap.draw(preset="paper", seed=0)
    solution, certificate = certified(snapshot, gap=1e-6)
    assert not failures(snapshot, solution, certificate)

    def quickest(action):
        taken = []
        for _ in range(5):
            started = time.perf_counter()
            action()
            taken.append(time.perf_counter() - started)
        return min(taken)

    solving = quickest(lambda: twingap.solve(snapshot, gap=1e-6))
    assert quickest(lambda: verify_certificate(snapshot, solution, certificate)) <= solving


# Weak duality: any tree and any multipliers give a true bound.


def random_tree(rng, cuts, cut):
    """(tree, what ``cut(depth)`` drew) of a random whole tree in preorder."""
    tree, drawn, pending = [], [], 1
    while pending:
        pending -= 1
        if len(drawn) < cuts and rng.random() < 0.6:
            kind, index, where = cut()
            tree.append(kind)
            drawn.append((index, where))
            pending += 2
        else:
            tree.append(LEAF)
    return integers(tree), drawn


def random_local_proof(rng, part, heads):
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
        bound=0.0,
        tree=tree,
        heads=integers([index for index, _ in drawn]),
        cuts=floats([where for _, where in drawn]),
        prices=floats(problem.spectrum_price + scale * np.exp(rng.normal(-1.0, 2.0, leaves))),
        touches=floats(max(least, 1e-3) * np.exp(rng.exponential(size=leaves))),
        bounds=floats(np.zeros(leaves)),
    )


def leaf_of(tree, below):
    """Number of the leaf that is reached when ``below(cut, kind)`` says which side of each cut to take."""
    leaf = cut = 0
    passing = 0  # subtrees still to be passed over
    for kind in tree:
        if kind == LEAF:
            if not passing:
                return leaf
            leaf, passing = leaf + 1, passing - 1
        else:
            if passing:
                passing += 1
            elif not below(cut, kind):
                passing = 1
            cut += 1
    raise AssertionError("the tree is not whole")


def test_local_bounds_hold_for_any_cuts_and_multipliers(random_local_part):
    cut_trees = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        part = random_local_part(rng)
        answer = solve_local(part, 1e-3, 1e-6, Deadline(0.5))
        tau, shares = float(evaluate_local(part, answer.decision).multicast), answer.decision.uplink
        labels = same_heads(reduce_local(part))
        for _ in range(5):
            proof = random_local_proof(rng, part, len(labels))
            proved = prove_local(part, proof)
            if proved is None:
                continue
            cut_trees += len(proved) > 1
            assert proved.max(initial=0.0) >= answer.objective
            if len(set(labels.tolist())) == len(labels) and answer.objective > 0.0:
                leaf = leaf_of(proof.tree, partial(on_the_lower_side, proof, tau, shares))
                assert proved[leaf] >= answer.objective * (1.0 - 1e-9)
    assert cut_trees > 100


def on_the_lower_side(proof, tau, shares, cut, kind):
    return (tau if kind == TIME_CUT else shares[proof.heads[cut]]) <= proof.cuts[cut]


def random_global_proof(rng, part, counts):
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


def global_leaf_of(part, proof, trees, decision):
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


def test_global_bounds_hold_for_any_cuts_and_multipliers():
    cut_trees = 0
    for seed, mode in itertools.product(range(8), MODES[::2]):
        rng = np.random.default_rng(seed)
        snapshot = twingap.draw(preset="tiny", seed=seed, aps=4, committees=int(rng.integers(1, 4)), **mode)
        budget, timeout = float(np.exp(rng.normal(3.0, 1.0))), float(np.exp(rng.normal(0.0, 1.0)))
        part = replace(snapshot.global_, subchannels_max=budget, timeout=timeout)
        answer = solve_global(part, 1e-6, 1e-9, Deadline(1.0))
        counts = count_vectors(part.capacity, part.sinr_access.shape[-1])
        for _ in range(20):
            proof, trees = random_global_proof(rng, part, counts)
            proved = prove_global(part, proof)
            if proved is not None:
                cut_trees += len(proof.cuts) > 0
                assert proved[global_leaf_of(part, proof, trees, answer.decision)] >= answer.objective * (1.0 - 1e-9)
    assert cut_trees > 50


# Tampering.


def numbers_of(content, path=()):
    """Paths of all numbers in a JSON object."""
    if isinstance(content, dict):
        items = content.items()
    elif isinstance(content, list):
        items = enumerate(content)
    else:
        return [path] if isinstance(content, (int, float)) and not isinstance(content, bool) else []
    return [found for key, value in items for found in numbers_of(value, (*path, key))]


def put(content, path, number):
    for key in path[:-1]:
        content = content[key]
    content[path[-1]] = number


def get(content, path):
    for key in path:
        content = content[key]
    return content


def tampered_number(rng, number):
    """Another number: near, far, rounded, zero or negative."""
    if isinstance(number, int):
        return int(number + rng.choice([-2, -1, 1, 2]))
    factor = 1.0 + rng.choice([-1.0, 1.0]) * 10.0 ** rng.uniform(-10.0, 0.0)
    return float(rng.choice([number * factor, number * factor, 0.0, -number, round(number, 3), number + 1.0]))


@pytest.fixture(scope="module")
def victims(certified):
    """[(snapshot, solution, certificate)] whose proofs hold, with cuts of every kind among them."""
    found = []
    for snapshot in (
        alike(2.0),
        changed(twingap.draw(preset="tiny", seed=1, multicast="per_link"), {"subchannels_max": 3.0}, {"subchannels_max": 20.0}),
        twingap.draw(preset="tiny", seed=4, aps=4, timeout_rule="cap", floor_adaptation=False),
        twingap.draw(preset="paper", seed=1),
    ):
        solution, certificate = certified(snapshot, gap=1e-6)
        assert not failures(snapshot, solution, certificate)
        found.append((snapshot, solution, certificate))
    return found


def accepted(content, snapshot, solution):
    """Whether a certificate in JSON is accepted for a solution that claims whatever the certificate does."""
    try:
        certificate = certificate_from_json(content)
    except InputError:
        return False
    bounds = certificate.bound, certificate.local.bound, certificate.global_.bound
    agreeing = replace(
        solution,
        bound=max(bounds[0], solution.objective),
        local=(solution.local[0], bounds[1]),
        global_=(solution.global_[0], bounds[2]),
    )
    return not failures(snapshot, agreeing, certificate)


def strengthened(content, rng, part, attained):
    """Lower the claim of a part below what is attained, with all leaves and the whole in line: a lie in every place."""
    false = attained - max(abs(attained), 1.0) * 10.0 ** rng.uniform(-7.0, -0.5)  # a part may attain 0
    proof = content[part]
    proof["bound"] = false
    proof["bounds"] = [min(bound, false) for bound in proof["bounds"]]
    content["bound"] = content["local"]["bound"] + content["global"]["bound"]


def test_200_tamperings_that_hide_a_stronger_claim_are_refused(victims):
    rng = np.random.default_rng(0)
    for number in range(200):
        snapshot, solution, certificate = victims[number % len(victims)]
        content = copy.deepcopy(certificate_to_json(certificate))
        part, attained = [("local", solution.local[0]), ("global", solution.global_[0])][int(rng.integers(2))]
        strengthened(content, rng, part, attained)
        paths = numbers_of(content[part])
        path = (part, *paths[int(rng.integers(len(paths)))])
        if path[1] not in ("bound", "bounds"):
            put(content, path, tampered_number(rng, get(content, path)))
        assert not accepted(content, snapshot, solution), (path, part)


def test_200_changes_of_single_numbers_never_strengthen_a_claim(victims):
    rng = np.random.default_rng(1)
    passed = 0
    for number in range(200):
        snapshot, solution, certificate = victims[number % len(victims)]
        original = certificate_to_json(certificate)
        content = copy.deepcopy(original)
        paths = numbers_of(content)
        path = paths[int(rng.integers(len(paths)))]
        put(content, path, tampered_number(rng, get(content, path)))
        if accepted(content, snapshot, solution):
            passed += 1
            for key in ((), ("local",), ("global",)):
                claimed, proved = get(content, (*key, "bound")), get(original, (*key, "bound"))
                assert claimed >= proved * (1.0 - 1e-11), path
    # Multipliers of cells far below the claim may change a little: the proof still holds, and is accepted.
    assert 0 < passed < 150


def test_missing_and_doubled_leaves_are_refused(victims):
    for snapshot, solution, certificate in victims:
        for part, per_leaf in (
            ("local", ("prices", "touches", "bounds")),
            ("global", ("prices", "slopes", "potentials", "bounds")),
        ):
            proof = certificate_to_json(certificate)[part]
            leaves = [node for node, kind in enumerate(proof["tree"]) if kind == LEAF]
            for leaf, node in enumerate(leaves):
                for again in (0, 2):
                    content = certificate_to_json(certificate)
                    content[part]["tree"][node : node + 1] = [LEAF] * again
                    for key in per_leaf:
                        content[part][key][leaf : leaf + 1] = [content[part][key][leaf]] * again
                    assert not accepted(content, snapshot, solution)


def test_a_missing_vector_of_counts_is_refused(victims):
    # One whose trees are single leaves, so that the last entries belong to the last vector.
    snapshot, solution, certificate = next(victim for victim in victims if not victim[2].global_.tree.any())
    content = certificate_to_json(certificate)
    proof = content["global"]
    for key in ("tree", "prices", "slopes", "potentials", "bounds", "counts"):
        proof[key].pop()
    assert not accepted(content, snapshot, solution)


@pytest.mark.parametrize(
    ("part", "field"),
    [("local", "benefit"), ("local", "subchannels_max"), ("global", "benefit"), ("global", "subchannels_max")],
)
def test_a_richer_snapshot_is_refused(victims, part, field):
    for snapshot, solution, certificate in victims:
        value = snapshot_to_json(snapshot)[part][field]
        richer = changed(snapshot, **{"local" if part == "local" else "global_": {field: value * 1.001}})
        earns = twingap.solve(richer, gap=1e-6)
        attained = earns.local.objective if part == "local" else earns.global_.objective
        claim = certificate.local.bound if part == "local" else certificate.global_.bound
        refused = bool(failures(richer, solution, certificate))
        assert refused or attained <= claim


def test_another_claim_of_the_solution_is_refused(victims):
    snapshot, solution, certificate = victims[0]
    lower = solution.bound * (1.0 - 1e-12)
    assert failures(snapshot, replace(solution, bound=lower), certificate)
    assert failures(snapshot, replace(solution, local=(solution.local[0], solution.local[1] - 1e-9)), certificate)
    assert failures(snapshot, replace(solution, bound=math.inf), certificate)
    assert failures(replace(snapshot, name="another"), solution, certificate)


def test_a_file_with_a_fault_names_it(tmp_path, victims):
    path = tmp_path / "certificate.json"
    faults = {
        "local.prices[0]": lambda c: c["local"]["prices"].__setitem__(0, -1.0),
        "global.tree[0]": lambda c: c["global"]["tree"].__setitem__(0, 7),
        "global.potentials": lambda c: c["global"]["potentials"].pop(),
        "local.heads": lambda c: c["local"].pop("heads"),
        "global.extra": lambda c: c["global"].update(extra=1),
        "bound": lambda c: c.update(bound="high"),
    }
    for field, spoil in faults.items():
        content = certificate_to_json(victims[0][2])
        spoil(content)
        path.write_text(json.dumps(content))
        with pytest.raises(InputError) as caught:
            load_certificate(path)
        assert caught.value.field == field
        assert caught.value.source == str(path)


def test_who_writes_no_certificate_says_so():
    snapshot = twingap.draw(preset="tiny", seed=0)
    with pytest.raises(InputError, match="writes no certificate") as caught:
        twingap.solve(snapshot, solver="milp", certificate=True)
    assert caught.value.field == "certificate"
    whole = changed(snapshot, {"whole_subchannels": True})
    with pytest.raises(InputError) as caught:
        twingap.solve(whole, certificate=True)
    assert caught.value.field == "local.whole_subchannels"
    assert twingap.solve(snapshot).certificate is None


def test_the_checker_never_loads_a_solver():
    code = (
        "import sys, twingap.opt.certificate.check, twingap.opt.certificate.certificate_file;"
        "sys.exit(any(name.startswith('twingap.opt.solvers') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
