"""How deep may it still fall? Paths of the sessions to come, drawn from the sessions that were.

The stationary bootstrap (Politis and Romano, "The stationary bootstrap", Journal of the American Statistical
Association 89, 1994) strings blocks of neighbouring sessions together, of geometric lengths with a mean of 5, so that
a path keeps what days have to do with each other over a week. It assumes that the days to come are like the days that
were, at the present size: a fortnight of calm says nothing about a crash.

A limit is judged by the minute, so a session brings more than its return: its lowest and its highest value, and its
deepest fall from its own running top, all as fractions. Below a mark M a session that begins at the value V reaches

    1 - V (1 + low) / M              if only closes raise the mark, to V (1 + close) where that is higher
    the larger of that and fall      if every minute raises it, to V (1 + high) where that is higher

which is exact, because 1 - v / max(M, top) is the larger of 1 - v / M and 1 - v / top at every minute. Closes alone
would miss what a session lost and won back, and give too small a chance of the limit.

Each path begins at the present drawdown. Draws come from a generator with a fixed key: equal input, equal answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.statistics.missing import NotMeasured

Floats = npt.NDArray[np.float64]

AHEAD = 60
DRAWS = 4000
BLOCK = 5.0
LEAST = 15
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
KEY = 0xD0D0


class Sessions(NamedTuple):
    """Sessions in order, float64 (..., n) each: from the close before, the return, the lowest and the highest value.

    `fall` is the deepest fall from the session's own running top, positive. All are fractions.
    """

    close: Floats
    low: Floats
    high: Floats
    fall: Floats

    def take(self, rows: npt.NDArray[np.int64]) -> Sessions:
        """The sessions of these rows."""
        return Sessions(*(values[rows] for values in self))

    def marked_by_closes(self) -> Sessions:
        """The same where closes alone raise the high-water mark."""
        return self._replace(high=self.close, fall=np.zeros_like(self.fall))


class Path(NamedTuple):
    """Drawdown at each session's close and at its deepest minute, float64 (..., n), positive below the mark."""

    close: Floats
    deepest: Floats


def path_below(sessions: Sessions, drawdown: float = 0.0) -> Path:
    """The drawdown along the last axis, from a start that is `drawdown` below the mark."""
    end = (1.0 - drawdown) * np.cumprod(1.0 + sessions.close, axis=-1)
    begin = end / (1.0 + sessions.close)
    raised = np.maximum(np.maximum.accumulate(begin * (1.0 + np.maximum(sessions.high, sessions.close)), axis=-1), 1.0)
    before = np.concatenate([np.ones_like(raised[..., :1]), raised[..., :-1]], axis=-1)
    deepest = np.maximum(1.0 - begin * (1.0 + sessions.low) / before, sessions.fall)
    return Path(1.0 - end / raised, deepest)


@dataclass(frozen=True, slots=True)
class Fan:
    """Of `AHEAD` sessions: quantiles of the deepest drawdown in each, float64 (5, AHEAD), positive below the mark.

    `reached` is the share of the `DRAWS` paths that ever touch the limit; `deepest` are the same quantiles of each
    path's deepest drawdown, float64 (5,).
    """

    drawdown: Floats
    deepest: Floats
    reached: float
    n: int


def drawdown_fan(sessions: Sessions, drawdown: float, limit: float) -> Fan | NotMeasured:
    """Draw paths from (n,) sessions, beginning `drawdown` below the mark; `limit` is a fraction."""
    n = len(sessions.close)
    if n < LEAST:
        return NotMeasured(n, LEAST, "sessions")
    below = path_below(sessions.take(_rows(n)), drawdown).deepest
    deepest = below.max(axis=1)
    share = float((deepest >= limit).mean())
    return Fan(np.quantile(below, QUANTILES, axis=0), np.quantile(deepest, QUANTILES), share, n)


def _rows(n: int) -> npt.NDArray[np.int64]:
    """Which session each step of each path repeats, int64 (DRAWS, AHEAD): blocks that run on round the end."""
    draw = np.random.Generator(np.random.Philox(KEY))
    begins = draw.random((DRAWS, AHEAD)) < 1.0 / BLOCK
    begins[:, 0] = True
    starts = draw.integers(0, n, (DRAWS, AHEAD))
    steps = np.arange(AHEAD)
    first = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    return np.asarray((np.take_along_axis(starts, first, axis=1) + steps - first) % n)
