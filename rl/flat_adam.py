"""Adam on all parameters of a network as one vector: step, norm and clip are a few operations, not a few per tensor."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

# Of Adam (Kingma and Ba, 2015), their defaults.
BETA_MEAN, BETA_SQUARE = 0.9, 0.999
# Keeps the clip from dividing by zero, as torch's own does.
LEAST_NORM = 1e-6


class FlatAdam:
    """Of one network. From here on its parameters and their gradients are views of two vectors: move the network to its device
    before, and never replace a parameter's data."""

    def __init__(self, network: nn.Module, epsilon: float = 1e-5) -> None:
        parameters = list(network.parameters())
        self.epsilon = epsilon
        self.values = torch.cat([each.detach().flatten() for each in parameters])
        self.gradient = torch.zeros_like(self.values)
        self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.steps = 0
        start = 0
        for each in parameters:
            stop = start + each.numel()
            each.data = self.values[start:stop].view(each.shape)
            each.grad = self.gradient[start:stop].view(each.shape)
            start = stop

    def zero(self) -> None:
        """Forget the gradient; the next backward adds to 0."""
        self.gradient.zero_()

    @torch.no_grad()
    def step(self, rate: float, largest: float) -> Tensor:
        """Shorten the gradient to the norm ``largest`` if it is longer, descend by Adam at this rate; its norm before."""
        gradient = self.gradient
        norm = torch.linalg.vector_norm(gradient)
        shrink = largest / (float(norm) + LEAST_NORM)
        if shrink < 1.0:
            gradient.mul_(shrink)
        self.steps += 1
        self.mean.lerp_(gradient, 1.0 - BETA_MEAN)
        self.square.mul_(BETA_SQUARE).addcmul_(gradient, gradient, value=1.0 - BETA_SQUARE)
        deviation = self.square.sqrt().div_((1.0 - BETA_SQUARE**self.steps) ** 0.5).add_(self.epsilon)
        self.values.addcdiv_(self.mean, deviation, value=-rate / (1.0 - BETA_MEAN**self.steps))
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """Moments and steps done; the values are the network's."""
        return {"mean": self.mean, "square": self.square, "steps": torch.tensor(self.steps)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()`` of a network of the same size; RuntimeError or KeyError when they do not fit."""
        self.mean.copy_(tensors["mean"])
        self.square.copy_(tensors["square"])
        self.steps = int(tensors["steps"])
