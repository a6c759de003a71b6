"""Formulation ``reduced``: what equalisation leaves of (16) (model section 4; proofs in local_reduction and global_reduction).

Local: per head u_j and f_j, and one T_multi with M / T_multi subchannels of multicast (whole subchannels: m_j and T_multi_j per
head, since totals per head must be whole). Global: per committee its phase times; with rates q = 1/t of the phases a
committee's spectrum is linear in q: leader e_0 q_x, delegate a max(e_a q_y, g_a q_z); all CPU together verifies in t_v.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..global_reduction import link_needs
from ..snapshot import GlobalPart, LocalPart
from .global_model import COMMIT, PRE_PREPARE, PREPARE, REPLY, REQUEST, GlobalModel, finish_global, reached, start_global
from .local_model import LocalModel, finish_local, shared_multicast, start_local
from .modelling import GIVE, conditions, pyo


def build_local(part: LocalPart, block: Any) -> LocalModel:
    """The reduced local part on an empty Pyomo block."""
    model = start_local(part, block)
    data = model.data
    if part.whole_subchannels:
        return finish_local(model, *shared_multicast(model))
    block.multicast = pyo.Var(bounds=(0.0, data.budget * (1.0 + GIVE)))
    if model.tau_range[1] > 0.0:
        block.shared = pyo.Constraint(expr=block.multicast * block.tau >= data.multicast_need * block.multicasting**2)
    return finish_local(model, None, sum(block.uplink[j] for j in range(len(data.worth))) + block.multicast)


def build_global(part: GlobalPart, block: Any) -> GlobalModel:
    """The reduced global part on an empty Pyomo block."""
    model = start_global(part, block)
    needs = model.needs
    committees, aps = (range(n) for n in needs.access.shape)
    budget = part.subchannels_max * (1.0 + GIVE)
    block.request = pyo.Var(committees, bounds=(0.0, budget))
    block.rate = pyo.Var(committees, [PRE_PREPARE, PREPARE, REPLY], domain=pyo.NonNegativeReals)
    block.cpu = pyo.Var(committees)
    rules = conditions(block, "phases")
    spectrum: list[list[Any]] = []
    block.relay = pyo.Var([(i, a) for i in committees for a in range(1, int(part.layout.delegates[i]))], bounds=(0.0, budget))
    for i in committees:
        most = float(part.cpu_max_hz[i][part.layout.is_delegate[i]].sum()) / model.cpu_unit * (1.0 + GIVE)
        block.cpu[i].setlb(0.0)
        block.cpu[i].setub(most)
        # C6 of every delegate is t_v >= cycles_v / f_max_v, the lower bound of ``verification``.
        if needs.cycles[i] > 0.0:
            rules.add(block.cpu[i] * block.verification[i] >= needs.cycles[i] / model.cpu_unit * block.on[i] ** 2)
        asked = sum(needs.access[i, k] * block.served[i, k] ** 2 for k in aps)
        rules.add(block.request[i] * block.phase[i, REQUEST] >= asked)
        rules.add(block.phase[i, COMMIT] >= block.phase[i, PRE_PREPARE])
        rules.add(block.phase[i, COMMIT] >= block.phase[i, PREPARE])
        for p in (PRE_PREPARE, PREPARE, REPLY):
            rules.add(block.rate[i, p] * block.phase[i, p] >= reached(model, i, p) ** 2)
        # z <= y without loss: who has prepared with everybody has replied to the manager.
        rules.add(block.rate[i, REPLY] >= block.rate[i, PREPARE])
        spectrum.append([needs.leader[i] * block.rate[i, PRE_PREPARE] + block.request[i]])
        block.rate[i, PRE_PREPARE].setub(budget / needs.leader[i])
        for a, (to_others, to_manager) in enumerate(delegate_needs(part, i), start=1):
            if part.multicast == "group":
                rules.add(block.relay[i, a] >= to_others * block.rate[i, PREPARE])
                rules.add(block.relay[i, a] >= to_manager * block.rate[i, REPLY])
            else:
                rules.add(block.relay[i, a] >= to_others * block.rate[i, PREPARE] + to_manager * block.rate[i, REPLY])
            spectrum[i].append(block.relay[i, a])
        block.rate[i, PREPARE].setub(budget / needs.broadcast[i].max())
        block.rate[i, REPLY].setub(budget / needs.reply[i].max())
    return finish_global(model, spectrum, [block.cpu[i] for i in committees])


def delegate_needs(part: GlobalPart, i: int) -> list[tuple[float, float]]:
    """Of each delegate but the manager: subchannel seconds that follow prepare, and that follow the reply."""
    need = link_needs(part)[i]
    delegates = range(1, int(part.layout.delegates[i]))
    if part.multicast == "group":
        return [(float(need[a].max()), float(need[a, 0])) for a in delegates]
    return [(float(np.delete(need[a], 0).sum()), float(need[a, 0])) for a in delegates]
