"""Epochs of one's own as an environment: the truths are given, the twin misreads them as it misreads any (``twin``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..opt.errors import InputError
from ..opt.fingerprint import fingerprint
from ..opt.frozen import frozen_copy
from ..opt.own_epochs import difference, estimate_system, stack_epochs, state_of
from ..opt.snapshot import Snapshot
from ..opt.system import State, System
from .decoding import Decoding, OverCapacity
from .environment import Environment, Sigma
from .normals import Normals


class TraceEnvironment(Environment):
    """Plays consecutive epochs in episodes of ``horizon``, side by side: epoch t of environment e is
    ``snapshots[e * horizon + t]``. After the last it begins again, with other errors.

    system: what agents may know beforehand (means and fluctuations), of the same layout, prices, budgets and modes. Without it
    the means are unknown: ``system`` is refused to whoever asks, beliefs take readings as they are, and features are
    standardised over the ranges of these epochs. seed: of the twin's errors alone. decoding, over_capacity: see Environment.

    Raises InputError where epochs are not of one system, do not fill episodes, or are not of the given system.
    """

    def __init__(
        self,
        snapshots: Sequence[Snapshot],
        *,
        sigma: Sigma = 0.0,
        seed: int = 0,
        horizon: int = 1,
        decoding: Decoding = "projection",
        over_capacity: OverCapacity | None = None,
        system: System | None = None,
    ) -> None:
        if horizon < 1 or len(snapshots) % horizon:
            problem = f"is {horizon}; it must be a positive divisor of the number of epochs, {len(snapshots)}"
            raise InputError(problem, field="episode_length")
        self.means_known = system is not None
        self._told = frozen_copy(estimate_system(snapshots) if system is None else _of_the_trace(system, snapshots[0]))
        stack_epochs(snapshots)
        # Copies: the user's arrays may change later, epochs that were certified may not.
        self._epochs = [frozen_copy(stack_epochs(snapshots[t::horizon])) for t in range(horizon)]
        super().__init__(
            self._told.scenario,
            sigma=sigma,
            seed=seed,
            num_envs=len(snapshots) // horizon,
            horizon=horizon,
            decoding=decoding,
            over_capacity=over_capacity,
        )
        self.encoding = replace(self.encoding, means_known=self.means_known)

    @property
    def system(self) -> System:
        """The given system; InputError when there is none."""
        if not self.means_known:
            problem = (
                "is not known: means of the very epochs that it is measured on would be hindsight; give "
                "system=twingap.estimate_system(earlier epochs)"
            )
            raise InputError(problem, field="system")
        return super().system

    def training(self, seed: int, num_envs: int) -> Environment:
        """InputError: a trace has no other epochs."""
        del seed, num_envs
        problem = "are not to be had of a trace; measure policies that are fitted beforehand, or on a preset"
        raise InputError(problem, field="training epochs")

    def description(self) -> dict[str, Any]:
        """Also a hash of its epochs."""
        return super().description() | {"epochs": "".join(fingerprint(epoch) for epoch in self._epochs)}

    def _make_system(self, name: str) -> System:
        del name
        return self._told

    def _first_latent(self) -> Normals:
        return np.zeros((self.num_envs, self._told.latent_size), dtype=np.float32)

    def _next_latent(self) -> Normals:
        return self._latent

    def _true_epoch(self) -> tuple[State, Snapshot]:
        truth = self._epochs[self._epoch]
        return state_of(truth), truth


def _of_the_trace(system: System, first: Snapshot) -> System:
    different = difference(system.snapshot(system.mean_state()), first)
    if different:
        path, problem = different
        raise InputError(f"{problem} in the epochs; give the system that they are of", field=f"system.{path}")
    return system
