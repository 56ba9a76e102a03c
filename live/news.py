"""What the broker says, as events of the engine.

Every item of news becomes exactly one event, or more where one message says two things. Nothing is passed over: an
event name that nobody knows becomes ORDER_UNRECOGNISED, which keeps the symbol shut until the order has been asked
about; an execution of an order that is not ours becomes FOREIGN_FILL, because the shares are real.

An execution is named by its id where the broker gives one, hashed to 63 bits. Executions that are known from the
order's own sums only are named by what they are, so that finding them again is no news.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from core.kernel.kinds import EventKind, RejectReason
from live.alpaca.messages import Account, Activity, Order, Update
from live.directory import Directory
from live.events import Incoming

STREAM, REST = "stream", "rest"
_BY_EVENT = {
    "accepted": EventKind.ORDER_ACCEPTED,
    "pending_new": EventKind.ORDER_ACCEPTED,
    "new": EventKind.ORDER_WORKING,
    "held": EventKind.ORDER_HELD,
    "canceled": EventKind.ORDER_CANCELED,
    "expired": EventKind.ORDER_EXPIRED,
    "rejected": EventKind.ORDER_REJECTED,
    "replaced": EventKind.ORDER_REPLACED,
    "pending_cancel": EventKind.ORDER_PENDING_CANCEL,
    "pending_replace": EventKind.ORDER_PENDING_REPLACE,
    "order_cancel_rejected": EventKind.CANCEL_REJECTED,
    "order_replace_rejected": EventKind.REPLACE_REJECTED,
    "stopped": EventKind.ORDER_SUSPENDED,
    "suspended": EventKind.ORDER_SUSPENDED,
    "done_for_day": EventKind.ORDER_DONE_FOR_DAY,
    "calculated": EventKind.ORDER_DONE_FOR_DAY,
    "restated": EventKind.ORDER_RESTATED,
}
_BY_STATUS = {
    "pending_new": EventKind.ORDER_ACCEPTED,
    "accepted": EventKind.ORDER_ACCEPTED,
    "accepted_for_bidding": EventKind.ORDER_ACCEPTED,
    "pending_review": EventKind.ORDER_ACCEPTED,
    "new": EventKind.ORDER_WORKING,
    "partially_filled": EventKind.ORDER_WORKING,
    "held": EventKind.ORDER_HELD,
    "pending_cancel": EventKind.ORDER_PENDING_CANCEL,
    "pending_replace": EventKind.ORDER_PENDING_REPLACE,
    "stopped": EventKind.ORDER_SUSPENDED,
    "suspended": EventKind.ORDER_SUSPENDED,
    "calculated": EventKind.ORDER_DONE_FOR_DAY,
    "done_for_day": EventKind.ORDER_DONE_FOR_DAY,
    "canceled": EventKind.ORDER_CANCELED,
    "expired": EventKind.ORDER_EXPIRED,
    "rejected": EventKind.ORDER_REJECTED,
    "replaced": EventKind.ORDER_REPLACED,
}
ENDED = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})


def side_of(word: str) -> int:
    """+1 for a buy, -1 for any kind of sell."""
    return 1 if word.startswith("buy") else -1


def execution_number(name: str) -> int:
    """63 bits of an execution's name; never 0, which means none."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest()) >> 1 or 1


def about(order: Order) -> dict[str, str]:
    """What the journal keeps of an order beside the event."""
    return {"broker_order_id": order.id, "client_order_id": order.client_order_id, "status": order.status}


def from_update(update: Update, directory: Directory, received: int) -> Incoming:
    """One item of the trading stream."""
    order = update.order
    number = directory.number(order)
    if update.event in ("fill", "partial_fill"):
        name, qty, price = update.execution_id or "", int(update.qty or 0), int(update.price or 0)  # wire has checked
        found = Execution(order, name, qty, price, int(order.filled_qty), update.timestamp)
        return from_execution(found, directory, received, STREAM)
    kind = _BY_EVENT.get(update.event, EventKind.ORDER_UNRECOGNISED)
    fields = {"order": number, "symbol": directory.symbol(order.symbol)} | _terms(kind, order)
    return Incoming(
        kind, update.timestamp, received, fields, source=STREAM, detail=about(order) | {"event": update.event}
    )


def from_status(number: int, order: Order, directory: Directory, received: int) -> Incoming:
    """How an order stands, from a description of it; not for `filled`, which is for executions to say."""
    assert order.status != "filled", "being filled is no news beside the executions"
    kind = _BY_STATUS.get(order.status, EventKind.ORDER_UNRECOGNISED)
    fields = {"order": number, "symbol": directory.symbol(order.symbol)} | _terms(kind, order)
    when = order.updated_at or order.submitted_at
    return Incoming(kind, when, received, fields, source=REST, detail=about(order))


def _terms(kind: EventKind, order: Order) -> dict[str, int]:
    """The fields of news that says more than its name."""
    if kind == EventKind.ORDER_REJECTED:
        return {"code": RejectReason.OTHER}
    if kind == EventKind.CANCEL_REJECTED:
        return {"code": RejectReason.ALREADY_FILLED if order.status == "filled" else RejectReason.NOT_CANCELABLE}
    if kind in (EventKind.ORDER_RESTATED, EventKind.ORDER_REPLACED):
        return {"qty": int(order.qty or 0)}
    return {}


class Execution(NamedTuple):
    """One execution of an order; quantities in micro-shares, the price in micros, the time in ns UTC."""

    order: Order
    name: str
    qty: int
    price: int
    cumulative: int  # of the order, after this execution
    time: int


class Found(NamedTuple):
    """An order as it stands, with what the account's history has of its executions and of its legs'."""

    order: Order
    executions: Sequence[Activity]


def from_activity(activity: Activity, order: Order) -> Execution:
    """An execution as the account's history tells it, of an order that is known."""
    name = activity.id.rpartition("::")[2]  # the id reads `time::uuid`
    qty, cumulative = abs(int(activity.qty)), int(activity.cum_qty)
    return Execution(order, name, qty, int(activity.price), cumulative, activity.transaction_time)


def from_execution(execution: Execution, directory: Directory, received: int, source: str) -> Incoming:
    """An execution as an event; its natural key is in the detail."""
    order = execution.order
    number, side = directory.number(order), side_of(order.side)
    fields = {
        "symbol": directory.symbol(order.symbol),
        "execution": execution_number(execution.name),
        "price": execution.price,
    }
    if number == 0:
        kind, fields = EventKind.FOREIGN_FILL, fields | {"qty": side * execution.qty}
    else:
        kind = EventKind.FILL
        fields |= {"order": number, "code": side, "qty": execution.qty, "cum_qty": execution.cumulative}
    detail = about(order) | {"execution_id": execution.name, "cum_qty": str(execution.cumulative)}
    identity = f"execution:{execution.name}"
    return Incoming(kind, execution.time, received, fields, identity=identity, source=source, detail=detail)


def from_account(account: Account, received: int) -> Incoming:
    """What the broker says the account is."""
    fields = {
        "price": int(account.cash),
        "target": int(account.equity),
        "stop": int(account.buying_power),
        "amount": int(account.initial_margin),
    }
    return Incoming(EventKind.ACCOUNT, received, received, fields, source=REST, detail={"account_id": account.id})
