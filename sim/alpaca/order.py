"""Orders as the broker shows them: what was asked for, how it stands, and the JSON of Alpaca's Order object.

The venue keeps what decides about fills; this is the broker's face. It changes only by the news that the venue sends,
at the moment the news is heard, so that what REST shows and what the stream has told never contradict each other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from core.kernel.kinds import OrderType, Role, TimeInForce
from core.kernel.units import MICRO, NANO
from sim.alpaca.text import dec, maybe_dec, maybe_stamp, stamp

OPEN, CLOSED = "open", "closed"
TERMINAL = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
TYPES = {kind.name.lower(): kind for kind in OrderType}
TIFS = {kind.name.lower(): kind for kind in TimeInForce}
NEVER_REPLACED = frozenset({"accepted", "pending_new", "pending_cancel", "pending_replace"})


@dataclass(slots=True, eq=False)
class Order:
    """One order; amounts micros, times ns UTC with 0 for "not yet", side +1 or -1."""

    number: int  # at the venue
    id: str
    client_order_id: str
    intent: int
    leg: int
    symbol: int
    side: int
    type: OrderType
    tif: TimeInForce
    qty: int
    created: int
    order_class: str = ""
    role: Role = Role.ENTRY
    limit: int = 0
    stop: int = 0
    trail: int = 0
    trail_share: int = 0  # nanos of the price
    extended: bool = False
    notional: int = 0
    position_intent: str = ""
    expires: int = 0
    arrives: int = 0  # at the venue; no cancel overtakes it
    status: str = "pending_new"
    before: str = ""  # status before a pending cancel or replace
    filled: int = 0
    paid: int = 0  # micros times micros
    high: int = 0
    updated: int = 0
    filled_at: int = 0
    canceled_at: int = 0
    expired_at: int = 0
    failed_at: int = 0
    replaced_at: int = 0
    replaced_by: str | None = None
    replaces: str | None = None
    parent: Order | None = None
    legs: list[Order] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether nothing can happen to it any more."""
        return self.status in TERMINAL

    @property
    def group(self) -> list[Order]:
        """The whole group that it belongs to, the parent first."""
        head = self.parent or self
        return [head, *head.legs]

    @property
    def average_price(self) -> Decimal | None:
        """Average price of what has been filled, rounded down to a micro."""
        return Decimal(self.paid // self.filled).scaleb(-6) if self.filled else None

    def enter(self, status: str, time: int) -> None:
        """Take a status at a time, unless it is over."""
        if self.over:
            return
        self.status = status
        self.updated = max(time, self.updated)

    def pend(self, status: str, time: int) -> None:
        """Await a cancel or a replacement, and remember what it was."""
        if self.status not in ("pending_cancel", "pending_replace"):
            self.before = self.status
        self.enter(status, time)


def average_text(order: Order) -> str | None:
    """The average price as a decimal string."""
    return None if order.filled == 0 else dec(order.paid // order.filled)


def order_body(order: Order, symbols: tuple[str, ...], asset_id: str, nested: bool = True) -> dict[str, Any]:
    """The Order object; `nested` puts the legs into it."""
    legs = [order_body(leg, symbols, asset_id) for leg in order.legs] if nested and order.legs else None
    kind = order.type.name.lower()
    return {
        "id": order.id,
        "client_order_id": order.client_order_id,
        "created_at": stamp(order.created),
        "updated_at": stamp(order.updated or order.created),
        "submitted_at": stamp(order.created),
        "filled_at": maybe_stamp(order.filled_at),
        "expired_at": maybe_stamp(order.expired_at),
        "expires_at": maybe_stamp(order.expires),
        "canceled_at": maybe_stamp(order.canceled_at),
        "failed_at": maybe_stamp(order.failed_at),
        "replaced_at": maybe_stamp(order.replaced_at),
        "replaced_by": order.replaced_by,
        "replaces": order.replaces,
        "asset_id": asset_id,
        "symbol": symbols[order.symbol],
        "asset_class": "us_equity",
        "notional": maybe_dec(order.notional),
        "qty": None if order.notional and not order.filled_at else dec(order.qty),
        "filled_qty": dec(order.filled),
        "filled_avg_price": average_text(order),
        "order_class": order.order_class,
        "order_type": kind,
        "type": kind,
        "side": "buy" if order.side > 0 else "sell",
        "position_intent": order.position_intent,
        "time_in_force": order.tif.name.lower(),
        "limit_price": maybe_dec(order.limit),
        "stop_price": maybe_dec(order.stop),
        "status": order.status,
        "extended_hours": order.extended,
        "legs": legs,
        "trail_percent": dec(order.trail_share * 100 * MICRO // NANO) if order.trail_share else None,
        "trail_price": maybe_dec(order.trail),
        "hwm": maybe_dec(order.high),
        "ratio_qty": None,
        "subtag": None,
        "source": None,
    }
