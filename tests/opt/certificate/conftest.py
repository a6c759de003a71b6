"""Fixtures of the tests of certificates: snapshots that are solved, certified and read back."""

import numpy as np
import pytest

import twingap
from twingap.opt.arrays import integers
from twingap.opt.certificate.certificate_file import load_certificate, save_certificate
from twingap.opt.certificate.check import verify_certificate
from twingap.opt.certificate.proof import LEAF
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json
from twingap.opt.solution_file import load_solution, save_solution


def _changed(snapshot, local=None, global_=None):
    content = snapshot_to_json(snapshot)
    content["local"].update(local or {})
    content["global"].update(global_ or {})
    return snapshot_from_json(content)


@pytest.fixture(scope="session")
def changed():
    """changed(snapshot, local, global_): the snapshot with these numbers of its file changed."""
    return _changed


@pytest.fixture(scope="session")
def failures():
    """failures(snapshot, solution, certificate): the checks that do not hold."""

    def call(snapshot, solution, certificate):
        return [check for check in verify_certificate(snapshot, solution, certificate) if not check.holds]

    return call


@pytest.fixture(scope="session")
def certified(tmp_path_factory):
    """certified(snapshot, **options) -> (solution, certificate), both through files."""
    folder = tmp_path_factory.mktemp("certificates")

    def call(snapshot, **options):
        result = twingap.solve(snapshot, certificate=True, **options)
        save_solution(result, snapshot, folder / "solution.json")
        save_certificate(result.certificate, folder / "certificate.json")
        return load_solution(folder / "solution.json", snapshot), load_certificate(folder / "certificate.json")

    return call


@pytest.fixture(scope="session")
def alike():
    """alike(subchannels): six equal heads of two APs, free of charge; the best decision serves some of them."""

    def build(subchannels, **local):
        snapshot = twingap.draw(preset="tiny", seed=5)
        content = snapshot_to_json(snapshot)["local"]
        vectors = ("accuracy", "cycles", "upload_bits", "cumulative_weight", "cpu_max_hz", "sinr_uplink")
        equal = {key: [content[key][0]] * len(content[key]) for key in vectors}
        equal["sinr_peer"] = [[[0.0 if a == b else 50.0 for b in range(3)] for a in range(3)] for _ in range(2)]
        free = {"subchannels_max": subchannels, "spectrum_cost": 0.0, "cpu_cost": 0.0}
        return _changed(snapshot, equal | free | local)

    return build


@pytest.fixture(scope="session")
def victims(certified, failures, alike):
    """[(snapshot, solution, certificate)] whose proofs hold, divisible and whole, with cuts of every kind among them."""
    scarce = {"subchannels_max": 3.0}, {"subchannels_max": 20.0}
    found = []
    for snapshot in (
        alike(2.0),
        _changed(twingap.draw(preset="tiny", seed=1, multicast="per_link"), *scarce),
        twingap.draw(preset="tiny", seed=4, aps=4, timeout_rule="cap", floor_adaptation=False),
        twingap.draw(preset="paper", seed=1),
        alike(12.0, whole_subchannels=True),
        twingap.draw(preset="tiny", seed=3, whole_subchannels=True, multicast="per_link", committees=4, aps=4, **SOME),
        twingap.draw(preset="tiny", seed=2, whole_subchannels=True, timeout_rule="cap", floor_adaptation=False, **SOME),
    ):
        solution, certificate = certified(snapshot, gap=1e-6)
        assert not failures(snapshot, solution, certificate)
        found.append((snapshot, solution, certificate))
    return found


SOME = {"local_subchannels": 16.0, "global_subchannels": 31.0}


@pytest.fixture(scope="session")
def random_tree():
    """random_tree(rng, cuts, cut) -> (tree, what ``cut()`` drew): a random whole tree in preorder."""

    def build(rng, cuts, cut):
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

    return build


@pytest.fixture(scope="session")
def leaf_of():
    """leaf_of(tree, below): number of the leaf reached when ``below(cut, kind)`` says which side of each cut to take."""

    def find(tree, below):
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

    return find


@pytest.fixture(scope="session")
def multipliers():
    """multipliers(rng, scale, leaves): positive numbers around ``scale``, over some orders of magnitude."""

    def draw(rng, scale, leaves):
        return scale * np.exp(rng.normal(-1.0, 2.0, leaves))

    return draw
