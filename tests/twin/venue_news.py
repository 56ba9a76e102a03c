"""What the second venue says and when it is heard: delays drawn from hashes, on a stream that never overtakes itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from core.kernel.kinds import EventKind, RejectReason
from tests.twin.venue_orders import Order
from tests.twin.venue_path import NANO, mixed, unit

POSITIVE = 2**63 - 1
EXECUTION = 2  # what the draw is for
STANDING = {
    "queued": EventKind.ORDER_ACCEPTED,
    "held": EventKind.ORDER_HELD,
    "working": EventKind.ORDER_WORKING,
    "triggered": EventKind.ORDER_TRIGGERED,
    "canceled": EventKind.ORDER_CANCELED,
    "expired": EventKind.ORDER_EXPIRED,
    "rejected": EventKind.ORDER_REJECTED,
}


class News(NamedTuple):
    """An event for the engine, by the names of its EVENT record."""

    t_visible: int
    t_market: int
    kind: int
    order: int
    intent: int
    code: int
    execution: int
    qty: int
    price: int
    cum_qty: int
    amount: int


@dataclass
class Wire:
    """All that has been said."""

    rules: Any
    said: list[News] = field(default_factory=list)
    heard: int = 0

    def tell(self, now: int, order: Order, kind: EventKind, code: int = 0) -> None:
        """How an order stands."""
        wait = self._delay(self.rules.ack_latency, order.intent, order.leg, 16 * kind + order.fills)
        self._say(now, wait, kind=kind, order=order.number, intent=order.intent, code=code, qty=order.qty)

    def executed(self, now: int, order: Order, which: int) -> None:
        """One of an order's executions, counted from 0."""
        wait = self._delay(self.rules.fill_latency, order.intent, order.leg, 7 + order.fills)
        when, qty, price, fee, filled = order.executions[which]
        who = mixed(self.rules.seed, mixed(order.intent, order.leg), which, EXECUTION) & POSITIVE
        about = {"order": order.number, "intent": order.intent, "execution": who, "cum_qty": filled}
        self._say(now, wait, kind=EventKind.FILL, t_market=when, qty=qty, price=price, amount=fee, **about)

    def refuse_cancel(self, now: int, command: Any, order: Order | None) -> None:
        """There is nothing to cancel, and why."""
        why = RejectReason.NOT_FOUND
        if order is not None:
            why = RejectReason.ALREADY_FILLED if order.state == "filled" else RejectReason.NOT_CANCELABLE
        intent, number = int(command["intent"]), int(command["order"])
        wait = self._delay(self.rules.ack_latency, intent, int(command["leg"]), 0)
        self._say(now, wait, kind=EventKind.CANCEL_REJECTED, order=number, intent=intent, code=why)

    def answer(self, now: int, command: Any, order: Order | None) -> None:
        """What a query is told: every execution, and how an order stands that is not filled."""
        if order is None:
            wait = self._delay(self.rules.ack_latency, int(command["intent"]), int(command["leg"]), 1)
            self._say(now, wait, kind=EventKind.ORDER_NOT_FOUND, order=int(command["order"]))
            return
        for which in range(order.fills):
            self.executed(now, order, which)
        if order.state != "filled":
            self.tell(now, order, STANDING[order.state], order.reason or 0)

    def _say(self, now: int, wait: int, **about: int) -> None:
        self.heard = max(self.heard, now + wait)
        blank = dict.fromkeys(News._fields, 0) | {"t_visible": self.heard, "t_market": now}
        self.said.append(News(**(blank | {name: int(value) for name, value in about.items()})))

    def _delay(self, base: int, intent: int, leg: int, count: int) -> int:
        if not base or not self.rules.jitter:
            return base
        draw = 2.0 * unit(mixed(self.rules.seed, mixed(intent, leg), count, base)) - 1.0
        return base + int(draw * float(base) * (self.rules.jitter / NANO))
