"""Experience replay: a ring of the last steps, each of all environments; batches are steps drawn at random.

A batch of whole steps holds every stored row with the same probability. Rows of one step are of different environments; in ours
they are independent of each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Generator, Tensor

from ..rl.saved_tensors import below
from .game import Features

Chosen = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Experience:
    """Rows = steps x environments. features; chosen: what the team did, by name [row, ...]; reward [row, agent]; continues
    [row]: 1.0 where something followed, else 0.0; following: features of what followed (None when nobody asks for it)."""

    features: Features
    chosen: Chosen
    reward: Tensor
    continues: Tensor
    following: Features | None

    @staticmethod
    def join(parts: list[Experience]) -> Experience:
        """Several steps as one longer batch."""
        first = parts[0]
        kind = type(first.features)
        return Experience(
            features=kind.join([part.features for part in parts]),
            chosen={name: torch.cat([part.chosen[name] for part in parts]) for name in first.chosen},
            reward=torch.cat([part.reward for part in parts]),
            continues=torch.cat([part.continues for part in parts]),
            following=None if first.following is None else kind.join([part.following for part in parts]),
        )


class Replay:
    """The last ``capacity`` steps."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.steps: list[Experience] = []
        self.place = 0

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, step: Experience) -> None:
        """Store one step; the oldest goes when there are too many."""
        if len(self.steps) < self.capacity:
            self.steps.append(step)
        else:
            self.steps[self.place] = step
        self.place = (self.place + 1) % self.capacity

    def sample(self, steps: int, generator: Generator) -> Experience:
        """This many of the stored steps, drawn with replacement, joined: rows = steps x environments."""
        drawn = torch.randint(len(self.steps), (steps,), generator=generator)
        return Experience.join([self.steps[int(each)] for each in drawn])

    def tensors(self) -> dict[str, Tensor]:
        """Everything stored, by place and name."""
        found: dict[str, Tensor] = {"place": torch.tensor(self.place)}
        for place, step in enumerate(self.steps):
            parts: dict[str, Tensor] = {"reward": step.reward, "continues": step.continues}
            parts |= {f"chosen.{name}": tensor for name, tensor in step.chosen.items()}
            parts |= {f"features.{name}": tensor for name, tensor in parts_of(step.features).items()}
            if step.following is not None:
                parts |= {f"following.{name}": tensor for name, tensor in parts_of(step.following).items()}
            found |= {f"{place}.{name}": tensor for name, tensor in parts.items()}
        return found

    def restore(self, tensors: Mapping[str, Tensor], kind: type[Features]) -> None:
        """Go on from ``tensors()``; kind: class of the features."""
        self.place = int(tensors["place"])
        number = len({name.partition(".")[0] for name in tensors} - {"place"})
        self.steps = []
        for place in range(number):
            step = below(str(place), tensors)
            following = below("following", step)
            self.steps.append(
                Experience(
                    kind(**below("features", step)),
                    below("chosen", step),
                    step["reward"],
                    step["continues"],
                    kind(**following) if following else None,
                )
            )


def parts_of(features: Any) -> dict[str, Tensor]:
    """A frozen dataclass of tensors by field."""
    return {each.name: getattr(features, each.name) for each in fields(features)}
