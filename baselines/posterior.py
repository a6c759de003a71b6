r"""Posterior: the solver on the posterior means of what is NEEDED, not on the twin's readings.

The twin's snapshot is replaced by that of the expected needs (``rl.expected_needs``), and the decomposition solver plans on it,
with a margin on multicasting near a floor step (11): a plan whose T_multi ends just below a step crosses it half of the time.
T_multi is a sum over heads, taken as normal with its posterior deviation; plans for needs larger by 0, 1 and 2 such deviations
are made, and the one with the largest expected utility over T_multi (the other needs at their means) is carried out.

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
from ..opt.rates import spectral_efficiency
from ..opt.snapshot import LocalPart, Snapshot
from ..opt.system import System
from ..rl.belief import NormalBelief
from ..rl.environment import Environment
from ..rl.expected_needs import expected, senders_need, sinr_belief, with_needs
from ..rl.observation import Observation
from ..rl.posterior_means import expected_need, largest_need
from ..rl.twin import TwinError
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
        needs = self.expected(observation)
        spread = self._multicast_spread(observation)
        if not needs.local.floor_adaptation or not spread.any():
            return planned_decisions(needs)
        plans: list[Decision] = []
        earns: list[Floats] = []
        for margin in MARGINS:
            plans.append(planned_decisions(replace(needs, local=slower_peers(needs.local, 1.0 + margin * spread))))
            earns.append(expected_utility(needs.local, plans[-1].local, spread))
        best = np.argmax(earns, axis=0)
        return stack_decisions([plans[choice].at(env) for env, choice in enumerate(best)])

    def expected(self, observation: Observation) -> Snapshot:
        """The snapshot of expected needs [env, ...]."""
        return expected(observation, self.system, self.error)

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
        return sinr_belief(reading, mean, self.system, self.error)


def slower_peers(part: LocalPart, factor: Floats) -> LocalPart:
    """The part with every multicast need ``factor`` [env] times as large."""
    need = factor[:, None, None, None] / spectral_efficiency(part.sinr_peer)
    return replace(part, sinr_peer=with_needs(part.sinr_peer, need, part.layout.is_link))


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


def make(environment: Environment, rng: np.random.Generator) -> Posterior:
    """For the environment's system and twin error; nothing is random. InputError where the means are not known (epochs of a
    user's own without a system)."""
    del rng
    return Posterior(environment.system, environment.twin_error)
