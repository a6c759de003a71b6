"""numba's cache on disk with three differences: it reads in several places, believes only some (``kernel_places``), and saving
is a courtesy.

Whatever cannot be read is compiled. The first time that something cannot be saved (no place, full disk, quota) a line says so,
and this process saves nothing more.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numba.core.caching
import numba.core.config
import numba.core.event

from .kernel_places import SHARED, places, places_to_save

LOG = logging.getLogger("twingap")
# Seconds of compiling after which somebody who waits is told why.
LONG = 5.0

# numba is untyped.
_caching = cast(Any, numba.core.caching)
_event = cast(Any, numba.core.event)


class KernelCache(_caching.FunctionCache):
    """Of one function. name: of the folder for exactly the sources that this process has read. unchanged: whether the files are
    still those; machine code of others would be filed under a name that is not theirs."""

    def __init__(self, function: Callable[..., object], name: str, unchanged: Callable[[], bool]) -> None:
        self._name, self._py_func = repr(function), function
        self._folder_name, self._unchanged = name, unchanged
        self._impl = _Function(function)
        self.enable()

    @property
    def cache_path(self) -> str:
        """Where this process has saved machine code; empty when nowhere."""
        return _saving.place or ""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Machine code for these types from the first place that has it, else None."""
        target_context.refresh()
        for place in places(self._folder_name, chosen()):
            if place.refused:
                continue
            try:
                self._cache_file = self._impl.files_in(place.folder)
                found = self._load_overload(sig, target_context)
            except Exception as error:
                # A damaged pickle may raise anything. What cannot be read is compiled, as if it were not there.
                LOG.debug("%s: %s", place.folder, error)
                continue
            if found is not None:
                return found
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Save machine code for these types, if that can be done."""
        folder = _saving.folder(self._folder_name)
        if folder is None or not self._unchanged():
            return
        try:
            self._cache_file = self._impl.files_in(Path(folder))
            self._save_overload(sig, data)
        except Exception as error:
            # The code is there and runs; what is lost is the next process's time.
            reason = error.strerror if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            _saving.give_up(f"{folder}: {reason}")


class _Function(_caching.CompileResultCacheImpl):
    """Names and contents of one function's files; it is its own locator, whose folder changes with the place."""

    def __init__(self, function: Any) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Source(function, function.__code__.co_filename)
        name = f"{Path(function.__code__.co_filename).stem}.{function.__qualname__}"
        self._filename_base = self.get_filename_base(name, getattr(sys, "abiflags", ""))
        try:
            # Now: the file may be another one when the function is first called.
            self._stamp = self._locator.get_source_stamp()
        except OSError:
            self._stamp = None

    def files_in(self, place: Path) -> Any:
        """numba's reader and writer of this function's files. OSError when its source is no file (in a zip, typed in)."""
        if self._stamp is None:
            raise FileNotFoundError(errno.ENOENT, "the source of the function is no file")
        self._locator.place = place
        return _Files(self._locator.get_cache_path(), self._filename_base, self._stamp)


class _Source(_caching._SourceFileBackedLocatorMixin, _caching._CacheLocator):
    """A function's source file, and its folder in a place."""

    place = Path()

    def __init__(self, function: Any, file: str) -> None:
        self._py_file = file
        self._lineno = function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        return str(self.place / self.get_suitable_cache_subpath(self._py_file))

    def ensure_cache_path(self) -> None:
        Path(self.get_cache_path()).mkdir(mode=SHARED, exist_ok=True)


class _Files(_caching.IndexDataCacheFile):
    """Names of data files never meet those of another process: two that save one function at once for different types would
    otherwise write both to "1", and whoever reads the last index gets the other's machine code."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        numbas: Any = super()
        numbas.__init__(cache_path, filename_base, source_stamp)
        self._data_name_pattern = f"{filename_base}.{{number:d}}.{secrets.token_hex(6)}.nbc"

    @contextmanager
    def _open_for_write(self, filepath: str) -> Generator[Any]:
        numbas: Any = super()
        with numbas._open_for_write(filepath) as stream:
            # Whatever the umask, others may never write what is run as this user.
            if hasattr(os, "fchmod"):
                os.fchmod(stream.fileno(), os.fstat(stream.fileno()).st_mode & 0o755)
            yield stream


class _Saving:
    """Where this process saves, found at its first miss; None when nowhere, which is said once."""

    def __init__(self) -> None:
        self.place: str | None = None
        self.known = False

    def folder(self, name: str) -> str | None:
        if not self.known:
            self.known = True
            reasons: list[str] = []
            for place in places_to_save(name, chosen()):
                reason = place.prepare()
                if not reason:
                    self.place = str(place.folder)
                    return self.place
                reasons.append(reason)
            self.give_up("; ".join(reasons))
        return self.place

    def give_up(self, reason: str) -> None:
        self.known, self.place = True, None
        LOG.warning(
            "twingap: compiled code is not kept, so every process compiles again (%s); "
            "set NUMBA_CACHE_DIR to a folder of your own with some 20 MB free",
            reason,
        )


class _Patience(_event.Listener):
    """Says once that compiling our kernels takes long. Compilations nest: time counts from the outermost."""

    def __init__(self) -> None:
        self.depth, self.since, self.seconds, self.told = 0, 0.0, 0.0, False

    def on_start(self, event: Any) -> None:
        if not _is_ours(event):
            return
        if self.depth == 0:
            self.since = time.monotonic()
        self.depth += 1
        self._tell()

    def on_end(self, event: Any) -> None:
        if not _is_ours(event):
            return
        self._tell()
        self.depth -= 1
        if self.depth == 0:
            self.seconds += time.monotonic() - self.since

    def _tell(self) -> None:
        if not self.told and self.seconds + time.monotonic() - self.since > LONG:
            self.told = True
            LOG.warning("twingap: compiling, which a fresh installation does once, for one to three minutes")


def _is_ours(event: Any) -> bool:
    """Whether it compiles a function of ours; a user's own take as long as they take."""
    return isinstance(event.data["dispatcher"]._cache, KernelCache)


def chosen() -> str:
    """The user's NUMBA_CACHE_DIR."""
    return str(cast(Any, numba.core.config).CACHE_DIR or "")


_saving = _Saving()
_event.register("numba:compile", _Patience())
