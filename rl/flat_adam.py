"""Adam on all parameters of a network as one vector: clip and step are a few operations, not a few per tensor."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from .stack import Stack

# Of Adam (Kingma and Ba, 2015), their defaults.
BETA_MEAN, BETA_SQUARE = 0.9, 0.999
# Keeps the clip from dividing by zero, as torch's own does.
LEAST_NORM = 1e-6


class FlatAdam:
    """Of one network. From here on its parameters and their gradients are views of two vectors, to which its stacks add by
    themselves: move the network to its device before, and never replace a parameter's data or gradient."""

    def __init__(self, network: nn.Module, epsilon: float = 1e-5) -> None:
        parameters = list(network.parameters())
        self.epsilon = epsilon
        self.values = torch.cat([each.detach().flatten() for each in parameters])
        self.gradient = torch.zeros_like(self.values)
        self.mean, self.square = torch.zeros_like(self.values), torch.zeros_like(self.values)
        # A float, as torch's kernel wants it: counts to 2^24.
        self.steps = torch.zeros((), device=self.values.device)
        start = 0
        for each in parameters:
            stop = start + each.numel()
            each.data = self.values[start:stop].view(each.shape)
            each.grad = self.gradient[start:stop].view(each.shape)
            start = stop
        for module in network.modules():
            if isinstance(module, Stack):
                module.adds_slopes = True

    def zero(self) -> None:
        """Forget the gradient; the next backward adds to 0."""
        self.gradient.zero_()

    @torch.no_grad()
    def step(self, rate: float, largest: float) -> float:
        """Shorten the gradient to the norm ``largest`` if it is longer, descend by Adam at this rate; its norm before."""
        norm = float(torch.linalg.vector_norm(self.gradient))
        shrink = largest / (norm + LEAST_NORM)
        if shrink < 1.0:
            self.gradient.mul_(shrink)
        self.steps.add_(1.0)
        # What torch.optim.Adam(fused=True) calls; for one small vector the calls around it take several times as long.
        torch._fused_adam_(  # pyright: ignore[reportPrivateImportUsage]
            [self.values],
            [self.gradient],
            [self.mean],
            [self.square],
            [],
            [self.steps],
            lr=rate,
            beta1=BETA_MEAN,
            beta2=BETA_SQUARE,
            weight_decay=0.0,
            eps=self.epsilon,
            amsgrad=False,
            maximize=False,
        )
        return norm

    def tensors(self) -> dict[str, Tensor]:
        """Moments and steps done; the values are the network's."""
        return {"mean": self.mean, "square": self.square, "steps": self.steps}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()`` of a network of the same size; RuntimeError or KeyError when they do not fit."""
        for name, own in self.tensors().items():
            own.copy_(tensors[name])
