"""Linear layers and activations computed and differentiated as one step of autograd.

The networks here are small: much of an update is the bookkeeping of layers one by one. A stack also chooses how it is computed:
a weight's gradient is the product whose wider factor comes last (the other order is the transpose, and takes five times as long
with 11 features), and tanh uses numpy's vector instructions (on a CPU a seventh of torch's time).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

Layer = nn.Linear | nn.SiLU | nn.Tanh


class Stack(nn.Sequential):
    """Like ``nn.Sequential`` of linear layers (with bias), SiLU and tanh, same parameters and names; differentiable once. The
    last axis of the input is what the layers read.

    ``adds_slopes``: whether ``backward`` adds to the parameters' gradients in here, in the matrix product itself, instead of
    handing each to autograd to be added. For an owner of all gradients, who keeps them allocated (``flat_adam``); gradients
    of the parameters by ``torch.autograd.grad`` are not to be had then, and torch says so.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        self._kinds: tuple[type, ...] = tuple(map(type, layers))
        # Read once: looking parameters up through the modules takes longer than a small layer.
        self._weights: tuple[Tensor, ...] = tuple(
            each for layer in layers if isinstance(layer, nn.Linear) for each in (layer.weight, layer.bias)
        )
        self.adds_slopes = False

    def forward(self, inputs: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Outputs [..., outputs of the last linear layer]."""
        # One parameter is enough to tell autograd that there is a way back.
        tracked = self._weights[:1] if self.adds_slopes else self._weights
        outputs: Tensor = Run.apply(inputs, self._kinds, self._weights, self.adds_slopes, *tracked)  # pyright: ignore[reportAssignmentType]
        return outputs


class Run(torch.autograd.Function):
    """Layers of these kinds on inputs [..., number]; parameters: weight and bias of each linear one; behind all, again, those
    whose gradients autograd gets."""

    @staticmethod
    def forward(
        ctx: Any, inputs: Tensor, kinds: tuple[type, ...], parameters: tuple[Tensor, ...], adds_slopes: bool, *_tracked: Tensor
    ) -> Tensor:
        """What the last layer makes of the inputs. Kept for the way back: what each layer read (tanh: what it made)."""
        # To rows and back in here, where it costs no step of autograd.
        rows = inputs.reshape(-1, inputs.shape[-1])
        kept: list[Tensor] = []
        left = iter(parameters)
        before: type | None = None
        for kind in kinds:
            if kind is nn.Linear:
                kept.append(rows)
                rows = functional.linear(rows, next(left), next(left))
            elif kind is nn.SiLU:
                kept.append(rows)
                rows = functional.silu(rows)
            else:
                rows = _tanh(rows, into=rows if before is nn.Linear else torch.empty_like(rows))
                kept.append(rows)
            before = kind
        ctx.save_for_backward(*kept, *parameters)
        ctx.kinds, ctx.adds_slopes = kinds, adds_slopes
        return rows.view(*inputs.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the inputs and of the parameters."""
        shape = gradients[0].shape
        slope = gradients[0].reshape(-1, shape[-1])
        kinds: tuple[type, ...] = ctx.kinds
        saved: tuple[Tensor, ...] = ctx.saved_tensors
        kept, parameters = saved[: len(kinds)], list(saved[len(kinds) :])
        found: list[Tensor | None] = [None] if ctx.adds_slopes else []
        none = (None, None, None)
        for place in range(len(kinds) - 1, -1, -1):
            kind, known = kinds[place], kept[place]
            if kind is nn.Linear:
                bias, weight = parameters.pop(), parameters.pop()
                if ctx.adds_slopes:
                    _add(bias, weight, slope, known)
                else:
                    found += [slope.sum(dim=0), _product(slope, known)]
                if place == 0 and not ctx.needs_input_grad[0]:
                    return None, *none, *found[::-1]
                slope = slope @ weight
            elif kind is nn.SiLU:
                slope = torch.ops.aten.silu_backward(slope, known)
            else:
                into = torch.empty_like(slope) if place == len(kinds) - 1 else slope
                slope = torch.ops.aten.tanh_backward.grad_input(slope, known, grad_input=into)
        return slope.view(*shape[:-1], -1), *none, *found[::-1]


def _add(bias: Tensor, weight: Tensor, slope: Tensor, known: Tensor) -> None:
    """To the gradients of a linear layer that read ``known``."""
    assert bias.grad is not None
    assert weight.grad is not None
    bias.grad.add_(slope.sum(dim=0))
    if slope.shape[1] <= known.shape[1]:
        weight.grad.addmm_(slope.t(), known)
    else:
        weight.grad.add_(_product(slope, known))


def _product(left: Tensor, right: Tensor) -> Tensor:
    """left^T right, the wider of the two last."""
    return left.t() @ right if left.shape[1] <= right.shape[1] else (right.t() @ left).t()


def _tanh(values: Tensor, into: Tensor) -> Tensor:
    if values.device.type != "cpu":
        return torch.tanh(values, out=into)
    np.tanh(values.detach().numpy(), out=into.numpy())
    return into
