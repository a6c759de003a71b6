"""The torch restatement is tied to opt's evaluator: values on random decisions, gradients by finite differences."""

import numpy as np
import pytest
import torch

from twingap.opt.evaluation import evaluate
from twingap.rl.differentiable import EXACT, Smoothing, global_utility, local_utility
from twingap.rl.environment import make_env

MODES = [
    {"multicast": multicast, "timeout_rule": rule, "floor_adaptation": floor}
    for multicast in ("group", "per_link")
    for rule in ("fail", "cap")
    for floor in (True, False)
]
UNEVEN = {"aps": 3, "heads_per_ap": (1, 4), "delegates": (2, 5), "capacity": (2, 3)}
SMOOTH = Smoothing(level=0.2, timeout=0.1, slowest=0.0)


def tensor(array):
    return torch.tensor(np.array(array), dtype=torch.float64, requires_grad=True)


def amounts(truth, rng, *, idle=0.0):
    """Positive amounts of every kind that leave some phases in time and some late; a share ``idle`` of them is 0."""
    local, global_ = truth.local, truth.global_
    envs = truth.batch_shape[0]
    aps, most = local.layout.is_head.shape
    committees, delegates = global_.layout.is_delegate.shape
    heads = len(local.layout.ap)

    def draw(*shape, scale=1.0):
        drawn = scale * rng.uniform(0.2, 2.0, (envs, *shape))
        return np.where(rng.random(drawn.shape) < idle, 0.0, drawn)

    group = local.multicast == "group"
    return {
        "local": (draw(heads), draw(heads, scale=1e9), draw(heads) if group else draw(aps, most, most)),
        "global": (
            draw(committees, aps),
            draw(committees, delegates, scale=1e10),
            draw(committees, delegates, scale=3.0) if group else draw(committees, delegates, delegates),
        ),
        "access": rng.integers(0, committees, (envs, aps)),
    }


def as_decision(truth, drawn):
    from twingap.opt.decision import Decision, GlobalDecision, LocalDecision

    name = "multicast" if truth.local.multicast == "group" else "peer"
    uplink, cpu, shares = drawn["local"]
    request, cpu_v, shares_v = drawn["global"]
    of_access = np.take_along_axis(request, drawn["access"][:, None, :], axis=1)[:, 0]
    return Decision(
        LocalDecision(uplink, cpu, **{name: shares}), GlobalDecision(drawn["access"], of_access, cpu_v, **{name: shares_v})
    )


def served(truth, access):
    committees = truth.global_.layout.is_delegate.shape[0]
    return torch.tensor((access[:, None, :] == np.arange(committees)[:, None]).astype(float), dtype=torch.float64)


@pytest.mark.parametrize("idle", [0.0, 0.15])
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(str(value) for value in mode.values()))
def test_values_are_those_of_the_evaluator(mode, idle):
    rng = np.random.default_rng(5)
    env = make_env("tiny", seed=3, num_envs=64, **UNEVEN, **mode)
    env.reset()
    drawn = amounts(env.truth, rng, idle=idle)
    expected = evaluate(env.truth, as_decision(env.truth, drawn))
    local = local_utility(env.truth.local, *map(tensor, drawn["local"])).detach().numpy()
    global_ = global_utility(env.truth.global_, served(env.truth, drawn["access"]), *map(tensor, drawn["global"]))
    np.testing.assert_allclose(local, expected.local.utility, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(global_.detach().numpy(), expected.global_.committee_utility, rtol=1e-9, atol=1e-9)
    if idle == 0.0 and mode["timeout_rule"] == "fail":
        confirmed = expected.global_.confirmed[expected.global_.served > 0]
        assert confirmed.any()
        assert not confirmed.all()


@pytest.mark.parametrize("smoothing", [EXACT, SMOOTH], ids=["exact", "smooth"])
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(str(value) for value in mode.values()))
def test_gradients_are_finite_differences(mode, smoothing):
    rng = np.random.default_rng(6)
    env = make_env("tiny", seed=3, num_envs=3, **UNEVEN, **mode)
    env.reset()
    drawn = amounts(env.truth, rng)
    weights = served(env.truth, drawn["access"]) * 0.8 + 0.1

    def local(inputs):
        return local_utility(env.truth.local, *inputs, smoothing).sum()

    def global_(inputs):
        return global_utility(env.truth.global_, inputs[0], *inputs[1:], smoothing).sum()

    soft = weights.clone().requires_grad_()
    for function, inputs in (
        (local, [tensor(each) for each in drawn["local"]]),
        (global_, [soft, *(tensor(each) for each in drawn["global"])]),
    ):
        gradients = torch.autograd.grad(function(inputs), inputs)
        for place, gradient in enumerate(gradients):
            direction = torch.tensor(rng.normal(size=gradient.shape)) * inputs[place].detach()
            step = 1e-6
            moved = [[*inputs], [*inputs]]
            moved[0][place] = inputs[place] + step * direction
            moved[1][place] = inputs[place] - step * direction
            slope = float((function(moved[0]) - function(moved[1])).detach()) / (2.0 * step)
            assert float((gradient * direction).sum()) == pytest.approx(slope, rel=2e-5, abs=1e-5)
            assert torch.isfinite(gradient).all()


def test_smoothing_goes_to_the_exact_equations():
    rng = np.random.default_rng(7)
    env = make_env("tiny", seed=3, num_envs=32)
    env.reset()
    drawn = amounts(env.truth, rng)
    for part, function, inputs in (
        (env.truth.local, local_utility, drawn["local"]),
        (env.truth.global_, global_utility, (served(env.truth, drawn["access"]), *drawn["global"])),
    ):
        given = [torch.as_tensor(each) for each in inputs]
        exact = function(part, *given)
        errors = [
            float((function(part, *given, Smoothing(width, width, width)) - exact).abs().mean())
            for width in (0.3, 0.03, 0.0003)
        ]
        assert errors[0] > errors[1] > errors[2]
        assert errors[2] < 1e-2 * float(exact.abs().mean())


def test_equal_times_share_the_gradient_and_keep_the_value():
    env = make_env("tiny", seed=3, num_envs=1)
    env.reset()
    part = env.truth.global_
    from twingap.opt.global_reduction import link_needs

    need = link_needs(part).max(axis=-1)
    shares = tensor(need / need[..., :1] * 2.0)
    inputs = served(env.truth, np.zeros((1, 2), dtype=int)), tensor(np.full((1, 2, 2), 3.0)), tensor(np.full((1, 2, 4), 5e9))
    values = [global_utility(part, *inputs, shares, Smoothing(slowest=width)).sum() for width in (0.0, 0.05)]
    (gradient,) = torch.autograd.grad(values[1], shares)
    assert bool((gradient[0, 0, 1:] != 0.0).all())
