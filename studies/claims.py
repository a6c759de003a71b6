"""Claims: who works at a cell. Two runners on one results directory never do a cell twice.

A claim is a lock (flock) on ``claims/KEY``, held by the cell's own processes. The system releases it when the last of them is
gone, however they ended, so that a killed cell is free at once and no claim is ever stale. Network file systems: NFS passes
locks on to its server (version 3 with the lock manager); Lustre does when mounted with ``flock``. On a file system that keeps
locks to one machine (``localflock``), give runners on several machines different shards.

Only empty files under names that a claim may have are ever removed. A folder ``claims`` that is a link, or that holds anything
else, is somebody else's and is refused.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..opt.errors import InputError

# Names of claims: keys of cells (``Cell.key``) and numbers of trials (``tuning.storage``).
_CLAIM = re.compile(r"[0-9a-f]{20}|[0-9]{1,19}")
_PROBE = re.compile(r"\.probe-[0-9a-f]{32}")


def prepare_claims(directory: Path) -> None:
    """Make the directory of claims. Raises InputError when it is not ours alone, or its file system has no locks."""
    folder = directory / "claims"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(folder)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror}); give a writable directory", source=str(folder)) from None
    try:
        with claimed(directory, f".probe-{uuid4().hex}"):
            pass
    except OSError as error:
        problem = f"cannot be locked in ({error.strerror}); give a file system that has locks"
        raise InputError(problem, source=str(folder)) from None


def _refuse_foreign(folder: Path) -> None:
    """Raise InputError for a link, and for a folder that holds what is no claim. Hidden files (a file system's own, such as
    those that NFS keeps for files in use) are neither looked at nor touched."""
    if folder.is_symlink():
        raise InputError("is a link, and claims are removed there; give a results directory of its own", source=str(folder))
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            with suppress(FileNotFoundError):
                if not (_CLAIM.fullmatch(entry.name) and _is_ours(entry.stat(follow_symlinks=False))):
                    problem = f"holds {entry.name!r}, which is no claim of a study; give a results directory of its own"
                    raise InputError(problem, source=str(folder))


def _is_ours(found: os.stat_result) -> bool:
    """Whether it can be a claim: they are plain and empty files."""
    return stat.S_ISREG(found.st_mode) and found.st_size == 0


@contextmanager
def claimed(directory: Path, key: str) -> Iterator[int | None]:
    """Claim a cell inside the block: the lock's handle, or None when somebody else has it. Leaves no file behind."""
    path = directory / "claims" / key
    handle = _lock(path)
    try:
        yield handle
    finally:
        if handle is not None:
            with suppress(FileNotFoundError):
                path.unlink()
            os.close(handle)


def tidy_claims(directory: Path, keys: Iterable[str]) -> None:
    """Remove the files of these claims, and of probes, whose owners were killed; those in force stay, and so does all else."""
    folder = directory / "claims"
    found = {path.name for path in folder.iterdir()}
    for name in found & set(keys) | {name for name in found if _PROBE.fullmatch(name)}:
        # Whatever has taken a claim's place meanwhile is not ours to remove.
        with suppress(InputError), claimed(directory, name):
            pass


def is_claimed(directory: Path, key: str) -> bool:
    """Whether somebody works at the cell now."""
    try:
        handle = _open(directory / "claims" / key, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _open(path: Path, flags: int) -> int:
    """A handle of a claim's file, never of what a link leads to. Raises InputError when it is anything else."""
    problem = "is no claim of a study; move it away, or give another results directory"
    try:
        handle = os.open(path, flags | os.O_NOFOLLOW, 0o666)
    except FileNotFoundError:
        raise
    except OSError:
        if path.is_symlink() or path.exists():
            raise InputError(problem, source=str(path)) from None
        raise
    if not _is_ours(os.fstat(handle)):
        os.close(handle)
        raise InputError(problem, source=str(path))
    return handle


def _lock(path: Path) -> int | None:
    while True:
        handle = _open(path, os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever released it meanwhile has removed the file: a lock on that one would keep nobody out.
            if os.fstat(handle).st_ino == path.stat().st_ino:
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            pass
        os.close(handle)
