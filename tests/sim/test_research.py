"""Screens against trades computed by hand, against a plain loop, and on a market with a planted effect."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from core.bars import Bars
from core.errors import InputError
from core.statistics.missing import NotMeasured
from core.statistics.overfitting import Overfitting
from core.strategies.contract import Signals
from sim import research
from sim.research import Costs, screen

FREE = Costs(slippage_bps=0.0, fee_bps=0.0)
NAN = math.nan


def make_bars(prices: np.ndarray, sessions: int = 1) -> Bars:
    """Bars of shape (4, T, S): open, high, low, close."""
    rows, symbols = prices.shape[1:]
    return Bars(
        symbols=tuple(f"S{k}" for k in range(symbols)),
        time=np.arange(rows, dtype=np.int64) * 60_000_000_000,
        open=prices[0],
        high=prices[1],
        low=prices[2],
        close=prices[3],
        volume=np.full((rows, symbols), 1e6),
        regular=np.ones(rows, bool),
        session=np.repeat(np.arange(sessions), rows // sessions),
        bar_seconds=60,
    )


def silent(bars: Bars) -> Signals:
    """Signals that say nothing yet."""
    shape = bars.close.shape
    numbers = (np.full(shape, NAN) for _ in range(3))
    return Signals(*numbers, np.ones(shape, np.int8), np.full(shape, NAN), np.zeros(shape, bool))


@dataclass
class Once:
    """Signals at row 1, asks to leave at row `leave`."""

    side: int = 1
    probability: float = 0.9
    horizon: float = NAN
    leave: int = -1
    warmup: int = 0
    name: str = "once"
    model_version: str = "1"

    def signals(self, bars: Bars) -> Signals:
        signals = silent(bars)
        signals.probability[1], signals.target[1], signals.stop[1] = self.probability, 2.0, 1.0
        signals.side[1], signals.horizon[1] = self.side, self.horizon
        if self.leave >= 0:
            signals.exit[self.leave] = True
        return signals


@dataclass
class AtMinute:
    """Buys at one minute of each session and holds for twenty."""

    minute: int
    reach: float = 5.0
    warmup: int = 0
    name: str = "at minute"
    model_version: str = "1"

    def signals(self, bars: Bars) -> Signals:
        signals = silent(bars)
        rows = np.flatnonzero(np.arange(len(bars.time)) % 100 == self.minute)
        signals.probability[rows], signals.horizon[rows] = 0.6, 20.0
        signals.target[rows] = signals.stop[rows] = self.reach
        return signals


@dataclass
class Drawn:
    """Random signals of both sides, with exit flags and horizons."""

    seed: int
    warmup: int = 5
    name: str = "drawn"
    model_version: str = "1"

    def signals(self, bars: Bars) -> Signals:
        rng = np.random.default_rng(self.seed)
        shape = bars.close.shape
        return Signals(
            probability=np.where(rng.random(shape) < 0.2, 0.7, NAN),
            target=rng.uniform(0.1, 1.0, shape),
            stop=rng.uniform(0.1, 1.0, shape),
            side=rng.choice(np.array([-1, 1], np.int8), shape),
            horizon=np.where(rng.random(shape) < 0.5, rng.integers(1, 8, shape), NAN),
            exit=rng.random(shape) < 0.1,
        )


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("toys")
    for strategy in (Once, AtMinute, Drawn):
        setattr(module, strategy.__name__, strategy)
    monkeypatch.setitem(sys.modules, "toys", module)


# open, high, low, close: a signal at row 1 (close 100) enters at row 2 (open 100.5)
QUIET = [(100, 100, 100, 100), (100, 100, 100, 100), (100.5, 100.6, 100.4, 100.5)]
AFTER = {
    "target": [(100.6, 102.5, 100.5, 102.2), (102, 102, 102, 102)],
    "stop": [(100.4, 100.5, 98.0, 98.5), (98.5, 98.5, 98.5, 98.5)],
    "gap below": [(97.0, 97.5, 96.0, 97.2), (97, 97, 97, 97)],
    "gap above": [(103.0, 103.5, 102.8, 103.2), (103, 103, 103, 103)],
    "quiet": [(100.7, 100.8, 100.6, 100.7), (100.8, 100.9, 100.7, 100.9), (101.1, 101.2, 101, 101.1)],
    "missing": [(NAN,) * 4, (100.8, 100.9, 100.7, 100.9), (101.1, 101.2, 101, 101.1)],
}


@pytest.mark.parametrize(
    ("path", "setting", "exit_price"),
    [
        ("target", {}, 102.0),
        ("stop", {}, 99.0),
        ("gap below", {}, 97.0),
        ("gap above", {}, 103.0),
        ("target", {"side": -1}, 101.0),  # the short's stop
        ("stop", {"side": -1}, 98.0),  # the short's target
        ("quiet", {"horizon": 1.0}, 100.7),
        ("quiet", {"horizon": 2.0}, 100.8),
        ("quiet", {"leave": 3}, 100.8),
        ("quiet", {"leave": 1}, 101.1),  # asked while flat: nothing to leave; valued at the last close
        ("missing", {"horizon": 1.0}, 100.8),  # waits for the next trade
    ],
)
def test_one_trade_by_hand(path: str, setting: dict[str, Any], exit_price: float) -> None:
    prices = np.array(QUIET + AFTER[path], float).T[:, :, None]
    frame = screen(
        "toys:Once",
        {key: [value] for key, value in setting.items()} or {"side": [1]},
        make_bars(prices),
        FREE,
    ).settings
    gain = setting.get("side", 1) * (exit_price - 100.5) / 100.5
    assert frame["total_return"][0] == pytest.approx(gain, abs=1e-12)
    closed = "leave" not in setting or setting["leave"] == 3
    assert frame["trades"][0] == closed
    if closed:
        assert frame["hit_rate"][0] == (gain > 0)


def test_costs_are_paid_on_both_sides() -> None:
    prices = np.array(QUIET + AFTER["target"], float).T[:, :, None]
    frame = screen("toys:Once", {"side": [1]}, make_bars(prices), Costs(slippage_bps=10, fee_bps=5)).settings
    spent = 1.001 * 1.0005
    got = 102.0 / 100.5 * 0.999 * 0.9995
    assert frame["total_return"][0] == pytest.approx(got - spent, abs=1e-12)


def test_a_bet_that_costs_eat_up_is_not_made() -> None:
    prices = np.array(QUIET + AFTER["target"], float).T[:, :, None]
    fair = 1.0 / 3.0  # stop 1, target 2
    frame = screen("toys:Once", {"probability": [fair, fair + 0.01]}, make_bars(prices), FREE).settings
    assert frame["trades"].tolist() == [0, 1]
    assert math.isnan(frame["hit_rate"][0])
    assert math.isnan(frame["sharpe"][0])
    dear = screen("toys:Once", {"probability": [fair + 0.01]}, make_bars(prices), Costs(slippage_bps=10)).settings
    assert dear["trades"].tolist() == [0]


def test_signals_of_the_warm_up_are_ignored() -> None:
    prices = np.array(QUIET + AFTER["target"], float).T[:, :, None]
    frame = screen("toys:Once", {"warmup": [1, 2]}, make_bars(prices), FREE).settings
    assert frame["trades"].tolist() == [1, 0]


def drawn_prices(rows: int, symbols: int) -> np.ndarray:
    rng = np.random.default_rng(9)
    close = 100 + np.cumsum(rng.normal(0, 0.15, (rows, symbols)), axis=0)
    open_ = close - rng.normal(0, 0.1, (rows, symbols))
    high, low = np.maximum(open_, close) + 0.05, np.minimum(open_, close) - 0.05
    return np.array([open_, high, low, close])


def plain_loop(bars: Bars, signals: Signals, warmup: int, k: int) -> list[float]:
    """Profits of one symbol by the rules of the screen, without costs; the last may be open."""
    o, h, low, c = (getattr(bars, name)[:, k] for name in ("open", "high", "low", "close"))
    profits, side, size, stop, target, until = [], 0, 0.0, 0.0, 0.0, math.inf
    entry = 0.0
    for i in range(1, len(o)):
        past = i - 1 >= warmup
        if side:
            price = None
            reached = side * (target - o[i]) <= 0 or side * (o[i] - stop) <= 0
            if reached:
                price = o[i]
            elif low[i] <= stop <= h[i]:
                price = stop
            elif low[i] <= target <= h[i]:
                price = target
            elif (past and signals.exit[i - 1, k]) or i >= until:
                price = o[i]
            if price is not None:
                profits.append(side * size * (price - entry))
                side = 0
        elif (
            past
            and signals.probability[i - 1, k] > 0
            and (0.7 * signals.target[i - 1, k] > 0.3 * signals.stop[i - 1, k])
        ):
            side, entry, size = int(signals.side[i - 1, k]), o[i], 1.0 / o[i]
            stop = c[i - 1] - side * signals.stop[i - 1, k]
            target = c[i - 1] + side * signals.target[i - 1, k]
            stop, target = side * min(side * stop, side * entry), side * max(side * target, side * entry)
            until = i + signals.horizon[i - 1, k] if signals.horizon[i - 1, k] > 0 else math.inf
    return profits + [side * size * (c[-1] - entry)]


def test_random_signals_against_a_plain_loop() -> None:
    bars = make_bars(drawn_prices(600, 3), sessions=3)
    frame = screen("toys:Drawn", {"seed": [1, 2, 3]}, bars, FREE).settings
    for row, seed in enumerate((1, 2, 3)):
        books = [plain_loop(bars, Drawn(seed).signals(bars), 5, k) for k in range(3)]
        closed = np.concatenate([book[:-1] for book in books])
        assert len(closed) > 100
        assert frame["trades"][row] == len(closed)
        assert frame["hit_rate"][row] == pytest.approx((closed > 0).mean())
        assert frame["total_return"][row] == pytest.approx(sum(map(sum, books)) / 3, abs=1e-12)


def planted_bars() -> Bars:
    """Forty sessions of a hundred noisy minutes in which prices climb after minute 60."""
    rng = np.random.default_rng(4)
    steps = rng.normal(0.0, 3e-4, (4_000, 2))
    minute = np.arange(4_000) % 100
    steps[(minute > 60) & (minute <= 70)] += 5e-4
    close = 100.0 * np.exp(np.cumsum(steps, axis=0))
    open_ = np.vstack([np.full((1, 2), 100.0), close[:-1]])
    return make_bars(np.array([open_, np.maximum(open_, close), np.minimum(open_, close), close]), 40)


def test_a_planted_effect_is_found() -> None:
    grid = {"minute": [0, 5, 10, 15, 20, 25, 30, 35, 40, 60, 75, 95], "reach": [4.0, 5.0]}
    frame, chosen = screen("toys:AtMinute", grid, planted_bars(), Costs(slippage_bps=0.5))
    assert frame.columns.tolist()[:2] == ["minute", "reach"]
    assert len(frame) == 24
    planted = frame["minute"] == 60
    assert frame.loc[planted, "sharpe"].min() > frame.loc[~planted, "sharpe"].max()
    assert (frame.loc[planted, "deflated_sharpe"] > 0.95).all()
    assert (frame.loc[~planted, "deflated_sharpe"] < 0.5).all()
    assert (frame.loc[planted, "trades"] == 80).all()
    assert isinstance(chosen, Overfitting)
    assert (chosen.trials, chosen.sessions, chosen.blocks) == (24, 40, 16)
    assert chosen.probability == 0.0


def test_choosing_between_worthless_settings_is_overfitting() -> None:
    chosen = screen("toys:Drawn", {"seed": list(range(12))}, make_bars(drawn_prices(2_000, 2), 20), FREE).overfitting
    assert isinstance(chosen, Overfitting)
    assert chosen.probability > 0.2
    alone = screen("toys:Drawn", {"seed": [1]}, make_bars(drawn_prices(2_000, 2), 20), FREE).overfitting
    assert alone == NotMeasured(1, 2, "settings tried")


def test_the_answer_does_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    grid, bars = {"minute": [20, 60, 75]}, planted_bars()
    whole = screen("toys:AtMinute", grid, bars).settings
    monkeypatch.setattr(research, "CHUNK_CELLS", 1)
    assert screen("toys:AtMinute", grid, bars).settings.equals(whole)


@pytest.mark.parametrize(
    ("use", "grid", "place"),
    [
        ("toys:Once", {}, "grid"),
        ("toys:Once", {"side": []}, "grid"),
        ("toys:Nobody", {"side": [1]}, "toys:Nobody"),
        ("nowhere:Once", {"side": [1]}, "nowhere:Once"),
        ("Once", {"side": [1]}, "Once"),
        ("toys:Once", {"colour": [1]}, "toys:Once"),
    ],
)
def test_bad_questions_are_refused(use: str, grid: dict[str, list[Any]], place: str) -> None:
    with pytest.raises(InputError) as error:
        screen(use, grid, make_bars(drawn_prices(10, 1)))
    assert error.value.place == place


def test_a_symbol_without_bars_is_named() -> None:
    prices = drawn_prices(10, 2)
    prices[:, :, 1] = NAN
    with pytest.raises(InputError, match="S1"):
        screen("toys:Once", {"side": [1]}, make_bars(prices))
