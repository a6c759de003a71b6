"""Doors to other libraries: the environment as Gymnasium, PettingZoo and Stable-Baselines3 know environments.

Each adapter wraps an ``Environment`` and adds nothing to it: same epochs, same decisions, same rewards. Its library is imported
when the adapter is asked for; without it one line says what to install.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from ...opt.errors import InputError
from .flat import FlatCoding, FlatPolicy

if TYPE_CHECKING:
    from .gymnasium_env import GymnasiumEnv
    from .gymnasium_vector import GymnasiumVectorEnv
    from .parallel_env import TwinParallelEnv
    from .stable_baselines import StableBaselinesVecEnv

# Adapter: module, package it needs, extra that installs it.
_HOME = {
    "GymnasiumEnv": ("gymnasium_env", "gymnasium", "gym"),
    "GymnasiumVectorEnv": ("gymnasium_vector", "gymnasium", "gym"),
    "StableBaselinesVecEnv": ("stable_baselines", "stable_baselines3", "sb3"),
    "TwinParallelEnv": ("parallel_env", "pettingzoo", "gym"),
}
__all__ = [
    "FlatCoding",
    "FlatPolicy",
    "GymnasiumEnv",
    "GymnasiumVectorEnv",
    "StableBaselinesVecEnv",
    "TwinParallelEnv",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, package, extra = _HOME[name]
    if importlib.util.find_spec(package) is None:
        raise InputError(f"needs the package {package}: pip install 'twingap[{extra}]'", field=f"rl.adapters.{name}")
    value = getattr(importlib.import_module(f".{module}", __name__), name)
    globals()[name] = value
    return value
