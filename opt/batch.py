"""Many snapshots in one call: each solved, scored and checked exactly as ``solve`` does it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np

from .arguments import shown, whole
from .errors import InputError
from .result import Result
from .snapshot import Snapshot
from .solve import solve

# Snapshots that a worker takes at a time: few enough to keep workers equally busy, enough to hide the hand-over.
LARGEST_CHUNK = 16


def solve_batch(
    snapshots: Snapshot | Sequence[Snapshot],
    solver: str = "decomposition",
    gap: float = 1e-4,
    time_limit: float = 60.0,
    seed: int = 0,
    certificate: bool = False,
    workers: int = 1,
    report: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Solve many snapshots of Problem (16); results in the order of ``snapshots``.

    snapshots: a sequence of single epochs, or one Snapshot with leading batch axes (...), taken in C order: result number
    ``np.ravel_multi_index(index, snapshot.batch_shape)`` belongs to ``snapshot.at(index)``. gap, time_limit, seed, certificate:
    of each snapshot, as in ``solve``. workers: processes; 1 solves here, more are spawned, so that a script that asks for them
    needs the usual ``if __name__ == "__main__":``. report(done, total) is called after every snapshot, in this process.

    Every decision is evaluated by the equations and held against its bound. Raises what ``solve`` raises, at the first snapshot
    that fails: results of a batch with a false bound in it are worth nothing. Raises InputError for impossible ``workers``.
    """
    workers = whole(workers, "workers", 1)
    singles = single_epochs(snapshots)
    run = partial(solve, solver=solver, gap=gap, time_limit=time_limit, seed=seed, certificate=certificate)
    results: list[Result] = []
    for result in _results(run, singles, min(workers, max(1, len(singles)))):
        results.append(result)
        if report is not None:
            report(len(results), len(singles))
    return results


def single_epochs(snapshots: Snapshot | Sequence[Snapshot]) -> list[Snapshot]:
    """The epochs of a batch in C order, or those of a sequence; InputError when one of these is itself a batch."""
    if isinstance(snapshots, Snapshot):
        return [snapshots.at(index) for index in np.ndindex(snapshots.batch_shape)]
    if isinstance(snapshots, str) or not isinstance(snapshots, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"is {shown(snapshots)}; it must be a Snapshot or a sequence of them", field="snapshots")
    snapshots = list(snapshots)
    for place, snapshot in enumerate(snapshots):
        if not isinstance(snapshot, Snapshot):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InputError(f"is {shown(snapshot)}; it must be a Snapshot", field=f"snapshots[{place}]")
        if snapshot.batch_shape:
            problem = f"is a batch of shape {snapshot.batch_shape}; give that batch alone, or single epochs"
            raise InputError(problem, field=f"snapshots[{place}]")
    return snapshots


def _results(run: Callable[[Snapshot], Result], singles: list[Snapshot], workers: int) -> Iterator[Result]:
    if workers == 1:
        yield from map(run, singles)
        return
    chunk = max(1, min(LARGEST_CHUNK, len(singles) // (4 * workers)))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            yield from pool.map(run, singles, chunksize=chunk)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
