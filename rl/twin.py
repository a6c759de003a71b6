"""The twin's mapping error (17)(19): agents observe truth + error; rewards always come from the truth.

Errors are standard normals, drawn from a stream of their own and then scaled, so the same seed gives every policy and every
sigma the same normals. A field with sigma 0 is observed exactly, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import cast

import numpy as np

from ..opt.arguments import is_number, once, several, shown
from ..opt.arrays import Floats, Integers
from ..opt.errors import InputError
from ..opt.fluctuation import Latent, fluctuated
from ..opt.system import State, System

# An SINR error has a standard deviation of 10 sigma dB (model section 6).
DB_PER_SIGMA = 10.0
# A relative error never takes more than 99 % away: CPU, block size and data stay positive.
LEAST_FACTOR = 0.01
# An error of 100 dB and of 1000 %: nothing of a reading is left, and its numbers are still far inside the range of floats.
LARGEST_SIGMA = 10.0


@dataclass(frozen=True)
class TwinError:
    """sigma per field, each from 0 to 10. cpu, block, data: standard deviation relative to the true value; sinr: times 10 dB;
    capacity: relative, rounded to whole APs. ``data`` shows as the heads' cycles, which are proportional to it."""

    cpu: float = 0.0
    sinr: float = 0.0
    block: float = 0.0
    data: float = 0.0
    capacity: float = 0.0

    def __post_init__(self) -> None:
        for each in fields(self):
            # Past the frozen dataclass's own __setattr__: the field holds a float, whatever number was given.
            object.__setattr__(self, each.name, twin_error(getattr(self, each.name), f"sigma.{each.name}"))

    @classmethod
    def of(cls, sigma: float | Mapping[str, float] | TwinError) -> TwinError:
        """One number for every field, or a mapping from field to number (fields left out are exact)."""
        if isinstance(sigma, TwinError):
            return sigma
        known = [each.name for each in fields(cls)]
        if isinstance(sigma, Mapping):
            for name in sigma:
                if name not in known:
                    raise InputError(f"is not a field; allowed: {', '.join(known)}", field=f"sigma.{name}")
            return cls(**sigma)
        return cls(**dict.fromkeys(known, sigma))

    def __str__(self) -> str:
        """One number where all fields have the same."""
        errors = {each.name: getattr(self, each.name) for each in fields(self)}
        if len(set(errors.values())) == 1:
            return f"{self.cpu:g}"
        return ", ".join(f"{name} {value:g}" for name, value in errors.items() if value > 0.0)

    @property
    def is_zero(self) -> bool:
        """True when the twin shows the truth."""
        return all(getattr(self, each.name) == 0.0 for each in fields(self))


def twin_error(value: object, field: str = "sigma") -> float:
    """One sigma: a number from 0 to 10 (-0.0 is 0.0). InputError naming the field."""
    if is_number(value):
        # Whole numbers may be too large for a float, and compare with one all the same; NaN fails.
        known = cast(float, value)
        if 0.0 <= known <= LARGEST_SIGMA:
            return float(known) or 0.0
    raise InputError(f"is {shown(value)}; it must be a number from 0 to {LARGEST_SIGMA:g}", field=field)


def twin_errors(values: object, field: str = "sigma") -> tuple[float, ...]:
    """One sigma or a sequence of them, as tables know them: each there once, and none that prints like another (six digits)."""
    found = once(tuple(twin_error(each, field) for each in several(values, field)), field)
    printed = [f"{each:g}" for each in found]
    for place, text in enumerate(printed):
        if text in printed[:place]:
            problem = f"holds {found[printed.index(text)]!r} and {found[place]!r}, which tables print alike ({text})"
            raise InputError(f"{problem}; keep one", field=field)
    return found


def error_size(system: System) -> int:
    """How many standard normals one observation takes: one per entry of the state and one per head's data."""
    return system.latent_size + len(system.cycles)


def observe(
    system: System, state: State, normals: Latent, error: TwinError, cycles: Floats | None = None
) -> tuple[State, Floats]:
    """The observed state and the observed cycles [env, J] or [J]; normals [env, error_size].

    cycles: the heads' true ones where they are not the system's (a trace may change them from epoch to epoch)."""
    z = system.split(normals)
    sinr_db = state.sinr_db
    if error.sinr > 0.0:
        sinr_db = fluctuated(sinr_db, DB_PER_SIGMA * error.sinr * system.is_sinr, normals)
    observed = replace(
        state,
        cpu_head=_relative(state.cpu_head, error.cpu, z["cpu_head"]),
        block_bits=_relative(state.block_bits, error.block, z["block_bits"]),
        capacity=_capacity(state.capacity, error.capacity, z["capacity"], len(system.heads.heads)),
        cpu_delegate=system.committees.padded(_relative(state.cpu_delegate, error.cpu, z["cpu_delegate"]), 1.0),
        sinr_db=sinr_db,
    )
    return observed, _relative(system.cycles if cycles is None else cycles, error.data, normals[..., system.latent_size :])


def _relative(value: Floats, sigma: float, z: Latent) -> Floats:
    if sigma == 0.0:
        return value
    factor = np.multiply(z, sigma, dtype=np.float64)
    factor += 1.0
    return value * np.maximum(factor, LEAST_FACTOR)


def _capacity(capacity: Integers, sigma: float, z: Latent, aps: int) -> Integers:
    """psi as observed: whole, >= 1, and raised evenly where the sum would not hold all APs (no valid twin shows that)."""
    if sigma == 0.0:
        return capacity
    seen = np.maximum(np.rint(capacity * (1.0 + np.multiply(z, sigma, dtype=np.float64))), 1.0).astype(np.int64)
    missing = np.maximum(aps - seen.sum(axis=-1, keepdims=True), 0)
    return cast(Integers, seen + -(-missing // seen.shape[-1]))
