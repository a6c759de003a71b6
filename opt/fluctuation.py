"""Normal fluctuations of SINR around a centre: from epoch to epoch, and from what is true to what a twin shows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Floats
from .compiled import compiled

# Standard normals: float64 where one epoch is drawn, float32 where environments draw by the thousand.
Latent = NDArray[np.floating[Any]]
NEPER_PER_DB = math.log(10.0) / 10.0


def linear(decibel: Floats) -> Floats:
    """10^(dB / 10), a new array."""
    neper = np.multiply(NEPER_PER_DB, decibel)
    return np.exp(neper, out=neper)


def fluctuated(centre_db: Floats, deviation_db: Floats, z: Latent) -> Floats:
    """SINR in dB, centre + deviation z; float64 [..., n].

    centre_db [n] or [..., n], deviation_db [n], z [..., n] standard normals; what follows the first n of z is left alone (a
    slice would lie scattered in memory).
    """
    size = len(deviation_db)
    decibel = _fluctuated(centre_db.reshape(-1, size), deviation_db, z.reshape(-1, z.shape[-1]))
    return decibel.reshape(*z.shape[:-1], size)


@compiled
def _fluctuated(centre: Floats, deviation: Floats, z: Latent) -> Floats:
    """In one pass over single and double precision, which numpy would convert first."""
    decibel = np.empty((z.shape[0], len(deviation)))
    for row in range(z.shape[0]):
        around = centre[row if centre.shape[0] > 1 else 0]
        for place in range(len(deviation)):
            decibel[row, place] = around[place] + deviation[place] * z[row, place]
    return decibel
