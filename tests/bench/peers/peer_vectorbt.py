"""The workload in vectorbt: whole-array indicators, then one of its two simulators.

    python peer_vectorbt.py DIR/medium.parquet signals|callback numba|rust

signals   Portfolio.from_signals. It has no size in terms of equity, so every order is a tenth of the
          *starting* cash, and it does not look at the exits in the entry bar.
callback  Portfolio.from_order_func with an order function of our own: exact sizes and prices. One order a bar
          and symbol, so the exits are first looked at in the bar after the entry. Numba only.

The pass is run twice in the process and the second one counts, since vectorbt compiles its simulators anew in
every process; the first pass is reported as `first_pass_s`. Equity and fills are read outside the clock.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import vectorbt as vbt
import workload
from numba import njit
from vectorbt.portfolio import nb
from workload import ATR_BARS, CASH, LOOKBACK, SLIPPAGE, STOP_ATR, SYMBOL_CAP, TARGET_ATR, TRADE_RISK

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def indicators(frames: dict[str, pd.DataFrame], engine: str) -> tuple[Bools, Floats]:
    """Breakouts and ATR at each close, (T, S)."""
    ceiling = frames["high"].vbt.rolling_max(LOOKBACK, engine=engine).vbt.fshift(1, engine=engine)
    ranges = vbt.ATR.run(frames["high"], frames["low"], frames["close"], window=ATR_BARS, ewm=False, engine=engine)
    return frames["close"].to_numpy() > ceiling.to_numpy(), ranges.atr.to_numpy()


def later(values: npt.NDArray[np.generic], first: object) -> npt.NDArray[np.generic]:
    """The array one bar later."""
    moved = np.empty_like(values)
    moved[0], moved[1:] = first, values[:-1]
    return moved


def signals(frames: dict[str, pd.DataFrame], engine: str) -> vbt.Portfolio:
    breakout, atr = indicators(frames, engine)
    reach = later(atr / frames["close"].to_numpy(), np.nan)
    return vbt.Portfolio.from_signals(
        frames["close"],
        entries=later(breakout, False),
        exits=False,
        open=frames["open"],
        high=frames["high"],
        low=frames["low"],
        price=frames["open"],
        size=SYMBOL_CAP * CASH,
        size_type="value",
        size_granularity=1.0,
        slippage=SLIPPAGE,
        sl_stop=STOP_ATR * reach,
        tp_stop=TARGET_ATR * reach,
        stop_entry_price="price",
        direction="longonly",
        init_cash=CASH,
        cash_sharing=True,
        group_by=True,
        engine=engine,
    )


@njit(cache=True)
def trade(c, open_, high, low, close, breakout, atr, stop, target):
    """vectorbt's order function: called at every bar and symbol with the account in `c`."""
    row, k = c.i, c.col
    price = open_[row, k]
    if c.position_now > 0.0:
        if stop[k] < price < target[k]:
            if low[row, k] <= stop[k]:
                price = stop[k]
            elif high[row, k] >= target[k]:
                price = target[k]
            else:
                return nb.order_nothing_nb()
        return nb.order_nb(size=-c.position_now, price=price)
    if row <= LOOKBACK or not breakout[row - 1, k]:
        return nb.order_nothing_nb()
    last, reach, equity = close[row - 1, k], atr[row - 1, k], c.value_now
    size = np.floor(min(TRADE_RISK * equity / (STOP_ATR * reach), SYMBOL_CAP * equity / last))
    if size < 1.0 or size * price * (1.0 + SLIPPAGE) > c.cash_now:
        return nb.order_nothing_nb()
    stop[k], target[k] = last - STOP_ATR * reach, last + TARGET_ATR * reach
    return nb.order_nb(size=size, price=price, slippage=SLIPPAGE)


def callback(frames: dict[str, pd.DataFrame], engine: str) -> vbt.Portfolio:
    breakout, atr = indicators(frames, engine)
    grids = [frames[name].to_numpy() for name in ("open", "high", "low", "close")]
    levels = np.zeros((2, len(frames["close"].columns)))
    return vbt.Portfolio.from_order_func(
        frames["close"],
        trade,
        *grids,
        breakout,
        atr,
        levels[0],
        levels[1],
        init_cash=CASH,
        cash_sharing=True,
        group_by=True,
    )


MODES: dict[str, Callable[[dict[str, pd.DataFrame], str], vbt.Portfolio]] = {
    "signals": signals,
    "callback": callback,
}


def main() -> None:
    market = workload.load(Path(sys.argv[1]))
    simulate, engine = MODES[sys.argv[2]], sys.argv[3]
    index = pd.DatetimeIndex(pd.to_datetime(market.time, utc=True))
    frames = {
        name: pd.DataFrame(getattr(market, name), index=index, columns=list(market.symbols))
        for name in ("open", "high", "low", "close")
    }
    begin = time.perf_counter()
    simulate(frames, engine)
    first = time.perf_counter() - begin
    with workload.replaying() as watch:
        portfolio = simulate(frames, engine)
    fills, equity = portfolio.orders.count(), portfolio.final_value()
    workload.report(vbt.__version__, market.close.size, watch.seconds, fills, equity, first_pass_s=first)


main()
