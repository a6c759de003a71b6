"""Random local parts for the tests of the local solver: small, and often at the edges of what a snapshot may hold."""

from dataclasses import replace

import numpy as np
import pytest

from twingap.opt.arrays import floats, integers
from twingap.opt.snapshot import HeadLayout, LocalPart


def _log_uniform(rng, low, high, size=None):
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


@pytest.fixture
def random_local_part():
    """random_local_part(rng, **changes): 1 to 3 APs of 1 to 3 heads, zero prices, idle heads, twins, all modes."""

    def build(rng, **changes):
        counts = rng.integers(1, 4, rng.integers(1, 4))
        layout = HeadLayout.of(integers(np.repeat(np.arange(len(counts)), counts)))
        heads = len(layout.ap)
        twins = rng.random() < 0.2

        def vector(low, high):
            values = _log_uniform(rng, low, high, heads)
            return np.full(heads, values[0]) if twins else values

        accuracy = np.where(rng.random(heads) < 0.1, 1.0, vector(0.1, 0.9))
        cycles = np.where(rng.random(heads) < 0.07, 0.0, vector(1e8, 2e9))
        peer = _log_uniform(rng, 0.5, 300.0, layout.is_link.shape)
        part = LocalPart(
            subchannel_hz=3e7,
            subchannels_max=float(_log_uniform(rng, 0.05, 30.0)),
            whole_subchannels=False,
            multicast=str(rng.choice(["group", "per_link"])),
            floor_adaptation=bool(rng.random() < 0.5),
            benefit=float(_log_uniform(rng, 1.0, 1000.0)),
            decay=float(_log_uniform(rng, 0.05, 3.0)),
            spectrum_cost=float(rng.choice([0.0, 1e-9, 2e-8, 1e-7])),
            cpu_cost=float(rng.choice([0.0, 1e-10, 1e-9, 1e-8])),
            arrival_rate=float(rng.choice([1.0, 30.0, 300.0])),
            cache_multiplier=float(rng.choice([0.0, 0.5, 2.0, 10.0])),
            multicast_batch=float(rng.choice([0.0, 1.0, 10.0, 50.0])),
            confirmation_weight=float(rng.choice([0.0, 10.0, 50.0])),
            multicast_bits=float(_log_uniform(rng, 1e4, 3e7)),
            layout=layout,
            accuracy=floats(accuracy),
            cycles=floats(cycles),
            upload_bits=floats(vector(1e5, 3e7)),
            cumulative_weight=floats(vector(0.1, 20.0)),
            cpu_max_hz=floats(vector(2e8, 3e9)),
            sinr_uplink=floats(vector(0.3, 300.0)),
            sinr_peer=floats(np.where(layout.is_link, peer, 1.0)),
        )
        return replace(part, **changes)

    return build
