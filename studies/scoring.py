"""What one policy earns on frozen epochs, measured by the equations and held against the certified bounds."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ..opt.arrays import Floats, floats
from ..opt.bounds import assert_not_beaten
from ..opt.decision import Decision
from ..opt.evaluation import Evaluation, evaluate
from ..opt.snapshot import Snapshot
from ..rl.environment import Environment
from ..rl.policy import Policy
from .frozen_epochs import Certificate, Epochs, fingerprint


class InfeasibleDecisionError(AssertionError):
    """The environment executed a decision that breaks a constraint: a bug in its projection."""


class OtherEpochsError(AssertionError):
    """A policy was about to be measured against the bounds of other epochs."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Per epoch, each [episode, epoch]. Utilities of the parts; local_delay: mean T_j over heads that finish [s];
    heads_finished: their share; global_delay: mean T_i over APs whose block is confirmed [s]; aps_confirmed: their share.
    NaN where nobody finishes."""

    local_utility: Floats
    global_utility: Floats
    local_delay: Floats
    heads_finished: Floats
    global_delay: Floats
    aps_confirmed: Floats

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
    itself is believed. Raises FalseBoundError (with the epoch saved for replay) when a part earns more than its certified
    bound, InfeasibleDecisionError when the decision breaks a constraint, OtherEpochsError when the truths differ.
    """
    observation = environment.reset()
    found = np.empty((len(fields(Scores)), epochs.episodes, epochs.length))
    for t in range(epochs.length):
        truth = environment.truth
        expected = certificate.fingerprint[8 * t : 8 * (t + 1)]
        if fingerprint(truth) != expected:
            raise OtherEpochsError(f"epoch {t} of seed {epochs.seed} is not the one that was certified")
        step = environment.step(policy.act(observation))
        observation = step.observation
        evaluation = evaluate(truth, step.decision)
        _assert_possible(evaluation, truth, step.decision, certificate, t, name)
        found[:, :, t] = _terms(evaluation)
    return Scores(*(floats(rows) for rows in found))


def _assert_possible(
    evaluation: Evaluation, truth: Snapshot, decision: Decision, certificate: Certificate, t: int, name: str
) -> None:
    parts = (
        ("local", evaluation.local.utility, certificate.local_bound),
        ("global", evaluation.global_.utility, certificate.global_bound),
    )
    for part, utility, bound in parts:
        assert_not_beaten(utility, bound[:, t], truth, decision, f"{name}-{part}")
    if not evaluation.feasible.all():
        raise InfeasibleDecisionError(f"a decision of {name} violates a constraint by {evaluation.violation.max():.3e}")


def _terms(evaluation: Evaluation) -> Floats:
    """One epoch's numbers in the order of Scores; [6, episode]."""
    local, global_ = evaluation.local, evaluation.global_
    finished = np.isfinite(local.delay)
    users = np.where(global_.confirmed & np.isfinite(global_.delay), global_.served, 0.0)
    return np.stack(
        [
            local.utility,
            global_.utility,
            _mean(np.where(finished, local.delay, 0.0), finished.astype(np.float64)),
            finished.mean(axis=-1),
            _mean(np.where(users > 0.0, global_.delay, 0.0), users),
            users.sum(axis=-1) / global_.served.sum(axis=-1),
        ]
    )


def _mean(values: Floats, weights: Floats) -> Floats:
    total = weights.sum(axis=-1)
    return np.divide((values * weights).sum(axis=-1), total, out=np.full(total.shape, np.nan), where=total > 0.0)


def _plain(values: Floats) -> list[Any]:
    known = values.astype(object)
    known[np.isnan(values)] = None
    return known.tolist()
