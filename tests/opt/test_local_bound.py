"""Lines lie below the delay, and weak duality holds at every price and on every cell, for every feasible point in it."""

import math

import numpy as np
import pytest

from twingap.opt.local_equations import adaptation_time, queueing_time
from twingap.opt.local_reduction import reduce_local
from twingap.opt.solvers.decomposition.local_bound import bound_at, bound_cell
from twingap.opt.solvers.decomposition.local_delay import delay_slope, edge, line_below, piece_edge, shared_delay
from twingap.opt.solvers.decomposition.local_heads import heads_of

FREE = 0.0, math.inf


def delays(part, tau):
    return queueing_time(part, tau) + adaptation_time(part, tau)


@pytest.mark.parametrize("seed", range(40))
def test_shared_delay_is_the_equations_and_lines_stay_below(random_local_part, seed):
    rng = np.random.default_rng(seed)
    part = random_local_part(rng)
    problem = reduce_local(part)
    left, touch = np.sort(np.exp(rng.uniform(-6.0, 4.0, 2)))
    tau = left * np.exp(np.linspace(0.0, 5.0, 400))
    exact = delays(part, tau)
    np.testing.assert_allclose([shared_delay(problem, t) for t in tau], exact, rtol=1e-12, atol=1e-12)
    intercept, slope = line_below(problem, left, touch)
    assert np.all(intercept + slope * tau <= exact * (1 + 1e-12) + 1e-12)
    if not part.floor_adaptation:
        assert intercept + slope * touch == pytest.approx(shared_delay(problem, touch), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(40))
def test_cuts_end_in_pieces_on_which_the_line_is_exact(random_local_part, seed):
    rng = np.random.default_rng(seed)
    problem = reduce_local(random_local_part(rng, floor_adaptation=True))
    left, right = np.sort(np.exp(rng.uniform(-6.0, 4.0, 2)))
    for _ in range(60):
        cut = piece_edge(problem, left, right, math.sqrt(left * right))
        if cut == 0.0:
            break
        assert left < cut < right
        left, right = (left, cut) if rng.random() < 0.5 else (cut, right)
    assert cut == 0.0
    inside = left + (right - left) * np.linspace(0.01, 0.99, 20)
    intercept, slope = line_below(problem, left, float(inside[0]))
    np.testing.assert_allclose([shared_delay(problem, t) for t in inside], intercept + slope * inside, rtol=1e-9, atol=1e-12)
    assert slope == pytest.approx(delay_slope(problem, float(inside[3])))


def test_delay_jumps_at_an_edge(random_local_part):
    problem = reduce_local(random_local_part(np.random.default_rng(3), floor_adaptation=True))
    end = edge(problem, 4.0)
    below, above = shared_delay(problem, end * (1 - 1e-9)), shared_delay(problem, end * (1 + 1e-9))
    assert above - below == pytest.approx(end, rel=1e-6)


@pytest.mark.parametrize("seed", range(80))
def test_no_feasible_point_of_a_cell_beats_its_bound(random_local_part, seed):
    rng = np.random.default_rng(seed)
    part = random_local_part(rng)
    problem = reduce_local(part)
    heads = heads_of(problem)
    count = len(problem.worth)
    if problem.multicast_need <= 0.0:
        pytest.skip("no links: no interval of multicast times to test")
    least = problem.multicast_need / problem.budget
    left, right = least * np.exp(np.sort(rng.uniform(0.0, 4.0, 2)))
    points = 400
    tau = np.exp(rng.uniform(np.log(left), np.log(right), points))
    tau[:3] = left, right * (1 - 1e-12), min(right, left * (1 + 1e-12))
    share = rng.dirichlet(np.full(count, 0.4), points) * (rng.random((points, count)) < 0.8)
    uplink = share * np.maximum(problem.budget - problem.multicast_need / tau, 0.0)[:, None]
    cpu = problem.cpu_max * rng.uniform(0.05, 1.0, (points, count))
    with np.errstate(divide="ignore"):
        delay = np.where(problem.work > 0.0, problem.work / cpu, 0.0) + problem.need / uplink + delays(part, tau)[:, None]
    gain = problem.worth * np.exp(-problem.decay * delay)
    running = gain > problem.cpu_price * cpu
    value = np.where(running, gain - problem.cpu_price * cpu, 0.0).sum(axis=1)
    value -= problem.spectrum_price * (uplink.sum(axis=1) + problem.multicast_need / tau)
    low, high = np.zeros(count), np.full(count, np.inf)
    boxed = rng.random() < 0.5
    if boxed:
        j = rng.integers(count)
        low[j], high[j] = np.quantile(uplink[:, j], [0.2, 0.9])
    inside = np.all((uplink >= low) & (uplink <= high), axis=1)
    for touch in (left, math.sqrt(left * right)):
        line = line_below(problem, left, touch)
        for price in problem.spectrum_price + np.exp(rng.uniform(-6.0, 6.0, 6)):
            bound, *_ = bound_at(problem, heads, low, high, left, right, *line, float(problem.worth.sum()), float(price))
            assert np.all(value[inside] <= bound)
        proved = bound_cell(problem, heads, low, high, left, right, *line, 0.0, -math.inf, 0.0, 1e-9)
        assert np.all(value[inside] <= proved.bound)
        beyond = bound_cell(problem, heads, low, high, left, math.inf, *line, 0.0, -math.inf, 0.0, 1e-9)
        assert beyond.bound >= proved.bound * (1 - 1e-8) - 1e-8
