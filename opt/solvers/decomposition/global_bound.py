r"""A proved upper bound on a box of the global part, by prices on spectrum and on load.

A box fixes how many APs each committee serves and confines its access load r_i and its communication time t_i
(rows of a box). For any price p >= 0 on C5, every decision in the box earns at most p W + sum_i v_i(r_i), with v_i(r) the
best worth of committee i on its times (``global_response``), convex and decreasing in r. So v_i lies under its chord on the
box's loads, and for any potentials mu of the committees

    p W + sum_i [chord_i(0) + n_i mu_i] + sum_k max_i (slope_i need_ik - mu_i)

is an upper bound: linear weights on APs, maximised over all assignments with these counts (loads outside the box included,
which only adds). No p and no mu can make it false, so the searches below need no proof. It is minimised over p by tangents
(its slope is W minus the spectrum asked for) and over mu by the dual of the transportation problem.

Within a box times are cut from below: with at most the budget minus what the others need at least, S(t) must be affordable.
Both are computed at the smallest loads of the box, hence hold for all of it.

Timeouts. The evaluator confirms a phase up to T (1 + e), e = 1e-9. A decision that uses this becomes one with phases within T
when all its spectrum is multiplied by 1 + e: it costs at most e p_0 W more per AP served, and C5 then holds with W (1 + e).
So e (p + p_0 n_i) W on top of the worth of every committee that is on covers it (``margin``), and times
are affordable with W (1 + e).

Unresolved. Numbers are those of ``global_range``, for which no intermediate overflows or is no number; if one were, it would
be found in the size of the terms, and the bound is inf then. Comparisons keep the larger value when one is no number, and
``best`` of the prices tried takes none that is not less.

Rounding. The worth of a committee is computed to a few units in the last place of n (g + p_0 W) + p W, g = B (1 + A t)
exp(-A t) at its least time t (exp loses A t ulps, and g falls in t): responses are stationary, so errors of their times enter
squared, and D of ``global_curve`` sums at most V terms. ``respond`` adds 1e-12 of that size to every worth but that of being
off, which is exactly 0; the sums here add 1e-12 of the size of their
terms, and an ulp of that for each term. Both are more than a hundred times what the operations can lose.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...arrays import Floats, Integers
from ...compiled import compiled
from ...global_equations import TIMEOUT_TOLERANCE
from .global_assignment import assignment_bound, improve_assignment
from .global_curve import REQUEST, UP_TO_TIMEOUT
from .global_response import SLACK, GlobalModel, earliest_on_rows, respond, spectrum_by

ULP = 2.0**-52
LEAST_PRICE = 1e-150

# Rows of a box [5, I].
COUNT, LOAD_LOW, LOAD_HIGH, TIME_LOW, TIME_HIGH = range(5)


@compiled
def tighten_times(model: GlobalModel, counts: Floats, loads: Floats, box: Floats, earliest: Floats) -> bool:
    """Raise TIME_LOW of the box and write ``earliest`` [I, R] as the budget allows at these loads; False: nothing fits."""
    committees = counts.size
    late = TIMEOUT_TOLERANCE if model.rows[0, 0, REQUEST] == UP_TO_TIMEOUT else 0.0
    budget = model.budget * (1.0 + SLACK + late)
    least = np.zeros(committees)
    for i in range(committees):
        if counts[i] > 0.0:
            least[i] = spectrum_by(model, i, loads[i], box[TIME_HIGH, i])
    total = least.sum()
    if total > budget:
        return False
    for i in range(committees):
        if counts[i] > 0.0:
            available = budget - (total - least[i])
            low = earliest_on_rows(model, i, loads[i], box[TIME_LOW, i], available, earliest[i])
            low *= 1.0 - SLACK
            for row in range(earliest.shape[1]):
                earliest[i, row] *= 1.0 - SLACK
            if low > box[TIME_HIGH, i]:
                return False
            box[TIME_LOW, i] = max(low, box[TIME_LOW, i])
    return True


@compiled
def bound_at(
    model: GlobalModel,
    box: Floats,
    earliest: Floats,
    price: float,
    access: Integers,
    potential: Floats,
    chord: Floats,
    loads: Floats,
    spectrum: Floats,
) -> tuple[float, float]:
    """(bound, its slope in the price) at one price.

    Writes the best assignment ``access`` [K] (warm start), its ``loads`` [I], ``chord`` [2, I] (value at LOAD_LOW, slope) and
    ``spectrum`` [I], what each committee asks for there (on its chord).
    """
    committees, points = model.needs.shape
    counts = box[COUNT]
    weight = np.zeros((committees, points))
    ends = np.zeros((2, committees))
    for i in range(committees):
        chord[0, i] = chord[1, i] = 0.0
        if counts[i] <= 0.0:
            continue
        low, high = box[LOAD_LOW, i], box[LOAD_HIGH, i]
        chord[0, i], _, ends[0, i] = respond(model, i, counts[i], low, price, earliest[i], box[TIME_HIGH, i])
        if chord[0, i] == -math.inf:
            return -math.inf, 0.0  # none of the committee's times in the box is possible
        ends[1, i] = ends[0, i]
        if high - low > 1e-12 * high:
            value, _, ends[1, i] = respond(model, i, counts[i], high, price, earliest[i], box[TIME_HIGH, i])
            chord[1, i] = min(0.0, (value - chord[0, i]) / (high - low))
        for k in range(points):
            weight[i, k] = chord[1, i] * model.needs[i, k]
    improve_assignment(weight, counts, access, potential)
    loads[:] = 0.0
    for k in range(points):
        loads[access[k]] += model.needs[access[k], k]
    assigned, size = assignment_bound(weight, counts, potential)
    bound = price * model.budget + assigned
    size += price * model.budget
    slope = model.budget
    for i in range(committees):
        bound += chord[0, i] - chord[1, i] * box[LOAD_LOW, i]
        size += abs(chord[0, i]) - chord[1, i] * box[LOAD_LOW, i]
        spectrum[i] = ends[0, i]
        if chord[1, i] != 0.0:
            share = (loads[i] - box[LOAD_LOW, i]) / (box[LOAD_HIGH, i] - box[LOAD_LOW, i])
            spectrum[i] += min(max(share, 0.0), 1.0) * (ends[1, i] - ends[0, i])
        slope -= spectrum[i]
    if not size < math.inf:
        return math.inf, slope  # some term is no number
    return bound + (SLACK + ULP * (points + committees)) * size, slope


@compiled
def next_price(
    low: float, low_value: float, low_slope: float, high: float, high_value: float, high_slope: float, turn: int
) -> tuple[float, float]:
    """(price to try, tangents' lower estimate of the minimum) in a bracket of a convex function; every third turn halves.

    Prices below ``LEAST_PRICE`` are 0: a certificate takes no others.
    """
    price = 0.5 * (low + high)
    bend = high_slope - low_slope
    estimate = -math.inf
    if bend > 0.0:
        meet = (low_value - high_value + high_slope * high - low_slope * low) / bend
        meet = min(max(meet, low), high)
        estimate = low_value + low_slope * (meet - low)
        if turn % 3 != 2:
            price = min(max(meet, low + 1e-3 * (high - low)), high - 1e-3 * (high - low))
    return (price if price > LEAST_PRICE else 0.0), estimate


class Sides(NamedTuple):
    """What a price search saw last on either side of its minimum (index 0: the lower price).

    price [2]; chord [2, 2, I]; loads [2, I] of the best assignment; spectrum [2, I] asked for.
    """

    price: Floats
    chord: Floats
    loads: Floats
    spectrum: Floats


@compiled
def bound_box(
    model: GlobalModel,
    box: Floats,
    earliest: Floats,
    start: float,
    enough: float,
    accuracy: float,
    access: Integers,
    sides: Sides,
) -> tuple[float, float]:
    """(bound, its price), minimised over the price from ``start`` until below ``enough`` or within ``accuracy``.

    Writes the best assignment at the best price to ``access`` [K] and what was seen on either side of it to ``sides``.
    """
    committees, points = model.needs.shape
    potential = np.zeros(committees)
    trial = access.copy()
    chord, loads, asked = np.zeros((2, committees)), np.zeros(committees), np.zeros(committees)
    best, best_price = math.inf, start
    low, low_value, low_slope = -1.0, 0.0, 0.0
    high, high_value, high_slope = -1.0, 0.0, 0.0
    price = start
    smallest = 1e-9 * points * model.benefit / model.budget
    for turn in range(100):
        value, slope = bound_at(model, box, earliest, price, trial, potential, chord, loads, asked)
        if value < best:
            best, best_price = value, price
            access[:] = trial
        side = 1 if slope >= 0.0 else 0
        sides.price[side] = price
        sides.chord[side], sides.loads[side], sides.spectrum[side] = chord, loads, asked
        if side == 1:
            high, high_value, high_slope = price, value, slope
        else:
            low, low_value, low_slope = price, value, slope
        if best <= enough or (slope >= 0.0 and price <= 0.0):
            break
        if high < 0.0:
            price = max(2.0 * price, smallest)
        elif low < 0.0:
            price = 0.5 * price if price > smallest else 0.0
        else:
            if high - low <= 1e-14 * high:
                break
            price, estimate = next_price(low, low_value, low_slope, high, high_value, high_slope, turn)
            if best - estimate <= max(accuracy, 0.02 * (estimate - enough)):
                break
    if low < 0.0 or high < 0.0:
        seen, unseen = (1, 0) if low < 0.0 else (0, 1)
        sides.price[unseen] = sides.price[seen]
        sides.chord[unseen], sides.loads[unseen] = sides.chord[seen], sides.loads[seen]
        sides.spectrum[unseen] = sides.spectrum[seen]
    return best, best_price
