"""A head's answers to prices, against brute force over shares and CPU."""

import math

import numpy as np
import pytest
from scipy.special import lambertw

from twingap.opt.solvers.decomposition.response import (
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


def test_worthless_head_is_off():
    assert best_response(0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) == (0.0, 0.0, 0.0)
    assert concave_response(0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0) == (0.0, 0.0)
