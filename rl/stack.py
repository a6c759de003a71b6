"""Linear layers and activations computed and differentiated as one step of autograd.

On a CPU in float32 all layers are one compiled pass (``stack_passes``); elsewhere they are torch's, one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .stack_passes import IDENTITY, SILU, TANH, Codes, Matrices, Rows, backward, forward

Layer = nn.Linear | nn.SiLU | nn.Tanh
CODES: dict[type, int] = {nn.SiLU: SILU, nn.Tanh: TANH}


class Stack(nn.Sequential):
    """Like ``nn.Sequential`` of linear layers (with bias), each with at most one SiLU or tanh before and behind; same
    parameters and names; differentiable once. The last axis of the input is what the layers read. ValueError for two
    activations in a row, and without a linear layer.

    ``adds_slopes``: whether ``backward`` adds to the parameters' gradients in here instead of handing each to autograd to be
    added. For an owner of all gradients, who keeps them allocated (``flat_adam``); gradients of the parameters by
    ``torch.autograd.grad`` are not to be had then, and torch says so.
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__(*layers)
        linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
        # Read once: looking parameters up through the modules takes longer than a small layer.
        self.in_order = (*(layer.weight for layer in linear), *(layer.bias for layer in linear))
        if not linear:
            raise ValueError("no linear layer; a stack has at least one")
        self.codes = _activations(layers)
        self._memory: tuple[int, ...] = ()
        self.adds_slopes = False

    def forward(self, inputs: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Outputs [..., outputs of the last linear layer]."""
        parameter = self.in_order[0]
        if inputs.device.type != "cpu" or not inputs.dtype == parameter.dtype == torch.float32:
            return super().forward(inputs)
        # One parameter is enough to tell autograd that there is a way back.
        tracked = self.in_order[:1] if self.adds_slopes else self.in_order
        outputs: Tensor = Run.apply(inputs, self, *tracked)  # pyright: ignore[reportAssignmentType]
        return outputs

    def arrays(self) -> tuple[Matrices, Matrices]:
        """(weights, biases), the parameters' own memory."""
        parameters = self.in_order
        memory = tuple(each.data_ptr() for each in parameters)
        if self._memory != memory:
            self._memory, self._arrays = memory, _halves(parameters)
        return self._arrays


class Run(torch.autograd.Function):
    """The layers of a stack on inputs [..., number]; behind the rest the parameters whose gradients autograd gets."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, stack: Stack, *_tracked: Tensor) -> Tensor:
        """What the last layer makes of the inputs."""
        weights, biases = stack.arrays()
        codes = stack.codes
        # To rows and back in here, where it costs no step of autograd.
        rows = _array(inputs.reshape(-1, inputs.shape[-1]).contiguous())
        kept = [rows, *(np.empty((len(rows), len(bias)), dtype=np.float32) for bias in biases)]
        outputs = kept[-1]
        if codes[0] == TANH:
            kept[0] = np.empty_like(rows)
        if codes[-1] == SILU:
            outputs = np.empty_like(outputs)
        ctx.kept, ctx.stack = tuple(kept), stack
        forward(rows, weights, biases, codes, ctx.kept, outputs)
        # For autograd to see that nobody changes them before the way back.
        ctx.save_for_backward(inputs, *stack.in_order)
        return torch.from_numpy(outputs).view(*inputs.shape[:-1], outputs.shape[-1])

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *gradients: Tensor
    ) -> tuple[Tensor | None, ...]:
        """Gradients of the inputs and of the parameters."""
        stack: Stack = ctx.stack
        inputs, *parameters = ctx.saved_tensors
        (slopes,) = gradients
        found = [_gradient(each) if stack.adds_slopes else torch.zeros_like(each) for each in parameters]
        of_inputs = np.empty(ctx.kept[0].shape if ctx.needs_input_grad[0] else (0, 0), dtype=np.float32)
        backward(
            stack.arrays()[0],
            stack.codes,
            ctx.kept,
            _array(slopes.reshape(-1, slopes.shape[-1]).contiguous()),
            *_halves(found),
            of_inputs,
        )
        of_given = torch.from_numpy(of_inputs).view(inputs.shape) if ctx.needs_input_grad[0] else None
        return of_given, None, *([None] if stack.adds_slopes else found)


def _activations(layers: tuple[Layer, ...]) -> Codes:
    """Codes of f_0 .. f_L (``stack_passes``): before each linear layer, and behind the last."""
    codes = [IDENTITY]
    for layer in layers:
        if isinstance(layer, nn.Linear):
            codes.append(IDENTITY)
        elif codes[-1] == IDENTITY:
            codes[-1] = CODES[type(layer)]
        else:
            raise ValueError("two activations in a row; put a linear layer between them")
    return np.array(codes, dtype=np.int64)


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _halves(tensors: Sequence[Tensor]) -> tuple[Matrices, Matrices]:
    """Arrays of those of the weights and of those of the biases."""
    arrays = tuple(map(_array, tensors))
    return arrays[: len(arrays) // 2], arrays[len(arrays) // 2 :]


def _array(tensor: Tensor) -> Rows:
    return tensor.detach().numpy()
