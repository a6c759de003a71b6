"""A solver of one's own in one file: registered at run time, scored and checked by twingap like the built-in ones.

python examples/solver_plugin.py [preset]

A package registers through an entry point instead (examples/twingap-example); a function of the same kind is all it takes.
"""

import sys

import numpy as np

import twingap
from twingap.opt.global_equations import evaluate_global
from twingap.opt.local_equations import evaluate_local, upload_time, weakest_peer
from twingap.opt.rates import spectral_efficiency
from twingap.opt.registry import SOLVERS, SolverEntry
from twingap.opt.result import Answer, Budget

FRACTIONS = np.linspace(0.1, 1.0, 10)


def solve(snapshot: twingap.Snapshot, budget: Budget, rng: np.random.Generator) -> Answer:
    """Grid search: which heads run, what fraction of the CPU and of the budget is used. Nothing is random, no bound is proved
    (bounds left out are infinite). Raises InputError for modes that it cannot handle."""
    del budget, rng
    for name, part in (("local", snapshot.local), ("global", snapshot.global_)):
        if part.multicast != "group" or part.whole_subchannels:
            problem = "or whole_subchannels: solver 'grid' handles 'group' with divisible subchannels only"
            raise twingap.InputError(problem, field=f"{name}.multicast")
    return Answer(twingap.Decision(_best_local(snapshot.local), _best_global(snapshot.global_)))


def _best_local(part) -> twingap.LocalDecision:
    heads = len(part.cpu_max_hz)
    upload = upload_time(part, np.ones(heads))
    cheapest = upload.argsort().argsort()
    # One batch [grid, J] of all combinations, evaluated in one call: the n heads with the cheapest uplinks run.
    n, cpu, spent, uplink = (
        axis.reshape(-1, 1) for axis in np.meshgrid(np.arange(heads + 1), FRACTIONS, FRACTIONS, FRACTIONS[:9])
    )
    runs = (cheapest < n).astype(float)
    to_uplink = spent * uplink * part.subchannels_max
    to_multicast = spent * (1.0 - uplink) * part.subchannels_max * (n > 0)
    need = np.sqrt(1.0 / spectral_efficiency(weakest_peer(part)))
    tried = twingap.LocalDecision(
        uplink=to_uplink * runs * upload / np.maximum((runs * upload).sum(axis=-1, keepdims=True), upload.min()),
        cpu_hz=cpu * runs * part.cpu_max_hz,
        multicast=to_multicast * need / need.sum(),
    )
    best = int(evaluate_local(part, tried).utility.argmax())
    return twingap.LocalDecision(tried.uplink[best], tried.cpu_hz[best], tried.multicast[best])


def _best_global(part) -> twingap.GlobalDecision:
    real = part.layout.is_delegate
    rates = spectral_efficiency(part.sinr_access)
    access, free = np.zeros(rates.shape[1], dtype=np.int64), part.capacity.copy()
    for ap in rates.max(axis=0).argsort()[::-1]:
        access[ap] = np.where(free > 0, rates[:, ap], -1.0).argmax()
        free[access[ap]] -= 1
    request = part.block_bits[access] / rates[access, np.arange(len(access))]
    weakest = np.where(part.layout.is_link, spectral_efficiency(part.sinr_peer), np.inf).min(axis=-1)
    relay = np.where(real, part.block_bits[:, None] / weakest, 0.0)
    spent, cpu = (axis.reshape(-1) for axis in np.meshgrid(np.append(0.0, FRACTIONS), FRACTIONS))
    share = spent * part.subchannels_max / (request.sum() + relay.sum())
    tried = twingap.GlobalDecision(
        access=np.tile(access, (len(share), 1)),
        request=share[:, None] * request,
        cpu_hz=np.where(spent > 0.0, cpu, 0.0)[:, None, None] * real * part.cpu_max_hz,
        multicast=share[:, None, None] * relay,
    )
    best = int(evaluate_global(part, tried).utility.argmax())
    return twingap.GlobalDecision(access, tried.request[best], tried.cpu_hz[best], tried.multicast[best])


def main(preset: str = "tiny") -> None:
    SOLVERS["grid"] = SolverEntry(target=f"{__name__}:solve", proves="nothing", handles="group; divisible subchannels")
    for seed in range(3):
        snapshot = twingap.draw(preset, seed=seed)
        mine, certified = twingap.solve(snapshot, solver="grid"), twingap.solve(snapshot)
        short = (certified.bound - mine.objective) / certified.objective
        print(f"{snapshot.name}: grid earns {mine.objective:.2f} of at most {certified.bound:.2f}, gap {100 * short:.2f} %")


if __name__ == "__main__":
    main(*sys.argv[1:])
