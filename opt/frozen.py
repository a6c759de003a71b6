"""Copies to hand out: whatever is done to them, what they were copied from stays as it is.

A read-only flag stops an accident (``sinr *= 1.5`` in somebody's normalisation), not a tensor that shares the memory
(``torch.from_numpy`` writes through the flag), an array's ``base``, or who sets the flag back. Memory of its own stops all of
them. So what a policy or a solver is given is both: a copy, and read-only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

Tree = TypeVar("Tree")


def frozen_copy(tree: Tree) -> Tree:
    """The same content in memory of its own, every array read-only and contiguous; bits as they are.

    tree: a dataclass without slots, and what its fields hold: arrays, dataclasses, mappings, tuples, lists and partials. What
    occurs twice occurs twice in the copy as well. Deferred fields are computed first, once for both. Anything else is taken to
    be immutable and passed on.
    """
    return _copied(tree, {})


def frozen_array(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only copy of the same type."""
    copy = array.copy()
    copy.setflags(write=False)
    return copy


# Most of what a tree holds; nobody can change it.
PLAIN = (float, int, str, bool, type(None))


def _copied(value: Any, known: dict[int, Any]) -> Any:
    kind = cast(Any, type(value))
    if issubclass(kind, PLAIN):
        return value
    if id(value) in known:
        return known[id(value)]
    copy: Any = value
    if issubclass(kind, np.ndarray):
        copy = frozen_array(value)
    elif hasattr(kind, "__dataclass_fields__"):
        copy = known[id(value)] = object.__new__(kind)
        # Past the frozen dataclass's own __setattr__: the copy is being made.
        content = copy.__dict__
        for name in tuple(value.__dict__):
            content[name] = _copied(getattr(value, name), known)
    elif kind is tuple:
        copy = tuple(_copied(each, known) for each in value)
    elif kind is list:
        copy = [_copied(each, known) for each in value]
    elif issubclass(kind, partial):
        copy = partial(value.func, *_copied(value.args, known), **_copied(value.keywords, known))
    elif issubclass(kind, Mapping):
        copy = {key: _copied(each, known) for key, each in value.items()}
    known[id(value)] = copy
    return copy
