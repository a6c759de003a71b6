r"""Fixed computation resource (Figs. 6 to 9 of the paper): CPU at a fixed fraction, spectrum and access optimised.

Fixed: every head runs at HEAD_FRACTION and every delegate at DELEGATE_FRACTION of its observed capacity. Optimised by the
decomposition solver on the observed state: uplink, multicast, request and delegate spectrum, and access. The solver is given
the twin with these speeds as capacities and CPU for free: running at full is then best, so the plan is the optimum of the rest.
The true price of the fixed CPU is a constant for the heads. In the global part it depends on which committee serves an AP,
which the plan overlooks; a committee whose plan loses money at true prices is switched off, CPU included.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..opt.decision import Decision, GlobalDecision
from ..opt.global_equations import evaluate_global
from ..opt.snapshot import GlobalPart, Snapshot
from ..rl.environment import Environment
from ..rl.observation import Observation
from .solver_decisions import planned_decisions

# Assumption: round numbers near the best of a sweep on other seeds (0.3 to 1 for heads, 0.05 to 0.5 for delegates), so that
# the comparison shows what fixing costs and not what a bad constant costs.
HEAD_FRACTION = 0.5
DELEGATE_FRACTION = 0.15


class FixedCpu:
    """head_fraction, delegate_fraction: CPU of everybody as a fraction of the observed capacity."""

    def __init__(self, head_fraction: float = HEAD_FRACTION, delegate_fraction: float = DELEGATE_FRACTION) -> None:
        self.head_fraction, self.delegate_fraction = head_fraction, delegate_fraction

    def act(self, observation: Observation) -> Decision:
        """Plan spectrum and access around the fixed CPU on the observed state."""
        twin = observation.twin
        head_cpu = self.head_fraction * twin.local.cpu_max_hz
        real = twin.global_.layout.is_delegate
        delegate_cpu = np.where(real, self.delegate_fraction * twin.global_.cpu_max_hz, 0.0)
        plan = planned_decisions(self._with_fixed_cpu(twin))
        local = replace(plan.local, cpu_hz=head_cpu)
        return Decision(local, only_profitable(twin.global_, replace(plan.global_, cpu_hz=delegate_cpu)))

    def _with_fixed_cpu(self, twin: Snapshot) -> Snapshot:
        local, global_ = twin.local, twin.global_
        return replace(
            twin,
            local=replace(local, cpu_max_hz=self.head_fraction * local.cpu_max_hz, cpu_cost=0.0),
            global_=replace(global_, cpu_max_hz=self.delegate_fraction * global_.cpu_max_hz, cpu_cost=0.0),
        )


def only_profitable(part: GlobalPart, decision: GlobalDecision) -> GlobalDecision:
    """The decision with every committee switched off that loses money on this part; access stays."""
    earns = evaluate_global(part, decision).committee_utility > 0.0
    served = np.take_along_axis(earns, decision.access, axis=-1)
    return GlobalDecision(
        access=decision.access,
        request=np.where(served, decision.request, 0.0),
        cpu_hz=np.where(earns[..., None], decision.cpu_hz, 0.0),
        multicast=None if decision.multicast is None else np.where(earns[..., None], decision.multicast, 0.0),
        peer=None if decision.peer is None else np.where(earns[..., None, None], decision.peer, 0.0),
    )


def make(environment: Environment, rng: np.random.Generator) -> FixedCpu:
    """With the default fractions; nothing is random."""
    del environment, rng
    return FixedCpu()
