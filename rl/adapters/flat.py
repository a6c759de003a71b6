"""Observations and hybrid actions as plain vectors, agent by agent: what libraries with Box spaces want.

Observation of an AP: its real features (17); of a manager: its real features (19); see ``observation.Encoding``.
Action, every entry a in [-1, 1]:

* AP with n heads, 3n entries: n uplink shares, n multicast shares, n CPU fractions.
* Manager of V delegates, K + 2 + 2V entries: K preferences for APs, serve, request share, V multicast shares, V CPU fractions.

A share is 20^a times the sender's equal part of the budget, and nothing at a = -1; a = 0 everywhere spends the whole budget.
CPU fraction, preference and serve are (a + 1) / 2: a committee serves from a = 0 on, access goes to the preferences as in
``decoding`` (assignment within capacities, or in ``as_printed`` a claim above 1/2). The vector of all agents is theirs joined,
APs first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...opt.answers import plain_array
from ...opt.arrays import Floats, Integers
from ...opt.errors import InputError
from ...opt.system import System
from ..actions import Action, GlobalAction, LocalAction
from ..observation import Encoding, Features, Observation

# How many equal parts of the budget a share may be (assumption).
LARGEST_PART = 20.0


@dataclass(frozen=True, eq=False)
class _Places:
    """Where each amount of an Action stands in the vector of all agents; delegates that do not exist point anywhere."""

    uplink: Integers
    multicast: Integers
    cpu: Integers
    preference: Integers
    serve: Integers
    request: Integers
    delegate_multicast: Integers
    delegate_cpu: Integers


class FlatCoding:
    """Vectors of one system. agents: names in order (ap_0, ..., manager_0, ...); observation_slices, action_slices: each
    agent's part of the vectors of all agents."""

    def __init__(self, system: System) -> None:
        self.system = system
        heads, committees = system.heads.heads, system.committees.delegates
        K, I = len(heads), len(committees)  # noqa: E741 - the paper's symbol
        self.agents = tuple([f"ap_{k}" for k in range(K)] + [f"manager_{i}" for i in range(I)])
        encoding = Encoding(system)
        self._local_mask, self._global_mask = encoding.local_mask, encoding.global_mask
        observation_sizes = np.concatenate([self._local_mask.sum(axis=-1), self._global_mask.sum(axis=-1)])
        self.observation_slices = dict(zip(self.agents, _slices(observation_sizes), strict=True))
        self.observation_size = int(observation_sizes.sum())
        action_sizes = np.concatenate([3 * heads, K + 2 + 2 * committees])
        self.action_slices = dict(zip(self.agents, _slices(action_sizes), strict=True))
        starts = np.concatenate([[0], np.cumsum(action_sizes)])
        layout = system.heads
        first, of_manager = starts[layout.ap] + layout.rank, starts[K : K + I, None]
        # Padding reads the manager's own last place, and counts for nothing.
        delegate = np.minimum(np.arange(committees.max()), committees[:, None] - 1)
        self._places = _Places(
            uplink=first,
            multicast=first + heads[layout.ap],
            cpu=first + 2 * heads[layout.ap],
            preference=of_manager + np.arange(K),
            serve=of_manager[:, 0] + K,
            request=of_manager[:, 0] + K + 1,
            delegate_multicast=of_manager + K + 2 + delegate,
            delegate_cpu=of_manager + K + 2 + committees[:, None] + delegate,
        )
        self.action_size = int(starts[-1])
        self._head_part = 1.0 / (2.0 * len(layout.ap))
        self._sender_part = 1.0 / float(committees.sum() + I)

    def observation(self, observation: Observation) -> Features:
        """All agents' real features, joined [env, n]."""
        parts = [observation.local[:, self._local_mask], observation.global_[:, self._global_mask]]
        return np.concatenate(parts, axis=-1)

    def action(self, values: NDArray[Any]) -> Action:
        """The Action that vectors [env, action_size] in [-1, 1] stand for; InputError for another shape, range or NaN, and for
        what holds no real numbers."""
        values = numbers(values, "action")
        if values.ndim != 2 or values.shape[1] != self.action_size:
            raise InputError(f"has shape {values.shape}; it must be [env, {self.action_size}]", field="action")
        if not ((values >= -1.0) & (values <= 1.0)).all():
            raise InputError("holds NaN or leaves [-1, 1]; clip it to the action space", field="action")
        places = self._places
        fraction = 0.5 * (values + 1.0)
        part = np.where(values > -1.0, LARGEST_PART**values, 0.0)
        real = self.system.committees.is_delegate
        return Action(
            LocalAction(
                uplink=self._head_part * part[:, places.uplink],
                multicast=self._head_part * part[:, places.multicast],
                cpu=fraction[:, places.cpu],
            ),
            GlobalAction(
                preference=fraction[:, places.preference],
                serve=fraction[:, places.serve],
                request=self._sender_part * part[:, places.request],
                multicast=self._sender_part * part[:, places.delegate_multicast] * real,
                cpu=fraction[:, places.delegate_cpu] * real,
            ),
        )


@dataclass(frozen=True, eq=False)
class FlatPolicy:
    """A policy of vectors as a policy of this package, for ``measure_gap``: decide maps observations [env, n] to actions
    [env, action_size]."""

    coding: FlatCoding
    decide: Callable[[Features], NDArray[Any]]

    def act(self, observation: Observation) -> Action:
        """The decided action."""
        return self.coding.action(self.decide(self.coding.observation(observation)))


def numbers(values: object, field: str) -> Floats:
    """An agent's action as float64: arrays as ``opt.answers.plain_array`` takes them, and lists of numbers, which the spaces of
    other libraries take too. InputError naming the field."""
    if isinstance(values, (list, tuple)):
        try:
            values = np.array(values)
        except ValueError as error:
            raise InputError(f"is no array of numbers ({error})", field=field) from None
    return plain_array(values, field).astype(np.float64)


def _slices(sizes: Integers) -> list[slice]:
    ends = np.cumsum(sizes)
    return [slice(int(end - size), int(end)) for size, end in zip(sizes, ends, strict=True)]
