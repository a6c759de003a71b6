"""A study of cheap cells for the tests of the runner, registered nowhere: ``twingap study cheap_study:STUDY``."""

# ruff: noqa: ARG001

import os
import time
from pathlib import Path

import pandas as pd
from pydantic import Field

from twingap.opt.errors import InputError
from twingap.studies.cells import Cell
from twingap.studies.config import StudyConfig
from twingap.studies.records import Records
from twingap.studies.study import Study


class CheapConfig(StudyConfig):
    cells: int = Field(default=60, ge=2, le=10_000)
    seconds: float = Field(default=0.1, ge=0.0, le=60.0)
    log: str = ""


def cells(config):
    """Half of the cells are roots; each of the others needs one of them."""
    settings = {"seconds": config.seconds, "log": config.log}
    roots = [
        Cell(f"root {x}", "cheap_study:square", settings | {"x": x}, limits=config.limits, packages=())
        for x in range(config.cells // 2)
    ]
    return roots + [
        Cell(f"sum {x}", "cheap_study:plus", settings | {"x": x, "root": root.key}, (root.key,), config.limits, packages=())
        for x, root in enumerate(roots)
    ]


def square(settings, directory, report):
    say(settings, directory)
    return {"value": settings["x"] ** 2 + 0.1}


def plus(settings, directory, report):
    say(settings, directory)
    return {"value": Records(Path(directory)).result(settings["root"])["value"] + settings["x"]}


def say(settings, directory):
    """Note the start, at once and whole; then take some time."""
    if settings["log"]:
        line = f"{'root' in settings},{settings['x']},{time.time_ns()}\n"
        with open(settings["log"], "a") as log:
            os.write(log.fileno(), line.encode())
    time.sleep(settings["seconds"])


def collect(config, outcome):
    if not outcome.records:
        raise InputError("hold nothing", field="records")
    return pd.DataFrame([{"cell": each["title"], **each["result"]} for each in outcome.records])


STUDY = Study(
    config=CheapConfig,
    cells=cells,
    collect=collect,
    tables=lambda results: {"values": results},
    page=lambda results, path: path.write_text(f"<html>{len(results)}</html>"),
    lines=lambda results: [f"{len(results)} values"],
    tiny={"cells": 4, "seconds": 0.0},
)
