"""Forged certificates that claim just what the checker proves: none proves less than what is attained.

``benchmarks/forge.py`` does the same by the hundred thousand.
"""

import numpy as np
import pytest

import twingap

from ..fuzzing.draws import draw
from ..fuzzing.forging import Forger, attempt, victim

FORGERIES = 400


@pytest.fixture(scope="module")
def pool():
    """Victims with both kinds of both proofs."""
    drawn = [
        draw(regime, seed) for regime in ("plain", "zero-prices", "tiny-prices", "orders", "slow-chain") for seed in (0, 1)
    ]
    drawn += [draw(regime, seed) for regime in ("whole", "whole-queue", "whole-dear-cap") for seed in (0, 1)]
    families = [twingap.draw_family(name) for name in ("small", "smooth", "cap", "whole")]
    return [its for its in map(victim, drawn + families) if its is not None]


@pytest.mark.parametrize("seed", range(8))
def test_no_forgery_proves_less_than_is_attained(pool, seed):
    rng = np.random.default_rng(seed)
    forger = Forger(rng)
    false = []
    for number in range(FORGERIES):
        its, other = pool[number % len(pool)], pool[int(rng.integers(len(pool)))]
        found = attempt(its, other, "local" if rng.random() < 0.5 else "global", forger)
        if found.false:
            false.append(
                f"{its.snapshot.name} {found.part} {found.way}: {found.proved!r} < {its.attained(found.part)!r} {found.refused}"
            )
    assert false == []
