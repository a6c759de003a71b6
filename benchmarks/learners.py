"""How close a learner comes to the certified bound in a given training time: scenarios x seeds, interquartile means.

    python benchmarks/learners.py gradient --minutes 2
    python benchmarks/learners.py mappo --minutes 2 --minutes 6 --sigma 0.2 --against certainty_equivalent
    python benchmarks/learners.py gradient --minutes 2 --judge paper plant

A budget is CPU time of this process with one thread (busy neighbours do not count), the environment's steps included,
evaluation not. Every budget is a run of its own, since schedules follow the run's length; how many updates fit is measured on
the spot. Scenario: the system, its frozen evaluation epochs and their bounds. Seed: initial weights, draws and training epochs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from dataclasses import dataclass

import numpy as np
import yaml

from twingap.baselines.registry import make_baseline
from twingap.opt.scenario import preset
from twingap.rl.environment import Environment
from twingap.rl.learners import find_learner, make_trainer
from twingap.studies.frozen_epochs import FrozenEpochs, certify
from twingap.studies.gap_statistics import episode_gaps, interquartile_mean, stratified_bootstrap
from twingap.studies.scoring import score

PARTS = ("local", "global", "sum")
EPISODES, LENGTH = 20, 10
# Gaps by scenario, seed and part.
Gaps = list[list[dict[str, np.ndarray]]]
# Updates that warm up and time a learner before its run is planned.
PROBE = 6


@dataclass(frozen=True, eq=False)
class Judge:
    """Frozen epochs of one scenario with their bounds."""

    epochs: FrozenEpochs
    certificate: object

    def gaps(self, policy, sigma: float, name: str) -> dict[str, np.ndarray]:
        """Gap to the bound of every episode, by part."""
        found = score(policy, self.epochs.environment(sigma), self.epochs, self.certificate, name)
        known = self.certificate
        parts = {
            "local": (known.local_bound, found.local_utility, known.local_incumbent),
            "global": (known.global_bound, found.global_utility, known.global_incumbent),
        }
        parts["sum"] = tuple(one + two for one, two in zip(parts["local"], parts["global"], strict=True))
        return {part: episode_gaps(*numbers) for part, numbers in parts.items()}


def judge(name: str, scenario: int) -> Judge:
    epochs = FrozenEpochs(preset(name), scenario, EPISODES, LENGTH)
    return Judge(epochs, certify(epochs, lambda _done, _total: None))


def training_environment(name: str, scenario: int, seed: int, sigma: float, num_envs: int) -> Environment:
    return Environment(preset(name), sigma=sigma, seed=10_007 * (seed + 1), num_envs=num_envs, system_seed=scenario)


def seconds_per_update(options, settings) -> float:
    trainer = make_trainer(options.learner, training_environment(*probe_of(options)), 0, settings)
    # Off-policy learners fill their replay first, and DDPG's actor waits for its critic: cheap updates that say nothing.
    for _ in range(sum(getattr(trainer.settings, name, 0) for name in ("warm_up", "actor_warm_up"))):
        trainer.update()
    marks = [time.process_time()]
    for _ in range(PROBE):
        trainer.update()
        marks.append(time.process_time())
    return float(np.median(np.diff(marks)[2:]))


def probe_of(options):
    return options.preset, options.scenarios[0], 0, options.sigma, options.num_envs


def summary(by_scenario: list[list[np.ndarray]]) -> str:
    """Interquartile mean over all episodes and its bootstrap interval, scenarios being strata, in percent."""
    strata = [np.concatenate(seeds) for seeds in by_scenario]
    low, high = stratified_bootstrap(strata, np.random.default_rng(0), 2000, 0.95)
    mean = interquartile_mean(np.concatenate(strata))
    return f"{100 * float(mean):6.2f} [{100 * low:.2f}, {100 * high:.2f}]"


def row(label: str, updates: str, seconds: str, gaps: Gaps) -> None:
    columns = [summary([[seed[part] for seed in scenario] for scenario in gaps]) for part in PARTS]
    print(f"{label:34s}{updates:>8s}{seconds:>8s}" + "".join(f"{column:>24s}" for column in columns), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("learner")
    parser.add_argument("--minutes", type=float, action="append", help="CPU time of one run; may be given several times")
    parser.add_argument("--updates", type=int, action="append", help="instead of minutes: lengths of the runs")
    parser.add_argument("--sigma", type=float, default=0.0)
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--judge", nargs="+", help="presets to evaluate on, without retraining; default: the one trained on")
    parser.add_argument("--scenarios", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--num-envs", type=int)
    parser.add_argument("--settings", default="{}", help="fields of the learner's settings (YAML)")
    parser.add_argument("--against", nargs="*", default=[], help="baselines to pair with")
    options = parser.parse_args()
    settings = yaml.safe_load(options.settings)
    options.num_envs = options.num_envs or find_learner(options.learner).num_envs

    shown = options.judge or [options.preset]
    judges = {name: [judge(name, scenario) for scenario in options.scenarios] for name in shown}
    print(f"trained on {options.preset}, judged on {', '.join(shown)}: {EPISODES} episodes of {LENGTH} epochs per scenario")
    print(f"scenarios {options.scenarios}, seeds {options.seeds}, sigma {options.sigma:g}, settings {json.dumps(settings)}")
    print(f"{'gap to the certified bound, %':34s}{'updates':>8s}{'CPU s':>8s}" + "".join(f"{part:>24s}" for part in PARTS))

    rivals: dict[tuple[str, str], Gaps] = {}
    for where, name in itertools.product(shown, options.against):
        rivals[where, name] = []
        for each in judges[where]:
            policy = make_baseline(name, each.epochs.environment(options.sigma), np.random.default_rng(0))
            rivals[where, name].append([each.gaps(policy, options.sigma, name)] * len(options.seeds))
        row(f"{name} on {where}", "", "", rivals[where, name])

    runs = options.updates or [None] * len(options.minutes or [])
    pace = None if options.updates else seconds_per_update(options, settings)
    for length, minutes in zip(runs, options.minutes or [None] * len(runs), strict=True):
        updates = length if length is not None else max(1, round(60.0 * minutes / pace))
        gaps: dict[str, Gaps] = {where: [[] for _ in options.scenarios] for where in shown}
        spent: list[float] = []
        for place, scenario in enumerate(options.scenarios):
            for seed in options.seeds:
                env = training_environment(options.preset, scenario, seed, options.sigma, options.num_envs)
                started = time.process_time()
                trainer = make_trainer(options.learner, env, seed, settings | {"updates": updates})
                while not trainer.finished:
                    trainer.update()
                spent.append(time.process_time() - started)
                print(f"  scenario {scenario}, seed {seed} ({spent[-1]:.0f} s)")
                for where in shown:
                    gaps[where][place].append(judges[where][place].gaps(trainer.policy, options.sigma, options.learner))
                    of = gaps[where][place][-1]
                    found = "  ".join(f"{part} {100 * float(interquartile_mean(of[part])):.2f}" for part in PARTS)
                    print(f"    on {where}: {found}", flush=True)
        for where in shown:
            row(f"{options.learner} on {where}", str(updates), f"{np.median(spent):.0f}", gaps[where])
            for name in options.against:
                differences = [
                    [{part: mine[part] - yours[part] for part in PARTS} for mine, yours in zip(ours, them, strict=True)]
                    for ours, them in zip(gaps[where], rivals[where, name], strict=True)
                ]
                row(f"  minus {name}, paired", "", "", differences)


if __name__ == "__main__":
    main()
