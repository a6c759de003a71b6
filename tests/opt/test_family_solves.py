"""What an outside judge asks of every family and of the edges of the model: feasible, honestly scored, bounded, within 1e-4."""

import copy

import numpy as np
import pytest

import twingap
from twingap.opt.evaluation import evaluate
from twingap.opt.families import FAMILIES, draw_family
from twingap.opt.snapshot_file import snapshot_from_json, snapshot_to_json

GAP = 1e-4


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    """Every kernel is compiled before a time limit counts."""
    for family in ("tiny", "cap", "perlink", "smooth", "scarce", "whole", "whole_perlink"):
        twingap.solve(draw_family(family, 0), time_limit=600.0)


def judged(snapshot, gap=GAP):
    """Solve, and return (result, what is wrong with it)."""
    result = twingap.solve(snapshot, gap=gap, time_limit=60.0)
    earned = evaluate(snapshot, result.decision)
    faults = []
    if not earned.violation <= 1e-9:
        faults.append(f"violation {earned.violation:.1e}")
    if result.objective != earned.utility:
        faults.append(f"says {result.objective!r}, earns {float(earned.utility)!r}")
    if not result.bound >= result.objective:
        faults.append(f"bound {result.bound!r} below the objective {result.objective!r}")
    if not result.gap <= gap:
        faults.append(f"gap {result.gap:.1e} ({result.stopped})")
    return result, faults


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_of_each_family(family):
    faults = {seed: judged(draw_family(family, seed))[1] for seed in range(20)}
    assert {seed: wrong for seed, wrong in faults.items() if wrong} == {}


# Edges reached by a scenario: name -> (family, changes).
FREE = {"local_spectrum_cost": 0.0, "global_spectrum_cost": 0.0, "local_cpu_cost": 0.0, "global_cpu_cost": 0.0}
DRAWN = {
    "3 committees": ("small", {"committees": 3, "aps": 5}),
    "4 committees, per_link": ("paper_perlink", {"committees": 4, "delegates": (5, 5)}),
    "6 committees": ("paper", {"committees": 6, "delegates": (4, 6)}),
    "6 committees, cap": ("cap", {"committees": 6, "aps": 4}),
    "300 identical heads": ("identical", {"aps": 10, "heads_per_ap": (30, 30), "local_subchannels": 60.0}),
    "identical and starved": ("identical", {"aps": 4, "heads_per_ap": (10, 10), "local_subchannels": 1.0}),
    "free": ("small", FREE),
    "free and scarce": ("scarce", FREE),
    "free, per_link": ("perlink", FREE),
    "free, cap": ("cap", FREE),
    "accuracy 1": ("small", {"accuracy": (1.0, 1.0)}),
    "one head per AP": ("paper", {"heads_per_ap": (1, 1)}),
    "one head in all": ("tiny", {"aps": 1, "heads_per_ap": (1, 1)}),
    "one AP": ("paper", {"aps": 1}),
    "a tenth of the spectrum": ("paper", {"local_subchannels": 10.0, "global_subchannels": 10.0}),
    "a budget beyond all use": ("paper_perlink", {"local_subchannels": 1e6, "global_subchannels": 1e6}),
    "capacities that sum to K": ("small", {"aps": 6, "committees": 3, "capacity": (2, 2)}),
    "poor channels": ("tiny", {"mean_sinr_db": (-10.0, -10.0)}),
    "rich channels": ("small", {"mean_sinr_db": (40.0, 40.0)}),
    "channels of all kinds": ("perlink", {"mean_sinr_db": (-20.0, 40.0)}),
    "endless timeout": ("small", {"timeout": 1e6}),
    "endless timeout, cap": ("cap", {"timeout": 1e6}),
    "hopeless timeout": ("small", {"timeout": 1e-6}),
    "hopeless timeout, cap": ("cap", {"timeout": 1e-6}),
    "binding timeout": ("small", {"timeout": 0.25}),
    "no confirmation weight": ("small", {"confirmation_weight": 0.0}),
}


@pytest.mark.parametrize("name", DRAWN)
def test_edges(name):
    family, changes = DRAWN[name]
    for seed in range(2):
        assert judged(draw_family(family, seed, **changes))[1] == []


# Edges that only a file can hold: name -> (family, edit of its content).
EDITED = {
    "no multicast batch": ("small", lambda local, _: local.update(multicast_batch=0)),
    "no cache multiplier": ("smooth", lambda local, _: local.update(cache_multiplier=0)),
    "SINR 0.01": ("perlink", lambda local, _: local.update(sinr_uplink=[0.01] * 6)),
    "SINR 0.01 and 1e4": ("tiny", lambda local, _: local.update(sinr_uplink=[0.01, 1e4, 1e4, 0.01])),
    "peers at 1e4": ("perlink", lambda local, _: local.update(sinr_peer=[[[1e4] * 3] * 3] * 2)),
    "no cycles": ("small", lambda local, _: local.update(cycles=[0.0] * 6)),
    "confirmed at once": ("small", lambda local, _: local.update(cumulative_weight=[50.0] * 6)),
    "links at 0.01": ("tiny", lambda _, global_: global_["committees"][0].update(sinr_peer=[[0.01] * 4] * 4)),
    "links at 1e4": ("tiny", lambda _, global_: global_["committees"][0].update(sinr_peer=[[1e4] * 4] * 4)),
    "access at 0.01": ("cap", lambda _, global_: global_["committees"][1].update(sinr_access=[0.01] * 3)),
    "capacity 0": ("tiny", lambda _, global_: global_["committees"][0].update(capacity=0)),
    "capacity 0, cap": ("cap", lambda _, global_: global_["committees"][1].update(capacity=0)),
    "two equal committees": ("small", lambda _, global_: global_.update(committees=[global_["committees"][0]] * 2)),
    "a tiny block": ("small", lambda _, global_: global_["committees"][0].update(block_bits=1.0)),
    "a huge block": ("small", lambda _, global_: global_["committees"][0].update(block_bits=1e12)),
    "no verification": ("small", lambda _, global_: global_["committees"][0].update(cycles=[0.0] * 5)),
}


@pytest.mark.parametrize("name", EDITED)
def test_edges_of_files(name):
    family, edit = EDITED[name]
    for seed in range(2):
        content = copy.deepcopy(snapshot_to_json(draw_family(family, seed)))
        edit(content["local"], content["global"])
        result, faults = judged(snapshot_from_json(content))
        assert faults == []
        if name.startswith("capacity 0"):
            closed = next(i for i, committee in enumerate(content["global"]["committees"]) if committee["capacity"] == 0)
            assert closed not in result.decision.global_.access


def test_an_ap_whose_heads_are_all_off():
    content = snapshot_to_json(draw_family("small", 0))
    content["local"]["sinr_uplink"][:3] = [1e-3] * 3
    result, faults = judged(snapshot_from_json(content))
    assert faults == []
    assert np.all(result.decision.local.uplink[:3] == 0.0)
    assert np.all(result.decision.local.uplink[3:] > 0.0)


def test_capacities_that_leave_no_choice_of_counts():
    snapshot = draw_family("small", 0, aps=6, committees=3, capacity=(2, 2))
    access = judged(snapshot)[0].decision.global_.access
    assert np.bincount(access).tolist() == [2, 2, 2]
