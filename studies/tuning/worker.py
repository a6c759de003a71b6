"""One worker: takes trials of a study until all slots are finished."""

from __future__ import annotations

import math
import time
import traceback
import warnings

import optuna
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.pruners import MedianPruner
from optuna.samplers import TPESampler
from optuna.trial import Trial, TrialState

from ...opt.errors import InputError
from ...rl.search_space import SearchSpace
from .objective import Bench, look_interval, looks
from .slots import ERROR, SLOT, Slots, is_finished
from .storage import Storage

# Seconds between looks at the storage while others finish the last trials.
WAIT = 1.0


def pruner(looks: int) -> MedianPruner:
    """Stops a trial whose best gap so far is worse than the median trial's at the same number of updates.

    Not the Wilcoxon pruner: that compares finished scores over many instances, and the few seeds of a tuning (three pairs
    cannot give a p below 1/8) would never let it act; what we know early is a learning curve. The first quarter of a run and
    the first five trials are never pruned.
    """
    return MedianPruner(n_startup_trials=5, n_warmup_steps=looks // 4)


def sampler(slot: int) -> TPESampler:
    """Of one slot. Its seed is the slot's number, so that a resumed study draws what an undisturbed one would."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # Other workers' trials count as bad ones, so that two never try the same place at once.
        return TPESampler(seed=slot, constant_liar=True)


def work(slots: Slots, storage: Storage, bench: Bench) -> None:
    """Until every slot is finished, by whomever."""
    space = bench.config.space
    while True:
        with slots.taken() as trial:
            if trial is not None:
                run_trial(slots.study, storage, bench, trial, space)
                continue
        if all(is_finished(trial) for trial in slots.repair().values()):
            return
        time.sleep(WAIT)


def run_trial(study: optuna.Study, storage: Storage, bench: Bench, trial: Trial, space: SearchSpace) -> None:
    """Run the trial and tell how it ended. A configuration that breaks (numbers that overflow) is a finished trial with its
    error; a broken bound or bad input is not, and ends the worker."""
    study.sampler = sampler(trial.user_attrs[SLOT])
    try:
        try:
            state, gap = measure(bench, trial, space)
        except (UpdateFinishedTrialError, InputError):
            raise
        except (ArithmeticError, ValueError, RuntimeError) as error:
            trial.set_user_attr(ERROR, "".join(traceback.format_exception_only(error)).strip())
            storage.optuna.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        else:
            study.tell(trial, gap, state, skip_if_finished=True)
    except UpdateFinishedTrialError:
        # Others took this process for dead (it was suspended, say) and run the trial again: theirs counts.
        return


def measure(bench: Bench, trial: Trial, space: SearchSpace) -> tuple[TrialState, float | None]:
    """Draw the trial's parameters, train, report; the gap after the last update, or PRUNED."""
    parameters = suggest(trial, space)
    gap, started = math.nan, time.process_time()
    for n, look in enumerate(looks(bench, parameters, f"tune-{trial.number}", look_interval(bench.config))):
        gap = look.gap
        if not math.isfinite(gap):
            raise ArithmeticError(f"the gap after {look.updates} updates is {gap}")
        trial.report(gap, n)
        trial.set_user_attr("updates", look.updates)
        trial.set_user_attr("cpu_seconds", round(time.process_time() - started, 2))
        if look.updates != bench.config.updates and trial.should_prune():
            return TrialState.PRUNED, None
    return TrialState.COMPLETE, gap


def suggest(trial: Trial, space: SearchSpace) -> dict[str, float]:
    """A value for every setting of the space."""
    return {
        path: trial.suggest_int(path, int(each.low), int(each.high), log=each.log)
        if each.whole
        else trial.suggest_float(path, each.low, each.high, log=each.log)
        for path, each in space.items()
    }
