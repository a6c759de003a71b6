"""The largest worth of one head at prices (rules Head and Split): w exp(-A (a/f + d/u)) - pi u - z f, off (0) included."""

from __future__ import annotations

from typing import NamedTuple

from flint import arb

from .balls import EMPTY, INFINITE, ONE, ZERO
from .peak import most, peak_time


class Head(NamedTuple):
    """decay A [1/s]; work a [cycles]; cpu_max f_max [cycles/s]; cpu_price z; need d [subchannel seconds]."""

    decay: arb
    work: arb
    cpu_max: arb
    cpu_price: arb
    need: arb

    def with_share(self, worth: arb, price: arb, uplink: arb) -> arb:
        """Best value with this share (infinite: at no price), over the CPU."""
        if uplink.is_zero():
            return ZERO
        gain = worth * (-self.decay * self.need / uplink).exp() if uplink > 0 else worth
        earned = most(gain, self.decay, self.cpu_price * self.work, self.work / self.cpu_max)
        return earned if price.is_zero() else earned - price * uplink

    def boxed(self, worth: arb, price: arb, low: arb, high: arb) -> arb:
        """With low <= u <= high: at an end, or where u is stationary with f free or at f_max."""
        if price.is_zero():
            return self.with_share(worth, price, high)
        for_spectrum = (price * self.need).sqrt()
        cost = ((self.cpu_price * self.work).sqrt() + for_spectrum) ** 2
        if low.is_zero() and self.decay * cost * ONE.exp() >= worth:
            return ZERO
        best = self.with_share(worth, price, low)
        best = best.max(self.with_share(worth, price, high)) if high < INFINITE else best
        full = worth * (-self.decay * self.work / self.cpu_max).exp()
        for gain, its_cost in ((worth, cost), (full, price * self.need)):
            time = peak_time(gain, self.decay, its_cost)
            if time is not None and not time.is_finite():
                return worth - price * low
            if time is not None:
                share = self.need * its_cost.sqrt() / (for_spectrum * time)
                best = best.max(self.with_share(worth, price, share.max(low).min(high)))
        return best

    def split(self, worth: arb, seconds: arb, price: arb, total: int, low: arb, high: arb) -> arb:
        """With ``total`` subchannels, u of them for the upload, the rest for multicast of s = ``seconds`` at nu = ``price``.

        EMPTY: it cannot multicast. A head without peers (s = 0) puts all into its upload.
        """
        if low > total or (low >= total and not seconds.is_zero()):
            return EMPTY
        if seconds.is_zero() or price.is_zero():
            return self.with_share(worth, ZERO, high.min(arb(total)))
        need, each = self.need / total, price * seconds / total
        top = INFINITE if high >= total else high / (total - high)
        return self._replace(need=need).boxed(worth * (-self.decay * need).exp(), each, low / (total - low), top) - each
