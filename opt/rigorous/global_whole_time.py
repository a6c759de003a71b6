r"""Below the time in which a committee communicates with N whole subchannels: boxes of (y, z), cut until the least is sharp.

In a box every delegate needs at least its ``base`` of whole subchannels. If they have k more than that together, one of any
k + 1 of them keeps to its base: the (k + 1)-th largest of what the bases ask of y, of z and of (2 - q) y + z holds. The manager
has the rest; max(x, y) >= q x + (1 - q) y parts it from the delegates (rules Delegates and Manager).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from flint import arb

from .balls import INFINITE, ZERO, exact
from .global_needs import LATE, Committee, Needs

# Boxes are not cut below this relative size, nor beyond this number; steps towards the best q.
SHARP, MOST_BOXES, STEPS = 2.0**-50, 10_000, 60
# What is served of each delegate, (e_a, g_a) or (E_a, R_a); y from and to; z from and to.
Box = tuple[list[tuple[arb, arb]], arb, arb, arb, arb]


class LeastTime:
    """A lower bound of the time, as counted, with a request of this load and N = total; ``sharpen`` raises it."""

    def __init__(self, needs: Needs, its: Committee, load: arb, total: int) -> None:
        self.needs, self.total, self.boxes, self.made = needs, total, list[tuple[arb, int, Box]](), 0
        timeout, nothing = needs.timeout, [ZERO] * len(its.sends)
        self.longest = timeout if needs.capped else timeout * (1 + LATE)
        # What the manager takes whatever it does, and what it serves: request and pre-prepare, or one or none of them.
        self.ways = [(ZERO, load, its.leader)]
        served, last = list(zip(its.sends, its.replies, strict=True)), self.longest.upper()
        y, z = ((sum(links, ZERO) / max(total, 1)).lower() for links in (its.sends, its.replies))
        if needs.capped:
            self.ways += [(timeout, ZERO, its.leader), (2 * timeout, load, ZERO), (3 * timeout, ZERO, ZERO)]
        self._add((served, y.max(z), last, z, last))
        if needs.capped:
            self._add((list(zip(nothing, its.replies, strict=True)), timeout, timeout, z, last))
            self._add((list(zip(nothing, nothing, strict=True)), timeout, timeout, timeout, timeout))

    @property
    def time(self) -> arb:
        """The bound; infinite: the committee cannot work. Phases that pass the timeout count as that, or as a fraction less."""
        time = self.boxes[0][0] if self.boxes else INFINITE
        return time if self.needs.capped else time.min(self.needs.timeout.max(time / (1 + LATE)))

    def sharpen(self) -> bool:
        """Cuts the box of the least bound; False when it is as sharp as it gets."""
        served, *ends = self.boxes[0][2] if self.boxes else ([], ZERO, ZERO, ZERO, ZERO)
        side = 0 if not ends[1] * ends[2] < ends[0] * ends[3] else 2
        low, high = ends[side : side + 2]
        if not (high - low) > SHARP * high or self.made > MOST_BOXES:
            return False
        heapq.heappop(self.boxes)
        middle = ((low * high).sqrt() if high > 2 * low else (low + high) / 2).mid()
        for part in ([low, middle], [middle, high]):
            y, y_end, z, z_end = [*ends[:side], *part, *ends[side + 2 :]]
            self._add((served, y, y_end, z, z_end))
        return True

    def _add(self, box: Box) -> None:
        bound = self._bound(*box)
        if bound == INFINITE:
            return
        self.made += 1
        heapq.heappush(self.boxes, (bound.lower() if bound.is_finite() else ZERO, self.made, box))

    def _bound(self, served: list[tuple[arb, arb]], y: arb, y_end: arb, z: arb, z_end: arb) -> arb:
        """Rule Delegates; infinite: nothing in the box can be reached."""
        if z > y_end:
            return INFINITE  # the manager hears prepare as well: who has prepared has replied
        y, z_end, own, group = y.max(z), z_end.min(y_end), self.total, self.needs.group
        asked: list[tuple[arb, arb, int]] = []
        for send, reply in served:
            need = ((send / y_end).max(reply / z_end) if group else send / y_end + reply / z_end).lower().ceil()
            if need > own:
                return INFINITE
            whole = need.unique_fmpz() if need.is_finite() else None
            if whole:
                asked.append((send, reply, int(whole)))
                own -= int(whole)
        ys, zs = [y], [z]
        for send, reply, base in asked:
            least_y = send / base if group else send / (base - reply / z_end)
            least_z = reply / base if group else reply / (base - send / y_end)
            ys.append(y.max(least_y.lower()) if least_y.is_finite() else y)
            zs.append(z.max(least_z.lower()) if least_z.is_finite() else z)
        ys, zs, best = sorted(ys, reverse=True), sorted(zs, reverse=True), INFINITE
        for more in range(min(own, len(asked)) + 1):
            # The box's own ends stand last: they hold with any k.
            if best <= self._time(own - more, y, z, [], 0):
                break
            best = best.min(self._time(own - more, ys[more], zs[more], [] if group else asked, more))
        return best

    def _time(self, own: int, y: arb, z: arb, asked: list[tuple[arb, arb, int]], more: int) -> arb:
        """Rule Manager: with ``own`` subchannels, y and z at least these, and all but ``more`` of these delegates' bases."""
        curved = more < len(asked)
        least = INFINITE
        for delay, load, leader in self.ways:
            late = not self.needs.capped and load + leader > own * self.longest
            if late or (own == 0 and not (load.is_zero() and leader.is_zero())):
                continue
            best, y_now = ZERO, float(y)
            targets: list[Callable[[float], float]] = [lambda _, y=y_now: y]
            if curved:
                send, reply, base = asked[_ranked(asked, exact(0.5), more)[1]]
                e, r = float(send / base), float(reply / base)
                targets.append(lambda q, e=e, r=r: e + (e * r / (2.0 - q)) ** 0.5)
            for target in targets:
                q = exact(1.0 if leader.is_zero() else self._meeting(own, load, leader, target))
                rest = (2 - q) * y + z
                if curved:
                    rest = rest.max(_ranked(asked, q, more)[0])
                time = delay + self._manager(own, load, (1 + q) * leader, leader) + rest
                best = best.max(time) if time.is_finite() else best
            least = least.min(best)
        return least

    def _manager(self, own: int, load: arb, weighted: arb, leader: arb) -> arb:
        """Least load / w + weighted / (own - w), w such that both phases end in time."""
        if own == 0:
            return ZERO
        root, other = load.sqrt(), weighted.sqrt()
        if self.needs.capped:
            return (root + other) ** 2 / own
        share = (own * root / (root + other)).max(load / self.longest).min(own - leader / self.longest)
        return load / share + weighted / (own - share)

    def _meeting(self, own: int, load: arb, leader: arb, target: Callable[[float], float]) -> float:
        """The q at which x comes down to y, nearly: there the bound is best."""
        ratio, need, least, most = float((load / leader).sqrt()), float(leader), 0.0, float(own)
        if not self.needs.capped:
            least, most = float(load / self.longest), own - float(leader / self.longest)

        def more(q: float) -> float:
            return need - target(q) * (own - min(max(own * ratio / (ratio + (1.0 + q) ** 0.5), least), most))

        low, high, at_low, at_high = 0.0, 1.0, more(0.0), more(1.0)
        for _ in range(STEPS if at_low > 0.0 > at_high else 0):
            # False position, the weight of an end that stays halved.
            q = (low * at_high - high * at_low) / (at_high - at_low)
            found = more(q)
            if abs(found) <= 1e-14 * need:
                return q
            if found > 0.0:
                low, at_low, at_high = q, found, 0.5 * at_high
            else:
                high, at_high, at_low = q, found, 0.5 * at_low
        return high if at_low > 0.0 else low


def _ranked(asked: list[tuple[arb, arb, int]], q: arb, more: int) -> tuple[arb, int]:
    """The (more + 1)-th largest of the delegates' least (2 - q) y + z with E / y + R / z <= base, and whose it is."""
    values = [((((2 - q) * send).sqrt() + reply.sqrt()) ** 2 / base).lower() for send, reply, base in asked]
    return sorted(((value, a) for a, value in enumerate(values)), key=lambda its: its[0], reverse=True)[more]
