"""Equations (5), (12), (13), (15) of the paper: what a global decision earns. The one home of each.

Every function broadcasts over leading batch axes (``...``). I committees, V delegates of the largest, K APs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .arrays import Booleans, Floats, Integers
from .decision import GlobalDecision
from .links import weakest_link
from .rates import seconds, spectral_efficiency
from .snapshot import GlobalPart
from .violations import below_zero, excess, not_whole, worst

PHASES = ("request", "pre-prepare", "prepare", "commit", "reply")
# A phase fails when it exceeds the timeout by more than this fraction of it (model section 3).
TIMEOUT_TOLERANCE = 1e-9


def served(part: GlobalPart, decision: GlobalDecision) -> Booleans:
    """gamma_ik: True where AP k uses committee i; [..., I, K]."""
    committees: Integers = np.arange(int(part.block_bits.shape[-1]))
    return decision.access[..., None, :] == committees[:, None]


def phase_times(part: GlobalPart, decision: GlobalDecision) -> Floats:
    """The five phases of (5) before any timeout [s], in the order of PHASES; [..., I, 5].

    A phase lasts as long as its slowest link. ``group``: the share of a delegate serves all its receivers at once, so its
    weakest receiver is its slowest link.
    """
    layout = part.layout
    bits, hz = part.block_bits, part.subchannel_hz
    access = seconds(bits[..., None], decision.request[..., None, :] * hz * spectral_efficiency(part.sinr_access))
    request = np.where(served(part, decision), access, 0.0).max(axis=-1)
    if part.multicast == "group":
        assert decision.multicast is not None
        weakest = layout.padded(weakest_link(part.sinr_peer, layout.is_link), 1.0)
        rate = decision.multicast * hz
        to_all = layout.padded(seconds(bits[..., None], rate * spectral_efficiency(weakest)), 0.0)
        to_manager = seconds(bits[..., None], rate * spectral_efficiency(part.sinr_peer[..., 0]))
    else:
        assert decision.peer is not None
        link = seconds(bits[..., None, None], decision.peer * hz * spectral_efficiency(part.sinr_peer))
        link = np.where(layout.is_link, link, 0.0)
        to_all, to_manager = link.max(axis=-1), link[..., 0]
    prepare = to_all[..., 1:].max(axis=-1)
    return np.stack(
        [
            request,
            to_all[..., 0],
            prepare,
            np.maximum(to_all[..., 0], prepare),
            layout.padded(to_manager, 0.0)[..., 1:].max(axis=-1),
        ],
        axis=-1,
    )


def verification_time(part: GlobalPart, cpu_hz: Floats) -> Floats:
    """T_veri = max over all delegates, manager included, of cycles_v / f_v [s], (12) with R9; [..., I]."""
    return part.layout.padded(seconds(part.cycles, cpu_hz), 0.0).max(axis=-1)


def committee_spectrum(part: GlobalPart, decision: GlobalDecision) -> Floats:
    """W_v of every delegate [subchannels]; the manager's includes the request shares of the APs it serves; [..., I, V]."""
    if part.multicast == "group":
        assert decision.multicast is not None
        own = part.layout.padded(decision.multicast, 0.0)
    else:
        assert decision.peer is not None
        own = np.where(part.layout.is_link, decision.peer, 0.0).sum(axis=-1)
    requests = np.where(served(part, decision), decision.request[..., None, :], 0.0).sum(axis=-1)
    place: Integers = np.arange(int(own.shape[-1]))
    return own + np.where(place == 0, requests[..., None], 0.0)


@dataclass(frozen=True, eq=False)
class GlobalEvaluation:
    """What a global decision earns and takes. Times in s, money in utility units, already times |Omega_i| (15).

    phases [..., I, 5]: as counted, i.e. no longer than the timeout. [..., I]: verification (12), delay (13), served |Omega_i|,
    confirmed (no phase failed), spectrum [subchannels], benefit, spectrum_cost, cpu_cost.
    by_delegate [..., I, V]: spectrum of each delegate [subchannels]. part and decision: what was evaluated.
    """

    part: GlobalPart
    decision: GlobalDecision
    phases: Floats
    verification: Floats
    delay: Floats
    served: Floats
    confirmed: Booleans
    by_delegate: Floats
    spectrum: Floats
    benefit: Floats
    spectrum_cost: Floats
    cpu_cost: Floats

    @cached_property
    def committee_utility(self) -> Floats:
        """(15) of each committee; [..., I]."""
        return self.benefit - self.spectrum_cost - self.cpu_cost

    @cached_property
    def utility(self) -> Floats:
        """(15) summed over committees; [...]."""
        return self.committee_utility.sum(axis=-1)

    @cached_property
    def violations(self) -> dict[str, Floats]:
        """How far from holding C3, C4 (APs too many), C5, C6, nonnegative and, if asked, whole are; each [...]."""
        part, decision = self.part, self.decision
        cpu = part.layout.padded(decision.cpu_hz, 0.0)
        shares = decision.multicast if part.multicast == "group" else decision.peer
        assert shares is not None
        known = (decision.access >= 0) & (decision.access < part.block_bits.shape[-1])
        violations = {
            "C3": np.where(known.all(axis=-1), 0.0, np.inf),
            "C4": np.maximum(0.0, self.served - part.capacity).max(axis=-1),
            "C5": excess(self.spectrum.sum(axis=-1), part.subchannels_max),
            "C6": excess(cpu, part.cpu_max_hz).max(axis=(-1, -2)),
            "nonnegative": np.maximum(
                np.maximum(below_zero(decision.request, 1), below_zero(cpu, 2)),
                below_zero(shares, 2 if part.multicast == "group" else 3),
            ),
        }
        if part.whole_subchannels:
            violations["whole"] = not_whole(self.by_delegate, 2)
        return violations

    @cached_property
    def violation(self) -> Floats:
        """Largest violation: relative for C5 and C6, absolute otherwise; +inf for NaN or an unknown committee; [...]."""
        return worst(self.violations)


def evaluate_global(part: GlobalPart, decision: GlobalDecision) -> GlobalEvaluation:
    """Utility, delays and costs of a global decision, violations on demand (model section 3); broadcasts over batch axes."""
    uncut = phase_times(part, decision)
    late = (uncut > part.timeout * (1.0 + TIMEOUT_TOLERANCE)).any(axis=-1)
    confirmed = np.logical_or(~late, part.timeout_rule == "cap")
    phases = np.minimum(uncut, part.timeout)
    verification = verification_time(part, decision.cpu_hz)
    delay = phases.sum(axis=-1) + verification
    count = served(part, decision).sum(axis=-1).astype(np.float64)
    by_delegate = committee_spectrum(part, decision)
    spectrum = by_delegate.sum(axis=-1)
    cpu = part.layout.padded(decision.cpu_hz, 0.0)
    return GlobalEvaluation(
        part=part,
        decision=decision,
        phases=phases,
        verification=verification,
        delay=delay,
        served=count,
        confirmed=confirmed,
        by_delegate=by_delegate,
        spectrum=spectrum,
        benefit=count * np.where(confirmed, part.benefit * np.exp(-part.decay * delay), 0.0),
        spectrum_cost=count * part.spectrum_cost * part.subchannel_hz * spectrum,
        cpu_cost=count * part.cpu_cost * cpu.sum(axis=-1),
    )
