"""Which networks a team's settings stand for: of all shares or reduced, shared or per agent; fresh, or of saved weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from .features import CommitteeFeatures, HeadFeatures
from .layers import Standardise
from .mappo_settings import TeamSettings
from .networks import GlobalActor, GlobalCritic, LocalActor, LocalCritic
from .own_networks import OwnGlobalActor, OwnGlobalCritic, OwnLocalActor, OwnLocalCritic
from .reduced_networks import ReducedGlobalActor, ReducedLocalActor

AnyLocalActor = LocalActor | ReducedLocalActor
AnyGlobalActor = GlobalActor | ReducedGlobalActor
LocalNetworks = tuple[AnyLocalActor, LocalCritic | OwnLocalCritic]
GlobalNetworks = tuple[AnyGlobalActor, GlobalCritic | OwnGlobalCritic]


def local_networks(calibration: HeadFeatures, team: TeamSettings) -> LocalNetworks:
    """Fresh networks of the AP team, their feature scales fitted on the calibration epochs."""
    slots = (calibration.is_head.shape[0], calibration.is_head.shape[1])
    networks = _local(calibration.values.shape[-1], team, slots)
    rows = calibration.values[:, calibration.is_head > 0].flatten(0, -2)
    for network in networks:
        network.encoder.standardise.fit(rows)
    return networks


def global_networks(calibration: CommitteeFeatures, team: TeamSettings) -> GlobalNetworks:
    """Fresh networks of the manager team, their feature scales fitted on the calibration epochs."""
    parts = (calibration.committee, calibration.delegate, calibration.access)
    widths = (parts[0].shape[-1], parts[1].shape[-1], parts[2].shape[-1])
    slots = (calibration.is_delegate.shape[0], calibration.is_delegate.shape[1], parts[2].shape[-2])
    networks = _global(widths, team, slots)
    rows = (
        parts[0].flatten(0, -2),
        parts[1][:, calibration.is_delegate > 0].flatten(0, -2),
        parts[2].flatten(0, -2),
    )
    for network in networks:
        for scale, values in zip(network.encoder.standardise, rows, strict=True):
            assert isinstance(scale, Standardise)
            scale.fit(values)
    return networks


def saved_local_actor(weights: Mapping[str, Tensor], team: TeamSettings) -> AnyLocalActor:
    """The actor of the AP team with these weights, on the CPU. RuntimeError or KeyError when they do not fit."""
    width = _width("encoder.standardise", weights)
    slots = OwnLocalActor.slots_of(weights, width) if team.networks == "own" else None
    # torch's layers initialise from its global generator: borrow it, and give it back as it was.
    with torch.random.fork_rng(devices=[]):
        actor, _ = _local(width, team, slots)
    actor.load_state_dict(weights)
    return actor


def saved_global_actor(weights: Mapping[str, Tensor], team: TeamSettings) -> AnyGlobalActor:
    """The actor of the manager team with these weights, on the CPU. RuntimeError or KeyError when they do not fit."""
    committee, delegate, access = (_width(f"encoder.standardise.{part}", weights) for part in range(3))
    widths = (committee, delegate, access)
    slots = OwnGlobalActor.slots_of(weights, widths) if team.networks == "own" else None
    with torch.random.fork_rng(devices=[]):
        actor, _ = _global(widths, team, slots)
    actor.load_state_dict(weights)
    return actor


def _local(width: int, team: TeamSettings, slots: tuple[int, int] | None) -> LocalNetworks:
    """For this many features of a head; slots (see OwnLocalActor) are needed by networks per agent."""
    actor = ReducedLocalActor(width, team) if team.actions == "reduced" else LocalActor(width, team)
    critic = LocalCritic(width, team.hidden)
    if team.networks == "own":
        # Made after the shared ones, so that a seed goes on giving the weights that it always gave.
        assert slots is not None
        actor, critic = OwnLocalActor(width, team, slots), OwnLocalCritic(width, team.hidden, slots)
    return actor, critic


def _global(widths: tuple[int, int, int], team: TeamSettings, slots: tuple[int, int, int] | None) -> GlobalNetworks:
    """For this many features of a committee, a delegate and an AP; slots: see OwnGlobalActor."""
    actor = ReducedGlobalActor(widths, team) if team.actions == "reduced" else GlobalActor(widths, team)
    critic = GlobalCritic(widths, team.hidden)
    if team.networks == "own":
        assert slots is not None
        actor, critic = OwnGlobalActor(widths, team, slots), OwnGlobalCritic(widths, team.hidden, slots)
    return actor, critic


def _width(scale: str, weights: Mapping[str, Tensor]) -> int:
    return len(weights[f"{scale}.mean"])
