"""The local part where numbers are extreme: lines far below zero, maxima that overflow, floor steps, almost no prices."""

import math
from dataclasses import replace

import numpy as np
import pytest

from twingap.opt.arrays import floats, integers
from twingap.opt.certificate.certificate_file import certificate_from_json, certificate_to_json
from twingap.opt.certificate.head import Head, boxed_value, free_value
from twingap.opt.certificate.local_check import fade_at, prove_local, where_positive
from twingap.opt.certificate.proof import LEAF, LocalProof
from twingap.opt.certificate.stationary import best_value
from twingap.opt.drawing import draw
from twingap.opt.errors import InputError
from twingap.opt.local_equations import ADAPTATION_SLOPE, evaluate_local
from twingap.opt.local_reduction import everything, reduce_local
from twingap.opt.rates import spectral_efficiency
from twingap.opt.result import Deadline
from twingap.opt.snapshot import HeadLayout
from twingap.opt.solve import solve
from twingap.opt.solvers.decomposition.local_delay import fade_above, line_on
from twingap.opt.solvers.decomposition.local_heads import heads_of, respond_all
from twingap.opt.solvers.decomposition.local_part import solve_local
from twingap.opt.solvers.decomposition.response import best_response
from twingap.opt.useful_budget import useful_budget

VARIED = ("benefit", "decay", "spectrum_cost", "cpu_cost", "arrival_rate", "multicast_bits", "upload_bits")
VARIED += ("subchannels_max", "subchannel_hz", "sinr_uplink")
EXTREMES = (0.0, 5e-324, 1e-308, 1e-160, 1e-20, 1.0, 1e20, 1e160, 1e308)


def pair(**changes):
    """Two heads of one AP with nothing to train, free of charge: W_0 log2(1 + SINR) = 1 bit/s, s_j = 1, M = 2."""
    one = np.ones(2)
    fields = {
        "subchannel_hz": 1.0,
        "subchannels_max": 4.0,
        "multicast": "group",
        "layout": HeadLayout.of(integers([0, 0])),
        "benefit": 10.0,
        "decay": 1.0,
        "spectrum_cost": 0.0,
        "cpu_cost": 0.0,
        "arrival_rate": 1.0,
        "cache_multiplier": 0.0,
        "multicast_batch": 10.0,
        "multicast_bits": 1.0,
        "confirmation_weight": 0.0,
        "accuracy": one,
        "cycles": one,
        "upload_bits": one,
        "cumulative_weight": one,
        "cpu_max_hz": one,
        "sinr_uplink": one,
        "sinr_peer": np.ones((1, 2, 2)),
    } | changes
    vectors = {key: floats(value) if isinstance(value, np.ndarray) else value for key, value in fields.items()}
    return replace(draw("tiny", 0).local, **vectors)


def one_leaf(price, touch):
    nothing = floats([])
    return LocalProof(False, 0.0, integers([LEAF]), integers([]), nothing, floats([price]), floats([touch]), floats([0.0]))


def closed(part, seconds=60.0):
    """Solves to 1e-6 and re-proves the bound; (objective, bound, decision)."""
    answer = solve_local(part, 1e-6, 0.0, Deadline(seconds), certify=True)
    found = evaluate_local(part, answer.decision)
    assert found.violation <= 1e-9
    assert answer.objective == float(found.utility) <= answer.bound
    proved = prove_local(part, answer.proof)
    assert (proved <= answer.proof.bounds).all()
    assert answer.proof.bounds.max(initial=0.0) <= answer.bound
    return answer.objective, answer.bound, answer.decision


# ---- a line far below zero


def test_a_line_counts_from_where_it_is_positive():
    for cut in (where_positive, line_on):
        assert cut(-6.0, 2.0, 1.0, 9.0) == (3.0, -6.0, 2.0)
        assert cut(-6.0, 2.0, 4.0, 9.0) == (4.0, -6.0, 2.0)
        assert cut(-6.0, 2.0, 1.0, 3.0) == (1.0, 0.0, 0.0)
        assert cut(-6.0, 0.0, 1.0, 3.0) == (1.0, 0.0, 0.0)
        assert cut(-math.inf, 2.0, 1.0, math.inf) == (1.0, 0.0, 0.0)
        assert cut(math.nan, 2.0, 1.0, 9.0) == (1.0, 0.0, 0.0)


def test_fading_is_rounded_up_and_never_more_than_one():
    for fade in (fade_at, fade_above):
        assert fade(2.0, -5000.0, 1.0, 10.0) == 1.0
        assert fade(math.inf, -1.0, 1.0, 1.0) == 1.0  # inf * 0: no number
        assert fade(1.0, 0.0, 1.0, math.inf) == 0.0
        assert 0.0 < fade(1.0, 0.0, 1.0, 1e9) < 1e-290
        # i + s tau = 1 from numbers of 1e6: an exponent that may be wrong by 1e-10 is not rounded down.
        assert math.exp(-1.0) <= fade(1.0, -1e6, 1.0, 1e6 + 1.0) <= math.exp(-1.0) * (1.0 + 1e-7)


@pytest.mark.parametrize("stepped", [True, False])
@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_slow_chains_have_no_false_bound(stepped, rate):
    """decay / arrival_rate of 100 to 10,000: a tangent of the delay starts thousands below zero (exp of it is no number)."""
    part = pair(arrival_rate=rate, floor_adaptation=stepped, cache_multiplier=2.0, multicast_batch=2.0)
    part = replace(part, subchannels_max=2.0 / (0.3 / (2.0 * rate)) * 1.5)
    problem = reduce_local(part)
    # T_multi = 0.15 / rate has level 0 (2 lambda tau = 0.3 < 1) and no queue (2 tau < 1 / rate): nothing but uploads delays.
    tau = 0.15 / rate
    room = part.subchannels_max - 2.0 / tau
    attained = max(10.0 * sum(math.exp(-1.0 / u) if u > 0.0 else 0.0 for u in (x * room, room - x * room)) for x in (0.5, 1.0))
    objective, bound, _ = closed(part)
    assert objective >= attained * (1.0 - 1e-6)
    assert bound <= objective * (1.0 + 1e-6) + 1e-12
    for touch in (0.0, *(problem.multicast_need / problem.budget * x for x in (1.0, 2.0, 4.0, 1e3, 1e9, 1e150)), 1e160):
        proved = prove_local(part, one_leaf(0.0, touch))
        assert proved[0] >= objective


# ---- multipliers and maxima at the ends of floating point


def test_any_single_leaf_is_a_true_bound():
    for stepped in (True, False):
        part = pair(floor_adaptation=stepped, cache_multiplier=2.0, subchannels_max=40.0)
        objective, _, _ = closed(part)
        for price in EXTREMES:
            for touch in EXTREMES:
                proved = prove_local(part, one_leaf(price, touch))
                assert proved[0] >= objective, (price, touch)


@pytest.mark.parametrize(("field", "value"), [("touches", 1e308), ("prices", 5e-324), ("prices", 1e161), ("touches", 1e-200)])
def test_multipliers_out_of_range_are_refused_by_name(field, value):
    content = certificate_to_json(solve(draw("tiny", 0), certificate=True).certificate)
    content["local"][field][0] = value
    with pytest.raises(InputError, match=rf"local\.{field}\[0\].*must be 0 or within 1e-160 and 1e\+160"):
        certificate_from_json(content)


def test_maxima_that_are_not_resolved_are_worth_the_gain():
    for gain in (1e-300, 1.0, 1e300):
        for cost in (5e-324, 1e-310, math.inf, math.nan):
            assert best_value(gain, 1.0, cost, 0.0) == gain
    assert best_value(math.inf, 1.0, 1.0, 0.0) == math.inf
    assert best_value(math.nan, 1.0, 1.0, 0.0) == math.inf
    assert best_value(10.0, 1.0, 1e9, 0.0) == 0.0  # seen to be too dear
    head = Head(1.0, 0.0, 1.0, 0.0, 1.0)
    assert boxed_value(head, math.inf, 1.0, 0.0, math.inf) == math.inf
    assert free_value(head, 1e308, 5e-324) >= 1e307
    value, _, _ = best_response(1e300, 1.0, 1.0, 1.0, math.nan, 1.0, 1.0)
    assert not value < 1e299


def test_heads_whose_numbers_vanish_are_worth_what_they_gain():
    problem = reduce_local(pair(decay=1e-70, spectrum_cost=1e-70, upload_bits=np.full(2, 1e-70)))
    free = np.full(2, np.inf)
    value, _, _ = respond_all(problem, heads_of(problem), np.zeros(2), free, 1.0, 1e-74, np.zeros(0))
    assert value == pytest.approx(20.0)


# ---- numbers of a snapshot at the ends of floating point


@pytest.mark.parametrize("size", [1e-300, 1e-200, 1e-100, 1e-80, 1e80, 1e100, 1e200, 1e300])
@pytest.mark.parametrize("field", VARIED)
def test_wild_numbers_keep_bounds_true(field, size):
    """Whatever one number is, no decision of a grid beats the bound, and the certificate is accepted."""
    value = np.full(2, size) if field in ("upload_bits", "sinr_uplink") else size
    part = pair(**{"cpu_cost": 0.1, "spectrum_cost": 0.1, "cache_multiplier": 2.0, field: value})
    objective, bound, decision = closed(part, 1.0)
    assert 0.0 <= objective <= bound
    problem = reduce_local(part)
    for upload in (0.01, 0.3, 0.6, 0.99):
        total = min(part.subchannels_max, problem.budget)
        share = np.full(2, 0.5 * total)
        shares = {"uplink": floats(upload * share), "multicast": floats((1.0 - upload) * share)}
        tried = replace(decision, **shares, cpu_hz=floats([1.0, 1.0]))
        found = evaluate_local(part, tried)
        assert found.violation <= 1e-9
        assert not found.utility > bound * (1.0 + 1e-9)


def test_what_is_not_tame_is_worth_everything_at_most():
    part = pair(benefit=1e200)
    problem = reduce_local(part)
    assert not problem.tame
    assert everything(problem) == pytest.approx(2e200)
    assert prove_local(part, one_leaf(0.0, 0.0))[0] == everything(problem)
    assert math.isinf(everything(reduce_local(pair(benefit=1.7e308))))


def test_useful_budgets_survive_overflow():
    assert useful_budget(2.0, 1e308, math.inf) == 2.0
    assert useful_budget(2.0, math.inf, 1e-300) == 2.0
    assert useful_budget(2.0, math.nan, 1.0) == 2.0
    assert useful_budget(1e6, 5e-324, 5e-324) == 1e6
    assert useful_budget(100.0, 10.0, 2.0) == pytest.approx(5.0)


def test_faint_signals_keep_their_digits():
    # log2(1 + s) = s / ln 2 (1 - s/2 + ...): of 1 + 1e-12 alone, four digits would be left.
    assert float(spectral_efficiency(np.array(1e-12))) == pytest.approx(1e-12 / math.log(2.0), rel=1e-11)
    assert float(spectral_efficiency(np.array(1e-30))) == pytest.approx(1e-30 / math.log(2.0), rel=1e-14)
    assert float(spectral_efficiency(np.array(3.0))) == 2.0


# ---- weak regimes


@pytest.mark.parametrize("factor", [1.0, 1.0 - 1e-12, 1.0 + 1e-12, 1.0 - 1e-9, 1.0 + 1e-9, 1.0 + 1e-7])
@pytest.mark.parametrize("level", [1, 4])
def test_budgets_at_a_floor_step_close(factor, level):
    """Uploads of almost nothing, and a budget with which T_multi just reaches the end of a level of (11), or just misses it."""
    edge = math.exp(level / ADAPTATION_SLOPE) / 2.0
    part = pair(floor_adaptation=True, upload_bits=np.full(2, 1e-14), decay=0.2, subchannels_max=2.0 / edge * factor)
    objective, bound, _ = closed(part)
    # Below the step T_multi is edge and the level one less; above it the next best is at M / W.
    missed = factor < 1.0 - 0.9e-9
    delay = (level if missed else level - 1) * edge
    assert objective == pytest.approx(20.0 * math.exp(-0.2 * delay), rel=1e-3)
    assert bound <= objective * (1.0 + 1e-4)


@pytest.mark.parametrize("cost", [0.0, 1e-300, 1e-100, 1e-60, 1e-30, 1e-20, 1e-12])
def test_prices_of_almost_nothing_close_like_none(cost):
    part = draw("tiny", 1).local
    free, _, _ = closed(replace(part, spectrum_cost=0.0))
    objective, bound, _ = closed(replace(part, spectrum_cost=cost))
    assert bound <= objective * (1.0 + 2e-6)
    assert objective == pytest.approx(free, rel=1e-4)
