"""The workload in one plain loop that shares no code with seatrial: what every engine should answer.

    python reference.py DIR [small medium large]

prints fills and final equity under the rules as written, then with each rule changed to seatrial's own, so
that a difference between seatrial and its peers has a name and a size:

cents      both exit distances are rounded to the nearest cent, since an exchange takes no other price
decision   cash is checked when the order is decided, at the close, for all orders of that minute together,
           instead of when it fills: a broker reserves buying power on acceptance
reduce     as decision, and an order that cash does not cover is cut to what it covers instead of refused
seatrial   as reduce, and the venue's own rules: an order is refused when cash does not cover it at the price at
           which it arrives, both exit prices on the cent above, a stop pays the basis point too, a resting
           target fills only when the bar trades through it, and the session's last bar opens nothing, since
           the market is shut when it is known

Prices and cash are float64: this is a yardstick, not a ledger.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import workload
from numba import njit
from workload import ATR_BARS, CASH, LOOKBACK, MINUTES, SLIPPAGE, STOP_ATR, SYMBOL_CAP, TARGET_ATR, TRADE_RISK

AT_FILL, REFUSE, REDUCE = 0, 1, 2
ENTRY, STOP, TARGET = 0, 1, 2
VARIANTS = {
    "as written": (False, AT_FILL, False),
    "cents": (True, AT_FILL, False),
    "decision": (False, REFUSE, False),
    "reduce": (False, REDUCE, False),
    "cents + decision": (True, REFUSE, False),
    "cents + reduce": (True, REDUCE, False),
    "seatrial": (False, REDUCE, True),
}

FILL = np.dtype([("row", "i8"), ("symbol", "i4"), ("rule", "i4"), ("quantity", "f8"), ("price", "f8")])


@dataclass(frozen=True, slots=True)
class Outcome:
    """Fills in order (FILL: signed quantity, row = index of the minute) and equity at the last close."""

    fills: npt.NDArray[np.void]
    equity: float


def replay(market: workload.Market, cents: bool = False, power: int = AT_FILL, venue: bool = False) -> Outcome:
    """Trade the whole market under the rules of README.md, or with the changes named above."""
    fills = np.zeros(market.close.size // 8 + 1024, FILL)
    count, equity = _trade(market.open, market.high, market.low, market.close, (cents, power, venue), fills)
    return Outcome(fills[:count], equity)


@njit(cache=True)
def _highest(high, row, symbol):
    """Highest high of the LOOKBACK bars before this one."""
    best = high[row - 1, symbol]
    for back in range(2, LOOKBACK + 1):
        best = max(best, high[row - back, symbol])
    return best


@njit(cache=True)
def _atr(high, low, close, row, symbol):
    """Plain mean of the true range over the last ATR_BARS bars, this one included."""
    total = 0.0
    for at in range(row - ATR_BARS + 1, row + 1):
        before = close[at - 1, symbol]
        total += max(high[at, symbol], before) - min(low[at, symbol], before)
    return total / ATR_BARS


@njit(cache=True)
def _exit(open_, high, low, stop, target):
    """Rule and price at which a long position leaves within this bar; rule -1 if it stays."""
    if open_ <= stop:
        return STOP, open_
    if open_ >= target:
        return TARGET, open_
    if low <= stop:
        return STOP, stop
    if high >= target:
        return TARGET, target
    return -1, 0.0


@njit(cache=True)
def _venue_exit(open_, high, low, stop, target):
    """The same by the rules of seatrial's venue."""
    spread = open_ * SLIPPAGE
    if open_ <= stop:
        return STOP, open_ - spread
    if open_ > target:
        return TARGET, open_
    if low <= stop:
        return STOP, stop - spread
    if high > target:
        return TARGET, target
    return -1, 0.0


@njit(cache=True)
def _cent_above(dollars):
    """The least whole number of cents at or above a price that is itself exact to a micro-dollar."""
    return np.ceil(np.rint(dollars * 1e6) / 1e4) / 100.0


@njit(cache=True)
def _to_cent(dollars):
    """The float64 nearest to a whole number of cents, so that equal prices compare equal."""
    return np.rint(dollars * 100.0) / 100.0


@njit(cache=True)
def _record(fill, row, symbol, rule, quantity, price):
    fill.row, fill.symbol, fill.rule = row, symbol, rule
    fill.quantity, fill.price = quantity, price


@njit(cache=True)
def _admit(ordered, price, last, cash):
    """Drop the orders that cash does not cover when they arrive at seatrial's venue, in the order of their symbols."""
    working = 0.0
    for k in range(len(ordered)):
        if ordered[k] * price[k] > cash - working:
            ordered[k] = 0.0
        working += ordered[k] * last[k]


@njit(cache=True)
def _trade(open_, high, low, close, rules, fills):
    cents, power, venue = rules
    rows, symbols = close.shape
    cash, equity, count = CASH, CASH, 0
    held, ordered = np.zeros(symbols), np.zeros(symbols)
    stop, target = np.zeros(symbols), np.zeros(symbols)
    for row in range(rows):
        if venue:
            _admit(ordered, open_[row], close[row - 1], cash)
        for k in range(symbols):
            if ordered[k] > 0.0:
                price = open_[row, k] * (1.0 + SLIPPAGE)
                if power != AT_FILL or ordered[k] * price <= cash:
                    held[k] = ordered[k]
                    cash -= held[k] * price
                    _record(fills[count], row, k, ENTRY, held[k], price)
                    count += 1
                ordered[k] = 0.0
            if held[k] > 0.0:
                bar = (open_[row, k], high[row, k], low[row, k], stop[k], target[k])
                rule, price = _venue_exit(*bar) if venue else _exit(*bar)
                if rule >= 0:
                    cash += held[k] * price
                    _record(fills[count], row, k, rule, -held[k], price)
                    count += 1
                    held[k] = 0.0
        equity = cash + np.sum(held * close[row])
        free = cash
        for k in range(symbols):
            last = close[row, k]
            shut = venue and row % MINUTES == MINUTES - 1
            if shut or row < LOOKBACK or held[k] > 0.0 or last <= _highest(high, row, k):
                continue
            atr = _atr(high, low, close, row, k)
            quantity = np.floor(min(TRADE_RISK * equity / (STOP_ATR * atr), SYMBOL_CAP * equity / last))
            if power == REDUCE:
                quantity = min(quantity, np.floor(max(free, 0.0) / last))
            if quantity < 1.0 or (power == REFUSE and quantity * last > free):
                continue
            free -= quantity * last
            ordered[k] = quantity
            risk, reach = STOP_ATR * atr, TARGET_ATR * atr
            if cents:
                risk, reach = _to_cent(risk), _to_cent(reach)
                stop[k], target[k] = _to_cent(last - risk), _to_cent(last + reach)
            elif venue:
                stop[k], target[k] = min(_cent_above(last - risk), last - 0.01), _cent_above(last + reach)
            else:
                stop[k], target[k] = last - risk, last + reach
    return count, equity


def main(folder: Path, names: list[str]) -> None:
    """Print the answer to every variant of every market size."""
    for name in names:
        market = workload.load(folder / f"{name}.parquet")
        for variant, rules in VARIANTS.items():
            outcome = replay(market, *rules)
            print(f"{name:7} {variant:18} {len(outcome.fills):8,} fills   equity {outcome.equity:14,.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(workload.SIZES))
