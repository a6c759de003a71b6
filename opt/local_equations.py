"""Equations (1)-(4), (6), (7), (10), (11), (14) of the paper: what a local decision earns. The one home of each.

Every function broadcasts over leading batch axes (``...``). J heads, K APs, N heads of the largest AP.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .arrays import Floats
from .decision import LocalDecision
from .links import weakest_link
from .rates import seconds, spectral_efficiency
from .snapshot import LocalPart
from .violations import below_zero, excess, not_whole, worst

# Slope of the adaptation level in ln(2 T_multi lambda), (11).
ADAPTATION_SLOPE = 2.84


def training_work(part: LocalPart) -> Floats:
    """a_j = ln(1/theta_j) C_j [cycles], (1) with R1: work of all local iterations; [..., J]."""
    return np.log(1.0 / part.accuracy) * part.cycles


def training_time(part: LocalPart, cpu_hz: Floats) -> Floats:
    """T_cmp = ln(1/theta_j) C_j / f_j [s], (1); +inf without CPU, even when theta = 1 leaves nothing to train; [..., J]."""
    once = seconds(part.cycles, cpu_hz)
    # ln(1/1) = 0 iterations take no time, but only on a head that runs: 0 * inf must stay inf, not NaN.
    return np.multiply(np.log(1.0 / part.accuracy), once, out=np.full(once.shape, np.inf), where=np.isfinite(once))


def upload_time(part: LocalPart, uplink: Floats) -> Floats:
    """T_trans = upload_bits_j / (u_j W_0 log2(1 + SINR_up_j)) [s], (2)(3) with R2; [..., J]."""
    return seconds(part.upload_bits, uplink * part.subchannel_hz * spectral_efficiency(part.sinr_uplink))


def weakest_peer(part: LocalPart) -> Floats:
    """SINR of each head's weakest link to a peer of its AP; +inf for a head without peers; [..., J]."""
    layout = part.layout
    return layout.per_head(weakest_link(part.sinr_peer, layout.is_link))


def multicast_times(part: LocalPart, decision: LocalDecision) -> Floats:
    """T_multi_j [s], (7) with R3: the slowest of head j's links to its peers; 0 for a head without peers; [..., J].

    ``group``: the share m_j serves all links at once, so the weakest peer is the slowest.
    """
    layout = part.layout
    if part.multicast == "group":
        assert decision.multicast is not None
        alone = layout.heads[layout.ap] == 1
        weakest = np.where(alone, 1.0, weakest_peer(part))
        slowest = seconds(part.multicast_bits, decision.multicast * part.subchannel_hz * spectral_efficiency(weakest))
        return np.where(alone, 0.0, slowest)
    assert decision.peer is not None
    link = seconds(part.multicast_bits, decision.peer * part.subchannel_hz * spectral_efficiency(part.sinr_peer))
    return layout.per_head(np.where(layout.is_link, link, 0.0).max(axis=-1))


def queueing_time(part: LocalPart, multicast: Floats) -> Floats:
    """T_que = max(0, iota T_multi - H/(2 lambda)) [s], (6) with R4; ``multicast`` is the mean T_multi; [...]."""
    # Where nothing is ever multicast the wait is infinite even if iota = 0 (0 * inf would be NaN).
    load = np.multiply(part.cache_multiplier, multicast, out=np.full(multicast.shape, np.inf), where=np.isfinite(multicast))
    return np.maximum(0.0, load - part.multicast_batch / (2.0 * part.arrival_rate))


def adaptation_level(part: LocalPart, multicast: Floats) -> Floats:
    """max(0, level), level = 2.84 ln(2 T_multi lambda), floored when ``floor_adaptation``, (11) with R5; [...]."""
    load = 2.0 * multicast * part.arrival_rate
    level = np.maximum(0.0, ADAPTATION_SLOPE * np.log(load, out=np.full(load.shape, -np.inf), where=load > 0.0))
    return np.floor(level) if part.floor_adaptation else level


def adaptation_time(part: LocalPart, multicast: Floats) -> Floats:
    """max(0, level) T_multi [s], first term of (11); [...]."""
    return np.multiply(
        adaptation_level(part, multicast), multicast, out=np.full(multicast.shape, np.inf), where=np.isfinite(multicast)
    )


def confirmation_time(part: LocalPart) -> Floats:
    """max(0, CW_th - CW_j)/lambda [s], second term of (11) with R5; no decision changes it; [..., J]."""
    return np.maximum(0.0, part.confirmation_weight - part.cumulative_weight) / part.arrival_rate


def head_spectrum(part: LocalPart, decision: LocalDecision) -> Floats:
    """W_j = u_j + multicast spectrum paid [subchannels], text under (14); [..., J]. A head without peers has no multicast
    link; in ``group`` mode a share given to it all the same is paid only by heads with peers."""
    layout = part.layout
    if part.multicast == "group":
        assert decision.multicast is not None
        return decision.uplink + np.where(layout.heads[layout.ap] == 1, 0.0, decision.multicast)
    assert decision.peer is not None
    links = np.where(layout.is_link, decision.peer, 0.0).sum(axis=-1)
    return decision.uplink + layout.per_head(links)


@dataclass(frozen=True, eq=False)
class LocalEvaluation:
    """What a local decision earns and takes. Times in s, money in utility units.

    [..., J]: training (1), upload (3), confirmation (11), delay (10)(4), benefit, spectrum_cost, cpu_cost (14), spectrum W_j.
    [...]: multicast, mean T_multi (7); queueing (6); adaptation (11). part and decision: what was evaluated.
    """

    part: LocalPart
    decision: LocalDecision
    training: Floats
    upload: Floats
    multicast: Floats
    queueing: Floats
    adaptation: Floats
    confirmation: Floats
    delay: Floats
    spectrum: Floats
    benefit: Floats
    spectrum_cost: Floats
    cpu_cost: Floats

    @cached_property
    def head_utility(self) -> Floats:
        """B exp(-A T_j) - mu W_j W_0 - zeta f_j, the summand of (14); [..., J]."""
        return self.benefit - self.spectrum_cost - self.cpu_cost

    @cached_property
    def utility(self) -> Floats:
        """(14) summed over all APs; [...]."""
        return self.head_utility.sum(axis=-1)

    @cached_property
    def violations(self) -> dict[str, Floats]:
        """How far from holding C1, C2, nonnegative and, if asked, whole are; each [...]."""
        part, decision = self.part, self.decision
        shares = decision.multicast if part.multicast == "group" else decision.peer
        assert shares is not None
        violations = {
            "C1": excess(self.spectrum.sum(axis=-1), part.subchannels_max),
            "C2": excess(decision.cpu_hz, part.cpu_max_hz).max(axis=-1),
            "nonnegative": np.maximum(
                np.maximum(below_zero(decision.uplink, 1), below_zero(decision.cpu_hz, 1)),
                below_zero(shares, 1 if part.multicast == "group" else 3),
            ),
        }
        if part.whole_subchannels:
            violations["whole"] = not_whole(self.spectrum, 1)
        return violations

    @cached_property
    def violation(self) -> Floats:
        """Largest violation: relative for C1 and C2, absolute otherwise; +inf for NaN; [...]."""
        return worst(self.violations)


def evaluate_local(part: LocalPart, decision: LocalDecision) -> LocalEvaluation:
    """Utility, delays and costs of a local decision, violations on demand (model section 2); broadcasts over batch axes."""
    training = training_time(part, decision.cpu_hz)
    upload = upload_time(part, decision.uplink)
    multicast = multicast_times(part, decision).mean(axis=-1)
    queueing = queueing_time(part, multicast)
    adaptation = adaptation_time(part, multicast)
    confirmation = confirmation_time(part)
    delay = training + upload + (queueing + adaptation)[..., None] + confirmation
    spectrum = head_spectrum(part, decision)
    return LocalEvaluation(
        part=part,
        decision=decision,
        training=training,
        upload=upload,
        multicast=multicast,
        queueing=queueing,
        adaptation=adaptation,
        confirmation=np.broadcast_to(confirmation, delay.shape),
        delay=delay,
        spectrum=spectrum,
        benefit=part.benefit * np.exp(-part.decay * delay),
        spectrum_cost=part.spectrum_cost * part.subchannel_hz * spectrum,
        cpu_cost=part.cpu_cost * decision.cpu_hz,
    )
