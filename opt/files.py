"""The one writer of every output. It looks at its target first, and no file is ever left half written.

A link is followed: what it leads to is written, the link stays. A regular file is replaced at once by a whole one (written
beside it, then renamed), with the mode and the owner of the old one. A pipe, a socket, a terminal and another character device
are written to as they are; so is an open descriptor of this process (``/dev/stdout``, ``/dev/fd/3``), where it stands, as a
shell's process substitution expects. None of these is ever replaced. A block device and a directory are refused. A pipe that
nobody reads yet is waited for, as every program does.
"""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError

# A folder of files that shall appear together, and nothing else: whoever finds one without its writer may remove it.
_STAGE = re.compile(r"\.twingap\.[0-9a-f]{16}\.part")
# As many links in a row as Linux follows.
_LINKS = 40
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True)
class _Target:
    """path: as it was given; real: with its links followed; present: what is there now; descriptor: of this process."""

    path: Path
    real: Path
    present: os.stat_result | None = None
    descriptor: int | None = None

    @property
    def streams(self) -> bool:
        """Whether it is written to as it is, never replaced."""
        return self.descriptor is not None or (self.present is not None and not stat.S_ISREG(self.present.st_mode))


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write ``content`` to ``path``. A regular file is either the old one or the whole new one, at any moment.

    Raises InputError naming the path when it cannot be written.
    """
    target = _look(Path(path))
    # Half of a surrogate pair, as a name in a JSON file may hold, is no UTF-8: it is spelt out.
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    with _one_line(path):
        if target.streams:
            _pour(target, data)
        else:
            _rename(_beside(target, data), target.real)


def is_stream(path: str | Path) -> bool:
    """Whether ``path`` is written to as it is (pipe, device, descriptor), so that nothing can lie beside it.

    Raises InputError when it cannot be written at all.
    """
    return _look(Path(path)).streams


@contextmanager
def written_together(directory: str | Path, last: str = "") -> Generator[Path]:
    """Files that appear in ``directory`` together: write them in the folder that this gives, under their final names.

    When the block ends well they are renamed into place, that named ``last`` after all others; when it does not (a full disk,
    an error, an interrupt), none of them is, and what was there before is as it was. Targets are looked at as by
    ``write_atomically``. Raises InputError naming the file.
    """
    folder = Path(directory)
    _sweep(folder)
    with _stage(folder) as stage:
        try:
            with _one_line(folder, _NO_ROOM):
                yield stage
            _settle(stage, folder, last)
        except InputError as error:
            source = error.source.replace(str(stage), str(folder))
            raise InputError(error.problem, field=error.field, source=source) from None


def leftovers(path: str | Path) -> list[Path]:
    """Unfinished files beside ``path`` of writers that were killed. Only for whoever knows that nobody writes there now."""
    target = Path(path)
    return list(target.parent.glob(f".{glob.escape(target.name)}.*.part"))


def _look(path: Path) -> _Target:
    """What ``path`` is. Raises InputError for what cannot be written to whatever its content."""
    descriptor = _descriptor(path)
    if descriptor is not None:
        return _Target(path, path, descriptor=descriptor)
    try:
        real = Path(os.path.realpath(path))
        present = os.stat(path)
    except FileNotFoundError:
        real = Path(os.path.realpath(path))
        if not real.is_dir():
            return _Target(path, real)
        raise InputError("leads through a folder that is missing; give a writable place", source=str(path)) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot be written ({why}); give a writable place", source=str(path)) from None
    if stat.S_ISDIR(present.st_mode):
        raise InputError("is a directory and cannot be written; give a file name", source=str(path))
    if stat.S_ISBLK(present.st_mode):
        raise InputError("is a block device and is not written to; give a file name", source=str(path))
    if stat.S_ISREG(present.st_mode):
        if not (real.exists() and os.path.samestat(real.stat(), present)):
            raise InputError("leads to a file that has no name any more; give a file name", source=str(path))
        if not os.access(path, os.W_OK):
            raise InputError("is write-protected and cannot be written; give a writable place", source=str(path))
    return _Target(path, real, present)


def _descriptor(path: Path) -> int | None:
    """The number of this process's descriptor that ``path`` leads to, if it leads to one (``/dev/stdout`` to 1)."""
    step = path
    for _ in range(_LINKS):
        with suppress(OSError, ValueError):
            parent = os.path.realpath(step.parent)
            if step.name.isdecimal() and re.fullmatch(rf"/proc/{os.getpid()}(/task/\d+)?/fd", parent):
                return int(step.name)
            step = Path(parent, os.readlink(os.path.join(parent, step.name)))
            continue
        break
    return None


def _pour(target: _Target, data: bytes) -> None:
    """Write to what is no regular file. A descriptor goes on where it stands: its file may hold what was said before."""
    if target.descriptor is None:
        handle = os.open(target.path, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    else:
        for said in (sys.stdout, sys.stderr):
            said.flush()
        handle = os.dup(target.descriptor)
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)


def _beside(target: _Target, data: bytes) -> Path:
    """The data in a file of its own beside the target, with the target's mode and, where that is allowed, its owner."""
    present = target.present
    part = target.real.with_name(f".{target.real.name}.{secrets.token_hex(8)}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666 if present is None else 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            if present is not None:
                _make_alike(handle, present)
            os.fsync(handle)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return part


def _make_alike(handle: int, present: os.stat_result) -> None:
    mine = os.fstat(handle)
    if (mine.st_uid, mine.st_gid) != (present.st_uid, present.st_gid):
        with suppress(PermissionError):
            os.fchown(handle, present.st_uid, present.st_gid)
    # Never setuid and the like: those were given to another content.
    os.fchmod(handle, stat.S_IMODE(present.st_mode) & 0o777)


def _rename(part: Path, real: Path) -> None:
    try:
        os.replace(part, real)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _settle(stage: Path, folder: Path, last: str) -> None:
    """Rename what lies in the stage into place. All that can fail for want of room or rights comes before the first rename."""
    files = [path for path in stage.rglob("*") if path.is_file()]
    files.sort(key=lambda path: (path.relative_to(stage) == Path(last), path))
    targets = [_look(folder / path.relative_to(stage)) for path in files]
    home = Path(os.path.realpath(folder))
    parts: dict[Path, Path] = {}
    try:
        for path, target in zip(files, targets, strict=True):
            with _one_line(target.path):
                target.path.parent.mkdir(parents=True, exist_ok=True)
                if target.streams:
                    continue
                if not target.real.is_relative_to(home):
                    # Linked from elsewhere: only beside the file that is meant can it wait for its name.
                    parts[path] = _beside(target, path.read_bytes())
                elif target.present is not None:
                    _make_file_alike(path, target.present)
        for path, target in zip(files, targets, strict=True):
            with _one_line(target.path):
                if target.streams:
                    _pour(target, path.read_bytes())
                else:
                    os.replace(parts.get(path, path), target.real)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _make_file_alike(path: Path, present: os.stat_result) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _make_alike(handle, present)
    finally:
        os.close(handle)


@contextmanager
def _stage(folder: Path) -> Generator[Path]:
    """A new folder in ``folder``, locked so that others see its writer lives: the system releases the lock however it ends."""
    while True:
        stage = folder / f".twingap.{secrets.token_hex(8)}.part"
        with _one_line(folder):
            stage.mkdir()
        handle = os.open(stage, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        # File systems without locks: then nobody else can lock it either, and nobody removes it.
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        # Another may have swept it away before it was locked.
        if stage.exists():
            break
        os.close(handle)
    try:
        yield stage
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove the stages of writers that were killed; those whose writers live, or that cannot be locked, stay."""
    found: list[Path] = []
    with suppress(OSError):
        found += [path for path in folder.iterdir() if _STAGE.fullmatch(path.name)]
    for path in found:
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


@contextmanager
def _one_line(path: str | Path, only: tuple[int, ...] = ()) -> Generator[None]:
    """Turn a failure to write (of these kinds, all without them) into the line that names the file."""
    try:
        yield
    except OSError as error:
        if only and error.errno not in only:
            raise
        raise InputError(f"cannot be written ({error.strerror}); give a writable place", source=str(path)) from None
