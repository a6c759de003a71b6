"""Where machine code is kept, and whom it is believed from.

numba's files are pickles: whoever can write them runs code as whoever reads them. So a folder is read or used only when it is a
folder and no link, when nobody but its owner may write there, and when the owner is this user; beside the package also when the
owner is root or whoever owns the package, whose sources are run anyway. Other folders are as if they were not there.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__)
# Places where others have folders, too, get one of the user's own.
OWN = 0o700
SHARED = 0o755


@dataclass(frozen=True)
class Place:
    """folder: of the machine code of exactly these sources. mode: of folders made here. believed: users whose code is run.
    above: folders above that may be made, and that must be as trustworthy."""

    folder: Path
    mode: int
    believed: frozenset[int]
    above: tuple[Path, ...] = ()

    @property
    def refused(self) -> str:
        """Why nothing is read here; empty when it is."""
        for folder in (*self.above, self.folder):
            try:
                found = os.lstat(folder)
            except OSError as error:
                return f"{folder}: {error.strerror}"
            if not stat.S_ISDIR(found.st_mode):
                return f"{folder} is no folder, or a link"
            # Where users have no numbers (Windows) temporary folders are the user's own.
            if hasattr(os, "geteuid"):
                if found.st_uid not in self.believed:
                    return f"{folder} belongs to another user"
                if found.st_mode & 0o022:
                    return f"{folder} can be written by other users"
        return ""

    def prepare(self) -> str:
        """Make what is missing. Why nothing can be saved here; empty when it can."""
        for folder in (*self.above, self.folder):
            try:
                folder.mkdir(mode=self.mode, exist_ok=True)
            except OSError as error:
                return f"{folder}: {error.strerror}"
        return self.refused or ("" if os.access(self.folder, os.W_OK | os.X_OK) else f"{self.folder}: Permission denied")


def places(name: str, chosen: str) -> tuple[Place, ...]:
    """Places of the machine code called ``name``, in the order in which they are read.

    chosen: the user's NUMBA_CACHE_DIR, if any.
    """
    return (*(_of_ones_own(name, chosen) if chosen else ()), _beside(name), *_homes(name))


def places_to_save(name: str, chosen: str) -> tuple[Place, ...]:
    """Those of ``places`` where machine code may be saved, the first choice first: what the user chose and nothing else, or
    beside the package, in the user's cache, in the temporary folder."""
    return tuple(_of_ones_own(name, chosen)) if chosen else (_beside(name), *_homes(name))


def _beside(name: str) -> Place:
    """In this package's ``__pycache__``; there for all users when root (or ``make install``) has compiled."""
    try:
        owner = HERE.stat().st_uid
    except OSError:
        owner = _user()
    cache = HERE.parent / "__pycache__"
    cache_missing = (cache,) if not cache.exists() else ()
    return Place(cache / name, SHARED, frozenset({0, owner, _user()}), cache_missing)


def _homes(name: str) -> Iterator[Place]:
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if os.path.isabs(home):
        own = Path(home, "twingap")
        # A new user has no cache folder yet; a user without a home gets none.
        missing = (own.parent,) if not own.parent.exists() and own.parent.parent.is_dir() else ()
        yield Place(own / name, OWN, frozenset({_user()}), (*missing, own))
    yield from _of_ones_own(name, tempfile.gettempdir())


def _of_ones_own(name: str, parent: str) -> Iterator[Place]:
    own = Path(parent, f"twingap-{_user()}")
    yield Place(own / name, OWN, frozenset({_user()}), (own,))


def _user() -> int:
    return os.geteuid() if hasattr(os, "geteuid") else 0
