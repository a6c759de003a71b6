"""YAML as strict as JSON: what stands there is what is read, and whatever older YAML reads as something else is one line.

YAML 1.1 (which most programs read) takes ``no`` for false, ``1:30`` for 90, ``010`` for 8 and ``1_000`` for 1000, keeps the
last of two equal keys and lets an alias repeat a value a billion times. Each of these is refused with file, key path and what
to write. Numbers are those of JSON (and ``.5``, ``5.``, ``+5``); ``true``, ``false``, ``null`` and ``~`` are what they are in
YAML 1.2; another plain word is a text. What is in quotes is a text whatever it looks like.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

from ..opt.errors import InputError

# Deeper than any configuration, and far from where Python's own stack ends.
DEEPEST = 50
# Characters of a number.
LONGEST = 400

_WORDS: dict[str, Any] = {"": None, "~": None} | {
    word: value
    for name, value in (("null", None), ("true", True), ("false", False))
    for word in (name, name.capitalize(), name.upper())
}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
# What only YAML 1.1, or only some readers, take for a number or a truth value; each with what to write instead.
_TRAPS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?i:yes|no|on|off)"), "which some programs read as true or false; write true or false"),
    (re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?"), "which some programs read with base 60; write one number"),
    (
        re.compile(r"[-+]?0[0-9_]+(\.[0-9_]*)?([eE][-+]?[0-9]+)?"),
        "which some programs read as octal; write no leading 0",
    ),
    (re.compile(r"[-+]?0(o[0-7_]+|x[0-9a-fA-F_]+|b[01_]+)"), "which is not decimal; write a decimal number"),
    (re.compile(r"[-+]?(?=.*_)[0-9._]*[0-9][0-9._]*([eE][-+]?[0-9]+)?"), "which has _ in a number; write the digits alone"),
    (re.compile("<<"), "the merge key; write the keys themselves"),
    (re.compile(r"(?i:[-+]?\.inf|\.nan)"), "which is no finite number; write one"),
)
_QUOTES = "put it in quotes where the text is meant"


def parse_yaml(text: str, source: str = "", what: str = "") -> Any:
    """What the only document of the text holds: dicts, lists, texts, numbers, true, false and None.

    what: path of the whole text, where it is the value of one key. Raises InputError naming source, key path, fault and fix;
    an empty text is one.
    """
    return _Document(text, source, what).read()


class _Document:
    """One pass over the parser's events, so that nothing is built of a text that is refused."""

    def __init__(self, text: str, source: str, what: str) -> None:
        self.source, self.what = source, what
        self.events: Iterator[Any] = iter(yaml.parse(text, yaml.SafeLoader))

    def read(self) -> Any:
        event = self._next()
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self._refuse(self.what, "is empty; give it keys and values")
        content = self._value(event, self.what, 0)
        while not isinstance(event, yaml.StreamEndEvent):
            event = self._next()
            if isinstance(event, yaml.DocumentStartEvent):
                self._refuse(self.what, "holds several documents; keep one")
        return content

    def _next(self) -> Any:
        try:
            return next(self.events)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            # The last two: a character's number that no character has.
            raise InputError(f"is not readable YAML ({error})", field=self.what, source=self.source) from None

    def _refuse(self, path: str, problem: str) -> NoReturn:
        raise InputError(problem, field=path, source=self.source)

    def _value(self, event: Any, path: str, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            self._refuse(path, f"is the alias *{event.anchor}; write the value itself")
        if event.anchor is not None:
            self._refuse(path, f"has the anchor &{event.anchor}; write values where they belong, without anchors and aliases")
        if event.tag is not None and event.tag != "!":
            self._refuse(path, f"has the tag {event.tag}; leave it out")
        if depth > DEEPEST:
            self._refuse(path[:200], f"is nested deeper than {DEEPEST} levels")
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                items.append(self._value(event, f"{path}[{len(items)}]", depth + 1))
            return items
        content: dict[str, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            key = self._value(event, f"{path} (a key)".lstrip(), depth + 1)
            if not isinstance(key, str):
                shown = repr(key)[:60] if isinstance(key, (int, float, bool)) else "no word"
                self._refuse(path, f"has a key that is {shown}; a key must be a word (in quotes, if it is meant as text)")
            inside = f"{path}.{key}".lstrip(".")
            if key in content:
                self._refuse(inside, "is there twice; keep one")
            content[key] = self._value(self._next(), inside, depth + 1)
        return content

    def _scalar(self, event: Any, path: str) -> Any:
        value = event.value
        if any("\ud800" <= each <= "\udfff" for each in value):
            self._refuse(path, "holds half of a character (a surrogate); write the character itself")
        # Quotes and blocks (| and >) are texts, and so is what is marked as one by a bare "!".
        if event.style is not None or event.tag == "!":
            return value
        try:
            return _resolved(value)
        except ValueError as error:
            self._refuse(path, f"is {value[:60]}, {error}")


def _resolved(word: str) -> Any:
    """What a word without quotes is. Raises ValueError, saying what to write instead, for the traps."""
    if word in _WORDS:
        return _WORDS[word]
    if _NUMBER.fullmatch(word):
        # Longer whole numbers fit no float either, and Python takes quadratic time to read them.
        if len(word) > LONGEST or not math.isfinite(float(word)):
            raise ValueError("which is too large or too long a number; write another one")
        return int(word) if _WHOLE.fullmatch(word) else float(word)
    for trap, fix in _TRAPS:
        if trap.fullmatch(word):
            raise ValueError(f"{fix}, or {_QUOTES}")
    return word


def dump_yaml(content: Any) -> str:
    """Plain data as YAML that ``parse_yaml`` reads back as the same, and other programs too."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False)


class _Dumper(yaml.SafeDumper):
    """No aliases, and in quotes whatever is read as something else without them."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as PyYAML has it
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    try:
        safe = isinstance(_resolved(text), str)
    except ValueError:
        safe = False
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, None if safe else "'")


_Dumper.add_representer(str, _represent_text)
