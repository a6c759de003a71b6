"""Agent-steps per second of MAPPO and Stable-Baselines3's PPO, rollout and update apart: python benchmarks/train_throughput.py

Same environments, epochs per rollout, passes, minibatches and hidden width, one torch thread, CPU time of this process. Both
decide for every AP and manager, so an environment step is one agent-step per agent. The networks differ: MAPPO's are shared per
head and delegate (and there is one for each team), PPO's is one MLP on all agents' vectors joined (`rl/adapters/flat.py`).
"""

import sys
import time

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback

from twingap.rl.adapters import StableBaselinesVecEnv
from twingap.rl.environment import Environment, make_env
from twingap.rl.mappo import Learner
from twingap.rl.mappo_settings import MappoSettings
from twingap.rl.mappo_training import MappoTrainer

ENVIRONMENTS, ROLLOUT, PASSES, MINIBATCHES, HIDDEN = 128, 4, 4, 1, 32


class Clock:
    """CPU seconds of one kind of work."""

    def __init__(self) -> None:
        self.seconds, self.started = 0.0, 0.0

    def start(self) -> None:
        self.started = time.process_time()

    def stop(self) -> None:
        self.seconds += time.process_time() - self.started


class Rollouts(BaseCallback):
    """Clocks Stable-Baselines3's rollouts."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def _on_rollout_start(self) -> None:
        self.clock.start()

    def _on_rollout_end(self) -> None:
        self.clock.stop()

    def _on_step(self) -> bool:
        return True


def environment(preset: str) -> Environment:
    return make_env(preset, 0.1, 0, ENVIRONMENTS)


def mappo(preset: str, updates: int) -> tuple[float, float]:
    team = {"hidden": HIDDEN, "epochs": PASSES, "minibatches": MINIBATCHES}
    settings = MappoSettings.from_json({"updates": updates + 1, "rollout": ROLLOUT, "local": team, "global_": team})
    trainer = MappoTrainer(environment(preset), settings, seed=0)
    trainer.update()
    whole, learning = Clock(), Clock()
    plain = Learner.update

    def clocked(*arguments: object) -> object:
        learning.start()
        record = plain(*arguments)
        learning.stop()
        return record

    Learner.update = clocked
    whole.start()
    while not trainer.finished:
        trainer.update()
    whole.stop()
    Learner.update = plain
    return whole.seconds - learning.seconds, learning.seconds


def stable_baselines(preset: str, updates: int) -> tuple[float, float]:
    env = StableBaselinesVecEnv(environment(preset))
    rows = ENVIRONMENTS * ROLLOUT
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=ROLLOUT,
        n_epochs=PASSES,
        batch_size=rows // MINIBATCHES,
        policy_kwargs={"net_arch": [HIDDEN, HIDDEN]},
        device="cpu",
        seed=0,
    )
    model.learn(rows)
    rollouts, whole = Clock(), Clock()
    whole.start()
    model.learn(rows * updates, callback=Rollouts(rollouts))
    whole.stop()
    return rollouts.seconds, whole.seconds - rollouts.seconds


def main(preset: str = "paper", updates: str = "20", repeats: str = "3") -> None:
    torch.set_num_threads(1)
    system = environment(preset).system
    agents = len(system.heads.heads) + len(system.committees.delegates)
    steps = ENVIRONMENTS * ROLLOUT * int(updates) * agents
    print(
        f"{preset}: {ENVIRONMENTS} environments x {ROLLOUT} epochs, {PASSES} passes x {MINIBATCHES} minibatch, {agents} agents"
    )
    print(f"{'agent-steps per CPU second':30s}{'rollout':>10s}{'update':>10s}{'both':>10s}")
    for name, run in (("twingap mappo", mappo), ("stable-baselines3 ppo", stable_baselines)):
        # Best of the repeats: other programs on the machine only ever cost time.
        rollout, update = min((run(preset, int(updates)) for _ in range(int(repeats))), key=sum)
        print(f"{name:30s}{steps / rollout:10.0f}{steps / update:10.0f}{steps / (rollout + update):10.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
