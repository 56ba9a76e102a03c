"""What the broker says of orders, positions and the account, as typed messages; wire.py makes them of bytes.

Amounts are the engine's integers (values.py). Fields that are not named here are ignored, because Alpaca adds some now
and then. Words that come from a list that may grow (statuses, event names) stay text; whoever gives them a meaning must
have an answer for one that it does not know.
"""

from __future__ import annotations

import msgspec

from live.alpaca.values import Instant, Item, Money, Name, Price, Quantity, Title, Word


class Struct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What all messages share."""


class Order(Struct, frozen=True):
    """An order as the broker describes it (section 4.2 of the protocol notes); legs only where they are nested."""

    id: Name
    client_order_id: Title
    symbol: Word
    side: Word
    status: Word
    type: Word
    submitted_at: Instant
    time_in_force: Word = ""
    order_class: Word | None = ""
    qty: Quantity | None = None
    filled_qty: Quantity = Quantity(0)
    filled_avg_price: Price | None = None
    limit_price: Price | None = None
    stop_price: Price | None = None
    updated_at: Instant | None = None
    replaced_by: Name | None = None
    replaces: Name | None = None
    legs: list[Order] | None = None


class Update(Struct, frozen=True):
    """One item of the trading stream. `price` and `qty` are those of this execution, not of the order."""

    event: Word
    order: Order
    timestamp: Instant
    execution_id: Name | None = None
    price: Price | None = None
    qty: Quantity | None = None
    position_qty: Quantity | None = None


class Activity(Struct, frozen=True):
    """An execution as the account's history lists it; fills of one millisecond come in any order."""

    id: Item
    order_id: Name
    symbol: Word
    side: Word
    qty: Quantity
    price: Price
    cum_qty: Quantity
    transaction_time: Instant


class Flow(Struct, frozen=True):
    """Cash that moved without a trade, as the account's history lists it: by date, and not always with a time."""

    id: Item
    activity_type: Word
    net_amount: Money = Money(0)
    date: Word = ""
    status: Word = "executed"
    symbol: Word | None = None
    created_at: Instant | None = None


class Position(Struct, frozen=True):
    """Shares held in a symbol; `side` has the sign, whatever `qty` says."""

    symbol: Word
    side: Word
    qty: Quantity
    avg_entry_price: Price

    @property
    def shares(self) -> int:
        """Micro-shares, negative for a short position."""
        return -abs(int(self.qty)) if self.side == "short" else abs(int(self.qty))


class Account(Struct, frozen=True):
    """The account, of which many fields come and go with the rules; these have stayed."""

    id: Name
    status: Word
    cash: Money
    equity: Money
    buying_power: Money
    initial_margin: Money = Money(0)
    multiplier: str | float | None = None
    shorting_enabled: bool | None = None
    created_at: Instant | None = None
    trading_blocked: bool = False
    account_blocked: bool = False
    trade_suspended_by_user: bool = False

    @property
    def may_trade(self) -> bool:
        """Whether the broker takes orders from it at all."""
        blocked = self.trading_blocked or self.account_blocked or self.trade_suspended_by_user
        return self.status == "ACTIVE" and not blocked


class Clock(Struct, frozen=True):
    """The broker's own idea of the time and of the session."""

    timestamp: Instant
    is_open: bool
    next_open: Instant
    next_close: Instant


class Asset(Struct, frozen=True):
    """What may be done with a symbol."""

    symbol: str
    status: str
    tradable: bool
    shortable: bool
    easy_to_borrow: bool
    fractionable: bool


class Problem(Struct, frozen=True):
    """The body of a refusal. Context fields tell causes apart more safely than the message does."""

    message: str
    code: int | None = None
    buying_power: str | float | None = None
    available: str | float | None = None
    reject_reason: str | None = None
    base_price: str | float | None = None
