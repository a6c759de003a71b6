"""A certificate with a number or its structure tampered with never makes a stronger claim pass."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest

import twingap
from twingap.opt.certificate.certificate_file import certificate_from_json, certificate_to_json
from twingap.opt.certificate.proof import LEAF, GlobalProof
from twingap.opt.errors import InputError
from twingap.opt.snapshot_file import snapshot_to_json


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


def accepted(content, snapshot, solution, failures):
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


def test_200_tamperings_that_hide_a_stronger_claim_are_refused(victims, failures):
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
        assert not accepted(content, snapshot, solution, failures), (path, part)


def test_200_changes_of_single_numbers_never_strengthen_a_claim(victims, failures):
    rng = np.random.default_rng(1)
    passed = 0
    for number in range(200):
        snapshot, solution, certificate = victims[number % len(victims)]
        original = certificate_to_json(certificate)
        content = copy.deepcopy(original)
        paths = numbers_of(content)
        path = paths[int(rng.integers(len(paths)))]
        put(content, path, tampered_number(rng, get(content, path)))
        if accepted(content, snapshot, solution, failures):
            passed += 1
            for key in ((), ("local",), ("global",)):
                claimed, proved = get(content, (*key, "bound")), get(original, (*key, "bound"))
                # A claim for whole subchannels leaves its checker some more room for rounding.
                assert claimed >= proved * (1.0 - (1e-10 if snapshot.global_.whole_subchannels else 1e-11)), path
    # Multipliers of cells far below the claim may change a little: the proof still holds, and is accepted.
    assert 0 < passed < 150


def test_missing_and_doubled_leaves_are_refused(victims, failures):
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
                    for key in set(per_leaf) & set(proof):
                        content[part][key][leaf : leaf + 1] = [content[part][key][leaf]] * again
                    assert not accepted(content, snapshot, solution, failures)


def test_a_proof_of_the_other_kind_is_refused(victims, failures):
    for snapshot, solution, certificate in victims:
        for part, attained in (("local", solution.local[0]), ("global", solution.global_[0])):
            content = certificate_to_json(certificate)
            proof = content[part]
            proof["whole_subchannels"] = not proof["whole_subchannels"]
            if part == "local" and not proof["whole_subchannels"]:
                # Read as a divisible proof its numbers mean something else, and prove no more than what is true.
                proof["bound"] = attained * (1.0 - 1e-9) if attained > 0.0 else -1e-9
                proof["bounds"] = [min(x, proof["bound"]) for x in proof["bounds"]]
            assert not accepted(content, snapshot, solution, failures)


def test_a_missing_vector_of_counts_is_refused(victims, failures):
    # One whose trees are single leaves, so that the last entries belong to the last vector.
    snapshot, solution, certificate = next(
        each for each in victims if isinstance(each[2].global_, GlobalProof) and not each[2].global_.tree.any()
    )
    content = certificate_to_json(certificate)
    proof = content["global"]
    for key in ("tree", "prices", "slopes", "potentials", "bounds", "counts"):
        proof[key].pop()
    assert not accepted(content, snapshot, solution, failures)


@pytest.mark.parametrize(
    ("part", "field"),
    [("local", "benefit"), ("local", "subchannels_max"), ("global", "benefit"), ("global", "subchannels_max")],
)
def test_a_richer_snapshot_is_refused(victims, failures, changed, part, field):
    for snapshot, solution, certificate in victims:
        value = snapshot_to_json(snapshot)[part][field]
        richer = changed(snapshot, **{"local" if part == "local" else "global_": {field: value * 1.001}})
        earns = twingap.solve(richer, gap=1e-6)
        attained = earns.local.objective if part == "local" else earns.global_.objective
        claim = certificate.local.bound if part == "local" else certificate.global_.bound
        refused = bool(failures(richer, solution, certificate))
        assert refused or attained <= claim


def test_another_claim_of_the_solution_is_refused(victims, failures):
    snapshot, solution, certificate = victims[0]
    lower = solution.bound * (1.0 - 1e-12)
    assert failures(snapshot, replace(solution, bound=lower), certificate)
    assert failures(snapshot, replace(solution, local=(solution.local[0], solution.local[1] - 1e-9)), certificate)
    assert failures(snapshot, replace(solution, bound=math.inf), certificate)
    assert failures(replace(snapshot, name="another"), solution, certificate)
