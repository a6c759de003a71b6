"""A stack computes and differentiates what ``nn.Sequential`` does."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from twingap.rl.flat_adam import FlatAdam
from twingap.rl.stack import Stack
from twingap.rl.stack_passes import BLOCK, tanh

CASES = {
    "odd_widths": [nn.Linear(11, 32), nn.SiLU(), nn.Linear(32, 3)],
    "tanh": [nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 1)],
    "activation_first": [nn.SiLU(), nn.Linear(6, 4), nn.SiLU(), nn.Linear(4, 9)],
    "tanh_first": [nn.Tanh(), nn.Linear(6, 4), nn.Tanh()],
    "activation_last": [nn.Linear(3, 8), nn.SiLU()],
    "linear_twice": [nn.Linear(3, 8), nn.Linear(8, 2)],
}


@pytest.mark.parametrize("shape", [(13,), (4, 3), (2, 3, 5), (0, 3), (2, BLOCK + 7)])
@pytest.mark.parametrize("name", CASES)
def test_outputs_and_all_gradients_are_those_of_torch(name, shape):
    torch.manual_seed(0)
    layers = CASES[name]
    plain, stack = nn.Sequential(*layers), Stack(*layers)
    assert plain.state_dict().keys() == stack.state_dict().keys()
    width = next(layer.in_features for layer in layers if isinstance(layer, nn.Linear))
    inputs = torch.randn(*shape, width, requires_grad=True)
    kept = inputs.detach().clone()
    weigh = torch.randn(*shape, next(layer.out_features for layer in layers[::-1] if isinstance(layer, nn.Linear)))
    variables = [inputs, *plain.parameters()]
    expected, found = plain(inputs), stack(inputs)
    torch.testing.assert_close(found, expected)
    slopes = torch.autograd.grad((weigh * expected.square()).sum(), variables)
    for slope, also in zip(slopes, torch.autograd.grad((weigh * found.square()).sum(), variables), strict=True):
        torch.testing.assert_close(also, slope, rtol=1e-4, atol=1e-5)
    assert torch.equal(inputs.detach(), kept), "the input is left as it was"


def test_inputs_that_need_no_gradient_cost_none_and_parameters_still_have_theirs():
    torch.manual_seed(0)
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)]
    rows = torch.randn(6, 4)
    nn.Sequential(*layers)(rows).square().sum().backward()
    expected = [each.grad.clone() for layer in layers for each in layer.parameters()]
    for layer in layers:
        layer.zero_grad()
    Stack(*layers)(rows).square().sum().backward()
    for each, slope in zip([each for layer in layers for each in layer.parameters()], expected, strict=True):
        torch.testing.assert_close(each.grad, slope)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("input_needs", [True, False])
def test_a_stack_that_adds_its_slopes_adds_what_autograd_would(name, input_needs):
    torch.manual_seed(0)
    layers = CASES[name]
    plain, stack = nn.Sequential(*layers), Stack(*layers)
    stack.adds_slopes = True
    width = next(layer.in_features for layer in layers if isinstance(layer, nn.Linear))
    inputs = torch.randn(13, width, requires_grad=input_needs)
    variables = [*plain.parameters(), *([inputs] if input_needs else [])]
    gradients = []
    for network in (plain, stack):
        for each in variables:
            each.grad = torch.full_like(each, 0.5)
        network(inputs).square().sum().backward()
        network(2.0 * inputs).sum().backward()
        gradients.append([each.grad.clone() for each in variables])
    for slope, also in zip(*gradients, strict=True):
        torch.testing.assert_close(also, slope, rtol=1e-4, atol=1e-5)


def test_gradients_by_hand_are_refused_where_the_stack_adds_them():
    stack = Stack(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 2))
    stack.adds_slopes = True
    for each in stack.parameters():
        each.grad = torch.zeros_like(each)
    with pytest.raises(RuntimeError, match="not have been used"):
        torch.autograd.grad(stack(torch.randn(5, 3)).sum(), list(stack.parameters()))


def test_tanh_is_that_of_double_precision_within_rounding():
    for values in (np.linspace(-9.5, 9.5, 20_001), np.geomspace(1e-30, 1.0, 2_001)):
        found = np.array([tanh(value) for value in values.astype(np.float32)])
        expected = np.tanh(values.astype(np.float32).astype(np.float64))
        assert np.abs(found / np.where(expected == 0.0, 1.0, expected) - (expected != 0.0)).max() < 3e-7
        assert np.abs(found).max() <= 1.0
    assert np.isnan(tanh(np.float32("nan")))


def test_not_a_number_comes_out_as_one():
    for activation in (nn.SiLU(), nn.Tanh()):
        stack = Stack(nn.Linear(3, 4), activation, nn.Linear(4, 2))
        rows = torch.randn(3, 3)
        rows[1, 2] = torch.nan
        assert stack(rows).isnan().any(dim=1).tolist() == [False, True, False]


def test_rows_that_lie_apart_in_memory():
    torch.manual_seed(0)
    layers = [nn.Linear(4, 5), nn.SiLU(), nn.Linear(5, 2)]
    wide, slopes = torch.randn(4, 7, requires_grad=True), torch.randn(2, 7)
    for network in (nn.Sequential(*layers), Stack(*layers)):
        network(wide.t()).backward(slopes.t())
    expected = wide.grad.clone()
    wide.grad = None
    nn.Sequential(*layers)(wide.t()).backward(slopes.t())
    torch.testing.assert_close(expected, 2.0 * wide.grad)


def test_double_precision_is_computed_by_torch():
    torch.manual_seed(0)
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)]
    stack = Stack(*layers).double()
    rows = torch.randn(6, 4, dtype=torch.float64)
    assert torch.equal(stack(rows), nn.Sequential(*layers)(rows))


def test_new_parameters_are_seen_wherever_they_lie():
    torch.manual_seed(0)
    layers = [nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)]
    stack, rows = Stack(*layers), torch.randn(6, 4)
    other = copy.deepcopy(stack)
    before = stack(rows)
    FlatAdam(stack)
    torch.testing.assert_close(stack(rows), before, rtol=0.0, atol=0.0)
    with torch.no_grad():
        stack[0].weight.mul_(2.0)
        other[2].bias.data = other[2].bias + 1.0
    torch.testing.assert_close(stack(rows), nn.Sequential(*layers)(rows))
    torch.testing.assert_close(other(rows), before + 1.0)


def test_weights_that_change_before_the_way_back_are_noticed():
    stack = Stack(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 2))
    outputs = stack(torch.randn(5, 3)).sum()
    with torch.no_grad():
        stack[2].weight.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        outputs.backward()


@pytest.mark.parametrize("layers", [(nn.SiLU(),), (nn.Linear(3, 4), nn.SiLU(), nn.Tanh())])
def test_what_is_no_stack_is_refused(layers):
    with pytest.raises(ValueError, match="linear layer"):
        Stack(*layers)
