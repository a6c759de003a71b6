"""A stack computes and differentiates what ``nn.Sequential`` does."""

import pytest
import torch
from torch import nn

from twingap.rl.stack import Stack

CASES = {
    "odd_widths": [nn.Linear(11, 32), nn.SiLU(), nn.Linear(32, 3)],
    "tanh": [nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 7), nn.Tanh(), nn.Linear(7, 1)],
    "activation_first": [nn.SiLU(), nn.Linear(6, 4), nn.SiLU(), nn.Linear(4, 9)],
    "tanh_first": [nn.Tanh(), nn.Linear(6, 4), nn.Tanh()],
    "activation_last": [nn.Linear(3, 8), nn.SiLU()],
    "linear_twice": [nn.Linear(3, 8), nn.Linear(8, 2)],
    "tanh_after_silu": [nn.Linear(3, 4), nn.SiLU(), nn.Tanh(), nn.Tanh()],
}


@pytest.mark.parametrize("shape", [(13,), (4, 3), (2, 3, 5)])
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
