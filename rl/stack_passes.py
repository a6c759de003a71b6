r"""A stack's layers as one compiled pass over blocks of rows, there and back, on a CPU in float32.

The networks here are small. Layer by layer much of an update is calls, and rows on their way to memory and back; a block of
rows goes through all layers, and back through all of them, while it is in the cache.

Linear layer i = 0 .. L-1 makes z_{i+1} = f_i(z_i) W_i^T + b_i, z_0 being the input; the output is f_L(z_L). On the way back,
with s_i the slope of the loss with respect to z_i: s_L = (that with respect to the output) * f_L'(z_L); W_i gets
s_{i+1}^T f_i(z_i), b_i the column sums of s_{i+1}; s_i = (s_{i+1} W_i) * f_i'(z_i). Kept for it: tanh(z_i) where f_i is tanh,
else z_i.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..opt.compiled import compiled_fused

Rows = NDArray[np.float32]
Matrices = tuple[Rows, ...]
Codes = NDArray[np.int64]

# Codes of activations f.
IDENTITY, SILU, TANH = 0, 1, 2
# Rows at a time: with 64 units they fit the first cache, and a product of them is still no small one.
BLOCK = 128
ONE, HALF = np.float32(1.0), np.float32(0.5)
# tanh(x) = x p(x^2)/q(x^2) for |x| below END, the constant beyond it: the rational approximation of Eigen's float tanh; it errs
# by 3e-7 at most (a test), of which float32 rounding is the larger part.
END = np.float32(7.90531110763549805)
P0, P1, P2, P3, P4, P5, P6 = (
    np.float32(value)
    for value in (
        4.89352455891786e-03,
        6.37261928875436e-04,
        1.48572235717979e-05,
        5.12229709037114e-08,
        -8.60467152213735e-11,
        2.00018790482477e-13,
        -2.76076847742355e-16,
    )
)
Q0, Q1, Q2, Q3 = (
    np.float32(value) for value in (4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06)
)


@compiled_fused
def tanh(x: np.float32) -> np.float32:
    """Hyperbolic tangent of one number, in arithmetic that vectorises."""
    x = min(max(x, -END), END)
    s = x * x
    p = P0 + s * (P1 + s * (P2 + s * (P3 + s * (P4 + s * (P5 + s * P6)))))
    return x * p / (Q0 + s * (Q1 + s * (Q2 + s * Q3)))


@compiled_fused
def sigmoid(x: np.float32) -> np.float32:
    """1/(1 + exp(-x)) = 1/2 + tanh(x/2)/2."""
    return HALF + HALF * tanh(HALF * x)


@compiled_fused
def forward(inputs: Rows, weights: Matrices, biases: Matrices, codes: Codes, kept: Matrices, outputs: Rows) -> None:
    """Fill ``kept`` (i = 0 .. L) and ``outputs``, all [row, number]. kept[0] may be the inputs unless f_0 is tanh, kept[L] the
    outputs unless f_L is SiLU."""
    room = _room(kept)
    last = len(weights)
    # A product of two matrices as they lie is faster than one with a transpose.
    turned = np.empty(sum([each.size for each in weights]), dtype=np.float32)
    begin = 0
    for each in weights:
        _turn(each, turned[begin : begin + each.size])
        begin += each.size
    for start in range(0, len(inputs), BLOCK):
        stop = min(start + BLOCK, len(inputs))
        begin = 0
        if codes[0] == TANH:
            kept[0][start:stop] = inputs[start:stop]
        rows = _activate(codes[0], kept[0][start:stop], _shaped(room, kept[0][start:stop]))
        for layer in range(last):
            z = kept[layer + 1][start:stop]
            weight = weights[layer]
            np.dot(rows, turned[begin : begin + weight.size].reshape(weight.shape[1], weight.shape[0]), z)
            begin += weight.size
            _add_bias(z, biases[layer])
            rows = _activate(codes[layer + 1], z, outputs[start:stop] if layer + 1 == last else _shaped(room, z))


@compiled_fused
def backward(
    weights: Matrices,
    codes: Codes,
    kept: Matrices,
    slopes: Rows,
    of_weights: Matrices,
    of_biases: Matrices,
    of_inputs: Rows,
) -> None:
    """Add to the slopes of weights and biases what follows from the outputs' slopes [row, number], and write those of the
    inputs, unless there is no room for them."""
    known_room, steep_room, slope_room, other_room = _room(kept), _room(kept), _room(kept), _room(kept)
    product_room = np.empty(max([each.size for each in weights]), dtype=np.float32)
    last = len(weights)
    for start in range(0, len(slopes), BLOCK):
        stop = min(start + BLOCK, len(slopes))
        z = kept[last][start:stop]
        slope = _shaped(slope_room, z)
        _first_slope(codes[last], z, slopes[start:stop], slope)
        for layer in range(last - 1, -1, -1):
            z = kept[layer][start:stop]
            known = _recall(codes[layer], z, known_room, steep_room)
            _add_columns(slope, of_biases[layer])
            product = _shaped(product_room, of_weights[layer])
            np.dot(slope.T, known, product)
            _add(product, of_weights[layer])
            if layer == 0 and len(of_inputs) == 0:
                break
            before = _shaped(other_room, z)
            np.dot(slope, weights[layer], before)
            _times_slope(codes[layer], z, steep_room, before)
            slope, slope_room, other_room = before, other_room, slope_room
        if len(of_inputs) > 0:
            of_inputs[start:stop] = slope


@compiled_fused
def _turn(matrix: Rows, into: Rows) -> None:
    """The transpose, row by row."""
    place = 0
    for column in range(matrix.shape[1]):
        for row in range(matrix.shape[0]):
            into[place] = matrix[row, column]
            place += 1


@compiled_fused
def _activate(code: int, z: Rows, room: Rows) -> Rows:
    """f(z): in ``room`` for SiLU, else in place."""
    values, active = z.reshape(-1), room.reshape(-1)
    if code == SILU:
        for place in range(len(values)):
            active[place] = values[place] * sigmoid(values[place])
        return room
    if code == TANH:
        for place in range(len(values)):
            values[place] = tanh(values[place])
    return z


@compiled_fused
def _recall(code: int, z: Rows, known_room: Rows, steep_room: Rows) -> Rows:
    """f of what was kept; the slope of SiLU goes to the start of ``steep_room``."""
    if code != SILU:
        return z
    values = z.reshape(-1)
    for place in range(len(values)):
        share = sigmoid(values[place])
        known = values[place] * share
        known_room[place] = known
        steep_room[place] = share + known * (ONE - share)
    return _shaped(known_room, z)


@compiled_fused
def _first_slope(code: int, z: Rows, given: Rows, slope: Rows) -> None:
    """slope = given * f'."""
    values, slopes, of_outputs = z.reshape(-1), slope.reshape(-1), given.reshape(-1)
    if code == SILU:
        for place in range(len(values)):
            share = sigmoid(values[place])
            slopes[place] = of_outputs[place] * share * (ONE + values[place] * (ONE - share))
    elif code == TANH:
        for place in range(len(values)):
            slopes[place] = of_outputs[place] * (ONE - values[place] * values[place])
    else:
        for place in range(len(values)):
            slopes[place] = of_outputs[place]


@compiled_fused
def _times_slope(code: int, z: Rows, steep: Rows, slope: Rows) -> None:
    """slope *= f'."""
    given, slopes = z.reshape(-1), slope.reshape(-1)
    if code == TANH:
        for place in range(len(slopes)):
            slopes[place] *= ONE - given[place] * given[place]
    elif code == SILU:
        for place in range(len(slopes)):
            slopes[place] *= steep[place]


@compiled_fused
def _add_bias(rows: Rows, bias: Rows) -> None:
    for row in range(len(rows)):
        for column in range(len(bias)):
            rows[row, column] += bias[column]


@compiled_fused
def _add_columns(rows: Rows, into: Rows) -> None:
    for row in range(len(rows)):
        for column in range(len(into)):
            into[column] += rows[row, column]


@compiled_fused
def _add(product: Rows, into: Rows) -> None:
    found, sums = product.reshape(-1), into.reshape(-1)
    for place in range(len(sums)):
        sums[place] += found[place]


@compiled_fused
def _room(kept: Matrices) -> Rows:
    """For one block of the widest."""
    widest = 0
    for each in kept:
        widest = max(widest, each.shape[1])
    return np.empty(BLOCK * widest, dtype=np.float32)


@compiled_fused
def _shaped(room: Rows, like: Rows) -> Rows:
    return room[: like.size].reshape(like.shape)
