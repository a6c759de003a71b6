r"""The largest worth of one head at prices: max over u, f of w exp(-A (a/f + d/u)) - pi u - z f, off (0) included.

w = y b is what it earns if training and upload were instant. ``docs/proof-format.md`` proves the cases.
"""

from __future__ import annotations

from dataclasses import dataclass

from flint import arb

from .balls import EMPTY, ZERO
from .peak import most, peak_time


@dataclass(frozen=True)
class Head:
    """decay A [1/s]; work a [cycles]; cpu_max f_max [cycles/s]; cpu_price z; need d [subchannel seconds]. Balls."""

    decay: arb
    work: arb
    cpu_max: arb
    cpu_price: arb
    need: arb

    @property
    def slowest(self) -> arb:
        """a / f_max [s]: training takes no less."""
        return self.work / self.cpu_max

    def with_share(self, worth: arb, price: arb, uplink: arb | None) -> arb:
        """Best value with this share (None: as much as it likes, for nothing), over the CPU."""
        if uplink is None:
            return most(worth, self.decay, self.cpu_price * self.work, self.slowest)
        if uplink.is_zero():
            return ZERO
        gain = worth * (-self.decay * self.need / uplink).exp() if uplink > 0 else worth
        return most(gain, self.decay, self.cpu_price * self.work, self.slowest) - price * uplink

    def free(self, worth: arb, price: arb) -> arb:
        """With u >= 0 free: without f <= f_max, a relaxation, unless its answer is proved to break that; then with f = f_max."""
        for_cpu, for_spectrum = (self.cpu_price * self.work).sqrt(), (price * self.need).sqrt()
        cost = (for_cpu + for_spectrum) ** 2
        value = most(worth, self.decay, cost)
        if not value > 0 or cost.is_zero():
            # Where nothing costs anything the head is as fast as it can be.
            return value * (-self.decay * self.slowest).exp() if cost.is_zero() else value
        time = peak_time(worth, self.decay, cost)
        if time is not None and time * for_cpu < self.slowest * (for_cpu + for_spectrum):
            return self.at_full_speed(worth, price)
        return value

    def at_full_speed(self, worth: arb, price: arb) -> arb:
        """With f = f_max and u >= 0 free, or off."""
        gain = worth * (-self.decay * self.slowest).exp()
        return (most(gain, self.decay, price * self.need) - self.cpu_price * self.cpu_max).max(ZERO)

    def boxed(self, worth: arb, price: arb, low: arb, high: arb | None) -> arb:
        """With low <= u <= high: at an end, or where u is stationary with f free or at f_max."""
        if price.is_zero():
            return self.with_share(worth, price, high)
        values = [self.with_share(worth, price, end) for end in (low, high) if end is not None]
        for_cpu, for_spectrum = (self.cpu_price * self.work).sqrt(), (price * self.need).sqrt()
        full = worth * (-self.decay * self.slowest).exp()
        for gain, cost in ((worth, (for_cpu + for_spectrum) ** 2), (full, price * self.need)):
            time = peak_time(gain, self.decay, cost)
            if time is None:
                continue
            if not time.is_finite():
                return worth - price * low
            share = (self.need * cost.sqrt() / (for_spectrum * time)).max(low)
            values.append(self.with_share(worth, price, share if high is None else share.min(high)))
        value = values[0]
        for other in values[1:]:
            value = value.max(other)
        return value

    def split(self, worth: arb, seconds: arb, price: arb, total: int, low: arb, high: arb | None) -> arb:
        r"""With ``total`` = n subchannels, u of them for the upload and the rest for multicast at nu s / (n - u).

        s = ``seconds``, nu = ``price``, low <= u <= high. With v = u / (n - u) a head with worth w exp(-A d/n) and need d/n that
        buys v at nu s / n, less nu s / n. EMPTY: it cannot multicast. A head without peers (s = 0) puts all into its upload.
        """
        if low > total or (low >= total and not seconds.is_zero()):
            return EMPTY
        if seconds.is_zero() or price.is_zero():
            within = arb(total) if seconds.is_zero() or high is None else high.min(arb(total))
            return self.with_share(worth, ZERO, within)
        need, each = self.need / total, price * seconds / total
        bought = Head(self.decay, self.work, self.cpu_max, self.cpu_price, need)
        gain = worth * (-self.decay * need).exp()
        if low.is_zero() and (high is None or high >= total):
            return bought.free(gain, each) - each
        ends = low / (total - low), None if high is None or high >= total else high / (total - high)
        return bought.boxed(gain, each, *ends) - each
