"""Momentum: a velocity of the filtered trend that chance does not explain goes on for a while.

The measure is the Kalman velocity over its uncertainty, in units of what a driftless random walk would
show, so `threshold` reads like a z-score (core.features).
"""

from __future__ import annotations

from dataclasses import dataclass

from core import features
from core.bars import Bars, Floats
from core.strategies.intraday import Intraday, number, trend_bars


@dataclass(frozen=True, kw_only=True)
class Momentum(Intraday):
    """Buys when the velocity first exceeds `threshold` of chance's; see Intraday for the rest.

    memory     length of the trend filter in bars; errors are forgotten as exp(−bars / (√2 · memory))
    threshold  of velocity over its uncertainty, in standard deviations of a random walk's
    """

    name: str = "momentum"
    memory: float = number(15.0, 1.0, 1000.0)
    threshold: float = number(1.5, 0.0, 10.0)
    coefficients: tuple[float, ...] = (0.359, 0.782, -0.128, -0.242)

    @property
    def limit(self) -> float:
        """The threshold."""
        return self.threshold

    @property
    def bars_needed(self) -> int:
        """Bars after which the filter has forgotten how it began, the average range and the regime."""
        return max(trend_bars(self.memory), self.range_bars, self.regime_bars)

    def measure(self, bars: Bars) -> Floats:
        """Velocity over its uncertainty, of standard deviation one on a random walk."""
        logs = features.log_price(bars.close)
        volatility = features.ewma_volatility(logs, bars.session, self.memory)
        trend = features.kalman_trend(logs, volatility, bars.session, self.memory)
        return trend.velocity / trend.velocity_error / features.null_velocity_ratio(self.memory)
