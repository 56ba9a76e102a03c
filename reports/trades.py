"""Round trips from fills: a trade lasts from the fill that opens a position until the symbol is flat again.

A fill that takes a position through zero ends one trade and begins the next, its fee shared by quantity.
Splits and cash in lieu change the position inside a trade; dividends are cash of the account and belong to
no trade. The result of an open trade is taken at the run's last mark.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from reports.columns import Bools, Codes, Floats, Times

MICROS = 1e6


@dataclass(frozen=True, slots=True)
class Flows:
    """What moved positions: int64 symbol code, ns, signed micro-shares; dollars; order row or -1.

    `cash` is what the movement put into the account, fees included; `slippage` is its cost in dollars.
    """

    symbol: Codes
    time: Times
    shares: Codes
    cash: Floats
    slippage: Floats
    notional: Floats
    order: Codes


@dataclass(frozen=True, slots=True)
class Trades:
    """One row a round trip, in order of opening. `order` is the row of the opening order or -1."""

    symbol: Codes
    opened: Times
    last: Times
    side: Codes
    order: Codes
    profit: Floats
    slippage: Floats
    turnover: Floats
    closed: Bools

    def __len__(self) -> int:
        return len(self.symbol)


def round_trips(flows: Flows, marks: Floats) -> Trades:
    """Trades from flows; `marks` float64[symbols] values what is still open, NaN where no mark is known."""
    order = np.argsort(flows.time, kind="stable")
    order = order[flows.shares[order] != 0]
    order = order[np.argsort(flows.symbol[order].astype(np.int16), kind="stable")]  # 16 bits are sorted by radix
    row, before, moved, part = _parts(flows.symbol[order], flows.shares[order])
    row, starts = order[row], np.flatnonzero(before == 0)
    ends = np.append(starts[1:], len(row))[: len(starts)] - 1
    first, last = row[starts], row[ends]
    held = (before + moved)[ends]
    value = np.where(held == 0, 0.0, held / MICROS * marks[flows.symbol[first]])
    trades = Trades(
        flows.symbol[first],
        flows.time[first],
        flows.time[last],
        np.sign(moved[starts]),
        flows.order[first],
        _sums(flows.cash[row] * part, starts) + value,
        _sums(flows.slippage[row] * part, starts),
        _sums(flows.notional[row] * part, starts),
        held == 0,
    )
    rank = np.argsort(trades.opened, kind="stable")
    return Trades(*(getattr(trades, field.name)[rank] for field in fields(trades)))


def _parts(symbol: Codes, shares: Codes) -> tuple[Codes, Codes, Codes, Floats]:
    """Flows by symbol, those through zero cut in two: source row, position before, shares, part."""
    before = _positions(symbol, shares) - shares
    after = before + shares
    flips = np.sign(before) * np.sign(after) < 0
    row = np.repeat(np.arange(len(shares)), np.where(flips, 2, 1))
    second = np.zeros(len(row), np.bool_)
    second[1:] = row[1:] == row[:-1]
    moved = np.where(second, after[row], np.where(flips[row], -before[row], shares[row]))
    return row, np.where(second, 0, before[row]), moved, moved / shares[row]


def _sums(values: Floats, starts: Codes) -> Floats:
    return np.add.reduceat(values, starts) if len(starts) else np.zeros(0)


def _positions(symbol: Codes, shares: Codes) -> Codes:
    """Position after each row of flows sorted by symbol: a running sum that begins anew with each symbol."""
    total = np.cumsum(shares)
    first = np.flatnonzero(np.diff(symbol, prepend=-1))
    base = np.append(0, total)[first]
    return np.asarray(total - np.repeat(base, np.diff(np.append(first, len(symbol)))))
