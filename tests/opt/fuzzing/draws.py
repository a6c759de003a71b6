"""Seeded snapshots over many orders of magnitude, a regime for every way in which a bound has been seen to break.

A part is drawn in its own units: delays as multiples of 1 / A, costs as fractions of the benefit, budgets as fractions of what
everybody needs. So most parts earn something whatever the orders of magnitude of the numbers in the file. A regime is a set
of such ranges and, where it sits on an edge (a floor step, the timeout), a last step that puts it there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from twingap.opt.snapshot import Snapshot
from twingap.opt.snapshot_file import snapshot_from_json

Content = dict[str, object]
Range = tuple[float, float]
# Left and right of an edge by rounding, by the tolerance of a timeout, by a little, and well away from it.
BESIDE = (1.0, 1.0 - 1e-15, 1.0 + 1e-15, 1.0 - 1e-12, 1.0 + 1e-12, 1.0 - 1e-9, 1.0 + 1e-9, 1.0 - 1e-6, 1.0 + 1e-6, 0.999, 1.001)


@dataclass(frozen=True)
class Ranges:
    """Ends of log-uniform draws, in multiples named below; a range (0, 0) is the number 0.

    Local: heads per AP and APs; upload A d_j / (W / J); training A a_j / f_max; multicast A M / W; load 2 lambda M / W; relief
    A H / (2 lambda); wait A CW_th / lambda. Global: committees, delegates; block, total needs over W T; patience A T; verify
    A cycles / f_max. Both: spectrum price p_0 W over all benefits, cpu price z f_max over one; spread: of SINR and of heads.
    """

    aps: tuple[int, int] = (1, 4)
    heads: tuple[int, int] = (1, 3)
    committees: tuple[int, int] = (1, 3)
    delegates: tuple[int, int] = (2, 5)
    benefit: Range = (1.0, 1000.0)
    decay: Range = (0.01, 10.0)
    hertz: Range = (3e7, 3e7)
    budget: Range = (0.1, 50.0)
    upload: Range = (0.003, 1.0)
    training: Range = (0.003, 1.0)
    multicast: Range = (0.003, 0.5)
    load: Range = (0.03, 60.0)
    relief: Range = (0.001, 1.0)
    wait: Range = (0.001, 0.5)
    block: Range = (0.05, 1.0)
    patience: Range = (0.1, 3.0)
    verify: Range = (0.003, 0.5)
    spectrum_price: Range = (1e-4, 0.5)
    cpu_price: Range = (1e-4, 0.5)
    sinr: Range = (0.3, 300.0)
    free: float = 0.2
    equal: float = 0.1
    timeout_rule: tuple[str, ...] = ("fail", "cap")
    whole: bool = False


@dataclass(frozen=True)
class Regime:
    """Ranges, and ``edge(content, rng)``, which may move numbers of the file's content to where they matter."""

    ranges: Ranges
    edge: Callable[[Content, np.random.Generator], None] | None = None


def log_uniform(rng: np.random.Generator, ends: Range, size: int | tuple[int, ...] | None = None) -> np.ndarray:
    """Numbers between the ends, uniform in their logarithm; 0 for ends of 0."""
    low, high = ends
    return np.zeros(size or ()) if high <= 0.0 else np.exp(rng.uniform(math.log(low), math.log(high), size))


def number(rng: np.random.Generator, ends: Range) -> float:
    """One such number."""
    return float(log_uniform(rng, ends))


def efficiency(sinr: np.ndarray) -> np.ndarray:
    """log2(1 + SINR)."""
    return np.log2(1.0 + sinr)


def needs_of_heads(local: Content) -> np.ndarray:
    """s_j: multicast spectrum of each head times its T_multi, 0 without peers [subchannel seconds]."""
    needs: list[float] = []
    for block in local["sinr_peer"]:  # type: ignore[union-attr]
        matrix = np.array(block)
        each = local["multicast_bits"] / (local["subchannel_hz"] * efficiency(np.where(np.eye(len(matrix)), np.inf, matrix)))  # type: ignore[operator]
        needs.extend(each.max(axis=1) if local["multicast"] == "group" else each.sum(axis=1))
    return np.array(needs)


def multicast_need(local: Content) -> float:
    """M: T_multi can be no less than M / W."""
    needs = needs_of_heads(local)
    return float(np.sqrt(needs).sum() ** 2 / len(needs))


def draw_local(rng: np.random.Generator, its: Ranges, aps: int) -> Content:
    """The ``local`` object of a snapshot file."""
    counts = rng.integers(its.heads[0], its.heads[1], aps, endpoint=True)
    heads = int(counts.sum())
    equal = rng.random() < its.equal

    def vector(ends: Range) -> np.ndarray:
        values = log_uniform(rng, ends, heads)
        return np.full(heads, values[0]) if equal else values

    def zero(ends: Range) -> Range:
        return (0.0, 0.0) if rng.random() < its.free else ends

    decay, benefit, hertz, budget = (number(rng, ends) for ends in (its.decay, its.benefit, its.hertz, its.budget))
    if its.whole:
        budget = float(max(1, round(budget * heads)))
    sinr = vector(its.sinr)
    cpu_max = vector((1e8, 1e10))
    accuracy = np.where(rng.random(heads) < 0.08, 1.0, rng.uniform(0.1, 0.9, heads))
    accuracy = np.full(heads, accuracy[0]) if equal else accuracy
    work = vector(its.training) * cpu_max / decay
    cycles = np.where(rng.random(heads) < 0.05, 0.0, work / np.log(1.0 / np.minimum(accuracy, 0.9)))
    peers = [log_uniform(rng, its.sinr, (n, n)) if not equal else np.full((n, n), sinr[0]) for n in counts]
    local: Content = {
        "subchannel_hz": hertz,
        "subchannels_max": budget,
        "whole_subchannels": its.whole,
        "multicast": str(rng.choice(["group", "per_link"])),
        "floor_adaptation": bool(rng.random() < 0.6),
        "benefit": benefit,
        "decay": decay,
        "spectrum_cost": number(rng, zero(its.spectrum_price)) * benefit * heads / budget / hertz,
        "cpu_cost": number(rng, zero(its.cpu_price)) * benefit / float(cpu_max.mean()),
        "arrival_rate": 1.0,
        "cache_multiplier": float(rng.choice([0.0, 0.5, 2.0, 10.0])),
        "multicast_batch": 0.0,
        "confirmation_weight": 0.0,
        "multicast_bits": 1.0,
        "ap": np.repeat(np.arange(aps), counts).tolist(),
        "accuracy": accuracy.tolist(),
        "cycles": (np.full(heads, cycles[0]) if equal else cycles).tolist(),
        "upload_bits": (vector(its.upload) / decay * budget / heads * hertz * efficiency(sinr)).tolist(),
        "cumulative_weight": [0.0] * heads,
        "cpu_max_hz": cpu_max.tolist(),
        "sinr_uplink": sinr.tolist(),
        "sinr_peer": [np.where(np.eye(len(block)), 0.0, block).tolist() for block in peers],
    }
    need = multicast_need(local)
    shortest = number(rng, its.multicast) / decay
    if need > 0.0:
        local["multicast_bits"] = shortest * budget / need
    arrival = number(rng, its.load) / (2.0 * shortest)
    weight = number(rng, zero(its.wait)) / decay * arrival
    local["arrival_rate"] = arrival
    local["multicast_batch"] = number(rng, zero(its.relief)) / decay * 2.0 * arrival
    local["confirmation_weight"] = weight
    local["cumulative_weight"] = (weight * (1.0 - (0.5 if equal else rng.uniform(-0.2, 1.0, heads)) * np.ones(heads))).tolist()
    return local


def least_subchannels(committee: Content, hertz: float, group: bool, served: list[int], time: float) -> float:
    """Spectrum with which every phase of a committee that serves these APs lasts ``time``."""
    need = committee["block_bits"] / (hertz * efficiency(np.where(np.eye(len(committee["cycles"])), np.inf, committee["sinr_peer"])))  # type: ignore[operator,arg-type]
    request = committee["block_bits"] / (hertz * efficiency(np.array(committee["sinr_access"])[served]))  # type: ignore[operator,index]
    return float((need.max(axis=1).sum() if group else need.sum()) + request.sum()) / time


def draw_global(rng: np.random.Generator, its: Ranges, aps: int) -> Content:
    """The ``global`` object of a snapshot file."""
    count = int(rng.integers(its.committees[0], its.committees[1], endpoint=True))
    equal = rng.random() < its.equal

    def zero(ends: Range) -> Range:
        return (0.0, 0.0) if rng.random() < its.free else ends

    decay, benefit, hertz, budget = (number(rng, ends) for ends in (its.decay, its.benefit, its.hertz, its.budget))
    if its.whole:
        budget = float(max(2, round(min(budget, 10.0) * 3 * count)))
    timeout = number(rng, its.patience) / decay
    group = bool(rng.random() < 0.5)
    committees: list[Content] = []
    for _ in range(count):
        if equal and committees:
            committees.append(dict(committees[0]))
            continue
        size = int(rng.integers(its.delegates[0], its.delegates[1], endpoint=True))
        cpu_max = log_uniform(rng, (1e9, 3e10), size)
        cycles = log_uniform(rng, its.verify, size) / decay * cpu_max * (rng.random(size) > 0.05)
        peer = log_uniform(rng, its.sinr, (size, size))
        committees.append(
            {
                "block_bits": 1.0,
                "capacity": int(-(-aps // count) + rng.integers(0, 2)) if rng.random() < 0.7 else aps,
                "cycles": cycles.tolist(),
                "cpu_max_hz": cpu_max.tolist(),
                "sinr_access": log_uniform(rng, its.sinr, aps).tolist(),
                "sinr_peer": np.where(np.eye(size), 0.0, peer).tolist(),
            }
        )
    load = number(rng, its.block)
    for committee in committees:
        unit = least_subchannels(committee, hertz, group, list(range(min(aps, committee["capacity"]))), timeout)  # type: ignore[call-overload]
        committee["block_bits"] = load * budget / count / unit * number(rng, (0.5, 2.0))
    return {
        "subchannel_hz": hertz,
        "subchannels_max": budget,
        "whole_subchannels": its.whole,
        "multicast": "group" if group else "per_link",
        "timeout": timeout,
        "timeout_rule": str(rng.choice(list(its.timeout_rule))),
        "benefit": benefit,
        "decay": decay,
        "spectrum_cost": number(rng, zero(its.spectrum_price)) * benefit / budget / hertz,
        "cpu_cost": number(rng, zero(its.cpu_price)) * benefit / 3e10,
        "committees": committees,
    }


def at_floor_step(content: Content, rng: np.random.Generator) -> None:
    """Uploads almost free, and a budget with which T_multi just reaches, or just misses, the end of a level of (11)."""
    local: Content = content["local"]  # type: ignore[assignment]
    local["upload_bits"] = log_uniform(rng, (1e-9, 1e3), len(local["ap"])).tolist()  # type: ignore[arg-type]
    edge = math.exp(int(rng.integers(0, 12)) / 2.84) / (2.0 * local["arrival_rate"])  # type: ignore[operator]
    need = multicast_need(local)
    if need > 0.0:
        local["subchannels_max"] = need / edge * float(rng.choice(BESIDE))


def at_timeout(content: Content, rng: np.random.Generator) -> None:
    """A budget of 0.5 to 1.3 times what one committee, or all, need to end every phase by the timeout."""
    part: Content = content["global"]  # type: ignore[assignment]
    committees: list[Content] = part["committees"]  # type: ignore[assignment]
    aps = len(committees[0]["sinr_access"])  # type: ignore[arg-type]
    left = list(range(aps))
    total = 0.0
    for committee in committees if rng.random() < 0.5 else committees[:1]:
        mine, left = left[: committee["capacity"]], left[committee["capacity"] :]  # type: ignore[misc,index]
        total += least_subchannels(committee, part["subchannel_hz"], part["multicast"] == "group", mine, part["timeout"]) if mine else 0.0  # type: ignore[arg-type]
    factor = float(rng.choice(BESIDE)) if rng.random() < 0.6 else float(rng.uniform(0.5, 1.3))
    part["subchannels_max"] = total * factor


def slow_chain(content: Content, rng: np.random.Generator) -> None:
    """A queue so deep that T_multi may be hundreds of 1 / A for nothing: A / lambda >= 500, 2 lambda T_multi about 0.3."""
    local: Content = content["local"]  # type: ignore[assignment]
    decay = local["decay"]
    arrival = decay / number(rng, (500.0, 1e6))  # type: ignore[operator]
    shortest = number(rng, (0.05, 0.6)) / (2.0 * arrival)
    local["arrival_rate"] = arrival
    need = multicast_need(local)
    if need > 0.0:
        local["multicast_bits"] *= shortest * local["subchannels_max"] / need  # type: ignore[operator]
    local["multicast_batch"] = float(rng.choice([0.3, 1.0, 3.0])) * 2.0 * arrival * (local["cache_multiplier"] or 1.0) * shortest  # type: ignore[operator]
    local["confirmation_weight"] = 0.0


def tiny_prices(content: Content, rng: np.random.Generator) -> None:
    """Prices of spectrum, and now and then of CPU, that are positive and next to nothing; down to denormal ones."""
    for part in ("local", "global"):
        prices = 1e-30, 1e-16
        content[part]["spectrum_cost"] = number(rng, prices) if rng.random() < 0.8 else number(rng, (5e-324, 1e-290))  # type: ignore[index]
        if rng.random() < 0.4:
            content[part]["cpu_cost"] = number(rng, prices)  # type: ignore[index]


def many_orders(content: Content, rng: np.random.Generator) -> None:
    """Numbers of heads and delegates moved by up to a thousand, or a billion, each for itself."""
    wide = number(rng, (10.0, 1e9))
    local: Content = content["local"]  # type: ignore[assignment]
    for key in ("cycles", "upload_bits", "cpu_max_hz", "sinr_uplink"):
        local[key] = [x * number(rng, (1.0 / wide, wide)) for x in local[key]]  # type: ignore[attr-defined]
    for key in ("multicast_bits", "arrival_rate", "multicast_batch", "subchannels_max"):
        if rng.random() < 0.3 and not (key == "subchannels_max" and local["whole_subchannels"]):
            local[key] *= number(rng, (1.0 / wide, wide))  # type: ignore[operator]
    for committee in content["global"]["committees"]:  # type: ignore[index,call-overload]
        for key in ("cycles", "cpu_max_hz", "sinr_access"):
            committee[key] = [x * number(rng, (1.0 / wide, wide)) for x in committee[key]]


PLAIN = Ranges()
WHOLE = replace(PLAIN, whole=True, budget=(1.0, 6.0), aps=(1, 3), committees=(1, 3), delegates=(2, 4))
DEEP = {"relief": (1.0, 1e4), "multicast": (0.01, 100.0), "load": (1e-5, 1.0), "free": 0.05}
ORDERS = {"benefit": (1e-9, 1e9), "decay": (1e-6, 1e6), "hertz": (1e-3, 1e9), "sinr": (1e-6, 1e8), "spectrum_price": (1e-12, 1.0)}
DEAR_CAP = {"timeout_rule": ("cap",), "spectrum_price": (0.3, 100.0), "patience": (0.02, 1.0), "free": 0.0}
CROWD = {"aps": (1, 3), "heads": (1, 2), "committees": (3, 6), "delegates": (2, 3)}

REGIMES: dict[str, Regime] = {
    "plain": Regime(PLAIN),
    "scarce": Regime(replace(PLAIN, upload=(0.3, 10.0), multicast=(0.05, 1.0), block=(0.3, 4.0), heads=(2, 4), aps=(1, 3))),
    "free-uploads": Regime(replace(PLAIN, load=(0.3, 60.0), wait=(0.001, 0.1)), at_floor_step),
    "deep-queue": Regime(replace(PLAIN, **DEEP)),
    "slow-chain": Regime(replace(PLAIN, heads=(2, 3), aps=(1, 3), decay=(0.02, 10.0), upload=(0.001, 0.3)), slow_chain),
    "timeout-edge": Regime(replace(PLAIN, timeout_rule=("fail", "fail", "cap")), at_timeout),
    "equal": Regime(replace(PLAIN, equal=1.0, upload=(0.1, 5.0), heads=(2, 4), aps=(1, 3))),
    "zero-prices": Regime(replace(PLAIN, free=1.0)),
    "tiny-prices": Regime(PLAIN, tiny_prices),
    "orders": Regime(replace(PLAIN, **ORDERS), many_orders),
    "committees": Regime(replace(PLAIN, aps=(3, 4), heads=(1, 2), committees=(3, 6), delegates=(2, 4))),
    "more-committees": Regime(replace(PLAIN, **CROWD)),
    "dear-cap": Regime(replace(PLAIN, **DEAR_CAP)),
    "whole": Regime(WHOLE),
    "whole-scarce": Regime(replace(WHOLE, upload=(0.3, 5.0), multicast=(0.05, 1.0), block=(0.3, 2.0), budget=(1.0, 3.0))),
    "whole-queue": Regime(replace(WHOLE, **DEEP)),
    "whole-chain": Regime(replace(WHOLE, heads=(2, 3), aps=(1, 2), upload=(0.001, 0.3)), slow_chain),
    "whole-equal": Regime(replace(WHOLE, equal=1.0, upload=(0.1, 3.0), aps=(1, 2))),
    "whole-zero-prices": Regime(replace(WHOLE, free=1.0)),
    "whole-tiny-prices": Regime(WHOLE, tiny_prices),
    "whole-orders": Regime(replace(WHOLE, **ORDERS), many_orders),
    "whole-committees": Regime(replace(WHOLE, **CROWD)),
    "whole-dear-cap": Regime(replace(WHOLE, **DEAR_CAP)),
}


def draw(regime: str, seed: int) -> Snapshot:
    """One snapshot of a regime, called ``fuzz-REGIME-SEED``; it passes through the reader of snapshot files."""
    its = REGIMES[regime]
    rng = np.random.default_rng([seed, *regime.encode()])
    aps = int(rng.integers(its.ranges.aps[0], its.ranges.aps[1], endpoint=True))
    content: Content = {
        "format": "twingap.snapshot",
        "version": 1,
        "name": f"fuzz-{regime}-{seed}",
        "local": draw_local(rng, its.ranges, aps),
        "global": draw_global(rng, its.ranges, aps),
    }
    if its.edge is not None:
        its.edge(content, rng)
    return snapshot_from_json(content)
