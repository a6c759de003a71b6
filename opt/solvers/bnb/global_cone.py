r"""Convex relaxation of the global part once |Omega_i| is fixed: the cone program whose duals price what committees share.

Committee i is on with y in [0, 1]; each of its phases request, pre-prepare, prepare, reply is served with s <= y (s = y under
``fail``; under ``cap`` an unserved phase lasts the timeout). With times x of the served parts, counted times x + T_th (y - s),
commit c no less than both of its phases, verification v, delay T and the secant alpha - beta T of exp(-A T) on its interval,

    maximise  sum_i n_i [B (alpha y - beta T) - p S - z C q]
    subject to  sum_i S_i <= 1,  S = S_r + e_0 X + sum_a W_a,  W_a >= e_a Y,  W_a >= g_a Z,  q v >= y^2,  v >= fastest y,
                X x >= s_x^2 (and Y, Z alike),  S_r x_r >= w^2,  w >= secant of sqrt(r),  r = sum_k gamma_k need_k,

is convex: sqrt is concave, so its secant on the interval of r lies below it, and S x >= w^2 is a second-order cone. gamma is
relaxed to the transport polytope. Needs are those of ``opt.global_reduction`` over the budget W.
"""

from __future__ import annotations

from typing import NamedTuple

from ...arrays import Floats
from ...global_reduction import committee_needs
from ...snapshot import GlobalPart
from .conic import CompiledCone, cp


class GlobalNumbers(NamedTuple):
    """access r [I, K], leader e_0 [I], broadcast e_a [I, M], reply g_a [I, M]: needs over W [s]; cycles C [I]; fastest [I] [s];
    benefit B; decay A; spectrum_price p of the whole budget; cpu_price z; timeout T_th; capped: whether the rule is ``cap``."""

    access: Floats
    leader: Floats
    broadcast: Floats
    reply: Floats
    cycles: Floats
    fastest: Floats
    benefit: float
    decay: float
    spectrum_price: float
    cpu_price: float
    timeout: float
    capped: bool

    @classmethod
    def of(cls, part: GlobalPart) -> GlobalNumbers:
        """Numbers of one epoch."""
        needs, budget = committee_needs(part), part.subchannels_max
        return cls(
            access=needs.access / budget,
            leader=needs.leader / budget,
            broadcast=needs.broadcast / budget,
            reply=needs.reply / budget,
            cycles=needs.cycles,
            fastest=needs.fastest,
            benefit=part.benefit,
            decay=part.decay,
            spectrum_price=part.spectrum_cost * part.subchannel_hz * budget,
            cpu_price=part.cpu_cost,
            timeout=part.timeout,
            capped=part.timeout_rule == "cap",
        )


def compile_global(numbers: GlobalNumbers) -> CompiledCone:
    """The program above, compiled; its parameters are named as the caller of ``CompiledCone.solve`` writes them."""
    committees, aps = numbers.access.shape
    terms = numbers.broadcast.shape[1]
    on, delay, commit, verification, cpu, load, root = (cp.Variable(committees) for _ in range(7))
    served, time, speed = (cp.Variable((committees, 4)) for _ in range(3))
    shares = cp.Variable((committees, terms))
    access = cp.Variable((committees, aps))
    earned_level, spectrum_cost, cpu_cost = (cp.Parameter(committees) for _ in range(3))
    slope, low, high = (cp.Parameter(committees, nonneg=True) for _ in range(3))
    off_max, on_max, root_min, root_max = (cp.Parameter(committees, nonneg=True) for _ in range(4))
    unserved_max, served_max = (cp.Parameter((committees, 4), nonneg=True) for _ in range(2))
    root_start, root_rise, counts = (cp.Parameter(committees) for _ in range(3))
    access_max = cp.Parameter((committees, aps), nonneg=True)
    limit = cp.Parameter(nonneg=True)
    column = (committees, 1)
    counted = time + numbers.timeout * (cp.reshape(on, column, order="F") - served)
    spectrum = speed[:, 0] + cp.multiply(numbers.leader, speed[:, 1]) + cp.sum(shares, axis=1)
    budget = cp.sum(spectrum) <= limit
    loads = load >= cp.sum(cp.multiply(numbers.access, access), axis=1)
    commit_leader, commit_prepare = commit >= counted[:, 1], commit >= counted[:, 2]
    broadcast = shares >= cp.multiply(numbers.broadcast, cp.reshape(speed[:, 2], column, order="F"))
    reply = shares >= cp.multiply(numbers.reply, cp.reshape(speed[:, 3], column, order="F"))
    constraints = [
        budget,
        loads,
        commit_leader,
        commit_prepare,
        broadcast,
        reply,
        delay >= cp.sum(counted, axis=1) + commit + verification,
        delay >= cp.multiply(low, on),
        delay <= cp.multiply(high, on),
        cp.SOC(cpu + verification, cp.vstack([2.0 * on, cpu - verification]), axis=0),
        verification >= cp.multiply(numbers.fastest, on),
        cp.SOC(speed[:, 0] + time[:, 0], cp.vstack([2.0 * root, speed[:, 0] - time[:, 0]]), axis=0),
        root >= root_start + cp.multiply(root_rise, load) + cp.multiply(root_max, served[:, 0]),
        root >= cp.multiply(root_min, served[:, 0]),
        time <= numbers.timeout * served,
        served <= cp.reshape(on, column, order="F"),
        served >= cp.reshape(on, column, order="F") - unserved_max,
        served <= served_max,
        on >= 1.0 - off_max,
        on <= on_max,
        access >= 0.0,
        access <= access_max,
        cp.sum(access, axis=0) == 1.0,
        cp.sum(access, axis=1) == counts,
    ]
    for phase in (1, 2, 3):
        sides = speed[:, phase] + time[:, phase], speed[:, phase] - time[:, phase]
        constraints.append(cp.SOC(sides[0], cp.vstack([2.0 * served[:, phase], sides[1]]), axis=0))
    return CompiledCone(
        cp.Problem(cp.Maximize(earned_level @ on - slope @ delay - spectrum_cost @ spectrum - cpu_cost @ cpu), constraints),
        parameters={
            "earned_level": earned_level,
            "slope": slope,
            "spectrum_cost": spectrum_cost,
            "cpu_cost": cpu_cost,
            "low": low,
            "high": high,
            "off_max": off_max,
            "on_max": on_max,
            "root_min": root_min,
            "root_max": root_max,
            "unserved_max": unserved_max,
            "served_max": served_max,
            "root_start": root_start,
            "root_rise": root_rise,
            "counts": counts,
            "access_max": access_max,
            "limit": limit,
        },
        variables={
            "on": on,
            "delay": delay,
            "verification": verification,
            "load": load,
            "served": served,
            "time": time,
            "access": access,
        },
        rows={
            "budget": budget,
            "loads": loads,
            "commit_leader": commit_leader,
            "commit_prepare": commit_prepare,
            "broadcast": broadcast,
            "reply": reply,
        },
    )
