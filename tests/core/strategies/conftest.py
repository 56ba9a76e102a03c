"""Bars for strategies: a path of closes laid into exchange sessions, and recorded-looking noise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pytest

from core.bars import Bars
from core.calendar import MINUTE, sessions

MakeBars = Callable[..., Bars]


@pytest.fixture(scope="session")
def make_bars() -> MakeBars:
    """A maker of bars from closes (T, S), minute by minute from the open of `day` on into later sessions."""

    def make(close: Any, day: date = date(2026, 3, 2), spread: float = 0.05, extended: bool = False) -> Bars:
        close = np.array(close, np.float64, ndmin=2)
        close = close.T if close.shape[0] == 1 else close
        table = sessions(day, date(day.year + 1, day.month, 1))
        first, last = ("pre", "post") if extended else ("open", "close")
        time = np.concatenate([np.arange(s[first], s[last], MINUTE) for s in table])[: len(close)]
        row = np.searchsorted(table["pre"], time, side="right") - 1
        before = np.vstack([close[:1], close[:-1]])
        before = np.where(np.isnan(before), close, before)
        return Bars(
            symbols=tuple(f"S{number}" for number in range(close.shape[1])),
            time=time,
            open=np.where(np.isnan(close), np.nan, before),
            high=np.maximum(before, close) + spread,
            low=np.minimum(before, close) - spread,
            close=close,
            volume=np.where(np.isnan(close), np.nan, 1000.0),
            regular=(table["open"][row] <= time) & (time < table["close"][row]),
            session=table["date"][row].copy(),
            bar_seconds=60,
        )

    return make


@pytest.fixture(scope="session")
def noisy_bars(make_bars: MakeBars) -> Bars:
    """Five sessions of three symbols that drift by the hour; the last one misses a tenth of its bars."""
    rng = np.random.default_rng(7)
    rows = 5 * 390
    drift = np.repeat(rng.choice([-1.0, 0.0, 1.0], (rows // 65, 3)), 65, axis=0) * 1.5e-4
    close = 100.0 * np.exp(np.cumsum(rng.standard_normal((rows, 3)) * 5e-4 + drift, axis=0))
    close[rng.random(rows) < 0.1, 2] = np.nan
    return make_bars(np.round(close, 2))
