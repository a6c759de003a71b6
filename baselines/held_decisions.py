"""Fixed and random decisions for learners (Figs. 6 to 9 of the paper): an environment that takes some decisions itself.

The paper's "fixed computation resource", "fixed bandwidth resource" and "random access" approaches are its own approach with
one kind of decision taken away. Here that happens to the action, between the learner and its decoding: whatever the learner
answers for the kind that is held is replaced, in training and in evaluation alike, and everything else is learnt around it. The
learner needs no change and is not told; what it answers for the held kind is without effect on its rewards.

fixed_cpu: heads at ``fixed_cpu.HEAD_FRACTION`` and delegates at ``fixed_cpu.DELEGATE_FRACTION`` of their observed capacity.
fixed_bandwidth: every head holds 1/J of C1, ``fixed_bandwidth.UPLINK_FRACTION`` of it for the upload (all without peers); every
committee 1/I of C5, split equally over its delegates and one share for requests.
random_access: the managers' preferences are drawn anew in every epoch. The draw is seeded by the epoch itself, so that it
repeats wherever the epoch does, for every policy, and a run that is resumed needs no further state.
With the first two a committee that its manager switches off still takes nothing.

The baselines of the same names plan the rest with the solver instead of learning it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..opt.decision import Decision
from ..opt.errors import InputError
from ..opt.scenario import Scenario
from ..rl.actions import Action
from ..rl.decoding import CHOSEN, Decoded
from ..rl.environment import Environment
from .fixed_bandwidth import UPLINK_FRACTION
from .fixed_cpu import DELEGATE_FRACTION, HEAD_FRACTION

# Held draws come from a stream of their own.
HELD_SEED = 3_000_017


class HeldEnvironment(Environment):
    """An environment that takes the decisions ``hold`` itself; the other parameters are Environment's. InputError for a name
    that is not in HOLDS."""

    def __init__(self, scenario: Scenario | str, hold: str, **others: Any) -> None:
        if hold not in HOLDS:
            raise InputError(f"is {hold!r}; allowed: {', '.join(HOLDS)}", field="hold")
        super().__init__(scenario, **others)
        self.hold = hold

    def _decode(self, answer: Action | Decision) -> Decoded:
        """As Environment's, with the held decisions in place of the answer's. InputError for a Decision, which is no shares."""
        if isinstance(answer, Decision):
            raise InputError(f"is a Decision; {self.hold!r} holds shares, so answer with an Action", field="action")
        return super()._decode(HOLDS[self.hold](answer, self))

    def _made_with(self) -> dict[str, Any]:
        return super()._made_with() | {"hold": self.hold}

    def description(self) -> dict[str, Any]:
        """Also what it holds."""
        return super().description() | {"hold": self.hold}

    def rng(self) -> np.random.Generator:
        """Of the present epoch's held draws."""
        return np.random.default_rng([HELD_SEED, zlib.crc32(self._latent[0].tobytes())])


def _fixed_cpu(action: Action, environment: HeldEnvironment) -> Action:
    del environment
    local = replace(action.local, cpu=np.full(action.local.cpu.shape, HEAD_FRACTION))
    return Action(local, replace(action.global_, cpu=np.full(action.global_.cpu.shape, DELEGATE_FRACTION)))


def _fixed_bandwidth(action: Action, environment: HeldEnvironment) -> Action:
    heads = environment.system.heads
    own = 1.0 / len(heads.ap)
    uplink = np.where(heads.heads[heads.ap] > 1, UPLINK_FRACTION * own, own)
    committees = environment.system.committees
    each = 1.0 / len(committees.delegates) / (committees.delegates + 1)
    shape = action.local.uplink.shape
    local = replace(action.local, uplink=np.broadcast_to(uplink, shape), multicast=np.broadcast_to(own - uplink, shape))
    global_ = replace(
        action.global_,
        request=np.broadcast_to(each, action.global_.request.shape),
        multicast=np.broadcast_to(committees.is_delegate * each[:, None], action.global_.multicast.shape),
    )
    return Action(local, global_)


def _random_access(action: Action, environment: HeldEnvironment) -> Action:
    drawn = 0.5 * environment.rng().random(action.global_.preference.shape)
    # Above CHOSEN for the first choice alone, so that ``as_printed`` sees every AP claimed once.
    preference = np.where(drawn == drawn.max(axis=-2, keepdims=True), CHOSEN + drawn, drawn)
    return Action(action.local, replace(action.global_, preference=preference))


# By name: the action that is executed instead of the learner's.
HOLDS: dict[str, Callable[[Action, HeldEnvironment], Action]] = {
    "fixed_cpu": _fixed_cpu,
    "fixed_bandwidth": _fixed_bandwidth,
    "random_access": _random_access,
}
