"""Learning off policy: explore, remember, learn from what is remembered. The loop that DDQN and DDPG share.

A player is one team's networks, targets and optimisers; it chooses, and says what its choice means in latents (the language of
``rl.teams``). The two teams share no variable of Problem (16), hence no player; they share the epochs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

import torch
from torch import Generator, Tensor

from ..rl.actions import Action
from ..rl.distributions import Latents
from ..rl.environment import Environment
from ..rl.features import CommitteeFeatures, HeadFeatures
from ..rl.learners import TrainerState
from ..rl.observation import Observation
from ..rl.run import Learnt, Run
from ..rl.saved_tensors import below
from ..rl.threads import one_thread
from .game import GLOBAL, LOCAL, TEAMS, Features, Game, TwinGame, action_of, as_tensor, features_of
from .off_policy_settings import OffPolicySettings
from .replay import Chosen, Experience, Replay, parts_of


class Player(Protocol):
    """One team."""

    def explore(self, features: Features, progress: float, generator: Generator) -> Chosen:
        """A choice with exploration, at this point of the run (progress in [0, 1))."""
        ...

    def decide(self, features: Features) -> Chosen:
        """The best choice."""
        ...

    def latents(self, chosen: Chosen, features: Features) -> Latents:
        """What a choice means."""
        ...

    def learn(self, batch: Experience, progress: float) -> dict[str, float]:
        """One gradient step; figures by name."""
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes in training, by name."""
        ...

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from ``tensors()``."""
        ...


def play(
    game: Game,
    players: Mapping[str, Player],
    memories: Mapping[str, Replay],
    settings: OffPolicySettings,
    progress: float,
    generator: Generator,
) -> tuple[dict[str, Tensor], dict[str, float]]:
    """One update: roll out, then learn. Mean reward per agent by team [agent], and the figures of the last gradient step."""
    rewards: dict[str, list[Tensor]] = {team: [] for team in players}
    for _ in range(settings.rollout):
        features = dict(game.features)
        with torch.no_grad():
            chosen = {team: player.explore(features[team], progress, generator) for team, player in players.items()}
            latents = {team: player.latents(chosen[team], features[team]) for team, player in players.items()}
        outcome = game.step(latents)
        continues = as_tensor(1.0 - outcome.terminated)
        for team in players:
            reward = as_tensor(outcome.reward[team])
            following = outcome.following[team] if settings.discount > 0.0 else None
            memories[team].add(Experience(features[team], chosen[team], reward, continues, following))
            rewards[team].append(reward.mean(dim=0))
    figures: dict[str, float] = {}
    for team, player in players.items():
        if len(memories[team]) < settings.warm_up:
            continue
        for _ in range(settings.gradient_steps):
            learnt = player.learn(memories[team].sample(settings.batch_steps, generator), progress)
            figures |= {f"{team}.{name}": value for name, value in learnt.items()}
    return {team: torch.stack(each).mean(dim=0) for team, each in rewards.items()}, figures


class PlayerPolicy:
    """Both players' best choices."""

    def __init__(self, players: Mapping[str, Player]) -> None:
        self.players = players

    @one_thread()
    @torch.no_grad()
    def act(self, observation: Observation) -> Action:
        """On any observation of any size."""
        features: dict[str, Features] = dict(features_of(observation))
        latents: dict[str, Latents] = {}
        for team, player in self.players.items():
            latents[team] = player.latents(player.decide(features[team]), features[team])
        return action_of(latents, features, observation)


MakePlayers = Callable[[Mapping[str, Features], Any], dict[str, Player]]


class OffPolicyTrainer(Run[OffPolicySettings]):
    """A run of an off-policy learner; subclasses say which."""

    make_players: ClassVar[MakePlayers]

    def __init__(self, env: Environment, settings: OffPolicySettings, seed: int) -> None:
        super().__init__(env, settings, seed)
        self.generator = torch.Generator().manual_seed(seed)
        self.game = TwinGame(env)
        # torch's layers initialise from its global generator: borrow it, and give it back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.players = type(self).make_players(self.game.features, settings)
        self.memories = {team: Replay(settings.capacity) for team in TEAMS}
        self.examples = {team: features.at(torch.tensor([0])) for team, features in self.game.features.items()}

    @property
    def policy(self) -> PlayerPolicy:
        """Acts with the present weights (not a copy)."""
        return PlayerPolicy(self.players)

    def learn(self, progress: float) -> Learnt:
        """Roll out, then learn from the replay."""
        paid, figures = play(self.game, self.players, self.memories, self.settings, progress, self.generator)
        return Learnt(
            rows=self.settings.rollout * self.env.num_envs * sum(len(each) for each in paid.values()),
            reward_local=float(paid[LOCAL].sum()),
            reward_global=float(paid[GLOBAL].sum()),
            figures=figures,
        )

    def state(self) -> TrainerState:
        """All that the run's future depends on (a copy), the replay included."""
        tensors: dict[str, Tensor] = {"generator": self.generator.get_state()}
        for team in TEAMS:
            tensors |= {f"{team}.{name}": tensor for name, tensor in self.players[team].tensors().items()}
            tensors |= {f"{team}.example.{name}": tensor for name, tensor in parts_of(self.examples[team]).items()}
            tensors |= {f"{team}.replay.{name}": tensor for name, tensor in self.memories[team].tensors().items()}
        return self._state_of(tensors, {})

    def restore(self, state: TrainerState) -> None:
        """Go on from there: with the same settings, scenario and machine, bit for bit as if never interrupted."""
        self.generator.set_state(state.tensors["generator"])
        for team in TEAMS:
            self.examples[team] = type(self.examples[team])(**below(f"{team}.example", state.tensors))
            self.players[team].restore(below(team, state.tensors))
            self.memories[team].restore(below(f"{team}.replay", state.tensors), type(self.game.features[team]))
        self.game.see(self.env.restore(state.environment))
        self._count_from(state)


def saved_players(make_players: MakePlayers, settings: OffPolicySettings, state: TrainerState) -> PlayerPolicy:
    """The scheduler of a saved run: players made for features like the stored example, then given the stored weights.
    RuntimeError or KeyError when the tensors do not fit the settings."""
    kinds = {LOCAL: HeadFeatures, GLOBAL: CommitteeFeatures}
    examples = {team: kind(**below(f"{team}.example", state.tensors)) for team, kind in kinds.items()}
    with torch.random.fork_rng(devices=[]):
        players = make_players(examples, settings)
    for team, player in players.items():
        player.restore(below(team, state.tensors))
    return PlayerPolicy(players)
