"""Train Stable-Baselines3's PPO through an adapter and measure how far from the certified optimum it is.

python examples/sb3_ppo.py [preset] [environment steps]     (needs the extra: pip install 'twingap[sb3]')
"""

import sys

import numpy as np
from stable_baselines3 import PPO

import twingap
from twingap.rl.adapters import FlatPolicy, StableBaselinesVecEnv

ENVIRONMENTS, ROLLOUT = 64, 16


def main(preset: str = "tiny", steps: str = "200000") -> twingap.GapReport:
    env = StableBaselinesVecEnv(twingap.make_env(preset, sigma=0.1, seed=0, num_envs=ENVIRONMENTS))
    # No action changes the state, so the best action maximises the immediate reward: gamma = 0 (docs/twin.md).
    model = PPO("MlpPolicy", env, n_steps=ROLLOUT, batch_size=256, n_epochs=4, gamma=0.0, learning_rate=1e-3, seed=0)
    model.learn(int(steps))

    def decide(seen: np.ndarray) -> np.ndarray:
        return model.predict(seen, deterministic=True)[0]

    policies = {"sb3_ppo": FlatPolicy(env.coding, decide), "static": "static", "everything_off": "everything_off"}
    # Seed 0 of the measurement is the system that the policy was trained on.
    report = twingap.measure_gap(policies, preset=preset, sigma=[0.0, 0.1], epochs=20, seeds=[0])
    print(report.table().to_string())
    return report


if __name__ == "__main__":
    main(*sys.argv[1:])
