r"""Convex relaxation of the local part on a box: the cone program whose duals price what heads share.

Reduced problem (``opt.local_reduction``) in the units of ``LocalNumbers``; head j is on with y_j in [0, 1], own delay
t_j = training plus upload, shared delay Q = Q(tau). On a box of delays exp(-A (Q + t)) lies under its secant
alpha - beta (Q + t), and

    maximise  sum_j g_j - p (sum_j u_j + m)
    subject to  g_j <= w_j (alpha_j y_j - beta_j (q_j + t_j)) - z_j f_j,  sum_j u_j + m <= 1,  tau m >= M,
                t_j >= r_j + s_j,  r_j f_j >= a_j y_j^2,  s_j u_j >= d_j y_j^2,  f_j <= y_j,
                low_j y_j <= t_j <= high_j y_j,  q_j >= Q_low y_j,  q_j >= Q - Q_high (1 - y_j),  Q >= tangents of Q(tau),

is the convex hull of "off" and "on with these delays" head by head (perspective; products are second-order cones). What a
price pi and views n have proved about a head, g_j - (p + pi) u_j + n_j Q <= top_j, is linear: such cuts carry the exact
concave envelope of a head into the program where its box is wide and its secant poor. With tangents of exp instead of secants,
y fixed and no cuts the same program is a restriction: iterating it climbs to a local optimum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ...arrays import Floats, Integers
from ...local_reduction import ReducedLocal
from .conic import CompiledCone, cp

TANGENTS = 3
CUTS = 4
# Top of a cut that is not used, in multiples of the largest worth.
UNUSED = 100.0


class LocalNumbers(NamedTuple):
    """Heads that can ever be on, in handy units: spectrum in budgets W, CPU in f_max_j, time in s, money in utility.

    worth w [J]; work a [J] = a_j/f_max_j [s]; need d [J] = d_j/W [s]; cpu_price z [J] = zeta f_max_j; spectrum_price p of the
    whole budget; multicast M = M/W [s]; decay A. heads [J]: their index in the snapshot.
    """

    worth: Floats
    work: Floats
    need: Floats
    cpu_price: Floats
    spectrum_price: float
    multicast: float
    decay: float
    heads: Integers

    @classmethod
    def of(cls, reduced: ReducedLocal) -> LocalNumbers:
        """Numbers of a reduced problem; heads that earn nothing even when everything is instant are left out."""
        heads = np.flatnonzero(reduced.worth > 0.0).astype(np.int64)
        return cls(
            worth=reduced.worth[heads],
            work=reduced.work[heads] / reduced.cpu_max[heads],
            need=reduced.need[heads] / reduced.budget,
            cpu_price=reduced.cpu_price * reduced.cpu_max[heads],
            spectrum_price=reduced.spectrum_price * reduced.budget,
            multicast=reduced.multicast_need / reduced.budget,
            decay=reduced.decay,
            heads=heads,
        )


def compile_local(numbers: LocalNumbers) -> CompiledCone:
    """The program above, compiled; its parameters are named as the caller of ``CompiledCone.solve`` writes them."""
    count = len(numbers.worth)
    on, own, shared = cp.Variable(count), cp.Variable(count), cp.Variable(count)
    training, upload, uplink, cpu, gain = (cp.Variable(count) for _ in range(5))
    multicast, tau, delay = cp.Variable(), cp.Variable(), cp.Variable()
    level, slope = cp.Parameter(count), cp.Parameter(count, nonneg=True)
    low, high = cp.Parameter(count, nonneg=True), cp.Parameter(count, nonneg=True)
    off_max, on_max = cp.Parameter(count, nonneg=True), cp.Parameter(count, nonneg=True)
    delay_low, delay_high = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
    tau_low, tau_high = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
    rise, start = cp.Parameter(TANGENTS), cp.Parameter(TANGENTS)
    top, view = cp.Parameter((count, CUTS)), cp.Parameter((count, CUTS), nonneg=True)
    paid = cp.Parameter(CUTS, nonneg=True)
    budget = cp.sum(uplink) + multicast <= 1.0
    coupling = shared >= delay - delay_high + delay_high * on
    scale = float(numbers.worth.max())
    secant = cp.multiply(level, on) - cp.multiply(slope, shared + own) - cp.multiply(numbers.cpu_price / scale, cpu)
    rent = numbers.spectrum_price / scale * (cp.sum(uplink) + multicast)
    cuts = [gain <= top[:, c] + paid[c] * uplink - view[:, c] * delay for c in range(CUTS)]
    constraints = [
        budget,
        coupling,
        gain <= secant,
        *cuts,
        _product_over(tau, multicast, np.sqrt(numbers.multicast)),
        own >= training + upload,
        _product_over(training, cpu, cp.multiply(np.sqrt(numbers.work), on)),
        _product_over(upload, uplink, cp.multiply(np.sqrt(numbers.need), on)),
        cpu <= on,
        own >= cp.multiply(low, on),
        own <= cp.multiply(high, on),
        shared >= delay_low * on,
        delay >= rise * tau + start,
        tau >= tau_low,
        tau <= tau_high,
        on >= 1.0 - off_max,
        on <= on_max,
    ]
    return CompiledCone(
        cp.Problem(cp.Maximize(cp.sum(gain) - rent), constraints),
        parameters={
            "level": level,
            "slope": slope,
            "low": low,
            "high": high,
            "off_max": off_max,
            "on_max": on_max,
            "delay_low": delay_low,
            "delay_high": delay_high,
            "tau_low": tau_low,
            "tau_high": tau_high,
            "rise": rise,
            "start": start,
            "top": top,
            "view": view,
            "paid": paid,
        },
        variables={"on": on, "own": own, "tau": tau, "uplink": uplink, "cpu": cpu, "gain": gain},
        rows={"budget": budget, "coupling": coupling} | {f"cut {c}": cut for c, cut in enumerate(cuts)},
    )


def _product_over(left: Any, right: Any, root: Any) -> Any:
    """left x right >= root^2 with both >= 0, as a second-order cone, entry by entry."""
    if left.ndim == 0:
        return cp.SOC(left + right, cp.hstack([2.0 * root, left - right]))
    return cp.SOC(left + right, cp.vstack([2.0 * root, left - right]), axis=0)
