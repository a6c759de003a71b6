"""A3C's workers as processes of their own, on weights in shared memory.

``tickets``: workers push in turn (0, 1, ..., 0, 1, ...), each pulls right after its push, and gradients are computed at the
same time, each with weights that lack exactly what the others have pushed since. The order does not depend on the machine, so
runs repeat bit for bit with any number of workers (the number itself matters); the price is that the slowest sets the pace.
``free``: whoever is done pushes, as in the paper: no waiting and no repetition.
"""

from __future__ import annotations

import copy
import multiprocessing
import signal
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch

from ..opt.arrays import Floats
from ..opt.errors import InputError
from ..opt.scenario import Scenario
from ..rl.decoding import Rules
from ..rl.environment import Environment, EnvironmentState
from ..rl.threads import one_thread
from ..rl.twin import TwinError
from .a3c import Networks, SharedTeam, Worker
from .a3c_settings import Order
from .a3c_tickets import Place, places
from .game import TwinGame

# Started once per program; workers are forked from it with everything imported.
PRELOAD = ["twingap.baselines.a3c_workers"]


@dataclass(frozen=True)
class WorkerPlan:
    """How to make one worker: its environment, its place and the seed of its draws."""

    scenario: Scenario
    sigma: TwinError
    env_seed: int
    num_envs: int
    horizon: int
    rules: Rules
    system_seed: int
    seed: int
    index: int

    @classmethod
    def of(cls, env: Environment, seed: int, index: int, workers: int) -> WorkerPlan:
        """The plan of worker ``index`` of several that share the environments of ``env`` among them, with epochs of its own.

        InputError for a kind of environment that a worker would not know how to make again."""
        if type(env) is not Environment:
            raise InputError(f"is a {type(env).__name__}; A3C's workers can play plain environments only", field="env")
        own = np.random.SeedSequence([env.seed, seed, index]).generate_state(2)
        return cls(
            scenario=env.scenario,
            sigma=env.twin_error,
            env_seed=int(own[0]),
            num_envs=max(1, env.num_envs // workers),
            horizon=env.horizon,
            rules=env.rules,
            system_seed=env.system_seed,
            seed=int(own[1]),
            index=index,
        )

    def worker(self, networks: Mapping[str, Networks], shared: Mapping[str, SharedTeam]) -> Worker:
        """Make it; networks are copied."""
        env = Environment(
            self.scenario,
            sigma=self.sigma,
            seed=self.env_seed,
            num_envs=self.num_envs,
            horizon=self.horizon,
            decoding=self.rules.decoding,
            over_capacity=self.rules.over_capacity,
            system_seed=self.system_seed,
        )
        generator = torch.Generator().manual_seed(self.seed)
        own = {team: copy.deepcopy(each) for team, each in networks.items()}
        return Worker(TwinGame(env), own, shared, generator)


@dataclass(frozen=True, eq=False)
class WorkerState:
    """Where a worker stands between two updates; its weights are the shared ones. generator: state of its draws, as bytes."""

    environment: EnvironmentState
    generator: bytes


class HomeWorker:
    """The only worker of a run, in the program itself: no other process and no waiting."""

    def __init__(self, plan: WorkerPlan, networks: Mapping[str, Networks], shared: Mapping[str, SharedTeam]) -> None:
        self.worker = plan.worker(networks, shared)
        self._found: dict[str, Floats] = {}

    def ready(self) -> None:
        """Pull."""
        self.worker.pull()

    def go(self, pushes: int, progress: float) -> None:
        """Run."""
        self._found = self.worker.run(pushes, progress)

    def done(self) -> dict[str, Floats]:
        """Mean reward per agent by team."""
        return self._found

    def state(self) -> WorkerState:
        """Where it stands."""
        return state_of(self.worker)

    def restore(self, state: WorkerState) -> None:
        """Go on from there."""
        restore_worker(self.worker, state)


class AwayWorker:
    """A worker in a process of its own. RuntimeError, with what it said, when it fails or dies."""

    def __init__(
        self,
        plan: WorkerPlan,
        networks: Mapping[str, Networks],
        shared: Mapping[str, SharedTeam],
        place: Place,
        context: Any,
    ) -> None:
        self.index = plan.index
        # The process takes these over when it starts: they must not be collected before.
        self._sent = networks, shared, place
        self.connection, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=serve, args=(plan, networks, shared, place, theirs), daemon=True, name=f"a3c-{plan.index}"
        )
        self.process.start()
        theirs.close()

    def ready(self) -> None:
        """Pull, and wait until it has."""
        self._ask("pull")

    def go(self, pushes: int, progress: float) -> None:
        """Start running."""
        self._send("run", pushes, progress)

    def done(self) -> dict[str, Floats]:
        """Wait until it has run; mean reward per agent by team."""
        return self._receive()

    def state(self) -> WorkerState:
        """Where it stands."""
        return self._ask("state")

    def restore(self, state: WorkerState) -> None:
        """Go on from there."""
        self._ask("restore", state)

    def _ask(self, *words: Any) -> Any:
        self._send(*words)
        return self._receive()

    def _send(self, *words: Any) -> None:
        try:
            self.connection.send(words)
        except OSError:
            raise RuntimeError(f"A3C's worker {self.index} is gone") from None

    def _receive(self) -> Any:
        try:
            fine, answer = self.connection.recv()
        except (EOFError, OSError):
            raise RuntimeError(f"A3C's worker {self.index} died") from None
        if not fine:
            raise RuntimeError(f"A3C's worker {self.index} failed:\n{answer}")
        return answer


def start_workers(
    plans: list[WorkerPlan],
    networks: Mapping[str, Networks],
    shared: Mapping[str, SharedTeam],
    order: Order,
    owner: object,
) -> tuple[list[AwayWorker], Callable[[], object]]:
    """Processes on the shared weights, and what ends them (also called when ``owner`` is collected or the program ends)."""
    multiprocessing.set_forkserver_preload(PRELOAD)
    context = torch.multiprocessing.get_context("forkserver")
    for each in shared.values():
        each.share()
    # What is sent is moved to shared memory, so send copies: every worker makes its own of them.
    sent = {team: copy.deepcopy(each) for team, each in networks.items()}
    turns = places(context, len(plans), order)
    workers = [AwayWorker(plan, sent, shared, place, context) for plan, place in zip(plans, turns, strict=True)]
    return workers, weakref.finalize(owner, stop, [worker.process for worker in workers])


def gather(workers: Sequence[HomeWorker | AwayWorker]) -> list[dict[str, Floats]]:
    """What all have found, in their order. RuntimeError as soon as one of them fails: others may wait for its turn for ever."""
    found: dict[int, dict[str, Floats]] = {}
    waiting = {}
    for place, worker in enumerate(workers):
        if isinstance(worker, AwayWorker):
            waiting[worker.connection] = place
        else:
            found[place] = worker.done()
    while waiting:
        for connection in wait(list(waiting)):
            place = waiting.pop(connection)
            found[place] = workers[place].done()
    return [found[place] for place in range(len(workers))]


def stop(processes: list[BaseProcess]) -> None:
    """End processes at once; their state is of no use to anybody."""
    for process in processes:
        process.kill()
    for process in processes:
        process.join()


@one_thread()
def serve(
    plan: WorkerPlan,
    networks: Mapping[str, Networks],
    shared: Mapping[str, SharedTeam],
    place: Place,
    connection: Connection,
) -> None:
    """A worker's process: answer until nobody asks any more. Interrupts are the program's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        worker = plan.worker(networks, shared)
    except Exception:
        tell(connection, (False, traceback.format_exc()))
        return
    while (words := hear(connection)) is not None:
        try:
            reply = (True, answer(worker, words[0], words[1:], place))
        except Exception:
            reply = (False, traceback.format_exc())
        if not (tell(connection, reply) and reply[0]):
            return


def hear(connection: Connection) -> tuple[Any, ...] | None:
    """What the program says; None when it is gone, which ends a worker and is no error of its own."""
    try:
        return connection.recv()
    except (EOFError, OSError):
        return None


def tell(connection: Connection, reply: tuple[bool, Any]) -> bool:
    """Say it; False when the program is gone."""
    try:
        connection.send(reply)
    except OSError:
        return False
    return True


def answer(worker: Worker, word: str, rest: tuple[Any, ...], place: Place) -> Any:
    """What a worker's process does at each word."""
    if word == "run":
        pushes, progress = rest
        return worker.run(pushes, progress, place.turn)
    if word == "pull":
        return worker.pull()
    if word == "state":
        return state_of(worker)
    assert word == "restore"
    return restore_worker(worker, rest[0])


def state_of(worker: Worker) -> WorkerState:
    """Where a worker stands."""
    assert isinstance(worker.game, TwinGame)
    return WorkerState(worker.game.env.state(), bytes(worker.generator.get_state().tolist()))


def restore_worker(worker: Worker, state: WorkerState) -> None:
    """Go on from there."""
    assert isinstance(worker.game, TwinGame)
    worker.game.see(worker.game.env.restore(state.environment))
    worker.generator.set_state(torch.tensor(list(state.generator), dtype=torch.uint8))
