r"""Posterior: the solver on the posterior means of what is NEEDED, not on the twin's readings.

The twin's snapshot is replaced by one in which every quantity that the reduced problem (``opt.local_reduction``,
``opt.global_reduction``) reads stands at its posterior mean given the observation (``belief``), and the decomposition solver
plans on that. Needs are in subchannel seconds, x = bits/(W_0 log2(1 + SINR)):

* a head's uplink: E[d_j]; its CPU: E[f_max_j]; its multicast: s_j = E[need of its weakest link] (``group``), since T_multi is
  a mean over heads of s_j/m_j, or per link kappa E[x_l], kappa = E[max over the head's links of x_l/E x_l] (``per_link``).
* multicast near a floor step (11): a plan whose T_multi ends just below a step crosses it half of the time. T_multi is a sum
  over heads, taken as normal with its posterior deviation; plans for needs larger by 0, 1 and 2 such deviations are made, and
  the one with the largest expected utility over T_multi (the other needs at their means) is carried out.
* a committee's block: E[S_i]. A phase waits for its slowest sender. With spectrum in proportion to e_a (the expected need of
  sender a's weakest link) a phase planned for y seconds would take y E[max over senders and links of x/e], so the needs are
  planned larger by just this factor: prepare, reply and request have their own (the slowest of requests: of the K/I APs that
  an average committee serves). What is planned is then the expected time of each phase.
* psi: the likeliest. Data: known, because it never moves (its prior is a point); the twin's reading of it is not used.

Certainty equivalence on means: the utility is not linear in the times, so this is close to, and not, the best that a twin-fed
policy can do. It knows the prior and the error model exactly; ``certainty_equivalent`` and ``robust`` do not need to.
With sigma 0 it is the certainty-equivalent solver.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..opt.arrays import Floats
from ..opt.decision import Decision, LocalDecision, stack_decisions
from ..opt.local_equations import adaptation_time, evaluate_local, queueing_time
from ..opt.rates import sinr_of, spectral_efficiency
from ..opt.snapshot import GlobalPart, LocalPart, Snapshot
from ..opt.system import BITS_PER_BYTE, System
from ..rl.belief import NormalBelief, normal_belief
from ..rl.environment import Environment
from ..rl.observation import Observation
from ..rl.twin import DB_PER_SIGMA, TwinError
from .belief import block_mean, capacity_mode, cpu_mean, expected_largest, expected_need, largest_need
from .solver_decisions import planned_decisions

# Margins on planned multicast needs that are tried, in standard deviations of T_multi.
MARGINS = (0.0, 1.0, 2.0)
# Of the quadrature over T_multi; the integrand has jumps, so more than smooth ones need.
NODES = 32


class Posterior:
    """Plans on posterior means in a known system with a known twin error."""

    def __init__(self, system: System, error: TwinError) -> None:
        self.system, self.error = system, error

    def act(self, observation: Observation) -> Decision:
        """The solver's decisions for the expected needs."""
        if self.error.is_zero:
            return planned_decisions(observation.twin)
        expected = self.expected(observation)
        spread = self._multicast_spread(observation)
        if not expected.local.floor_adaptation or not spread.any():
            return planned_decisions(expected)
        plans: list[Decision] = []
        earns: list[Floats] = []
        for margin in MARGINS:
            plans.append(planned_decisions(replace(expected, local=slower_peers(expected.local, 1.0 + margin * spread))))
            earns.append(expected_utility(expected.local, plans[-1].local, spread))
        best = np.argmax(earns, axis=0)
        return stack_decisions([plans[choice].at(env) for env, choice in enumerate(best)])

    def expected(self, observation: Observation) -> Snapshot:
        """The snapshot of expected needs [env, ...] (module docstring)."""
        twin = observation.twin
        return replace(twin, local=self._local(observation, twin.local), global_=self._global(observation, twin.global_))

    def _multicast_spread(self, observation: Observation) -> Floats:
        """Standard deviation of T_multi over its mean [env] when T_multi_j is planned in proportion to sqrt(s_j)."""
        layout, mode = self.system.heads, observation.twin.local.multicast
        peers = self._belief(observation.state.sinr_peer_db, self.system.mean_sinr_peer_db)
        scale = np.ones(1) if mode == "group" else expected_need(peers)
        slowest = largest_need(peers, scale, layout.is_link)
        links = senders_need(peers, layout.is_link, mode)
        of_links = np.where(layout.is_link, links, 0.0)
        root = np.sqrt(of_links.max(axis=-1) if mode == "group" else of_links.sum(axis=-1))
        own = np.divide(slowest.deviation, slowest.mean, out=np.zeros(root.shape), where=slowest.mean > 0.0) * root
        total = root.sum(axis=(-1, -2))
        return np.divide(np.sqrt((own**2).sum(axis=(-1, -2))), total, out=np.zeros(total.shape), where=total > 0.0)

    def _belief(self, reading: Floats, mean: Floats) -> NormalBelief:
        return normal_belief(reading, mean, self.system.scenario.sinr_fluctuation_db, DB_PER_SIGMA * self.error.sinr)

    def _local(self, observation: Observation, part: LocalPart) -> LocalPart:
        system, state, layout = self.system, observation.state, part.layout
        numbers = system.scenario
        uplink = expected_need(self._belief(state.sinr_uplink_db, system.mean_sinr_uplink_db))
        peers = self._belief(state.sinr_peer_db, system.mean_sinr_peer_db)
        return replace(
            part,
            cpu_max_hz=cpu_mean(
                part.cpu_max_hz, system.mean_cpu_head, numbers.cpu_fluctuation, numbers.head_cpu_hz, self.error.cpu
            ),
            cycles=system.cycles,
            sinr_uplink=sinr_of(1.0 / uplink),
            sinr_peer=_with_needs(part.sinr_peer, senders_need(peers, layout.is_link, part.multicast), layout.is_link),
        )

    def _global(self, observation: Observation, part: GlobalPart) -> GlobalPart:
        system, state, layout = self.system, observation.state, part.layout
        numbers = system.scenario
        low_bytes, high_bytes = numbers.block_bytes
        links = self._belief(state.sinr_link_db, system.mean_sinr_link_db)
        access = self._belief(state.sinr_access_db, system.mean_sinr_access_db)
        request = expected_need(access)
        aps = request.shape[-1]
        served = min(1.0, max(1.0, aps / len(layout.delegates)) / aps)
        crowd = expected_largest(access, request, np.ones(request.shape, dtype=np.bool_), drawn=served)
        return replace(
            part,
            block_bits=block_mean(state.block_bits, (BITS_PER_BYTE * low_bytes, BITS_PER_BYTE * high_bytes), self.error.block),
            capacity=capacity_mode(state.capacity, numbers.capacity_range, self.error.capacity),
            cpu_max_hz=np.where(
                layout.is_delegate,
                cpu_mean(
                    part.cpu_max_hz, system.mean_cpu_delegate, numbers.cpu_fluctuation, numbers.delegate_cpu_hz, self.error.cpu
                ),
                1.0,
            ),
            sinr_access=sinr_of(1.0 / (crowd[..., None] * request)),
            sinr_peer=_with_needs(part.sinr_peer, phase_needs(links, layout.is_link, part.multicast), layout.is_link),
        )


def slower_peers(part: LocalPart, factor: Floats) -> LocalPart:
    """The part with every multicast need ``factor`` [env] times as large."""
    need = factor[:, None, None, None] / spectral_efficiency(part.sinr_peer)
    return replace(part, sinr_peer=_with_needs(part.sinr_peer, need, part.layout.is_link))


def expected_utility(part: LocalPart, plan: LocalDecision, spread: Floats) -> Floats:
    """E[(14) summed] [env] over T_multi = its value on ``part`` times (1 + spread z), z standard normal, cut at 0."""
    found = evaluate_local(part, plan)
    # Where nothing is multicast all benefits are 0, whatever the delay.
    usual = np.where(np.isfinite(found.multicast), found.multicast, 0.0)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    multicast = usual * np.maximum(1.0 + spread * nodes[:, None], 0.0)
    extra = shared_delay(part, multicast) - shared_delay(part, usual)
    factor = (weights[:, None] / weights.sum() * np.exp(-part.decay * extra)).sum(axis=0)
    return factor * found.benefit.sum(axis=-1) - (found.spectrum_cost + found.cpu_cost).sum(axis=-1)


def shared_delay(part: LocalPart, multicast: Floats) -> Floats:
    """Queueing (6) and adaptation (11) at this mean T_multi [s]; same shape."""
    return queueing_time(part, multicast) + adaptation_time(part, multicast)


def senders_need(belief: NormalBelief, is_link: np.ndarray, multicast: str) -> Floats:
    """Need to plan for each link [..., n, n] (row transmits) of senders that do not wait for each other [Hz^-1 bit^-1 s]:
    ``group``: E[weakest link's need] for all links of the row; ``per_link``: kappa E[need] each (module docstring)."""
    if multicast == "group":
        weakest = expected_largest(belief, np.ones(1), is_link)
        return np.broadcast_to(weakest[..., None], belief.mean.shape)
    need = expected_need(belief)
    return expected_largest(belief, need, is_link)[..., None] * need


def phase_needs(belief: NormalBelief, is_link: np.ndarray, multicast: str) -> Floats:
    """Need to plan for each link [..., I, V, V] of a committee, whose phases wait for the slowest sender (module docstring)."""
    manager = senders_need(belief, is_link, multicast)[..., :1, :]
    need = expected_need(belief)
    if multicast == "group":
        weakest = np.broadcast_to(expected_largest(belief, np.ones(1), is_link)[..., None], need.shape)
    else:
        weakest = need
    others = is_link.copy()
    others[..., 0, :] = False
    flat = (*need.shape[:-2], -1)
    safe = np.where(is_link, weakest, 1.0)
    prepare = expected_largest(
        NormalBelief(belief.mean.reshape(flat), belief.deviation), safe.reshape(flat), others.reshape(*is_link.shape[:-2], -1)
    )
    planned = prepare[..., None, None] * weakest
    reply = expected_largest(NormalBelief(belief.mean[..., 0], belief.deviation), need[..., 0], others[..., 0])
    planned = np.concatenate([np.broadcast_to(manager, planned[..., :1, :].shape), planned[..., 1:, :]], axis=-2)
    if multicast == "group":
        # The manager is one of the receivers, so a reply never needs more than the broadcast.
        planned[..., 1:, 0] = np.minimum(reply[..., None] * need[..., 1:, 0], planned[..., 1:, 1:].max(axis=-1))
    return planned


def _with_needs(sinr: Floats, need: Floats, is_link: np.ndarray) -> Floats:
    """SINRs at which the links need just this; others as they were."""
    return np.where(is_link, sinr_of(1.0 / np.where(is_link, need, 1.0)), sinr)


def make(environment: Environment, rng: np.random.Generator) -> Posterior:
    """For the environment's system and twin error; nothing is random. InputError where the means are not known (epochs of a
    user's own without a system)."""
    del rng
    return Posterior(environment.system, environment.twin_error)
