"""What one policy earns on frozen epochs, measured by the equations and held against the certified bounds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..opt.arrays import Booleans, Floats, floats
from ..opt.bounds import assert_not_beaten
from ..opt.decision import Decision
from ..opt.evaluation import Evaluation, evaluate
from ..opt.fingerprint import digest, short
from ..opt.snapshot import Snapshot
from ..rl.environment import Environment
from ..rl.policy import Policy
from .frozen_epochs import Certificate, Epochs
from .judged_policy import JudgedPolicy


class InfeasibleDecisionError(AssertionError):
    """The environment executed a decision that breaks a constraint: a bug in its projection."""


class OtherEpochsError(AssertionError):
    """A policy was about to be measured against the bounds of other epochs."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Per epoch, each [episode, epoch]. Utilities of the parts; local_delay: mean T_j over heads that finish [s];
    heads_finished: their share; global_delay: mean T_i over APs whose block is confirmed [s]; aps_confirmed: their share;
    NaN where nobody finishes. voided: 1 where a broken constraint had the epoch paid 0 (25): it earns 0 and nobody finishes.
    local_worth: mean over all heads of exp(-A T_j), global_worth: over all APs of exp(-A T_i), 0 for who does not finish: the
    share of the benefit B that delays leave."""

    local_utility: Floats
    global_utility: Floats
    local_delay: Floats
    heads_finished: Floats
    global_delay: Floats
    aps_confirmed: Floats
    voided: Floats
    local_worth: Floats
    global_worth: Floats

    def to_json(self) -> dict[str, Any]:
        """Plain data; NaN becomes null."""
        return {each.name: _plain(getattr(self, each.name)) for each in fields(self)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Scores:
        """From plain data."""
        return cls(**{key: floats(np.array(value, dtype=np.float64)) for key, value in content.items()})


def score(policy: Policy, environment: Environment, epochs: Epochs, certificate: Certificate, name: str) -> Scores:
    """Play the frozen epochs with a policy.

    The executed decision is evaluated here once more on the epoch's truth: nothing that a policy or an environment says about
    itself is believed, but that (25) pays 0 for the epoch, where its rules can. The policy gets a copy of its observation, and
    the truth is held against its digest after the policy has acted as before. Raises FalseBoundError (with the epoch saved
    for replay) when a part earns more than its certified bound, InfeasibleDecisionError when a decision that is paid for breaks
    a constraint, OtherEpochsError when the truths differ, InputError when an answer is none or the truth has been changed, and
    what the policy raises (``judged_policy``).
    """
    judged = JudgedPolicy(policy, name, environment.twin_error, epochs.seed)
    observation = environment.reset()
    found = np.empty((len(fields(Scores)), epochs.episodes, epochs.length))
    for t in range(epochs.length):
        truth = environment.truth
        before = digest(truth)
        expected = certificate.fingerprint[8 * t : 8 * (t + 1)]
        if short(before) != expected:
            raise OtherEpochsError(
                f"epoch {t} of seed {epochs.seed} is not the one that was certified ({judged.named} was to play)"
            )
        answer = judged.answer(observation, truth)
        if environment.truth is not truth or digest(truth) != before:
            raise judged.refused("has changed the truth that it is judged on; a policy may only read what it is given")
        with judged.blamed():
            step = environment.step(answer)
        observation = step.observation
        evaluation = evaluate(truth, step.decision)
        paid = step.paid if environment.rules.can_void else np.ones(epochs.episodes, dtype=np.bool_)
        _assert_possible(evaluation, paid, truth, step.decision, certificate, t, name)
        found[:, :, t] = _terms(evaluation, paid, truth)
    return Scores(*(floats(rows) for rows in found))


def _assert_possible(
    evaluation: Evaluation, paid: Booleans, truth: Snapshot, decision: Decision, certificate: Certificate, t: int, name: str
) -> None:
    parts = (
        ("local", evaluation.local.utility, certificate.local_bound),
        ("global", evaluation.global_.utility, certificate.global_bound),
    )
    for part, utility, bound in parts:
        assert_not_beaten(np.where(paid, utility, 0.0), bound[:, t], truth, decision, f"{name}-{part}")
    if not (evaluation.feasible | ~paid).all():
        worst = evaluation.violation[paid].max()
        raise InfeasibleDecisionError(f"a decision of {name} violates a constraint by {worst:.3e}")


def _terms(evaluation: Evaluation, paid: Booleans, truth: Snapshot) -> Floats:
    """One epoch's numbers in the order of Scores; [9, episode]."""
    local, global_ = evaluation.local, evaluation.global_
    finished = np.isfinite(local.delay) & paid[:, None]
    users = np.where(global_.confirmed & np.isfinite(global_.delay) & paid[:, None], global_.served, 0.0)
    return np.stack(
        [
            np.where(paid, local.utility, 0.0),
            np.where(paid, global_.utility, 0.0),
            _mean(np.where(finished, local.delay, 0.0), finished.astype(np.float64)),
            finished.mean(axis=-1),
            _mean(np.where(users > 0.0, global_.delay, 0.0), users),
            users.sum(axis=-1) / global_.served.sum(axis=-1),
            np.where(paid, 0.0, 1.0),
            np.where(paid, local.benefit.mean(axis=-1) / truth.local.benefit, 0.0),
            np.where(paid, global_.benefit.sum(axis=-1) / global_.served.sum(axis=-1) / truth.global_.benefit, 0.0),
        ]
    )


def _mean(values: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=-1)
    return np.divide((values * weights).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0.0)


def _plain(values: Floats) -> list[Any]:
    known = values.astype(object)
    known[np.isnan(values)] = None
    return known.tolist()
