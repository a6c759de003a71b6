"""Hard limits of a cell, and the two things that enforcing them takes: weighing a tree of processes and ending it.

Linux only: everything here is read from ``/proc``. RLIMIT_AS is of no use, since numba and torch reserve address space that
they never touch; what counts is memory in use, and it has to be looked at from outside.
"""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")
GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """What one cell may use. time [s]: wall clock; memory [bytes]: in use by the cell's process and everything it started,
    pages that several of them share counted once. None: no limit."""

    time: float | None = None
    memory: int | None = None


NO_LIMITS = Limits()


def refuse_huge_requests(memory: int) -> None:
    """A ceiling on what each process may allocate, touched or not: looking now and then cannot stop one huge request.

    Twice the limit and 1 GiB: allocators reserve more than they use. A request above it fails inside the process.
    """
    ceiling = 2 * memory + GIB
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    ceiling = ceiling if hard == resource.RLIM_INFINITY else min(ceiling, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (ceiling, hard))


def descendants(root: int) -> list[int]:
    """Every process below ``root``, which is not among them."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    found: list[int] = []
    heads = [root]
    while heads:
        heads = [child for head in heads for child in children.get(head, [])]
        found += heads
    return found


def exceeds(pids: list[int], memory: int) -> bool:
    """True when these processes together use more than ``memory`` bytes.

    The resident sizes, which count shared pages again in every process, are a quick upper estimate; only when they are too
    much are the proportional sizes read, which cost the kernel a walk over the pages.
    """
    return sum(map(_resident, pids)) > memory and sum(map(_proportional, pids)) > memory


def end_descendants(root: int) -> None:
    """Kill everything below ``root`` until nothing is left. ``root`` is the caller and a subreaper: whatever loses its parent
    becomes its child, so that nothing escapes."""
    while True:
        for pid in descendants(root):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _parents() -> Iterator[tuple[int, int]]:
    """(process, its parent) of every process that can be read."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with suppress(OSError):
                stat = Path(entry.path, "stat").read_bytes()
                # The name in parentheses may hold anything; after it: state, parent.
                yield int(entry.name), int(stat[stat.rindex(b")") + 2 :].split(maxsplit=2)[1])


def _resident(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)
