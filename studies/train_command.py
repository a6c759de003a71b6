"""Train a learner into a checkpoint and say how far it is from the certified optimum."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress as Bars

from ..opt.errors import InputError
from ..opt.files import is_stream, write_atomically
from ..opt.scenario import preset as scenario_of
from ..rl.checkpoint import load_checkpoint, load_policy, save_checkpoint
from ..rl.checkpoint import resume as resumed
from ..rl.decoding import Rules
from ..rl.learners import Trainer, UpdateRecord, find_learner, make_trainer
from .config import checked, read_config
from .frozen_epochs import FrozenEpochs, certify
from .gap_config import GapConfig, LearnerRun
from .gap_table import Measured, episode_table, gap_table
from .scoring import score
from .tensorboard_log import TensorBoardLog, tensorboard_log
from .training_run import run_to_its_end, training_environment
from .validation import History, Look, Validation, Validator


@dataclass(frozen=True)
class TrainedGap:
    """What a run came to. gaps: gap to the certified bound of the sum and of both parts, on the seed's frozen epochs, of the
    weights ``kept`` (last or best), reached after ``kept_update`` updates; looks: at validation epochs (``Look.to_row``)."""

    updates: int
    seconds: float
    agent_steps: int
    gaps: dict[str, float]
    kept: str
    kept_update: int
    looks: list[dict[str, float]]


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
    validation: Mapping[str, Any] | None = None,
    decoding: str = "projection",
    over_capacity: str | None = None,
    tensorboard: Path | None = None,
    console: Console,
) -> TrainedGap:
    """Train on the system and epochs that the gap study uses for this seed; write ``output`` at every look, at the end and when
    interrupted, and beside it (``best_path``) the run as it was at its best look.

    resume: a checkpoint of the same run to go on from; its updates and its validation stand, since schedules depend on the one
    and what is kept on the other. validation: fields of ``Validation`` to change.
    decoding, over_capacity: what becomes of answers that break constraints, in training and on the frozen epochs.
    tensorboard: a directory for event files (``tensorboard_log``).
    config: a configuration of the gap study whose ``learners`` names ``learner`` (``twingap tune`` writes one).
    """
    rules = Rules.of(decoding, over_capacity)
    run = read_config(GapConfig, config).learners.get(learner, LearnerRun())
    if seed in run.tuned_on:
        raise InputError(f"is {seed}, on which {learner!r} was tuned; give a fresh seed", field="seed", source=str(config))
    learner = run.learner or learner
    entry = find_learner(learner)
    changes = dict(validation or {})
    for name, given in {"updates": updates, **changes}.items():
        if resume is not None and given is not None:
            raise InputError("cannot be changed when a run is resumed; leave it out", field=name)
    wanted = checked(Validation, (run.validation or Validation()).model_dump() | changes)
    study = GapConfig(preset=preset)
    epochs = FrozenEpochs(scenario_of(preset), seed, study.episodes, study.length)
    environment = training_environment(epochs, sigma, run.num_envs or entry.num_envs, rules)
    if is_stream(output):
        raise InputError("is a pipe or a device, and a checkpoint is written many times; give a file name", source=str(output))
    if not os.access(Path(os.path.realpath(output)).parent, os.W_OK):
        raise InputError("cannot be written; give a file in a writable directory", source=str(output))
    if resume is None:
        length = updates or run.updates
        settings = run.settings if length is None else run.settings | {"updates": length}
        trainer = make_trainer(learner, environment, seed, settings)
        validator = Validator(wanted, epochs, sigma, rules)
    else:
        trainer = resumed(resume, environment)
        if trainer.learner != learner:
            raise InputError(
                f"is {learner!r}; the checkpoint is a run of {trainer.learner}", field="learner", source=str(resume)
            )
        validator = resumed_validator(resume, output, epochs, sigma, rules)
    with tensorboard_log(tensorboard, trainer.updates) as log:
        train_and_keep(trainer, validator, output, console, log)
    policy, kept, kept_update = trainer.policy, "last", trainer.updates
    best = validator.history.best
    if validator.validation.keep == "best" and best is not None:
        policy, kept, kept_update = load_policy(checked_best(best_path(output), best.update)), "best", best.update
    certificate = certify(epochs, lambda _done, _total: None)
    scores = score(policy, epochs.environment(sigma, rules), epochs, certificate, learner)
    table = gap_table(episode_table([Measured(learner, sigma, seed, certificate, scores, rules)]))
    gaps = {str(part): float(gap) for part, gap in zip(table["part"], table["gap"], strict=True)}
    looks = [look.to_row() for look in validator.history.looks]
    return TrainedGap(trainer.updates, trainer.seconds, trainer.agent_steps, gaps, kept, kept_update, looks)


def best_path(output: Path) -> Path:
    """Where the run as it was at its best look lies: ``run.best.safetensors`` beside ``run.safetensors``."""
    return output.with_name(f"{output.stem}.best{output.suffix}")


def checked_best(path: Path, update: int) -> Path:
    """The file of the best look; InputError when it is not of this update."""
    found = load_checkpoint(path).state.updates
    if found != update:
        raise InputError(f"holds update {found}; the best look of this run was at update {update}", source=str(path))
    return path


def resumed_validator(resume: Path, output: Path, epochs: FrozenEpochs, sigma: float, rules: Rules) -> Validator:
    """The validator of a run that is resumed, its best file beside ``output``. InputError where that file is lost.

    A file of a later look than the checkpoint knows of is the work of a run that was killed after it; this run comes by there
    again and writes the same.
    """
    notes = load_checkpoint(resume).about.get("notes", {})
    try:
        history = History.from_json(notes.get("looks", []))
        wanted = checked(Validation, notes.get("validation", {}))
    except InputError as error:
        raise error.in_file(str(resume)) from None
    best, kept = history.best, best_path(resume)
    if best is not None:
        if not kept.exists():
            raise InputError("is missing; the run that is resumed left its best weights there", source=str(kept))
        if load_checkpoint(kept).state.updates < best.update:
            checked_best(kept, best.update)
        if best_path(output) != kept:
            write_atomically(best_path(output), kept.read_bytes())
    return Validator(wanted, epochs, sigma, rules, history)


def train_and_keep(
    trainer: Trainer, validator: Validator, output: Path, console: Console, log: TensorBoardLog | None = None
) -> None:
    """All updates, with a bar on a terminal; what was learnt is kept whatever ends it."""
    total = trainer.settings.updates

    def save(path: Path, history: History) -> None:
        notes = {"validation": validator.validation.model_dump(), "looks": history.to_json()}
        save_checkpoint(trainer, path, notes)

    try:
        with Bars(console=console, disable=not console.is_terminal) as bars:
            task = bars.add_task("training", total=total, completed=trainer.updates)

            def updated(record: UpdateRecord) -> None:
                if log is not None:
                    log.updated(record)
                earns = f"{record.reward_local:9.2f} local {record.reward_global:9.2f} global"
                bars.update(task, completed=record.update, description=earns)
                if not console.is_terminal and (record.update % max(1, total // 10) == 0 or trainer.finished):
                    console.print(f"update {record.update:5d} of {total}: earns {earns}", highlight=False)

            def looked(look: Look) -> None:
                if log is not None:
                    log.looked(look)
                save(output, validator.history)
                low, high = (100.0 * gap for gap in look.gaps["sum"])
                best = " (best so far)" if validator.history.best is look else ""
                console.print(
                    f"update {look.update:5d} of {total}: validation gap {low:.2f} to {high:.2f} %{best}", highlight=False
                )

            run_to_its_end(trainer, validator, updated, lambda history: save(best_path(output), history), looked)
    finally:
        save(output, validator.history)
