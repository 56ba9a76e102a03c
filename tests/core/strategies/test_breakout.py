"""Breakout by hand: one bar above the channel, then back through its middle."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.strategies.breakout import Breakout

STRATEGY = Breakout(
    lookback=4,
    range_bars=2,
    regime_bars=3,
    least_trend=0.0,
    density=1.0,
    short=True,
    coefficients=(0.0, 0.0, 0.0, 0.0),
)
# Flat at 10 with highs 10.05 and lows 9.95; the break at row 10, higher at 11, below the middle at 13.
CLOSES = [10.0] * 10 + [10.2, 10.3, 10.25, 9.98, 10.0, 10.0]


def test_the_first_close_above_the_channel_is_signalled_once(make_bars):
    signals = STRATEGY.signals(make_bars(CLOSES))
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(signals.probability)), [10])
    assert signals.side[10, 0] == 1
    assert signals.probability[10, 0] == 0.5
    # True ranges: 0.10 on a flat bar; from 10.00 − 0.05 to 10.20 + 0.05 on the break.
    assert signals.target[10, 0] == pytest.approx(4 * (0.10 + 0.30) / 2)
    assert signals.stop[10, 0] == pytest.approx(4 * (0.10 + 0.30) / 2)
    assert signals.horizon[10, 0] == 180


def test_a_close_at_the_high_is_no_break(make_bars):
    closes = [*CLOSES[:10], 10.05, 10.0]
    assert np.isnan(STRATEGY.signals(make_bars(closes)).probability).all()


def test_the_position_is_closed_when_the_middle_is_crossed(make_bars):
    leave = STRATEGY.signals(make_bars(CLOSES)).exit[:, 0]
    np.testing.assert_array_equal(np.flatnonzero(leave), [13])


def test_the_mirror_image_is_a_short_sale(make_bars):
    up, down = make_bars(CLOSES), make_bars([20.0 - close for close in CLOSES])
    long_side, short_side = STRATEGY.signals(up), STRATEGY.signals(down)
    assert short_side.side[10, 0] == -1
    np.testing.assert_allclose(short_side.stop, long_side.stop)
    np.testing.assert_array_equal(short_side.exit, long_side.exit)
    assert np.isnan(replace(STRATEGY, short=False).signals(down).probability).all()


def test_a_crooked_path_is_left_out(make_bars):
    bars = make_bars([10.0, 10.02, 9.98, 10.02, 9.98, 10.02, 9.98, 10.02, 10.0, 9.99, 10.15])
    assert np.isfinite(STRATEGY.signals(bars).probability[10, 0])
    assert np.isnan(replace(STRATEGY, least_trend=0.95).signals(bars).probability[10, 0])
