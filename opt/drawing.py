"""Systems and snapshots drawn from a scenario: who takes part, their data, and all means."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from .arguments import seed as checked_seed
from .arrays import Floats, Integers, floats, integers
from .scenario import Scenario
from .scenario import preset as scenario_of
from .snapshot import CommitteeLayout, HeadLayout, Snapshot
from .system import System

Vector = TypeVar("Vector", Floats, Integers)


def draw_system(scenario: Scenario, rng: np.random.Generator, name: str = "") -> System:
    """A system of this scenario: who takes part, their data and accuracies, and all means."""
    heads = HeadLayout.of(np.repeat(np.arange(scenario.aps), _counts(rng, scenario.heads_per_ap, scenario.aps)))
    committees = CommitteeLayout.of(_counts(rng, scenario.delegates, scenario.committees))
    J = len(heads.ap)
    K, N = heads.head.shape
    V = committees.is_delegate.shape[1]

    def of_heads(drawn: Vector) -> Vector:
        return np.full_like(drawn, drawn[0]) if scenario.identical_heads else drawn

    devices = _counts(rng, scenario.devices, J)
    data_bits = of_heads(_data_bits(rng, scenario, devices))
    devices = of_heads(devices)
    accuracy = of_heads(rng.uniform(*scenario.accuracy, J))
    uplink_db = of_heads(rng.uniform(*scenario.mean_sinr_db, J))
    sender_db = uplink_db[heads.head][:, :, None]
    delegate_db = rng.uniform(*scenario.mean_sinr_db, (scenario.committees, V))[:, :, None]
    offset = scenario.link_offset_db
    models = devices if scenario.uploaded_models == "per_device" else np.ones(J)
    cycles = np.full(V, scenario.delegate_cycles * scenario.transactions_per_block)
    cycles[0] = scenario.manager_cycles * scenario.transactions_per_block
    delegate_cpu = rng.uniform(*scenario.delegate_cpu_hz, (scenario.committees, V))
    return System(
        scenario=scenario,
        heads=heads,
        committees=committees,
        accuracy=floats(accuracy),
        cycles=floats(scenario.batch * data_bits * scenario.cycles_per_bit),
        upload_bits=floats(models * scenario.model_bits),
        cumulative_weight=floats(cumulative_weight(heads, data_bits, accuracy, scenario)),
        mean_cpu_head=floats(of_heads(rng.uniform(*scenario.head_cpu_hz, J))),
        mean_sinr_uplink_db=floats(uplink_db),
        mean_sinr_peer_db=floats(
            np.where(heads.is_link, sender_db + rng.uniform(-offset, offset, (K, N, N)), 0.0),
        ),
        committee_cycles=floats(np.where(committees.is_delegate, cycles, 0.0)),
        mean_cpu_delegate=floats(np.where(committees.is_delegate, delegate_cpu, 1.0)),
        mean_sinr_access_db=floats(rng.uniform(*scenario.mean_sinr_db, (scenario.committees, K))),
        mean_sinr_link_db=floats(
            np.where(committees.is_link, delegate_db + rng.uniform(-offset, offset, (scenario.committees, V, V)), 0.0),
        ),
        name=name,
    )


def cumulative_weight(layout: HeadLayout, data_bits: Floats, accuracy: Floats, scenario: Scenario) -> Floats:
    """CW_j [J] by (8) and (9), capped at CW_th: own weight plus the weights of the updates that approve it.

    W_j = (data of j / data of its AP) * theta_j. CW_j = W_j + sum over the M of the AP's other heads j' that approve of
    W_j' / max(|theta_j' - theta_j|, 0.05) (R6). ``scenario.approvals`` is M, and the M heads that follow j in its AP, counted
    in a circle, are those that have approved; None: all of them (M = N - 1, our assumption).
    """
    of_ap = np.bincount(layout.ap, weights=data_bits)
    own = data_bits / of_ap[layout.ap] * accuracy
    weight, theta = own[layout.head], accuracy[layout.head]
    difference = np.abs(theta[:, None, :] - theta[:, :, None])
    approves = layout.is_link
    if scenario.approvals is not None:
        place = integers(range(layout.head.shape[1]))
        steps = (place - place[:, None]) % layout.heads[:, None, None]
        approves = approves & (steps <= scenario.approvals)
    approving = np.where(approves, weight[:, None, :] / np.maximum(difference, scenario.accuracy_difference_min), 0.0)
    total = own + approving.sum(axis=-1)[layout.ap, layout.rank]
    return np.minimum(total, scenario.confirmation_weight)


def draw(preset: str = "paper", seed: int = 0, **changes: object) -> Snapshot:
    """One epoch of one system of a preset, drawn from the stationary distribution; changes are fields of Scenario."""
    seed = checked_seed(seed)
    for_system, for_state = np.random.SeedSequence(seed).spawn(2)
    system = draw_system(scenario_of(preset, **changes), np.random.default_rng(for_system), f"{preset}-{seed}")
    latent = np.random.default_rng(for_state).standard_normal(system.latent_size)
    return system.snapshot(system.state(latent))


def _counts(rng: np.random.Generator, span: tuple[int, int], number: int) -> Integers:
    return rng.integers(span[0], span[1], size=number, endpoint=True)


def _data_bits(rng: np.random.Generator, scenario: Scenario, devices: Integers) -> Floats:
    """Data of each cluster [J]: sum over its devices of D_n."""
    cluster = np.repeat(np.arange(len(devices)), devices)
    each = scenario.images_per_device * scenario.image_bits * rng.uniform(*scenario.data_spread, len(cluster))
    return floats(np.bincount(cluster, weights=each).astype(np.float64))
