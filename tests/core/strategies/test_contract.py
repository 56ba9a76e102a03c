"""Signals from pandas frames."""

from __future__ import annotations

import numpy as np

from core.strategies.contract import Signals


def test_frames_are_aligned_by_label_and_scalars_spread(noisy_bars):
    close = noisy_bars.to_frames()["close"].iloc[10:20]
    shuffled = close.sample(frac=1.0, random_state=1)[["S2", "S0", "S1"]]
    signals = Signals.from_frames(
        noisy_bars,
        probability=shuffled * 0 + 0.6,
        target=shuffled * 0.01,
        stop=0.25,
        side=-1,
        exit=close > close.shift(),
    )
    np.testing.assert_array_equal(signals.target[10:20], noisy_bars.close[10:20] * 0.01)
    np.testing.assert_array_equal(np.isfinite(signals.probability[10:20]), np.isfinite(noisy_bars.close[10:20]))
    assert np.isnan(signals.probability[:10]).all()
    assert np.isnan(signals.probability[20:]).all()
    assert (signals.stop == 0.25).all()
    assert (signals.side == -1).all()
    assert np.isnan(signals.horizon).all()
    rose = noisy_bars.close[11:20] > noisy_bars.close[10:19]
    np.testing.assert_array_equal(signals.exit[11:20], rose)
    assert not signals.exit[:11].any()
    assert not signals.exit[20:].any()


def test_arrays_have_the_dtypes_and_order_of_the_contract(noisy_bars):
    close = noisy_bars.to_frames()["close"]
    side = np.sign(close - close.shift())
    signals = Signals.from_frames(noisy_bars, probability=close * 0 + 0.5, target=1, stop=1, side=side)
    kinds = {name: getattr(signals, name).dtype for name in signals.__slots__}
    assert kinds == {
        "probability": np.float64,
        "target": np.float64,
        "stop": np.float64,
        "side": np.int8,
        "horizon": np.float64,
        "exit": np.bool_,
    }
    assert all(getattr(signals, name).flags.c_contiguous for name in kinds)
    assert signals.side[0, 0] == 0
