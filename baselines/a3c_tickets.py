"""Whose turn it is to push: a ticket that A3C's workers hand on through pipes.

``tickets``: round all workers, each with a pipe of its own; ``free``: one pipe, and whoever reads first has it. Pipes have no
names, so nothing of them stays behind however a process ends (named semaphores of a killed run would).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from .a3c_settings import Order

TICKET = b"t"
# How often a worker that waits for its turn looks whether the program is still there [s].
LOOK = 1.0


@dataclass(frozen=True)
class Place:
    """One worker's place: where its ticket arrives, and where the next one's goes."""

    arrives: Connection
    leaves: Connection

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the ticket, hand it on afterwards; SystemExit when the program is gone."""
        while not self._taken():
            program = multiprocessing.parent_process()
            if program is not None and not program.is_alive():
                raise SystemExit(1)
        yield
        os.write(self.leaves.fileno(), TICKET)

    def _taken(self) -> bool:
        if not self.arrives.poll(LOOK):
            return False
        try:
            ticket = os.read(self.arrives.fileno(), len(TICKET))
        except BlockingIOError:
            # Another worker was quicker.
            return False
        if not ticket:
            # Everybody who could hand it on is gone.
            raise SystemExit(1)
        return True


def places(context: Any, workers: int, order: Order) -> list[Place]:
    """A place for every worker; the first one's turn is first. context: of multiprocessing, for which they can be sent."""
    pipes = [context.Pipe(duplex=False) for _ in range(workers if order == "tickets" else 1)]
    for arrives, _ in pipes:
        os.set_blocking(arrives.fileno(), False)
    os.write(pipes[0][1].fileno(), TICKET)
    return [Place(pipes[n % len(pipes)][0], pipes[(n + 1) % len(pipes)][1]) for n in range(workers)]
