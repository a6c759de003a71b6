"""Stable-Baselines3 on the standard tasks: same networks, rates, steps and batches as ours (``standard_tasks``)."""

from __future__ import annotations

import numpy as np
import torch
from vector_game import HIDDEN, Vector


def trusted(learner: str, steps: int, seed: int):
    import stable_baselines3 as sb3
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.noise import NormalActionNoise

    kind = {"net_arch": [HIDDEN, HIDDEN]}
    if learner == "ddqn":
        model = sb3.DQN(
            "MlpPolicy",
            "CartPole-v1",
            learning_rate=2.3e-3,
            batch_size=64,
            buffer_size=100_000,
            learning_starts=1000,
            gamma=0.99,
            target_update_interval=10,
            train_freq=128,
            gradient_steps=64,
            exploration_fraction=0.16,
            exploration_final_eps=0.04,
            policy_kwargs=kind,
            seed=seed,
        )
        act = push_of(model)
    elif learner == "ddpg":
        model = sb3.DDPG(
            "MlpPolicy",
            "Pendulum-v1",
            learning_rate=1e-3,
            batch_size=64,
            learning_starts=500,
            gamma=0.98,
            tau=0.005,
            train_freq=1,
            action_noise=NormalActionNoise(np.zeros(1), 0.1 * np.ones(1)),
            policy_kwargs=kind,
            seed=seed,
        )
        act = torque_of(model)
    else:
        env = make_vec_env("CartPole-v1", n_envs=8, seed=seed)
        model = sb3.A2C(
            "MlpPolicy", env, learning_rate=lambda left: 7e-4 * left, gamma=0.99, n_steps=5, policy_kwargs=kind, seed=seed
        )
        act = push_of(model)
    model.learn(steps)
    return act


def push_of(model):
    def act(features: Vector):
        actions, _ = model.predict(features.values.numpy(), deterministic=True)
        return {"push": torch.as_tensor(actions)[:, None, None]}

    return act


def torque_of(model):
    def act(features: Vector):
        actions, _ = model.predict(features.values.numpy(), deterministic=True)
        return {"torque": torch.as_tensor(actions)[:, None, :] / 2.0}

    return act
