"""Claims: who works at a cell. Two runners on one results directory never do a cell twice.

A claim is a lock (flock) on ``claims/KEY``, held by the cell's own processes. The system releases it when the last of them is
gone, however they ended, so that a killed cell is free at once and no claim is ever stale. Network file systems: NFS passes
locks on to its server (version 3 with the lock manager); Lustre does when mounted with ``flock``. On a file system that keeps
locks to one machine (``localflock``), give runners on several machines different shards.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from ..opt.errors import InputError


def prepare_claims(directory: Path) -> None:
    """Make the directory of claims. Raises InputError when its file system has no locks."""
    folder = directory / "claims"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot be made ({error.strerror}); give a writable directory", source=str(folder)) from None
    try:
        with claimed(directory, f".probe-{uuid4().hex}"):
            pass
    except OSError as error:
        problem = f"cannot be locked in ({error.strerror}); give a file system that has locks"
        raise InputError(problem, source=str(folder)) from None


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


def tidy_claims(directory: Path) -> None:
    """Remove the files of claims whose owners were killed; those in force stay."""
    for path in (directory / "claims").iterdir():
        with claimed(directory, path.name):
            pass


def is_claimed(directory: Path, key: str) -> bool:
    """Whether somebody works at the cell now."""
    try:
        handle = os.open(directory / "claims" / key, os.O_RDWR)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _lock(path: Path) -> int | None:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
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
