"""A policy while it is measured: what it is given, what it may answer, and whose fault it is when something is wrong.

It is given a copy of its observation. What it answers is taken in by one door (``rl.answers``); anything that is no answer is
one InputError that names policy, twin error and seed. What it raises goes through as it is, with a note that names the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..opt.decision import Decision
from ..opt.errors import InputError, PolicyFailedError
from ..opt.frozen import frozen_copy
from ..opt.snapshot import Snapshot
from ..opt.targets import in_one_line
from ..rl.actions import Action
from ..rl.answers import WANTED, received
from ..rl.observation import Observation
from ..rl.policy import Policy
from ..rl.twin import TwinError


@dataclass(frozen=True)
class JudgedPolicy:
    """A policy under its name, at one twin error and seed."""

    policy: Policy
    name: str
    error: TwinError
    seed: int

    @property
    def named(self) -> str:
        """Which policy, at which twin error and seed, for one line."""
        return f"policy {self.name!r} at sigma {self.error}, seed {self.seed}"

    def answer(self, observation: Observation, truth: Snapshot) -> Action | Decision:
        """What it answers to a copy of the observation, checked. Raises what it raises, with a note; InputErrors name it; a
        policy that calls sys.exit raises PolicyFailedError."""
        shown = frozen_copy(observation)
        try:
            answer = self.policy.act(shown)
        except InputError as error:
            raise error.in_file(self._within(error.source)) from error
        except SystemExit as error:
            raise PolicyFailedError(f"{self.named}: {in_one_line(error)}") from None
        except Exception as error:
            error.add_note(f"raised by {self.named}")
            raise
        with self.blamed():
            return received(answer, truth)

    @contextmanager
    def blamed(self) -> Iterator[None]:
        """InputErrors inside are about its answer: they name it and say what an answer is."""
        try:
            yield
        except InputError as error:
            wanted = "" if WANTED in error.problem else f"; {WANTED}"
            raise InputError(error.problem + wanted, field=error.field, source=self.named) from None

    def refused(self, problem: str) -> InputError:
        """What is wrong with the policy itself."""
        return InputError(problem, source=self.named)

    def _within(self, source: str) -> str:
        return f"{self.named}: {source}" if source else self.named
