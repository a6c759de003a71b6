"""A head's answers to prices, against brute force over shares and CPU."""

import math

import numpy as np
import pytest
from scipy.special import lambertw

from twingap.opt.local_reduction import reduce_local
from twingap.opt.solvers.decomposition.local_heads import demand, heads_of, respond_all
from twingap.opt.solvers.decomposition.response import (
    ON_BELOW,
    best_response,
    boxed_response,
    concave_response,
    half_decay_time,
    served_value,
)


def random_head(rng):
    """(benefit, decay, work, cpu_max, cpu_price, need), sometimes with nothing to train or free CPU."""
    work = 0.0 if rng.random() < 0.15 else float(np.exp(rng.uniform(-2.0, 2.0)))
    cpu_price = 0.0 if rng.random() < 0.15 else float(np.exp(rng.uniform(-3.0, 1.0)))
    return (
        float(np.exp(rng.uniform(0.0, 3.0))),
        float(np.exp(rng.uniform(-2.0, 0.5))),
        work,
        2.0,
        cpu_price,
        float(np.exp(rng.uniform(-2, 1))),
    )


def brute_served(head, uplink):
    """Best value over CPU for an array of shares, u unpaid."""
    benefit, decay, work, cpu_max, cpu_price, need = head
    cpu = cpu_max * np.linspace(0.0, 1.0, 2001)[1:]
    with np.errstate(divide="ignore"):
        delay = (work / cpu if work > 0.0 else 0.0 * cpu)[None, :] + (need / uplink)[:, None]
    paid = cpu_price * cpu if work > 0.0 else 0.0 * cpu
    return np.maximum((benefit * np.exp(-decay * delay) - paid[None, :]).max(axis=1), 0.0)


@pytest.mark.parametrize("seed", range(60))
def test_answers_match_brute_force(seed):
    rng = np.random.default_rng(seed)
    head = random_head(rng)
    price = float(np.exp(rng.uniform(-3.0, 1.0)))
    grid = np.concatenate([[0.0], np.exp(np.linspace(-8.0, 8.0, 3001))])
    served = brute_served(head, grid)
    tolerance = 2e-3 * head[0]
    for u, value in zip(grid[::250], served[::250], strict=True):
        exact, cpu = served_value(*head, float(u))
        assert value - 1e-12 <= exact <= value + tolerance
        assert 0.0 <= cpu <= head[3]
    value, uplink, _ = best_response(*head, price)
    best = (served - price * grid).max()
    assert best - 1e-12 <= value <= best + tolerance
    low, high = np.sort(np.exp(rng.uniform(-4.0, 3.0, 2)))
    for box in ((float(low), float(high)), (0.0, float(high)), (float(low), math.inf)):
        inside = (grid >= box[0]) & (grid <= box[1])
        reach = np.concatenate([[box[0]], grid[inside], [box[1]] if box[1] < math.inf else []])
        best = (brute_served(head, reach) - price * reach).max()
        value, uplink, cpu = boxed_response(*head, price, *box)
        assert box[0] <= uplink <= box[1]
        assert best - 1e-12 <= value <= best + tolerance
        assert value == pytest.approx(served_value(*head, uplink)[0] - price * uplink, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(60))
def test_concave_response_is_the_only_local_maximum(seed):
    rng = np.random.default_rng(1000 + seed)
    head = random_head(rng)
    price = float(np.exp(rng.uniform(-3.0, 1.0)))
    uplink, _ = concave_response(*head, price)
    grid = np.exp(np.linspace(-8.0, 8.0, 4001))
    # Below a value of 0 the head would rather stop its CPU; the local maximum is looked for where it runs.
    values = np.array([served_value(*head, float(u))[0] for u in grid])
    running = values > 0.0
    profit = values - price * grid
    peaks = grid[1:-1][(profit[1:-1] > profit[:-2]) & (profit[1:-1] > profit[2:]) & running[:-2]]
    assert len(peaks) <= 1
    if len(peaks):
        assert uplink == pytest.approx(peaks[0], rel=2.0 * (grid[1] / grid[0] - 1.0))


def test_half_decay_time_is_lambert_w():
    q = np.concatenate([np.linspace(0.0, math.exp(-1.0) * (1 - 1e-9), 50), [1e-300, 1e-20, 1e-8]])
    found = np.array([half_decay_time(float(value)) for value in q])
    np.testing.assert_allclose(found, -lambertw(-q).real, rtol=1e-7, atol=0.0)


def test_half_decay_time_is_exact_where_heads_can_be_on():
    q = np.concatenate([np.linspace(0.0, ON_BELOW, 4001), 10.0 ** -np.arange(1.0, 300.0, 7.0)])
    found = np.array([half_decay_time(float(value)) for value in q])
    np.testing.assert_allclose(found, -lambertw(-q).real, rtol=3e-15, atol=0.0)


@pytest.mark.parametrize("seed", range(20))
def test_passes_over_all_heads_are_the_single_heads_answers(random_local_part, seed):
    rng = np.random.default_rng(seed)
    problem = reduce_local(random_local_part(rng))
    heads, count, nothing = heads_of(problem), len(problem.worth), np.zeros(0)
    fade, price = float(rng.uniform(0.05, 1.0)), float(np.exp(rng.uniform(-5.0, 5.0)))

    def head(j, faded):
        return faded * problem.worth[j], problem.decay, problem.work[j], problem.cpu_max[j], problem.cpu_price, problem.need[j]

    free = np.zeros(count), np.full(count, np.inf)
    uplink, cpu = np.zeros(count), np.zeros(count)
    value, total, pull = respond_all(problem, heads, *free, fade, price, uplink)
    single = np.array([best_response(*head(j, fade), price)[:2] for j in range(count)])
    np.testing.assert_allclose([value, total], single.sum(axis=0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(uplink, single[:, 1], rtol=1e-12, atol=1e-12)
    # The spectrum asked for falls by (u + pull)/(2 pi), heads that drop out apart.
    step = 1e-6
    more = respond_all(problem, heads, *free, fade, price * (1 - step), nothing)[1]
    less = respond_all(problem, heads, *free, fade, price * (1 + step), nothing)[1]
    np.testing.assert_allclose((more - less) / (2 * step), 0.5 * (total + pull), rtol=1e-5, atol=1e-9)
    on, pins = rng.random(count) < 0.7, np.zeros(count)
    pins[0] = 0.1
    demand(problem, heads, on, pins, fade, price, uplink, cpu)
    for j in range(1, count):
        expected = concave_response(*head(j, fade), price) if on[j] else (0.0, 0.0)
        np.testing.assert_allclose((uplink[j], cpu[j]), expected, rtol=1e-7)
    assert (uplink[0], cpu[0]) == (0.1, served_value(*head(0, fade), 0.1)[1])


def test_worthless_head_is_off():
    assert best_response(0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) == (0.0, 0.0, 0.0)
    assert concave_response(0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) == (0.0, 0.0)
