"""Every number of the scenario: where systems and epochs are drawn from (model section 5).

Each field's metadata says where its default comes from: ``"paper"`` (Table II or the text) or ``"assumption"``
(the paper does not say; the note says why this value). ``describe`` lists them for documentation.
"""
# ruff: noqa: RUF009 - the defaults are calls that only attach a source to an immutable value

from __future__ import annotations

import math
import sys
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, Literal, cast, get_args

import numpy as np

from .arguments import shown
from .errors import InputError
from .snapshot import Multicast, TimeoutRule

UploadedModels = Literal["per_device", "aggregated"]
MulticastPayload = Literal["model", "header"]
Span = tuple[float, float]
CountSpan = tuple[int, int]


def _paper(default: object, rule: str, unit: str, note: str) -> Any:
    return field(default=default, metadata={"source": "paper", "rule": rule, "unit": unit, "note": note})


def _assumed(default: object, rule: str, unit: str, note: str) -> Any:
    return field(default=default, metadata={"source": "assumption", "rule": rule, "unit": unit, "note": note})


@dataclass(frozen=True)
class Scenario:
    """All numbers of one scenario, SI units. Defaults are preset ``paper``; raises InputError for impossible values.

    Pairs are ranges (low, high). Ranges of CPU, SINR and data describe how a system's entities differ; the
    fluctuations and ``correlation`` describe how an entity's state moves from epoch to epoch.
    """

    # Who takes part
    aps: int = _paper(8, "count", "", "K: of 50 APs, 2 x 21 serve as delegates and the other 8 learn (R10)")
    heads_per_ap: CountSpan = _paper((10, 10), "counts", "", "ten clusters per AP, one head each")
    committees: int = _paper(2, "count", "", "I: two committees")
    delegates: CountSpan = _paper((21, 21), "committee sizes", "", "V_i, the manager included")
    devices: CountSpan = _paper((5, 10), "counts", "", "devices per cluster")
    identical_heads: bool = _assumed(False, "switch", "", "every head has the first one's data, accuracy and means")

    # Modes
    multicast: Multicast = _assumed("group", "multicast", "", "multicast OFDMA: one share reaches all peers (R3)")
    timeout_rule: TimeoutRule = _assumed("fail", "timeout_rule", "", "a phase past the timeout loses the block (R8)")
    floor_adaptation: bool = _paper(True, "switch", "", "floor in the adaptation level of (11)")
    whole_subchannels: bool = _assumed(False, "switch", "", "spectrum is divisible")
    uploaded_models: UploadedModels = _paper("per_device", "uploaded_models", "", "(3) as printed: N_k^u |w| (R2)")
    multicast_payload: MulticastPayload = _assumed(
        "model", "multicast_payload", "", "peers must hold the model to judge it; 'header' is the printed 200 B (R3)"
    )
    multicast_compression: float = _assumed(
        1.0, "positive", "", "peers get the model this many times smaller than it is uploaded; 1: the model itself (R3)"
    )

    # Spectrum
    subchannel_hz: float = _paper(30e6, "positive", "Hz", "W_0")
    local_subchannels: float = _paper(100.0, "positive", "subchannels", "C1: one pool of 100 for the local part")
    global_subchannels: float = _paper(100.0, "positive", "subchannels", "C5: one pool of 100 for the global part")
    mean_sinr_db: Span = _assumed((0.0, 25.0), "span", "dB", "mean per head, per delegate and per access link")
    link_offset_db: float = _assumed(3.0, "nonnegative", "dB", "a link's mean differs from its sender's by up to this")
    sinr_fluctuation_db: float = _assumed(2.0, "nonnegative", "dB", "standard deviation of a link around its mean")

    # Learning (1) to (4)
    accuracy: Span = _paper((0.1, 0.8), "fractions", "", "theta")
    batch: float = _paper(3.0, "positive", "", "b_n")
    cycles_per_bit: float = _paper(20.0, "positive", "cycles/bit", "o (R1)")
    images_per_device: float = _assumed(67.0, "positive", "images", "40,000 training images over about 600 devices")
    image_bits: float = _paper(24_576.0, "positive", "bits", "a CIFAR10 image, 32 x 32 x 3 bytes")
    data_spread: Span = _assumed((1 / 3, 5 / 3), "positive span", "", "D_n is the mean times this; devices differ")
    model_bits: float = _assumed(2.24e6, "positive", "bits", "|w|: size of the CNN described in the text")
    head_cpu_hz: Span = _assumed((1e9, 2e9), "positive span", "cycles/s", "as in the code of the paper's reference [43]")

    # Local chain (6) to (11)
    transaction_bits: float = _paper(1600.0, "positive", "bits", "200 B")
    multicast_batch: float = _paper(10.0, "positive", "", "H, the cache length")
    arrival_rate: float = _paper(30.0, "positive", "1/s", "lambda")
    cache_multiplier: float = _assumed(2.0, "positive", "", "iota, not given")
    confirmation_weight: float = _paper(200.0, "nonnegative", "", "CW_th")
    approvals: int | None = _assumed(None, "optional count", "", "M of (9), heads that have approved; None: all others")
    accuracy_difference_min: float = _assumed(0.05, "positive", "", "least denominator in (9) (R6)")

    # Global chain (5), (12), (13)
    block_bytes: Span = _paper((1e6, 10e6), "positive span", "bytes", "S_i, uniform per epoch")
    manager_cycles: float = _paper(0.02e9, "nonnegative", "cycles", "o_p per transaction")
    delegate_cycles: float = _paper(0.01e9, "nonnegative", "cycles", "o_v per transaction")
    transactions_per_block: float = _assumed(11.0, "positive", "", "transactions verified per block")
    delegate_cpu_hz: Span = _assumed((5e9, 20e9), "positive span", "cycles/s", "edge servers in mm-wave environments")
    timeout: float = _assumed(2.0, "positive", "s", "T_th, not given")
    capacity: CountSpan | None = _assumed(None, "capacity", "APs", "psi_i; None: ceil(K / I) + 1, not given")

    # Money (14), (15); none of it is given
    local_benefit: float = _assumed(100.0, "positive", "", "B of a head")
    local_decay: float = _assumed(0.3, "positive", "1/s", "A of a head")
    global_benefit: float = _assumed(200.0, "positive", "", "B of a committee per AP served")
    global_decay: float = _assumed(0.5, "positive", "1/s", "A of a committee")
    local_spectrum_cost: float = _assumed(0.02e-6, "nonnegative", "per Hz", "0.02 per MHz")
    global_spectrum_cost: float = _assumed(0.02e-6, "nonnegative", "per Hz", "0.02 per MHz")
    local_cpu_cost: float = _assumed(1e-9, "nonnegative", "per cycle/s", "1 per GHz")
    global_cpu_cost: float = _assumed(
        0.25e-9, "nonnegative", "per cycle/s", "0.25 per GHz: at 0.1 CPU costs only 3.4 % of the benefit (calibration)"
    )

    # Time
    cpu_fluctuation: float = _assumed(
        0.2,
        "nonnegative",
        "",
        "standard deviation of CPU around its mean, relative; clipped into the CPU range. At 0.1 only 2.4 % of heads are at "
        "their CPU bound (calibration asks for 3 %), at 0.2 it is 3.1 %",
    )
    correlation: float = _assumed(0.0, "correlation", "", "rho between consecutive epochs; 0: independent epochs")

    def __post_init__(self) -> None:
        for each in fields(self):
            object.__setattr__(self, each.name, _checked(each, getattr(self, each.name)))
        low, _ = self.capacity_range
        if low * self.committees < self.aps:
            wanted = math.ceil(self.aps / self.committees)
            raise InputError(
                f"is {self.capacity}; {self.committees} committees must hold {self.aps} APs, so it must be >= {wanted}",
                field="scenario.capacity",
            )

    @property
    def capacity_range(self) -> CountSpan:
        """Lowest and highest psi."""
        default = -(-self.aps // self.committees) + 1
        return (default, default) if self.capacity is None else self.capacity

    @property
    def multicast_bits(self) -> float:
        """H * (transaction header + model, compressed), or H headers alone (R3) [bits]."""
        model = self.model_bits / self.multicast_compression if self.multicast_payload == "model" else 0.0
        return self.multicast_batch * (self.transaction_bits + model)

    def changed(self, **changes: object) -> Scenario:
        """A copy with these fields changed; InputError for an unknown field or an impossible value."""
        known = [each.name for each in fields(self)]
        for name in changes:
            if name not in known:
                raise InputError(f"is not a field; allowed: {', '.join(known)}", field=f"scenario.{name}")
        return replace(self, **cast(dict[str, Any], changes))


PRESETS: dict[str, dict[str, object]] = {
    "tiny": {
        "aps": 2,
        "heads_per_ap": (3, 3),
        "delegates": (4, 4),
        "local_subchannels": 6.0,
        "global_subchannels": 12.0,
    },
    "paper": {},
    # The local budget grows with the heads (1.25 each, as in ``paper``); the committees stay two of 21, and so does
    # their budget.
    "plant": {"aps": 50, "local_subchannels": 625.0},
    "campus": {"aps": 1000, "local_subchannels": 12_500.0},
}


def preset(name: str, **changes: object) -> Scenario:
    """Scenario of that name (tiny, paper, plant, campus), with these fields changed; InputError for an unknown name."""
    if not isinstance(name, str) or name not in PRESETS:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InputError(f"is {shown(name)}; allowed: {', '.join(PRESETS)}", field="preset")
    return Scenario().changed(**(PRESETS[name] | changes))


def describe() -> list[tuple[str, object, str, str, str]]:
    """(field, default, unit, source, note) of every field, for documentation."""
    return [
        (each.name, each.default, each.metadata["unit"], each.metadata["source"], each.metadata["note"])
        for each in fields(Scenario)
    ]


# Rules: what a field may hold.


def _is_number(value: object) -> bool:
    # NaN and infinity fail the comparison; a whole number may be too large for a float.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_NUMBERS: dict[str, tuple[float, float, bool, str]] = {
    # rule: lowest, highest, whether the lowest itself is excluded, in words
    "positive": (0.0, math.inf, True, "a number > 0"),
    "nonnegative": (0.0, math.inf, False, "a number >= 0"),
    "correlation": (0.0, 0.999, False, "a number from 0 to 0.999"),
    "span": (-math.inf, math.inf, False, "two numbers, low <= high"),
    "positive span": (0.0, math.inf, True, "two numbers > 0, low <= high"),
    "fractions": (0.0, 1.0, True, "two numbers in (0, 1], low <= high"),
}
_COUNTS: dict[str, tuple[int, str]] = {
    "count": (1, "a whole number >= 1"),
    "counts": (1, "two whole numbers >= 1, low <= high"),
    "committee sizes": (2, "two whole numbers >= 2, low <= high"),
    "capacity": (0, "two whole numbers >= 0, low <= high, or None"),
    "optional count": (0, "a whole number >= 0, or None"),
}
_OPTIONAL = {"capacity", "optional count"}
_CHOICES: dict[str, tuple[str, ...]] = {
    "multicast": get_args(Multicast),
    "timeout_rule": get_args(TimeoutRule),
    "uploaded_models": get_args(UploadedModels),
    "multicast_payload": get_args(MulticastPayload),
}
_PAIRS = {"span", "positive span", "fractions", "counts", "committee sizes", "capacity"}


def _checked(each: Field[Any], value: object) -> object:
    """The value as it is kept (a pair as a tuple); InputError when the field's rule does not allow it."""
    rule, value = each.metadata["rule"], _of_python(value)
    if rule == "switch":
        right, allowed = isinstance(value, bool), "true or false"
    elif rule in _CHOICES:
        right, allowed = value in _CHOICES[rule], " or ".join(_CHOICES[rule])
    elif value is None and rule in _OPTIONAL:
        return None
    else:
        value, items = _items(value, pair=rule in _PAIRS)
        if rule in _COUNTS:
            least, allowed = _COUNTS[rule]
            right = bool(items) and all(_is_count(item) and cast(int, item) >= least for item in items)
        else:
            low, high, excluded, allowed = _NUMBERS[rule]
            right = bool(items) and all(
                _is_number(item) and low <= cast(float, item) <= high and not (excluded and item == low) for item in items
            )
        right = right and sorted(cast(list[float], items)) == items
    if not right:
        raise InputError(f"is {value!r}; it must be {allowed}", field=f"scenario.{each.name}")
    return value


def _of_python(value: object) -> object:
    """numpy's numbers and switches as Python's own, which JSON takes; an array of two as a list."""
    return cast(Any, value).tolist() if isinstance(value, (np.generic, np.ndarray)) else value


def _items(value: object, *, pair: bool) -> tuple[object, list[object]]:
    """The value (a list made a tuple) and the numbers in it; no numbers when its form is wrong."""
    if not pair:
        return value, [value]
    if not isinstance(value, (list, tuple)):
        return value, []
    items = list(cast(list[object], value))
    return tuple(items), items if len(items) == 2 else []
