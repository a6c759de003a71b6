"""``twingap tune``: certify, start workers, watch them, compare with the defaults on fresh seeds, write file and page."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from dataclasses import replace
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from rich.console import Console
from rich.progress import Progress as Bars

from ...opt.arrays import Floats
from ...opt.errors import InputError
from ...opt.files import write_atomically, written_together
from ..cells import code_version
from ..csv_text import csv_text
from ..gap_statistics import interquartile_mean, paired_replicates, percentile_interval
from ..gap_table import BOOTSTRAP_SEED, episode_table
from ..machine import installed_version
from ..workers import one_thread_each, without_main
from .config import TuneConfig
from .objective import Bench, Look, looks, make_bench
from .results import Check, Tuning, check_from_json, check_to_json, row_of
from .slots import SLOT, Slots
from .storage import Storage, open_storage
from .worker import pruner, work

CONFIG, CHECK = "twingap", "check"
BEST_FILE, PAGE, TRIALS = "best.yaml", "report.html", "trials.csv"
# Complete trials below which no importance is told.
ENOUGH = 4


class WorkersDiedError(RuntimeError):
    """Every worker ended before the trials were finished."""


def tune(
    config: TuneConfig,
    trials: int,
    storage: str,
    output: str | Path,
    *,
    study: str | None = None,
    workers: int = 1,
    heartbeat: float = 10.0,
    compare: bool = True,
    command: str = "",
    console: Console | None = None,
) -> Tuning:
    """Tune a learner until the study has ``trials`` finished trials; started again, it runs what is missing.

    storage: a journal file or a database URL, which other processes and machines may share. study: its name there (the
    learner's without one). compare: train the best settings and the defaults on fresh seeds. Raises InputError before anything
    is written, WorkersDiedError.
    """
    config = config.complete()
    for name, value in (("--trials", trials), ("--workers", workers)):
        if value < 1:
            raise InputError(f"is {value}; it must be a whole number >= 1", field=name)
    if not 1.0 <= heartbeat < float("inf"):
        raise InputError(f"is {heartbeat}; it must be a finite number >= 1 second", field="--heartbeat")
    console = Console(stderr=True) if console is None else console
    directory, name = Path(output), study or config.learner
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    slots, _ = open_slots(config, trials, storage, name, heartbeat)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror}); give a writable directory", source=str(directory)) from None
    if len(slots.finished()) < trials:
        bench = _certified(config, config.tuning_seeds, console)
        _run(slots, bench, (config, trials, storage, name, heartbeat), workers, console)
    found = Tuning(config, [row_of(slot, trial) for slot, trial in slots.finished().items()], storage, command)
    found = replace(found, importance=importance(slots.study))
    if compare and found.best is not None and found.best.slot != 0:
        found = replace(found, check=_check(found, slots.study, console))
    write_tuning(found, directory)
    return found


def open_slots(config: TuneConfig, trials: int, url: str, name: str, heartbeat: float) -> tuple[Slots, Storage]:
    """The study of this name, made when there is none. InputError when it measures something else, or has more trials."""
    storage = open_storage(url, heartbeat)
    try:
        study = optuna.create_study(storage=storage.optuna, study_name=name, direction="minimize")
    except DuplicatedStudyError:
        study = optuna.load_study(storage=storage.optuna, study_name=name)
    study.pruner = pruner(config.looks)
    ours = config.model_dump(mode="json") | {"code": code_version(), "optuna": installed_version("optuna")}
    if CONFIG not in study.user_attrs:
        if study.get_trials(deepcopy=False):
            raise InputError(f"{name!r} is a study of somebody else; give another --study", source=url, field="--study")
        study.set_user_attr(CONFIG, ours)
    for key, held in study.user_attrs[CONFIG].items():
        if ours.get(key) != held:
            problem = f"is {ours.get(key)!r}, but study {name!r} has {held!r}; give another --study or --storage"
            raise InputError(problem, source=url, field=key)
    slots = Slots(study, storage, config.space, trials, config.defaults)
    if slots.highest() > trials:
        problem = f"is {trials}, but study {name!r} has {slots.highest()} trials already; give at least as many"
        raise InputError(problem, source=url, field="--trials")
    return slots, storage


def importance(study: optuna.Study) -> dict[str, float]:
    """How much every parameter decides whether a trial is among the best (PED-ANOVA); empty with too few complete trials."""
    complete = [
        trial for trial in study.get_trials(deepcopy=False) if trial.value is not None and trial.state.name == "COMPLETE"
    ]
    if len(complete) < ENOUGH or len({trial.value for trial in complete}) < ENOUGH:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return dict(get_param_importances(study, evaluator=PedAnovaImportanceEvaluator()))


def write_tuning(found: Tuning, directory: Path) -> None:
    """The best configuration, the table of trials and the page; all or nothing."""
    from ..report.page import write_page
    from ..report.tuning_page import tuning_page

    with written_together(directory, last=PAGE) as beside:
        write_atomically(beside / TRIALS, csv_text(found.table()))
        if found.best is not None:
            write_atomically(beside / BEST_FILE, found.study_file())
        write_page(tuning_page(found), beside / PAGE)


def serve(opening: tuple[TuneConfig, int, str, str, float], bench: Bench) -> None:
    """The life of a worker process. It ends with the process that started it, however that ends."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    Thread(target=watch, daemon=True).start()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    slots, storage = open_slots(*opening)
    work(slots, storage, bench)


def _run(slots: Slots, bench: Bench, opening: tuple[TuneConfig, int, str, str, float], count: int, console: Console) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    crew: list[ForkServerProcess] = []
    told: set[int] = set(slots.finished())
    if told:
        console.print(f"{len(told)} of {slots.count} trials are finished already", highlight=False)
    bars = Bars(console=console, disable=not console.is_terminal)
    task = bars.add_task("trials", total=slots.count, completed=len(told))
    try:
        with bars:
            for _ in range(count):
                # Not a daemon: those may have no children, and a learner may want some.
                process = context.Process(target=serve, args=(opening, bench), daemon=False)
                with one_thread_each(), without_main():
                    process.start()
                crew.append(process)
            while any(process.is_alive() for process in crew):
                wait([process.sentinel for process in crew if process.is_alive()], 1.0)
                _tell(slots, told, bars, task)
            _tell(slots, told, bars, task)
    finally:
        for process in crew:
            process.kill()
            process.join()
    for process in crew:
        if process.exitcode:
            console.print(f"a worker ended with exit code {process.exitcode}", highlight=False)
    left = slots.count - len(slots.finished())
    if left:
        raise WorkersDiedError(f"{left} trials are not finished; the same command goes on with them")


def _tell(slots: Slots, told: set[int], bars: Bars, task: Any) -> None:
    finished = slots.finished()
    best = min(
        (trial.value for trial in finished.values() if trial.value is not None and trial.state.name == "COMPLETE"), default=None
    )
    for slot in sorted(finished.keys() - told):
        row = row_of(slot, finished[slot])
        gap = "" if row.gap is None else f" gap {100 * row.gap:8.3f} % after {row.updates} updates"
        bars.console.print(
            f"[{len(told) + 1:3d}/{slots.count}] trial {slot:3d} {row.state:8s}{gap}{row.error}", highlight=False, markup=False
        )
        told.add(slot)
    description = "trials" if best is None else f"trials, best gap {100 * best:.3f} %"
    bars.update(task, completed=len(told), description=description)


def _certified(config: TuneConfig, seeds: tuple[int, ...], console: Console) -> Bench:
    with Bars(console=console, disable=not console.is_terminal) as bars:
        task = bars.add_task(f"certified bounds of {len(seeds)} seeds", total=None)
        return make_bench(config, seeds, lambda done, total: bars.update(task, completed=done, total=total))


def paired_check(episodes: pd.DataFrame, seeds: tuple[int, ...]) -> Check:
    """From the episode gaps of the policies ``tuned`` and ``default`` (one part) on the same episodes."""
    strata: list[Floats] = []
    for _, of_seed in episodes.groupby("seed"):
        gaps = of_seed.pivot(index="episode", columns="policy", values="gap")
        tuned, default = gaps["tuned"].to_numpy(), gaps["default"].to_numpy()
        strata.append(np.stack([tuned, default, tuned - default]))
    means = interquartile_mean(np.concatenate(strata, axis=-1))
    drawn = paired_replicates(strata, np.random.default_rng(BOOTSTRAP_SEED))
    tuned, default, difference = ((float(mean), *percentile_interval(each)) for mean, each in zip(means, drawn, strict=True))
    better = sum(bool(interquartile_mean(stratum[0]) < interquartile_mean(stratum[1])) for stratum in strata)
    return Check(tuned, default, difference, better, seeds)


def _check(found: Tuning, study: optuna.Study, console: Console) -> Check:
    """The best trial's settings against the defaults on seeds that neither has met. Kept in the storage for the next start."""
    config, best = found.config, found.best
    assert best is not None
    assert config.updates is not None
    held = study.user_attrs.get(CHECK)
    if held is not None and held[SLOT] == best.slot:
        return check_from_json(held)
    bench = _certified(config, config.check_seeds, console)
    last: dict[str, Look] = {}
    with Bars(console=console, disable=not console.is_terminal) as bars:
        for name, changes in (("tuned", best.parameters), ("default", {})):
            task = bars.add_task(f"fresh seeds, {name}", total=config.updates * len(config.check_seeds))
            for look in looks(bench, changes, name, config.updates, lambda task=task: bars.advance(task)):
                last[name] = look
    episodes = episode_table([each for look in last.values() for each in look.measured])
    check = paired_check(episodes.query("part == 'sum'"), config.check_seeds)
    study.set_user_attr(CHECK, check_to_json(check) | {SLOT: best.slot})
    return check
