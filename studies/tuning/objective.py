"""What one configuration is worth: its gap to the certified bound on frozen epochs of several seeds, while it trains."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...opt.scenario import preset
from ...rl.learners import make_trainer
from ..cells import Report
from ..frozen_epochs import Certificate, FrozenEpochs, certify
from ..gap_statistics import interquartile_mean
from ..gap_table import Measured, episode_table
from ..scoring import score
from ..training_run import training_environment
from .config import TuneConfig


@dataclass(frozen=True, eq=False)
class Bench:
    """Frozen epochs of some seeds with their certificates."""

    config: TuneConfig
    epochs: tuple[FrozenEpochs, ...]
    certificates: tuple[Certificate, ...]


def make_bench(config: TuneConfig, seeds: Sequence[int], report: Report) -> Bench:
    """Draw and certify."""
    scenario, per_seed = preset(config.preset), config.episodes * config.length
    epochs = tuple(FrozenEpochs(scenario, seed, config.episodes, config.length) for seed in seeds)
    certificates = [
        certify(each, lambda done, _, before=n * per_seed: report(before + done, per_seed * len(seeds)))
        for n, each in enumerate(epochs)
    ]
    return Bench(config, epochs, tuple(certificates))


@dataclass(frozen=True, eq=False)
class Look:
    """A configuration after some updates: what it earned on every seed."""

    updates: int
    measured: tuple[Measured, ...]

    @property
    def gap(self) -> float:
        """Interquartile mean, over the episodes of all seeds, of the gap of both parts together; as in the gap study."""
        episodes = episode_table(self.measured)
        return float(interquartile_mean(episodes.loc[episodes["part"] == "sum", "gap"].to_numpy()))


def looks(
    bench: Bench, parameters: Mapping[str, Any], name: str, every: int, updated: Callable[[], None] = lambda: None
) -> Iterator[Look]:
    """Train on all seeds side by side and look at them after every ``every`` updates, and at the end.

    parameters: values of the learner's settings by path. All configurations meet the same systems, training epochs, draws and
    frozen epochs (common random numbers), so their gaps differ by what the settings do. updated: called after every update.
    """
    config = bench.config
    assert config.num_envs is not None
    settings = config.settings(parameters)
    trainers = [
        make_trainer(config.learner, training_environment(each, config.sigma, config.num_envs), each.seed, settings)
        for each in bench.epochs
    ]
    total = trainers[0].settings.updates
    while not trainers[0].finished:
        until = min(trainers[0].updates + every, total)
        measured: list[Measured] = []
        for trainer, epochs, certificate in zip(trainers, bench.epochs, bench.certificates, strict=True):
            while trainer.updates < until:
                trainer.update()
                updated()
            scores = score(trainer.policy, epochs.environment(config.sigma), epochs, certificate, name)
            measured.append(Measured(name, config.sigma, epochs.seed, certificate, scores))
        yield Look(until, tuple(measured))


def look_interval(config: TuneConfig) -> int:
    """Updates between looks."""
    assert config.updates is not None
    return max(1, -(-config.updates // config.looks))
