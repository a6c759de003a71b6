"""Running mean and variance of returns, so that the critic learns numbers of size one whatever money is called."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ValueNormaliser(nn.Module):
    """Exponentially weighted mean and second moment of returns R, per agent kind (one pair for a whole team), as in MAPPO's
    reference implementation (Yu et al., 2022): after n batches mean = sum_i decay^(n-i) mean(R_i) / sum_i decay^(n-i), the
    second moment likewise.

    ``update`` counts a batch; ``normalise`` maps returns to the critic's scale; ``denormalise`` maps the critic's output
    back to the reward's unit, which must happen before ``gae``. The three statistics are buffers and travel with the
    weights. The weight of the past is corrected at the start (as in Adam), so the first batch counts fully.
    """

    mean: Tensor
    square: Tensor
    weight: Tensor

    def __init__(self, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        for name in ("mean", "square", "weight"):
            self.register_buffer(name, torch.zeros((), dtype=torch.float64))

    @torch.no_grad()
    def update(self, returns: Tensor) -> None:
        """Count a batch of returns (any shape, in the reward's unit)."""
        returns = returns.double()
        self.mean.lerp_(returns.mean(), 1.0 - self.decay)
        self.square.lerp_(returns.square().mean(), 1.0 - self.decay)
        self.weight.lerp_(torch.ones_like(self.weight), 1.0 - self.decay)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """(mean, standard deviation) of the returns seen; (0, 1) before the first batch."""
        if float(self.weight) == 0.0:
            return torch.zeros_like(self.mean), torch.ones_like(self.mean)
        mean = self.mean / self.weight
        variance = self.square / self.weight - mean.square()
        # The floor keeps a constant reward (variance 0 up to rounding) from blowing up the critic's target.
        return mean, variance.clamp(min=1e-4 * (1.0 + mean.square())).sqrt()

    def normalise(self, returns: Tensor) -> Tensor:
        """(returns - mean) / std in the returns' dtype."""
        mean, std = self.statistics()
        return ((returns - mean) / std).to(returns.dtype)

    def denormalise(self, outputs: Tensor) -> Tensor:
        """outputs * std + mean in the outputs' dtype."""
        mean, std = self.statistics()
        return (outputs * std + mean).to(outputs.dtype)
