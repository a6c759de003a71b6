"""The two teams as MAPPO sees them: which features, networks and action heads they have, and what their draws mean."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..opt.arrays import Floats
from ..opt.snapshot import HeadLayout
from .actions import GlobalAction, LocalAction
from .distributions import Hybrid, Latents
from .features import REPLY, SEND, CommitteeFeatures, HeadFeatures
from .mappo_settings import TeamSettings
from .networks import GlobalActor, GlobalCritic, LocalActor, LocalCritic, Standardise

# Shares are exponentials of normal draws; a stray one must stay a number.
LARGEST_LOG_SHARE = 10.0
# Scores of managers that serve stay within this.
LARGEST_SCORE = 100.0


def local_networks(calibration: HeadFeatures, team: TeamSettings) -> tuple[LocalActor, LocalCritic]:
    """Fresh networks of the AP team, their feature scales fitted on the calibration epochs."""
    width = calibration.values.shape[-1]
    actor = LocalActor(width, team)
    critic = LocalCritic(width, team.hidden)
    rows = calibration.values[:, calibration.is_head > 0].flatten(0, -2)
    for network in (actor, critic):
        network.encoder.standardise.fit(rows)
    return actor, critic


def global_networks(calibration: CommitteeFeatures, team: TeamSettings) -> tuple[GlobalActor, GlobalCritic]:
    """Fresh networks of the manager team, their feature scales fitted on the calibration epochs."""
    parts = (calibration.committee, calibration.delegate, calibration.access)
    widths = (parts[0].shape[-1], parts[1].shape[-1], parts[2].shape[-1])
    actor = GlobalActor(widths, team)
    critic = GlobalCritic(widths, team.hidden)
    rows = (
        parts[0].flatten(0, -2),
        parts[1][:, calibration.is_delegate > 0].flatten(0, -2),
        parts[2].flatten(0, -2),
    )
    for network in (actor, critic):
        for scale, values in zip(network.encoder.standardise, rows, strict=True):
            assert isinstance(scale, Standardise)
            scale.fit(values)
    return actor, critic


def local_action(latents: Latents, layout: HeadLayout) -> LocalAction:
    """Shares are exponentials, the CPU fraction a logistic function of the draws [env, K, N], read per head [env, J]."""

    def per_head(values: Tensor) -> Floats:
        return _array(values)[:, layout.ap, layout.rank]

    return LocalAction(
        uplink=_share(per_head(latents["uplink"])),
        multicast=_share(per_head(latents["multicast"])),
        cpu=1.0 / (1.0 + np.exp(-per_head(latents["cpu"]))),
    )


def global_action(latents: Latents, features: CommitteeFeatures) -> GlobalAction:
    """Amounts from the draws of all managers.

    Delegate v gets exp(spread + share_v) times max(sending need, reply need / exp(reply)) over the sum of sending needs: the
    reply may take exp(reply) times as long as a broadcast. Manager: exp(spread + manager), requests: exp(spread + request).
    CPU fractions are exp(pace + speed_v), at most 1. A manager scores an AP by its appetite, plus 1 for one it likes; one that
    does not serve scores lower than any that does.
    """
    spread, serve = latents["spread"], latents["serve"]
    need = torch.maximum(features.delegate[..., SEND], features.delegate[..., REPLY] - latents["reply"])
    shares = torch.cat([latents["manager"], (latents["share"] + need - features.delegates_need)[..., 1:]], dim=-1)
    score = (latents["appetite"] + latents["bid"]).clamp(-LARGEST_SCORE, LARGEST_SCORE)
    return GlobalAction(
        preference=_array(score.where(serve > 0.5, -2.0 * LARGEST_SCORE)),
        serve=_array(serve)[..., 0],
        request=_share(_array(spread + latents["request"]))[..., 0],
        multicast=_share(_array(spread + shares)),
        cpu=np.minimum(np.exp(_array(latents["pace"] + latents["speed"])), 1.0),
    )


def best_latents(distribution: Hybrid) -> Latents:
    """What a trained policy does: means and likelier values, and bids as probabilities, which rank APs and managers where
    0 and 1 would leave ties."""
    latents = distribution.mode()
    if "bid" in latents:
        latents["bid"] = torch.sigmoid(distribution.heads["bid"].location)
    return latents


def _share(log_share: Floats) -> Floats:
    return np.exp(np.minimum(log_share, LARGEST_LOG_SHARE))


def _array(values: Tensor) -> NDArray[np.float64]:
    return values.detach().cpu().double().numpy()
