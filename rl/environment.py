"""The batched environment: two teams (APs, block managers) see the twin, act, and are paid by the truth (Section V).

Each epoch: the truth moves (``dynamics``), the twin misreads it (``twin``), a policy answers (``policy``), its answer becomes
a decision (``decoding`` or ``execution``), and the equations of ``opt`` say what that earns on the truth (25).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..opt.arguments import seed as checked_seed
from ..opt.arguments import whole
from ..opt.arrays import Booleans, Floats, floats
from ..opt.decision import Decision
from ..opt.drawing import draw_system
from ..opt.errors import InputError
from ..opt.evaluation import FEASIBLE, Evaluation, evaluate
from ..opt.frozen import frozen_copy
from ..opt.scenario import Scenario
from ..opt.scenario import preset as scenario_of
from ..opt.snapshot import Snapshot
from ..opt.system import State, System
from .actions import Action
from .answers import received
from .clones import cloned
from .decoding import Decoded, Decoding, OverCapacity, Rules, decode
from .dynamics import first_epoch, next_epoch
from .execution import execute
from .handing_out import own_snapshot, own_state, settled
from .memory import keep_freed_memory
from .normals import Normals, standard_normals, stream, stream_state
from .observation import Encoding, Observation
from .twin import TwinError, error_size, observe

Sigma = float | Mapping[str, float] | TwinError


@dataclass(frozen=True, eq=False)
class Step:
    """What one epoch paid and what comes next; E environments.

    observation: of the next epoch (of the next episode's first, where ``terminated``). reward_local, reward_global [E]: r_loc,
    r_glo of (25). reward_ap [E, K], reward_manager [E, I]: the agents' own parts, which sum to the team's. terminated [E]:
    the episode's horizon was reached, which is its end and not a truncation: nothing follows, bootstrap with 0. paid [E]:
    False where (25) pays 0 because a constraint is broken. truth, decision, evaluation: what was true, what was executed and
    what the equations say about it.
    """

    observation: Observation
    reward_local: Floats
    reward_global: Floats
    reward_ap: Floats
    reward_manager: Floats
    terminated: Booleans
    paid: Booleans
    truth: Snapshot
    decision: Decision
    evaluation: Evaluation

    @property
    def reward(self) -> Floats:
        """r(t) of (25) [E]."""
        return self.reward_local + self.reward_global


@dataclass(frozen=True, eq=False)
class EnvironmentState:
    """Where an environment stands: latent epoch [E, n], epochs done in this episode, and both generators' states (that of the
    errors as it was before it drew the present epoch's)."""

    latent: Normals
    epoch: int
    truth_rng: Mapping[str, Any]
    error_rng: Mapping[str, Any]


class Environment:
    """``num_envs`` copies of one system, moved on together.

    Parameters
    ----------
    scenario : a Scenario or the name of a preset.
    sigma : twin error, one number or per field (``TwinError``).
    seed : of the epochs and errors. The same seed gives every policy and every sigma the same truths and the same errors.
    num_envs : environments in the batch; part of what the seed stands for.
    horizon : epochs per episode, T of (26). All environments end together and start again at once (auto-reset).
    decoding : how actions become decisions, and whether what breaks a constraint is repaired or paid 0; see ``decoding``.
    over_capacity : what happens to CPU above the true capacity (C2, C6); without it what the decoding says.
    system_seed : of what stays fixed over epochs, so that seeds of training and of evaluation meet the same system.
    """

    def __init__(
        self,
        scenario: Scenario | str = "paper",
        *,
        sigma: Sigma = 0.0,
        seed: int = 0,
        num_envs: int = 64,
        horizon: int = 32,
        decoding: Decoding = "projection",
        over_capacity: OverCapacity | None = None,
        system_seed: int = 0,
    ) -> None:
        self.seed = checked_seed(seed)
        self.system_seed = checked_seed(system_seed, "system_seed")
        self.num_envs = whole(num_envs, "num_envs", 1)
        self.horizon = whole(horizon, "horizon", 1)
        self.scenario = scenario if isinstance(scenario, Scenario) else scenario_of(scenario)
        self.twin_error = TwinError.of(sigma)
        self.rules = Rules.of(decoding, over_capacity)
        label = scenario if isinstance(scenario, str) else "scenario"
        self._system = self._make_system(f"{label}-{self.system_seed}")
        # What is handed out is a copy: nobody who holds it holds what epochs are made from.
        self.encoding = Encoding(frozen_copy(self._system))
        self.clones: Floats | None = None
        keep_freed_memory()
        self._start_streams(self.seed)
        self._started = False

    @property
    def system(self) -> System:
        """What stays fixed over epochs; agents know it exactly. A copy."""
        return self.encoding.system

    def training(self, seed: int, num_envs: int) -> Environment:
        """Other epochs of the same system, under the same twin error and rules: to fit a policy on, never to measure it."""
        return type(self)(**self._made_with(), seed=seed, num_envs=num_envs)

    def _made_with(self) -> dict[str, Any]:
        """Constructor parameters of the same system, error and rules; a subclass adds its own."""
        return {
            "scenario": self.scenario,
            "sigma": self.twin_error,
            "decoding": self.rules.decoding,
            "over_capacity": self.rules.over_capacity,
            "system_seed": self.system_seed,
        }

    def description(self) -> dict[str, Any]:
        """What decides its epochs and what they pay, as plain data; a subclass adds its own."""
        return {
            "scenario": asdict(self.scenario),
            "sigma": asdict(self.twin_error),
            "seed": self.seed,
            "num_envs": self.num_envs,
            "horizon": self.horizon,
            **asdict(self.rules),
            "system_seed": self.system_seed,
        }

    def with_clones(self, factors: Floats) -> Environment:
        """A copy in which each AP stands for ``factors`` [env] identical ones (``clones``), to train on; it draws from the same
        streams. Itself when all are 1."""
        if (factors == 1.0).all():
            return self
        larger = copy.copy(self)
        larger.clones = factors
        return larger

    def _make_system(self, name: str) -> System:
        return draw_system(self.scenario, np.random.default_rng(self.system_seed), name)

    def _start_streams(self, seed: int) -> None:
        for_truth, for_error = np.random.SeedSequence(seed).spawn(2)
        self._truth_rng = stream(for_truth)
        self._error_rng = stream(for_error)

    def reset(self, seed: int | None = None) -> Observation:
        """Start a new episode everywhere. With a seed (a whole number >= 0) the streams start again from it, otherwise they go
        on."""
        if seed is not None:
            self.seed = checked_seed(seed)
            self._start_streams(self.seed)
        self._started = True
        self._start_episode()
        return self._look()

    def step(self, answer: Action | Decision) -> Step:
        """Execute one answer in every environment, pay for it (25), and move on to the next epoch. InputError, naming the
        field, for an answer that is none (``answers``); nothing has happened then."""
        if not self._started:
            raise InputError("was called before reset(); reset() gives the first observation", field="step")
        truth = self.truth
        decoded = self._decode(received(answer, truth))
        evaluation = evaluate(truth, decoded.decision)
        paid = np.ones(self.num_envs, dtype=np.bool_)
        if self.rules.can_void:
            paid = decoded.claims_hold & (evaluation.violation <= FEASIBLE)
        by_ap = truth.local.layout.sum_per_ap(evaluation.local.head_utility)
        self._epoch += 1
        over = self._epoch == self.horizon
        if over:
            self._start_episode()
        else:
            self._latent = self._next_latent()
        return Step(
            observation=self._look(),
            reward_local=evaluation.local.utility * paid,
            reward_global=evaluation.global_.utility * paid,
            reward_ap=by_ap * paid[:, None],
            reward_manager=evaluation.global_.committee_utility * paid[:, None],
            terminated=np.full(self.num_envs, over),
            paid=paid,
            truth=truth,
            decision=decoded.decision,
            evaluation=evaluation,
        )

    def state(self) -> EnvironmentState:
        """Where it stands, for ``restore``; the scenario, sigma and seeds it was made with are not part of it."""
        if not self._started:
            raise InputError("was asked for before reset(); there is no epoch yet", field="state")
        return EnvironmentState(self._latent.copy(), self._epoch, stream_state(self._truth_rng), self._error_state)

    def restore(self, state: EnvironmentState) -> Observation:
        """Go on from there: the present epoch's observation, and from then on what the other environment would have shown."""
        expected = (self.num_envs, self._system.latent_size)
        if state.latent.shape != expected:
            raise InputError(f"has shape {state.latent.shape}; this environment needs {expected}", field="state.latent")
        self._latent, self._epoch, self._started = state.latent.copy(), state.epoch, True
        self._truth_rng.bit_generator.state = dict(state.truth_rng)
        self._error_rng.bit_generator.state = dict(state.error_rng)
        return self._look()

    @property
    def truth(self) -> Snapshot:
        """The true snapshot of the current epoch [env, ...]; the last observation is of this one."""
        return self._truth

    def _start_episode(self) -> None:
        self._epoch = 0
        self._latent = self._first_latent()

    def _first_latent(self) -> Normals:
        return first_epoch(self._system, self.num_envs, self._truth_rng)

    def _next_latent(self) -> Normals:
        return next_epoch(self._latent, self.scenario.correlation, self._truth_rng)

    def _true_epoch(self) -> tuple[State, Snapshot]:
        state = self._system.state(self._latent)
        return state, self._system.snapshot(state)

    def _look(self) -> Observation:
        """The twin's view of the current epoch; draws this epoch's errors."""
        self._error_state = stream_state(self._error_rng)
        state, truth = self._true_epoch()
        self._truth = cloned(truth, self.clones)
        seen, cycles = state, truth.local.cycles
        if not self.twin_error.is_zero:
            normals = standard_normals((self.num_envs, error_size(self._system)), self._error_rng)
            seen, cycles = observe(self._system, state, normals, self.twin_error, cycles)
        seen = own_state(seen)
        if self.twin_error.sinr == 0.0:
            # The state's SINR is what the truth's is made from; it is handed out, so the truth's is made first.
            self._twin = own_snapshot(settled(self._truth), seen, cycles, self.encoding.system, same_sinr=True)
        else:
            self._twin = cloned(own_snapshot(truth, seen, cycles, self.encoding.system, same_sinr=False), self.clones)
        return Observation(self._twin, seen, self.encoding, None if self.clones is None else floats(self.clones))

    def _decode(self, answer: Action | Decision) -> Decoded:
        """What an answer (``received``) becomes on the truth."""
        if isinstance(answer, Action):
            return decode(answer, self._twin, self.truth, self.rules)
        every = np.ones(self.num_envs, dtype=np.bool_)
        return Decoded(execute(answer, self.truth, self.rules), every)


def make_env(
    preset: str = "paper",
    sigma: Sigma = 0.0,
    seed: int = 0,
    num_envs: int = 64,
    *,
    horizon: int = 32,
    decoding: Decoding = "projection",
    over_capacity: OverCapacity | None = None,
    system_seed: int = 0,
    **scenario_changes: object,
) -> Environment:
    """An environment of a preset, with these fields of Scenario changed."""
    return Environment(
        scenario_of(preset, **scenario_changes),
        sigma=sigma,
        seed=seed,
        num_envs=num_envs,
        horizon=horizon,
        decoding=decoding,
        over_capacity=over_capacity,
        system_seed=system_seed,
    )
