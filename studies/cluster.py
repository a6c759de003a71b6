"""Cells on a Dask cluster: each task starts the same keeper, with the same limits, on the machine that Dask chose.

Dask cannot end a running task, nor does its memory limit see the processes of a task; keepers do both. A worker that dies takes
its cells with it, and Dask gives them to another. The workers need the results directory under the same path (a shared file
system), the same sources and versions, and ``distributed.worker.daemon: False``, since daemons may start no processes.

Dask runs what its peers send, so whoever may connect runs code as whoever started scheduler and workers. A cluster of our own
listens on this machine alone and takes nobody without its certificate, which exists in memory. Of others, ``tls://`` addresses
are spoken to with the certificates that Dask's own configuration names.
"""

from __future__ import annotations

import math
import multiprocessing
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..opt.errors import InputError
from .cells import Cell, code_version
from .records import Records
from .words import Advanced, Ended, Failure, Taken
from .workers import Workers

if TYPE_CHECKING:
    from distributed import Future

LOCAL = "local"
LOOPBACK = "127.0.0.1"
# Where Dask looks for what a runner needs to connect to tls:// addresses.
CERTIFICATES = tuple(f"DASK_DISTRIBUTED__COMM__TLS__{name}" for name in ("CA_FILE", "CLIENT__KEY", "CLIENT__CERT"))
# Seconds to wait for the scheduler's answer.
PATIENCE = 30.0


class Cluster:
    """As many cells at a time as the cluster has threads; Dask workers may come and go."""

    def __init__(self, address: str, workers: int, records: Records) -> None:
        self.records = Records(records.directory.resolve())
        self.client, self.cluster = _connect(address, workers)
        self.running: dict[str, tuple[Cell, Future, float]] = {}
        self.finished: queue.SimpleQueue[tuple[Cell, Future]] = queue.SimpleQueue()
        self.threads, self.counted = 0, -math.inf
        try:
            _check(self.client, self.records.directory)
        except InputError:
            self.stop()
            raise

    @property
    def size(self) -> int:
        """See Crew; 1 while no Dask worker is there."""
        return max(1, self._threads)

    @property
    def free(self) -> int:
        """See Crew. One cell more than threads is submitted, so that no worker waits for the next."""
        threads = self._threads
        return threads + 1 - len(self.running) if threads else 0

    @property
    def _threads(self) -> int:
        if time.monotonic() - self.counted > 1.0:
            self.threads = sum(self.client.nthreads().values())
            self.counted = time.monotonic()
        return self.threads

    def prepare(self, cells: Sequence[Cell]) -> None:
        """Nothing: the workers' server processes import what they need."""

    def start(self, cell: Cell) -> None:
        """See Crew."""
        # Not pure: a cell that is put back must run again and not return the remembered answer.
        future = self.client.submit(run_here, cell, self.records, pure=False, key=f"{cell.key}-{time.monotonic_ns()}")
        self.running[cell.key] = cell, future, time.monotonic()
        future.add_done_callback(lambda done: self.finished.put((cell, done)))

    def listen(self, timeout: float) -> Iterator[tuple[Cell, Advanced | Ended | Taken]]:
        """See Crew. How far a cell is stays on its machine."""
        with suppress(queue.Empty):
            cell, future = self.finished.get(timeout=timeout)
            _, _, started = self.running.pop(cell.key)
            yield cell, self._word(cell, future, time.monotonic() - started)

    def stop(self) -> None:
        """Cells that no worker has begun are cancelled; those under way go on to their records, unless the cluster is ours."""
        with suppress(TimeoutError, OSError):
            self.client.cancel([future for _, future, _ in self.running.values()])
        self.client.close()
        if self.cluster is not None:
            self.cluster.close()

    def _word(self, cell: Cell, future: Future, seconds: float) -> Ended | Taken:
        """The task's answer, or the failure of a task that has none: Dask lost it too often, or its worker is not like ours."""
        if future.status == "finished":
            return future.result()
        if self.records.has(cell):
            return Ended(None, seconds)
        failure = Failure("died", f"the Dask task ended as {future.status}: {future.exception()}")
        self.records.write_failure(cell, failure, seconds)
        return Ended(failure, seconds)


def run_here(cell: Cell, records: Records) -> Ended | Taken:
    """The task: one cell in a process of its own, on this machine."""
    workers = Workers(1, records)
    workers.prepare([cell])
    workers.start(cell)
    try:
        while True:
            for _, word in workers.listen(1.0):
                if not isinstance(word, Advanced):
                    return word
    finally:
        workers.stop()


def _connect(address: str, workers: int) -> tuple[Any, Any]:
    """A client, and the cluster when it is our own."""
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
        from distributed.security import Security
    except ImportError:
        raise InputError("needs the package distributed; install twingap[cluster]", field="dask") from None
    if address == LOCAL:
        cluster = _cluster_of_our_own(workers)
        return Client(cluster, set_as_default=False), cluster
    try:
        # The client does not survive an address that is none.
        get_address_host_port(address, strict=True)
        security = Security()
        if address.startswith("tls://") and security.get_connection_args("client")["ssl_context"] is None:
            # Nor one that has no certificates.
            problem = f"is {address!r}, and Dask's configuration names no certificates; set {', '.join(CERTIFICATES)}"
            raise InputError(problem, field="dask")
        return Client(address, timeout=PATIENCE, set_as_default=False, security=security), None
    except InputError:
        raise
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        problem = f"is {address!r}, where no Dask scheduler answers ({error}); give tcp://HOST:PORT, or {LOCAL!r}"
        raise InputError(problem, field="dask") from None


def _cluster_of_our_own(workers: int) -> Any:
    """Processes on this machine that listen on it alone, to peers with a certificate made now. Dask's dashboard would listen to
    the world where it is only switched off by an empty address."""
    from dask import config
    from distributed import LocalCluster
    from distributed.security import Security

    try:
        security = Security.temporary()
    except ImportError:
        raise InputError("needs the package cryptography; install twingap[cluster]", field="dask") from None
    with config.set({"distributed.worker.daemon": False}):
        return LocalCluster(
            host=LOOPBACK,
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=f"{LOOPBACK}:0",
            security=security,
        )


def _check(client: Any, directory: Path) -> None:
    """Raise InputError when a worker that is there now cannot do our cells."""
    for name, (code, daemon, seen) in client.run(_about_here, directory).items():
        source = f"Dask worker {name}"
        if code != code_version():
            raise InputError(
                f"is {code}; it must be {code_version()}: install the same sources there", field="code", source=source
            )
        if daemon:
            problem = "is on; start the worker with DASK_DISTRIBUTED__WORKER__DAEMON=False, or it can start no processes"
            raise InputError(problem, field="distributed.worker.daemon", source=source)
        if not seen:
            raise InputError("is not there; give a directory that all workers share", field=str(directory), source=source)


def _about_here(directory: Path) -> tuple[str, bool, bool]:
    """(code, whether this process is a daemon, whether it sees the directory)."""
    return code_version(), bool(multiprocessing.current_process().daemon), directory.is_dir()
