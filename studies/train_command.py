"""Train a learner into a checkpoint and say how far it is from the certified optimum."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress as Bars

from ..opt.errors import InputError
from ..opt.scenario import preset as scenario_of
from ..rl.checkpoint import resume as resumed
from ..rl.checkpoint import save_checkpoint
from ..rl.decoding import Rules
from ..rl.learners import Trainer, find_learner, make_trainer
from .config import read_config
from .frozen_epochs import FrozenEpochs, certify
from .gap_config import GapConfig, LearnerRun
from .gap_table import Measured, episode_table, gap_table
from .scoring import score
from .training_run import training_environment


@dataclass(frozen=True)
class TrainedGap:
    """What a run came to. gaps: gap to the certified bound of the sum and of both parts, on the seed's frozen epochs."""

    updates: int
    seconds: float
    agent_steps: int
    gaps: dict[str, float]


def train_to_checkpoint(
    learner: str,
    preset: str,
    sigma: float,
    seed: int,
    output: Path,
    *,
    updates: int | None = None,
    resume: Path | None = None,
    config: Path | None = None,
    decoding: str = "projection",
    over_capacity: str | None = None,
    console: Console,
) -> TrainedGap:
    """Train on the system and epochs that the gap study uses for this seed; write ``output`` at the end, or when interrupted.

    resume: a checkpoint of the same run to go on from; its number of updates stands, since schedules depend on it.
    decoding, over_capacity: what becomes of answers that break constraints, in training and on the frozen epochs.
    config: a configuration of the gap study whose ``learners`` names ``learner`` (``twingap tune`` writes one).
    """
    rules = Rules.of(decoding, over_capacity)
    run = read_config(GapConfig, config).learners.get(learner, LearnerRun())
    if seed in run.tuned_on:
        raise InputError(f"is {seed}, on which {learner!r} was tuned; give a fresh seed", field="seed", source=str(config))
    learner = run.learner or learner
    entry = find_learner(learner)
    if resume is not None and updates is not None:
        raise InputError("cannot be changed when a run is resumed; leave it out", field="updates")
    study = GapConfig(preset=preset)
    epochs = FrozenEpochs(scenario_of(preset), seed, study.episodes, study.length)
    environment = training_environment(epochs, sigma, run.num_envs or entry.num_envs, rules)
    if output.is_dir() or not os.access(output.absolute().parent, os.W_OK):
        raise InputError("cannot be written; give a file in a writable directory", source=str(output))
    if resume is None:
        length = updates or run.updates
        settings = run.settings if length is None else run.settings | {"updates": length}
        trainer = make_trainer(learner, environment, seed, settings)
    else:
        trainer = resumed(resume, environment)
        if trainer.learner != learner:
            raise InputError(
                f"is {learner!r}; the checkpoint is a run of {trainer.learner}", field="learner", source=str(resume)
            )
    _run(trainer, output, console)
    certificate = certify(epochs, lambda _done, _total: None)
    scores = score(trainer.policy, epochs.environment(sigma, rules), epochs, certificate, learner)
    table = gap_table(episode_table([Measured(learner, sigma, seed, certificate, scores, rules)]))
    gaps = {str(part): float(gap) for part, gap in zip(table["part"], table["gap"], strict=True)}
    return TrainedGap(trainer.updates, trainer.seconds, trainer.agent_steps, gaps)


def _run(trainer: Trainer, output: Path, console: Console) -> None:
    """All updates, with a bar on a terminal; what was learnt is kept whatever ends it."""
    total = trainer.settings.updates
    try:
        with Bars(console=console, disable=not console.is_terminal) as bars:
            task = bars.add_task("training", total=total, completed=trainer.updates)
            while not trainer.finished:
                record = trainer.update()
                earns = f"{record.reward_local:9.2f} local {record.reward_global:9.2f} global"
                bars.update(task, completed=record.update, description=earns)
                if not console.is_terminal and (record.update % max(1, total // 10) == 0 or trainer.finished):
                    console.print(f"update {record.update:5d} of {total}: earns {earns}", highlight=False)
    finally:
        save_checkpoint(trainer, output)
