"""Parameter screens: many settings of one strategy over the same bars at once, through vectorbt.

A screen is for finding a region of parameters worth a real trial, not for proving a strategy. It takes the
signals of each setting over the whole history at once and trades them plainly: every bet with a positive
expectation after costs is made with the same notional (one part of the starting cash a symbol, never
compounded), one position a symbol at a time, without the risk agent, buying power, latency or partial fills.
A column of vectorbt's simulator is one symbol of one setting, and one call plays as many settings as fit in
memory.

Timing is the run's: a signal at a bar's close trades at the symbol's next open, its stop and target stay at
the distances from that close, and a missing bar is played as one at the next open, so that an order waits for
the next trade. vectorbt looks at the exits from the bar after the entry on, and at a stop before an exit
signal of the same bar. It knows no time exit: `_closings` finds which positions reach their horizon. Targets
pay slippage as stops do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.bars import Bars
from core.datasets import Dataset
from core.errors import InputError
from core.kernel.compiled import entry
from core.statistics.missing import NotMeasured
from core.statistics.overfitting import Overfitting, overfitting
from core.statistics.series import SESSIONS_A_YEAR
from core.statistics.standing import deflated_sharpe, sharpe
from core.strategies.contract import Sides, Signals, Strategy
from core.strategies.loading import load, run_window

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

CHUNK_CELLS = 2_000_000  # bars x columns in one call: about 0.6 GB


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of one side of a trade in basis points of its price; slippage includes half the spread."""

    slippage_bps: float = 1.0
    fee_bps: float = 0.0

    @property
    def side(self) -> float:
        """Both, as a fraction of the price."""
        return (self.slippage_bps + self.fee_bps) * 1e-4


class _Market(NamedTuple):
    """Regular bars without holes, float64 (R, S) dollars."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


class _Wants(NamedTuple):
    """What one setting wants at each open, (R, S).

    side     int8, +1 buy, -1 sell short, 0 nothing
    stop     float64, distance of the stop as a fraction of the open; NaN without a side
    target   float64, distance of the target likewise
    horizon  float64, bars to hold, NaN = without limit
    leave    bool, close whatever is held
    """

    side: Sides
    stop: Floats
    target: Floats
    horizon: Floats
    leave: Bools


class Screen(NamedTuple):
    """The measures of each setting, and how far the choice between them is made by the sample."""

    settings: pd.DataFrame
    overfitting: Overfitting | NotMeasured


def screen(use: str, grid: Mapping[str, Sequence[Any]], bars: Bars | Dataset, costs: Costs | None = None) -> Screen:
    """Play every combination of `grid` and measure it.

    use    package.module:Class of the strategy
    grid   parameter name to the values to try; parameters that it does not name keep their defaults
    bars   the history, or a dataset that is read into memory whole
    costs  by default one basis point a side

    `settings` has one row a setting in the order of the grid: a column for each parameter, then `total_return`,
    `sharpe` (annual, of daily results; NaN when they never vary), `max_drawdown` (fraction of the peak),
    `trades` (closed), `hit_rate` (NaN without trades) and `deflated_sharpe` (a probability: core.statistics.standing).
    `overfitting` is that of the daily results (core.statistics.overfitting).
    Raises InputError for an empty grid, a symbol without bars, and as core.strategies.loading does.
    """
    import pandas as pd

    if not grid or not all(len(values) for values in grid.values()):
        raise InputError("grid", "has no setting to try", "Give each parameter at least one value.")
    costs = costs or Costs()
    whole = bars if isinstance(bars, Bars) else Bars.concat([block.bars for block in bars.blocks()])
    market = _market(whole)
    session = whole.session[whole.regular]
    closes = np.flatnonzero(np.diff(session, append=session[-1] + 1))
    settings = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    rows: list[dict[str, float]] = []
    daily: list[Floats] = []
    for chunk in _chunks(settings, market.close.size):
        wants = [_wants(load(use, setting, use), whole, market, costs) for setting in chunk]
        equity, profits = _play(wants, market, costs)
        rows += [_measures(equity[:, i], profits[i]) for i in range(len(chunk))]
        daily += [np.diff(equity[closes, i], prepend=1.0) for i in range(len(chunk))]
    results = np.column_stack(daily)
    frame = pd.DataFrame(settings).join(pd.DataFrame(rows))
    frame.insert(len(grid) + 1, "sharpe", sharpe(results) * math.sqrt(SESSIONS_A_YEAR))
    return Screen(frame.assign(deflated_sharpe=deflated_sharpe(results)), overfitting(results))


def _chunks(settings: list[dict[str, Any]], cells: int) -> Iterator[list[dict[str, Any]]]:
    size = max(1, CHUNK_CELLS // cells)
    for first in range(0, len(settings), size):
        yield settings[first : first + size]


def _market(bars: Bars) -> _Market:
    """Regular rows only; a missing bar stands at the next open, and after the last one at the last close."""
    import pandas as pd

    for column, symbol in enumerate(bars.symbols):
        if np.isnan(bars.close[bars.regular, column]).all():
            raise InputError(symbol, "has no bar in the regular sessions", "Leave it out of the screen.")
    prices = {name: pd.DataFrame(getattr(bars, name)[bars.regular]) for name in _Market._fields}
    resting = prices["open"].bfill().fillna(prices["close"].ffill())
    filled = {name: np.ascontiguousarray(frame.fillna(resting)) for name, frame in prices.items()}
    return _Market(**filled)


def _wants(strategy: Strategy, bars: Bars, market: _Market, costs: Costs) -> _Wants:
    """Turn a strategy's signals at closes into wants at the next regular open."""
    signals = _regular(run_window(strategy, bars), bars, strategy.warmup)
    close = bars.close[bars.regular]
    round_trip = 2.0 * costs.side * close
    p = signals.probability
    edge = p * (signals.target - round_trip) - (1.0 - p) * (signals.stop + round_trip)
    side = _next_row(np.where(edge > 0.0, signals.side, np.int8(0)))
    stop = side * (market.open - _next_row(close - signals.side * signals.stop)) / market.open
    target = side * (_next_row(close + signals.side * signals.target) - market.open) / market.open
    stop, target = (np.where(side == 0, np.nan, np.maximum(reach, 0.0)) for reach in (stop, target))
    return _Wants(side, stop, target, _next_row(signals.horizon), _next_row(signals.exit))


def _regular(signals: Signals, bars: Bars, warmup: int) -> Signals:
    """The signals of regular rows, those of the warm-up silenced."""
    probability, exit_ = signals.probability.copy(), signals.exit.copy()
    probability[:warmup], exit_[:warmup] = np.nan, False
    values = {field.name: getattr(signals, field.name) for field in fields(signals)}
    values |= {"probability": probability, "exit": exit_}
    return Signals(**{name: value[bars.regular] for name, value in values.items()})


def _next_row(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The values one row later; nothing (0, False, NaN) in the first."""
    later = np.empty_like(values)
    later[1:], later[:1] = values[:-1], np.nan if values.dtype.kind == "f" else 0
    return later


@entry
def _closings(market: _Market, wants: _Wants) -> Bools:
    """The opens at which a position is closed by its horizon or by the strategy, bool (R, S).

    Follows positions as the simulator does: it must know when one is open, for a wish to leave means nothing
    to a flat column and would take an entry with it.
    """
    rows, columns = market.open.shape
    closings = np.zeros((rows, columns), np.bool_)
    held, until = np.zeros(columns, np.int8), np.zeros(columns)
    floor, ceiling = np.zeros(columns), np.zeros(columns)
    for i in range(rows):
        for k in range(columns):
            if held[k] != 0:
                if market.low[i, k] <= floor[k] or market.high[i, k] >= ceiling[k]:
                    held[k] = 0
                elif wants.leave[i, k] or i >= until[k]:
                    closings[i, k] = True
                    held[k] = 0
            elif wants.side[i, k] != 0:
                held[k] = wants.side[i, k]
                below, above = wants.stop[i, k], wants.target[i, k]
                if held[k] < 0:
                    below, above = above, below
                floor[k] = market.open[i, k] * (1.0 - below)
                ceiling[k] = market.open[i, k] * (1.0 + above)
                until[k] = i + wants.horizon[i, k] if wants.horizon[i, k] > 0.0 else np.inf
    return closings


def _play(wants: list[_Wants], market: _Market, costs: Costs) -> tuple[Floats, list[Floats]]:
    """Equity as a multiple of the starting cash (R, settings), and each setting's profit by closed trade."""
    import vectorbt as vbt

    rows, symbols = market.close.shape
    grid = {name: np.tile(prices, len(wants)) for name, prices in market._asdict().items()}
    side, stop, target = (np.hstack([getattr(want, name) for want in wants]) for name in _Wants._fields[:3])
    exits = np.hstack([_closings(market, want) for want in wants])
    portfolio = vbt.Portfolio.from_signals(
        **grid,
        price=grid["open"],
        entries=side > 0,
        exits=exits,
        short_entries=side < 0,
        short_exits=exits,
        upon_long_conflict="exit",
        upon_short_conflict="exit",
        upon_opposite_entry="ignore",
        size=1.0,
        size_type="value",
        init_cash=2.0,  # twice the notional of a bet: losses never make the next one smaller
        slippage=costs.slippage_bps * 1e-4,
        fees=costs.fee_bps * 1e-4,
        sl_stop=stop,
        tp_stop=target,
        stop_entry_price="price",
        stop_exit_price="stopmarket",
        engine="auto",
    )
    value = np.asarray(portfolio.value()).reshape(rows, len(wants), symbols)
    trades = portfolio.trades.records
    closed = trades[trades["status"] == 1]
    setting, profit = closed["col"].to_numpy() // symbols, closed["pnl"].to_numpy()
    return value.mean(axis=2) - 1.0, [profit[setting == i] for i in range(len(wants))]


def _measures(equity: Floats, profit: Floats) -> dict[str, float]:
    peak = np.maximum.accumulate(np.maximum(equity, 1.0))
    return {
        "total_return": float(equity[-1] - 1.0),
        "max_drawdown": float((1.0 - equity / peak).max()),
        "trades": len(profit),
        "hit_rate": float((profit > 0.0).mean()) if len(profit) else math.nan,
    }
