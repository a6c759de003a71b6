"""Checkpoints without pickled code: one safetensors file of tensors, with JSON metadata in its header.

The metadata says what the run was (settings, seed, scenario, twin error, versions) and where it stood (counters, generators).
Anything that a malformed or foreign file may hold ends in an InputError; loading never executes what the file says.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from ..opt.errors import InputError
from ..opt.files import write_atomically
from .environment import Environment, EnvironmentState
from .learners import LearnerEntry, LearnerSettings, Trainer, TrainerState, find_learner
from .policy import Policy
from .twin import TwinError

FORMAT, VERSION = "twingap.checkpoint", 4
# Read as well, but for runs in the action space ``reduced`` under twin error: since version 4 they plan on expected needs.
OLDEST = 3
LATENT = "environment.latent"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a file holds: the run's state, and ``about`` (learner, settings, seed, environment, versions, notes)."""

    state: TrainerState
    about: dict[str, Any]

    @property
    def entry(self) -> LearnerEntry:
        """The learner of the run; InputError when it is not registered here."""
        return find_learner(self.about["learner"])

    @property
    def settings(self) -> LearnerSettings:
        """Of the run. InputError when they are not what the learner takes."""
        return self.entry.settings.from_json(self.about["settings"])


def save_checkpoint(trainer: Trainer, path: str | Path, notes: Mapping[str, Any] | None = None) -> None:
    """Write the whole run to ``path``, atomically. notes: plain data of whoever looks after the run, kept in
    ``Checkpoint.about["notes"]``; the run itself does not depend on them. InputError when the path cannot be
    written."""
    state = trainer.state()
    env = state.environment
    about = {
        "format": FORMAT,
        "version": VERSION,
        "learner": trainer.learner,
        "settings": trainer.settings.to_json(),
        "seed": trainer.seed,
        "environment": _described(trainer.env),
        "notes": dict(notes or {}),
        "versions": {name: importlib.metadata.version(name) for name in ("twingap", "torch", "numpy")},
        "standing": {
            "updates": state.updates,
            "seconds": state.seconds,
            "agent_steps": state.agent_steps,
            "epoch": env.epoch,
            "truth_rng": env.truth_rng,
            "error_rng": env.error_rng,
            "extra": state.extra,
        },
    }
    tensors = {name: tensor.contiguous() for name, tensor in state.tensors.items()}
    tensors[LATENT] = torch.tensor(env.latent)
    write_atomically(path, safetensors.torch.save(tensors, {"twingap": json.dumps(about)}))


def _described(env: Environment) -> dict[str, Any]:
    """As it reads back from a file."""
    return json.loads(json.dumps(env.description()))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a file of ``save_checkpoint``; InputError when it is not one."""
    source = str(path)
    try:
        with safetensors.safe_open(source, framework="pt") as file:
            header = (file.metadata() or {}).get("twingap", "")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, safetensors.SafetensorError) as error:
        raise InputError(f"is not a readable checkpoint ({error})", source=source) from None
    try:
        about = json.loads(header)
    except json.JSONDecodeError:
        raise InputError("has no twingap metadata; it is not a checkpoint of this program", source=source) from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"is not format {FORMAT!r}", field="format", source=source)
    version: Any = about.get("version")
    if version in range(1, OLDEST):
        raise _too_old(version, source)
    if version not in range(OLDEST, VERSION + 1):
        raise InputError(f"is {about.get('version')!r}; this twingap reads {VERSION}", field="version", source=source)
    try:
        standing = about["standing"]
        environment = EnvironmentState(
            tensors.pop(LATENT).numpy(), standing["epoch"], standing["truth_rng"], standing["error_rng"]
        )
        counters = standing["updates"], standing["seconds"], standing["agent_steps"]
        state = TrainerState(tensors, environment, *counters, standing["extra"])
        checkpoint = Checkpoint(state, about)
        _ = checkpoint.settings, about["seed"], about["environment"]
        if version < VERSION and _plans_on_needs(checkpoint):
            raise _too_old(version, source)
    except KeyError as error:
        raise InputError("is missing; save the checkpoint again", field=str(error.args[0]), source=source) from None
    return checkpoint


def _plans_on_needs(checkpoint: Checkpoint) -> bool:
    """Whether the run's actions depend on expected needs (``expected_needs``)."""
    teams = (getattr(checkpoint.settings, team, None) for team in ("local", "global_"))
    reduced = any(getattr(team, "actions", "full") == "reduced" for team in teams)
    return reduced and not TwinError.of(checkpoint.about["environment"]["sigma"]).is_zero


def _too_old(version: object, source: str) -> InputError:
    problem = f"is {version}, of an older twingap whose runs this one cannot go on with (it reads {VERSION})"
    return InputError(f"{problem}; train again", field="version", source=source)


def resume(path: str | Path, env: Environment) -> Trainer:
    """The run of a checkpoint, ready to go on in ``env``, which must be like the one it was trained in (InputError names what
    differs)."""
    checkpoint = load_checkpoint(path)
    was, now = checkpoint.about["environment"], _described(env)
    for name in {**now, **was}:
        if was.get(name) != now.get(name):
            problem = f"is {now.get(name)!r}; the checkpoint was trained with {was.get(name)!r}"
            raise InputError(problem, field=f"environment.{name}", source=str(path))
    trainer = checkpoint.entry.trainer(env, checkpoint.settings, checkpoint.about["seed"])
    try:
        trainer.restore(checkpoint.state)
    except (RuntimeError, KeyError) as error:
        raise InputError(f"holds tensors that do not fit its settings ({error})", source=str(path)) from None
    return trainer


def load_policy(path: str | Path) -> Policy:
    """The scheduler of a checkpoint, on the CPU, without its run. InputError when the file is no checkpoint, its learner is not
    registered here, or its tensors do not fit its settings."""
    checkpoint = load_checkpoint(path)
    try:
        return checkpoint.entry.policy(checkpoint.settings, checkpoint.state)
    except (RuntimeError, KeyError) as error:
        raise InputError(f"holds tensors that do not fit its settings ({error})", source=str(path)) from None
