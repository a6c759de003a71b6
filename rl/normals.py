"""Standard normals for whole batches by Box-Muller: with numpy's ziggurat they would be most of what an epoch costs.

Two independent uniforms u, v become two independent standard normals sqrt(-2 ln u) cos(2 pi v), sqrt(-2 ln u) sin(2 pi v)
(Box and Muller, 1958). On whole arrays of float32 numpy computes this with vector instructions, four times as fast as one by
one. A uniform has 2^32 levels, so no draw is further from 0 than 6.8.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Normals = NDArray[np.float32]
LEVEL = np.float32(2.0**-32)
TURN = np.float32(2.0 * math.pi * 2.0**-32)
MINUS_TWO = np.float32(-2.0)
# So many at a time that the steps in between stay in the cache.
BLOCK = 2**15
# The logarithm must never meet 0.
HALF = np.float32(0.5)


def stream(seed: np.random.SeedSequence) -> np.random.Generator:
    """A stream of random bits: SFC64, numpy's fastest."""
    return np.random.Generator(np.random.SFC64(seed))


def stream_state(rng: np.random.Generator) -> dict[str, Any]:
    """Where a stream stands, as plain data that ``rng.bit_generator.state`` takes."""
    state = dict(rng.bit_generator.state)
    state["state"] = {name: [int(word) for word in words] for name, words in state["state"].items()}
    return state


def standard_normals(shape: tuple[int, ...], rng: np.random.Generator) -> Normals:
    """Independent standard normals of this shape; one draw of 64 bits for every two of them."""
    size = math.prod(shape)
    normals = np.empty(size + size % 2, dtype=np.float32)
    for start in range(0, size, BLOCK):
        _fill(normals[start : start + BLOCK], rng)
    return normals[:size].reshape(shape)


def _fill(normals: Normals, rng: np.random.Generator) -> None:
    """An even number of normals: cosines first, then sines."""
    pairs = len(normals) // 2
    uniforms = rng.integers(0, 2**64, pairs, dtype=np.uint64).view(np.uint32).astype(np.float32)
    radius, angle = uniforms[:pairs], uniforms[pairs:]
    radius += HALF
    radius *= LEVEL
    np.log(radius, out=radius)
    radius *= MINUS_TWO
    np.sqrt(radius, out=radius)
    angle *= TURN
    np.multiply(radius, np.cos(angle), out=normals[:pairs])
    np.multiply(radius, np.sin(angle), out=normals[pairs:])
