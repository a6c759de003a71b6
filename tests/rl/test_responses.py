"""The closed form in torch is the solver's kernel, its slope is that of finite differences."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from twingap.opt.solvers.decomposition.response import best_response
from twingap.rl.responses import LARGEST_Q, best_times, half_decay_time


def tensor(value):
    return torch.tensor(value, dtype=torch.float64)


def test_the_root_solves_its_equation_and_rests_near_the_branch_point():
    q = torch.linspace(0.0, LARGEST_Q, 2001, dtype=torch.float64)
    x = half_decay_time(q)
    torch.testing.assert_close(x * (-x).exp(), q, rtol=1e-14, atol=0.0)
    assert bool((x.diff() > 0.0).all())
    assert float(half_decay_time(tensor(0.9))) == pytest.approx(0.95, abs=1e-14)


positive = st.floats(-3.0, 3.0).map(math.exp)


@settings(deadline=None, max_examples=300)
@given(
    benefit=st.floats(0.0, 5.0).map(math.exp),
    decay=positive,
    work=st.one_of(st.just(0.0), positive),
    cpu_max=positive,
    cpu_price=st.one_of(st.just(0.0), positive),
    need=positive,
    price=positive,
)
def test_a_head_is_answered_as_the_solver_answers_it(benefit, decay, work, cpu_max, cpu_price, need, price):
    value, uplink, cpu = best_response(benefit, decay, work, cpu_max, cpu_price, need, price)
    times = best_times(
        tensor(benefit), decay, tensor(math.sqrt(price * need)), tensor(math.sqrt(cpu_price * work)), tensor(work / cpu_max)
    )
    spectrum, running = need / float(times.spectrum), work / float(times.cpu) if work > 0.0 else 0.0
    earned = benefit * math.exp(-decay * (work / running if work > 0.0 else 0.0) - decay * need / spectrum)
    earned -= price * spectrum + cpu_price * running
    if bool(times.worthwhile):
        assert earned == pytest.approx(value, rel=1e-9, abs=1e-9 * benefit)
        assert (spectrum, running) == pytest.approx((uplink, cpu), rel=1e-6, abs=1e-12)
    else:
        assert value <= 1e-9 * benefit
    assert running <= cpu_max * (1.0 + 1e-12)


def test_no_other_times_earn_more():
    rng = np.random.default_rng(0)
    worth, root, cpu_root, fastest = (tensor(rng.uniform(low, high, 200)) for low, high in ((40, 99), (1, 4), (0, 3), (0.1, 1)))
    times = best_times(worth, 0.3, root, cpu_root, fastest)

    def earns(spectrum, cpu):
        return worth * (-0.3 * (spectrum + cpu)).exp() - root.square() / spectrum - cpu_root.square() / cpu

    best = earns(times.spectrum, times.cpu)
    hurried = times.cpu == fastest
    assert bool(times.worthwhile.all())
    assert 20 < int(hurried.sum()) < 180
    for _ in range(300):
        spectrum, cpu = (each * tensor(rng.lognormal(0.0, 0.3, 200)) for each in (times.spectrum, times.cpu))
        assert bool((earns(spectrum, torch.maximum(cpu, fastest)) <= best + 1e-12).all())
    assert bool((best > 0.0).all())


@pytest.mark.parametrize("fastest", [0.01, 2.0])
def test_the_slope_is_that_of_finite_differences(fastest):
    worth, root, cpu_root = (tensor(value).requires_grad_() for value in (90.0, 3.0, 2.0))
    limit = tensor(fastest).requires_grad_()

    def answer(*problem):
        times = best_times(problem[0], 0.3, *problem[1:])
        assert bool(times.worthwhile)
        assert bool(times.cpu == problem[-1]) == (fastest == 2.0)
        return times.spectrum, times.cpu

    assert torch.autograd.gradcheck(answer, (worth, root, cpu_root, limit), eps=1e-6, atol=1e-7)
