"""``study.json`` of a results directory: which study it holds, its configuration and its cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..opt.errors import InputError
from ..opt.files import write_atomically
from ..opt.reading import Reader, read_json
from .cells import Cell, code_version
from .config import StudyConfig, checked
from .registry import find_study
from .sealed import has_seal, is_whole, sealed
from .study import Study
from .yaml_text import dump_yaml

FORMAT = "twingap.study"
STUDY_FILE = "study.json"
# The configuration as a file that ``twingap study NAME --config`` takes.
CONFIG = "config.yaml"


@dataclass(frozen=True, eq=False)
class StudyFile:
    """What the file says. cells: key, title and settings of each."""

    study: Study[Any, Any]
    config: StudyConfig
    cells: tuple[dict[str, Any], ...]


def write_study_file(directory: Path, name: str, config: StudyConfig, cells: Sequence[Cell]) -> None:
    """Write the file. Raises InputError when that is not possible."""
    content = {
        "format": FORMAT,
        "study": name,
        "config": config.model_dump(mode="json"),
        "code": code_version(),
        "cells": [{"key": cell.key, "title": cell.title, "settings": cell.settings} for cell in cells],
    }
    write_atomically(directory / STUDY_FILE, sealed(json.dumps(content, indent=1)))


def write_config(directory: Path, config: StudyConfig) -> None:
    """Write the whole configuration as YAML. Raises InputError when that is not possible."""
    write_atomically(directory / CONFIG, dump_yaml(config.model_dump(mode="json")))


def read_study_file(directory: Path) -> StudyFile:
    """Read the file. Raises InputError when there is none, or it is not as it was written (older ones hold no hash)."""
    source = str(directory / STUDY_FILE)
    reader = Reader(read_json(source), "", source)
    data = (directory / STUDY_FILE).read_bytes()
    if has_seal(data) and not is_whole(data):
        raise InputError("is damaged: it is not as it was written; run the study again, which writes it anew", source=source)
    reader.optional("sha256")
    reader.text("format", (FORMAT,))
    reader.text("code")
    name = reader.text("study")
    try:
        study = find_study(name)
    except InputError as error:
        raise error.in_file(source) from None
    config = checked(study.config, reader.child("config").content, source, "config")
    cells: list[dict[str, Any]] = []
    for n, listed in enumerate(reader.items("cells")):
        cell = Reader(listed, f"cells[{n}]", source)
        cells.append({"key": cell.text("key"), "title": cell.text("title"), "settings": cell.child("settings").content})
        cell.finish()
    reader.finish()
    return StudyFile(study, cast(StudyConfig, config), tuple(cells))
