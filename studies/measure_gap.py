"""Measure any scheduler: how far it is from the certified optimum, twin error by twin error. In process, no files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..baselines.registry import find_baseline, make_baseline
from ..opt.arguments import seeds as checked_seeds
from ..opt.arguments import shown, whole
from ..opt.batch import single_epochs
from ..opt.decision import Decision
from ..opt.errors import InputError
from ..opt.frozen import frozen_copy
from ..opt.scenario import preset as scenario_of
from ..opt.snapshot import Snapshot
from ..opt.system import System
from ..rl.actions import Action
from ..rl.decoding import Decoding, OverCapacity, Rules
from ..rl.environment import Environment
from ..rl.observation import Observation
from ..rl.policy import Policy
from ..rl.twin import twin_errors
from .cells import Report
from .frozen_epochs import Certificate, Epochs, FrozenEpochs, OwnEpochs, certify
from .gap_anatomy import ORACLE, TRUSTING, Anatomy, anatomy_of
from .gap_cells import POLICY_SEED
from .gap_table import Measured, episode_table, gap_table
from .scoring import score

Scheduler = Callable[[Observation], Action | Decision]
Policies = Mapping[str, Policy | Scheduler | str] | Policy | Scheduler | str


@dataclass(frozen=True, eq=False)
class GapReport:
    """What was measured. settings: how, for the page. baselines: names under which baselines were measured, by baseline.
    of_own_epochs: whether on a user's own, which no seed has drawn."""

    measured: tuple[Measured, ...]
    settings: dict[str, Any]
    baselines: Mapping[str, str]
    of_own_epochs: bool = False

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
        from .report.origin import Origin, seeds_in_words
        from .report.page import data_section, write_page

        episodes, table = self.episodes(), self.table()
        content = GapContent(
            episodes=episodes,
            table=table,
            anatomy=self._anatomy(),
            settings=self.settings,
            origin=Origin("twingap.measure_gap, settings below", seeds_in_words(tuple(episodes["seed"].unique().tolist()))),
            data=data_section({"gap": table, "episodes": episodes}, None),
        )
        if self.of_own_epochs:
            content = replace(
                content, seeds_draw="errors of the twin; the {per_seed} episodes are the user's own and stay the same"
            )
        write_page(gap_page(content), Path(path))


def measure_gap(
    policies: Policies,
    preset: str | None = None,
    sigma: float | Sequence[float] = (0.0, 0.05, 0.1),
    epochs: int | None = None,
    seeds: int | Sequence[int] = (0,),
    episode_length: int | None = None,
    *,
    snapshots: Snapshot | Sequence[Snapshot] | None = None,
    system: System | None = None,
    decoding: Decoding = "projection",
    over_capacity: OverCapacity | None = None,
    report: Report | None = None,
    **scenario_changes: object,
) -> GapReport:
    """Play every policy on the same epochs, of a preset or one's own, and hold it against their certified bounds.

    policies: by name, anything with ``act(observation)``, any callable from observation to Action or Decision (batched
    [env, ...], see ``Observation.twin``), or the name of a baseline; or one such thing alone. sigma: the twin's errors, one or
    several; seeds likewise.

    Of a preset ("paper" when neither is given): epochs per seed (200), a multiple of ``episode_length`` (10). seeds: each draws
    a system of the preset and its epochs; a seed is the ``system_seed`` of an environment, so a policy trained with
    system_seed 0 is at home on seed 0. ``scenario_changes``: fields of Scenario.

    Of one's own: ``snapshots`` (from ``load_snapshots``, or one with a batch axis), epochs of one system in the order of time.
    Each is a truth, certified by itself; the twin shows it with the error of the model. episode_length (1): so many
    consecutive epochs are one unit of comparison; they must fill episodes. seeds: of the twin's errors; the epochs stay.
    system: what policies may know beforehand, such as ``estimate_system(earlier epochs)``; without it, policies that ask for
    the means are refused.

    decoding, over_capacity: what becomes of answers that break constraints, see ``make_env``.
    report(done, total) counts epochs that are certified and played. Policies get copies, and may change nothing that they are
    judged on. Raises InputError (an answer that is none names policy, sigma and seed), what a policy raises (with a note that
    names the same), and FalseBoundError when a policy earns more than a certified bound: a bug of ours, please report it.
    """
    named = _named(policies)
    errors, drawn = twin_errors(sigma), checked_seeds(seeds)
    if report is not None and not callable(report):
        raise InputError(f"is {shown(report)}; it must be a function of (done, total)", field="report")
    if snapshots is None:
        if system is not None:
            raise InputError("goes with snapshots; a preset's seeds draw their own", field="system")
        played, settings = _of_preset("paper" if preset is None else preset, epochs, drawn, episode_length, scenario_changes)
    else:
        given = {"preset": preset, "epochs": epochs, **scenario_changes}
        foreign = next((name for name, value in given.items() if value is not None), None)
        if foreign is not None:
            raise InputError("goes with a preset; your snapshots say it themselves", field=foreign)
        if system is not None and not isinstance(system, System):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError(f"is {shown(system)}; it must be a System, see estimate_system", field="system")
        played, settings = _of_ones_own(snapshots, system, drawn, episode_length)
    rules = Rules.of(decoding, over_capacity)
    settings["rules"] = str(rules)
    measured: list[Measured] = []
    certificate: Certificate | None = None
    told = report or _nobody
    size = played[0].episodes * played[0].length
    total = size * ((len(played) if snapshots is None else 1) + len(played) * len(named) * len(errors))
    done = 0
    for each in played:
        # The truths of one's own epochs are the same for every seed.
        if certificate is None or snapshots is None:
            certificate = certify(each, lambda more, _, before=done: told(before + more, total))
            done += size
        for name, given in named.items():
            for error in errors:
                environment = each.environment(error, rules)
                policy = _policy(given, environment, np.random.default_rng([POLICY_SEED, each.seed]))
                scores = score(policy, environment, each, certificate, name)
                measured.append(Measured(name, error, each.seed, certificate, scores, rules))
                done += size
                told(done, total)
    measured.sort(key=lambda one: list(named).index(one.policy))
    baselines = {given: name for name, given in named.items() if isinstance(given, str)}
    return GapReport(tuple(measured), settings, baselines, of_own_epochs=snapshots is not None)


def _nobody(done: int, total: int) -> None:
    del done, total


def _named(policies: Policies) -> dict[str, Policy | Scheduler | str]:
    """Every policy by its name, all looked at before anything is solved. InputError naming the one that is none."""
    if isinstance(policies, str):
        named: dict[Any, Any] = {policies: policies}
    elif isinstance(policies, Mapping):
        named = dict(policies)
    else:
        named = {getattr(policies, "__name__", type(policies).__name__): policies}
    if not named:
        raise InputError("is empty; give at least one policy by name", field="policies")
    for name, given in named.items():
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise InputError(
                f"holds the name {shown(name)}; a name must be a text of one line, and not empty", field="policies"
            )
        _check_policy(name, given)
    return named


def _check_policy(name: str, given: Any) -> None:
    wanted = "it must be the name of a baseline, have act(observation) or be a function of the observation"
    if isinstance(given, str):
        find_baseline(given)
    elif isinstance(given, type):
        raise InputError(
            f"is the class {given.__name__}; give an object of it, {given.__name__}(...)", field=f"policies[{name!r}]"
        )
    elif hasattr(given, "act"):
        if not callable(given.act):
            raise InputError(f"has an act that is no function; {wanted}", field=f"policies[{name!r}]")
    elif not callable(given):
        raise InputError(f"is {shown(given)}; {wanted}", field=f"policies[{name!r}]")


def _of_preset(
    preset: str, epochs: int | None, seeds: Sequence[int], episode_length: int | None, changes: dict[str, object]
) -> tuple[Sequence[Epochs], dict[str, Any]]:
    length = 10 if episode_length is None else whole(episode_length, "episode_length", 1)
    number = 200 if epochs is None else whole(epochs, "epochs", 1)
    if number % length:
        raise InputError(f"is {number}; it must be a positive multiple of episode_length {length}", field="epochs")
    scenario = scenario_of(preset, **changes)
    settings = {
        "preset": preset,
        "scenario changes": changes or "none",
        "seeds": list(seeds),
        "episodes per seed": number // length,
        "epochs per episode": length,
    }
    return [FrozenEpochs(scenario, seed, number // length, length) for seed in seeds], settings


def _of_ones_own(
    snapshots: Snapshot | Sequence[Snapshot], system: System | None, seeds: Sequence[int], episode_length: int | None
) -> tuple[Sequence[Epochs], dict[str, Any]]:
    # Copies: whoever holds the originals, a policy among them, holds nothing that is certified or played.
    singles = [frozen_copy(each) for each in single_epochs(snapshots)]
    length = 1 if episode_length is None else whole(episode_length, "episode_length", 1)
    settings = {
        "epochs": f"{len(singles)} of one's own, {singles[0].name} to {singles[-1].name}" if singles else "none",
        "means of the system": "unknown to policies" if system is None else f"known ({system.name or 'given'})",
        "seeds of the twin's errors": list(seeds),
        "epochs per episode": length,
    }
    played = [OwnEpochs(singles, seed, length, system) for seed in seeds]
    # Faults of the epochs show here, before anything is solved.
    played[0].environment(0.0)
    return played, settings


@dataclass(frozen=True)
class _Function:
    scheduler: Scheduler

    def act(self, observation: Observation) -> Action | Decision:
        return self.scheduler(observation)


def _policy(given: Policy | Scheduler | str, environment: Environment, rng: np.random.Generator) -> Policy:
    """What acts: the given object, the function as one, or the baseline of that name made for this environment."""
    if isinstance(given, str):
        try:
            return make_baseline(given, environment, rng)
        except InputError as error:
            raise error.in_file(f"baseline {given}") from None
    return given if hasattr(given, "act") else _Function(given)  # pyright: ignore[reportReturnType, reportArgumentType]
