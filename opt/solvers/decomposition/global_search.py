r"""One step of branch and bound on the global part: bound a box, try its access, say where to split.

Two things keep a bound above what is earned. Loads: chords lie above convex worths. Splitting the box at the load of the best
assignment makes the chord exact there; a box whose best assignment lies outside its interior, or on its corners, has no
such error left. Times: at the best price a committee may jump between two answers (in most cases off and on), and the price
mixes them. Splitting its times at the one that takes the mixture's spectrum forbids the mixture.

A third thing shows where spectrum is free: times are limited by what the budget allows at the *smallest* loads of the box, so
at a price of 0 the bound does not see which APs a committee serves, and any assignment is best. Then the one that is best at
the spectrum asked for is tried (``likely_access``), and loads are split between the smallest and those of the access.
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Floats, Integers
from ...compiled import compiled
from .global_assignment import any_assignment, improve_assignment
from .global_bound import COUNT, LOAD_HIGH, LOAD_LOW, TIME_HIGH, TIME_LOW, Sides, bound_at, bound_box, tighten_times
from .global_curve import LEFT, REQUEST, X_CONST, X_UNIT
from .global_leaf import earned_with, exchange, leaf_dual
from .global_response import SLACK, GlobalModel, piece, respond, time_with

# How a box is to be split.
NOTHING, LOADS, TIMES = range(3)


@compiled
def root_boxes(model: GlobalModel, counts: Integers) -> Floats:
    """The whole problem as boxes, one for each vector of counts; [ways, 5, I]."""
    ways, committees = counts.shape
    points = model.needs.shape[1]
    boxes = np.zeros((ways, 5, committees))
    boxes[:, TIME_HIGH] = math.inf
    for i in range(committees):
        needs = np.sort(model.needs[i])
        for way in range(ways):
            served = counts[way, i]
            boxes[way, COUNT, i] = served
            boxes[way, LOAD_LOW, i] = needs[:served].sum()
            boxes[way, LOAD_HIGH, i] = needs[points - served :].sum()
    return boxes


@compiled
def quick_bounds(model: GlobalModel, boxes: Floats, price: float) -> Floats:
    """Bounds of boxes at one given price; [boxes]."""
    committees, points = model.needs.shape
    bounds = np.zeros(boxes.shape[0])
    access = np.zeros(points, dtype=np.int64)
    potential, loads, asked = np.zeros(committees), np.zeros(committees), np.zeros(committees)
    chord, earliest = np.zeros((2, committees)), np.zeros((committees, model.rows.shape[1]))
    for place in range(boxes.shape[0]):
        box = boxes[place].copy()
        if not tighten_times(model, box[COUNT], box[LOAD_LOW], box, earliest):
            bounds[place] = -math.inf
            continue
        any_assignment(box[COUNT], access)
        bounds[place], _ = bound_at(model, box, earliest, price, access, potential, chord, loads, asked)
    return bounds


@compiled
def _most_different(model: GlobalModel, box: Floats, asked: Floats) -> tuple[int, float]:
    """(committee whose spectrum differs most between the two prices, the mixture's spectrum for it); -1: all agree."""
    below, above = asked[0], asked[1]
    widest, chosen = 1e-9 * model.budget, -1
    for i in range(box.shape[1]):
        width = abs(min(below[i], 10.0 * model.budget) - above[i])
        if box[COUNT, i] > 0.0 and width > widest:
            widest, chosen = width, i
    if chosen < 0:
        return -1, 0.0
    excess = below.sum() - above.sum()
    share = 0.5
    if excess > 0.0 and excess < math.inf:
        share = min(max((model.budget - above.sum()) / excess, 0.05), 0.95)
    return chosen, above[chosen] + share * (below[chosen] - above[chosen])


@compiled
def time_split(model: GlobalModel, box: Floats, loads: Floats, asked: Floats) -> tuple[int, float]:
    """(committee, time) at which the box should be split so that the answers at two prices part; -1: nowhere."""
    committee, spectrum = _most_different(model, box, asked)
    if committee < 0:
        return -1, 0.0
    low, high = box[TIME_LOW, committee], box[TIME_HIGH, committee]
    time, _, _, _ = time_with(model, committee, loads[committee], spectrum)
    if not low * (1.0 + 1e-9) < time < high * (1.0 - 1e-9):
        slowest = longest_time(model, committee, loads[committee])
        if time == math.inf and low * (1.0 + 1e-9) < slowest < high:
            time = slowest
        else:
            time = 0.5 * (low + high) if high < math.inf else 2.0 * low
    if not low * (1.0 + 1e-9) < time < high * (1.0 - 1e-9):
        return -1, 0.0
    return committee, time


@compiled
def longest_time(model: GlobalModel, committee: int, load: float) -> float:
    """The longest communication time that the pieces reach; inf where there is no timeout to fail."""
    slowest = 0.0
    for place in range(model.rows_of[committee]):
        for capped in range(2):
            first, last, _, _, _ = piece(model.rows[committee, place], capped, load, model.timeout)
            if first <= last:
                slowest = max(slowest, last)
    return slowest


@compiled
def load_split(model: GlobalModel, box: Floats, earliest: Floats, sides: Sides) -> tuple[int, float]:
    """(committee, load) where a best assignment's chord lies farthest above the worth there; -1: nowhere inside."""
    chosen, error, where = -1, 0.0, 0.0
    for side in range(2):
        for i in range(box.shape[1]):
            low, high, load = box[LOAD_LOW, i], box[LOAD_HIGH, i], sides.loads[side, i]
            margin = 1e-12 * high
            if box[COUNT, i] > 0.0 and low + margin < load < high - margin:
                price = sides.price[side]
                value, _, _ = respond(model, i, box[COUNT, i], load, price, earliest[i], box[TIME_HIGH, i])
                above = sides.chord[side, 0, i] + sides.chord[side, 1, i] * (load - low) - value
                if above > error:
                    chosen, error, where = i, above, load
    return chosen, where


@compiled
def likely_access(model: GlobalModel, box: Floats, spectrum: Floats, access: Integers) -> None:
    """Replaces ``access`` by the best assignment if each committee has this ``spectrum`` [I] and worths are linear in loads."""
    committees, points = model.needs.shape
    weight, potential = np.zeros((committees, points)), np.zeros(committees)
    for i in range(committees):
        served, low, high = box[COUNT, i], box[LOAD_LOW, i], box[LOAD_HIGH, i]
        if served > 0.0 and high > low * (1.0 + 1e-12):
            lost = earned_with(model, i, served, low, spectrum[i]) - earned_with(model, i, served, high, spectrum[i])
            for k in range(points):
                weight[i, k] = -lost / (high - low) * model.needs[i, k]
    improve_assignment(weight, box[COUNT], access, potential)


@compiled
def towards_least_loads(model: GlobalModel, box: Floats, access: Integers) -> tuple[int, float]:
    """(committee, load) halfway between the smallest load of the box and the access's, where that is relatively widest."""
    loads = np.zeros(box.shape[1])
    for k in range(access.size):
        loads[access[k]] += model.needs[access[k], k]
    widest, chosen, where = 1e-9, -1, 0.0
    for i in range(box.shape[1]):
        low = box[LOAD_LOW, i]
        width = (min(loads[i], box[LOAD_HIGH, i]) - low) / max(low, 1e-300)
        if box[COUNT, i] > 0.0 and width > widest:
            widest, chosen, where = width, i, low * (1.0 + 0.5 * width)
    return chosen, where


@compiled
def examine(
    model: GlobalModel,
    box: Floats,
    access: Integers,
    start: float,
    incumbent: float,
    tolerance: float,
    spectrum: Floats,
    loads: Floats,
) -> tuple[float, float, float, int, int, float]:
    """(bound, price, earned, how to split, committee, where) of a box; raises TIME_LOW of the box where the budget allows.

    access [K]: an assignment with the box's counts, replaced by the bound's best one; ``loads`` [I] and ``spectrum`` [I] of the
    decision that earns ``earned`` with this access (-inf: none). incumbent: what is held; tolerance: gap that is allowed.
    """
    committees = loads.size
    earliest = np.zeros((committees, model.rows.shape[1]))
    if not tighten_times(model, box[COUNT], box[LOAD_LOW], box, earliest):
        return -math.inf, start, -math.inf, NOTHING, -1, 0.0
    sides = Sides(np.zeros(2), np.zeros((2, 2, committees)), np.zeros((2, committees)), np.zeros((2, committees)))
    enough = incumbent + tolerance
    accuracy = max(0.05 * tolerance, SLACK * abs(incumbent))
    bound, price = bound_box(model, box, earliest, start, enough, accuracy, access, sides)
    if bound <= enough:
        return bound, price, -math.inf, NOTHING, -1, 0.0
    loads[:] = 0.0
    for k in range(access.size):
        loads[access[k]] += model.needs[access[k], k]
    asked = np.zeros((2, committees))
    dual, _, earned = leaf_dual(model, box, loads, price, 0.1 * tolerance, spectrum, asked)
    blind = price <= 0.0 and dual < bound - tolerance
    if blind:
        other, its_loads = access.copy(), np.zeros(committees)
        likely_access(model, box, sides.spectrum[1], other)
        for k in range(access.size):
            its_loads[other[k]] += model.needs[other[k], k]
        its_spectrum, its_asked = np.zeros(committees), np.zeros((2, committees))
        its_dual, _, its_earned = leaf_dual(model, box, its_loads, price, 0.1 * tolerance, its_spectrum, its_asked)
        if its_dual > dual:
            dual, earned = its_dual, its_earned
            access[:], loads[:], spectrum[:], asked[:] = other, its_loads, its_spectrum, its_asked
    if dual > enough and dual - earned > 0.1 * tolerance:
        earned = exchange(model, box[COUNT], loads, spectrum, 0.1 * tolerance)
    held = max(incumbent, earned)
    if bound <= held + tolerance:
        return bound, price, earned, NOTHING, -1, 0.0
    by_load, load = load_split(model, box, earliest, sides)
    if by_load < 0 and blind and not bound - dual < dual - held:
        by_load, load = towards_least_loads(model, box, access)
        if by_load >= 0:
            return bound, price, earned, LOADS, by_load, load
    if bound - dual < dual - held or by_load < 0:
        # Times of this access first, if they are what is left; else those of the accesses that the price mixes.
        by_time, time = -1, 0.0
        if bound - dual < dual - held:
            by_time, time = time_split(model, box, loads, asked)
        if by_time < 0 and by_load < 0:
            by_time, time = time_split(model, box, loads, sides.spectrum)
        if by_time >= 0:
            return bound, price, earned, TIMES, by_time, time
    if by_load >= 0:
        return bound, price, earned, LOADS, by_load, load
    # Accesses are mixed that differ in nothing else: cut the widest interval of loads.
    widest, chosen = 1e-9, -1
    for i in range(committees):
        width = (box[LOAD_HIGH, i] - box[LOAD_LOW, i]) / max(box[LOAD_HIGH, i], 1e-300)
        if box[COUNT, i] > 0.0 and width > widest:
            widest, chosen = width, i
    if chosen < 0:
        return bound, price, earned, NOTHING, -1, 0.0
    return bound, price, earned, LOADS, chosen, 0.5 * (box[LOAD_LOW, chosen] + box[LOAD_HIGH, chosen])


@compiled
def phases_with(model: GlobalModel, committee: int, load: float, spectrum: float) -> tuple[bool, Floats]:
    """Whether this spectrum suffices, and the times [t_r, x, y, z] of its fastest use; inf for phases left unserved."""
    phases = np.full(4, math.inf)
    time, _, place, capped = time_with(model, committee, load, spectrum)
    if place < 0:
        return False, phases
    row = model.rows[committee, place]
    _, _, delay, _, root = piece(row, capped, load, model.timeout)
    stretch = (time - delay) / root if root > 0.0 else 0.0  # 1 / sqrt(lambda)
    if row[REQUEST] != LEFT:
        phases[0] = model.timeout if capped == 1 else math.sqrt(load) * stretch
    for phase in range(3):
        phases[1 + phase] = row[X_CONST + 2 * phase] + row[X_UNIT + 2 * phase] * stretch
    return True, phases
