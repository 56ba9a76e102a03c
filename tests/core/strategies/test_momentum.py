"""Momentum: a drift out of noise is followed, until it turns."""

from __future__ import annotations

import numpy as np
import pytest

from core import features
from core.strategies.momentum import Momentum

STRATEGY = Momentum(memory=5.0, regime_bars=10, range_bars=10, short=True)


def drifting(drift: float) -> np.ndarray:
    noise = np.random.default_rng(2).standard_normal(300) * 5e-4
    noise[150:200] += drift
    return 100 * np.exp(np.cumsum(noise))


@pytest.mark.parametrize(("drift", "side"), [(1e-3, 1), (-1e-3, -1)])
def test_the_drift_is_followed(make_bars, drift, side):
    signals = STRATEGY.signals(make_bars(drifting(drift)))
    drifting_rows = np.flatnonzero(np.isfinite(signals.probability[150:200, 0])) + 150
    assert len(drifting_rows) > 0
    assert (signals.side[drifting_rows, 0] == side).all()


def test_an_event_is_the_first_bar_beyond_the_threshold(make_bars):
    bars = make_bars(drifting(1e-3))
    measure = STRATEGY.measure(bars)[:, 0]
    rows = np.flatnonzero(np.isfinite(STRATEGY.signals(bars).probability[:, 0]))
    beyond = np.abs(measure) > STRATEGY.threshold
    expected = np.flatnonzero(beyond[1:] & (np.abs(measure[:-1]) <= STRATEGY.threshold)) + 1
    np.testing.assert_array_equal(rows, expected[expected >= STRATEGY.bars_needed])


def test_positions_are_closed_when_the_velocity_turns(make_bars):
    bars = make_bars(drifting(1e-3))
    velocity = np.sign(STRATEGY.measure(bars)[:, 0])
    turned = np.flatnonzero(velocity[1:] * velocity[:-1] < 0) + 1
    leave = np.flatnonzero(STRATEGY.signals(bars).exit[:, 0])
    np.testing.assert_array_equal(leave, turned[turned >= STRATEGY.bars_needed])
    assert len(leave) > 3


def test_the_measure_is_velocity_in_units_of_chance(make_bars):
    bars = make_bars(drifting(0.0))
    logs = features.log_price(bars.close)
    trend = features.kalman_trend(logs, features.ewma_volatility(logs, bars.session, 5.0), bars.session, 5.0)
    expected = trend.velocity[-1, 0] / trend.velocity_error[-1, 0] / np.sqrt(5.0 / np.sqrt(2.0))
    assert STRATEGY.measure(bars)[-1, 0] == pytest.approx(expected, rel=1e-12)
