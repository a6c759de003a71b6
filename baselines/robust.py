r"""Robust: certainty equivalence with margins, fitted on training epochs to what the truth pays.

The decomposition solver plans on a twin whose readings are moved by six margins, three for each part:

* local: peers and uplinks [dB added to the SINR read], CPU [factor on the capacity read];
* global: links of delegates and access links [dB], blocks [factor on the size read].

A phase waits for the worst of many noisy links, and the worst reading is worse than the worst link: hence margins in dB. A
margin on peers scales the planned multicast time as well, so it also keeps plans off the edges of floor steps. CPU matters
where a plan above the true capacity is void (``over_capacity``); elsewhere it is cut.

Margins maximise the mean true utility (what the environment pays) over EPOCHS training epochs of the same system at the same
twin error, drawn from the policy's own generator: never the epochs on which it is measured. They are found by pattern search:
each in turn a step up, else a step down, kept if it pays more by at least one standard error of the paired difference, so
that chance moves no margin far; then once more with half the steps. The parts share no variable, so both are searched at the
same time by the same plans. Without error (sigma 0) all margins are zero, since then the twin is the truth.
Nothing is assumed about the prior or the error but what training epochs show; ``posterior`` knows both exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..opt.arrays import Floats
from ..opt.decision import Decision
from ..opt.fluctuation import NEPER_PER_DB
from ..opt.snapshot import GlobalPart, LocalPart
from ..rl.environment import Environment
from ..rl.observation import Observation
from .solver_decisions import planned_decisions

# Assumptions: enough epochs and passes that the margins earn more than none on fresh epochs of every system tried.
EPOCHS = 64
SCALES = (1.0, 0.5)
# Steps of the search at scale 1: 1 dB, 10 %.
STEP_DB, STEP_LOG = 1.0, 0.1


@dataclass(frozen=True)
class LocalMargins:
    """peer_db, uplink_db: added to SINRs read [dB]; log_cpu: of the factor on CPU read."""

    peer_db: float = 0.0
    uplink_db: float = 0.0
    log_cpu: float = 0.0

    def planned(self, part: LocalPart) -> LocalPart:
        """The part to plan on."""
        return replace(
            part,
            sinr_peer=part.sinr_peer * np.exp(NEPER_PER_DB * self.peer_db),
            sinr_uplink=part.sinr_uplink * np.exp(NEPER_PER_DB * self.uplink_db),
            cpu_max_hz=part.cpu_max_hz * np.exp(self.log_cpu),
        )


@dataclass(frozen=True)
class GlobalMargins:
    """link_db, access_db: added to SINRs read [dB]; log_block: of the factor on block sizes read."""

    link_db: float = 0.0
    access_db: float = 0.0
    log_block: float = 0.0

    def planned(self, part: GlobalPart) -> GlobalPart:
        """The part to plan on."""
        return replace(
            part,
            sinr_peer=part.sinr_peer * np.exp(NEPER_PER_DB * self.link_db),
            sinr_access=part.sinr_access * np.exp(NEPER_PER_DB * self.access_db),
            block_bits=part.block_bits * np.exp(self.log_block),
        )


Margins = TypeVar("Margins", LocalMargins, GlobalMargins)

LOCAL_STEPS = {"peer_db": STEP_DB, "uplink_db": STEP_DB, "log_cpu": STEP_LOG}
GLOBAL_STEPS = {"link_db": STEP_DB, "access_db": STEP_DB, "log_block": STEP_LOG}


@dataclass(frozen=True)
class Robust:
    """Plans with fixed margins."""

    local: LocalMargins = LocalMargins()
    global_: GlobalMargins = GlobalMargins()

    def act(self, observation: Observation) -> Decision:
        """The solver's decisions for the twin with margins."""
        twin = observation.twin
        return planned_decisions(
            replace(twin, local=self.local.planned(twin.local), global_=self.global_.planned(twin.global_))
        )


def fit(training: Environment) -> Robust:
    """The margins that pay most, on average over the first epoch of every environment of ``training``."""
    seed = training.seed

    def pays(margins: Robust) -> tuple[Floats, Floats]:
        step = training.step(margins.act(training.reset(seed)))
        return step.reward_local, step.reward_global

    best = Robust()
    paid_local, paid_global = pays(best)
    for scale in SCALES:
        for (local, local_step), (global_, global_step) in zip(LOCAL_STEPS.items(), GLOBAL_STEPS.items(), strict=True):
            open_local = open_global = True
            for sign in (1.0, -1.0):
                if not (open_local or open_global):
                    break
                tried = Robust(
                    _moved(best.local, local, sign * scale * local_step) if open_local else best.local,
                    _moved(best.global_, global_, sign * scale * global_step) if open_global else best.global_,
                )
                found_local, found_global = pays(tried)
                if open_local and _pays_more(found_local, paid_local):
                    best, paid_local, open_local = replace(best, local=tried.local), found_local, False
                if open_global and _pays_more(found_global, paid_global):
                    best, paid_global, open_global = replace(best, global_=tried.global_), found_global, False
    return best


def _pays_more(found: Floats, paid: Floats) -> bool:
    """Whether the paired difference exceeds its standard error."""
    difference = found - paid
    return bool(difference.mean() > difference.std() / np.sqrt(len(difference)))


def _moved(margins: Margins, name: str, by: float) -> Margins:
    return replace(margins, **{name: getattr(margins, name) + by})


def make(environment: Environment, rng: np.random.Generator) -> Robust:
    """Fitted on training epochs from ``rng`` in the environment's system, at its twin error and by its rules. InputError for a
    trace under twin error, which has no other epochs to fit on; without error there is nothing to fit."""
    if environment.twin_error.is_zero:
        return Robust()
    return fit(environment.training(int(rng.integers(2**31)), EPOCHS))
