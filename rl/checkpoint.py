"""Checkpoints without pickled code: one safetensors file of tensors, with JSON metadata in its header.

The metadata says what the run was (settings, seed, scenario, twin error, versions) and where it stood (counters, generators).
Beside it stands the SHA-256 of all of that and of every tensor's name, type, shape and bytes, so that a file of which a single
bit has changed is refused. Versions 3 and 4 had no hash: they are read as before, and only damage that leaves nonsense is
noticed in them.
Anything that a malformed or foreign file may hold ends in an InputError; loading never executes what the file says.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from ..opt.errors import InputError
from ..opt.files import write_atomically
from ..opt.reading import NON_NEGATIVE, Reader, shown
from .environment import Environment, EnvironmentState
from .learners import LearnerEntry, LearnerSettings, Trainer, TrainerState, find_learner
from .normals import stream, stream_state
from .policy import Policy
from .twin import TwinError

FORMAT, VERSION = "twingap.checkpoint", 5
# Read as well, but of version 3 no runs in the action space ``reduced`` under twin error: later they plan on expected needs.
OLDEST, PLANS_ON_NEEDS = 3, 4
# Since this version a file holds the hash of its content.
SEALED = 5
LATENT = "environment.latent"
HASH = "sha256"
# Draws of standard normals end at 6.8 (``normals``).
FARTHEST = 10.0


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
    text = json.dumps(about)
    write_atomically(path, safetensors.torch.save(tensors, {"twingap": text, HASH: content_hash(text, tensors)}))


def content_hash(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 of the metadata's text and, in the order of their names, of every tensor: name, type, shape, bytes. What is
    hashed can be taken apart again, so no two contents are the same to it."""
    digest = hashlib.sha256(text.encode(errors="backslashreplace"))
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"\n{json.dumps([name, str(tensor.dtype), list(tensor.shape)])}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _described(env: Environment) -> dict[str, Any]:
    """As it reads back from a file."""
    return json.loads(json.dumps(env.description()))


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a file of ``save_checkpoint``; InputError when it is not one, or is not as it was saved."""
    source = str(path)
    try:
        with safetensors.safe_open(source, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, RuntimeError, ValueError, TypeError, safetensors.SafetensorError) as error:
        raise InputError(f"is not a readable checkpoint ({error})", source=source) from None
    text = metadata.get("twingap", "")
    try:
        about = json.loads(text)
    except json.JSONDecodeError:
        raise InputError("has no twingap metadata; it is not a checkpoint of this program", source=source) from None
    except (ValueError, RecursionError):
        raise InputError("has metadata nested too deeply, or with a number too long", source=source) from None
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise InputError(f"is not format {FORMAT!r}", field="format", source=source)
    version = about.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        raise InputError(f"is {shown(version)}; this twingap reads {OLDEST} to {VERSION}", field="version", source=source)
    if version < OLDEST:
        raise _too_old(version, source)
    if HASH not in metadata and version >= SEALED:
        raise InputError("is damaged: it holds no hash of its content; use another copy", source=source)
    if HASH in metadata and metadata[HASH] != content_hash(text, tensors):
        raise InputError("is damaged: its content is not what was saved; use another copy, or train again", source=source)
    try:
        checkpoint = Checkpoint(_state(Reader(about, "", source), tensors), about)
        if checkpoint.settings.updates < checkpoint.state.updates:
            problem = f"is {checkpoint.state.updates}, more than the run's {checkpoint.settings.updates}"
            raise InputError(problem, field="standing.updates")
        if version < PLANS_ON_NEEDS and _plans_on_needs(checkpoint):
            raise _too_old(version, source)
    except InputError as error:
        raise error if error.source else error.in_file(source) from None
    return checkpoint


def _state(about: Reader, tensors: dict[str, Tensor]) -> TrainerState:
    """Where the run stood. InputError for the first field that no run can have left behind."""
    about.text("learner")
    for part in ("settings", "environment", *(["notes"] if "notes" in about.content else [])):
        about.child(part)
    about.child("environment").value("sigma")
    _count(about, "seed")
    standing = about.child("standing")
    updates, agent_steps, epoch = (_count(standing, name) for name in ("updates", "agent_steps", "epoch"))
    streams = [_checked_stream(standing.child(name)) for name in ("truth_rng", "error_rng")]
    extra = standing.child("extra")
    _check_streams_inside(extra)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            about.fail(name, "holds NaN or infinite numbers; use an earlier checkpoint")
        if name.endswith("latent") and not (tensor.dtype == torch.float32 and bool((tensor.abs() <= FARTHEST).all())):
            about.fail(name, f"holds what are no standard normals (float32, from {-FARTHEST:g} to {FARTHEST:g})")
    if LATENT not in tensors:
        about.fail(LATENT, "is missing; save the checkpoint again")
    latent = tensors.pop(LATENT).numpy()
    seconds = standing.number("seconds", NON_NEGATIVE)
    return TrainerState(tensors, EnvironmentState(latent, epoch, *streams), updates, seconds, agent_steps, extra.content)


def _count(reader: Reader, key: str) -> int:
    value = reader.value(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        reader.fail(key, f"is {shown(value)}; it must be a whole number >= 0")
    return value


def _checked_stream(reader: Reader) -> dict[str, Any]:
    """The state of a ``normals.stream``: one that such a stream takes, and gives back as it was."""
    rng = stream(np.random.SeedSequence(0))
    try:
        rng.bit_generator.state = dict(reader.content)
        same = stream_state(rng) == reader.content
    except (ValueError, TypeError, KeyError, OverflowError, AttributeError):
        same = False
    if not same:
        reader.fail("", "is no state of a generator; use another copy")
    return dict(reader.content)


def _check_streams_inside(reader: Reader) -> None:
    """Of learners that keep generators of their own, at any depth."""
    pending: list[tuple[str, object]] = [(reader.path, reader.content)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            if "bit_generator" in value:
                _checked_stream(Reader(value, path, reader.source))
            else:
                pending += [(f"{path}.{key}", each) for key, each in cast(dict[str, object], value).items()]
        elif isinstance(value, list):
            pending += [(f"{path}[{place}]", each) for place, each in enumerate(cast(list[object], value))]


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
    if not checkpoint.state.environment.epoch < env.horizon:
        problem = f"is {checkpoint.state.environment.epoch}; an episode has {env.horizon} epochs"
        raise InputError(problem, field="standing.epoch", source=str(path))
    trainer = checkpoint.entry.trainer(env, checkpoint.settings, checkpoint.about["seed"])
    with _fitting(path):
        trainer.restore(checkpoint.state)
    return trainer


def load_policy(path: str | Path) -> Policy:
    """The scheduler of a checkpoint, on the CPU, without its run. InputError when the file is no checkpoint, its learner is not
    registered here, or its tensors do not fit its settings."""
    checkpoint = load_checkpoint(path)
    with _fitting(path):
        return checkpoint.entry.policy(checkpoint.settings, checkpoint.state)


@contextmanager
def _fitting(path: str | Path) -> Iterator[None]:
    """Whatever torch and learners raise for tensors of the wrong number, type or shape becomes one line."""
    try:
        yield
    except InputError as error:
        raise error if error.source else error.in_file(str(path)) from None
    except (RuntimeError, LookupError, TypeError, ValueError, AttributeError, OverflowError, AssertionError) as error:
        raise InputError(f"holds what does not fit its settings ({error})", source=str(path)) from None
