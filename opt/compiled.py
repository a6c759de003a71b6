"""One door to numba: machine code for scalar loops, cached on disk.

Strict IEEE arithmetic (no fast-math), so that stated rounding slacks hold and the same input gives the same bits. What no
bound rests on (the learners' networks) may be ``compiled_fused``.

numba's cache notices a change of the file that holds a function, but not of functions it calls in other files: stale machine
code would go on answering. So the cache lies in a folder named by a hash of every source file that has kernels, and of those
that they take constants from, whose values are in the machine code, too. Where it lies and who may have made it is in
``kernel_places``; that saving may fail, in ``kernel_cache``.

numba numbers the functions that a process compiles from 1, and the numbers are part of the symbols that it saves. Kernels saved
by two processes could hold different functions (two sorts, say) under one symbol, and a third process that loads both would run
the wrong one: it happened, and proved a false bound. So each process starts to count somewhere else.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import secrets
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numba.core.bytecode
import numba.core.event

from .kernel_cache import KernelCache

Function = TypeVar("Function", bound=Callable[..., object])

# Names in saved machine code never meet those of another process (module docstring).
cast(Any, numba.core.bytecode.FunctionIdentity)._unique_ids = itertools.count(secrets.randbits(48))

# Packages that hold kernels, beside this one both in the repository and in an installed wheel.
PACKAGES = ("opt", "rl", "baselines", "studies")
MARK = b"@compiled"
ROOT = Path(__file__).parents[1]
IMPORT = re.compile(rb"^from (\.+)([\w.]*) import (\([^)]*\)|.*)$", re.M)
CONSTANT = re.compile(rb"\b[A-Z][A-Z0-9_]*\b")


def kernel_sources(root: Path = ROOT) -> str:
    """Name of the folder for machine code of exactly these sources."""
    digest = hashlib.sha256(numba.__version__.encode())
    every = (path for package in PACKAGES for path in sorted((root / package).rglob("*.py")))
    pending = [path for path in every if MARK in path.read_bytes()]
    found: dict[Path, bytes] = {}
    while pending:
        source = pending.pop()
        if source not in found and source.is_file():
            found[source] = source.read_bytes()
            pending += _constants_of(source, found[source])
    for source in sorted(found):
        digest.update(found[source])
    return f"kernels-{digest.hexdigest()[:16]}"


def _constants_of(source: Path, content: bytes) -> Iterator[Path]:
    """Files that constants are imported from: machine code holds their values."""
    for dots, module, names in IMPORT.findall(content):
        if CONSTANT.search(names):
            base = source.parents[len(dots) - 1].joinpath(*module.decode().split("."))
            yield from (base.with_suffix(".py"), base / "__init__.py")


# Of the sources as this process found them.
NAME = kernel_sources()


def compiled(function: Function) -> Function:
    """Compile ``function`` on its first call; the signature stays what it says."""
    return _compile(function, fastmath=False)


def compiled_fused(function: Function) -> Function:
    """The same, but a product may be added to something in one rounding instead of two (fused multiply-add, where the machine
    has it)."""
    return _compile(function, fastmath={"contract"})


def _compile(function: Function, fastmath: bool | set[str]) -> Function:
    kernel = cast(Any, numba).njit(fastmath=fastmath, error_model="numpy")(function)
    # numba's own cache=True would save where its settings say, and fail where it cannot.
    kernel._cache = KernelCache(function, NAME, lambda: kernel_sources() == NAME)
    return kernel


@contextmanager
def compilations() -> Generator[list[object]]:
    """The compilations that happen inside (code that only comes from the disk is none), for those who measure time."""
    with cast(Any, numba.core.event).install_recorder("numba:compile") as recorder:
        yield recorder.buffer
