"""Breakout: a close beyond the channel of earlier highs and lows starts a move in that direction.

The measure is the place of the close in the Donchian channel of the `lookback` bars before it: −1 at the
lowest low, 0 in the middle, +1 at the highest high, so an event is a first close outside the channel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from core import features
from core.bars import Bars, Floats
from core.kernel.compiled import entry
from core.strategies.intraday import Intraday, number


@dataclass(frozen=True, kw_only=True)
class Breakout(Intraday):
    """Buys the first close above the highest high of the `lookback` bars before; Intraday has the rest."""

    name: str = "breakout"
    lookback: int = number(60, 2, 10_000)
    regime_bars: int = number(30, 2, 10_000)
    least_trend: float = number(0.9, 0.0, 1.0)
    coefficients: tuple[float, ...] = (-3.489, -0.370, 4.106, -0.565)

    @property
    def limit(self) -> float:
        """The edge of the channel."""
        return 1.0

    @property
    def bars_needed(self) -> int:
        """The channel of the bar before the event, the average range and the regime."""
        return max(self.lookback + 2, self.range_bars, self.regime_bars)

    def measure(self, bars: Bars) -> Floats:
        """Place of the close in the channel, −1 to +1 inside it; NaN for a channel without width."""
        channel = features.donchian_channel(bars.high, bars.low, self.lookback)
        return _place(bars.close, *channel)


@entry
def _place(close: Floats, upper: Floats, lower: Floats) -> Floats:
    place = np.full(close.shape, np.nan)
    for t in range(close.shape[0]):
        for s in range(close.shape[1]):
            width = upper[t, s] - lower[t, s]
            if width > 0.0:
                place[t, s] = (2.0 * close[t, s] - upper[t, s] - lower[t, s]) / width
    return place
