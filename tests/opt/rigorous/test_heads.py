"""Closed forms of the rigorous checker: never below what a grid attains, and hardly above it."""

import math

import numpy as np
import pytest
from flint import arb

from twingap.opt.rigorous.balls import EMPTY, ZERO, exact
from twingap.opt.rigorous.heads import Head
from twingap.opt.rigorous.peak import most, peak_time
from twingap.opt.rigorous.reduced import Reduced


def upper(ball):
    return float(ball.upper())


@pytest.mark.parametrize("seed", range(20))
def test_the_peak_is_not_below_a_grid_and_hardly_above_it(seed):
    rng = np.random.default_rng(seed)
    gain, decay, cost = np.exp(rng.normal(0.0, 3.0, 3))
    for earliest in (0.0, float(np.exp(rng.normal(-1.0, 2.0)))):
        times = np.maximum(np.exp(np.linspace(-12.0, 12.0, 5001)) / decay, earliest)
        best = max(0.0, float((gain * np.exp(-decay * times) - cost / times).max()))
        found = upper(most(*map(exact, (gain, decay, cost, earliest))))
        assert best * (1.0 - 1e-12) <= found <= best * (1.0 + 1e-4) + 1e-12 * gain


@pytest.mark.parametrize(
    ("gain", "decay", "cost", "value"),
    [
        (1.0, 1e308, 1e-300, 0.0),  # the product overflows no ball
        (1e308, 5e-324, 5e-324, 1e308),
        (5e-324, 1.0, 1.0, 0.0),
        (1.0, 1.0, 0.0, 1.0),
        (0.0, 1.0, 1.0, 0.0),
    ],
)
def test_extreme_numbers_are_numbers(gain, decay, cost, value):
    found = most(exact(gain), exact(decay), exact(cost))
    assert found >= value * (1.0 - 1e-9)
    assert upper(found) <= value * (1.0 + 1e-12)


def test_where_the_peak_is_undecided_the_value_is_the_gain():
    # A cost A / gain = 4 / e^2 has its peak and its minimum in one point.
    edge = 4 * arb(-2).exp()
    assert not peak_time(arb(1), arb(1), edge).is_finite()
    assert peak_time(arb(1), arb(1), edge * 1.0001) is None
    assert most(arb(1, 0.5), arb(1), arb(0.5, 0.5)) >= 0 or upper(most(arb(1, 0.5), arb(1), arb(0.5, 0.5))) >= 1.0
    assert upper(most(arb(0, 1e-30), arb(1), arb(1e-40))) >= 1e-30


def drawn_head(rng):
    """(head, the same numbers as floats)."""
    free_cpu, idle = rng.random() < 0.15, rng.random() < 0.15
    numbers = (
        float(np.exp(rng.normal(-1.0, 1.0))),
        0.0 if idle else float(np.exp(rng.normal(0.0, 1.0))),
        float(np.exp(rng.normal(1.0, 1.0))),
        0.0 if free_cpu else float(np.exp(rng.normal(-1.0, 1.5))),
        float(np.exp(rng.normal(0.0, 1.0))),
    )
    return Head(*map(exact, numbers)), numbers


def on_grid(numbers, worth, price, shares):
    """Largest value over these shares and a grid of CPUs, off included."""
    decay, work, cpu_max, cpu_price, need = numbers
    cpu = cpu_max * np.linspace(0.0, 1.0, 301)[1:, None]
    with np.errstate(divide="ignore"):
        value = worth * np.exp(-decay * (work / cpu + need / shares)) - cpu_price * cpu
    return float((np.maximum(value.max(axis=0), 0.0) - price * shares).max())


@pytest.mark.parametrize("seed", range(20))
def test_heads_are_not_below_a_grid_and_hardly_above_it(seed):
    rng = np.random.default_rng(seed)
    head, numbers = drawn_head(rng)
    worth, price = float(np.exp(rng.normal(2.0, 1.0))), float(np.exp(rng.normal(-1.0, 1.5)))
    low = float(rng.choice([0.0, rng.exponential()]))
    high = math.inf if rng.random() < 0.4 else low + float(rng.exponential())
    last = high if high < math.inf else low + 40.0 * worth / price
    shares = low + (last - low) * np.linspace(0.0, 1.0, 301) ** 2
    best = on_grid(numbers, worth, price, shares)
    found = upper(head.boxed(exact(worth), exact(price), exact(low), None if high == math.inf else exact(high)))
    assert best - 1e-12 * worth <= found <= best + 1e-2 * worth
    # Free of charge, more is better.
    free = upper(head.boxed(exact(worth), ZERO, exact(low), None if high == math.inf else exact(high)))
    assert on_grid(numbers, worth, 0.0, shares) - 1e-12 * worth <= free <= worth


@pytest.mark.parametrize("seed", range(20))
def test_splits_are_not_below_a_grid_and_hardly_above_it(seed):
    rng = np.random.default_rng(seed)
    head, numbers = drawn_head(rng)
    worth, price, seconds, total = float(np.exp(rng.normal(2.0, 1.0))), float(np.exp(rng.normal(-1.0, 1.0))), 0.7, 3
    low = float(rng.choice([0.0, rng.uniform(0.0, 2.0)]))
    high = math.inf if rng.random() < 0.4 else low + float(rng.exponential())
    shares = np.linspace(low, min(high, total), 201)[:-1]
    values = [on_grid(numbers, worth, 0.0, np.array([share])) - price * seconds / (total - share) for share in shares]
    box = exact(low), None if high == math.inf else exact(high)
    found = upper(head.split(exact(worth), exact(seconds), exact(price), total, *box))
    assert max(values) - 1e-12 * worth <= found <= max(values) + 2e-2 * worth
    assert head.split(exact(worth), exact(seconds), exact(price), total, exact(3.0), None) == EMPTY
    alone = upper(head.split(exact(worth), ZERO, exact(price), total, *box))
    assert on_grid(numbers, worth, 0.0, shares) - 1e-12 * worth <= alone <= worth


@pytest.mark.parametrize("seed", range(20))
def test_lines_stay_below_the_shared_delay(seed, random_local_part):
    rng = np.random.default_rng(seed)
    part = random_local_part(rng)
    problem = Reduced(part)
    for touch in (*np.exp(rng.normal(-2.0, 3.0, 6)).tolist(), 0.0, 5e-324, 1e308, math.inf, math.nan):
        left = float(np.exp(rng.normal(-2.0, 2.0)))
        intercept, slope = (upper(ball) for ball in problem.delay_line(exact(left), touch))
        tau = left * np.exp(np.linspace(0.0, 8.0, 500))
        queue = np.maximum(0.0, part.cache_multiplier * tau - part.multicast_batch / (2.0 * part.arrival_rate))
        level = np.maximum(0.0, 2.84 * np.log(2.0 * part.arrival_rate * tau))
        delay = queue + (np.floor(level + 1e-12) if part.floor_adaptation else level) * tau
        assert slope >= 0.0
        assert (intercept + slope * tau <= delay * (1.0 + 1e-12) + 1e-12).all() or touch > 1e300
