"""Generalised advantage estimation: (30) and (31) of the paper for a batch of environments and agents."""

from __future__ import annotations

import numpy as np

from ..opt.arrays import Booleans, Floats


def gae(
    rewards: Floats, values: Floats, last_values: Floats, terminated: Booleans, discount: float, gae_lambda: float
) -> Floats:
    """Advantages [step, env, agent] of the actions taken, in the reward's unit (Schulman et al., 2016).

    delta_t = r_t + discount * chi_{t+1} - chi_t (31), A_t = sum over l of (discount * lambda)^l delta_{t+l}. The paper prints
    lambda = 1 (30) and, like (26), leaves out the powers of the discount (remark R12); they are here.

    rewards, values: [step, env, agent], values chi in the reward's own unit (denormalised).
    last_values: [env, agent], chi of the state after the last step, used where the last step did not end its episode.
    terminated: [step, env], True where the episode ended at this step. The end of the horizon is the end of the return
    (model section 6), so nothing is bootstrapped there: it is a termination, not a truncation.
    """
    continues = discount * np.where(terminated, 0.0, 1.0)[..., None]
    # The deltas of all steps, then their discounted sums from the end.
    advantages = rewards + continues * np.concatenate([values[1:], last_values[None]]) - values
    kept = gae_lambda * continues
    for step in range(len(rewards) - 2, -1, -1):
        advantages[step] += kept[step] * advantages[step + 1]
    return advantages


def share_credit(advantages: Floats, team_credit: float) -> Floats:
    """Mix each agent's own advantage with its team's: (1 - w) A_k + w sum over l of A_l, on the last axis.

    w = 1 is the gradient of the team's return; w = 0 lets every agent look at its own reward only, which has less
    variance but forgets what its share of a common budget costs the others.
    """
    team = advantages.sum(axis=-1, keepdims=True)
    return (1.0 - team_credit) * advantages + team_credit * team
