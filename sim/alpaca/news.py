"""What the venue says, told on: news changes the broker's orders and books, and becomes frames for the sockets.

One function a kind of news, in one table. The trading stream speaks Alpaca's events; what has no event there (that a
stop was elected, that a leg sleeps) changes the order and is not told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from core.identities import execution_uuid
from core.kernel.kinds import CashKind, EventKind, OrderType, Phase, Role
from sim.alpaca.identity import drawn_uuid
from sim.alpaca.order import Order
from sim.alpaca.text import dec, stamp
from sim.records import Mark

if TYPE_CHECKING:
    from sim.alpaca.broker import Broker

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
CASH_TYPES = {CashKind.DIVIDEND: "DIV", CashKind.INTEREST: "INT", CashKind.FEE: "FEE", CashKind.DEPOSIT: "CSD"}


@dataclass(slots=True)
class Minute:
    """A minute that has become visible: EVENT rows of its bars, when it began, and its Phase."""

    bars: np.ndarray
    start: int
    visible: int
    phase: int


@dataclass(slots=True)
class Halted:
    """A change of a symbol's trading: EVENT row of a halt or a resumption."""

    symbol: int
    halted: bool
    kind: int
    time: int


@dataclass(slots=True)
class Messages:
    """What the sockets have to say, in order: frames of the trading stream, and what the market did."""

    frames: list[dict[str, Any]] = field(default_factory=list)
    market: list[Minute | Halted] = field(default_factory=list)
    events: int = 0
    reset: bool = False  # the account began anew, which ends the trading stream


class Newsroom:
    """Turns the venue's events into changes of a broker's books and into messages."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._told = 0

    def hear(self, events: np.ndarray, messages: Messages) -> None:
        """Take EVENT rows in their order."""
        kinds = events["kind"].tolist()
        first = 0
        for i, kind in enumerate(kinds):
            if kind == EventKind.BAR:
                continue
            if kind == EventKind.TIMER:
                self._minute(events[first:i], events[i], messages)
            elif kind in NEWS:
                order = self._broker.by_number.get(int(events[i]["order"]))
                assert order is not None, "the venue speaks of an order that nobody has sent"
                NEWS[kind](self, order, events[i], messages)
            else:
                self._calendar(kind, events[i], messages)
            first = i + 1
        messages.events += len(kinds)

    # -- the market ---------------------------------------------------------------------------------------------------

    def _minute(self, bars: np.ndarray, timer: np.void, messages: Messages) -> None:
        ledger = self._broker.ledger
        for symbol, price in zip(bars["symbol"].tolist(), bars["price"].tolist(), strict=True):
            ledger.last[symbol] = price
        phase = int(timer["code"])
        ledger.sample(int(timer["t_visible"]), phase == Phase.REGULAR)
        messages.market.append(Minute(bars, int(timer["t_market"]), int(timer["t_visible"]), phase))

    def _calendar(self, kind: int, e: np.void, messages: Messages) -> None:
        ledger = self._broker.ledger
        if kind == EventKind.SESSION:
            if e["code"] == Phase.PRE:
                ledger.charge(int(e["t_market"]), self._today())
                ledger.open_day()
            elif e["code"] == Phase.POST:
                ledger.close_day(self._broker.regime.maintenance(ledger))
        elif kind in (EventKind.HALT, EventKind.RESUME):
            halted = kind == EventKind.HALT
            messages.market.append(Halted(int(e["symbol"]), halted, int(e["code"]), int(e["t_visible"])))
        elif kind == EventKind.STREAM and e["code"] == 0:
            self._broker.reset_account()
            messages.reset = True
        elif kind == EventKind.SPLIT:
            ledger.split(int(e["symbol"]), int(e["ratio"]))
        elif kind == EventKind.CASH_FLOW:
            name = CASH_TYPES.get(CashKind(int(e["code"])), "JNLC")
            ledger.flow(name, int(e["amount"]), int(e["t_market"]), self._today(), int(e["symbol"]))

    def _today(self) -> int:
        """The session's date, days since 1970."""
        return int(self._broker.world.session["date"])

    # -- orders -------------------------------------------------------------------------------------------------------

    def frame(self, event: str, order: Order, e: np.void, messages: Messages, **facts: Any) -> None:
        """Tell an event of an order on the trading stream."""
        self._told += 1
        heard = int(e["t_visible"])
        messages.frames.append(
            {
                "stream": "trade_updates",
                "data": {
                    "event": event,
                    "event_id": ulid(heard, drawn_uuid("event", self._told)),
                    "at": stamp(heard),
                    "timestamp": stamp(int(e["t_market"])),
                    "execution_id": None,
                    **facts,
                    "order": self._broker.body(order),
                },
            }
        )

    def accepted(self, order: Order, e: np.void, messages: Messages) -> None:
        """The venue has it; a market order whose hours they are is at work at once, and a leg sleeps on."""
        time = int(e["t_market"])
        order.updated = time
        if order.status == "held":
            return
        record = self._broker.world.order(order.number)
        working = record is not None and record["activated"] == record["accepted"] != 0
        self._set(order, "pending_new" if working else "accepted", time)
        self.frame("pending_new" if working else "accepted", order, e, messages)
        if working and order.type == OrderType.MARKET:
            self._set(order, "new", time)
            self.frame("new", order, e, messages)

    def working(self, order: Order, e: np.void, messages: Messages) -> None:
        """It works at the venue. A stop that took a sleeping one's place sleeps on: its target is what works."""
        if order.status == "held" and order.replaces is not None and order.role == Role.STOP:
            return
        self._set(order, "partially_filled" if order.filled else "new", int(e["t_market"]))
        self.frame("new", order, e, messages)

    def triggered(self, order: Order, e: np.void, messages: Messages) -> None:
        """A stop was elected: Alpaca does not tell."""
        order.updated = int(e["t_market"])

    def filled(self, order: Order, e: np.void, messages: Messages) -> None:
        """An execution."""
        qty, price, time = int(e["qty"]), int(e["price"]), int(e["t_market"])
        order.filled += qty
        order.paid += qty * price
        whole = order.filled >= order.qty
        if whole:
            order.filled_at = time
            order.enter("filled", time)
        else:
            self._set(order, "partially_filled", time)
        execution = execution_uuid(int(e["execution"]))
        position = self._broker.ledger.fill(order, execution, qty, price, int(e["amount"]), time)
        facts = {"execution_id": execution, "price": dec(price), "qty": dec(qty), "position_qty": dec(position)}
        self.frame("fill" if whole else "partial_fill", order, e, messages, **facts)

    def canceled(self, order: Order, e: np.void, messages: Messages) -> None:
        """It ended without (further) execution: as was asked for, because its group did, or untold, by a fault."""
        order.canceled_at = int(e["t_market"])
        order.enter("canceled", order.canceled_at)
        if e["code2"] != Mark.UNTOLD:
            self.frame("canceled", order, e, messages)

    def expired(self, order: Order, e: np.void, messages: Messages) -> None:
        """Its time in force is over."""
        order.expired_at = int(e["t_market"])
        order.enter("expired", order.expired_at)
        self.frame("expired", order, e, messages)

    def rejected(self, order: Order, e: np.void, messages: Messages) -> None:
        """The venue refused it after all, and its legs with it."""
        for member in order.group:
            if member is order or member.parent is order:
                member.failed_at = int(e["t_market"])
                member.enter("rejected", member.failed_at)
        self.frame("rejected", order, e, messages)

    def restated(self, order: Order, e: np.void, messages: Messages) -> None:
        """The broker has changed its quantity."""
        order.qty = int(e["qty"])
        order.updated = int(e["t_market"])
        self.frame("restated", order, e, messages)

    def cancel_rejected(self, order: Order, e: np.void, messages: Messages) -> None:
        """There was nothing left to cancel."""
        if order.status == "pending_cancel":
            order.enter(order.before, int(e["t_market"]))
        self.frame("order_cancel_rejected", order, e, messages)

    def replaced(self, order: Order, e: np.void, messages: Messages) -> None:
        """Another order has taken its place, in its group too."""
        new = self._broker.replacements[order.id]
        order.replaced_at = int(e["t_market"])
        order.replaced_by = new.id
        order.enter("replaced", order.replaced_at)
        new.qty -= order.filled
        new.legs, new.parent = order.legs, order.parent
        for leg in new.legs:
            leg.parent = new
        if new.parent is not None:
            new.parent.legs = [new if leg is order else leg for leg in new.parent.legs]
        order.legs, order.parent = [], None
        self.frame("replaced", order, e, messages)

    def replace_rejected(self, order: Order, e: np.void, messages: Messages) -> None:
        """It stays as it was, or as it has ended; the order that was to replace it never lived."""
        new = self._broker.replacements.pop(order.id)
        if order.status == "pending_replace":
            order.enter(order.before, int(e["t_market"]))
        new.failed_at = int(e["t_market"])
        new.enter("rejected", new.failed_at)
        self.frame("order_replace_rejected", order, e, messages)
        self.frame("rejected", new, e, messages)

    def _set(self, order: Order, status: str, time: int) -> None:
        """Enter a status, or remember it while a request is pending."""
        if order.status in ("pending_cancel", "pending_replace"):
            order.before = status
            order.updated = max(time, order.updated)
        else:
            order.enter(status, time)


NEWS: dict[int, Callable[[Newsroom, Order, np.void, Messages], None]] = {
    EventKind.FILL: Newsroom.filled,
    EventKind.ORDER_ACCEPTED: Newsroom.accepted,
    EventKind.ORDER_WORKING: Newsroom.working,
    EventKind.ORDER_TRIGGERED: Newsroom.triggered,
    EventKind.ORDER_CANCELED: Newsroom.canceled,
    EventKind.ORDER_EXPIRED: Newsroom.expired,
    EventKind.ORDER_REJECTED: Newsroom.rejected,
    EventKind.ORDER_RESTATED: Newsroom.restated,
    EventKind.CANCEL_REJECTED: Newsroom.cancel_rejected,
    EventKind.ORDER_REPLACED: Newsroom.replaced,
    EventKind.REPLACE_REJECTED: Newsroom.replace_rejected,
}


def ulid(time: int, uuid: str) -> str:
    """A ULID: 48 bits of milliseconds and 80 bits of the UUID, in Crockford's base 32."""
    bits = (time // 1_000_000) << 80 | int(uuid.replace("-", ""), 16) & 2**80 - 1
    return "".join(CROCKFORD[bits >> shift & 31] for shift in range(125, -5, -5))
