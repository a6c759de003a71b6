"""Baseline ``by_load``: spectrum in proportion to what each sender needs by the twin, CPU at half, every committee served."""

import numpy as np

from twingap.opt.local_equations import weakest_peer
from twingap.opt.rates import spectral_efficiency
from twingap.rl.actions import Action, GlobalAction, LocalAction
from twingap.rl.environment import Environment
from twingap.rl.observation import Observation

CPU = 0.5


def by_load(observation: Observation) -> Action:
    """Shares of the budgets for every environment of the batch [env, ...]."""
    local, global_ = observation.twin.local, observation.twin.global_
    envs, heads = local.cpu_max_hz.shape
    real = global_.layout.is_delegate
    upload = local.upload_bits / spectral_efficiency(local.sinr_uplink)
    multicast = local.multicast_bits / spectral_efficiency(weakest_peer(local))
    link = np.where(global_.layout.is_link, spectral_efficiency(global_.sinr_peer), np.inf).min(axis=-1)
    relay = np.where(real, global_.block_bits[..., None] / link, 0.0)
    request = global_.block_bits / spectral_efficiency(global_.sinr_access).mean(axis=-1)
    return Action(
        LocalAction(
            uplink=0.5 * upload / upload.sum(axis=-1, keepdims=True),
            multicast=0.5 * multicast / multicast.sum(axis=-1, keepdims=True),
            cpu=np.full((envs, heads), CPU),
        ),
        GlobalAction(
            preference=spectral_efficiency(global_.sinr_access),
            serve=np.ones((envs, len(real))),
            request=0.2 * request / request.sum(axis=-1, keepdims=True),
            multicast=0.8 * relay / relay.sum(axis=(-2, -1), keepdims=True),
            cpu=np.broadcast_to(CPU * real, (envs, *real.shape)),
        ),
    )


class ByLoad:
    """The same as a policy: anything with ``act`` is one."""

    def act(self, observation: Observation) -> Action:
        """See ``by_load``."""
        return by_load(observation)


def make(environment: Environment, rng: np.random.Generator) -> ByLoad:
    """What the entry point names: a policy for this environment, all its chance from ``rng``."""
    del environment, rng
    return ByLoad()
