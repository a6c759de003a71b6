"""Projection (``decoding``) in torch, so that a gradient reaches the networks: from draws to a decision on the truth.

Shares, CPU and costs are decoded as ``decoding`` does. Two choices are relaxed: whether a committee serves (a probability) and
who uses which committee (a mixture of assignments within the capacities). With probabilities 0 and 1 the decision is the
projection's own, which a test checks. Whole subchannels are left divisible here; the environment rounds what it is given.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..opt import global_reduction, local_reduction
from ..opt.arrays import Floats
from ..opt.compiled import compiled
from ..opt.snapshot import GlobalPart, LocalPart
from .decoding import equalised
from .differentiable import Smoothing, global_utility, local_utility

# Passes over the committees in search of prices that keep a mixture within the capacities.
PRICE_PASSES = 8


def projected_local_utility(
    shares: tuple[Tensor, Tensor, Tensor], twin: LocalPart, truth: LocalPart, smoothing: Smoothing
) -> Tensor:
    """Utility [env] of the decision that these shares (``ActionSpace.local_shares``) are projected to."""
    layout = truth.layout
    uplink, multicast, fraction = shares

    def constant(array: NDArray) -> Tensor:
        return torch.tensor(array, dtype=uplink.dtype, device=uplink.device)

    multicast = multicast * constant(layout.heads[layout.ap] > 1)
    scale = truth.subchannels_max / (uplink + multicast).sum(dim=-1, keepdim=True).clamp(min=1.0)
    uplink, multicast = scale * uplink, scale * multicast
    cpu = torch.minimum(fraction * constant(twin.cpu_max_hz), constant(truth.cpu_max_hz))
    if truth.multicast == "per_link":
        to_place = constant(layout.is_head) * multicast[:, torch.tensor(layout.head)]
        multicast = to_place.unsqueeze(-1) * constant(equalised(local_reduction.link_needs(twin)))
    return local_utility(truth, uplink, cpu, multicast, smoothing)


def projected_global_utility(
    shares: tuple[Tensor, Tensor, Tensor],
    served: Tensor,
    serves: Tensor,
    twin: GlobalPart,
    truth: GlobalPart,
    smoothing: Smoothing,
) -> Tensor:
    """Utility [env] of the decision that these shares (``ActionSpace.global_shares``) are projected to, expected over
    whether committees serve.

    served [env, I, K]: gamma, see ``mixed_assignment``; serves [env, I]: probability that the committee is on. What it takes
    from the budget counts with that probability, and a committee that serves nobody takes nothing.
    """
    serves = serves * served.sum(dim=-1).clamp(max=1.0)
    request, multicast, fraction = shares

    def constant(array: NDArray) -> Tensor:
        return torch.tensor(array, dtype=request.dtype, device=request.device)

    real = constant(truth.layout.is_delegate)
    multicast = multicast * real
    asked = (serves * (request + multicast.sum(dim=-1))).sum(dim=-1)
    scale = (truth.subchannels_max / asked.clamp(min=1.0)).unsqueeze(-1)
    request, multicast = scale * request, scale.unsqueeze(-1) * multicast
    cpu = torch.minimum(fraction * constant(twin.cpu_max_hz), constant(truth.cpu_max_hz)) * real
    needs = constant(global_reduction.request_needs(twin))
    total = (served * needs).sum(dim=-1).clamp(min=1e-12)
    requests = (request / total).unsqueeze(-1) * needs
    if truth.multicast == "per_link":
        multicast = multicast.unsqueeze(-1) * constant(equalised(global_reduction.link_needs(twin)))
    return (serves * global_utility(truth, served, requests, cpu, multicast, smoothing)).sum(dim=-1)


def mixed_assignment(score: Tensor, log_serves: Tensor, capacity: NDArray[np.integer], temperature: float) -> Tensor:
    """gamma [env, I, K]: probabilities of committees for each AP, proportional to serves_i exp(score_ik / temperature), with a
    price per committee that keeps the expected number of its APs within its capacity (entropic assignment).

    score [env, I, K]; log_serves [env, I]; capacity psi [env, I] or [I]. Towards temperature 0 it is the assignment that
    maximises the sum of scores (``assignment``).
    """
    logits = score / temperature + log_serves.unsqueeze(-1)
    room = np.ascontiguousarray(np.broadcast_to(capacity, tuple(log_serves.shape)), dtype=np.float64)
    found = _prices(logits.detach().double().cpu().numpy(), room)
    # Only differences count. Where the rooms together just hold all APs, each has a price, and the step would be taken twice.
    found -= found.min(axis=-1, keepdims=True)
    price = torch.tensor(found, dtype=logits.dtype, device=logits.device).unsqueeze(-1)
    # One Newton step at the solution moves nothing and carries the gradient: where the price binds, the count cannot change.
    mixture = torch.softmax(logits - price, dim=-2)
    spread = (mixture * (1.0 - mixture)).sum(dim=-1, keepdim=True).detach().clamp(min=1e-6)
    count = mixture.sum(dim=-1, keepdim=True)
    step = torch.where(price > 0.0, (count - count.detach()) / spread, 0.0)
    return torch.softmax(logits - price - step, dim=-2)


@compiled
def _prices(logits: Floats, room: Floats) -> Floats:
    """Price >= 0 of every committee [env, I] with which none expects more APs than it has room for; 0 where it has room.

    One committee after the other by bisection, the others' prices fixed; passes repeat because moved APs may fill another.
    """
    envs, committees, aps = logits.shape
    price = np.zeros((envs, committees))
    others = np.empty(aps)
    for env in range(envs):
        for _ in range(PRICE_PASSES if committees > 2 else 1):
            for i in range(committees):
                price[env, i] = 0.0
                most = -np.inf
                for k in range(aps):
                    top = -np.inf
                    for j in range(committees):
                        if j != i:
                            top = max(top, logits[env, j, k] - price[env, j])
                    total = 0.0
                    for j in range(committees):
                        if j != i:
                            total += np.exp(logits[env, j, k] - price[env, j] - top)
                    others[k] = logits[env, i, k] - top - np.log(total) if committees > 1 else 1e3
                    most = max(most, others[k])
                low, high = 0.0, max(most + np.log(aps / max(room[env, i], 0.5)) + 5.0, 0.0)
                for trial in range(60):
                    middle = 0.0 if trial == 0 else 0.5 * (low + high)
                    count = 0.0
                    for k in range(aps):
                        count += 1.0 / (1.0 + np.exp(middle - others[k]))
                    if trial == 0 and count <= room[env, i]:
                        high = 0.0
                        break
                    if count > room[env, i]:
                        low = middle
                    else:
                        high = middle
                price[env, i] = high
    return price
