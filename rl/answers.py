"""One door for what policies answer: a Decision or an Action of plain numbers, or one line that says what it is instead."""

from __future__ import annotations

from typing import Any, cast

from ..opt.answers import plain_decision
from ..opt.decision import Decision
from ..opt.errors import InputError
from ..opt.snapshot import Snapshot
from .actions import Action, check_action

# What every line about a wrong answer ends with.
WANTED = "act(observation) must return a twingap.Decision or an Action of numpy arrays [env, ...]"


def received(answer: object, truth: Snapshot) -> Action | Decision:
    """The answer to an observation of ``truth`` [env, ...]: an Action checked and as float64, a Decision as read-only copies,
    which ``execution`` checks further. InputError, naming the field, for another type and for fields that hold no real numbers
    (``opt.answers``)."""
    if isinstance(answer, Action):
        return check_action(answer, truth)
    if isinstance(answer, Decision):
        return plain_decision(answer)
    raise InputError(f"is {_what(answer)}; {WANTED}", field="answer")


def _what(answer: object) -> str:
    kind = cast(Any, type(answer))
    return "None" if answer is None else f"a {kind.__name__}"
