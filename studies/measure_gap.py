"""Measure any scheduler: how far it is from the certified optimum, twin error by twin error. In process, no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..baselines.registry import make_baseline
from ..opt.decision import Decision
from ..opt.errors import InputError
from ..opt.scenario import preset as scenario_of
from ..rl.actions import Action
from ..rl.environment import Environment
from ..rl.observation import Observation
from ..rl.policy import Policy
from .frozen_epochs import FrozenEpochs, certify
from .gap_anatomy import ORACLE, TRUSTING, Anatomy, anatomy_of
from .gap_cells import POLICY_SEED
from .gap_table import Measured, episode_table, gap_table
from .scoring import score

Scheduler = Callable[[Observation], Action | Decision]


@dataclass(frozen=True, eq=False)
class GapReport:
    """What was measured. settings: how, for the page. baselines: names under which baselines were measured, by baseline."""

    measured: tuple[Measured, ...]
    settings: dict[str, Any]
    baselines: Mapping[str, str]

    def episodes(self) -> pd.DataFrame:
        """One row per policy, sigma, seed, part and episode (``gap_table.episode_table``)."""
        return episode_table(self.measured)

    def table(self) -> pd.DataFrame:
        """One row per policy, sigma and part, with the gap and its interval (``gap_table.gap_table``)."""
        return gap_table(self.episodes())

    def anatomy(self) -> Anatomy:
        """Every gap split into solver slack, what the twin's error costs and the policy's own (``gap_anatomy``). Raises
        InputError when the baselines ``certainty_equivalent`` and ``oracle``, which the split needs, were not measured."""
        anatomy = self._anatomy()
        if anatomy.missing:
            wanted = ", ".join(f'"{name}": "{name}"' for name in (TRUSTING, ORACLE))
            raise InputError(f"cannot split the gap: {'; '.join(anatomy.missing)}; measure {wanted} too", field="policies")
        return anatomy

    def _anatomy(self) -> Anatomy:
        return anatomy_of(self.episodes(), rows_of=self.baselines)

    def write_html(self, path: str | Path) -> None:
        """One self-contained page. Raises InputError when it cannot be written."""
        from .report.gap_page import GapContent, gap_page
        from .report.page import write_page

        content = GapContent(episodes=self.episodes(), table=self.table(), anatomy=self._anatomy(), settings=self.settings)
        write_page(gap_page(content), Path(path))


def measure_gap(
    policies: Mapping[str, Policy | Scheduler | str],
    preset: str = "paper",
    sigma: Sequence[float] = (0.0, 0.05, 0.1),
    epochs: int = 200,
    seeds: Sequence[int] = (0,),
    episode_length: int = 10,
    **scenario_changes: object,
) -> GapReport:
    """Play every policy on the same frozen epochs and hold it against their certified bounds.

    policies: by name, anything with ``act(observation)``, any callable from observation to Action or Decision (batched
    [env, ...], see ``Observation.twin``), or the name of a baseline. epochs: per seed, a multiple of ``episode_length``.
    seeds: each draws a system of the preset and its epochs; a seed is the ``system_seed`` of an environment, so a policy
    trained with system_seed 0 is at home on seed 0.

    Raises InputError, and FalseBoundError when a policy earns more than a certified bound: a bug of ours, please report it.
    """
    if not policies:
        raise InputError("is empty; give at least one policy by name", field="policies")
    if epochs < 1 or episode_length < 1 or epochs % episode_length:
        raise InputError(f"is {epochs}; it must be a positive multiple of episode_length {episode_length}", field="epochs")
    if not sigma or not seeds:
        raise InputError("is empty; give at least one value", field="seeds" if sigma else "sigma")
    scenario = scenario_of(preset, **scenario_changes)
    measured: list[Measured] = []
    for seed in seeds:
        frozen = FrozenEpochs(scenario, seed, epochs // episode_length, episode_length)
        certificate = certify(frozen, lambda _done, _total: None)
        for name, given in policies.items():
            for each in sigma:
                environment = frozen.environment(each)
                policy = _policy(given, environment, np.random.default_rng([POLICY_SEED, seed]))
                scores = score(policy, environment, frozen, certificate, name)
                measured.append(Measured(name, float(each), seed, certificate, scores))
    measured.sort(key=lambda each: list(policies).index(each.policy))
    settings = {
        "preset": preset,
        "scenario changes": scenario_changes or "none",
        "seeds": list(seeds),
        "episodes per seed": epochs // episode_length,
        "epochs per episode": episode_length,
    }
    baselines = {given: name for name, given in policies.items() if isinstance(given, str)}
    return GapReport(tuple(measured), settings, baselines)


@dataclass(frozen=True)
class _Function:
    scheduler: Scheduler

    def act(self, observation: Observation) -> Action | Decision:
        return self.scheduler(observation)


def _policy(given: Policy | Scheduler | str, environment: Environment, rng: np.random.Generator) -> Policy:
    if isinstance(given, str):
        return make_baseline(given, environment, rng)
    if hasattr(given, "act"):
        return given  # pyright: ignore[reportReturnType]
    if callable(given):
        return _Function(given)
    raise InputError(f"is {type(given).__name__}; it must have act(observation) or be callable", field="policies")
