"""What the draws of both teams mean: the action space ``full``, in which every share is drawn."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..opt.snapshot import HeadLayout
from .actions import GlobalAction, LocalAction
from .distributions import Hybrid, Latents
from .features import REPLY, SEND, CommitteeFeatures

# Shares are exponentials of normal draws; a stray one must stay a number.
LARGEST_LOG_SHARE = 10.0
# Scores of managers that serve stay within this.
LARGEST_SCORE = 100.0


def local_shares(latents: Latents, layout: HeadLayout) -> tuple[Tensor, Tensor, Tensor]:
    """(uplink share, multicast share, CPU fraction) per head [env, J] of draws [env, K, N]: shares are exponentials, the CPU
    fraction a logistic function of the draws."""
    ap, rank = torch.tensor(layout.ap), torch.tensor(layout.rank)
    uplink, multicast, cpu = (latents[name][:, ap, rank] for name in ("uplink", "multicast", "cpu"))
    return _share(uplink), _share(multicast), torch.sigmoid(cpu)


def global_shares(latents: Latents, features: CommitteeFeatures) -> tuple[Tensor, Tensor, Tensor]:
    """(request share [env, I], multicast share [env, I, V], CPU fraction [env, I, V]) of the draws of all managers.

    Delegate v gets exp(spread + share_v) times max(sending need, reply need / exp(reply)) over the sum of sending needs: the
    reply may take exp(reply) times as long as a broadcast. Manager: exp(spread + manager), requests: exp(spread + request).
    CPU fractions are exp(pace + speed_v), at most 1.
    """
    spread = latents["spread"]
    need = torch.maximum(features.delegate[..., SEND], features.delegate[..., REPLY] - latents["reply"])
    shares = torch.cat([latents["manager"], (latents["share"] + need - features.delegates_need)[..., 1:]], dim=-1)
    request = _share(spread + latents["request"])[..., 0]
    return request, _share(spread + shares), (latents["pace"] + latents["speed"]).clamp(max=0.0).exp()


def scores(latents: Latents) -> Tensor:
    """What each manager would give for each AP [env, I, K]: its appetite, plus 1 for one it likes."""
    return (latents["appetite"] + latents["bid"]).clamp(-LARGEST_SCORE, LARGEST_SCORE)


def preference(latents: Latents) -> Tensor:
    """Scores in double precision; a manager that does not serve scores lower than any that does."""
    return scores(latents).double().where(latents["serve"] > 0.5, -2.0 * LARGEST_SCORE)


def local_action(latents: Latents, layout: HeadLayout) -> LocalAction:
    """The action of the draws, in double precision."""
    return LocalAction(*map(as_array, local_shares(doubled(latents), layout)))


def global_action(latents: Latents, features: CommitteeFeatures) -> GlobalAction:
    """The action of the draws."""
    request, multicast, cpu = global_shares(doubled(latents), features)
    return GlobalAction(
        preference=as_array(preference(latents)),
        serve=as_array(latents["serve"])[..., 0],
        request=as_array(request),
        multicast=as_array(multicast),
        cpu=as_array(cpu),
    )


def best_latents(distribution: Hybrid) -> Latents:
    """What a trained policy does: means and likelier values, and bids as probabilities, which rank APs and managers where
    0 and 1 would leave ties."""
    latents = distribution.mode()
    if "bid" in latents:
        latents["bid"] = torch.sigmoid(distribution.heads["bid"].location)
    return latents


def _share(log_share: Tensor) -> Tensor:
    return log_share.clamp(max=LARGEST_LOG_SHARE).exp()


def doubled(latents: Latents) -> Latents:
    """The same draws in double precision."""
    return {name: values.double() for name, values in latents.items()}


def as_array(values: Tensor) -> NDArray[np.float64]:
    """In double precision, off the graph and the device."""
    return values.detach().cpu().double().numpy()
