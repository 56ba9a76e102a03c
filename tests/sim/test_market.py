"""Daily volatility for the impact model: what is known of it, and what a split does to it."""

from __future__ import annotations

from itertools import pairwise
from math import log, sqrt

import numpy as np
import pytest

from core.bars import Bars
from core.kernel.units import NANO
from sim.market import SIGMA_UNKNOWN, DailySigma


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
