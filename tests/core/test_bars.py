"""Bars: windows, joining, and the way to pandas and back."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from core.bars import FIELDS, Auctions, Bars, CorporateAction, SessionBlock
from core.calendar import MINUTE, sessions
from core.errors import InputError


def some_bars(first: int = 0, count: int = 6) -> Bars:
    """Two symbols from five minutes before the open of 2026-03-06, one bar missing."""
    (session,) = sessions(date(2026, 3, 6), date(2026, 3, 6))
    number = np.arange(first, first + count)
    close = 100 + np.stack([number, number / 10], axis=-1)
    close[2, 1] = np.nan
    time = session["open"] + (number - 5) * MINUTE
    return Bars(
        symbols=("AAA", "BBB"),
        time=time,
        open=close - 0.01,
        high=close + 0.02,
        low=close - 0.02,
        close=close,
        volume=close * 10,
        regular=time >= session["open"],
        session=np.full(count, session["date"]),
        bar_seconds=60,
    )


def assert_equal(left: Bars, right: Bars) -> None:
    assert left.symbols == right.symbols
    assert left.bar_seconds == right.bar_seconds
    for name in ("time", *FIELDS, "regular", "session"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name))
        assert getattr(left, name).dtype == getattr(right, name).dtype


def test_a_window_is_a_view_of_its_rows():
    bars = some_bars()
    window = bars.window(1, 4)
    np.testing.assert_array_equal(window.close, bars.close[1:4])
    np.testing.assert_array_equal(window.time, bars.time[1:4])
    np.testing.assert_array_equal(window.regular, bars.regular[1:4])
    assert np.shares_memory(window.high, bars.high)


def test_windows_join_to_the_whole():
    bars = some_bars()
    assert_equal(Bars.concat([bars.window(0, 2), bars.window(2, 3), bars.window(3, 6)]), bars)


def test_frames_are_wide_with_a_utc_index():
    frames = some_bars().to_frames()
    assert list(frames) == list(FIELDS)
    close = frames["close"]
    assert close.shape == (6, 2)
    assert list(close.columns) == ["AAA", "BBB"]
    assert close.index[0] == pd.Timestamp("2026-03-06T09:25", tz="America/New_York")
    assert close["AAA"].iloc[3] == 103
    assert np.isnan(close["BBB"].iloc[2])


def test_frames_and_back_change_nothing():
    bars = some_bars()
    assert_equal(Bars.from_frames(bars.to_frames()), bars)


def test_frames_in_another_zone_and_unit_are_the_same_bars():
    bars = some_bars()
    frames = bars.to_frames()
    for name, frame in frames.items():
        frames[name] = frame.set_axis(frame.index.tz_convert("America/New_York").as_unit("s"))
    assert_equal(Bars.from_frames(frames), bars)


def without_volume(frames):
    del frames["volume"]


def naive(frames):
    for name, frame in frames.items():
        frames[name] = frame.set_axis(frame.index.tz_localize(None))


def backwards(frames):
    for name, frame in frames.items():
        frames[name] = frame[::-1]


def other_columns(frames):
    frames["low"] = frames["low"].rename(columns={"AAA": "ZZZ"})


def at_night(frames):
    for name, frame in frames.items():
        frames[name] = frame.set_axis(frame.index + pd.Timedelta(hours=12))


def at_the_end_of_trading(frames):
    for name, frame in frames.items():
        frames[name] = frame.set_axis(frame.index + pd.Timedelta(hours=10, minutes=30))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (without_volume, "no frame for volume"),
        (naive, "no time zone"),
        (backwards, "not strictly increasing"),
        (other_columns, "differ from close"),
        (at_night, "outside exchange hours"),
        (at_the_end_of_trading, "2026-03-07T01:00:00Z is outside"),
    ],
)
def test_frames_that_are_no_bars_are_refused(damage, problem):
    frames = some_bars().to_frames()
    damage(frames)
    with pytest.raises(InputError, match=problem):
        Bars.from_frames(frames)


def test_bars_before_a_split_are_counted_in_new_shares():
    bars = some_bars()
    after = bars.restated(np.array([4.0, 0.125]))
    for field in ("open", "high", "low", "close"):
        np.testing.assert_array_equal(getattr(after, field)[:, 0], getattr(bars, field)[:, 0] / 4)
        np.testing.assert_array_equal(getattr(after, field)[:, 1], getattr(bars, field)[:, 1] * 8)
    np.testing.assert_array_equal(after.volume, bars.volume * [4, 0.125])
    np.testing.assert_array_equal(after.time, bars.time)
    assert np.isnan(after.close[2, 1])
    assert bars.close[0, 0] == 100


def test_without_a_split_bars_stay_the_same_memory():
    bars = some_bars()
    assert bars.restated(np.ones(2)) is bars


def test_the_splits_of_a_session_multiply():
    bars, day, none = some_bars(), 20_518, np.full(2, np.nan)
    actions = (
        CorporateAction("BBB", day, "split", 3, 1, 0, day),
        CorporateAction("BBB", day + 1, "split", 1, 2, 0, day + 1),
        CorporateAction("AAA", day, "dividend", 1, 1, 250_000, day),
    )
    block = SessionBlock(np.void(b""), bars, None, None, none, actions, Auctions(none, none, none, none))
    assert block.split_ratios.tolist() == [1, 1.5]
