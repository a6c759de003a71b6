"""A tuning of N trials has N slots, and every slot ends with exactly one finished trial, whatever is killed on the way.

Every process repairs the storage before it takes a trial: trials that died are failed, and a slot without a living trial gets
a new one with the same parameters. Two processes may do so at once; then the trial with the lowest number counts (Optuna gives
numbers in order, so all see the same one) and the other is withdrawn. No step can be lost by a kill, because the next process
repairs what it finds; a callback that enqueues after failing (Optuna's RetryFailedTrialCallback) would lose the trial between
the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, Trial, TrialState

from ...rl.search_space import SearchSpace
from .storage import Storage, fail

SLOT, ERROR = "slot", "error"


class Slots:
    """The first ``count`` slots of a study. start: parameters of slot 0, the learner's defaults: what the others must beat."""

    def __init__(self, study: optuna.Study, storage: Storage, space: SearchSpace, count: int, start: dict[str, Any]) -> None:
        self.study, self.storage, self.space, self.count, self.start = study, storage, space, count, start

    def repair(self) -> dict[int, FrozenTrial]:
        """Put the storage right; the trial that counts of every slot."""
        self.storage.fail_dead(self.study)
        for slot in set(range(self.count)) - self._counting().keys():
            self.study.enqueue_trial(self._parameters(slot), user_attrs={SLOT: slot})
        counting = self._counting()
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            if counting[trial.user_attrs[SLOT]].number != trial.number:
                fail(self.storage.optuna, trial)
        return counting

    @contextmanager
    def taken(self) -> Iterator[Trial | None]:
        """The next trial that waits, RUNNING inside the block; None when none does. What the block leaves unfinished is set
        free for others."""
        counting = self.repair()
        for slot in sorted(counting):
            trial = counting[slot]
            if trial.state != TrialState.WAITING:
                continue
            with self.storage.working(trial) as ours:
                if not ours or not self._start(trial):
                    continue
                try:
                    yield Trial(self.study, trial._trial_id)
                finally:
                    fail(self.storage.optuna, trial)
                return
        yield None

    def finished(self) -> dict[int, FrozenTrial]:
        """The finished trials by slot: complete, pruned, or failed with an error of their own (not killed)."""
        return {slot: trial for slot, trial in sorted(self._counting().items()) if is_finished(trial)}

    def highest(self) -> int:
        """How many slots the study has already, of any tuning."""
        trials = self.study.get_trials(deepcopy=False)
        return 1 + max((trial.user_attrs[SLOT] for trial in trials), default=-1)

    def _counting(self) -> dict[int, FrozenTrial]:
        counting: dict[int, FrozenTrial] = {}
        for trial in self.study.get_trials(deepcopy=False):
            if trial.state != TrialState.FAIL or ERROR in trial.user_attrs:
                counting.setdefault(trial.user_attrs[SLOT], trial)
        return counting

    def _parameters(self, slot: int) -> dict[str, Any]:
        """Those of the slot's last trial that died; one that had not drawn all of them draws again, from the same seed."""
        for trial in reversed(self.study.get_trials(deepcopy=False)):
            if trial.user_attrs[SLOT] == slot and trial.params.keys() == self.space.keys():
                return trial.params
        return self.start if slot == 0 else {}

    def _start(self, trial: FrozenTrial) -> bool:
        """Take a waiting trial; False when another process was faster."""
        try:
            return self.storage.optuna.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False


def is_finished(trial: FrozenTrial) -> bool:
    """Complete, pruned, or failed by its own error."""
    return trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or ERROR in trial.user_attrs
