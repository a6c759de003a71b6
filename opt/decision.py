"""The variables of Problem (16) and nothing else; arrays may carry leading batch axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Floats, Integers


@dataclass(frozen=True, eq=False)
class LocalDecision:
    """uplink [..., J] subchannels; cpu_hz [..., J]; multicast [..., J] (group) or peer [..., K, N, N] (per_link) subchannels.

    The one of ``multicast`` and ``peer`` that the snapshot's mode does not use is None; padding in ``peer`` is 0.
    """

    uplink: Floats
    cpu_hz: Floats
    multicast: Floats | None = None
    peer: Floats | None = None


@dataclass(frozen=True, eq=False)
class GlobalDecision:
    """access [..., K] committee of each AP; request [..., K] subchannels; cpu_hz [..., I, V];
    multicast [..., I, V] (group) or peer [..., I, V, V] (per_link) subchannels; padding is 0."""

    access: Integers
    request: Floats
    cpu_hz: Floats
    multicast: Floats | None = None
    peer: Floats | None = None


@dataclass(frozen=True, eq=False)
class Decision:
    """Both parts. They share no variable and no constraint."""

    local: LocalDecision
    global_: GlobalDecision

    def at(self, index: int) -> Decision:
        """One epoch of a batch."""

        def pick(array: Floats | None) -> Floats | None:
            return None if array is None else array[index]

        loc, glo = self.local, self.global_
        return Decision(
            LocalDecision(loc.uplink[index], loc.cpu_hz[index], pick(loc.multicast), pick(loc.peer)),
            GlobalDecision(glo.access[index], glo.request[index], glo.cpu_hz[index], pick(glo.multicast), pick(glo.peer)),
        )


def stack_decisions(decisions: list[Decision]) -> Decision:
    """Single-epoch decisions as one batch (leading axis = list order); all of the same mode."""

    def join(arrays: list[Floats | None]) -> Floats | None:
        present = [array for array in arrays if array is not None]
        return np.stack(present) if present else None

    local, global_ = [d.local for d in decisions], [d.global_ for d in decisions]
    return Decision(
        LocalDecision(
            np.stack([d.uplink for d in local]),
            np.stack([d.cpu_hz for d in local]),
            join([d.multicast for d in local]),
            join([d.peer for d in local]),
        ),
        GlobalDecision(
            np.stack([d.access for d in global_]),
            np.stack([d.request for d in global_]),
            np.stack([d.cpu_hz for d in global_]),
            join([d.multicast for d in global_]),
            join([d.peer for d in global_]),
        ),
    )
