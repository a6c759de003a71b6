"""DDQN, DDPG and their replay, function by function against slow loops."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from twingap.baselines.ddpg import DdpgNumbers, DeterministicPolicyGradient, Noise, critic_target
from twingap.baselines.ddpg_networks import GlobalActionValue, LocalActionValue
from twingap.baselines.ddpg_settings import DdpgSettings
from twingap.baselines.ddpg_training import noise_of
from twingap.baselines.ddqn import DoubleQ, LevelValues, double_target, epsilon_at
from twingap.baselines.ddqn_networks import GlobalLevels, LocalLevels, global_meaning, local_meaning, offsets
from twingap.baselines.ddqn_settings import DdqnSettings
from twingap.baselines.ddqn_training import numbers_of
from twingap.baselines.game import GLOBAL, LOCAL, features_of
from twingap.baselines.replay import Experience, Replay
from twingap.baselines.starting_point import frozen_start, global_actor, local_actor, relaxed
from twingap.baselines.target_network import follow
from twingap.opt.errors import InputError
from twingap.rl.environment import make_env
from twingap.rl.mappo_settings import COMMON, LOCAL_HEADS


@dataclass(frozen=True, eq=False)
class Vector:
    values: Tensor

    def at(self, rows):
        return Vector(self.values[rows])

    @staticmethod
    def join(parts):
        return Vector(torch.cat([part.values for part in parts]))


def experience(number, rows=2, following=True):
    features = Vector(torch.full((rows, 1), float(number)))
    return Experience(
        features,
        {"a": torch.full((rows, 1, 1), number)},
        torch.full((rows, 1), 10.0 * number),
        torch.ones(rows),
        Vector(features.values + 0.5) if following else None,
    )


@pytest.fixture(scope="module")
def features():
    env = make_env("tiny", sigma=0.1, seed=3, num_envs=5, system_seed=1, heads_per_ap=(1, 3), delegates=(2, 4))
    return features_of(env.reset())


def level_values(seed=0, gate="gate"):
    rng = torch.Generator().manual_seed(seed)
    shapes = {"gate": (3, 2, 1, 2), "two": (3, 2, 2, 3), "one": (3, 2, 1, 2)}
    advantage = {name: torch.randn(shape, generator=rng) for name, shape in shapes.items()}
    counts = {"two": torch.tensor([[1.0, 1.0], [1.0, 0.0]])}
    return LevelValues(torch.randn(3, 2, generator=rng), advantage, counts, gate)


def slow_q(values, row, agent, chosen):
    """V + centred advantages, those behind the gate only where it is open."""
    total = float(values.value[row, agent])
    for name, advantage in values.advantage.items():
        if name != values.gate and values.gate is not None and int(chosen[values.gate][row, agent, 0]) == 0:
            continue
        for slot in range(advantage.shape[2]):
            count = float(values.counts[name][agent, slot]) if name in values.counts else 1.0
            of_slot = advantage[row, agent, slot]
            total += count * float(of_slot[chosen[name][row, agent, slot]] - of_slot.mean())
    return total


@pytest.mark.parametrize("gate", ["gate", None])
def test_best_levels_are_the_best_of_all_joint_actions(gate):
    values = level_values(gate=gate)
    best = values.best()
    found = values.of(best)
    for row, agent in itertools.product(range(3), range(2)):
        every = []
        for gate_level, first, second, one in itertools.product(range(2), range(3), range(3), range(2)):
            chosen = {name: level.clone() for name, level in best.items()}
            chosen["gate"][row, agent, 0], chosen["one"][row, agent, 0] = gate_level, one
            chosen["two"][row, agent] = torch.tensor([first, second])
            every.append(slow_q(values, row, agent, chosen))
            assert float(values.of(chosen)[row, agent]) == pytest.approx(every[-1], abs=1e-5)
        assert float(found[row, agent]) == pytest.approx(max(every), abs=1e-5)


def test_double_target_takes_the_onlines_choice_at_the_targets_value():
    online, target = level_values(1), level_values(2)
    reward, continues = torch.randn(3, 2), torch.tensor([1.0, 0.0, 1.0])
    found = double_target(reward, continues, online, target, 0.9, lambda values: 2.0 * values + 1.0)
    best = online.best()
    for row, agent in itertools.product(range(3), range(2)):
        after = 2.0 * slow_q(target, row, agent, best) + 1.0
        expected = float(reward[row, agent]) + 0.9 * float(continues[row]) * after
        assert float(found[row, agent]) == pytest.approx(expected, abs=1e-5)
    assert not torch.allclose(found, double_target(reward, continues, target, target, 0.9, lambda values: 2.0 * values + 1.0))


def test_critic_target_by_hand():
    found = critic_target(
        torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([1.0, 0.0]), torch.ones(2, 2), 0.5, lambda v: 3 * v
    )
    torch.testing.assert_close(found, torch.tensor([[2.5, 3.5], [3.0, 4.0]]))


def test_epsilon_falls_then_stays():
    assert [epsilon_at(p, 1.0, 0.1, 0.5) for p in (0.0, 0.25, 0.5, 0.9)] == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_noise_is_geometric():
    assert [Noise(0.4, 0.1).at(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([0.4, 0.2, 0.1])


def test_follow_moves_weights_and_buffers_by_its_rate():
    source, target = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        source.weight.fill_(3.0)
        source.running_mean.fill_(4.0)
    follow(target, source, 0.25)
    torch.testing.assert_close(target.weight.detach(), torch.full((2,), 1.5))
    torch.testing.assert_close(target.running_mean, torch.full((2,), 1.0))
    follow(target, source, 1.0)
    torch.testing.assert_close(target.weight, source.weight)


@pytest.mark.parametrize("following", [True, False])
def test_replay_is_a_ring_and_comes_back_from_its_tensors(following):
    memory = Replay(3)
    for number in range(5):
        memory.add(experience(number, following=following))
    assert sorted(float(step.reward[0, 0]) for step in memory.steps) == [20.0, 30.0, 40.0]
    other = Replay(3)
    other.restore(memory.tensors(), Vector)
    for each in (memory, other):
        each.add(experience(5, following=following))
    assert [float(step.reward[0, 0]) for step in other.steps] == [float(step.reward[0, 0]) for step in memory.steps]
    first, second = (each.sample(4, torch.Generator().manual_seed(1)) for each in (memory, other))
    assert first.reward.shape == (8, 1)
    torch.testing.assert_close(first.features.values, second.features.values)
    if following:
        torch.testing.assert_close(first.following.values, first.features.values + 0.5)
    else:
        assert second.following is None
    torch.testing.assert_close(first.chosen["a"].float() * 10.0, first.reward.unsqueeze(-1))


def test_the_frozen_start_is_what_a_fresh_actor_says_but_for_its_small_last_layer(features):
    for team, make in ((LOCAL, local_actor), (GLOBAL, global_actor)):
        torch.manual_seed(0)
        actor = make(features[team], 8)
        fresh = relaxed(actor(features[team]))
        start = relaxed(frozen_start(actor)(features[team]))
        assert not any(each.requires_grad for each in actor.parameters())
        for name, values in start.items():
            assert (values - fresh[name]).abs().max() < 0.1
    torch.testing.assert_close(start["share"], torch.zeros_like(start["share"]))


def test_levels_are_evenly_spaced_offsets():
    torch.testing.assert_close(offsets(torch.arange(5), 5, 0.8), torch.tensor([-0.8, -0.4, 0.0, 0.4, 0.8]))


def test_every_slot_moves_its_own_latent(features):
    torch.manual_seed(0)
    heads = features[LOCAL]
    network = LocalLevels(local_actor(heads, 8), 8, 5)
    values = network(heads)
    aps, most = heads.is_head.shape
    assert values.advantage["heads"].shape == (5, aps, 3 * most, 5)
    middle = {"heads": torch.full((5, aps, 3 * most), 2)}
    meaning = local_meaning(network, 0.8)
    start = meaning(middle, heads)
    for head, (kind, name) in itertools.product(range(most), enumerate(LOCAL_HEADS)):
        moved = {"heads": middle["heads"].clone()}
        moved["heads"][:, :, 3 * head + kind] = 4
        for other, latent in meaning(moved, heads).items():
            expected = torch.zeros_like(latent)
            if other == name:
                expected[..., head] = 0.8
            torch.testing.assert_close(latent - start[other], expected)
        # The slot counts exactly where the head exists.
        torch.testing.assert_close(values.counts["heads"][:, 3 * head + kind], heads.is_head[:, head])


def test_a_managers_levels(features):
    torch.manual_seed(0)
    committees = features[GLOBAL]
    network = GlobalLevels(global_actor(committees, 8), 8, 5)
    values = network(committees)
    managers, aps = committees.access.shape[1:3]
    assert {name: tuple(each.shape) for name, each in values.advantage.items()} == {
        "serve": (5, managers, 1, 2),
        "bid": (5, managers, aps, 2),
        "common": (5, managers, len(COMMON), 5),
    }
    assert values.gate == "serve"
    chosen = values.best()
    chosen["common"] = torch.full_like(chosen["common"], 2)
    start = network.start(committees).heads
    chosen["common"][..., COMMON.index("pace")] = 4
    latents = global_meaning(network, 0.8)(chosen, committees)
    torch.testing.assert_close(latents["pace"], start["pace"].location + 0.8)
    torch.testing.assert_close(latents["spread"], start["spread"].location)
    torch.testing.assert_close(latents["bid"], chosen["bid"].float())


def test_critics_read_every_action_of_the_team_and_no_padding(features):
    torch.manual_seed(0)
    noise = noise_of(DdpgSettings())
    for team, make, kind in ((LOCAL, local_actor, LocalActionValue), (GLOBAL, global_actor, GlobalActionValue)):
        of_team = features[team]
        critic = kind(make(of_team, 8), 8, noise)
        for each in critic.parameters():
            nn.init.normal_(each, std=0.5)
        actions = {name: values + 0.1 for name, values in relaxed(make(of_team, 8)(of_team)).items()}
        before = critic(of_team, actions)
        for name, values in actions.items():
            moved = critic(of_team, actions | {name: values + 0.05})
            assert ((moved - before).abs() > 1e-7).all(), f"every agent's value depends on {name}"
            real = of_team.is_head if team == LOCAL else of_team.is_delegate
            if values.shape[-1] == real.shape[-1] and name not in ("bid",):
                padded = critic(of_team, actions | {name: values + 9.0 * (1.0 - real)})
                torch.testing.assert_close(padded, before)


class Bandit(nn.Module):
    """Levels of one slot, no state."""

    def __init__(self):
        super().__init__()
        self.values = nn.Parameter(torch.zeros(3))

    def forward(self, features):
        rows = len(features.values)
        return LevelValues(torch.zeros(rows, 1), {"a": self.values.expand(rows, 1, 1, 3)}, {})


def test_ddqn_finds_the_best_arm():
    numbers = replace(numbers_of(DdqnSettings()), learning_rate=0.05, epsilon_start=1.0, epsilon_end=1.0)
    player = DoubleQ(Bandit(), numbers, lambda chosen, _: chosen)
    generator = torch.Generator().manual_seed(0)
    for _ in range(100):
        seen = Vector(torch.zeros(16, 1))
        chosen = player.explore(seen, 0.0, generator)
        paid = torch.tensor([1.0, 3.0, 2.0])[chosen["a"][:, :, 0]]
        player.learn(Experience(seen, chosen, paid, torch.ones(16), None), 0.0)
    assert player.decide(seen)["a"].unique().tolist() == [1]
    centred = player.network.values - player.network.values.mean()
    mean, std = player.normaliser.statistics()
    torch.testing.assert_close((centred * std + mean).detach().float(), torch.tensor([1.0, 3.0, 2.0]), atol=0.3, rtol=0.0)


class OneNumber(nn.Module):
    def __init__(self):
        super().__init__()
        self.number = nn.Parameter(torch.tensor(0.2))

    def forward(self, features):
        return {"a": self.number.expand(len(features.values), 1, 1)}


class Quadratic(nn.Module):
    def __init__(self):
        super().__init__()
        self.rest = nn.Parameter(torch.zeros(3))

    def forward(self, features, actions):
        del features
        a = actions["a"][..., 0]
        return self.rest[0] + self.rest[1] * a + self.rest[2] * a.square()


def test_ddpg_climbs_to_the_top_of_a_parabola_and_respects_bounds():
    numbers = DdpgNumbers(0.005, 0.05, 1.0, 0.0, 0.05, 10.0, 0.99, 150)
    player = DeterministicPolicyGradient(OneNumber(), Quadratic(), {"a": Noise(0.5, 0.5, 0.0, 1.0)}, numbers)
    generator = torch.Generator().manual_seed(0)
    seen = Vector(torch.zeros(64, 1))
    for step in range(600):
        with torch.no_grad():
            chosen = player.explore(seen, 0.0, generator)
        assert float(chosen["a"].min()) >= 0.0
        assert float(chosen["a"].max()) <= 1.0
        paid = -(chosen["a"][..., 0] - 0.7).square()
        player.learn(Experience(seen, chosen, paid, torch.ones(64), None), 0.0)
        if step < 150:
            assert float(player.actor.number.detach()) == pytest.approx(0.2), "the critic warms up alone"
    assert float(player.actor.number.detach()) == pytest.approx(0.7, abs=0.05)


@pytest.mark.parametrize(
    ("settings", "field", "value"),
    [
        (DdqnSettings, "levels", 1),
        (DdqnSettings, "epsilon_end", 1.5),
        (DdqnSettings, "warm_up", 65),
        (DdqnSettings, "team", 1),
        (DdpgSettings, "actor_warm_up", -1),
        (DdpgSettings, "learning_rate", 0.0),
        (DdpgSettings, "target_rate", float("nan")),
    ],
)
def test_impossible_settings_name_their_field(settings, field, value):
    with pytest.raises(InputError) as raised:
        settings.from_json({field: value})
    assert raised.value.field == f"settings.{field}"


def test_noise_of_one_head_can_be_changed_alone():
    changed = DdpgSettings.from_json({"noise_start": {"cpu": 0.7}})
    assert changed.noise_start["cpu"] == 0.7
    assert changed.noise_start["uplink"] == DdpgSettings().noise_start["uplink"]
    with pytest.raises(InputError):
        DdpgSettings.from_json({"noise_start": {"cpu": -1.0}})
    np.testing.assert_equal(noise_of(changed)["serve"].high, 1.0)


def test_bootstrapped_targets_run_in_the_environment():
    """discount > 0 stores what follows; the players' targets then read it."""
    from twingap.rl.learners import make_trainer

    for name in ("ddqn", "ddpg"):
        env = make_env("tiny", seed=1, num_envs=4, horizon=3)
        trainer = make_trainer(name, env, 0, {"updates": 6, "discount": 0.9, "warm_up": 1, "hidden": 8})
        records = [trainer.update() for _ in range(6)]
        assert trainer.memories[LOCAL].steps[0].following is not None
        assert np.isfinite(list(records[-1].figures.values())).all()
        ended = [float(step.continues[0]) for step in trainer.memories[LOCAL].steps]
        assert ended == [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]
