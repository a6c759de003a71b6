"""Time and memory limits at sizes that no search can finish: clean ends, true bounds, what is held is feasible."""

import itertools
import math
import threading
import time

import numpy as np
import pytest

import twingap
from twingap.opt.global_range import global_numbers
from twingap.opt.result import Answer, Deadline
from twingap.opt.solvers.decomposition.global_many import OnePrice, ways_to_share
from twingap.opt.solvers.decomposition.global_part import global_model, solve_global
from twingap.opt.stop import LimitReached, Stop, enforced, resident, stopping


@pytest.mark.parametrize(("capacity", "points"), [((3, 2, 4), 5), ((1, 1), 2), ((6, 6, 6, 6), 7), ((0, 5), 4), ((2, 1), 3)])
def test_ways_to_share_are_counted_as_an_enumeration_does(capacity, points):
    ways = sum(sum(counts) == points for counts in itertools.product(*(range(c + 1) for c in capacity)))
    assert ways_to_share(np.array(capacity), points) == ways


def test_ways_to_share_may_have_thirty_digits():
    assert ways_to_share(np.full(50, 21), 1000) == 50445633131021582101356035503


@pytest.mark.parametrize("rule", ["fail", "cap"])
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_of_one_price_is_above_the_optimum_and_close(rule, seed):
    part = twingap.draw("tiny", seed, committees=3, aps=6, delegates=(4, 4), timeout_rule=rule).global_
    best = solve_global(part, 1e-6, 0.0, Deadline(math.inf))
    one = OnePrice(global_model(part, global_numbers(part)), np.array(part.capacity, dtype=np.int64), 1.0)
    one.minimise(0.0, Deadline(math.inf))
    one.decide(Deadline(math.inf))
    assert one.bound >= best.objective
    assert one.objective <= best.bound + 1e-9 * abs(best.bound)
    assert one.bound <= 1.2 * best.bound
    # True at every price, also where the deadline ends the search for the best.
    for price in (0.0, 1e-3, 1.0, 100.0):
        hurried = OnePrice(global_model(part, global_numbers(part)), np.array(part.capacity, dtype=np.int64), price)
        hurried.minimise(0.0, Deadline(0.0))
        assert hurried.bound >= best.objective


def test_twenty_committees_and_two_hundred_aps_end_with_a_bound_and_a_decision():
    snapshot = twingap.draw("paper", 0, committees=20, aps=200, delegates=(5, 5))
    result = twingap.solve(snapshot, time_limit=20.0, certificate=True)
    assert result.global_.objective > 0.0
    assert result.gap < 0.05
    assert result.certificate is None  # 7e10 ways to share the APs: nothing lists them


def test_a_solve_that_takes_too_much_memory_ends(monkeypatch):
    kept = []

    def greedy(snapshot, budget, rng):
        del snapshot, rng
        deadline = Deadline(budget.time_limit)
        while not deadline.passed and len(kept) < 200:
            kept.append(np.ones(1_000_000))
        return Answer(None, stopped="time_limit")

    monkeypatch.setattr("twingap.opt.solve.find_solver", lambda _: greedy)
    monkeypatch.setattr("twingap.opt.solve.prepare_solver", lambda *_: None)
    result = twingap.solve(twingap.draw("tiny", 0), solver="decomposition", time_limit=600.0, memory_limit=0.1)
    assert result.stopped == "memory_limit"
    assert len(kept) < 200


def test_no_memory_at_all_is_a_result_that_holds_nothing(monkeypatch):
    def refused(snapshot, budget, rng):
        del snapshot, budget, rng
        raise MemoryError

    monkeypatch.setattr("twingap.opt.solve.find_solver", lambda _: refused)
    result = twingap.solve(twingap.draw("tiny", 0), solver="bnb")
    assert (result.stopped, result.holds, result.bound) == ("memory_limit", "none", math.inf)


def test_an_enforced_step_ends_inside_and_nothing_arrives_behind_it():
    flag = threading.Event()

    def spin():
        with enforced(flag.is_set):
            flag.set()
            while True:
                pass

    with pytest.raises(LimitReached):
        spin()
    for _ in range(20):
        with enforced(lambda: False):
            sum(range(100))
    time.sleep(0.1)


def test_deadlines_know_the_solve_they_are_made_in():
    stop = Stop()
    with stopping(stop):
        inside = Deadline(math.inf)
    outside = Deadline(math.inf)
    stop.interrupted = True
    assert inside.passed
    assert inside.left == 0.0
    assert not outside.passed
    assert resident() > 1e6
