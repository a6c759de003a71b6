"""JSON read field by field: every fault becomes one line that names the file, the field's path and what is allowed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn, cast

import numpy as np

from .arrays import Floats
from .errors import InputError

Rule = tuple[Callable[[float], bool], str]

# Default of ``value`` arguments: null is a value too.
FROM_KEY = object()

POSITIVE: Rule = (lambda x: x > 0.0, "must be > 0")
NON_NEGATIVE: Rule = (lambda x: x >= 0.0, "must be >= 0")
FRACTION: Rule = (lambda x: 0.0 < x <= 1.0, "must be in (0, 1]")
ANY_NUMBER: Rule = (lambda _: True, "must be a finite number")
WHOLE: Rule = (lambda x: x >= 0.0 and x == math.floor(x), "must be a whole number >= 0")


def read_json(path: str | Path) -> dict[str, object]:
    """The object in a JSON file. InputError when it is missing, unreadable, truncated, not JSON or not an object."""
    source = str(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give an existing JSON file", source=source) from None
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8 text (byte {error.start}); give a JSON file", source=source) from None
    return parse_json(text, source)


def parse_json(text: str, source: str = "") -> dict[str, object]:
    """The object in a JSON text; NaN, Infinity and repeated keys are errors."""

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        content = dict(pairs)
        if len(content) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(f"has the key {twice!r} twice in one object; keep one", source=source)
        return content

    try:
        content: object = json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise InputError(f"is not valid JSON at {place} ({error.msg}); is the file truncated?", source=source) from None
    except (RecursionError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("is not readable JSON (nested too deeply or a number too long)", source=source) from None
    place = _not_finite(content)
    if place is not None:
        raise InputError("is NaN or infinite; every number must be finite", field=place, source=source)
    if not isinstance(content, dict):
        raise InputError(f"holds {kind_of(content)}; it must be a JSON object", source=source)
    return cast(dict[str, object], content)


class Reader:
    """One JSON object. Ask for its fields, then call ``finish``: keys nobody asked for are errors."""

    def __init__(self, content: object, path: str, source: str) -> None:
        self.path = path
        self.source = source
        if not isinstance(content, dict):
            self.fail("", f"is {kind_of(content)}; it must be an object")
        self.content = cast(dict[str, object], content)
        self.asked: set[str] = set()

    def fail(self, key: str, problem: str) -> NoReturn:
        """Raise InputError for the field ``key`` (or for this object when empty)."""
        raise InputError(problem, field=self.at(key), source=self.source)

    def at(self, key: str) -> str:
        """Path of a field of this object."""
        return ".".join(part for part in (self.path, key) if part)

    def value(self, key: str) -> object:
        """The raw value; missing keys are errors."""
        self.asked.add(key)
        if key not in self.content:
            self.fail(key, "is missing; it is required")
        return self.content[key]

    def optional(self, key: str) -> object | None:
        """The raw value or None when absent."""
        self.asked.add(key)
        return self.content.get(key)

    def child(self, key: str) -> Reader:
        """The object under ``key``."""
        return Reader(self.value(key), self.at(key), self.source)

    def items(self, key: str, value: object = FROM_KEY) -> list[object]:
        """The list under ``key``, which may also name an element of a list (``sinr_peer[2]``) whose content is ``value``."""
        content = self.value(key) if value is FROM_KEY else value
        if not isinstance(content, list):
            self.fail(key, f"is {kind_of(content)}; it must be a list")
        return cast(list[object], content)

    def text(self, key: str, allowed: Iterable[str] = ()) -> str:
        """The string under ``key``; one of ``allowed`` when given."""
        content = self.value(key)
        choices = list(allowed)
        wanted = " or ".join(repr(choice) for choice in choices) if choices else "a non-empty string"
        if not isinstance(content, str) or not content or (choices and content not in choices):
            self.fail(key, f"is {shown(content)}; it must be {wanted}")
        return content

    def boolean(self, key: str) -> bool:
        """True or false."""
        content = self.value(key)
        if not isinstance(content, bool):
            self.fail(key, f"is {shown(content)}; it must be true or false")
        return content

    def number(self, key: str, rule: Rule) -> float:
        """A finite number that satisfies ``rule``."""
        return self._number(self.value(key), key, rule)

    def vector(self, key: str, length: int | None, rule: Rule, value: object = FROM_KEY) -> Floats:
        """A list of ``length`` (any, when None) numbers that satisfy ``rule``; ``value`` as in ``items``."""
        content = self.items(key, value)
        self._check_length(content, length, key)
        return np.array([self._number(x, f"{key}[{n}]", rule) for n, x in enumerate(content)], dtype=np.float64)

    def matrix(
        self, key: str, rows: int, columns: int, rule: Rule, *, diagonal: bool = True, value: object = FROM_KEY
    ) -> Floats:
        """``rows`` lists of ``columns`` numbers; with ``diagonal=False`` the diagonal may be any finite number."""
        lines = self.items(key, value)
        self._check_length(lines, rows, key)
        matrix = np.empty((rows, columns))
        for a, line in enumerate(lines):
            numbers = self.items(f"{key}[{a}]", line)
            self._check_length(numbers, columns, f"{key}[{a}]")
            for b, x in enumerate(numbers):
                free = not diagonal and a == b
                matrix[a, b] = self._number(x, f"{key}[{a}][{b}]", ANY_NUMBER if free else rule)
        return matrix

    def extras(self, also: tuple[str, ...] = ()) -> dict[str, object]:
        """Keys that start with ``x_`` (and those in ``also``): carried along, never read."""
        found = {key: x for key, x in self.content.items() if key.startswith("x_") or key in also}
        self.asked.update(found)
        return found

    def finish(self) -> None:
        """Raise InputError when there are keys nobody asked for."""
        for key in self.content:
            if key not in self.asked:
                known = ", ".join(sorted(self.asked))
                self.fail(key, f"is an unknown key; known keys are {known} (keys that start with x_ are ignored)")

    def _check_length(self, content: list[object], length: int | None, key: str) -> None:
        if length is not None and len(content) != length:
            self.fail(key, f"has {len(content)} entries; it must have {length}")

    def _number(self, x: object, key: str, rule: Rule) -> float:
        holds, wanted = rule
        if isinstance(x, bool) or not isinstance(x, (int, float)):
            self.fail(key, f"is {shown(x)}; it must be a number and {wanted}")
        try:
            number = float(x)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self.fail(key, f"is {number}; it must be finite and {wanted}")
        if not holds(number):
            self.fail(key, f"is {x}; it {wanted}")
        return number


def _not_finite(content: object) -> str | None:
    """Path of a number that is NaN or infinite, if there is one. Without recursion: files may be nested deeply."""
    pending: list[tuple[str, object]] = [("", content)]
    while pending:
        path, found = pending.pop()
        if isinstance(found, float) and not math.isfinite(found):
            return path
        if isinstance(found, dict):
            pending += [(f"{path}.{key}" if path else key, x) for key, x in cast(dict[str, object], found).items()]
        elif isinstance(found, list):
            pending += [(f"{path}[{place}]", x) for place, x in enumerate(cast(list[object], found))]
    return None


def kind_of(x: object) -> str:
    """What a JSON value is, in words."""
    kinds: tuple[tuple[type, str], ...] = (
        (dict, "an object"),
        (list, "a list"),
        (str, "a string"),
        (bool, "true or false"),
        (int, "a number"),
        (float, "a number"),
    )
    return next((name for kind, name in kinds if isinstance(x, kind)), "null")


def shown(x: object) -> str:
    """A JSON value for an error's line: words and numbers themselves, shortened, of others the kind."""
    return repr(x)[:60] if isinstance(x, (str, int, float, bool)) else kind_of(x)
