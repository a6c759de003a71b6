"""What draws of an actor stand for, in the action space that it was made for: shares (for the relaxation) and actions.

``full`` (``teams``): every share is drawn. ``reduced`` (``reduced_actions``): what couples is drawn, the rest follows from the
observed state. Either way a share is one of the budget and a CPU fraction one of the observed capacity, so everything behind
(decoding, environment, relaxation) is the same.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..opt.snapshot import GlobalPart, LocalPart
from .actions import GlobalAction, LocalAction
from .distributions import Latents
from .features import CommitteeFeatures, HeadFeatures
from .mappo_settings import Actions
from .reduced_actions import assigned, reduced_global_shares, reduced_local_shares
from .teams import as_array, doubled, global_action, global_shares, local_action, local_shares


def local_shares_in(
    actions: Actions, latents: Latents, features: HeadFeatures, twin: LocalPart
) -> tuple[Tensor, Tensor, Tensor]:
    """(uplink share, multicast share, CPU fraction) per head [env, J]; ``features`` of the observation ``twin``."""
    if actions == "full":
        return local_shares(latents, twin.layout)
    return reduced_local_shares(latents, features, twin)


def global_shares_in(
    actions: Actions, latents: Latents, features: CommitteeFeatures, served: Tensor, serves: Tensor, twin: GlobalPart
) -> tuple[Tensor, Tensor, Tensor]:
    """(request share [env, I], multicast share [env, I, V], CPU fraction [env, I, V]), when these APs are served [env, I, K]
    and these committees serve [env, I] (0 or 1, or probabilities)."""
    if actions == "full":
        return global_shares(latents, features)
    return reduced_global_shares(latents, features, served, serves, twin)


@torch.no_grad()
def local_action_in(actions: Actions, latents: Latents, features: HeadFeatures, twin: LocalPart) -> LocalAction:
    """The action of the draws of all APs."""
    if actions == "full":
        return local_action(latents, twin.layout)
    return LocalAction(*map(as_array, reduced_local_shares(doubled(latents), features, twin)))


@torch.no_grad()
def global_action_in(actions: Actions, latents: Latents, features: CommitteeFeatures, twin: GlobalPart) -> GlobalAction:
    """The action of the draws of all managers."""
    if actions == "full":
        return global_action(latents, features)
    served, preference = assigned(latents, twin.capacity)
    # Whoever gets no APs has nothing to serve.
    serves = latents["serve"][..., 0] * served.amax(dim=-1)
    request, multicast, cpu = reduced_global_shares(doubled(latents), features, served, serves, twin)
    return GlobalAction(
        preference=as_array(preference),
        serve=as_array(serves),
        request=as_array(request),
        multicast=as_array(multicast),
        cpu=as_array(cpu),
    )
