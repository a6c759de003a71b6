"""The snapshots of a comparison: drawn from families and presets, or read from files of the user's own."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..opt.drawing import draw
from ..opt.errors import InputError
from ..opt.families import draw_family, family
from ..opt.scenario import preset
from ..opt.snapshot import Snapshot
from ..opt.snapshot_file import load_snapshot
from .solver_comparison_config import ComparisonConfig

OWN = "own files"


@dataclass(frozen=True)
class Instance:
    """name: of the snapshot, once per comparison; group: what tables gather (a family, a preset with changes, own files);
    source: how to make it, as JSON."""

    name: str
    group: str
    source: dict[str, Any]


def instances_of(config: ComparisonConfig) -> list[Instance]:
    """All of them, in the configuration's order. Raises InputError for unknown names, unreadable files and names that clash."""
    found = [*_of_families(config), *_of_presets(config), *_of_files(config)]
    if not found:
        raise InputError("are empty, and so are draws and snapshots; give at least one snapshot", field="families")
    names = Counter(each.name for each in found)
    for each in found:
        if names[each.name] > 1:
            raise InputError(f"gives two snapshots called {each.name!r}; names must differ", field=each.group)
    return found


def make_snapshot(source: dict[str, Any]) -> Snapshot:
    """The snapshot of an instance. Raises InputError when a file has changed since the study was put together."""
    if "family" in source:
        return draw_family(source["family"], source["seed"])
    if "preset" in source:
        drawn = draw(source["preset"], source["seed"], **source["changes"])
        return replace(drawn, name=source["name"])
    path = Path(source["file"])
    if _hash(path) != source["sha256"]:
        raise InputError("has changed while the study ran; start the study again", source=str(path))
    return load_snapshot(path)


def _of_families(config: ComparisonConfig) -> Iterator[Instance]:
    for name, seeds in config.families.items():
        family(name)
        for seed in seeds:
            yield Instance(f"family-{name}-{seed}", name, {"family": name, "seed": seed})


def _of_presets(config: ComparisonConfig) -> Iterator[Instance]:
    for each in config.draws:
        preset(each.preset, **each.changes)
        for seed in each.seeds:
            name = f"{each.name}-{seed}"
            source = {"name": name, "preset": each.preset, "changes": each.changes, "seed": seed}
            yield Instance(name, each.name, source)


def _of_files(config: ComparisonConfig) -> Iterator[Instance]:
    for given in config.snapshots:
        path = Path(given)
        files = sorted(path.glob("*.json")) if path.is_dir() else [path]
        if not files:
            raise InputError("is a folder without .json files; give snapshot files", field="snapshots", source=given)
        for file in files:
            # Read now, so that a fault stops the study before it starts.
            yield Instance(load_snapshot(file).name, OWN, {"file": str(file.absolute()), "sha256": _hash(file)})


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror}); give an existing file", source=str(path)) from None
