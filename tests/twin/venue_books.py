"""The second venue's account in one symbol: what it holds, what it has, what it is owed, and what it may still buy."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from core.kernel.kinds import OrderType
from tests.twin.venue_orders import Order
from tests.twin.venue_path import NANO, SHARE, portion

SHORT = 30_000_000  # 3 %, by which a short sale is valued above the market


def worth(qty: int, price: int) -> int:
    """Micros of shares at a price, down."""
    return math.floor(Fraction(qty * price, SHARE))


@dataclass
class Books:
    """Cash, position and the last price that either is judged by; `due` are
    dividends to come, as (time, amount), and `paid` those that came."""

    cash: int
    multiplier: int
    position: int = 0
    last: int = 0
    due: list[tuple[int, int]] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)

    def closes(self, side: int) -> bool:
        """Whether a trade of this side makes the position smaller."""
        return self.position * side < 0

    def trade(self, side: int, qty: int, price: int, fee: int) -> None:
        self.position += side * qty
        self.cash += worth(-side * qty, price) - fee

    def split(self, ratio: int) -> None:
        """`ratio` in nanos; whatever is less than a micro-share is lost, and less than a micro-dollar."""
        shares = abs(self.position) * ratio // NANO
        self.position = shares if self.position > 0 else -shares
        self.last = self.last * NANO // ratio

    def owe(self, amount: int, time: int) -> None:
        if self.position:
            self.due.append((time, worth(self.position, amount)))

    def pay(self, until: int) -> None:
        """Dividends whose time comes before `until`."""
        self.paid += [amount for time, amount in self.due if time < until]
        self.cash += sum(amount for time, amount in self.due if time < until)
        self.due = [(time, amount) for time, amount in self.due if time >= until]

    def buying_power(self, live: Iterable[Order]) -> int:
        """Equity times the multiplier, less what is held, less what live orders may yet open."""
        may_open = [order for order in live if order.state != "held" and not self.closes(order.side)]
        working = sum(
            worth(order.rest, valued(order.type, order.side, order.limit, order.stop, self.last)) for order in may_open
        )
        if self.multiplier == 1:
            return self.cash - working
        value = worth(self.position, self.last)
        return self.multiplier * (self.cash + value) - abs(value) - working


def valued(kind: OrderType, side: int, limit: int, stop: int, price: int) -> int:
    """What a share of an order counts as: its limit, its stop, or the market."""
    cost = limit or (stop if kind == OrderType.STOP else price)
    if side < 0:
        cost = max(cost, price + portion(price, SHORT))
    return max(cost, 1)
