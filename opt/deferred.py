"""Numbers that are computed when somebody first reads them: few readers of a snapshot read all of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self, overload

from .arrays import Floats


class Deferred:
    """A dataclass field for an array, or for a function that makes it: called at the first read, once.

    Python's descriptor-typed field: raising AttributeError on the class tells ``dataclass`` that there is no default, and
    ``dataclasses.replace`` reads the fields that it keeps. The function makes an array that nobody else holds, which is
    read-only from then on. It must give the same array at any time (what it works on is read-only) and survive pickling
    (``functools.partial`` of a public function does).
    """

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, part: None, owner: type) -> Self: ...

    @overload
    def __get__(self, part: object, owner: type) -> Floats: ...

    def __get__(self, part: object | None, owner: type) -> Self | Floats:
        if part is None:
            raise AttributeError(f"{owner.__name__}.{self._name} has no default")
        value: Floats | Callable[[], Floats] = part.__dict__[self._name]
        if callable(value):
            value = part.__dict__[self._name] = value()
            # Nobody else holds it.
            value.setflags(write=False)
        return value

    def __set__(self, part: object, value: Floats | Callable[[], Floats]) -> None:
        part.__dict__[self._name] = value
