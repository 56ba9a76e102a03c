"""The rate limit: a token bucket in virtual time, one for trading and one for market data.

Alpaca grants 200 requests a minute and tells what is left in headers. The bucket holds a minute's worth and refills
evenly, so that a burst passes and a steady excess does not.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.kernel.units import MINUTE, SECOND


@dataclass(slots=True)
class Bucket:
    """`limit` requests a minute, 0 for no limit; times ns."""

    limit: int
    level: float = -1.0
    since: int = 0

    def take(self, now: int) -> bool:
        """Whether another request may pass at this time."""
        if self.limit == 0:
            return True
        self._refill(now)
        if self.level < 1:
            return False
        self.level -= 1
        return True

    def headers(self, now: int) -> list[tuple[bytes, bytes]]:
        """X-RateLimit-Limit, -Remaining and -Reset: epoch seconds at which the bucket is full again."""
        if self.limit == 0:
            return []
        self._refill(now)
        missing = self.limit - self.level
        full = now + int(missing * MINUTE / self.limit)
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % int(self.level)),
            (b"x-ratelimit-reset", b"%d" % -(-full // SECOND)),
        ]

    def _refill(self, now: int) -> None:
        if self.level < 0:
            self.level, self.since = float(self.limit), now
        self.level = min(self.level + (now - self.since) * self.limit / MINUTE, float(self.limit))
        self.since = now
