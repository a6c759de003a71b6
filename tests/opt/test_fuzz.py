"""Drawn snapshots of every regime, attacked at link level: no false bound, no certificate refused, no decision infeasible.

``benchmarks/fuzz.py`` does the same by the thousand.
"""

import pytest

from .fuzzing.draws import REGIMES, draw
from .fuzzing.trial import run

DRAWS = 500
CHUNKS = 20
NAMES = tuple(REGIMES)
# One chunk may hold two draws or so that the attack cannot do; over all draws it reaches 95 % (benchmarks/fuzz.py).
REACHED = 0.85


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_nothing_is_false_on_drawn_snapshots(chunk):
    trials = [run(NAMES[n % len(NAMES)], n // len(NAMES), time_limit=1.0) for n in range(chunk, DRAWS, CHUNKS)]
    assert [trial.says() for trial in trials if trial.faults] == []
    parts = [part for trial in trials for part in trial.parts if part.earns]
    assert sum(part.reached for part in parts) >= REACHED * len(parts)


@pytest.mark.parametrize("regime", NAMES)
def test_a_draw_is_its_seed(regime):
    one, two, other = draw(regime, 3), draw(regime, 3), draw(regime, 4)
    assert one.local.benefit == two.local.benefit != other.local.benefit
    assert (one.global_.sinr_access == two.global_.sinr_access).all()
