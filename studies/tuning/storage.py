"""Where a study is kept: a journal file, or a database (sqlite:///FILE, ...); and who works at a trial there.

A journal knows nothing of processes: a trial whose worker was killed stays RUNNING for ever. Workers therefore hold a lock on a
file beside the journal for as long as they work at a trial; the system releases it when they end, however they end. Databases
may be far from their workers, so there Optuna's heartbeat tells: a trial without one for ``GRACE`` beats is dead.
"""

from __future__ import annotations

import fcntl
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import optuna
from optuna.exceptions import ExperimentalWarning, StorageInternalError, UpdateFinishedTrialError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, fail_stale_trials, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from ...opt.errors import InputError
from ..claims import claimed, is_claimed, prepare_claims

# Beats that a worker may miss before its trial is given to another.
GRACE = 3
# Names of packages that are not those of their modules.
PACKAGES = {"psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL", "cx_Oracle": "oracledb"}
# Seconds that sqlite waits for another process's write.
BUSY = 60.0


class Storage(Protocol):
    """An Optuna storage in which dead trials can be told from those under way."""

    @property
    def optuna(self) -> BaseStorage:
        """As Optuna knows it."""
        ...

    @contextmanager
    def working(self, trial: FrozenTrial) -> Iterator[bool]:
        """Show inside the block that this process lives and works at the trial; False when somebody else does."""
        ...

    def fail_dead(self, study: optuna.Study) -> None:
        """Set trials that nobody works at any more from RUNNING to FAIL."""
        ...


def open_storage(url: str, heartbeat: float) -> Storage:
    """The storage of this URL: ``NAME://...`` is a database, anything else the path of a journal file. InputError when it
    cannot be opened. heartbeat: seconds between signs of life, for databases."""
    if not url:
        raise InputError("is empty; give the path of a journal file, or sqlite:///FILE", field="--storage")
    return Database(url, heartbeat) if "://" in url else Journal(Path(url))


class _WriteLock(JournalFileOpenLock):
    """Of the journal's writers; the system releases it when its holder is killed. Optuna's own locks are files that stay, and
    all others then wait for half a minute."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.handle = -1

    def acquire(self) -> bool:
        """Wait for it."""
        handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(handle, fcntl.LOCK_EX)
        self.handle = handle
        return True

    def release(self) -> None:
        """Let others write."""
        os.close(self.handle)


class Journal:
    """A journal file; locks beside it in ``FILE.workers``."""

    def __init__(self, path: Path) -> None:
        # "." and "/" have no name; they are folders, as ".." is, which has one.
        if path.is_dir() or not path.absolute().parent.is_dir():
            raise InputError("cannot be a journal; give a file in an existing directory", source=str(path), field="--storage")
        self.beside = path.with_name(f"{path.name}.workers")
        try:
            self.optuna = JournalStorage(JournalFileBackend(str(path), _WriteLock(f"{path}.lock")))
        except OSError as error:
            problem = f"cannot be opened ({error.strerror}); give a journal file that can be written"
            raise InputError(problem, source=str(path), field="--storage") from None
        except (ValueError, KeyError, TypeError, AssertionError):
            raise InputError("is not a journal of Optuna; give another file", source=str(path), field="--storage") from None
        prepare_claims(self.beside)

    @contextmanager
    def working(self, trial: FrozenTrial) -> Iterator[bool]:
        """See Storage."""
        with claimed(self.beside, str(trial.number)) as lock:
            yield lock is not None

    def fail_dead(self, study: optuna.Study) -> None:
        """See Storage."""
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if not is_claimed(self.beside, str(trial.number)):
                fail(self.optuna, trial)


class Database:
    """A relational database with Optuna's heartbeat."""

    def __init__(self, url: str, heartbeat: float) -> None:
        self.every = heartbeat
        arguments = {"connect_args": {"timeout": BUSY}} if url.startswith("sqlite") else {}
        seconds = max(1, round(heartbeat))
        try:
            with _experimental():
                self.optuna = get_storage(RDBStorage(url, arguments, heartbeat_interval=seconds, grace_period=GRACE * seconds))
        except ImportError as error:
            raise InputError(f"is {url!r}, which needs {_driver(error, url)}", field="--storage") from None
        except (ValueError, StorageInternalError, RuntimeError) as error:
            raise InputError(f"is {url!r}, which cannot be opened: {error}", field="--storage") from None
        except Exception as error:
            # SQLAlchemy's errors have no base class that Optuna promises; anything else is not ours to explain.
            if not type(error).__module__.startswith("sqlalchemy."):
                raise
            raise InputError(f"is {url!r}, which cannot be opened: {str(error).splitlines()[0]}", field="--storage") from None

    @contextmanager
    def working(self, trial: FrozenTrial) -> Iterator[bool]:
        """See Storage. The first beat comes before the trial is taken: without any, a killed trial never counts as dead."""
        stop = threading.Event()
        self._beat(trial)

        def beats() -> None:
            while not stop.wait(self.every):
                self._beat(trial)

        thread = threading.Thread(target=beats, daemon=True)
        thread.start()
        try:
            yield True
        finally:
            stop.set()
            thread.join()

    def fail_dead(self, study: optuna.Study) -> None:
        """See Storage."""
        with _experimental():
            fail_stale_trials(study)

    def _beat(self, trial: FrozenTrial) -> None:
        self.optuna.record_heartbeat(trial._trial_id)  # pyright: ignore[reportAttributeAccessIssue]


def _driver(error: ImportError, url: str) -> str:
    """What to install for a database. Optuna's error says nothing; the one that it stands for names the module."""
    cause: BaseException | None = error
    while cause is not None:
        name = cause.name if isinstance(cause, ImportError) else None
        if name is not None:
            package = PACKAGES.get(name, name)
            return f"the package {package}; install it first: pip install {package}"
        cause = cause.__cause__ or cause.__context__
    return f"a package that drives {url.partition(':')[0]}; install it first"


def fail(storage: BaseStorage, trial: FrozenTrial) -> None:
    """Set an unfinished trial to FAIL; another process may have been faster."""
    try:
        storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    except UpdateFinishedTrialError:
        return


@contextmanager
def _experimental() -> Iterator[None]:
    """Optuna calls its heartbeat experimental, since 2.9."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        yield
