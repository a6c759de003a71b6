"""Formulation ``link``: Problem (16) as printed, the spectrum of each sender or link and each CPU a variable.

Local: (7) for every link of every head, T_multi_j at least each of them, T_multi at least their mean. Global: (5) for every
link of every phase, (12) for every delegate. A job of ``need`` subchannel seconds on a share W within t is W t >= need.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..global_reduction import link_needs as delegate_link_needs
from ..local_reduction import link_needs, multicast_needs
from ..snapshot import GlobalPart, LocalPart
from .global_model import COMMIT, PRE_PREPARE, PREPARE, REPLY, REQUEST, GlobalModel, finish_global, reached, start_global
from .local_model import LocalModel, finish_local, start_local, start_multicast_times
from .modelling import GIVE, conditions, pyo


def build_local(part: LocalPart, block: Any) -> LocalModel:
    """The printed local part on an empty Pyomo block."""
    model = start_local(part, block)
    layout = part.layout
    heads = range(len(layout.ap))
    most = model.data.budget * (1.0 + GIVE)
    needs = link_needs(part)
    links = [(int(k), int(a), int(b)) for k, a, b in np.argwhere(layout.is_link)]
    linked = model.tau_range[1] > 0.0
    group = part.multicast == "group"
    if group:
        block.multicast = pyo.Var(heads, bounds=(0.0, most))
        for j in np.flatnonzero(multicast_needs(part) == 0.0):
            block.multicast[int(j)].fix(0.0)
    else:
        block.peer = pyo.Var(links, bounds=(0.0, most))
    if linked:
        start_multicast_times(model)
    rules = conditions(block, "links")
    paid: list[list[Any]] = [[block.multicast[j]] if group else [] for j in heads]
    for k, a, b in links:
        j = int(layout.head[k, a])
        share = block.multicast[j] if group else block.peer[k, a, b]
        if not group:
            paid[j].append(share)
        if linked:
            rules.add(share * block.multicast_time[j] >= float(needs[k, a, b]) * block.multicasting**2)
    spectrum = [block.uplink[j] + sum(paid[j]) for j in heads]
    return finish_local(model, spectrum, sum(spectrum))


def build_global(part: GlobalPart, block: Any) -> GlobalModel:
    """The printed global part on an empty Pyomo block."""
    model = start_global(part, block)
    committees, aps = (range(n) for n in model.needs.access.shape)
    most = float(part.subchannels_max) * (1.0 + GIVE)
    delegates = [range(int(n)) for n in part.layout.delegates]
    seats = [(i, v) for i in committees for v in delegates[i]]
    links = [(i, v, w) for i, v in seats for w in delegates[i] if v != w]
    fastest = part.cpu_max_hz / model.cpu_unit * (1.0 + GIVE)
    block.request = pyo.Var(committees, aps, bounds=(0.0, most))
    block.cpu = pyo.Var(seats, domain=pyo.NonNegativeReals)
    for i, v in seats:
        block.cpu[i, v].setub(float(fastest[i, v]))
    group = part.multicast == "group"
    if group:
        block.multicast = pyo.Var(seats, bounds=(0.0, most))
    else:
        block.peer = pyo.Var(links, bounds=(0.0, most))
    needs = delegate_link_needs(part)
    rules = conditions(block, "links")

    def within(share: Any, i: int, phase: int, need: float) -> None:
        rules.add(share * block.phase[i, phase] >= need * reached(model, i, phase) ** 2)

    for i, v, w in links:
        share = block.multicast[i, v] if group else block.peer[i, v, w]
        need = float(needs[i, v, w])
        within(share, i, PRE_PREPARE if v == 0 else PREPARE, need)
        within(share, i, COMMIT, need)
        if v > 0 and w == 0:
            within(share, i, REPLY, need)
    for i in committees:
        for k in aps:
            # A request share exists only where AP k is served by committee i; no share exceeds C5's budget.
            rules.add(block.request[i, k] <= most * block.access[i, k])
            need = float(model.needs.access[i, k])
            rules.add(block.request[i, k] * block.phase[i, REQUEST] >= need * block.served[i, k] ** 2)
        for v in delegates[i]:
            cycles = float(part.cycles[i, v]) / model.cpu_unit
            if cycles > 0.0:
                rules.add(block.cpu[i, v] * block.verification[i] >= cycles * block.on[i] ** 2)
    spectrum: list[list[Any]] = []
    for i in committees:
        if group:
            own: list[Any] = [block.multicast[i, v] for v in delegates[i]]
        else:
            own = [sum(block.peer[i, v, w] for w in delegates[i] if w != v) for v in delegates[i]]
        own[0] += sum(block.request[i, k] for k in aps)
        spectrum.append(own)
    return finish_global(model, spectrum, [sum(block.cpu[i, v] for v in delegates[i]) for i in committees])
