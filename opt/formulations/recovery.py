"""From values of a solved Pyomo model back to a decision: the same for both formulations."""

from __future__ import annotations

import numpy as np

from ..arrays import Booleans, Floats
from ..decision import GlobalDecision, LocalDecision
from ..evaluation import FEASIBLE
from ..global_equations import evaluate_global, served
from ..local_reduction import link_needs, multicast_needs
from ..snapshot import LocalPart
from .decisions import HAIRS, any_access, best_local, global_near, global_off, local_near
from .global_model import PRE_PREPARE, PREPARE, REPLY, REQUEST, GlobalModel
from .local_model import LocalModel
from .modelling import pyo, values


def local_decision(model: LocalModel) -> LocalDecision:
    """The best feasible decision near the values that the model's variables hold."""
    part, data, block = model.part, model.data, model.block
    count = len(data.worth)
    on = values(block.on, count) > 0.5
    uplink = np.where(on, np.maximum(values(block.uplink, count), 0.0), 0.0)
    cpu = np.where(on, np.clip(values(block.cpu, count) * model.cpu_unit, 0.0, data.cpu_max), 0.0)
    linked = model.tau_range[1] > 0.0
    if not part.whole_subchannels:
        return local_near(part, data, float(pyo.value(block.tau)) if linked else 0.0, uplink, cpu)
    multicast = values(block.multicast, count) if hasattr(block, "multicast") else _links(model)
    whole = np.rint(np.maximum(uplink + multicast, 0.0)).astype(np.float64)
    times = values(block.multicast_time, count) if linked else np.zeros(count)
    return best_local(part, [_whole_local(part, on, whole, cpu, times * (1.0 - hair)) for hair in HAIRS])


def _links(model: LocalModel) -> Floats:
    """Multicast spectrum of every head in formulation ``link``, per_link: the sum over its links."""
    layout = model.part.layout
    total = np.zeros(len(layout.ap))
    for (k, a, _), share in model.block.peer.items():
        total[layout.head[k, a]] += pyo.value(share, exception=False) or 0.0
    return total


def _whole_local(part: LocalPart, on: Booleans, whole: Floats, cpu: Floats, times: Floats) -> LocalDecision:
    """W_j = ``whole``: as much multicast as reaches T_multi_j = ``times``, the rest is uplink (of a head that is on)."""
    needs, links = multicast_needs(part), link_needs(part)
    layout = part.layout
    asked = np.divide(needs, times, out=np.zeros_like(needs), where=times > 0.0)
    multicast = np.where(needs > 0.0, np.where(on, np.minimum(asked, whole), whole), 0.0)
    uplink = np.where(on, whole - multicast, 0.0)
    running = np.where(uplink > 0.0, cpu, 0.0)
    if part.multicast == "group":
        return LocalDecision(uplink, running, multicast=multicast)
    speed = np.divide(multicast, needs, out=np.zeros_like(needs), where=needs > 0.0)
    return LocalDecision(uplink, running, peer=links * speed[layout.head][..., None])


def global_decision(model: GlobalModel) -> GlobalDecision:
    """The best feasible decision near the values that the model's variables hold."""
    part, block = model.part, model.block
    committees, aps = model.needs.access.shape
    chosen = np.array([[pyo.value(block.access[i, k]) for k in range(aps)] for i in range(committees)])
    access = chosen.argmax(axis=0).astype(np.int64)
    off = global_off(part, access)
    if not evaluate_global(part, off).violation <= FEASIBLE:
        return global_off(part, any_access(part))
    order = (REQUEST, PRE_PREPARE, PREPARE, REPLY)
    times = np.array([[pyo.value(block.phase[i, p]) for p in order] for i in range(committees)])
    if part.timeout_rule == "cap":
        kept = np.array(
            [[(pyo.value(block.kept[i, p], exception=False) or 0.0) > 0.5 for p in order] for i in range(committees)]
        )
        times = np.where(kept, times, np.inf)
    verification = np.maximum(values(block.verification, committees), model.needs.fastest)
    on = (values(block.on, committees) > 0.5) & served(part, off).any(axis=-1)
    return global_near(part, access, on, times, verification)
