"""Agent-steps per CPU second of MAPPO beside other libraries on the same work, rollout and update apart.

    python benchmarks/train_throughput.py                       # learners alone: one cheap task for all, 8 and 50 agents
    python benchmarks/train_throughput.py --environment paper   # on this project's own environment, beside Stable-Baselines3
    python benchmarks/train_throughput.py --learners paper      # updates per CPU minute of our learners

The first compares equal work (`equal_work.py`). An agent row is one agent in one environment in one epoch: 30 numbers seen, 20
normal actions taken. Actor and critic are MLPs of their own with two tanh layers of 64; an update makes 10 passes over its rows
in 4 shuffled minibatches, with generalised advantages, the clipped loss, a value loss, a gradient clip and Adam. Reward is a
distance, so that the task costs next to nothing. Every library runs in a process of its own, with one thread, and CPU time of
that process counts (busy neighbours do not, but for the caches they take); best of the repeats, which take turns.

* twingap: ``rl.mappo.Learner``, the update of `mappo` and `mappo_paper`, with these plain networks shared by the agents.
* sb3 ppo, skrl ppo, torchrl ppo (`rival_loops.py`): the agents as so many single-agent copies, which shares the networks too.
  Stable-Baselines3 runs its own loop; of skrl and TorchRL only agent, memory, losses and advantages are used, in a bare loop
  without trainers and collectors, which would cost more.
* skrl mappo: networks per agent, as that library has it.

The second is the work as users meet it: hybrid actions, networks shared per head and delegate against one MLP on all agents'
vectors joined (`rl/adapters/flat.py`), so that MAPPO does several times the arithmetic per row there. The environment's steps,
the same for both, are shown apart.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import torch
from equal_work import (
    ACTIONS,
    CLIP,
    DISCOUNT,
    ENVIRONMENTS,
    LAMBDA,
    MINIBATCHES,
    PASSES,
    RATE,
    ROLLOUT,
    Clock,
    Task,
    layers,
    timed_turns,
)
from rival_loops import skrl_mappo, skrl_ppo, stable_baselines, torchrl_ppo
from torch import Tensor, nn

from twingap.rl.distributions import Gaussian, Hybrid
from twingap.rl.environment import Environment, make_env
from twingap.rl.learners import find_learner, make_trainer
from twingap.rl.mappo import Learner
from twingap.rl.mappo_settings import MappoSettings, TeamSettings
from twingap.rl.stack import Stack

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
# Of the comparison on our own environment.
OWN_ENVIRONMENTS, OWN_ROLLOUT, OWN_PASSES, OWN_HIDDEN = 128, 4, 4, 32


@dataclass(frozen=True, eq=False)
class Vectors:
    """What agents see [env, agent, number]."""

    values: Tensor

    def at(self, rows: Tensor) -> Vectors:
        return Vectors(self.values.index_select(0, rows))

    @staticmethod
    def join(parts: list[Vectors]) -> Vectors:
        return Vectors(torch.cat([part.values for part in parts]))


class FixedSchedule:
    """No schedule of standard deviations."""

    progress = 0.0


class PlainActor(nn.Module):
    """Mean of every action; one learned standard deviation each."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.log_std, self.spreads = Stack(*layers(ACTIONS)), nn.Parameter(torch.zeros(ACTIONS)), FixedSchedule()

    def forward(self, seen: Vectors) -> Hybrid:
        return Hybrid({"move": Gaussian(self.body(seen.values), self.log_std)})


class PlainCritic(nn.Module):
    """Value of every agent [env, agent]."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Stack(*layers(1))

    def forward(self, seen: Vectors) -> Tensor:
        return self.body(seen.values).squeeze(-1)


def twingap(agents: int, updates: int) -> tuple[float, float]:
    rollout = ROLLOUT[agents]
    rates = {"learning_rate": RATE, "critic_learning_rate": RATE}
    team = TeamSettings(epochs=PASSES, minibatches=MINIBATCHES, clip=CLIP, team_credit=0.0, **rates)
    settings = MappoSettings(rollout=rollout, discount=DISCOUNT, gae_lambda=LAMBDA)
    learner = Learner(PlainActor(), PlainCritic(), settings, team, torch.device("cpu"))
    generator = torch.Generator().manual_seed(0)
    task = Task(agents)
    seen = Vectors(torch.from_numpy(task.reset()))

    def roll() -> tuple[list[np.ndarray], list[np.ndarray]]:
        nonlocal seen
        rewards, ends = [], []
        for _ in range(rollout):
            action = learner.sample(seen, generator)["move"].numpy()
            following, reward, over = task.step(action)
            rewards.append(reward)
            ends.append(np.full(ENVIRONMENTS, over))
            seen = Vectors(torch.from_numpy(following))
        return rewards, ends

    def learn(rolled: tuple[list[np.ndarray], list[np.ndarray]]) -> None:
        rewards, ends = rolled
        learner.update(learner.batch(np.stack(rewards).astype(np.float64), np.stack(ends), seen), generator)

    return timed_turns(updates, roll, learn)


LIBRARIES = {
    "mappo (twingap)": twingap,
    "sb3 ppo": stable_baselines,
    "skrl ppo": skrl_ppo,
    "torchrl ppo": torchrl_ppo,
    "skrl mappo": skrl_mappo,
}


def alone(name: str, agents: int, updates: int) -> tuple[float, float]:
    """(rollout, update) CPU seconds in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--one", name, str(agents), str(updates)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=os.environ | ONE_THREAD)
    rollout, update = json.loads(run.stdout.splitlines()[-1])
    return rollout, update


def compare_learners(updates: int, repeats: int, names: list[str]) -> None:
    for agents, rollout in ROLLOUT.items():
        rows = ENVIRONMENTS * agents * rollout
        shape = f"{ENVIRONMENTS} environments x {rollout} epochs, {rows} rows per update"
        print(f"\n{agents} agents: {shape}, {PASSES} passes x {MINIBATCHES} minibatches of {rows // MINIBATCHES}")
        print(f"{'agent-steps per CPU second':28s}{'rollout':>10s}{'update':>10s}{'both':>10s}{'time of twingap':>18s}")
        # A quarter of the updates where one takes many times as long.
        length = {name: max(1, updates // 4) if name == "skrl mappo" else updates for name in names}
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
        for _ in range(repeats):
            for name in names:
                rolling, updating = alone(name, agents, length[name])
                times[name].append((rolling / length[name], updating / length[name]))
        best = {name: min(found, key=sum) for name, found in times.items()}
        for name, (rolling, updating) in best.items():
            rates = (rows / rolling, rows / updating, rows / (rolling + updating))
            ratio = f"x {sum(best[name]) / sum(best[names[0]]):.2f}"
            print(f"{name:28s}" + "".join(f"{rate:10.0f}" for rate in rates) + f"{ratio:>18s}", flush=True)


def mappo_on(env: Environment, updates: int) -> tuple[float, float]:
    team = {"hidden": OWN_HIDDEN, "epochs": OWN_PASSES}
    settings = {"updates": updates + 1, "rollout": OWN_ROLLOUT, "local": team, "global_": team}
    trainer = make_trainer("mappo", env, 0, settings)
    trainer.update()
    whole, learning, plain = Clock(), Clock(), Learner.update

    def clocked(*arguments: object) -> object:
        with learning:
            return plain(*arguments)

    Learner.update = clocked
    with whole:
        while not trainer.finished:
            trainer.update()
    Learner.update = plain
    return whole.seconds - learning.seconds, learning.seconds


def stable_baselines_on(env: Environment, updates: int) -> tuple[float, float]:
    from rival_loops import timed
    from stable_baselines3 import PPO

    from twingap.rl.adapters import StableBaselinesVecEnv

    rows = OWN_ENVIRONMENTS * OWN_ROLLOUT
    model = PPO(
        "MlpPolicy",
        StableBaselinesVecEnv(env),
        n_steps=OWN_ROLLOUT,
        n_epochs=OWN_PASSES,
        batch_size=rows,
        policy_kwargs={"net_arch": [OWN_HIDDEN, OWN_HIDDEN]},
        device="cpu",
        seed=0,
    )
    return timed(model, rows, updates)


def compare_on(preset: str, updates: int, repeats: int) -> None:
    """Both on our environment, whose own steps are clocked as they happen."""
    plain = Environment.step
    env = make_env(preset, 0.1, 0, OWN_ENVIRONMENTS)
    agents = len(env.system.heads.heads) + len(env.system.committees.delegates)
    rows = OWN_ENVIRONMENTS * OWN_ROLLOUT * updates * agents
    print(f"{preset}: {OWN_ENVIRONMENTS} environments x {OWN_ROLLOUT} epochs, {OWN_PASSES} passes, {agents} agents")
    print(f"{'agent-steps per CPU second':28s}{'steps':>10s}{'rollout':>10s}{'update':>10s}{'all':>10s}")
    for name, run in (("mappo (twingap)", mappo_on), ("sb3 ppo, agents joined", stable_baselines_on)):
        found = []
        for _ in range(repeats):
            stepping = Clock()

            def clocked(env: Environment, answer: object, clock: Clock = stepping) -> object:
                with clock:
                    return plain(env, answer)

            Environment.step = clocked
            rolling, updating = run(make_env(preset, 0.1, 0, OWN_ENVIRONMENTS), updates)
            Environment.step = plain
            # The first update warms up; its steps were clocked too.
            stepped = stepping.seconds * updates / (updates + 1)
            found.append((stepped, rolling - stepped, updating))
        parts = min(found, key=sum)
        print(f"{name:28s}" + "".join(f"{rows / part:10.0f}" for part in (*parts, sum(parts))), flush=True)


def updates_per_minute(preset: str, updates: int, sigma: float) -> None:
    print(f"{preset}, sigma {sigma:g}: median of {updates} updates, each learner with its own number of environments")
    print(f"{'':28s}{'environments':>14s}{'ms per update':>15s}{'updates per CPU minute':>24s}")
    for name in ("mappo", "gradient", "mappo_paper"):
        envs = find_learner(name).num_envs
        trainer = make_trainer(name, make_env(preset, sigma, 0, envs), 0, {"updates": updates + 5})
        seconds = []
        while not trainer.finished:
            clock = Clock()
            with clock:
                trainer.update()
            seconds.append(clock.seconds)
        each = float(np.median(seconds[5:]))
        print(f"{name:28s}{envs:14d}{1e3 * each:15.1f}{60.0 / each:24.0f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--updates", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--libraries", nargs="+", default=list(LIBRARIES), choices=list(LIBRARIES))
    parser.add_argument("--environment", metavar="PRESET")
    parser.add_argument("--learners", metavar="PRESET")
    parser.add_argument("--sigma", type=float, default=0.0, help="twin error, for --learners")
    parser.add_argument("--one", nargs=3, metavar=("LIBRARY", "AGENTS", "UPDATES"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.one:
        name, agents, updates = options.one
        print(json.dumps(LIBRARIES[name](int(agents), int(updates))))
    elif options.environment:
        compare_on(options.environment, options.updates, options.repeats)
    elif options.learners:
        updates_per_minute(options.learners, options.updates, options.sigma)
    else:
        compare_learners(options.updates, options.repeats, options.libraries)


if __name__ == "__main__":
    main()
