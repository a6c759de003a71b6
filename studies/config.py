"""Study configurations: pydantic models filled from YAML; every fault is one line that names file and field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from ..opt.errors import InputError
from ..opt.reading import kind_of, shown
from .limits import Limits
from .yaml_text import parse_yaml


class Config(BaseModel):
    """A configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StudyConfig(Config):
    """A study's configuration: what all studies have."""

    cell_time_limit: float = Field(default=1800.0, gt=0.0, allow_inf_nan=False)
    """Seconds of wall clock after which one cell is killed and recorded as failed."""
    cell_memory_limit: float = Field(default=8.0, gt=0.0, allow_inf_nan=False)
    """GB (1e9 bytes) in use by one cell and what it starts, at which it is killed and recorded as failed."""

    @property
    def limits(self) -> Limits:
        """Of every cell."""
        return Limits(self.cell_time_limit, int(1e9 * self.cell_memory_limit))


_ALLOWED = {
    "float_type": "it must be a number (without quotes)",
    "int_type": "it must be a whole number (without quotes)",
    "bool_type": "it must be true or false",
    "string_type": "it must be a text (in quotes where it looks like a number)",
    "tuple_type": "it must be a list",
    "dict_type": "it must hold keys and values",
    "model_type": "it must hold keys and values",
}

Model = TypeVar("Model", bound=Config)


def read_config(model: type[Model], path: Path | None) -> Model:
    """The configuration in a YAML file, or the defaults when there is none. Raises InputError: files are read as strictly as
    snapshots (``yaml_text``, ``checked``)."""
    if path is None:
        return model()
    source = str(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise InputError(f"is not UTF-8 text (byte {error.start}); give a YAML file", source=source) from None
        why = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"cannot be read ({why}); give an existing YAML file", source=source) from None
    content = parse_yaml(text, source)
    if not isinstance(content, dict):
        raise InputError(f"holds {kind_of(content)}; it must hold keys and values", source=source)
    return checked(model, content, source)


def checked(model: type[Model], content: Mapping[str, Any], source: str = "", place: str = "") -> Model:
    """The configuration with these values; InputError for the first fault. place: of the configuration inside the source.

    Nothing is taken for something else: a text in quotes and a truth value are no numbers. Only a number such as 3.0 may stand
    where a whole one is asked for, as in snapshots.
    """
    data = _as_json(content, source, place)
    try:
        return _validated(model, data)
    except ValidationError as error:
        first = error.errors()[0]
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (place, *first["loc"])).lstrip(".")
        raise InputError(_problem(model, first), field=field, source=source) from None


def _problem(model: type[Config], error: ErrorDetails) -> str:
    """What is wrong and what is allowed."""
    kind, given = error["type"], shown(error["input"])
    if kind == "value_error":
        return error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        # Of a configuration inside another one, pydantic does not say what is known there.
        known = f"; known keys are {', '.join(sorted(model.model_fields))}" if len(error["loc"]) == 1 else ""
        return f"is an unknown key{known}"
    if kind == "missing":
        return "is missing; it is required"
    return f"is {given}; {_ALLOWED.get(kind, error['msg'])}"


def _as_json(content: Mapping[str, Any], source: str, place: str) -> dict[str, Any]:
    """The same as JSON holds it (tuples are lists). Raises InputError for what it does not hold."""
    try:
        text = json.dumps(dict(content), default=_plain)
        same = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"is no plain data ({error}); give numbers, words, lists and mappings", field=place, source=source
        ) from None
    return same


def _plain(value: Any) -> Any:
    """Arrays and numbers of numpy, and configurations, as plain data."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"holds {type(value).__name__}")


def _validated(model: type[Model], data: dict[str, Any]) -> Model:
    """Strictly, as pydantic reads JSON, but for whole numbers that are written as 3.0."""
    while True:
        try:
            return model.model_validate_json(json.dumps(data), strict=True)
        except ValidationError as error:
            if not any(each["type"] == "int_type" and _made_whole(data, each["loc"]) for each in error.errors()):
                raise


def _made_whole(data: Any, loc: tuple[int | str, ...]) -> bool:
    """Write the number at this place without its point, where it is whole; whether it is."""
    *way, last = loc
    try:
        for step in way:
            data = data[step]
        number = data[last]
    except (KeyError, IndexError, TypeError):
        # A place inside a union is none of the data.
        return False
    if not (isinstance(number, float) and number.is_integer()):
        return False
    data[last] = int(number)
    return True
