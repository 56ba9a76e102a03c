"""Our books against the broker's (semantics C4), as pure functions of both.

    orders      of ours and known there:   executions that we lack, in their order, then the status
                of ours, unknown there:    only what several questions have confirmed counts. An order whose arrival was
                                           in doubt is told "not found"; one that the broker once had stops its symbol
                theirs, unknown to us:     its executions are foreign, its symbol is stopped while it is open
    executions  known by (broker order id, cumulative quantity after it), since the stream's and the account's history
                may give one execution two names. What an order's sum has and neither tells is inferred from its average
                price, and only after a second look
    positions   ours plus the executions just found must be the broker's. A difference stops the symbol and is told;
                no trade is ever made up to explain it
    cash        compared where positions agree; flows of the account's history that explain a difference are booked
                (flows.py), what is left beyond a tolerance is told
    account     another account than the journal's is no difference but the end of this journal

A status follows only where it says something new, so a second run over the same facts finds nothing to say. An order
younger than `guard` is left alone while the broker does not show it: it may be on its way. What could not be asked is
"unknown", and says nothing: an empty answer and no answer are never the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.kernel.kinds import EventKind, OrderStatus, ReconcileStep, RejectReason
from core.kernel.units import MICRO, SECOND
from live.alpaca.messages import Account, Activity, Flow, Order
from live.directory import Directory
from live.events import Incoming
from live.flows import explain, from_flow
from live.news import ENDED, REST, Execution, Found, about, from_account, from_activity, from_execution, from_status

_ALIVE_BEYOND = frozenset(s for s in OrderStatus if s >= OrderStatus.WORKING)
_TERMINAL = frozenset(s for s in OrderStatus if s >= OrderStatus.FILLED)
# What our order may be so that the broker's word for it says nothing new; for others only the end does.
_SAID = {
    "pending_new": _ALIVE_BEYOND | {OrderStatus.ACCEPTED},
    "accepted": _ALIVE_BEYOND | {OrderStatus.ACCEPTED},
    "accepted_for_bidding": _ALIVE_BEYOND | {OrderStatus.ACCEPTED},
    "pending_review": _ALIVE_BEYOND | {OrderStatus.ACCEPTED},
    "new": _ALIVE_BEYOND - {OrderStatus.SUSPENDED, OrderStatus.DONE_FOR_DAY},
    "partially_filled": _ALIVE_BEYOND - {OrderStatus.SUSPENDED, OrderStatus.DONE_FOR_DAY},
    "held": _ALIVE_BEYOND | {OrderStatus.HELD},
    "pending_cancel": _TERMINAL | {OrderStatus.PENDING_CANCEL},
    "pending_replace": _TERMINAL | {OrderStatus.PENDING_REPLACE, OrderStatus.PENDING_CANCEL},
    "stopped": _TERMINAL | {OrderStatus.SUSPENDED},
    "suspended": _TERMINAL | {OrderStatus.SUSPENDED},
    "done_for_day": _TERMINAL | {OrderStatus.DONE_FOR_DAY},
    "calculated": _TERMINAL | {OrderStatus.DONE_FOR_DAY},
    "filled": frozenset(OrderStatus),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in nanoseconds, money in micros."""

    guard: int = 5 * SECOND
    overlap: int = 300 * SECOND  # how far before the last known instant questions begin
    questions: int = 3  # "not found" so often counts
    looks: int = 4  # snapshots before a difference is believed
    settle: int = 10 * SECOND  # over which they are spread: the broker's lists may disagree that long
    cash_tolerance: int = MICRO


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The broker's books at one time (ns UTC). Orders carry their legs; positions are signed micro-shares by symbol.

    `absent` are orders of ours that every question has found unknown; `unasked` those that could not be asked.
    """

    time: int
    account: Account
    orders: Sequence[Order]
    executions: Sequence[Activity]
    positions: Mapping[str, int]
    absent: frozenset[int] = frozenset()
    unasked: frozenset[int] = frozenset()
    flows: Sequence[Flow] = ()


class Caught(NamedTuple):
    """News of an order and its legs; `short` when the order's sum has more than its executions tell."""

    events: list[Incoming]
    short: bool


@dataclass(slots=True)
class Report:
    """What a reconciliation found. `differs` holds symbols by number, with why; `settled` is False while a second look
    may explain it."""

    events: list[Incoming] = field(default_factory=list)
    differs: dict[int, str] = field(default_factory=dict)
    short: bool = False
    cash: int = 0

    @property
    def settled(self) -> bool:
        """Whether nothing is left that another look could explain."""
        return not (self.differs or self.short or self.cash)


def catch_up(directory: Directory, found: Found, now: int, *, infer: bool) -> Caught:
    """What the engine has not heard of an order of ours and of its legs; nothing for an order that it has forgotten."""
    events: list[Incoming] = []
    short = False
    for order in (found.order, *(found.order.legs or ())):
        executions = [a for a in found.executions if a.order_id == order.id]
        fills, missing = _executions(directory, order, executions, now, infer)
        events += fills
        short |= missing
        events += _status(directory, order, now)
    return Caught(events, short)


def _executions(
    directory: Directory, order: Order, history: Sequence[Activity], now: int, infer: bool
) -> tuple[list[Incoming], bool]:
    record = directory.record(directory.number(order))
    new = [a for a in sorted(history, key=lambda a: a.cum_qty) if not directory.passed_on(order.id, int(a.cum_qty))]
    found = [from_activity(activity, order) for activity in new]
    booked = max(0 if record is None else int(record["filled"]), directory.handed_over(order.id))
    booked += sum(execution.qty for execution in found)
    missing = int(order.filled_qty) - booked
    if record is not None and missing > 0 and infer and order.filled_avg_price:
        paid = int(record["paid"]) + sum(execution.qty * execution.price // MICRO for execution in found)
        found.append(_inferred(order, missing, paid, now))
        missing = 0
    return [from_execution(execution, directory, now, REST) for execution in found], record is not None and missing > 0


def _inferred(order: Order, missing: int, paid: int, now: int) -> Execution:
    """The execution that nobody tells, from the order's average price; named by what it is."""
    total = int(order.filled_qty)
    price = (int(order.filled_avg_price or 0) * total // MICRO - paid) * MICRO // missing
    name = f"inferred:{order.id}:{total}"
    return Execution(order, name, missing, max(price, 1), total, order.updated_at or now)


def _status(directory: Directory, order: Order, now: int) -> list[Incoming]:
    """How the order stands, where our books say otherwise."""
    number = directory.number(order)
    record = directory.record(number)
    if record is None:
        return []
    ours = OrderStatus(int(record["status"]))
    given_up = ours == OrderStatus.REJECTED and int(record["reason"]) == RejectReason.UNCONFIRMED
    if given_up and order.status not in ENDED:
        return [] if int(record["cancel_sent"]) else [from_status(number, order, directory, now)]
    said = ours in _TERMINAL if order.status in ENDED - {"filled"} else ours in _SAID.get(order.status, _TERMINAL)
    events = [] if said else [from_status(number, order, directory, now)]
    if order.qty and int(order.qty) != int(record["qty"]) and ours not in _TERMINAL and order.status not in ENDED:
        fields = {"order": number, "symbol": int(record["symbol"]), "qty": int(order.qty)}
        events.append(Incoming(EventKind.ORDER_RESTATED, now, now, fields, source=REST, detail=about(order)))
    return events


class Ours(NamedTuple):
    """Our books: int64 micro-shares by symbol, cash in micros, and the broker's id of the account they are of.

    `differed` says whether the cash was not the broker's when it was compared last.
    """

    positions: npt.NDArray[np.int64]
    cash: int
    account: str
    differed: bool = False


def reconcile(directory: Directory, ours: Ours, snapshot: Snapshot, policy: Policy, *, last: bool) -> Report:
    """The events that bring our books to the broker's, and what they do not explain.

    Before the `last` look nothing is inferred. Raises InputError when the broker's account is another one.
    """
    _same_account(ours, snapshot)
    now, report = snapshot.time, Report()
    nested = {leg.id for order in snapshot.orders for leg in order.legs or ()}
    heads = [order for order in snapshot.orders if order.id not in nested]
    for order in heads:
        caught = catch_up(directory, Found(order, snapshot.executions), now, infer=last)
        report.events += caught.events
        report.short |= caught.short
        _mark_foreign(directory, order, report)
    described = nested | {order.id for order in heads}
    report.events += _undescribed(directory, snapshot, described)
    for number in sorted(snapshot.absent | snapshot.unasked):
        report.events += _unseen(directory, number, snapshot, policy, report) if last else []
    report.short |= bool(snapshot.absent | snapshot.unasked)
    _compare(directory, ours, snapshot, policy, report)
    return report


def _same_account(ours: Ours, snapshot: Snapshot) -> None:
    if ours.account and ours.account != snapshot.account.id:
        raise InputError(
            "broker account",
            "it is not the account of this journal; a paper account that was reset is a new one",
            "Start a new database for it",
        )


def _undescribed(directory: Directory, snapshot: Snapshot, described: set[str]) -> list[Incoming]:
    """Executions of orders that no list has shown: ours by their broker id, or foreign."""
    events = []
    for activity in snapshot.executions:
        if activity.order_id not in described and not directory.passed_on(activity.order_id, int(activity.cum_qty)):
            when = activity.transaction_time
            order = Order(
                id=activity.order_id,
                client_order_id="",
                symbol=activity.symbol,
                side=activity.side,
                status="",
                type="",
                submitted_at=when,
            )
            events.append(from_execution(from_activity(activity, order), directory, snapshot.time, REST))
    return events


def _mark_foreign(directory: Directory, order: Order, report: Report) -> None:
    """An open order of somebody else stops its symbol: it can fill, and our limits do not know it."""
    symbol = directory.symbol(order.symbol)
    if symbol >= 0 and order.status not in ENDED and directory.number(order) == 0:
        report.differs[symbol] = f"order {order.id} is not ours"


def _unseen(directory: Directory, number: int, snapshot: Snapshot, policy: Policy, report: Report) -> list[Incoming]:
    """A live order of ours that the broker has not shown."""
    record = directory.record(number)
    if record is None or snapshot.time - int(record["submitted"]) < policy.guard:
        return []
    status, symbol = OrderStatus(int(record["status"])), int(record["symbol"])
    if number in snapshot.unasked:
        report.differs[symbol] = f"order {number} could not be asked about"
        return []
    if status not in (OrderStatus.SUBMITTED, OrderStatus.UNKNOWN) or directory.broker_id(number) is not None:
        report.differs[symbol] = f"the broker has lost order {number}"
        return []
    now, fields = snapshot.time, {"order": number, "symbol": symbol}
    doubt = [Incoming(EventKind.SUBMIT_AMBIGUOUS, now, now, fields, source=REST)]
    answer = Incoming(EventKind.ORDER_NOT_FOUND, now, now, fields, source=REST)
    return (doubt if status == OrderStatus.SUBMITTED else []) + [answer] * policy.questions


def _compare(directory: Directory, ours: Ours, snapshot: Snapshot, policy: Policy, report: Report) -> None:
    """Positions and cash, as they will be when the executions found are booked."""
    expected, cash = [int(qty) for qty in ours.positions], ours.cash
    for event in report.events:
        if event.kind in (EventKind.FILL, EventKind.FOREIGN_FILL):
            qty = event.fields["qty"] * event.fields.get("code", 1)
            cash -= qty * event.fields["price"] // MICRO
            if event.fields["symbol"] >= 0:
                expected[event.fields["symbol"]] += qty
    agreed = _compare_positions(directory, expected, snapshot, report)
    if agreed:
        cash += _explained(directory, int(snapshot.account.cash) - cash, snapshot, policy, report)
    report.events.append(from_account(snapshot.account, snapshot.time))
    difference = int(snapshot.account.cash) - cash
    now = snapshot.time
    if agreed and abs(difference) > policy.cash_tolerance:
        report.cash = difference
        fields = {"code": ReconcileStep.CASH_DIFFERS, "amount": difference}
        told = {"difference": f"cash: ours {cash}, theirs {int(snapshot.account.cash)} micro-dollars"}
        report.events.append(Incoming(EventKind.RECONCILE, now, now, fields, source=REST, detail=told))
    elif agreed and ours.differed:
        report.events.append(Incoming(EventKind.RECONCILE, now, now, {"code": ReconcileStep.CASH_OK}, source=REST))


def _compare_positions(directory: Directory, expected: Sequence[int], snapshot: Snapshot, report: Report) -> bool:
    """What each symbol is to hold against what it holds at the broker; returns whether all agree."""
    now, agreed = snapshot.time, True
    for symbol, name in enumerate(directory.symbols):
        theirs = snapshot.positions.get(name, 0)
        if theirs != expected[symbol]:
            agreed = False
            report.differs.setdefault(symbol, f"{name}: ours {expected[symbol]}, theirs {theirs} micro-shares")
        step = ReconcileStep.SYMBOL_DIFFERS if symbol in report.differs else ReconcileStep.SYMBOL_OK
        fields = {"code": step, "symbol": symbol, "qty": theirs}
        told = {"difference": report.differs[symbol]} if symbol in report.differs else {}
        report.events.append(Incoming(EventKind.RECONCILE, now, now, fields, source=REST, detail=told))
    return agreed


def _explained(directory: Directory, difference: int, snapshot: Snapshot, policy: Policy, report: Report) -> int:
    """Book the flows that explain a difference of cash, micros; returns what they come to."""
    flows = explain(snapshot.flows, difference, directory.taken_in, policy.cash_tolerance)
    report.events += [from_flow(flow, directory.symbol(flow.symbol or ""), snapshot.time) for flow in flows]
    return sum(int(flow.net_amount) for flow in flows)
