r"""The largest worth of one head at prices (rule Head): max over u, f of w exp(-A (a/f + d/u)) - pi u - z f, off (0) included.

w = y b is what it earns if training and upload were instant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from flint import arb

from .balls import EMPTY, ONE, ZERO
from .peak import most, peak_time


@dataclass(frozen=True)
class Head:
    """decay A [1/s]; work a [cycles]; cpu_max f_max [cycles/s]; cpu_price z; need d [subchannel seconds]. Balls."""

    decay: arb
    work: arb
    cpu_max: arb
    cpu_price: arb
    need: arb

    def with_share(self, worth: arb, price: arb, uplink: arb | None) -> arb:
        """Best value with this share (None: as much as it likes, for nothing), over the CPU."""
        spectrum, gain = ZERO if uplink is None else price * uplink, worth
        if uplink is not None and uplink.is_zero():
            return ZERO
        if uplink is not None and uplink > 0:
            gain = worth * (-self.decay * self.need / uplink).exp()
        return most(gain, self.decay, self.cpu_price * self.work, self.work / self.cpu_max) - spectrum

    def boxed(self, worth: arb, price: arb, low: arb, high: arb | None) -> arb:
        """With low <= u <= high: at an end, or where u is stationary with f free or at f_max."""
        if price.is_zero():
            return self.with_share(worth, price, high)
        for_spectrum = (price * self.need).sqrt()
        cost = ((self.cpu_price * self.work).sqrt() + for_spectrum) ** 2
        if low.is_zero() and self.decay * cost * ONE.exp() >= worth:
            return ZERO
        best = self.with_share(worth, price, low)
        best = best if high is None else best.max(self.with_share(worth, price, high))
        full = worth * (-self.decay * self.work / self.cpu_max).exp()
        for gain, its_cost in ((worth, cost), (full, price * self.need)):
            time = peak_time(gain, self.decay, its_cost)
            if time is not None and not time.is_finite():
                return worth - price * low
            if time is not None:
                share = (self.need * its_cost.sqrt() / (for_spectrum * time)).max(low)
                best = best.max(self.with_share(worth, price, share if high is None else share.min(high)))
        return best

    def split(self, worth: arb, seconds: arb, price: arb, total: int, low: arb, high: arb | None) -> arb:
        r"""With ``total`` = n subchannels, u of them for the upload, the rest for multicast at nu s / (n - u) (rule Split).

        s = ``seconds``, nu = ``price``, low <= u <= high; EMPTY: it cannot multicast. Without peers (s = 0) all goes into the
        upload. Otherwise a head with worth w exp(-A d/n) and need d/n that buys v = u / (n - u) at nu s / n, less nu s / n.
        """
        if low > total or (low >= total and not seconds.is_zero()):
            return EMPTY
        ends_within = high is not None and not high >= total
        if seconds.is_zero() or price.is_zero():
            return self.with_share(worth, ZERO, high.min(arb(total)) if high is not None and ends_within else arb(total))
        need, each = self.need / total, price * seconds / total
        top = high / (total - high) if high is not None and ends_within else None
        bought = replace(self, need=need)
        return bought.boxed(worth * (-self.decay * need).exp(), each, low / (total - low), top) - each
