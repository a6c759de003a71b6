"""One gradient step of each rival's core is Stable-Baselines3's on the same weights and the same experience.

Normalisers of returns are off (``value_decay`` 1 counts nothing) and gradients are not clipped; everything else is compared.
"""

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from twingap.baselines.a3c import A3cNumbers, Networks, SharedTeam, Worker
from twingap.baselines.ddpg import DdpgNumbers, DeterministicPolicyGradient, Noise
from twingap.baselines.ddqn import DdqnNumbers, DoubleQ, LevelValues
from twingap.baselines.game import Outcome
from twingap.baselines.replay import Experience
from twingap.rl.distributions import Bernoulli, Hybrid

sb3 = pytest.importorskip("stable_baselines3")
from stable_baselines3.common.logger import configure  # noqa: E402 - behind the importorskip
from stable_baselines3.common.type_aliases import ReplayBufferSamples  # noqa: E402

NETS = {"net_arch": [8, 8]}
ROWS, STEPS = 6, 4
RNG = torch.Generator().manual_seed(0)


class Vector:
    def __init__(self, values: Tensor) -> None:
        self.values = values

    @staticmethod
    def join(parts):
        return Vector(torch.cat([part.values for part in parts]))


@pytest.fixture(autouse=True)
def own_randomness():
    with torch.random.fork_rng():
        yield


def quiet(model):
    model.set_logger(configure(None, []))
    return model


def experience(model, actions):
    """Rows of random numbers, two of them the last of their episode; as ours and as theirs."""
    width = model.observation_space.shape[0]
    before, after = (torch.randn(ROWS, width, generator=RNG) for _ in range(2))
    rewards = torch.randn(ROWS, 1, generator=RNG)
    dones = torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0])
    model.replay_buffer.sample = lambda *_, **__: ReplayBufferSamples(before, actions, after, dones[:, None], rewards)
    return Vector(before), rewards, 1.0 - dones, Vector(after)


def same_weights(ours: nn.Module, theirs: nn.Module):
    for mine, yours in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, yours, rtol=1e-5, atol=1e-6)


class Actor(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, features):
        return {"torque": self.body(features.values)[:, None, :]}


class ActionValue(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, features, actions):
        return self.body(torch.cat([features.values, actions["torque"][:, 0]], dim=-1))


def test_ddpg_learns_as_theirs_for_three_steps():
    numbers = DdpgNumbers(1e-3, 1e-3, 1.0, 0.98, 0.1, float("inf"), 1.0, 0)
    model = quiet(
        sb3.DDPG("MlpPolicy", "Pendulum-v1", tau=0.1, gamma=0.98, policy_kwargs=NETS | {"optimizer_kwargs": {"eps": 1e-5}})
    )
    ours = DeterministicPolicyGradient(
        Actor(copy.deepcopy(model.actor.mu)), ActionValue(copy.deepcopy(model.critic.qf0)), {"torque": Noise(0.1, 0.1)}, numbers
    )
    before = copy.deepcopy(ours.actor)
    actions = torch.rand(ROWS, 1, generator=RNG) * 2.0 - 1.0
    seen, rewards, continues, after = experience(model, actions)
    batch = Experience(seen, {"torque": actions[:, None, :]}, rewards, continues, after)
    model.train(gradient_steps=3, batch_size=ROWS)
    for _ in range(3):
        ours.learn(batch, 0.0)
    same_weights(ours.actor, model.actor)
    same_weights(ours.critic, model.critic)
    same_weights(ours.slow_actor, model.actor_target)
    same_weights(ours.slow_critic, model.critic_target)
    moved = [(mine - old).detach().abs().max() for mine, old in zip(ours.actor.parameters(), before.parameters(), strict=True)]
    assert float(min(moved)) > 1e-3


class Levels(nn.Module):
    """Q of two levels as value and advantages."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, features):
        values = self.body(features.values)
        return LevelValues(values.mean(dim=-1, keepdim=True), {"push": values[:, None, None, :]}, {})


def test_ddqn_learns_as_their_dqn_while_both_networks_are_one():
    """Then the double target is the plain one."""
    numbers = DdqnNumbers(1e-3, 1.0, 0.98, 0.1, 1.0, 0.1, 0.5, float("inf"), 1.0, False)
    kind = NETS | {"optimizer_kwargs": {"eps": 1e-5}}
    model = quiet(
        sb3.DQN("MlpPolicy", "CartPole-v1", learning_rate=1e-3, gamma=0.98, max_grad_norm=float("inf"), policy_kwargs=kind)
    )
    ours = DoubleQ(Levels(copy.deepcopy(model.q_net.q_net)), numbers, lambda chosen, _: chosen)
    levels = torch.randint(2, (ROWS, 1), generator=RNG)
    seen, rewards, continues, after = experience(model, levels)
    model.train(gradient_steps=1, batch_size=ROWS)
    ours.learn(Experience(seen, {"push": levels[:, None, :]}, rewards, continues, after), 0.0)
    same_weights(ours.network, model.q_net)


class Recorded:
    """A game of three rows whose features and rewards were drawn before; row 1 ends after its second step."""

    def __init__(self):
        self.seen = [Vector(torch.randn(3, 4, generator=RNG)) for _ in range(STEPS + 1)]
        self.rewards = [torch.rand(3, generator=RNG).numpy() for _ in range(STEPS)]
        self.terminated = [np.array([False, step == 1, False]) for step in range(STEPS)]
        self.step_number, self.actions = 0, []
        self.features = {"agent": self.seen[0]}

    def step(self, latents):
        step = self.step_number
        self.actions.append(latents["agent"]["push"][:, 0].clone())
        self.step_number += 1
        self.features = {"agent": self.seen[step + 1]}
        return Outcome({"agent": self.rewards[step][:, None]}, self.terminated[step], self.features)


class Pushing(nn.Module):
    """Two logits as the one of a yes."""

    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, features):
        logits = self.head(self.body(features.values))
        return Hybrid({"push": Bernoulli((logits[:, 1:] - logits[:, :1])[:, None, :])})


class Worth(nn.Module):
    def __init__(self, body, head):
        super().__init__()
        self.body, self.head = body, head

    def forward(self, features):
        return self.head(self.body(features.values))


def test_a_workers_gradient_is_that_of_their_a2c():
    numbers = A3cNumbers(1.0, 1.0, 1.0, STEPS, 0.9, 1.0, 1.0, float("inf"), 1.0, {"push": 0.02}, False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = quiet(
            sb3.A2C(
                "MlpPolicy",
                sb3.common.env_util.make_vec_env("CartPole-v1", n_envs=3),
                learning_rate=1.0,
                n_steps=STEPS,
                gamma=0.9,
                vf_coef=1.0,
                ent_coef=0.02,
                max_grad_norm=float("inf"),
                policy_kwargs=NETS | {"optimizer_class": torch.optim.SGD},
            )
        )
    policy, parts = model.policy, model.policy.mlp_extractor
    nn.init.orthogonal_(policy.action_net.weight)
    networks = Networks(
        Pushing(copy.deepcopy(parts.policy_net), copy.deepcopy(policy.action_net)),
        Worth(copy.deepcopy(parts.value_net), copy.deepcopy(policy.value_net)),
    )
    game = Recorded()
    worker = Worker(game, {"agent": networks}, {"agent": SharedTeam(networks, numbers)}, torch.Generator().manual_seed(1))
    gradient, returns, _ = worker.gradients()["agent"]

    buffer, begins = model.rollout_buffer, np.ones(3)
    for step in range(STEPS):
        with torch.no_grad():
            values, log_prob, _ = policy.evaluate_actions(game.seen[step].values, game.actions[step][:, 0])
        buffer.add(game.seen[step].values.numpy(), game.actions[step].numpy(), game.rewards[step], begins, values, log_prob)
        begins = game.terminated[step].astype(np.float64)
    with torch.no_grad():
        buffer.compute_returns_and_advantage(policy.predict_values(game.seen[STEPS].values), game.terminated[-1])
    torch.testing.assert_close(returns[:, 0], torch.as_tensor(buffer.returns).flatten(), rtol=1e-5, atol=1e-5)
    theirs = [*parts.policy_net.parameters(), *policy.action_net.parameters()]
    theirs += [*parts.value_net.parameters(), *policy.value_net.parameters()]
    before = torch.cat([each.detach().flatten().clone() for each in theirs])
    model.train()
    step = before - torch.cat([each.detach().flatten() for each in theirs])
    torch.testing.assert_close(gradient, step, rtol=1e-4, atol=1e-5)
    assert float(gradient.abs().max()) > 0.1
