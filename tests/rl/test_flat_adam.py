"""Adam on one vector is Adam: beside torch's own, with its gradient clip."""

import pytest
import torch
from torch import nn

from twingap.rl.flat_adam import FlatAdam


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))


def losses(net):
    generator = torch.Generator().manual_seed(1)
    for _ in range(20):
        yield (net(torch.randn(7, 3, generator=generator)) - 3.0).square().mean()


@pytest.mark.parametrize("largest", [0.05, 100.0])
def test_steps_and_norms_are_those_of_torch(largest):
    expected, found = network(), network()
    theirs = torch.optim.Adam(expected.parameters(), lr=0.01, eps=1e-5)
    ours = FlatAdam(found)
    for known, loss in zip(losses(expected), losses(found), strict=True):
        theirs.zero_grad()
        known.backward()
        norm = nn.utils.clip_grad_norm_(expected.parameters(), largest)
        theirs.step()
        ours.zero()
        loss.backward()
        assert ours.step(0.01, largest) == pytest.approx(float(norm), rel=1e-5)
    for first, second in zip(expected.parameters(), found.parameters(), strict=True):
        torch.testing.assert_close(second, first, rtol=1e-5, atol=1e-6)


def test_weights_loaded_later_are_what_it_descends_from():
    net, other = network(), network()
    optimiser = FlatAdam(net)
    with torch.no_grad():
        other[0].weight.add_(0.5)
    net.load_state_dict(other.state_dict())
    next(losses(net)).backward()
    optimiser.step(0.01, 1.0)
    moved = (net[0].weight - other[0].weight).detach().abs()
    assert 0.0 < float(moved.max()) < 0.02


def descend(optimiser, batches):
    for loss in batches:
        optimiser.zero()
        loss.backward()
        optimiser.step(0.01, 1.0)


def test_it_goes_on_from_its_tensors_bit_for_bit():
    whole, first, resumed = network(), network(), network()
    whole_optimiser, first_optimiser = FlatAdam(whole), FlatAdam(first)
    descend(whole_optimiser, losses(whole))
    descend(first_optimiser, losses(first))
    resumed.load_state_dict(first.state_dict())
    resumed_optimiser = FlatAdam(resumed)
    resumed_optimiser.restore({name: tensor.clone() for name, tensor in first_optimiser.tensors().items()})
    descend(whole_optimiser, losses(whole))
    descend(resumed_optimiser, losses(resumed))
    assert torch.equal(resumed_optimiser.values, whole_optimiser.values)


def test_moments_of_another_network_are_refused():
    with pytest.raises(RuntimeError):
        FlatAdam(network()).restore({"mean": torch.zeros(3), "square": torch.zeros(3), "steps": torch.tensor(1)})
