"""The defaults make a problem worth solving: at the optimum of ``paper`` every resource and every cost matters.

Averages over 20 seeds (model section 5). The two comparisons are generous to what is fixed:
spectrum fixed equally: every head has 1/J of C1 (the split between upload and multicast is the best of a sweep, the same for
all heads), every delegate and every committee's requests the same share of C5; CPU and access are then optimised.
CPU fixed equally: every head runs at the same speed, every delegate at the same speed, no faster than its bound; both speeds
are the best of a sweep per epoch, and everything else is optimal.
"""

from dataclasses import replace

import numpy as np
import pytest

from twingap.baselines.fixed_bandwidth import equal_spectrum_committees, equal_spectrum_heads
from twingap.baselines.fixed_cpu import only_profitable
from twingap.baselines.nothing import nothing
from twingap.opt.drawing import draw_system
from twingap.opt.evaluation import evaluate
from twingap.opt.global_equations import evaluate_global
from twingap.opt.local_equations import evaluate_local
from twingap.opt.scenario import preset
from twingap.opt.solve import solve

SEEDS = range(20)
UPLINK_FRACTIONS = np.linspace(0.05, 0.6, 12)
HEAD_HZ = np.array([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2]) * 1e9
DELEGATE_HZ = 1.25 * HEAD_HZ


def drawn(seed):
    """One epoch as a batch of one (the schedulers of ``baselines`` work on batches)."""
    rng = np.random.default_rng(seed)
    system = draw_system(preset("paper"), rng, f"calibration-{seed}")
    return system.snapshot(system.state(rng.standard_normal((1, system.latent_size))))


def utility_with_equal_spectrum(batch):
    empty = nothing(batch)
    local = [
        float(evaluate_local(batch.local, equal_spectrum_heads(batch.local, empty.local, fraction)).utility[0])
        for fraction in UPLINK_FRACTIONS
    ]
    global_ = evaluate_global(batch.global_, equal_spectrum_committees(batch.global_, empty.global_)).utility[0]
    return max(local), float(global_)


def utility_with_equal_cpu(snapshot):
    found = []
    for head_hz, delegate_hz in zip(HEAD_HZ, DELEGATE_HZ, strict=True):
        heads = np.minimum(head_hz, snapshot.local.cpu_max_hz)
        delegates = np.minimum(delegate_hz, snapshot.global_.cpu_max_hz)
        # With CPU for free and these speeds as bounds the optimum runs at the bound: it is the best of the rest.
        fixed = replace(
            snapshot,
            local=replace(snapshot.local, cpu_max_hz=heads, cpu_cost=0.0),
            global_=replace(snapshot.global_, cpu_max_hz=delegates, cpu_cost=0.0),
        )
        plan = solve(fixed, gap=1e-3).decision
        local = evaluate_local(snapshot.local, replace(plan.local, cpu_hz=heads))
        profitable = only_profitable(snapshot.global_, replace(plan.global_, cpu_hz=delegates))
        found.append((float(local.utility), float(evaluate_global(snapshot.global_, profitable).utility)))
    return np.max(found, axis=0)


def measure(seed):
    batch = drawn(seed)
    snapshot = batch.at(0)
    result = solve(snapshot)
    found = evaluate(snapshot, result.decision)
    local, global_, decision = found.local, found.global_, result.decision
    at_bound = decision.local.cpu_hz >= snapshot.local.cpu_max_hz * (1.0 - 1e-6)
    on = decision.local.uplink > 0.0
    return {
        "local utility": float(local.utility),
        "global utility": float(global_.utility),
        "C1 used": local.spectrum.sum() / snapshot.local.subchannels_max,
        "C5 used": global_.spectrum.sum() / snapshot.global_.subchannels_max,
        "CPU inside": (on & ~at_bound).mean(),
        "CPU at its bound": (on & at_bound).mean(),
        "local spectrum cost": local.spectrum_cost.sum() / local.benefit.sum(),
        "local CPU cost": local.cpu_cost.sum() / local.benefit.sum(),
        "global spectrum cost": global_.spectrum_cost.sum() / global_.benefit.sum(),
        "global CPU cost": global_.cpu_cost.sum() / global_.benefit.sum(),
        "equal spectrum": np.array(utility_with_equal_spectrum(batch)),
        "equal CPU": utility_with_equal_cpu(snapshot),
    }


@pytest.mark.slow
def test_every_resource_and_cost_matters_at_the_optimum_of_paper():
    rows = [measure(seed) for seed in SEEDS]
    mean = {name: np.mean([row[name] for row in rows], axis=0) for name in rows[0]}
    assert mean["C1 used"] > 0.95
    assert mean["C5 used"] > 0.95
    assert mean["CPU inside"] >= 0.20
    assert mean["CPU at its bound"] >= 0.03
    for part in ("local", "global"):
        assert mean[f"{part} spectrum cost"] >= 0.05
        assert mean[f"{part} CPU cost"] >= 0.05
    best = np.array([mean["local utility"], mean["global utility"]])
    for fixed in ("equal spectrum", "equal CPU"):
        lost = 1.0 - mean[fixed].sum() / best.sum()
        assert lost >= 0.03, f"{fixed} loses only {lost:.1%} of utility; by part {1.0 - mean[fixed] / best}"
