"""Adapters pass their libraries' own checkers and pay exactly what the environment pays."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from twingap.opt.errors import InputError
from twingap.rl import adapters
from twingap.rl.adapters import FlatCoding, FlatPolicy
from twingap.rl.environment import make_env

UNEVEN = {"aps": 3, "heads_per_ap": (1, 4), "delegates": (2, 5), "committees": 2}
MODES = [{}, {"multicast": "per_link"}, {"whole_subchannels": True}, {"decoding": "as_printed"}]


def tiny(num_envs=1, **changes):
    return make_env("tiny", 0.1, 3, num_envs, horizon=4, system_seed=1, **(UNEVEN | changes))


def vectors(env, epochs, seed=0):
    """Random action vectors, both ends of the range among them."""
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1.2, 1.2, (epochs, env.num_envs, FlatCoding(env.system).action_size))
    return np.clip(drawn, -1.0, 1.0).astype(np.float32)


def rewards_without_adapter(env, actions):
    coding = FlatCoding(env.system)
    env.reset()
    return [env.step(coding.action(each)) for each in actions]


def test_vectors_cover_each_amount_once_and_mean_what_they_say():
    system = tiny().system
    coding = FlatCoding(system)
    committees, heads = system.committees.delegates, system.heads
    aps = len(heads.heads)
    assert coding.action_size == 3 * heads.heads.sum() + (aps + 2) * len(committees) + 2 * committees.sum()
    assert [part.start for part in coding.action_slices.values()][1:] == [p.stop for p in coding.action_slices.values()][:-1]
    # An entry that is raised raises exactly one amount, in the part of the agent that it belongs to.
    base = coding.action(np.zeros((1, coding.action_size)))
    seen = set()
    for agent, part in coding.action_slices.items():
        for entry in range(part.start, part.stop):
            values = np.zeros((1, coding.action_size))
            values[0, entry] = 1.0
            moved = coding.action(values)
            changed = []
            for team in ("local", "global_"):
                for name, before in vars(getattr(base, team)).items():
                    after = getattr(getattr(moved, team), name)
                    changed += [(team, name, tuple(place)) for place in np.argwhere(after != before)]
                    assert np.all(after >= before)
            assert len(changed) == 1
            seen.add(changed[0])
            team, _, place = changed[0]
            owner = f"ap_{heads.ap[place[1]]}" if team == "local" else f"manager_{place[1]}"
            assert owner == agent
    assert len(seen) == coding.action_size
    # Zeros: the whole budget in equal parts, half the CPU, all serve.
    np.testing.assert_allclose(base.local.uplink.sum() + base.local.multicast.sum(), 1.0)
    np.testing.assert_allclose(base.global_.request.sum() + base.global_.multicast.sum(), 1.0)
    np.testing.assert_array_equal(base.local.cpu, 0.5)
    np.testing.assert_array_equal(base.global_.serve, 0.5)
    ends = coding.action(np.full((1, coding.action_size), -1.0))
    for name in ("uplink", "multicast", "cpu"):
        np.testing.assert_array_equal(getattr(ends.local, name), 0.0)
    top = coding.action(np.ones((1, coding.action_size)))
    np.testing.assert_allclose(top.local.uplink, 20.0 * base.local.uplink)


def test_observation_vectors_are_the_real_features_agent_by_agent():
    env = tiny(num_envs=2)
    observation, coding = env.reset(), FlatCoding(env.system)
    joined = coding.observation(observation)
    assert joined.shape == (2, coding.observation_size)
    masks = observation.encoding.local_mask
    for k, mask in enumerate(masks):
        np.testing.assert_array_equal(joined[:, coding.observation_slices[f"ap_{k}"]], observation.local[:, k, mask])
    for i, mask in enumerate(observation.encoding.global_mask):
        np.testing.assert_array_equal(joined[:, coding.observation_slices[f"manager_{i}"]], observation.global_[:, i, mask])


@pytest.mark.parametrize("changes", MODES, ids=str)
def test_gymnasium_checker_and_rewards(changes):
    from gymnasium.utils.env_checker import check_env

    check_env(adapters.GymnasiumEnv(tiny(**changes)), skip_render_check=True)
    env = adapters.GymnasiumEnv(tiny(**changes))
    actions = vectors(env.environment, 9)
    expected = rewards_without_adapter(tiny(**changes), actions)
    seen, _ = env.reset()
    for t, (action, step) in enumerate(zip(actions, expected, strict=True)):
        assert env.observation_space.contains(seen)
        seen, reward, terminated, truncated, info = env.step(action[0])
        assert reward == step.reward[0]
        assert info == {"reward_local": step.reward_local[0], "reward_global": step.reward_global[0]}
        assert terminated == step.terminated[0] == (t % 4 == 3)
        assert truncated is False
        np.testing.assert_array_equal(seen, env.coding.observation(step.observation)[0])
        if terminated:
            with pytest.raises(InputError, match="reset"):
                env.step(action[0])
            following, _ = env.reset()
            np.testing.assert_array_equal(following, seen)


def test_gymnasium_vector_rewards_and_autoreset():
    env = adapters.GymnasiumVectorEnv(tiny(num_envs=5))
    actions = vectors(env.environment, 6)
    expected = rewards_without_adapter(tiny(num_envs=5), actions)
    seen, _ = env.reset()
    for action, step in zip(actions, expected, strict=True):
        assert env.observation_space.contains(seen)
        assert env.action_space.contains(action)
        before = seen
        seen, reward, terminated, truncated, info = env.step(action)
        np.testing.assert_array_equal(reward, step.reward)
        np.testing.assert_array_equal(info["reward_local"] + info["reward_global"], reward)
        np.testing.assert_array_equal(terminated, step.terminated)
        assert not truncated.any()
        assert ("final_obs" in info) == terminated.any()
        if terminated.any():
            np.testing.assert_array_equal(info["final_obs"], before)
    first, _ = env.reset(seed=3)
    np.testing.assert_array_equal(first, adapters.GymnasiumVectorEnv(tiny(num_envs=5)).reset()[0])
    with pytest.raises(InputError, match="one whole number"):
        env.reset(seed=[1, 2, 3, 4, 5])


@pytest.mark.parametrize("changes", MODES, ids=str)
@pytest.mark.parametrize("credit", ["team", "own"])
def test_pettingzoo_checker_and_rewards(changes, credit):
    from pettingzoo.test import parallel_api_test

    with warnings.catch_warnings():
        # Of pettingzoo itself: its checker sets an attribute on the environment.
        warnings.simplefilter("error")
        parallel_api_test(adapters.TwinParallelEnv(tiny(**changes), credit), num_cycles=10)
    env = adapters.TwinParallelEnv(tiny(**changes), credit)
    actions = vectors(env.environment, 9)
    expected = rewards_without_adapter(tiny(**changes), actions)
    env.reset()
    slices = env.coding.action_slices
    for action, step in zip(actions, expected, strict=True):
        sent = {agent: action[0, part] for agent, part in slices.items()}
        seen, rewards, terminated, truncated, infos = env.step(sent)
        own = dict(zip(slices, np.concatenate([step.reward_ap[0], step.reward_manager[0]]), strict=True))
        for agent in slices:
            team = step.reward_local if agent.startswith("ap") else step.reward_global
            assert rewards[agent] == (team[0] if credit == "team" else own[agent])
            assert infos[agent]["reward_own"] == own[agent]
            assert env.observation_space(agent).contains(seen[agent])
        assert set(terminated.values()) == {bool(step.terminated[0])}
        assert not any(truncated.values())
        np.testing.assert_array_equal(np.concatenate(list(seen.values())), env.state())
        if step.terminated[0]:
            assert env.agents == []
            env.reset()


def test_stable_baselines_rewards():
    env = adapters.StableBaselinesVecEnv(tiny(num_envs=3))
    actions = vectors(env.environment, 5)
    expected = rewards_without_adapter(tiny(num_envs=3), actions)
    before = env.reset()
    for action, step in zip(actions, expected, strict=True):
        seen, reward, done, infos = env.step(action)
        np.testing.assert_array_equal(reward, step.reward.astype(np.float32))
        np.testing.assert_array_equal(done, step.terminated)
        assert [info["reward_local"] for info in infos] == step.reward_local.tolist()
        for index, info in enumerate(infos):
            assert ("terminal_observation" in info) == done.any()
            if done.any():
                np.testing.assert_array_equal(info["terminal_observation"], before[index])
        before = seen
    env.seed(3)
    np.testing.assert_array_equal(env.reset(), adapters.StableBaselinesVecEnv(tiny(num_envs=3)).reset())


def test_certified_bounds_travel_with_the_reward():
    env = adapters.GymnasiumVectorEnv(make_env("tiny", 0.1, 0, 2), certify=1e-3)
    env.reset()
    _, reward, _, _, info = env.step(vectors(env.environment, 1)[0])
    assert np.all(reward <= info["bound"])
    np.testing.assert_allclose(info["bound_local"] + info["bound_global"], info["bound"])
    np.testing.assert_array_less(info["reward_global"], info["bound_global"] + 1e-9)


def test_a_flat_policy_acts_like_the_action_it_stands_for():
    env = tiny(num_envs=2)
    observation = env.reset()
    policy = FlatPolicy(FlatCoding(env.system), lambda seen: np.zeros((len(seen), FlatCoding(env.system).action_size)))
    np.testing.assert_array_equal(policy.act(observation).local.cpu, 0.5)


@pytest.mark.parametrize("bad", [np.nan, 1.01, -1.5])
def test_actions_outside_the_space_are_refused(bad):
    coding = FlatCoding(tiny().system)
    values = np.zeros((1, coding.action_size))
    values[0, 2] = bad
    with pytest.raises(InputError) as caught:
        coding.action(values)
    assert caught.value.field == "action"
    with pytest.raises(InputError, match="shape"):
        coding.action(np.zeros((1, coding.action_size + 1)))


def test_impossible_uses_are_refused_by_name(monkeypatch):
    for adapter in (adapters.GymnasiumEnv, adapters.TwinParallelEnv):
        with pytest.raises(InputError) as caught:
            adapter(tiny(num_envs=2))
        assert caught.value.field == "num_envs"
    with pytest.raises(InputError) as caught:
        adapters.TwinParallelEnv(tiny(), credit="mine")
    assert caught.value.field == "credit"
    env = adapters.TwinParallelEnv(tiny())
    env.reset()
    with pytest.raises(InputError) as caught:
        env.step({agent: env.action_space(agent).sample() for agent in env.agents[1:]})
    assert caught.value.field == "action.ap_0"
    # A package that is not there: one line that says what to install.
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.delitem(vars(adapters), "GymnasiumEnv")
    with pytest.raises(InputError, match=r"pip install 'twingap\[gym\]'"):
        _ = adapters.GymnasiumEnv


@pytest.mark.slow
def test_the_example_of_stable_baselines_trains_and_is_measured(capsys):
    path = Path(__file__).parents[2] / "examples" / "sb3_ppo.py"
    spec = importlib.util.spec_from_file_location("sb3_ppo", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    table = example.main("tiny", "1024").table()
    assert set(table["policy"]) == {"sb3_ppo", "static", "everything_off"}
    gaps = table[table["policy"] == "sb3_ppo"]["gap"]
    assert np.isfinite(gaps).all()
    assert (gaps > 0.0).all()
    assert "sb3_ppo" in capsys.readouterr().out
