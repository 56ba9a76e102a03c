"""Mean reversion: in a range, a price far from the filtered level comes back.

The measure is the standardised prediction error of the trend filter, a z-score on a random walk
(core.features); the strategy fades it, and only where the price path is no straighter than half of all
random walks' paths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core import features
from core.bars import Bars, Floats
from core.strategies.intraday import Intraday, number, trend_bars


@dataclass(frozen=True, kw_only=True)
class MeanReversion(Intraday):
    """Buys when the price first falls `threshold` deviations below the trend; see Intraday for the rest.

    memory     length of the trend filter in bars; errors are forgotten as exp(−bars / (√2 · memory))
    threshold  of the standardised prediction error
    """

    name: str = "mean_reversion"
    memory: float = number(10.0, 1.0, 1000.0)
    threshold: float = number(2.0, 0.0, 10.0)
    target: float = number(3.0, 0.01, 1000.0)
    stop: float = number(3.0, 0.01, 1000.0)
    horizon: int = number(120, 1, 100_000)
    most_trend: float = number(0.5, 0.0, 1.0)
    coefficients: tuple[float, ...] = (0.041, -0.047, -0.052, 1.217)

    DIRECTION: ClassVar[int] = -1

    @property
    def limit(self) -> float:
        """The threshold."""
        return self.threshold

    @property
    def bars_needed(self) -> int:
        """Bars after which the filter has forgotten how it began, the average range and the regime."""
        return max(trend_bars(self.memory), self.range_bars, self.regime_bars)

    def measure(self, bars: Bars) -> Floats:
        """Prediction error of the trend filter in standard deviations."""
        logs = features.log_price(bars.close)
        volatility = features.ewma_volatility(logs, bars.session, self.memory)
        return features.kalman_trend(logs, volatility, bars.session, self.memory).score
