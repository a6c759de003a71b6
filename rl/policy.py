"""What answers an observation: any object with ``act``, learnt or not."""

from __future__ import annotations

from typing import Protocol

from ..opt.decision import Decision
from .actions import Action
from .observation import Observation


class Policy(Protocol):
    """A scheduler. ``act`` may answer with shares (Action) or with a decision of its own (Decision), batched [env, ...]."""

    def act(self, observation: Observation) -> Action | Decision:
        """Answer one batch of observations."""
        ...
