r"""Larger systems to train the managers on, at the size and price of the given one: each AP stands for s identical APs.

All that a committee notices of its APs is how many they are and what their requests need together, since the requests of a
committee finish together (``opt.global_reduction``): with W subchannels for requests they take (sum of needs) / W seconds. Put
s APs like it in the place of each AP, s psi_i in the place of psi_i, and let them always go where it goes: then every phase
takes as long as in the given system with s times the request needs, and the utility (15), which is paid per AP served, is s
times as large. That larger system is played, and pays its utility per clone, by nothing but a slower access link,

    log2(1 + SINR'_ik) = log2(1 + SINR_ik) / s,

which need not be a whole number of times as slow.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..opt.arrays import Floats
from ..opt.snapshot import GlobalPart, Snapshot
from .settings import is_within, require


@dataclass(frozen=True)
class Clones:
    """Of a training run, see above: in a ``share`` of its environments each AP stands for s identical ones, s spread evenly in
    the logarithm from 1 to ``most``. Managers that only ever meet one number of APs fit it, and are lost on another."""

    share: float = 0.5
    most: float = 8.0

    def check(self, prefix: str) -> None:
        """Raise InputError, naming the field, for an impossible value."""
        require(is_within(self.share, 0.0, 1.0), f"{prefix}.share", self.share, "a number from 0 to 1")
        require(is_within(self.most, 1.0, 1000.0), f"{prefix}.most", self.most, "a number from 1 to 1000")

    def factors(self, envs: int) -> Floats:
        """s of each environment [env]; 1 from the last one back, and at least there."""
        cloned = min(round(self.share * envs), envs - 1)
        factors = np.ones(envs)
        factors[:cloned] = self.most ** ((np.arange(cloned) + 0.5) / max(cloned, 1))
        return factors


CLONES = Clones()
NO_CLONES = Clones(share=0.0)


def cloned(snapshot: Snapshot, factors: Floats | None) -> Snapshot:
    """The snapshot [env, ...] with factors [env] APs for each; itself without factors."""
    if factors is None:
        return snapshot
    part: GlobalPart = snapshot.global_
    slower = np.expm1(np.log1p(part.sinr_access) / factors[:, None, None])
    return replace(snapshot, global_=replace(part, sinr_access=slower))
