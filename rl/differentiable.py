"""The utility of Problem (16) in torch, so that it can be differentiated: (1)-(15) restated for a batch of decisions.

The equations' home is ``opt``; a cross-check test ties this file to it (values to 1e-9 without smoothing, gradients to finite
differences). Where the true equations jump or have corners, ``Smoothing`` widens them; with all widths 0 they are exact, and
the environment judges every policy by the exact ones in any case.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from numpy.typing import NDArray
from torch import Tensor

from ..opt import global_reduction, local_reduction
from ..opt.global_equations import TIMEOUT_TOLERANCE
from ..opt.local_equations import ADAPTATION_SLOPE, confirmation_time, training_work
from ..opt.rates import NEVER
from ..opt.snapshot import GlobalPart, LocalPart
from .features import upload_needs


@dataclass(frozen=True)
class Smoothing:
    """Widths, 0 for the exact equation. level: of a step of the floor in (11), in levels; timeout: of the step at T_th, as a
    fraction of it; slowest: of "the slowest link counts" in (5) and (12), as a fraction of the slowest time: all links
    within about that fraction of it share the gradient (their mean is the value, so equal times have no bias)."""

    level: float = 0.0
    timeout: float = 0.0
    slowest: float = 0.0


EXACT = Smoothing()


def local_utility(part: LocalPart, uplink: Tensor, cpu_hz: Tensor, shares: Tensor, smoothing: Smoothing = EXACT) -> Tensor:
    """(14) summed over all APs [env]. ``part``: the truth, batched. uplink, cpu_hz [env, J]; shares: multicast [env, J] in mode
    ``group``, peer [env, K, N, N] in ``per_link``; subchannels and cycles/s."""

    def constant(array: NDArray) -> Tensor:
        return torch.tensor(array, dtype=uplink.dtype, device=uplink.device)

    layout = part.layout
    ap, rank = torch.tensor(layout.ap), torch.tensor(layout.rank)
    training, runs = _times(constant(training_work(part)), cpu_hz, constant(part.cycles))
    upload, sends = _times(constant(upload_needs(part)), uplink)
    has_peers = constant(layout.heads[layout.ap] > 1)
    if part.multicast == "group":
        multicast, reaches = _times(constant(local_reduction.multicast_needs(part)), shares)
        spectrum = uplink + has_peers * shares
    else:
        is_link = constant(layout.is_link)
        link, done = _times(constant(local_reduction.link_needs(part)), shares)
        multicast = link.amax(dim=-1)[:, ap, rank]
        reaches = (done | (is_link == 0)).all(dim=-1)[:, ap, rank]
        spectrum = uplink + (is_link * shares).sum(dim=-1)[:, ap, rank]
    all_reached = (reaches | (has_peers == 0)).all(dim=-1, keepdim=True)
    shared = multicast_delay(part, multicast.mean(dim=-1, keepdim=True), smoothing.level)
    delay = training + upload + shared + constant(confirmation_time(part))
    finishes = runs & sends & all_reached
    benefit = torch.where(finishes, part.benefit * (-part.decay * delay).exp(), 0.0)
    cost = part.spectrum_cost * part.subchannel_hz * spectrum + part.cpu_cost * cpu_hz
    return (benefit - cost).sum(dim=-1)


def multicast_delay(part: LocalPart, tau: Tensor, width: float = 0.0) -> Tensor:
    """What multicasting in tau = T_multi seconds delays every head by, (6) and the first term of (11) [s]; any shape.

    width: of a step of the floor, see ``Smoothing.level``.
    """
    queueing = (part.cache_multiplier * tau - part.multicast_batch / (2.0 * part.arrival_rate)).clamp(min=0.0)
    level = ADAPTATION_SLOPE * (2.0 * part.arrival_rate * tau).clamp(min=1e-30).log()
    if part.floor_adaptation:
        level = _floor(level, width)
    return queueing + level.clamp(min=0.0) * tau


def global_utility(
    part: GlobalPart, served: Tensor, request: Tensor, cpu_hz: Tensor, shares: Tensor, smoothing: Smoothing = EXACT
) -> Tensor:
    """(15) of each committee [env, I]. ``part``: the truth, batched.

    served gamma_ik [env, I, K], 0 or 1, or between for a mixture of assignments: counts, costs and spectrum are then means;
    request [env, I, K]: what AP k would get at committee i; cpu_hz [env, I, V]; shares: multicast [env, I, V] in mode
    ``group``, peer [env, I, V, V] in ``per_link``; subchannels and cycles/s.
    """

    def constant(array: NDArray) -> Tensor:
        return torch.tensor(array, dtype=served.dtype, device=served.device)

    real = constant(part.layout.is_delegate)
    is_real, counts = real > 0, served > 0.5
    access, asked = _times(constant(global_reduction.request_needs(part)), request)
    need = constant(global_reduction.link_needs(part))
    if part.multicast == "group":
        to_all, sends = _times(need.amax(dim=-1), shares)
        to_manager, _ = _times(need[..., 0], shares)
        own = (real * shares).sum(dim=-1)
        reaches = (sends | ~is_real).all(dim=-1)
    else:
        is_link = constant(part.layout.is_link)
        link, sends = _times(need, shares)
        to_all, to_manager = link.amax(dim=-1), link[..., 0]
        own = (is_link * shares).sum(dim=(-1, -2))
        reaches = (sends | (is_link == 0)).all(dim=(-1, -2))
    prepare = _slowest(to_all[..., 1:], is_real[..., 1:], smoothing.slowest)
    phases = torch.stack(
        [
            _slowest(access, counts, smoothing.slowest),
            to_all[..., 0],
            prepare,
            torch.maximum(to_all[..., 0], prepare),
            _slowest(to_manager[..., 1:], is_real[..., 1:], smoothing.slowest),
        ],
        dim=-1,
    )
    verification, runs = _times(constant(part.cycles), cpu_hz)
    reaches = reaches & (asked | ~counts).all(dim=-1)
    confirmed = torch.ones_like(own)
    if part.timeout_rule == "fail":
        confirmed = _before(phases, part.timeout, smoothing.timeout).prod(dim=-1) * reaches
    else:
        phases = _capped(phases, part.timeout, smoothing.timeout)
    delay = phases.sum(dim=-1) + _slowest(verification, is_real, smoothing.slowest)
    confirmed = confirmed * (runs | ~is_real).all(dim=-1)
    count = served.sum(dim=-1)
    spectrum = own + (served * request).sum(dim=-1)
    cost = part.spectrum_cost * part.subchannel_hz * spectrum + part.cpu_cost * (real * cpu_hz).sum(dim=-1)
    return count * (confirmed * part.benefit * (-part.decay * delay).exp() - cost)


def _times(amount: Tensor, rate: Tensor, unit: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(amount / rate, whether it is ever done): as ``opt.rates.seconds``, but 1e12 s where it is never done, and without the
    gradients of a division by nothing. ``unit``: what decides that, when it is not the amount."""
    done = rate > (amount if unit is None else unit) / NEVER
    return torch.where(done, amount / torch.where(done, rate, 1.0), torch.where(amount > 0, NEVER, 0.0)), done


def _slowest(times: Tensor, counts: Tensor, width: float) -> Tensor:
    """The longest of the times that count, on the last axis; 0 where none does. ``width``: see Smoothing."""
    times = torch.where(counts, times, 0.0)
    longest = times.amax(dim=-1)
    if width == 0.0:
        return longest
    scale = (width * longest.detach()).clamp(min=1e-30).unsqueeze(-1)
    weights = torch.softmax(torch.where(counts, times.detach() / scale, -torch.inf).clamp(min=-1e30), dim=-1)
    return (weights * times).sum(dim=-1)


def _floor(level: Tensor, width: float) -> Tensor:
    """floor(level), or the sum of logistic steps of this width at 1, 2, ... (only the two next to the level differ from
    0 and 1)."""
    whole = level.detach().floor()
    if width == 0.0:
        return whole
    rest = level - whole
    below = torch.where(whole >= 1.0, torch.sigmoid(rest / width), 1.0)
    above = torch.where(whole >= 0.0, torch.sigmoid((rest - 1.0) / width), 0.0)
    return whole - 1.0 + below + above


def _before(times: Tensor, timeout: float, width: float) -> Tensor:
    """1 for a time within the timeout, 0 past it, or a logistic step of this width between."""
    if width == 0.0:
        return (times <= timeout * (1.0 + TIMEOUT_TOLERANCE)).to(times.dtype)
    return torch.sigmoid((1.0 - times / timeout) / width)


def _capped(times: Tensor, timeout: float, width: float) -> Tensor:
    """min(time, timeout), or its smooth version of this width."""
    if width == 0.0:
        return times.clamp(max=timeout)
    return timeout * (1.0 - width * torch.nn.functional.softplus((1.0 - times / timeout) / width))
