r"""The global part without its links: what equalisation leaves of a committee, and the way back to link level.

One link needs ``need = block_bits / (W_0 log2(1 + SINR))`` subchannel seconds: with share W it takes need / W seconds (5).
A committee with phase times t_r (request), x (pre-prepare), y (prepare), z (reply) needs at least

    r / t_r + e_0 / x + sum_a max(e_a / y, g_a / z)        subchannels,                     r = sum of needs of its APs,

and can do with exactly that; its commit then lasts max(x, y).

* Request: every AP k of the committee must be done by t_r, so W_k >= need_k / t_r, and equality does it.
* ``group``: one share per sender. The manager needs e_0 / x (e_0: its slowest receiver); delegate a needs e_a / y for its
  slowest receiver and g_a / z for the manager, whichever is more. In commit each sends at the rates it already has.
* ``per_link``: links of the manager need e_0b / x each, so e_0 = sum_b e_0b; link a -> b needs e_ab / y; link a -> manager is
  used in prepare and reply, max(e_a0 / y, e_a0 / z). Only two terms remain: (sum e_ab, 0) and (sum e_a0, sum e_a0).

Everybody sends in commit what was sent before, so its time max(x, y) follows. z <= y without loss: the manager is one of the
receivers of prepare (g_a <= e_a), so a delegate that is done by y has replied by y.
Verification (12) by t_v needs cycles_v / t_v of every delegate: CPU sum(cycles) / t_v, t_v >= max cycles_v / f_max_v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .arrays import Booleans, Floats, Integers, floats, integers
from .decision import GlobalDecision
from .rates import spectral_efficiency
from .snapshot import GlobalPart
from .useful_budget import useful_budget

# CPU of a delegate without cycles [cycles/s], or 1e-15 of its capacity: it must run to be done (a / 0 is never), at no cost.
IDLING = 1e-15


@dataclass(frozen=True, eq=False)
class CommitteeNeeds:
    """Needs in subchannel seconds: access [I, K]; leader e_0 [I]; broadcast e_a and reply g_a [I, M] (M terms, padding 0).

    cycles [I]: of all delegates together; fastest [I]: shortest verification time, max_v cycles_v / f_max_v [s].
    """

    access: Floats
    leader: Floats
    broadcast: Floats
    reply: Floats
    cycles: Floats
    fastest: Floats


def useful_subchannels(part: GlobalPart) -> float:
    """Budget of C5 as far as it can matter (``useful_budget``): per AP served, a committee earns at most B and pays once."""
    worth = len(part.block_bits) * float(part.benefit)
    return useful_budget(float(part.subchannels_max), worth, float(part.spectrum_cost) * float(part.subchannel_hz))


def request_needs(part: GlobalPart) -> Floats:
    """need of each AP's request link to each manager [subchannel seconds]; [..., I, K]."""
    return part.block_bits[..., None] / (part.subchannel_hz * spectral_efficiency(part.sinr_access))


def link_needs(part: GlobalPart) -> Floats:
    """need of each directed link between delegates [subchannel seconds], 0 where there is none; [..., I, V, V]."""
    need = part.block_bits[..., None, None] / (part.subchannel_hz * spectral_efficiency(part.sinr_peer))
    return np.where(part.layout.is_link, need, 0.0)


def committee_needs(part: GlobalPart) -> CommitteeNeeds:
    """What a committee needs in total (module docstring); one epoch, no batch axes."""
    need = link_needs(part)
    if part.multicast == "group":
        slowest = need.max(axis=-1)
        leader, broadcast, reply = slowest[:, 0], slowest[:, 1:], need[:, 1:, 0]
    else:
        replies = need[:, 1:, 0].sum(axis=-1)
        leader = need[:, 0].sum(axis=-1)
        broadcast = np.stack([need[:, 1:, 1:].sum(axis=(-1, -2)), replies], axis=-1)
        reply = np.stack([np.zeros_like(replies), replies], axis=-1)
    return CommitteeNeeds(
        access=floats(request_needs(part)),
        leader=floats(leader),
        broadcast=floats(broadcast),
        reply=floats(reply),
        cycles=floats(part.cycles.sum(axis=-1)),
        fastest=floats((part.cycles / part.cpu_max_hz).max(axis=-1)),
    )


def cpu_within(cycles: Floats, most: Floats, verification: Floats) -> Floats:
    """CPU with which ``cycles`` are done within a time of verification [s], at most ``most`` [cycles/s]; they broadcast."""
    needed = np.where(cycles > 0.0, cycles / np.maximum(verification, 1e-300), IDLING * np.minimum(most, 1.0))
    return np.minimum(needed, most)


def decision_of_times(part: GlobalPart, access: Integers, on: Booleans, phases: Floats, verification: Floats) -> GlobalDecision:
    """The cheapest decision at link level with these times.

    access [K]; on [I]: committees that work (the others get nothing); phases [I, 4]: t_r, x, y, z [s], inf for a phase that
    is left unserved; verification [I]: t_v [s].
    """
    t_r, x, y, z = (np.where(on, phases[:, phase], np.inf) for phase in range(4))
    request = request_needs(part)[access, np.arange(len(access))] / t_r[access]
    need = link_needs(part)
    slowest = need.max(axis=-1) if part.multicast == "group" else need
    trailing = (slice(None),) + (None,) * (slowest.ndim - 1)
    shares = slowest / y[trailing]
    shares[:, 0] = slowest[:, 0] / x[trailing[:-1]]
    reply = need[:, 1:, 0] / z[:, None]
    to_manager = shares[:, 1:] if part.multicast == "group" else shares[:, 1:, 0]
    np.maximum(to_manager, reply, out=to_manager)
    working = on[:, None] & part.layout.is_delegate
    cpu = np.where(working, cpu_within(part.cycles, part.cpu_max_hz, np.where(on, verification, np.inf)[:, None]), 0.0)
    group = part.multicast == "group"
    return GlobalDecision(
        access=integers(access),
        request=floats(request),
        cpu_hz=floats(cpu),
        multicast=floats(shares) if group else None,
        peer=None if group else floats(shares),
    )
