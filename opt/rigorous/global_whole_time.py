r"""Below the time a committee communicates with N whole subchannels: boxes of (y, z), cut until the least of them is sharp.

In a box every delegate needs at least its ``base`` of whole subchannels, so the manager has at most N less their sum. If the
delegates have k more than that together, one of any k + 1 of them keeps to its base: y, z and what the delegate's own need asks
of both are at least the (k + 1)-th largest over delegates (``docs/proof-format-global.md``, rules Whole delegates and Manager).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flint import arb

from .balls import ONE, ZERO, exact
from .global_needs import LATE, CommitteeNeeds, Needs

# Boxes of this relative size are not cut.
SHARP = 2.0**-50
HALVINGS = 40


@dataclass(frozen=True, eq=False)
class Delegates:
    """Needs (e_a, g_a) or (E_a, R_a) that are served; y and z as counted where they are left (cap), else None."""

    group: bool
    sends: list[arb]
    replies: list[arb]
    prepare: arb | None
    reply: arb | None


Box = tuple[Delegates, arb, arb, arb, arb]
Curve = Callable[[float], tuple[arb, arb]]


class LeastTime:
    """A lower bound of the communication time with this load and N subchannels, which ``sharpen`` raises."""

    def __init__(self, needs: Needs, its: CommitteeNeeds, load: arb, total: int) -> None:
        self.needs, self.load, self.leader, self.total = needs, load, its.leader, total
        self.longest = needs.timeout if needs.capped else needs.timeout * (1 + LATE)
        self.open: list[tuple[arb, int, Box]] = []
        self.made, self.root = 0, load.sqrt()
        nothing = [ZERO] * len(its.sends)
        ways = [Delegates(needs.group, its.sends, its.replies, None, None)]
        if needs.capped:
            ways.append(Delegates(needs.group, nothing, its.replies, needs.timeout, None))
            ways.append(Delegates(needs.group, nothing, nothing, needs.timeout, needs.timeout))
        for way in ways:
            longest = self.longest.upper()
            y = (way.prepare or (sum(way.sends, ZERO) / max(total, 1)).lower(), way.prepare or longest)
            z = (way.reply or (sum(way.replies, ZERO) / max(total, 1)).lower(), way.reply or longest)
            self._add((way, *y, *z))

    @property
    def time(self) -> arb | None:
        """The bound, as counted; None: no box is left, the committee cannot work."""
        if not self.open:
            return None
        time = self.open[0][0]
        return time if self.needs.capped else time.min(self.needs.timeout.max(time / (1 + LATE)))

    def sharpen(self, boxes: int) -> bool:
        """Cut the least boxes; False when the least one is as sharp as it gets."""
        for _ in range(boxes):
            if not self.open:
                return False
            _, _, (way, y, y_end, z, z_end) = self.open[0]
            y_wide, z_wide = (y_end - y) / y_end, (z_end - z) / z_end
            if not (y_wide > SHARP or z_wide > SHARP):
                return False
            heapq.heappop(self.open)
            if y_wide >= z_wide:
                middle = _middle(y, y_end)
                parts: tuple[Box, Box] = ((way, y, middle, z, z_end), (way, middle, y_end, z, z_end))
            else:
                middle = _middle(z, z_end)
                parts = ((way, y, y_end, z, middle), (way, y, y_end, middle, z_end))
            for part in parts:
                self._add(part)
        return True

    def _add(self, box: Box) -> None:
        bound = self._bound(box)
        if bound is not None:
            self.made += 1
            heapq.heappush(self.open, (bound.lower() if bound.is_finite() else ZERO, self.made, box))

    def _bound(self, box: Box) -> arb | None:
        """Rule Whole delegates; None: nothing in the box can be reached."""
        way, y, y_end, z, z_end = box
        if z > y_end:
            return None  # the manager hears prepare as well: who has prepared has replied
        y, z_end = y.max(z), z_end.min(y_end)
        bases: list[int] = []
        own = self.total
        for send, reply in zip(way.sends, way.replies, strict=True):
            need = (send / y_end).max(reply / z_end) if way.group else send / y_end + reply / z_end
            least = need.lower().ceil()
            if least > own:
                return None
            whole = least.unique_fmpz() if least.is_finite() else None
            bases.append(0 if whole is None else int(whole))
            own -= bases[-1]
        served = [its for its in zip(way.sends, way.replies, bases, strict=True) if its[2]]
        ys, zs = [y], [z]
        for send, reply, base in served:
            ys.append(_at_least(y, send / base if way.group else send / (base - reply / z_end)))
            zs.append(_at_least(z, reply / base if way.group else reply / (base - send / y_end)))
        ys, zs = sorted(ys, reverse=True), sorted(zs, reverse=True)
        best: arb | None = None
        for more in range(min(own, len(served)) + 1):
            # The ends of the box stand last: with k more for every delegate they are what is left.
            least = self._time(own - more, y, z, None)
            if least is None or (best is not None and least >= best):
                break
            curve = None if way.group or more == len(served) else partial(_on_curves, served, more)
            time = self._time(own - more, ys[more], zs[more], curve)
            if time is not None:
                best = time if best is None else best.min(time)
        return best

    def _time(self, own: int, y: arb, z: arb, curve: Curve | None) -> arb | None:
        """Rule Manager: at least this with prepare >= y, reply >= z and (2 - q) prepare + reply >= curve(q)[0] for all q."""
        timeout, found = self.needs.timeout, list[arb]()
        if own:
            found.append(self._both(own, y, z, curve))
        if self.needs.capped:
            rest = y + z if curve is None else (y + z).max(curve(1.0)[0])
            found.append(3 * timeout + rest)
            if own:
                x = self.leader / own
                found.append(self.load / own + 2 * timeout + rest)
                found.append(timeout + self._with_curve(x + x.max(y) + y + z, lambda q: (x, (1 + exact(q)) * x), curve))
        return min_of(found)

    def _both(self, own: int, y: arb, z: arb, curve: Curve | None) -> arb:
        """Request and pre-prepare served: of the shares w for requests the best is between those of x >= y and x <= y."""
        tied = own - self.leader / y
        share = self._clipped(tied.max(self._share(own, ONE)).min(self._share(own, ZERO)), own)
        x = self.leader / (own - share)

        def manager(q: float) -> tuple[arb, arb]:
            share = self._clipped(self._share(own, exact(q)), own)
            x = self.leader / (own - share)
            return x, self.load / share + (1 + exact(q)) * x

        return self._with_curve(self.load / share + x + x.max(y) + y + z, manager, curve)

    def _share(self, own: int, q: arb) -> arb:
        """The w that is best for r / w + (1 + q) e_0 / (own - w)."""
        return own * self.root / (self.root + ((1 + q) * self.leader).sqrt())

    def _clipped(self, share: arb, own: int) -> arb:
        """w that lets both phases end in time, under ``fail``."""
        if self.needs.capped:
            return share
        return share.max(self.load / self.longest).min(own - self.leader / self.longest)

    def _with_curve(self, corner: arb, manager: Callable[[float], tuple[arb, arb]], curve: Curve | None) -> arb:
        """The larger one of the corner's time and of manager(q)[1] + curve(q)[0], at a q that floats find: x = y, nearly."""
        if curve is None or not corner.is_finite():
            return corner
        low, high = 0.0, 1.0
        for _ in range(HALVINGS):
            q = 0.5 * (low + high)
            low, high = (q, high) if manager(q)[0] > curve(q)[1] else (low, q)
        q = 0.0 if high < 1e-9 else 1.0 if low > 1.0 - 1e-9 else 0.5 * (low + high)
        both = manager(q)[1] + curve(q)[0]
        return corner.max(both) if both.is_finite() else corner


def _on_curves(served: list[tuple[arb, arb, int]], more: int, q: float) -> tuple[arb, arb]:
    """(least (2 - q) y + z of all but ``more`` delegates' own needs, its y): the (more + 1)-th largest of
    (sqrt((2 - q) E) + sqrt(R))^2 / base."""
    weight = 2 - exact(q)
    values = [((((weight * send).sqrt() + reply.sqrt()) ** 2 / base).lower(), a) for a, (send, reply, base) in enumerate(served)]
    value, a = sorted(values, key=lambda its: its[0], reverse=True)[more]
    send, reply, base = served[a]
    return value, (send + (send * reply / weight).sqrt()) / base


def _at_least(end: arb, value: arb) -> arb:
    """The larger one, as an exact number below both; ``end`` where the value is not known."""
    value = value.lower()
    return end.max(value) if value.is_finite() else end


def min_of(values: list[arb]) -> arb | None:
    """The least of some balls' numbers; None without any."""
    least: arb | None = None
    for value in values:
        least = value if least is None else least.min(value)
    return least


def _middle(low: arb, high: arb) -> arb:
    """Between two ends: their geometric mean where they are far apart."""
    return ((low * high).sqrt() if high > 2 * low and low > 0 else (low + high) / 2).mid()
