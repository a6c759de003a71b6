"""What draws of an actor stand for, in the action space that it was made for: shares (for the relaxation) and actions.

``full`` (``teams``): every share is drawn. ``reduced`` (``reduced_actions``): what couples is drawn, the rest follows from the
observed state. Either way a share is one of the budget and a CPU fraction one of the observed capacity, so everything behind
(decoding, environment, relaxation) is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ..opt.snapshot import GlobalPart, LocalPart, Snapshot
from .actions import GlobalAction, LocalAction
from .belief import believed
from .distributions import Latents
from .expected_needs import expected_where_known
from .features import CommitteeFeatures, HeadFeatures
from .mappo_settings import Actions
from .observation import Observation
from .reduced_actions import assigned, reduced_global_shares, reduced_local_shares
from .teams import as_array, doubled, global_action, global_shares, local_action, local_shares
from .twin import TwinError

Shares = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class ActionSpace:
    """What the draws of all APs (local) and of all managers (global) stand for; features are of what they take for the state,
    whose parts come last.

    seen: that state, of an observation under a twin with this error: as it is believed (``belief``), or, where shares follow
    from it in closed form, with expected needs (``expected_needs``).
    local_shares: (uplink share, multicast share, CPU fraction) per head [env, J]. global_shares: (request share [env, I],
    multicast share [env, I, V], CPU fraction [env, I, V]), when these APs are served [env, I, K] and these committees serve
    [env, I] (0 or 1, or probabilities). Actions are in double precision, off the graph.
    """

    seen: Callable[[Observation, TwinError], Snapshot]
    local_shares: Callable[[Latents, HeadFeatures, LocalPart], Shares]
    global_shares: Callable[[Latents, CommitteeFeatures, Tensor, Tensor, GlobalPart], Shares]
    local_action: Callable[[Latents, HeadFeatures, LocalPart], LocalAction]
    global_action: Callable[[Latents, CommitteeFeatures, GlobalPart], GlobalAction]


def reduced_local_action(latents: Latents, features: HeadFeatures, seen: LocalPart) -> LocalAction:
    """The action of the draws of all APs in ``reduced``."""
    return LocalAction(*map(as_array, reduced_local_shares(doubled(latents), features, seen)))


def reduced_global_action(latents: Latents, features: CommitteeFeatures, seen: GlobalPart) -> GlobalAction:
    """The action of the draws of all managers in ``reduced``."""
    served, preference = assigned(latents, seen.capacity)
    # Whoever gets no APs has nothing to serve.
    serves = latents["serve"][..., 0] * served.amax(dim=-1)
    request, multicast, cpu = reduced_global_shares(doubled(latents), features, served, serves, seen)
    return GlobalAction(
        preference=as_array(preference),
        serve=as_array(serves),
        request=as_array(request),
        multicast=as_array(multicast),
        cpu=as_array(cpu),
    )


ACTION_SPACES: Mapping[Actions, ActionSpace] = {
    "full": ActionSpace(
        seen=believed,
        local_shares=lambda latents, _features, twin: local_shares(latents, twin.layout),
        global_shares=lambda latents, features, _served, _serves, _twin: global_shares(latents, features),
        local_action=lambda latents, _features, twin: local_action(latents, twin.layout),
        global_action=lambda latents, features, _twin: global_action(latents, features),
    ),
    "reduced": ActionSpace(
        expected_where_known, reduced_local_shares, reduced_global_shares, reduced_local_action, reduced_global_action
    ),
}
