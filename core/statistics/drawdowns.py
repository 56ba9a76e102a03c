"""How deep may it still fall? Paths of the sessions to come, drawn from the sessions that were.

The stationary bootstrap (Politis and Romano, "The stationary bootstrap", Journal of the American Statistical
Association 89, 1994) strings blocks of neighbouring sessions together, of geometric lengths with a mean of 5, so that
a path keeps what days have to do with each other over a week. It assumes that the days to come are like the days that
were, at the present size: a fortnight of calm says nothing about a crash.

Each path begins at the present drawdown. Its drawdown is measured from the mark that it starts under or from a new one,
at closes; minutes can be deeper. Draws come from a generator with a fixed key: equal input, equal answer.
"""

from __future__ import annotations

from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Fan:
    """Of `AHEAD` sessions: quantiles of the drawdown after each, float64 (5, AHEAD), positive when below the mark.

    `reached` is the share of paths that ever touch the limit, with `error` its standard error from drawing; `deepest`
    are the same quantiles of each path's deepest drawdown, float64 (5,).
    """

    drawdown: Floats
    deepest: Floats
    reached: float
    error: float
    n: int


def drawdown_fan(returns: Floats, drawdown: float, limit: float) -> Fan | NotMeasured:
    """Draw paths from float64 (n,) session returns, beginning `drawdown` below the mark; `limit` is a fraction."""
    if len(returns) < LEAST:
        return NotMeasured(len(returns), LEAST, "sessions")
    value = (1.0 - drawdown) * np.cumprod(1.0 + returns[_rows(len(returns))], axis=1)
    mark = np.maximum(np.maximum.accumulate(value, axis=1), 1.0)
    below = 1.0 - value / mark
    deepest = below.max(axis=1)
    share = float((deepest >= limit).mean())
    error = float(np.sqrt(share * (1.0 - share) / DRAWS))
    return Fan(np.quantile(below, QUANTILES, axis=0), np.quantile(deepest, QUANTILES), share, error, len(returns))


def _rows(n: int) -> npt.NDArray[np.int64]:
    """Which session each step of each path repeats, int64 (DRAWS, AHEAD): blocks that run on round the end."""
    draw = np.random.Generator(np.random.Philox(KEY))
    begins = draw.random((DRAWS, AHEAD)) < 1.0 / BLOCK
    begins[:, 0] = True
    starts = draw.integers(0, n, (DRAWS, AHEAD))
    steps = np.arange(AHEAD)
    first = np.maximum.accumulate(np.where(begins, steps, 0), axis=1)
    return np.asarray((np.take_along_axis(starts, first, axis=1) + steps - first) % n)
