"""An order of the twin: what it is, what it has been told, and what each item of news does to it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from core.kernel.kinds import EventKind, OrderStatus, Role
from tests.twin.money import ZERO, worth

IN_FLIGHT = {OrderStatus.SUBMITTED, OrderStatus.UNKNOWN}
ASLEEP = {OrderStatus.ACCEPTED, OrderStatus.HELD}
AT_WORK = {OrderStatus.WORKING, OrderStatus.TRIGGERED, OrderStatus.PARTIALLY_FILLED}
PAUSED = {OrderStatus.SUSPENDED, OrderStatus.DONE_FOR_DAY}
PENDING = {OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE}
ALIVE = IN_FLIGHT | ASLEEP | AT_WORK | PAUSED | PENDING

# What an item of news makes of an order, and from where it can do so. From elsewhere it says nothing new.
LEADS_TO = {
    EventKind.ORDER_ACCEPTED: (OrderStatus.ACCEPTED, IN_FLIGHT),
    EventKind.ORDER_HELD: (OrderStatus.HELD, IN_FLIGHT | {OrderStatus.ACCEPTED}),
    EventKind.ORDER_WORKING: (OrderStatus.WORKING, IN_FLIGHT | ASLEEP | PAUSED),
    EventKind.ORDER_TRIGGERED: (OrderStatus.TRIGGERED, IN_FLIGHT | ASLEEP | PAUSED | {OrderStatus.WORKING}),
    EventKind.ORDER_SUSPENDED: (OrderStatus.SUSPENDED, ALIVE - PENDING),
    EventKind.ORDER_DONE_FOR_DAY: (OrderStatus.DONE_FOR_DAY, ALIVE - PENDING),
    EventKind.ORDER_PENDING_CANCEL: (OrderStatus.PENDING_CANCEL, ALIVE - {OrderStatus.PENDING_CANCEL}),
    EventKind.ORDER_PENDING_REPLACE: (OrderStatus.PENDING_REPLACE, ALIVE - PENDING),
    EventKind.ORDER_CANCELED: (OrderStatus.CANCELED, ALIVE),
    EventKind.ORDER_EXPIRED: (OrderStatus.EXPIRED, ALIVE),
    EventKind.ORDER_REJECTED: (OrderStatus.REJECTED, ALIVE),
    EventKind.ORDER_REPLACED: (OrderStatus.REPLACED, ALIVE),
    EventKind.SUBMIT_AMBIGUOUS: (OrderStatus.UNKNOWN, {OrderStatus.SUBMITTED}),
}
ORDINARY = {
    EventKind.ORDER_HELD,
    EventKind.ORDER_WORKING,
    EventKind.ORDER_TRIGGERED,
    EventKind.ORDER_SUSPENDED,
    EventKind.ORDER_DONE_FOR_DAY,
}
REFUSES = {
    EventKind.CANCEL_REJECTED: OrderStatus.PENDING_CANCEL,
    EventKind.REPLACE_REJECTED: OrderStatus.PENDING_REPLACE,
}
ENDS = {
    OrderStatus.FILLED: "filled_at",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
    OrderStatus.REPLACED: "replaced",
}


@dataclass
class Order:
    """Times are nanoseconds, 0 = not yet; prices and quantities are decimals."""

    id: int
    created: int
    intent: int
    leg: int
    symbol: int
    strategy: int
    side: int
    role: int
    type: int
    tif: int
    cause: int
    original: Decimal
    qty: Decimal
    extended: int = 0
    parent: int = 0
    sibling: int = 0
    replaces: int = 0
    filled: Decimal = ZERO
    cum: Decimal = ZERO
    paid: Decimal = ZERO
    limit: Decimal = ZERO
    stop: Decimal = ZERO
    trail: Decimal = ZERO
    hold_price: Decimal = ZERO
    status: int = OrderStatus.SUBMITTED
    previous: int = 0
    late: int = 0
    overfill: Decimal = ZERO
    reason: int = 0
    submitted: int = 0
    accepted: int = 0
    activated: int = 0
    triggered: int = 0
    first_fill: int = 0
    filled_at: int = 0
    canceled: int = 0
    expired: int = 0
    rejected: int = 0
    replaced: int = 0
    terminal: int = 0
    queries: int = 0
    query_at: int = 0
    cancel_sent: int = 0
    unknown_since: int = 0
    deadline: int = 0
    paged: int = 0

    @property
    def open(self) -> Decimal:
        """What it may still fill."""
        return ZERO if self.terminal or self.filled > self.qty else self.qty - self.filled

    @property
    def hold(self) -> Decimal:
        """Dollars held for what an entry may still buy or sell short."""
        return worth(self.open, self.hold_price) if self.role == Role.ENTRY else ZERO

    def enter(self, status: int, now: int, config) -> None:
        """Into a status, with the time that belongs to it."""
        if status in PENDING and self.status not in PENDING:
            self.previous = OrderStatus.ACCEPTED if self.status in IN_FLIGHT else self.status
        self.status = status
        if status == OrderStatus.UNKNOWN:
            self.query_at = now + config.query_step
            self.unknown_since, self.deadline = now, now + config.unknown_deadline
        elif status == OrderStatus.ACCEPTED:
            self.accepted = now
        elif status == OrderStatus.WORKING:
            self.activated = now
            self.accepted = self.accepted or now
        elif status == OrderStatus.TRIGGERED:
            self.triggered = now
        elif status in ENDS:
            assert not self.terminal
            self.terminal = now
            setattr(self, ENDS[status], now)

    def hear(self, kind: int, now: int, config) -> bool:
        """Take one item of news; whether the status has changed, or been entered anew."""
        if kind in REFUSES:
            if self.status != REFUSES[kind]:
                return False
            self.status, self.previous = self.previous, 0
            return True
        status, sources = LEADS_TO[kind]
        if self.status in PENDING and kind in ORDINARY:
            if self.previous in sources:
                self.previous = self._at_work(status)
            return False
        if self.status not in sources:
            return False
        self.enter(self._at_work(status), now, config)
        return True

    def _at_work(self, status: int) -> int:
        """WORKING, once something has filled, is PARTIALLY_FILLED."""
        return OrderStatus.PARTIALLY_FILLED if status == OrderStatus.WORKING and self.filled else status
