r"""The best resources for one access: prices, then exchanges of spectrum between pairs of committees.

With access given, loads are numbers, and what is left is one budget shared by at most I committees, each S-shaped in its
spectrum. At the best price the committees' answers use the budget on either side of it; where they meet (no committee jumps)
the answers are optimal. Otherwise spectrum is exchanged between pairs (one of them may be "unused"), which also finds the cases
with one committee on its convex side.
"""

from __future__ import annotations

import math

import numpy as np

from ...arrays import Floats
from ...compiled import compiled
from .global_bound import COUNT, TIME_HIGH, next_price, tighten_times
from .global_response import SLACK, GlobalModel, margin, respond, time_with, worth_at

GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
SAMPLES = 12
GOLDEN_STEPS = 34  # leaves 1e-8 of the interval; values near a maximum are then off by 1e-16


@compiled
def leaf_dual(
    model: GlobalModel, box: Floats, loads: Floats, start: float, accuracy: float, spectrum: Floats, asked: Floats
) -> tuple[float, float, float]:
    """(bound, its price, what ``spectrum`` earns) for these loads within the box's times; accuracy: when to stop.

    Writes the best ``spectrum`` [I] within the budget that was met, and ``asked`` [2, I] at the bracket's two prices.
    """
    committees, points = model.needs.shape
    counts = box[COUNT]
    inner = box.copy()
    earliest = np.zeros((committees, model.rows.shape[1]))
    spectrum[:] = 0.0
    if not tighten_times(model, counts, loads, inner, earliest):
        return -math.inf, start, -math.inf
    best, best_price, earned = math.inf, start, -math.inf
    low, low_value, low_slope = -1.0, 0.0, 0.0
    high, high_value, high_slope = -1.0, 0.0, 0.0
    trial = np.zeros(committees)
    price = start
    smallest = 1e-9 * points * model.benefit / model.budget
    for turn in range(200):
        worth, added = 0.0, 0.0
        for i in range(committees):
            trial[i] = 0.0
            if counts[i] > 0.0:
                value, time, trial[i] = respond(model, i, counts[i], loads[i], price, earliest[i], inner[TIME_HIGH, i])
                worth += value
                if time < math.inf:
                    added += margin(model, counts[i], price, earliest[i, : model.rows_of[i]].min())
        slope = model.budget - trial.sum()
        value = worth + price * model.budget * (1.0 + SLACK)
        if value < best:
            best, best_price = value, price
        if slope >= -0.5 * SLACK * model.budget and worth - added + price * trial.sum() > earned:
            earned = worth - added + price * trial.sum()
            spectrum[:] = trial
        if slope >= 0.0:
            high, high_value, high_slope = price, value, slope
            asked[1] = trial
        else:
            low, low_value, low_slope = price, value, slope
            asked[0] = trial
        if best - earned <= accuracy or (slope >= 0.0 and price <= 0.0):
            break
        if high < 0.0:
            price = max(2.0 * price, smallest)
        elif low < 0.0:
            price = 0.5 * price if price > smallest else 0.0
        else:
            # An answer that jumps leaves a gap that no narrower bracket closes.
            jumps = best - earned > 1e3 * accuracy
            if high - low <= (1e-10 if jumps else 1e-15) * high:
                break
            price, _ = next_price(low, low_value, low_slope, high, high_value, high_slope, turn)
    if low < 0.0:
        asked[0] = asked[1]
    return best, best_price, earned


@compiled
def earned_with(model: GlobalModel, committee: int, served: float, load: float, spectrum: float) -> float:
    """What the committee earns when it may use this much spectrum, all of it if that is the fastest; 0 when off."""
    if served <= 0.0:
        return 0.0
    time, used, _, _ = time_with(model, committee, load, spectrum)
    if time == math.inf:
        return 0.0
    value, _ = worth_at(model, committee, served, served * model.spectrum_price, time, used)
    return max(0.0, value)


@compiled
def _pair_earns(
    model: GlobalModel, counts: Floats, loads: Floats, first: int, second: int, total: float, share: float
) -> float:
    value = earned_with(model, first, counts[first], loads[first], share)
    if second < counts.size:
        value += earned_with(model, second, counts[second], loads[second], total - share)
    return value


@compiled
def exchange(model: GlobalModel, counts: Floats, loads: Floats, spectrum: Floats, accuracy: float) -> float:
    """Improve ``spectrum`` [I] by exchanges between pairs until a round gains less than ``accuracy``; what it earns."""
    committees = counts.size
    each = np.zeros(committees + 1)
    for i in range(committees):
        each[i] = earned_with(model, i, counts[i], loads[i], spectrum[i])
    for _ in range(6):
        gained = 0.0
        for first in range(committees):
            if counts[first] <= 0.0:
                continue
            for second in range(first + 1, committees + 1):
                if second < committees and counts[second] <= 0.0:
                    continue
                unused = max(0.0, model.budget - spectrum.sum())
                other = spectrum[second] if second < committees else unused
                total = spectrum[first] + other
                if total <= 0.0:
                    continue
                before = each[first] + each[second]
                best, best_share = before, spectrum[first]
                for sample in range(SAMPLES + 1):
                    share = total * sample / SAMPLES
                    value = _pair_earns(model, counts, loads, first, second, total, share)
                    if value > best:
                        best, best_share = value, share
                left, right = max(0.0, best_share - total / SAMPLES), min(total, best_share + total / SAMPLES)
                a, b = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
                at_a = _pair_earns(model, counts, loads, first, second, total, a)
                at_b = _pair_earns(model, counts, loads, first, second, total, b)
                for _step in range(GOLDEN_STEPS):
                    if at_a >= at_b:
                        if at_a > best:
                            best, best_share = at_a, a
                        right, b, at_b = b, a, at_a
                        a = right - GOLDEN * (right - left)
                        at_a = _pair_earns(model, counts, loads, first, second, total, a)
                    else:
                        if at_b > best:
                            best, best_share = at_b, b
                        left, a, at_a = a, b, at_b
                        b = left + GOLDEN * (right - left)
                        at_b = _pair_earns(model, counts, loads, first, second, total, b)
                if best > before:
                    gained += best - before
                    spectrum[first] = best_share
                    each[first] = earned_with(model, first, counts[first], loads[first], best_share)
                    if second < committees:
                        spectrum[second] = total - best_share
                        each[second] = earned_with(model, second, counts[second], loads[second], total - best_share)
        if gained <= accuracy:
            break
    return each.sum()
