"""Stable-Baselines3, skrl and TorchRL on the task of `equal_work.py`: each returns (rollout, update) CPU seconds."""

# ruff: noqa: ARG002 - what other libraries' methods are called with

from __future__ import annotations

import numpy as np
import torch
from equal_work import (
    ACTIONS,
    CLIP,
    DISCOUNT,
    ENVIRONMENTS,
    HIDDEN,
    LAMBDA,
    MINIBATCHES,
    OBSERVATION,
    PASSES,
    RATE,
    ROLLOUT,
    Clock,
    Task,
    box,
    layers,
    timed_turns,
)
from torch import nn


def stable_baselines(agents: int, updates: int) -> tuple[float, float]:
    from stable_baselines3 import PPO
    from stable_baselines3.common.vec_env import VecEnv

    class Rows(VecEnv):
        """Every agent as an environment."""

        def __init__(self) -> None:
            self.task = Task(agents)
            super().__init__(ENVIRONMENTS * agents, box(OBSERVATION), box(ACTIONS))

        def reset(self):
            return self.task.reset().reshape(-1, OBSERVATION)

        def step_async(self, actions) -> None:
            self.actions = actions

        def step_wait(self):
            seen, reward, over = self.task.step(self.actions)
            seen = seen.reshape(-1, OBSERVATION)
            infos = [{"terminal_observation": last} for last in seen] if over else [{} for _ in range(self.num_envs)]
            return seen, reward.reshape(-1), np.full(self.num_envs, over), infos

        def close(self) -> None: ...

        def get_attr(self, attr_name, indices=None):
            return [None] * self.num_envs

        def set_attr(self, attr_name, value, indices=None) -> None: ...

        def env_method(self, method_name, *arguments, indices=None, **named) -> None: ...

        def env_is_wrapped(self, wrapper_class, indices=None):
            return [False] * self.num_envs

    rows = ENVIRONMENTS * agents * ROLLOUT[agents]
    model = PPO(
        "MlpPolicy",
        Rows(),
        learning_rate=RATE,
        n_steps=ROLLOUT[agents],
        n_epochs=PASSES,
        batch_size=rows // MINIBATCHES,
        gamma=DISCOUNT,
        gae_lambda=LAMBDA,
        clip_range=CLIP,
        policy_kwargs={"net_arch": [HIDDEN, HIDDEN]},
        device="cpu",
        seed=0,
    )
    return timed(model, rows, updates)


def timed(model, rows: int, updates: int) -> tuple[float, float]:
    """(rollout, update) CPU seconds of a model of Stable-Baselines3, after one update to warm up."""
    from stable_baselines3.common.callbacks import BaseCallback

    rolling, whole = Clock(), Clock()

    class Rollouts(BaseCallback):
        def _on_rollout_start(self) -> None:
            rolling.__enter__()

        def _on_rollout_end(self) -> None:
            rolling.__exit__()

        def _on_step(self) -> bool:
            return True

    model.learn(rows)
    with whole:
        model.learn(rows * updates, callback=Rollouts())
    return rolling.seconds, whole.seconds - rolling.seconds


def skrl_parts():
    """Actor, critic and settings of skrl."""
    import logging

    from skrl.models.torch import DeterministicMixin, GaussianMixin, Model

    logging.disable(logging.WARNING)
    spaces = {"observation_space": box(OBSERVATION), "state_space": box(OBSERVATION), "action_space": box(ACTIONS)}

    class Actor(GaussianMixin, Model):
        def __init__(self) -> None:
            Model.__init__(self, **spaces, device="cpu")
            GaussianMixin.__init__(self)
            self.body, self.log_std = nn.Sequential(*layers(ACTIONS)), nn.Parameter(torch.zeros(ACTIONS))

        def compute(self, inputs, role=""):
            return self.body(inputs["observations"]), {"log_std": self.log_std}

    class Critic(DeterministicMixin, Model):
        def __init__(self) -> None:
            Model.__init__(self, **spaces, device="cpu")
            DeterministicMixin.__init__(self)
            self.body = nn.Sequential(*layers(1))

        def compute(self, inputs, role=""):
            return self.body(inputs["observations"]), {}

    def settings(rollout: int) -> dict[str, object]:
        return {
            "rollouts": rollout,
            "learning_epochs": PASSES,
            "mini_batches": MINIBATCHES,
            "discount_factor": DISCOUNT,
            "gae_lambda": LAMBDA,
            "ratio_clip": CLIP,
            "learning_rate": RATE,
            "value_clip": 0.0,
            "value_loss_scale": 0.5,
            "experiment": {"write_interval": 0, "checkpoint_interval": 0},
        }

    return Actor, Critic, settings


def skrl_loop(agent, first, step, rollout: int, updates: int) -> tuple[float, float]:
    """skrl's loop without its trainer. step(actions): (rewards, next observations, ends, no truncations)."""
    agent.init()
    agent.enable_training_mode(True)
    whole, updating, plain = Clock(), Clock(), agent.update

    def clocked(**named) -> None:
        with updating:
            plain(**named)

    agent.update = clocked
    total, seen = rollout * (updates + 1), first
    for timestep in range(total):
        if timestep == rollout:
            whole.seconds = updating.seconds = 0.0
        when = {"timestep": timestep, "timesteps": total}
        with whole:
            agent.pre_interaction(**when)
            with torch.no_grad():
                actions, _ = agent.act(seen, seen, **when)
                rewards, following, ends, cut = step(actions)
                agent.record_transition(
                    observations=seen,
                    states=seen,
                    actions=actions,
                    rewards=rewards,
                    next_observations=following,
                    next_states=following,
                    terminated=ends,
                    truncated=cut,
                    infos={},
                    **when,
                )
            agent.post_interaction(**when)
        seen = following
    return whole.seconds - updating.seconds, updating.seconds


def skrl_ppo(agents: int, updates: int) -> tuple[float, float]:
    from skrl.agents.torch.ppo import PPO
    from skrl.memories.torch import RandomMemory

    actor, critic, settings = skrl_parts()
    task, rows = Task(agents), ENVIRONMENTS * agents
    agent = PPO(
        models={"policy": actor(), "value": critic()},
        memory=RandomMemory(memory_size=ROLLOUT[agents], num_envs=rows, device="cpu"),
        observation_space=box(OBSERVATION),
        state_space=box(OBSERVATION),
        action_space=box(ACTIONS),
        device="cpu",
        cfg=settings(ROLLOUT[agents]),
    )

    def step(actions):
        seen, reward, over = task.step(actions.numpy())
        cut = torch.zeros((rows, 1), dtype=torch.bool)
        return torch.from_numpy(reward).reshape(rows, 1), torch.from_numpy(seen).reshape(rows, -1), cut | over, cut

    return skrl_loop(agent, torch.from_numpy(task.reset()).reshape(rows, -1), step, ROLLOUT[agents], updates)


def skrl_mappo(agents: int, updates: int) -> tuple[float, float]:
    from skrl.memories.torch import RandomMemory
    from skrl.multi_agents.torch.mappo import MAPPO, MAPPO_CFG

    actor, critic, settings = skrl_parts()
    task, names = Task(agents), [f"agent_{place}" for place in range(agents)]

    def each(make) -> dict[str, object]:
        return {name: make() for name in names}

    agent = MAPPO(
        possible_agents=names,
        models=each(lambda: {"policy": actor(), "value": critic()}),
        memories=each(lambda: RandomMemory(memory_size=ROLLOUT[agents], num_envs=ENVIRONMENTS, device="cpu")),
        observation_spaces=each(lambda: box(OBSERVATION)),
        state_spaces=each(lambda: box(OBSERVATION)),
        action_spaces=each(lambda: box(ACTIONS)),
        device="cpu",
        # Given per agent: with its defaults the library takes an empty dictionary for a list of agents, and refuses it.
        cfg=MAPPO_CFG(
            **settings(ROLLOUT[agents]),
            **{
                f"{what}_kwargs": each(dict)
                for what in (
                    "learning_rate_scheduler",
                    "observation_preprocessor",
                    "state_preprocessor",
                    "value_preprocessor",
                )
            },
        ),
    )

    def split(values: np.ndarray) -> dict[str, torch.Tensor]:
        return {name: torch.from_numpy(np.ascontiguousarray(values[:, place])) for place, name in enumerate(names)}

    def step(actions):
        seen, reward, over = task.step(np.stack([actions[name].numpy() for name in names], axis=1))
        cut = torch.zeros((ENVIRONMENTS, 1), dtype=torch.bool)
        return split(reward[..., None]), split(seen), each(lambda: cut | over), each(lambda: cut)

    return skrl_loop(agent, split(task.reset()), step, ROLLOUT[agents], updates)


def torchrl_ppo(agents: int, updates: int) -> tuple[float, float]:
    from tensordict import TensorDict
    from tensordict.nn import AddStateIndependentNormalScale, TensorDictModule
    from torchrl.modules import IndependentNormal, ProbabilisticActor, ValueOperator
    from torchrl.objectives import ClipPPOLoss
    from torchrl.objectives.value import GAE

    normal = nn.Sequential(*layers(ACTIONS), AddStateIndependentNormalScale(ACTIONS, scale_mapping="exp"))
    actor = ProbabilisticActor(
        TensorDictModule(normal, in_keys=["observation"], out_keys=["loc", "scale"]),
        in_keys=["loc", "scale"],
        distribution_class=IndependentNormal,
        return_log_prob=True,
    )
    critic = ValueOperator(nn.Sequential(*layers(1)), in_keys=["observation"])
    advantage = GAE(gamma=DISCOUNT, lmbda=LAMBDA, value_network=critic, average_gae=True)
    objective = ClipPPOLoss(actor, critic, clip_epsilon=CLIP, entropy_bonus=False, loss_critic_type="l2")
    optimiser = torch.optim.Adam(objective.parameters(), lr=RATE, eps=1e-5)
    task, rows = Task(agents), ENVIRONMENTS * agents
    seen = torch.from_numpy(task.reset()).reshape(rows, -1)

    @torch.no_grad()
    def roll() -> list[TensorDict]:
        nonlocal seen
        steps = []
        for _ in range(ROLLOUT[agents]):
            taken = actor(TensorDict({"observation": seen}, [rows]))
            following, reward, over = task.step(taken["action"].numpy())
            seen = torch.from_numpy(following).reshape(rows, -1)
            ends = torch.full((rows, 1), over)
            after = {
                "observation": seen,
                "reward": torch.from_numpy(reward).reshape(rows, 1),
                "done": ends,
                "terminated": ends,
            }
            steps.append(taken.set("next", TensorDict(after, [rows])))
        return steps

    def learn(steps: list[TensorDict]) -> None:
        batch = torch.stack(steps, dim=1)
        with torch.no_grad():
            advantage(batch)
        batch = batch.reshape(-1)
        for _ in range(PASSES):
            for part in torch.randperm(len(batch)).chunk(MINIBATCHES):
                losses = objective(batch[part])
                optimiser.zero_grad()
                (losses["loss_objective"] + losses["loss_critic"]).backward()
                nn.utils.clip_grad_norm_(objective.parameters(), 0.5)
                optimiser.step()

    return timed_turns(updates, roll, learn)
