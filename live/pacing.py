"""How often and how soon: a token bucket under the broker's limit, and full-jitter backoff.

Alpaca allows 200 requests a minute and does not say how the minute is cut, so the bucket refills evenly and holds a
burst that is small against it. A part of the bucket is kept for what must not wait: cancels and exits find tokens when
openings and reads have spent theirs.

Backoff waits a time drawn evenly from 0 to min(cap, base * 2**k) (M. Brooker, "Exponential Backoff and Jitter", 2015):
of all common ways the one that spreads clients best. A reset time that the server names goes before it. Draws come from
a generator with a seed of its own, so that a rehearsal can be repeated. All times are monotonic nanoseconds.
"""

from __future__ import annotations

import random

from core.kernel.units import MINUTE, SECOND


class TokenBucket:
    """At most `burst` requests at once and `per_minute` a minute in the long run."""

    def __init__(self, per_minute: int, burst: int, now: int) -> None:
        assert 0 < burst <= per_minute
        self._step = MINUTE // per_minute  # nanoseconds a token
        self._burst = burst
        self._full_at = now  # when the bucket is full again: one number says it all
        self._closed_until = now

    def wait(self, now: int, reserve: int = 0) -> int:
        """Nanoseconds until a token beyond `reserve` is there; 0 when it is there now."""
        room = (self._burst - reserve - 1) * self._step
        return max(self._full_at - room - now, self.closed(now), 0)

    def take(self, now: int) -> None:
        """Take one token; those who must not wait may take it before it is there."""
        self._full_at = max(self._full_at, now) + self._step

    def closed(self, now: int) -> int:
        """Nanoseconds until the server takes anything again."""
        return max(self._closed_until - now, 0)

    def close(self, until: int) -> None:
        """The server has said that nothing more is taken until then."""
        self._closed_until = max(self._closed_until, until)


class Backoff:
    """Full jitter between 0 and min(cap, base * 2**k), in nanoseconds."""

    def __init__(self, seed: int, base: int = SECOND // 2, cap: int = 30 * SECOND) -> None:
        self._draw = random.Random(seed)
        self._base = base
        self._cap = cap

    def delay(self, attempt: int) -> int:
        """How long to wait after failure number `attempt`, from 0."""
        return self._draw.randrange(min(self._cap, self._base << min(attempt, 32)) + 1)
