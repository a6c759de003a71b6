r"""Fixed bandwidth resource (Figs. 6 to 9 of the paper): spectrum split equally, CPU and access optimised on the twin.

Fixed: every head holds 1/J of C1, UPLINK_FRACTION of it for its upload and the rest for its multicast (all for the upload if
it has no peers; over its links equally in ``per_link``). Every committee holds 1/I of C5, split equally over its delegates and
one share for requests (over a delegate's links and over the APs served equally).
Optimised on the observed state, in closed form given this spectrum: the CPU of every head and delegate (``cpu_response``).
Access: each AP's worth to a committee is what it would earn there at best CPU if ceil(K/I) APs shared the committee's
requests and its own request were the slowest; the assignment within the observed capacities maximises the sum. This is exact
but for the coupling of APs through the slowest request. A committee that loses money all the same is switched off.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..opt.arrays import Floats
from ..opt.decision import Decision, GlobalDecision, LocalDecision
from ..opt.global_equations import served
from ..opt.rates import seconds, spectral_efficiency
from ..opt.snapshot import GlobalPart, LocalPart
from ..rl.assignment import assign
from ..rl.environment import Environment
from ..rl.observation import Observation
from .cpu_response import best_delegate_cpu, best_head_cpu, committee_worth
from .fixed_cpu import only_profitable
from .nothing import nothing

# Assumption: a round number near the best of a sweep on other seeds (0.1 to 0.5), see ``fixed_cpu``.
UPLINK_FRACTION = 0.15


class FixedBandwidth:
    """Equal spectrum, best CPU and access given it. uplink_fraction: of a head's spectrum, what its upload gets."""

    def __init__(self, uplink_fraction: float = UPLINK_FRACTION) -> None:
        self.uplink_fraction = uplink_fraction

    def act(self, observation: Observation) -> Decision:
        """Decide on the observed state."""
        empty = nothing(observation.twin)
        return Decision(
            equal_spectrum_heads(observation.twin.local, empty.local, self.uplink_fraction),
            equal_spectrum_committees(observation.twin.global_, empty.global_),
        )


def equal_spectrum_heads(part: LocalPart, empty: LocalDecision, uplink_fraction: float) -> LocalDecision:
    """Equal spectrum for the heads, best CPU; ``empty`` gives the shapes."""
    layout = part.layout
    peers = layout.heads[layout.ap] - 1
    own = part.subchannels_max / len(layout.ap)
    paid = (1.0 - uplink_fraction) * own
    uplink = np.broadcast_to(np.where(peers > 0, uplink_fraction * own, own), empty.uplink.shape)
    if part.multicast == "group":
        spectrum = replace(empty, uplink=uplink, multicast=np.broadcast_to(np.where(peers > 0, paid, 0.0), uplink.shape))
    else:
        assert empty.peer is not None
        link = paid / np.maximum(layout.heads - 1, 1)
        spectrum = replace(empty, uplink=uplink, peer=np.broadcast_to(layout.is_link * link[:, None, None], empty.peer.shape))
    return replace(spectrum, cpu_hz=best_head_cpu(part, spectrum))


def equal_spectrum_committees(part: GlobalPart, empty: GlobalDecision) -> GlobalDecision:
    """Equal spectrum for the committees, best CPU and access; ``empty`` gives the shapes."""
    layout = part.layout
    committees = len(layout.delegates)
    own = part.subchannels_max / committees / (layout.delegates + 1)
    if part.multicast == "group":
        spectrum = replace(empty, multicast=np.broadcast_to(layout.is_delegate * own[:, None], empty.cpu_hz.shape))
    else:
        assert empty.peer is not None
        link = own / (layout.delegates - 1)
        spectrum = replace(empty, peer=np.broadcast_to(layout.is_link * link[:, None, None], empty.peer.shape))
    capacity = np.broadcast_to(part.capacity, (*empty.cpu_hz.shape[:-2], committees))
    access = assign(_worth_of_joining(part, spectrum, own), capacity)
    users = served(part, replace(spectrum, access=access)).sum(axis=-1)
    each = own / np.maximum(users, 1)
    spectrum = replace(spectrum, access=access, request=np.take_along_axis(each, access, axis=-1))
    return only_profitable(part, replace(spectrum, cpu_hz=best_delegate_cpu(part, spectrum)))


def _worth_of_joining(part: GlobalPart, spectrum: GlobalDecision, own: Floats) -> Floats:
    """What an AP would earn in each committee (module docstring); [..., I, K]."""
    aps = spectrum.access.shape[-1]
    crowd = -(-aps // len(own))
    rate = (own / crowd)[:, None] * part.subchannel_hz * spectral_efficiency(part.sinr_access)
    request = seconds(part.block_bits[..., None], rate)
    return committee_worth(part, spectrum, request) - part.spectrum_cost * part.subchannel_hz * part.subchannels_max / len(own)


def make(environment: Environment, rng: np.random.Generator) -> FixedBandwidth:
    """Needs nothing; nothing is random."""
    del environment, rng
    return FixedBandwidth()
