"""Study configurations: pydantic models filled from YAML; every fault is one line that names file and field."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..opt.errors import InputError
from .limits import Limits


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


Model = TypeVar("Model", bound=Config)


def read_config(model: type[Model], path: Path | None) -> Model:
    """The configuration in a YAML file, or the defaults when there is none. Raises InputError."""
    if path is None:
        return model()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give an existing YAML file", source=str(path)) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"is not readable YAML ({error})", source=str(path)) from None
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise InputError(f"holds {type(content).__name__}; it must hold keys and values", source=str(path))
    return checked(model, content, str(path))


def checked(model: type[Model], content: dict[str, Any], source: str = "", place: str = "") -> Model:
    """The configuration with these values; InputError for the first fault. place: of the configuration inside the source."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in (place, *first["loc"])).lstrip(".")
        problem = first["msg"].removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            problem = f"is an unknown key; known keys are {', '.join(sorted(model.model_fields))}"
        raise InputError(problem, field=field, source=source) from None
