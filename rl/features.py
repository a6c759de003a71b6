"""What the networks read: needs derived from an agent's own observation (17), (19) and parameters that never change.

An AP observes its heads' CPU, uplink SINR and the SINR among them; a manager observes block size, capacity, its delegates'
CPU and the SINR of its links. Each feature below is a function of exactly that (the twin's values, errors included) and of
static parameters such as upload bits and means (``belief``), so nothing here is known to an agent that it could not compute
itself. Logarithms of needs make the best answers nearly linear in the features, which raw SINR values do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..opt import global_reduction, local_reduction
from ..opt.arrays import Floats
from ..opt.local_equations import confirmation_time, training_work
from ..opt.local_reduction import multicast_needs
from ..opt.rates import spectral_efficiency
from ..opt.snapshot import GlobalPart, LocalPart
from .equalisation import broadcasting

# Logarithms of needs that can be zero (no peers, accuracy 1) stop here; seconds or cycles/s far below any real need.
LEAST = 1e-9

# Columns of HeadFeatures.values that starting points and the reduced action space read.
UPLOAD, MULTICAST, TRAINING, CPU_MAX, FASTEST, CONFIRMATION = 0, 1, 2, 3, 4, 5
# Columns of CommitteeFeatures.delegate.
SEND, REPLY, VERIFY, DELEGATE_CPU, BELIEVED_CPU = 0, 1, 2, 3, 5
# Columns of CommitteeFeatures.committee.
REQUESTS, TOTAL, BROADCAST, RATIO, SHARED = 0, 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class HeadFeatures:
    """Of the local team. values [env, K, N, feature], zero in the padding; is_head [K, N] (1.0 or 0.0)."""

    values: Tensor
    is_head: Tensor

    def at(self, rows: Tensor) -> HeadFeatures:
        """Some of the environments."""
        return HeadFeatures(self.values.index_select(0, rows), self.is_head)

    @staticmethod
    def join(parts: list[HeadFeatures]) -> HeadFeatures:
        """Several steps as one longer batch."""
        return HeadFeatures(torch.cat([part.values for part in parts]), parts[0].is_head)


@dataclass(frozen=True, eq=False)
class CommitteeFeatures:
    """Of the global team. committee [env, I, feature]; delegate [env, I, V, feature]; access [env, I, K, feature];
    is_delegate [I, V] (1.0 or 0.0); index 0 is the manager."""

    committee: Tensor
    delegate: Tensor
    access: Tensor
    is_delegate: Tensor

    @property
    def others(self) -> Tensor:
        """[I, V]: delegates other than the manager (1.0 or 0.0)."""
        others = self.is_delegate.clone()
        others[..., 0] = 0.0
        return others

    @property
    def delegates_need(self) -> Tensor:
        """Log of the sending needs of all delegates other than the manager together [env, I, 1]."""
        return self.delegate[..., SEND].where(self.others > 0, -torch.inf).logsumexp(dim=-1, keepdim=True)

    @property
    def requests(self) -> Tensor:
        """What the request of each AP needs [env, I, K], subchannel seconds in double precision."""
        committees, aps = self.access.shape[-3:-1]
        return self.access[..., 0].double().exp() * (committees / aps)

    def at(self, rows: Tensor) -> CommitteeFeatures:
        """Some of the environments."""
        committee, delegate, access = (each.index_select(0, rows) for each in (self.committee, self.delegate, self.access))
        return CommitteeFeatures(committee, delegate, access, self.is_delegate)

    @staticmethod
    def join(parts: list[CommitteeFeatures]) -> CommitteeFeatures:
        """Several steps as one longer batch."""
        return CommitteeFeatures(
            torch.cat([part.committee for part in parts]),
            torch.cat([part.delegate for part in parts]),
            torch.cat([part.access for part in parts]),
            parts[0].is_delegate,
        )


def head_features(part: LocalPart, device: torch.device, twin: LocalPart | None = None) -> HeadFeatures:
    """Per head: log subchannel seconds of upload and of multicast, log training work, log CPU as read, log fastest training
    time, confirmation time, log CPU as believed, log multicast over all peers (``_nearly_weakest``).

    ``part`` is the local part as believed (``belief``), ``twin`` as read (the same when not given), both batched over
    environments: CPU is asked for as a fraction of what was read.
    """
    twin = part if twin is None else twin
    layout = part.layout
    work = training_work(part)
    columns = [
        _log(upload_needs(part)),
        _log(multicast_needs(part)),
        _log(work),
        _log(twin.cpu_max_hz),
        _log(work / part.cpu_max_hz),
        confirmation_time(part),
        _log(part.cpu_max_hz),
        _log(_nearly_weakest(local_reduction.link_needs(part))[..., layout.ap, layout.rank]),
    ]
    per_head = np.stack(np.broadcast_arrays(*columns), axis=-1)
    padded = np.where(layout.is_head[..., None], per_head[..., layout.head, :], 0.0)
    return HeadFeatures(_tensor(padded, device), _tensor(layout.is_head, device))


def committee_features(part: GlobalPart, device: torch.device, twin: GlobalPart | None = None) -> CommitteeFeatures:
    """Logarithms of needs, in subchannel seconds. Per delegate: sending the block to all, the reply (a manager, which does not
    reply: sending), cycles, CPU as read, whether it is the manager, CPU as believed, sending over all links
    (``_nearly_weakest``). Per AP: the requests of K / I APs like it (as many as a
    committee has on average, so that a system and its ``clones`` look alike). Per committee: requests of psi average APs, the
    committee's total (below), what its delegates need for all broadcasts and replies, how much faster replies are, what one
    broadcast needs then (``equalisation``), block size, manager's sending, delegates' sending, total cycles, capacity per AP.

    ``part``: as believed, ``twin``: as read; see ``head_features``.
    """
    twin = part if twin is None else twin
    real = part.layout.is_delegate
    links = global_reduction.link_needs(part)
    send, reply, request = sending_need(part), links[..., 0], global_reduction.request_needs(part)
    is_manager = np.arange(real.shape[-1]) == 0
    columns = [
        _log(send),
        _log(np.where(is_manager, send, reply)),
        _log(part.cycles),
        _log(twin.cpu_max_hz),
        is_manager * 1.0,
        _log(part.cpu_max_hz),
        _log(_nearly_weakest(links)),
    ]
    delegate = np.where(real[..., None], np.stack(np.broadcast_arrays(*columns), axis=-1), 0.0)
    aps = request.shape[-1]
    manager = send[..., 0]
    delegates = np.where(real, send, 0.0)[..., 1:].sum(axis=-1)
    requests = request.mean(axis=-1) * part.capacity
    # In ``per_link`` a delegate's links all finish together, its reply with the others: one ratio, 1.
    answers = reply if part.multicast == "group" else send
    phases = broadcasting(np.where(real, send, 0.0)[..., 1:], np.where(real, answers, 0.0)[..., 1:])
    # Phases that follow each other take at least (sum of the roots of their needs)^2 / spectrum.
    total = (np.sqrt(manager) + np.sqrt(phases.need) + np.sqrt(requests)) ** 2
    committee = np.stack(
        np.broadcast_arrays(
            _log(requests),
            _log(total),
            _log(phases.need),
            _log(phases.ratio),
            _log(phases.total),
            _log(part.block_bits),
            _log(manager),
            _log(delegates),
            _log(np.where(real, part.cycles, 0.0).sum(axis=-1)),
            part.capacity / aps,
        ),
        axis=-1,
    )
    access = _log(request * (aps / real.shape[0]))[..., None]
    return CommitteeFeatures(
        _tensor(committee, device), _tensor(delegate, device), _tensor(access, device), _tensor(real, device)
    )


def _nearly_weakest(links: Floats) -> Floats:
    """The 8-norm over receivers of the needs of each sender's links, [..., n, n] to [..., n]: above the weakest link's need the
    more other links are nearly as weak, any of which may be the weakest where the twin errs."""
    square = links * links
    fourth = square * square
    return (fourth * fourth).sum(axis=-1) ** 0.125


def upload_needs(part: LocalPart) -> Floats:
    """Subchannel seconds of each head's upload, upload_bits_j / (W_0 log2(1 + SINR_up_j)), (2)(3); [..., J]."""
    return part.upload_bits / (part.subchannel_hz * spectral_efficiency(part.sinr_uplink))


def sending_need(part: GlobalPart) -> Floats:
    """Subchannel seconds delegate v needs to send the block to all others [..., I, V]: over its weakest link (``group``) or
    summed over its links, all finishing together (``per_link``); 0 in the padding."""
    link = global_reduction.link_needs(part)
    return link.max(axis=-1) if part.multicast == "group" else link.sum(axis=-1)


def _log(need: NDArray[np.floating]) -> Floats:
    return np.log(np.maximum(need, LEAST))


def _tensor(array: NDArray, device: torch.device) -> Tensor:
    return torch.tensor(array, dtype=torch.float32, device=device)
