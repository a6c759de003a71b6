"""Target networks: slow copies of a network, from which bootstrapped targets are read."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def follow(target: nn.Module, source: nn.Module, rate: float) -> None:
    """target <- (1 - rate) target + rate source (Lillicrap et al., 2016), weights and buffers alike; rate 1 copies."""
    for name, value in source.state_dict().items():
        kept = target.state_dict()[name]
        if rate >= 1.0 or not kept.is_floating_point():
            kept.copy_(value)
        else:
            kept.lerp_(value, rate)
