"""The account's books: positions, cash, equity over time, day trades and the activities, all made from the news.

Cash moves as the venue's does: a purchase costs the notional rounded up to a micro, a sale brings it rounded down. The
regulatory fees of a day are pending until they are charged in one sum, before the next one begins; the venue takes them
with the execution. Cost is kept as quantity times price without rounding; closing takes its share of it.

A day trade (FINRA 4210(f)(8)(B), in force until 2026-06-04) is a closing execution in a symbol that was opened the
same day; the opening counts for one. A fill through zero closes first and opens then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from core.calendar import as_date
from core.kernel.units import MICRO
from sim.alpaca.identity import drawn_uuid
from sim.alpaca.order import Order
from sim.alpaca.text import dec, stamp

PDT_SESSIONS = 5


@dataclass(slots=True)
class Position:
    """Shares of one symbol: signed quantity in micros; cost and the day's basis in micros times micros, from 0 up."""

    qty: int = 0
    cost: int = 0
    basis: int = 0  # what it would have cost at the previous close, for the result of the day
    opened_today: bool = False

    def apply(self, side: int, qty: int, price: int) -> int:
        """Book an execution; the number of day trades that it makes."""
        day_trades = 0
        if self.qty * side < 0:
            closed = min(qty, abs(self.qty))
            rest = abs(self.qty) - closed
            self.cost = self.cost * rest // abs(self.qty)
            self.basis = self.basis * rest // abs(self.qty)
            self.qty += side * closed
            qty -= closed
            if self.opened_today:
                self.opened_today, day_trades = False, 1
        if qty:
            self.qty += side * qty
            self.cost += qty * price
            self.basis += qty * price
            self.opened_today = True
        return day_trades

    @property
    def average(self) -> int:
        """Average entry price, micros."""
        return self.cost // abs(self.qty) if self.qty else 0


@dataclass(slots=True)
class Ledger:
    """The books of one account over S symbols; amounts micros."""

    symbols: tuple[str, ...]
    cash: int
    positions: list[Position] = field(init=False)
    last: list[int] = field(init=False)  # the last price that anybody has seen
    previous: list[int] = field(init=False)  # the close of the session before
    last_equity: int = field(init=False)
    start_cash: int = field(init=False)
    last_maintenance: int = 0
    pending_fees: int = 0
    equity_rows: list[tuple[int, int, bool]] = field(default_factory=list)  # time, equity, regular hours
    activities: list[dict[str, Any]] = field(default_factory=list)
    cashflows: list[tuple[int, str, int]] = field(default_factory=list)
    day_trades: deque[int] = field(default_factory=lambda: deque([0], PDT_SESSIONS))
    trades: deque[int] = field(default_factory=lambda: deque([0], PDT_SESSIONS))

    def __post_init__(self) -> None:
        count = len(self.symbols)
        self.positions = [Position() for _ in range(count)]
        self.last, self.previous = [0] * count, [0] * count
        self.last_equity = self.start_cash = self.cash

    def anew(self) -> Ledger:
        """The books after a reset of the account: its first cash and nothing else; prices are the market's."""
        books = Ledger(self.symbols, self.start_cash)
        books.last, books.previous = self.last, self.previous
        return books

    def value(self, symbol: int) -> int:
        """Market value of a position, micros, rounded down; negative for a short one."""
        return self.positions[symbol].qty * self.last[symbol] // MICRO

    @property
    def long_value(self) -> int:
        """Market value of the long positions."""
        return sum(max(self.value(s), 0) for s in range(len(self.symbols)))

    @property
    def short_value(self) -> int:
        """Market value of the short positions, zero or less."""
        return sum(min(self.value(s), 0) for s in range(len(self.symbols)))

    @property
    def equity(self) -> int:
        """Cash and positions."""
        return self.cash + self.long_value + self.short_value

    def fill(self, order: Order, execution: str, qty: int, price: int, fee: int, time: int) -> int:
        """Book an execution of an order that has been updated for it; the position afterwards, signed micros."""
        position = self.positions[order.symbol]
        self.day_trades[-1] += position.apply(order.side, qty, price)
        self.trades[-1] += 1
        self.cash += -order.side * qty * price // MICRO
        self.pending_fees += fee
        self.activities.append(
            {
                "id": activity_id(time, execution),
                "activity_type": "FILL",
                "transaction_time": stamp(time),
                "type": "fill" if order.filled >= order.qty else "partial_fill",
                "price": dec(price),
                "qty": dec(qty),
                "side": "buy" if order.side > 0 else "sell",
                "symbol": self.symbols[order.symbol],
                "leaves_qty": dec(max(order.qty - order.filled, 0)),
                "order_id": order.id,
                "cum_qty": dec(order.filled),
                "order_status": order.status,
            }
        )
        return position.qty

    def flow(self, kind: str, amount: int, time: int, date: int, symbol: int = -1) -> None:
        """Book cash that does not come from a trade; `date` in days since 1970."""
        self.cash += amount
        self.cashflows.append((time, kind, amount))
        activity: dict[str, Any] = {
            "id": activity_id(time, drawn_uuid("flow", kind, time, symbol)),
            "activity_type": kind,
            "date": as_date(date).isoformat(),
            "created_at": stamp(time),
            "net_amount": dec(amount),
            "status": "executed",
            "currency": "USD",
            "description": "",
        }
        if symbol >= 0:
            activity |= {"symbol": self.symbols[symbol], "qty": dec(self.positions[symbol].qty)}
        self.activities.append(activity)

    def charge(self, time: int, date: int) -> None:
        """Book the fees that are pending."""
        if self.pending_fees:
            self.flow("FEE", -self.pending_fees, time, date)
            self.pending_fees = 0

    def split(self, symbol: int, ratio: int) -> None:
        """Multiply a position by new shares per old, nanos; its cost stays."""
        position = self.positions[symbol]
        quantity = abs(position.qty) * ratio // 10**9
        position.qty = quantity if position.qty > 0 else -quantity
        self.last[symbol] = self.last[symbol] * 10**9 // ratio
        self.previous[symbol] = self.previous[symbol] * 10**9 // ratio

    def close_day(self, maintenance: int) -> None:
        """The regular session is over: its equity and its prices become those of the last day."""
        self.last_equity = self.equity
        self.last_maintenance = maintenance
        self.previous = list(self.last)

    def open_day(self) -> None:
        """A new day begins: day trades of a new column, and results of the day from the last close on."""
        self.day_trades.append(0)
        self.trades.append(0)
        for symbol, position in enumerate(self.positions):
            position.opened_today = False
            position.basis = abs(position.qty) * self.previous[symbol]

    def sample(self, time: int, regular: bool) -> None:
        """Remember the equity at the end of a minute."""
        self.equity_rows.append((time, self.equity, regular))


def activity_id(time: int, uuid: str) -> str:
    """YYYYMMDDHHMMSSmmm::uuid, which sorts by time."""
    digits = "".join(character for character in stamp(time)[:19] if character.isdigit())
    return f"{digits}{time // 1_000_000 % 1000:03d}::{uuid}"
