"""The frozen evaluation epochs of one seed: the same truths for every policy and every twin error, with certified bounds.

An evaluation of a seed is E episodes of T epochs, played side by side by one environment with E members. Nothing that a policy
does changes the state (model section 4), so the truths depend on the seed alone; a fingerprint of them is kept with the bounds
and compared in every evaluation, so that a policy can never be measured against bounds of other epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np

from ..baselines.everything_off import EverythingOff
from ..baselines.solver_decisions import planned_batch
from ..opt.arrays import Floats, floats
from ..opt.fingerprint import fingerprint
from ..opt.scenario import Scenario
from ..opt.snapshot import Snapshot
from ..opt.system import System
from ..rl.decoding import PROJECTED, Rules
from ..rl.environment import Environment
from ..rl.trace_environment import TraceEnvironment
from .cells import Report

# Evaluation epochs are drawn from another stream than training epochs of the same seed.
EVALUATION_SEED = 1_000_003


class Epochs(Protocol):
    """What is played and certified: ``episodes`` of ``length`` epochs, the same truths whatever the twin's error ``sigma``."""

    @property
    def seed(self) -> int:
        """A stratum of the tables."""
        ...

    @property
    def episodes(self) -> int:
        """Side by side."""
        ...

    @property
    def length(self) -> int:
        """Epochs of an episode."""
        ...

    def environment(self, sigma: float, rules: Rules = PROJECTED) -> Environment:
        """Plays them."""
        ...


@dataclass(frozen=True)
class FrozenEpochs:
    """seed: the system (its layout, data and means) and the trajectories; episodes: E; length: T, epochs of an episode; stream:
    where trajectories of this seed come from, added to it (validation epochs have a stream of their own)."""

    scenario: Scenario
    seed: int
    episodes: int
    length: int
    stream: int = EVALUATION_SEED

    def environment(self, sigma: float, rules: Rules = PROJECTED) -> Environment:
        """An environment that will play these epochs by these rules, seen through a twin with error ``sigma``."""
        return Environment(
            self.scenario,
            sigma=sigma,
            seed=self.stream + self.seed,
            num_envs=self.episodes,
            horizon=self.length,
            decoding=rules.decoding,
            over_capacity=rules.over_capacity,
            system_seed=self.seed,
        )


@dataclass(frozen=True, eq=False)
class OwnEpochs:
    """Epochs of a user's own (``TraceEnvironment``). seed: of the twin's errors; the truths are the same for all."""

    snapshots: Sequence[Snapshot]
    seed: int
    length: int
    system: System | None

    @property
    def episodes(self) -> int:
        """Of ``length`` consecutive epochs."""
        return len(self.snapshots) // self.length

    def environment(self, sigma: float, rules: Rules = PROJECTED) -> Environment:
        """An environment that will play these epochs by these rules, seen through a twin with error ``sigma``."""
        return TraceEnvironment(
            self.snapshots,
            sigma=sigma,
            seed=self.seed,
            horizon=self.length,
            decoding=rules.decoding,
            over_capacity=rules.over_capacity,
            system=self.system,
        )


@dataclass(frozen=True, eq=False)
class Certificate:
    """Certified bounds and incumbents (what the solver's decision earns) of the epochs, each [episode, epoch]; parts apart."""

    fingerprint: str
    local_bound: Floats
    global_bound: Floats
    local_incumbent: Floats
    global_incumbent: Floats

    def to_json(self) -> dict[str, Any]:
        """Plain data; numbers read back exactly."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Certificate:
        """From plain data."""
        bounds = {each.name: floats(content[each.name]) for each in fields(cls) if each.name != "fingerprint"}
        return cls(fingerprint=content["fingerprint"], **bounds)


def certify(epochs: Epochs, report: Report) -> Certificate:
    """Solve every epoch. The incumbent is what its decision earns by the equations."""
    environment = epochs.environment(sigma=0.0)
    observation = environment.reset()
    numbers = np.empty((4, epochs.episodes, epochs.length))
    prints: list[str] = []
    for t in range(epochs.length):
        truth = environment.truth
        prints.append(fingerprint(truth))
        before = t * epochs.episodes
        results = planned_batch(truth, lambda done, _, before=before: report(before + done, epochs.episodes * epochs.length))
        for episode, result in enumerate(results):
            local, global_ = result.local, result.global_
            numbers[:, episode, t] = local.bound, global_.bound, local.objective, global_.objective
        observation = environment.step(EverythingOff().act(observation)).observation
    return Certificate("".join(prints), *(floats(rows) for rows in numbers))


def _plain(value: str | Floats) -> Any:
    return value if isinstance(value, str) else value.tolist()
