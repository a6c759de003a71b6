"""Files are never left half written: write beside, then rename."""

from __future__ import annotations

import glob
import os
import tempfile
from pathlib import Path

from .errors import InputError


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Write ``content`` to ``path`` so that the file is either the old one or the whole new one, at any moment.

    Raises InputError naming the path when it cannot be written.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror}); give a writable place", source=str(target)) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; a result is an ordinary file.
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, target)
    except OSError as error:
        Path(beside).unlink(missing_ok=True)
        raise InputError(f"cannot be written ({error.strerror}); give a writable place", source=str(target)) from None
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def leftovers(path: str | Path) -> list[Path]:
    """Unfinished files beside ``path`` of writers that were killed. Only for whoever knows that nobody writes there now."""
    target = Path(path)
    return list(target.parent.glob(f".{glob.escape(target.name)}.*.part"))


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
