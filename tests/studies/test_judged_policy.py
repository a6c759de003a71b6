"""The judged cannot touch the judge, and whatever a policy answers or raises is told by its name, twin error and seed."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch

from twingap.baselines.nothing import nothing
from twingap.opt.errors import InputError, PolicyFailedError
from twingap.opt.fingerprint import digest
from twingap.opt.frozen import frozen_copy
from twingap.opt.scenario import preset
from twingap.rl.environment import make_env
from twingap.rl.trace_environment import TraceEnvironment
from twingap.studies.frozen_epochs import FrozenEpochs, certify
from twingap.studies.scoring import score

EPOCHS = FrozenEpochs(preset("tiny"), seed=3, episodes=2, length=2)
SIGMAS = {"exact": 0.0, "exact but CPU": {"cpu": 0.1}, "exact but SINR": {"sinr": 0.1}, "all": 0.1}


@pytest.fixture(scope="module")
def certificate():
    return certify(EPOCHS, lambda _done, _total: None)


def arrays(tree, found=None, seen=None):
    """Every array that can be reached from here by names, the arrays that those are views of among them."""
    found, seen = [] if found is None else found, set() if seen is None else seen
    if id(tree) in seen:
        return found
    seen.add(id(tree))
    if isinstance(tree, np.ndarray):
        while isinstance(tree, np.ndarray):
            found.append(tree)
            tree = tree.base
    elif hasattr(type(tree), "__dataclass_fields__"):
        for name in [*type(tree).__dataclass_fields__, *vars(tree)]:
            arrays(getattr(tree, name), found, seen)
    elif isinstance(tree, dict):
        for value in tree.values():
            arrays(value, found, seen)
    return found


def overwrite(observation):
    """By every way around a read-only flag."""
    _ = observation.local, observation.global_
    for array in arrays(observation):
        if array.dtype.kind == "f":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                torch.from_numpy(array).mul_(7.0)
        try:
            array.setflags(write=True)
        except ValueError:
            continue
        array[...] = 1
    # A frozen dataclass is one only by its __setattr__.
    object.__setattr__(observation.twin.local, "benefit", 1e9)
    object.__setattr__(observation.encoding.system.scenario, "local_benefit", 1e9)


class Honest:
    def act(self, observation):
        return nothing(observation.twin)


class Vandal(Honest):
    def act(self, observation):
        answer = super().act(observation)
        overwrite(observation)
        return answer


def make(sigma, trace):
    if not trace:
        return make_env("tiny", sigma=sigma, seed=5, num_envs=3, horizon=2)
    drawn = make_env("tiny", seed=5, num_envs=6)
    drawn.reset()
    return TraceEnvironment([drawn.truth.at(epoch) for epoch in range(6)], sigma=sigma, seed=5, horizon=2)


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("sigma", SIGMAS.values(), ids=SIGMAS)
def test_nothing_that_is_handed_out_is_writable_or_the_truths(sigma, trace):
    touched, untouched = make(sigma, trace), make(sigma, trace)
    observation = touched.reset()
    untouched.reset()
    assert not any(array.flags.writeable for array in (observation.local, observation.global_, observation.state.sinr_db))
    for array in arrays(observation.twin):
        assert not array.flags.writeable or array.base is None
    for _ in range(4):
        truth = touched.truth
        answer = nothing(observation.twin)
        answer = replace(
            answer, local=replace(answer.local, uplink=answer.local.uplink + 0.5, cpu_hz=answer.local.cpu_hz + 1e9)
        )
        mine = [array for part in (truth.local, truth.global_) for array in arrays(part)]
        shown = arrays(observation)
        assert not any(np.shares_memory(one, other) for one in mine for other in shown if one.size and other.size)
        before = digest(truth)
        overwrite(observation)
        overwrite(replace(observation, encoding=frozen_copy(observation.encoding)))
        assert digest(truth) == before
        step, expected = touched.step(answer), untouched.step(answer)
        np.testing.assert_array_equal(step.reward, expected.reward)
        assert digest(step.truth) == digest(expected.truth) == before
        observation = step.observation


@pytest.mark.parametrize("sigma", [0.0, 0.1])
def test_a_policy_that_writes_over_all_it_is_given_scores_what_it_scored_before(certificate, sigma):
    honest, vandal = (score(each, EPOCHS.environment(sigma), EPOCHS, certificate, "it") for each in (Honest(), Vandal()))
    for name, values in honest.to_json().items():
        assert vandal.to_json()[name] == values


def test_a_policy_that_gets_at_the_truth_is_named(certificate):
    environment = EPOCHS.environment(0.1)

    class Cheat(Honest):
        def act(self, observation):
            array = environment.truth.local.cpu_max_hz
            array.setflags(write=True)
            array *= 2.0
            return super().act(observation)

    class Ahead(Honest):
        def act(self, observation):
            environment.step(super().act(observation))
            return super().act(observation)

    for policy in (Cheat(), Ahead()):
        with pytest.raises(InputError, match=r"^policy 'cheat' at sigma 0\.1, seed 3: has changed the truth"):
            score(policy, environment, EPOCHS, certificate, "cheat")
        environment = EPOCHS.environment(0.1)


def local(change):
    return lambda plan: replace(plan, local=replace(plan.local, uplink=change(plan.local.uplink)))


def access(change):
    return lambda plan: replace(plan, global_=replace(plan.global_, access=change(plan.global_.access)))


WRONG = {
    "None": lambda _: None,
    "tuple": lambda plan: (plan.local, plan.global_),
    "dict": lambda plan: {"local": plan.local},
    "list": lambda plan: [plan],
    "text": lambda _: "plan",
    "a class": lambda plan: type(plan),
    "no local part": lambda plan: replace(plan, local=None),
    "parts swapped": lambda plan: replace(plan, local=plan.global_, global_=plan.local),
    "uplink missing": local(lambda _: None),
    "uplink a list": local(lambda a: a.tolist()),
    "uplink a number": local(lambda _: 0.0),
    "uplink complex": local(lambda a: a + 0j),
    "uplink objects": local(lambda a: a.astype(object)),
    "uplink text": local(lambda a: a.astype(str)),
    "uplink switches": local(lambda a: a > 0),
    "uplink with grad": local(lambda a: torch.tensor(a, requires_grad=True)),
    "uplink masked": local(np.ma.masked_array),
    "uplink nan": local(lambda a: a * np.nan),
    "uplink infinite": local(lambda a: a + np.inf),
    "uplink beyond float64": local(lambda a: a.astype(np.longdouble) + np.longdouble("1e4000")),
    "uplink of other epochs": local(lambda a: np.concatenate([a, a])),
    "uplink of one head": local(lambda a: a[:, :1]),
    "access fractional": access(lambda a: a + 0.4),
    "access nan": access(lambda a: a * np.nan),
    "access switches": access(lambda a: a > 0),
    "access text": access(lambda a: a.astype(str)),
    "access unknown": access(lambda a: a + 9),
    "access negative": access(lambda a: a - 1),
    "access huge": access(lambda a: a + 1e300),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_every_wrong_answer_is_one_line_that_names_policy_sigma_and_seed(certificate, change):
    class Wrong:
        def act(self, observation):
            return change(nothing(observation.twin))

    with pytest.raises(InputError) as raised:
        score(Wrong(), EPOCHS.environment(0.1), EPOCHS, certificate, "mine")
    assert str(raised.value).startswith("policy 'mine' at sigma 0.1, seed 3: ")
    assert "must return a twingap.Decision or an Action" in str(raised.value)
    assert "\n" not in str(raised.value)


FINE = {
    "float32": local(lambda a: a.astype(np.float32)),
    "float16": local(lambda a: a.astype(np.float16)),
    "bytes": lambda plan: replace(plan, global_=replace(plan.global_, request=plan.global_.request.astype(np.uint8))),
    "torch": local(torch.tensor),
    "torch, bfloat16": local(lambda a: torch.tensor(a, dtype=torch.bfloat16)),
    "torch, parameters without grad": local(lambda a: torch.tensor(a, requires_grad=True).detach()),
    "whole floats as access": access(lambda a: a.astype(np.float32)),
    "torch as access": access(torch.tensor),
    "one for all": lambda plan: plan.at(0),
}


@pytest.mark.parametrize("change", FINE.values(), ids=FINE)
def test_what_stands_for_the_same_numbers_scores_the_same(certificate, change):
    class Same:
        def __init__(self, changed):
            self.changed = changed

        def act(self, observation):
            plan = nothing(observation.twin)
            plan = local(lambda a: a + 0.5)(plan)
            plan = access(lambda a: np.tile(a[:1], (len(a), 1)))(plan)
            plan = replace(
                plan, local=replace(plan.local, cpu_hz=plan.local.cpu_hz + 1e9, multicast=plan.local.multicast + 0.5)
            )
            return change(plan) if self.changed else plan

    scores = [score(Same(changed), EPOCHS.environment(0.1), EPOCHS, certificate, "it").to_json() for changed in (False, True)]
    assert scores[0] == scores[1]
    assert np.max(scores[0]["local_utility"]) > 0.0


def test_what_a_policy_raises_goes_through_with_its_name(certificate):
    class Fails:
        def act(self, _observation):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match=r"^mine") as raised:
        score(Fails(), EPOCHS.environment(0.1), EPOCHS, certificate, "breaks")
    assert raised.value.__notes__ == ["raised by policy 'breaks' at sigma 0.1, seed 3"]

    class Ends:
        def act(self, _observation):
            raise SystemExit(0)

    with pytest.raises(PolicyFailedError, match=r"policy 'ends' at sigma 0\.1, seed 3: it called sys\.exit\(0\)"):
        score(Ends(), EPOCHS.environment(0.1), EPOCHS, certificate, "ends")
