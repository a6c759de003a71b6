"""How long one environment step takes, and where the time goes: python benchmarks/env_throughput.py [preset] [environments].

An agent row is one agent (an AP or a block manager) of one environment in one epoch. The step checks and decodes the action,
evaluates the equations on the truth, pays rewards, moves the truth on, draws and applies twin error, and builds the next
epoch's truth and twin (a snapshot each). What the step itself does not need is made when somebody reads it: the twin's linear
SINR (in ``group`` mode all but the request links') and the features (17), (19). Both are printed below, beside the stages.
CPU time of this process, shortest of several means. Where others use the machine it is more even so, since they take caches and
their half of each core: the last line, whose work never changes, gives an idea.
"""

import sys
import time
from collections.abc import Callable

import numpy as np

from twingap.opt.arrays import Floats
from twingap.opt.evaluation import evaluate
from twingap.opt.snapshot import Snapshot
from twingap.rl.actions import Action, GlobalAction, LocalAction, check_action
from twingap.rl.decoding import decode
from twingap.rl.environment import Environment, make_env
from twingap.rl.normals import standard_normals, stream
from twingap.rl.twin import error_size, observe


def milliseconds(run: Callable[[], object], repeats: int = 7, calls: int = 20) -> float:
    """Shortest mean of ``calls`` calls, in CPU time of this process (other programs do not count)."""
    run()
    best = float("inf")
    for _ in range(repeats):
        started = time.process_time()
        for _ in range(calls):
            run()
        best = min(best, (time.process_time() - started) / calls)
    return 1e3 * best


def random_action(env: Environment, rng: np.random.Generator) -> Action:
    envs, heads = env.num_envs, len(env.system.cycles)
    committees, delegates = env.system.committee_cycles.shape
    aps = len(env.system.heads.heads)
    share = rng.random((envs, heads)) / heads
    return Action(
        LocalAction(share, share, rng.random((envs, heads))),
        GlobalAction(
            rng.integers(0, 2, (envs, committees, aps)).astype(float),
            rng.integers(0, 2, (envs, committees)).astype(float),
            rng.random((envs, committees)) / committees,
            rng.random((envs, committees, delegates)) / committees / delegates,
            rng.random((envs, committees, delegates)),
        ),
    )


def linear_sinr(snapshot: Snapshot) -> tuple[Floats, ...]:
    local, global_ = snapshot.local, snapshot.global_
    return local.sinr_uplink, local.sinr_peer, global_.sinr_access, global_.sinr_peer


def main(preset: str = "paper", environments: str = "64") -> None:
    env = make_env(preset, 0.1, 0, int(environments))
    observation = env.reset()
    action = random_action(env, np.random.default_rng(0))
    system, truth, twin = env.system, env.truth, observation.twin
    rng = stream(np.random.SeedSequence(0))
    shape = (env.num_envs, error_size(system))
    normals = standard_normals(shape, rng)
    state = system.state(normals[:, : system.latent_size])
    decision = decode(action, twin, truth).decision
    rows = env.num_envs * (len(system.heads.heads) + len(system.committees.delegates))
    total = milliseconds(lambda: env.step(action))
    print(f"{preset}, {env.num_envs} environments x {rows // env.num_envs} agents = {rows} agent rows, twin error 0.1")
    print(f"{'step, reward included':30s}{total:8.3f} ms   {1e3 * total / rows:6.2f} microseconds per agent row")
    stages: list[tuple[str, Callable[[], object]]] = [
        ("normals (truth and error)", lambda: (standard_normals(shape, rng), standard_normals(shape, rng))),
        ("state", lambda: system.state(normals[:, : system.latent_size])),
        ("observe", lambda: observe(system, state, normals, env.twin_error)),
        ("snapshot of the truth", lambda: linear_sinr(system.snapshot(state))),
        ("check and decode", lambda: decode(check_action(action, truth), twin, truth)),
        ("evaluate", lambda: evaluate(truth, decision).utility),
        ("twin's SINR (if asked for)", lambda: linear_sinr(system.snapshot(state))),
        ("features (if asked for)", lambda: (env.encoding.local(state), env.encoding.global_(state))),
    ]
    for name, run in stages:
        print(f"  {name:28s}{milliseconds(run):8.3f} ms")
    fixed = np.linspace(-5.0, 5.0, 100_000)
    print(f"{'to compare: 100,000 exp':30s}{milliseconds(lambda: np.exp(fixed)):8.3f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
