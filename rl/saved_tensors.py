"""Names of the tensors of a run: what a part calls ``weight`` the run calls ``local.actor.weight``."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix.``, without it."""
    return {name.removeprefix(f"{prefix}."): value for name, value in tensors.items() if name.startswith(f"{prefix}.")}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments, by place and kind."""
    moments = optimiser.state_dict()["state"]
    return {f"{place}.{kind}": tensor for place, state in moments.items() for kind, tensor in state.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimiser of the same parameters these moments; its rates stay as they are."""
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        place, _, kind = name.partition(".")
        moments.setdefault(int(place), {})[kind] = tensor
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
