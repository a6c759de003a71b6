r"""The observed state with every quantity that a plan needs at its posterior mean, for a twin with a known error.

Where the needs enter is what the reduced problem (``opt.local_reduction``, ``opt.global_reduction``) reads; they are in
subchannel seconds, x = bits/(W_0 log2(1 + SINR)), and SINRs are those at which a link needs just that:

* a head's uplink: E[d_j]; its CPU: E[f_max_j]; its multicast: s_j = E[need of its weakest link] (``group``), since T_multi is
  a mean over heads of s_j/m_j, or per link kappa E[x_l], kappa = E[max over the head's links of x_l/E x_l] (``per_link``).
* a committee's block: E[S_i]. A phase waits for its slowest sender. With spectrum in proportion to e_a (the expected need of
  sender a's weakest link) a phase planned for y seconds would take y E[max over senders and links of x/e], so the needs are
  planned larger by just this factor: prepare, reply and request have their own (the slowest of requests: of the K/I APs that
  an average committee serves). What is planned is then the expected time of each phase.
* psi: the likeliest. Data: known, because it never moves (its prior is a point); the twin's reading of it is not used.

``belief`` is what remains when only SINR, CPU and block sizes are drawn to their means, whatever is needed of them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..opt.arrays import Booleans, Floats
from ..opt.rates import sinr_of
from ..opt.snapshot import GlobalPart, LocalPart, Multicast, Snapshot
from ..opt.system import BITS_PER_BYTE, System
from .belief import NormalBelief, normal_belief
from .clones import cloned
from .observation import Observation
from .posterior_means import block_mean, capacity_mode, cpu_mean, expected_largest, expected_need
from .twin import DB_PER_SIGMA, TwinError


def expected(observation: Observation, system: System, error: TwinError) -> Snapshot:
    """The snapshot of expected needs [env, ...] (module docstring); the twin itself without error."""
    twin = observation.twin
    if error.is_zero:
        return twin
    found = replace(
        twin,
        local=_expected_local(observation, twin.local, system, error),
        global_=_expected_global(observation, twin.global_, system, error),
    )
    return cloned(found, observation.clones)


def expected_where_known(observation: Observation, error: TwinError) -> Snapshot:
    """``expected`` in the observation's own system; the twin where nobody knows its means (epochs of a user's own)."""
    if not observation.encoding.means_known:
        return observation.twin
    return expected(observation, observation.encoding.system, error)


def sinr_belief(reading: Floats, mean: Floats, system: System, error: TwinError) -> NormalBelief:
    """What SINRs [dB] read as ``reading`` with these means are."""
    return normal_belief(reading, mean, system.scenario.sinr_fluctuation_db, DB_PER_SIGMA * error.sinr)


def _expected_local(observation: Observation, part: LocalPart, system: System, error: TwinError) -> LocalPart:
    state, layout, numbers = observation.state, part.layout, system.scenario
    uplink = expected_need(sinr_belief(state.sinr_uplink_db, system.mean_sinr_uplink_db, system, error))
    peers = sinr_belief(state.sinr_peer_db, system.mean_sinr_peer_db, system, error)
    return replace(
        part,
        cpu_max_hz=cpu_mean(part.cpu_max_hz, system.mean_cpu_head, numbers.cpu_fluctuation, numbers.head_cpu_hz, error.cpu),
        cycles=system.cycles,
        sinr_uplink=sinr_of(1.0 / uplink),
        sinr_peer=with_needs(part.sinr_peer, senders_need(peers, layout.is_link, part.multicast), layout.is_link),
    )


def _expected_global(observation: Observation, part: GlobalPart, system: System, error: TwinError) -> GlobalPart:
    state, layout, numbers = observation.state, part.layout, system.scenario
    links = sinr_belief(state.sinr_link_db, system.mean_sinr_link_db, system, error)
    access = sinr_belief(state.sinr_access_db, system.mean_sinr_access_db, system, error)
    request = expected_need(access)
    aps = request.shape[-1]
    served = min(1.0, max(1.0, aps / len(layout.delegates)) / aps)
    crowd = expected_largest(access, request, np.ones(request.shape, dtype=np.bool_), drawn=served)
    low_bytes, high_bytes = numbers.block_bytes
    cpu = cpu_mean(part.cpu_max_hz, system.mean_cpu_delegate, numbers.cpu_fluctuation, numbers.delegate_cpu_hz, error.cpu)
    return replace(
        part,
        block_bits=block_mean(state.block_bits, (BITS_PER_BYTE * low_bytes, BITS_PER_BYTE * high_bytes), error.block),
        capacity=capacity_mode(state.capacity, numbers.capacity_range, error.capacity),
        cpu_max_hz=np.where(layout.is_delegate, cpu, 1.0),
        sinr_access=sinr_of(1.0 / (crowd[..., None] * request)),
        sinr_peer=with_needs(part.sinr_peer, phase_needs(links, layout.is_link, part.multicast), layout.is_link),
    )


def senders_need(belief: NormalBelief, is_link: Booleans, multicast: Multicast) -> Floats:
    """Need to plan for each link [..., n, n] (row transmits) of senders that do not wait for each other [Hz^-1 bit^-1 s]:
    ``group``: E[weakest link's need] for all links of the row; ``per_link``: kappa E[need] each (module docstring)."""
    if multicast == "group":
        weakest = expected_largest(belief, np.ones(1), is_link)
        return np.broadcast_to(weakest[..., None], belief.mean.shape)
    need = expected_need(belief)
    return expected_largest(belief, need, is_link)[..., None] * need


def phase_needs(belief: NormalBelief, is_link: Booleans, multicast: Multicast) -> Floats:
    """Need to plan for each link [..., I, V, V] of a committee, whose phases wait for the slowest sender (module docstring)."""
    shape = belief.mean.shape
    if multicast == "group":
        weakest = np.broadcast_to(expected_largest(belief, np.ones(1), is_link)[..., None], shape)
        manager = weakest[..., :1, :]
    else:
        weakest = expected_need(belief)
        first = NormalBelief(belief.mean[..., :1, :], belief.deviation)
        manager = expected_largest(first, weakest[..., :1, :], is_link[..., :1, :])[..., None] * weakest[..., :1, :]
    others = is_link.copy()
    others[..., 0, :] = False
    every = NormalBelief(belief.mean.reshape(*shape[:-2], -1), belief.deviation)
    safe = np.where(is_link, weakest, 1.0).reshape(*shape[:-2], -1)
    prepare = expected_largest(every, safe, others.reshape(*is_link.shape[:-2], -1))
    planned = prepare[..., None, None] * weakest
    planned[..., :1, :] = manager
    if multicast == "group":
        back = NormalBelief(belief.mean[..., 0], belief.deviation)
        need = expected_need(back)
        reply = expected_largest(back, need, others[..., 0])
        # The manager is one of the receivers, so a reply never needs more than the broadcast.
        planned[..., 1:, 0] = np.minimum(reply[..., None] * need[..., 1:], planned[..., 1:, 1:].max(axis=-1))
    return planned


def with_needs(sinr: Floats, need: Floats, is_link: Booleans) -> Floats:
    """SINRs at which the links need just this; others as they were."""
    return np.where(is_link, sinr_of(1.0 / np.where(is_link, need, 1.0)), sinr)
