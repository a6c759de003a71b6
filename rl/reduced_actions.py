r"""Action space ``reduced``: the policy sets what couples, the exact equalisation of the observed state sets the rest.

Only sums couple (``opt.local_reduction``, ``opt.global_reduction``), so few numbers per agent are left to choose:

* an AP: what C1 is worth (a price per subchannel beside the money price), how much goes to multicasting, and the delay that
  all heads' multicasting will cause, of which an AP sees its own part alone. Each head is then best answered in closed form
  (``responses``): uplink, CPU, or off. Multicast shares are in proportion to the root of need, the cheapest for a mean time.
* a manager: whether to serve, which APs it would like, and what C5 is worth. Its APs known, its phases share one time in
  proportion to the roots of their needs, its delegates verify in one time, and both follow in closed form. C5 is worth nothing
  to a committee that serves alone: what it leaves, nobody takes.

Requests beyond a budget are scaled down together as ``decoding`` does, and the scores put the assignment first that
the observed capacities allow, so that without twin error the action satisfies C1 to C6 as it is (``as_printed``).
Where a timeout binds, the phases that would pass it end by it (rule ``fail``) at the price set: feasible, not the cheapest.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..opt.arrays import Integers
from ..opt.snapshot import GlobalPart, LocalPart
from .assignment import assign
from .differentiable import multicast_delay
from .distributions import Latents
from .equalisation import phases
from .features import (
    BELIEVED_CPU,
    CONFIRMATION,
    CPU_MAX,
    DELEGATE_CPU,
    FASTEST,
    MULTICAST,
    REPLY,
    SEND,
    TRAINING,
    UPLOAD,
    VERIFY,
    CommitteeFeatures,
    HeadFeatures,
)
from .responses import best_times
from .teams import preference

# Draws are logarithms; a stray one must stay a number.
LARGEST_LATENT = 10.0
# CPU of what runs with nothing to do, as a fraction of its capacity: it must run to be done, at next to no cost.
IDLING = 1e-9
# Of the benefit per budget: a price that is as good as none, and still a number to divide by.
FREE = 1e-6
# An AP that a manager gets scores above 1, one that it does not below this; within either, what it likes more ranks higher.
LIKING = 0.5


def reduced_local_shares(latents: Latents, features: HeadFeatures, twin: LocalPart) -> tuple[Tensor, Tensor, Tensor]:
    """(uplink share, multicast share, CPU fraction) per head [env, J] of draws [env, K, 1].

    price: log of what C1 is worth, in largest benefits per budget; multicast: log of J m_j / (W sqrt(s_j)); delay: log of the
    delay over what the AP's own heads would cause. Needs are those in ``features``; ``twin``: sizes and prices.
    """
    price, level, late = (_within(latents[name]) for name in ("price", "multicast", "delay"))
    values = features.values.double()
    is_head = features.is_head.double()
    need, work, read, fastest = (values[..., column].exp() for column in (UPLOAD, TRAINING, CPU_MAX, FASTEST))
    heads, budget = len(twin.layout.ap), twin.subchannels_max
    root = (0.5 * values[..., MULTICAST]).exp()
    multicast = level.exp() * root / heads
    own = (root * is_head).sum(dim=-1, keepdim=True) / is_head.sum(dim=-1, keepdim=True)
    delay = late.exp() * multicast_delay(twin, own * heads / (level.exp() * budget))
    waits = (delay + values[..., CONFIRMATION]).clamp(max=100.0 / twin.decay)
    subchannel = twin.spectrum_cost * twin.subchannel_hz + price.exp() * twin.benefit * heads / budget
    times = best_times(
        worth=twin.benefit * (-twin.decay * waits).exp(),
        decay=twin.decay,
        spectrum_root=(subchannel * need).sqrt(),
        cpu_root=(twin.cpu_cost * work).sqrt(),
        fastest=fastest,
    )
    on = times.worthwhile
    uplink = torch.where(on, need / (times.spectrum * budget), 0.0)
    fraction = torch.where(on, (work / (times.cpu * read)).clamp(IDLING, 1.0), 0.0)
    ap, rank = torch.tensor(twin.layout.ap), torch.tensor(twin.layout.rank)
    uplink, multicast, fraction = (each[:, ap, rank] for each in (uplink, multicast, fraction))
    multicast = multicast * torch.tensor(twin.layout.heads[twin.layout.ap] > 1, device=multicast.device)
    scale = (uplink + multicast).sum(dim=-1, keepdim=True).clamp(min=1.0)
    return _like(latents, uplink / scale, multicast / scale, fraction)


def reduced_global_shares(
    latents: Latents, features: CommitteeFeatures, served: Tensor, serves: Tensor, twin: GlobalPart
) -> tuple[Tensor, Tensor, Tensor]:
    """(request share [env, I], multicast share [env, I, V], CPU fraction [env, I, V]) of the draws of all managers.

    price [env, I, 1]: log of what C5 is worth, in benefits of all APs per budget. served gamma [env, I, K] and serves [env, I]:
    0 or 1, or means over a mixture (``relaxation``).
    """
    delegate = features.delegate.double()
    is_real, budget = features.is_delegate > 0, twin.subchannels_max
    served, serves = served.double(), serves.double()
    busy = serves * served.sum(dim=-1).clamp(max=1.0)
    count = served.sum(dim=-1).clamp(min=1e-6)
    load = (served * features.requests).sum(dim=-1).clamp(min=1e-12)
    send = torch.where(is_real, delegate[..., SEND].exp(), 0.0)
    # In ``per_link`` a delegate's links all finish together, its reply with the others.
    reply = torch.where(is_real, delegate[..., REPLY].exp(), 0.0) if twin.multicast == "group" else send
    units = phases(send[..., 0].cpu().numpy(), send[..., 1:].cpu().numpy(), reply[..., 1:].cpu().numpy())
    request_unit = load.sqrt()
    leader_unit, prepare_unit, reply_unit, all_units = (torch.tensor(unit, device=load.device) for unit in units)
    roots = request_unit + all_units
    working = torch.where(is_real, delegate[..., VERIFY].exp(), 0.0)
    fastest = torch.where(is_real, (delegate[..., VERIFY] - delegate[..., BELIEVED_CPU]).exp(), 0.0).amax(dim=-1)
    unit = twin.benefit * served.shape[-1] / budget
    beside = _within(latents["price"][..., 0]).exp() * unit * _some_other(busy)
    subchannel = (count * twin.spectrum_cost * twin.subchannel_hz + beside).clamp(min=FREE * unit)
    times = best_times(
        worth=count * twin.benefit,
        decay=twin.decay,
        spectrum_root=subchannel.sqrt() * roots,
        cpu_root=(count * twin.cpu_cost * working.sum(dim=-1)).sqrt(),
        fastest=fastest,
    )
    pace = times.spectrum / roots

    def phase(of_pace: Tensor) -> Tensor:
        time = pace * of_pace
        return time.clamp(max=twin.timeout) if twin.timeout_rule == "fail" else time

    others = torch.maximum(send / phase(prepare_unit).unsqueeze(-1), reply / phase(reply_unit).unsqueeze(-1))
    leader = (send[..., 0] / phase(leader_unit)).unsqueeze(-1)
    multicast = torch.cat([leader, others[..., 1:]], dim=-1) / budget
    request = load / phase(request_unit) / budget
    asked = (busy * (request + multicast.sum(dim=-1))).sum(dim=-1, keepdim=True).clamp(min=1.0)
    fraction = (working / (times.cpu.unsqueeze(-1) * delegate[..., DELEGATE_CPU].exp())).clamp(IDLING, 1.0)
    return _like(latents, request / asked, multicast / asked.unsqueeze(-1), fraction)


def assigned(latents: Latents, capacity: Integers) -> tuple[Tensor, Tensor]:
    """(served gamma [env, I, K], preference [env, I, K]) of the draws: the assignment within the observed capacities, and
    scores that claim exactly it."""
    score = preference(latents)
    access = assign(score.detach().cpu().numpy(), np.broadcast_to(capacity, score.shape[:-1]))
    committees = torch.arange(score.shape[-2], device=score.device)
    served = (torch.tensor(access, device=score.device).unsqueeze(-2) == committees.unsqueeze(-1)).double()
    return served, served + LIKING * torch.sigmoid(score)


def _some_other(serving: Tensor) -> Tensor:
    """Probability that a committee other than i serves, [..., I], of independent probabilities."""
    idle = (1.0 - serving).unsqueeze(-2).expand(*serving.shape, serving.shape[-1])
    itself = torch.eye(serving.shape[-1], dtype=torch.bool, device=serving.device)
    return 1.0 - torch.where(itself, 1.0, idle).prod(dim=-1)


def _like(latents: Latents, first: Tensor, second: Tensor, third: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """In the precision of the draws."""
    kind = latents["price"].dtype
    return first.to(kind), second.to(kind), third.to(kind)


def _within(latent: Tensor) -> Tensor:
    return latent.double().clamp(-LARGEST_LATENT, LARGEST_LATENT)
