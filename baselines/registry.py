"""Every baseline by name. A new one is one file and one line here, or an entry point in the group ``twingap.baselines``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..opt.arguments import one_of, shown
from ..opt.errors import InputError
from ..opt.targets import found, registered_targets

if TYPE_CHECKING:
    from ..rl.environment import Environment
    from ..rl.policy import Policy

GROUP = "twingap.baselines"

# name: "module:factory", imported on use. A factory takes the environment that the policy will act in (its fixed system,
# and for the oracle alone its truth) and the policy's only source of chance.
BASELINES: dict[str, str] = {
    "oracle": "twingap.baselines.oracle:make",
    "certainty_equivalent": "twingap.baselines.certainty_equivalent:make",
    "posterior": "twingap.baselines.posterior:make",
    "robust": "twingap.baselines.robust:make",
    "static": "twingap.baselines.static:make",
    "random_access": "twingap.baselines.random_access:make",
    "fixed_cpu": "twingap.baselines.fixed_cpu:make",
    "fixed_bandwidth": "twingap.baselines.fixed_bandwidth:make",
    "equal_shares": "twingap.baselines.equal_shares:make",
    "random": "twingap.baselines.random_shares:make",
    "everything_off": "twingap.baselines.everything_off:make",
}


def registered_baselines() -> dict[str, str]:
    """Our baselines and those that other packages register under the entry point group ``twingap.baselines``."""
    return registered_targets(BASELINES, GROUP)


def find_baseline(name: str) -> Callable[[Environment, np.random.Generator], Policy]:
    """The factory registered under ``name``; InputError with all names when there is none."""
    known = registered_baselines()
    one_of(name, "baseline", sorted(known))
    return found(name, known[name], "baseline")


def make_baseline(name: str, environment: Environment, rng: np.random.Generator) -> Policy:
    """The policy registered under ``name``, for this environment; ``rng`` is its only source of chance. InputError for an
    unknown name, where the baseline cannot do with this environment (a trace whose means are unknown, say), and where its
    factory answers with no policy. What the factory raises has a note that names it."""
    factory = find_baseline(name)
    try:
        policy = factory(environment, rng)
    except InputError:
        raise
    except Exception as error:
        error.add_note(f"raised by baseline {name!r} while it was made")
        raise
    if not callable(getattr(policy, "act", None)):
        raise InputError(
            f"is {name!r}, whose factory answered {shown(policy)}; it must have act(observation)", field="baseline"
        )
    return policy
