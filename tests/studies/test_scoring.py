"""No policy beats a bound, whatever it says about itself or does to its environment."""

import json
from dataclasses import replace

import numpy as np
import pytest

from twingap.baselines.solver_decisions import planned_decisions
from twingap.opt.errors import FalseBoundError
from twingap.opt.evaluation import evaluate
from twingap.opt.scenario import preset
from twingap.opt.snapshot_file import load_snapshot
from twingap.studies.frozen_epochs import Certificate, FrozenEpochs, certify
from twingap.studies.scoring import InfeasibleDecisionError, OtherEpochsError, Scores, score

EPOCHS = FrozenEpochs(preset("tiny"), seed=4, episodes=2, length=2)


def quiet(_done, _total):
    pass


@pytest.fixture(scope="module")
def certificate():
    return certify(EPOCHS, quiet)


@pytest.fixture(autouse=True)
def replays(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINGAP_REPLAY_DIR", str(tmp_path))


class Overspender:
    """Plans with three times the spectrum, and makes its environment execute that as it is."""

    def __init__(self, environment):
        self.environment = environment
        self.honest_step = environment.step
        environment.step = self.step

    def act(self, _observation):
        truth = self.environment.truth
        local = replace(truth.local, subchannels_max=3.0 * truth.local.subchannels_max)
        global_ = replace(truth.global_, subchannels_max=3.0 * truth.global_.subchannels_max)
        self.asked = planned_decisions(replace(truth, local=local, global_=global_))
        return self.asked

    def step(self, answer):
        return replace(self.honest_step(answer), decision=self.asked)


class Boaster:
    """Plays the oracle's decisions and reports ten times the reward."""

    def __init__(self, environment):
        self.environment = environment
        self.honest_step = environment.step
        environment.step = self.step

    def act(self, _observation):
        return planned_decisions(self.environment.truth)

    def step(self, answer):
        step = self.honest_step(answer)
        return replace(step, reward_local=10.0 * step.reward_local, evaluation=None)


class Idle:
    def act(self, observation):
        from twingap.baselines.nothing import nothing

        return nothing(observation.twin)


def test_a_policy_that_bypasses_the_constraints_is_caught_with_evidence(certificate, tmp_path):
    environment = EPOCHS.environment(0.1)
    with pytest.raises(FalseBoundError, match="overspender"):
        score(Overspender(environment), environment, EPOCHS, certificate, "overspender")
    snapshot = load_snapshot(next(tmp_path.glob("*.snapshot.json")))
    evidence = json.loads(next(tmp_path.glob("*.evidence.json")).read_text())
    assert evidence["utility"] > evidence["bound"]
    assert len(evidence["decision"]["local"]["uplink"]) == len(snapshot.local.layout.ap)


def test_a_false_bound_is_caught(certificate):
    low = replace(certificate, local_bound=certificate.local_bound - 0.1)
    environment = EPOCHS.environment(0.0)
    with pytest.raises(FalseBoundError):
        score(Boaster(environment), environment, EPOCHS, low, "oracle-again")


def test_an_infeasible_decision_is_caught_even_when_it_earns_little(certificate):
    environment = EPOCHS.environment(0.0)
    honest = environment.step

    def step(answer):
        done = honest(answer)
        local = replace(done.decision.local, uplink=done.decision.local.uplink + 100.0)
        return replace(done, decision=replace(done.decision, local=local))

    environment.step = step
    with pytest.raises(InfeasibleDecisionError):
        score(Idle(), environment, EPOCHS, certificate, "idle")


def test_what_a_policy_reports_is_not_believed(certificate):
    environment = EPOCHS.environment(0.0)
    boasted = score(Boaster(environment), environment, EPOCHS, certificate, "boaster")
    np.testing.assert_allclose(boasted.local_utility, certificate.local_incumbent, rtol=1e-9)
    np.testing.assert_allclose(boasted.global_utility, certificate.global_incumbent, rtol=1e-9)


def test_bounds_of_other_epochs_are_refused(certificate):
    other = FrozenEpochs(EPOCHS.scenario, seed=5, episodes=2, length=2)
    environment = other.environment(0.0)
    with pytest.raises(OtherEpochsError):
        score(Idle(), environment, other, certificate, "idle")


def test_truths_do_not_depend_on_the_twin_error(certificate):
    for sigma in (0.0, 0.2):
        environment = EPOCHS.environment(sigma)
        score(Idle(), environment, EPOCHS, certificate, "idle")


def test_scores_by_hand(certificate):
    environment = EPOCHS.environment(0.0)
    policy = Boaster(environment)
    observation = environment.reset()
    truth = environment.truth
    found = evaluate(truth, policy.act(observation))
    environment = EPOCHS.environment(0.0)
    scores = score(Boaster(environment), environment, EPOCHS, certificate, "boaster")
    for episode in range(2):
        on = np.isfinite(found.local.delay[episode])
        assert scores.heads_finished[episode, 0] == on.mean()
        assert scores.local_delay[episode, 0] == pytest.approx(found.local.delay[episode][on].mean())
        counted = found.global_.confirmed[episode] & np.isfinite(found.global_.delay[episode])
        weights = np.where(counted, found.global_.served[episode], 0.0)
        delay = np.where(counted, found.global_.delay[episode], 0.0)
        assert scores.global_delay[episode, 0] == pytest.approx((weights * delay).sum() / weights.sum())
        assert scores.aps_confirmed[episode, 0] == weights.sum() / 2


def test_records_read_back_exactly(certificate):
    assert Certificate.from_json(json.loads(json.dumps(certificate.to_json()))).fingerprint == certificate.fingerprint
    again = Certificate.from_json(json.loads(json.dumps(certificate.to_json())))
    np.testing.assert_array_equal(again.local_bound, certificate.local_bound)
    scores = score(Idle(), EPOCHS.environment(0.0), EPOCHS, certificate, "idle")
    read = Scores.from_json(json.loads(json.dumps(scores.to_json())))
    np.testing.assert_array_equal(read.local_delay, scores.local_delay)
    assert np.isnan(read.global_delay).all()
