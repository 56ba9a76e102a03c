"""The workload as a seatrial strategy: when to enter and at which distances; size and orders are the
engine's.

The probability is high enough for Kelly's bet to exceed every cap, so that the caps of README.md set the
size, as they do for the peers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from workload import ATR_BARS, LOOKBACK, STOP_ATR, TARGET_ATR, Floats

from core.bars import Bars
from core.features import donchian_channel
from core.kernel.compiled import entry
from core.strategies.contract import Signals

PROBABILITY = 0.9


@dataclass(frozen=True)
class Donchian:
    """Buys every close above the highest high of the LOOKBACK bars before it."""

    name: str = "donchian"
    model_version: str = "1"
    warmup: int = LOOKBACK

    def signals(self, bars: Bars) -> Signals:
        """The contract: signals for every row."""
        upper = donchian_channel(bars.high, bars.low, LOOKBACK).upper
        atr = mean_true_range(bars.high, bars.low, bars.close)
        shape = bars.close.shape
        return Signals(
            probability=np.where(bars.close > upper, PROBABILITY, np.nan),
            target=TARGET_ATR * atr,
            stop=STOP_ATR * atr,
            side=np.ones(shape, np.int8),
            horizon=np.full(shape, np.nan),
            exit=np.zeros(shape, np.bool_),
        )


@entry
def mean_true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    """Plain mean of the true range over the last ATR_BARS rows, nights included; NaN in the first rows."""
    rows, symbols = close.shape
    ranges = np.zeros((rows, symbols))
    mean = np.full((rows, symbols), np.nan)
    for row in range(1, rows):
        for k in range(symbols):
            ranges[row, k] = max(high[row, k], close[row - 1, k]) - min(low[row, k], close[row - 1, k])
    for row in range(ATR_BARS, rows):
        mean[row] = 0.0
        for at in range(row - ATR_BARS + 1, row + 1):
            for k in range(symbols):
                mean[row, k] += ranges[at, k]
        for k in range(symbols):
            mean[row, k] /= ATR_BARS
    return mean
