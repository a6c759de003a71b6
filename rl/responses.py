r"""Best answers to prices in torch, differentiable: the closed form of ``opt.solvers.decomposition.response`` for a batch.

    maximise  b exp(-A (t + v)) - s^2/t - c^2/v   over  t > 0, v >= v_0,   against being off (value 0).

b: worth; t: time that spectrum takes and s^2 = price x need; v: time that CPU takes, c^2 = price x cycles, v_0 at full speed. A
head has t = d/u and v = a/f; a committee with given access has one t over all its phases. Free: t and v share T = 2 x/A in
the ratio of s to c, x exp(-x) = q = (A/2)(s + c)/sqrt(A b); where that leaves v < v_0, v = v_0 and the same problem in t
alone has b exp(-A v_0) for b. A cross-check test ties this file to the solver's kernel, gradients to finite differences.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from ..opt.solvers.decomposition.response import ON_BELOW

# The root is followed up to here: at 1 its slope is infinite. From 1/2 on being off is better, unless someone else decides
# that this one is on (a manager's ``serve``).
LONGEST = 0.95
LARGEST_Q = LONGEST * math.exp(-LONGEST)
# From a start that errs by 0.02 at most, each step squares the error (times x / (2 - 2 x)): rounding after four.
NEWTON_STEPS = 4


class Times(NamedTuple):
    """Of each problem [...]. spectrum: t; cpu: v [s]; worthwhile: whether that is worth more than being off."""

    spectrum: Tensor
    cpu: Tensor
    worthwhile: Tensor


def half_decay_time(q: Tensor) -> Tensor:
    """x in [0, 0.95] with x exp(-x) = q, for q >= 0; 0.95 where q is larger."""
    q = q.clamp(max=LARGEST_Q)
    with torch.no_grad():
        # Two series of the root (at q = 0 and at its branch point q = 1/e), cut off: both lie below it, and x - q exp(x) is
        # concave, so Newton's steps grow towards the root.
        from_zero = q * (1.0 + q * (1.0 + q * (1.5 + q * (8.0 / 3.0))))
        p = (2.0 - 2.0 * math.e * q).sqrt()
        x = torch.maximum(from_zero, 1.0 - p * (1.0 - p * (1.0 / 3.0 - p * (11.0 / 72.0))))
        for _ in range(NEWTON_STEPS):
            x = _newton(x, q)
    # One more step at the root moves nothing and carries the slope of the implicit function, exp(x)/(1 - x).
    return _newton(x, q)


def best_times(worth: Tensor, decay: float, spectrum_root: Tensor, cpu_root: Tensor, fastest: Tensor) -> Times:
    """The best t and v (module docstring) of problems with worth b > 0, s > 0, c >= 0 and v_0 >= 0; all shapes broadcast.

    Where off is best, they are what serves best all the same: the local maximum, x up to 0.95, continuously."""
    scale = 0.5 * decay / (decay * worth).sqrt()
    both = spectrum_root + cpu_root
    q = scale * both
    time = 2.0 / decay * half_decay_time(q)
    free = time * cpu_root / both
    hurried = free < fastest
    bound = scale * spectrum_root * (0.5 * decay * fastest.clamp(max=100.0 / decay)).exp()
    alone = half_decay_time(bound)
    value = worth * (-decay * fastest - 2.0 * alone).exp() * (1.0 - 2.0 * alone) - _running(cpu_root, fastest)
    return Times(
        spectrum=torch.where(hurried, 2.0 / decay * alone, time * spectrum_root / both),
        cpu=torch.where(hurried, fastest, free),
        worthwhile=torch.where(hurried, (bound < ON_BELOW) & (value > 0.0), q < ON_BELOW),
    )


def _newton(x: Tensor, q: Tensor) -> Tensor:
    grown = q * x.exp()
    return x - (x - grown) / (1.0 - grown.detach())


def _running(cpu_root: Tensor, fastest: Tensor) -> Tensor:
    """c^2/v_0, what full speed costs; nothing where there is nothing to do."""
    return torch.where(cpu_root > 0.0, cpu_root.square() / fastest.clamp(min=math.ulp(0.0)), 0.0)
