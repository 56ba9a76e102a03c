"""Mean reversion: a spike out of a range is faded, a trend is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.strategies.mean_reversion import MeanReversion

STRATEGY = MeanReversion(memory=5.0, regime_bars=60, range_bars=10, threshold=2.5, short=True)


def ranging(spike: float) -> np.ndarray:
    close = 100 + np.random.default_rng(4).standard_normal(300) * 0.03
    close[200:203] += spike
    return close


@pytest.mark.parametrize(("spike", "side"), [(-0.2, 1), (0.2, -1)])
def test_a_spike_is_faded_and_closed_when_it_is_over(make_bars, spike, side):
    signals = STRATEGY.signals(make_bars(ranging(spike)))
    assert np.isfinite(signals.probability[200, 0])
    assert signals.side[200, 0] == side
    assert signals.exit[203, 0]
    assert not signals.exit[201:203, 0].any()


def test_a_fall_that_is_a_trend_is_not_faded(make_bars):
    close = ranging(0.0)
    close[200:] -= 0.004 * np.arange(1, 101) ** 2
    bars = make_bars(close)
    fallen = slice(200, 240)
    assert np.isnan(STRATEGY.signals(bars).probability[fallen]).all()
    anyway = replace(STRATEGY, most_trend=1.0).signals(bars)
    assert np.isfinite(anyway.probability[fallen]).any()


def test_short_sales_only_on_request(make_bars):
    long_only = MeanReversion(memory=5.0, regime_bars=60, range_bars=10, threshold=2.5)
    assert np.isnan(long_only.signals(make_bars(ranging(0.2))).probability[200, 0])
