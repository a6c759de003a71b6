"""What a command answers goes to stdout and nothing else does; what it says besides goes to stderr.

Solvers and policies are other people's code, and print. While a command runs, descriptor 1, to which libraries in C and child
processes write, leads to stderr; calls of other people's Python go through ``aside``. So ``--json`` is one object whatever they
print.

A closed pipe (``| head -1``) ends nothing: the command does its work, its files are written, and its code says what came of it.
An answer that cannot be written (full disk) is an error. What goes to stderr is lost where nobody takes it.
"""

from __future__ import annotations

import codecs
import functools
import io
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, redirect_stdout, suppress
from typing import ParamSpec, TextIO, TypeVar

from ..opt.errors import InputError

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")
STDOUT, STDERR = 1, 2
# Name of the error handler below.
AS_TYPED = "twingap.as_typed"


@contextmanager
def command_output() -> Generator[None]:
    """Inside, ``sys.stdout`` is where the command's answer goes, and ``sys.stderr`` takes everything else."""
    _occupy_closed_descriptors()
    before = sys.stdout, sys.stderr
    kept: int | None = None
    if _is(sys.stdout, STDOUT):
        sys.stdout.flush()
        kept = os.dup(STDOUT)
        os.dup2(STDERR, STDOUT)
        sys.stdout = _text(_Stdout(kept, "wb", closefd=False), sys.stdout)
    if _is(sys.stderr, STDERR):
        sys.stderr = _text(_Stderr(STDERR, "wb", closefd=False), sys.stderr)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                # An answer that could not be written has been complained about where it was written.
                with suppress(InputError):
                    stream.flush()
        sys.stdout, sys.stderr = before
        if kept is not None:
            os.dup2(kept, STDOUT)
            os.close(kept)


def aside(call: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """The same call of somebody else's code; what it prints goes to stderr."""

    @functools.wraps(call)
    def quiet(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        with redirect_stdout(sys.stderr):
            return call(*args, **kwargs)

    return quiet


class _Stdout(io.FileIO):
    """Descriptor of the answer. When nobody reads it, the rest goes nowhere; when it cannot be written, InputError, once."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().write(data)
        except BrokenPipeError:
            _lead_nowhere(self.fileno())
        except OSError as error:
            _lead_nowhere(self.fileno())
            raise InputError(f"cannot be written ({error.strerror}); give the answer a place", source="stdout") from None
        return len(data)


class _Stderr(io.FileIO):
    """Descriptor of complaints, warnings and progress. There is nobody left to tell when these cannot be written."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            return super().write(data)
        except OSError:
            _lead_nowhere(self.fileno())
        return len(data)


def _text(raw: io.FileIO, like: TextIO) -> io.TextIOWrapper:
    lines = raw.isatty() or raw.fileno() == STDERR
    # Python's "strict" would end a command because a name has an umlaut.
    return io.TextIOWrapper(io.BufferedWriter(raw), like.encoding, AS_TYPED, line_buffering=lines)


def _is(stream: object, descriptor: int) -> bool:
    """Whether the stream writes to this descriptor; those of tests and notebooks write elsewhere."""
    if not isinstance(stream, io.TextIOBase):
        return False
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError):
        return False


def _occupy_closed_descriptors() -> None:
    """A file opened later would otherwise get the number of a closed stdout, and what libraries print would land in it."""
    for descriptor in (0, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _lead_nowhere(descriptor: int) -> None:
    """What is still to come, from buffers too, is dropped without another error."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _as_typed(error: UnicodeError) -> tuple[bytes, int]:
    """Bytes of a path that the locale could not read are written as they were typed; what it cannot write is escaped."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    pieces = error.object[error.start : error.end]
    return b"".join(
        bytes([ord(x) - 0xDC00]) if 0xDC80 <= ord(x) <= 0xDCFF else x.encode("ascii", "backslashreplace") for x in pieces
    ), error.end


codecs.register_error(AS_TYPED, _as_typed)
