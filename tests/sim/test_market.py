"""What is known from the sessions before, for the impact model and for strategies, and what a split does to it."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest

from core.bars import Bars
from core.kernel.units import NANO
from core.strategies.contract import Signals
from sim.market import SIGMA_UNKNOWN, DailySigma, SignalReader


def session(*closes: float) -> Bars:
    """Two bars a symbol, of which the last known one counts."""
    prices = np.array([np.full(len(closes), 1.0), closes])
    names = tuple(f"S{i}" for i in range(len(closes)))
    grids = dict.fromkeys(("open", "high", "low", "close", "volume"), prices)
    times = np.arange(2, dtype=np.int64)
    return Bars(symbols=names, time=times, regular=times >= 0, session=times, bar_seconds=60, **grids)


def sigma_of(*sessions: Bars, ratios: dict[int, float] | None = None) -> np.ndarray:
    sigma = DailySigma(len(sessions[0].symbols))
    for i, bars in enumerate(sessions):
        sigma.restate(np.array([(ratios or {}).get(i, 1.0)]))
        sigma.add(bars)
    return sigma.nanos() / NANO


def test_volatility_is_the_root_mean_square_of_the_returns_from_close_to_close() -> None:
    closes = (100.0, 102.0, 101.0, 103.0, 100.0, 104.0)
    square = [log(b / a) ** 2 for a, b in pairwise(closes)]
    assert sigma_of(*map(session, closes)) == pytest.approx([sqrt(sum(square) / 5)], abs=1e-9)


def test_five_returns_must_be_known() -> None:
    assert sigma_of(*map(session, (100.0, 102.0, 101.0, 103.0, 100.0))) == [SIGMA_UNKNOWN]


def test_a_split_is_no_return() -> None:
    whole = sigma_of(*map(session, (100.0, 102.0, 101.0, 103.0, 100.0, 104.0)))
    split = sigma_of(*map(session, (100.0, 102.0, 101.0, 25.75, 25.0, 26.0)), ratios={3: 4.0})
    assert split == pytest.approx(whole, abs=1e-9)


class Highest:
    """Signals a close above every high of the window before it, and remembers the windows it was given."""

    name, model_version, warmup = "highest", "1", 3

    def __init__(self) -> None:
        self.windows: list[list[float]] = []

    def signals(self, bars: Bars) -> Signals:
        self.windows.append(bars.close[:, 0].tolist())
        shape = bars.close.shape
        before = np.maximum.accumulate(bars.high)[:-1]
        rising = np.vstack([np.zeros((1, shape[1]), np.bool_), bars.close[1:] > before])
        return Signals(
            probability=np.where(rising, 0.6, np.nan),
            target=np.ones(shape),
            stop=np.ones(shape),
            side=np.ones(shape, np.int8),
            horizon=np.full(shape, np.nan),
            exit=np.zeros(shape, np.bool_),
        )


def test_a_strategy_sees_its_warm_up_and_then_the_session() -> None:
    strategy = Highest()
    reader = SignalReader([strategy], [np.array([True])])
    rows = [reader.read(session(close)) for close in (5.0, 6.0, 4.0)]
    assert strategy.windows == [[1.0, 5.0, 1.0, 6.0], [5.0, 1.0, 6.0, 1.0, 4.0]]
    assert [(len(r), r["minute"].tolist()) for r in rows] == [(0, []), (1, [1]), (0, [])]


def test_history_before_a_split_is_seen_in_new_shares() -> None:
    strategy = Highest()
    reader = SignalReader([strategy], [np.array([True])])
    reader.remember(session(8.0))
    reader.remember(session(12.0))
    reader.restate(np.array([4.0]))
    rows = reader.read(session(3.5))
    assert strategy.windows == [[2.0, 0.25, 3.0, 1.0, 3.5]]
    assert rows["minute"].tolist() == [1], "3.50 after the split is more than 12 before it"
