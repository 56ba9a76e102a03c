"""Making the calls: one request of the dispatcher's, or all the questions of a snapshot. Blocking; runs in threads.

A snapshot is made of several lists that the broker does not keep in step, so positions are read first and last: if they
differ, something happened in between, and the snapshot is thrown away. A list that could not be read to its end makes
the snapshot fail as a whole. An order of ours that no list shows is asked for by itself; "not found" is an answer, a
failure is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from core.kernel.kinds import LaneFailure, RejectReason
from core.kernel.units import SECOND
from live.alpaca.messages import Order, Position
from live.alpaca.outcomes import Accepted, Ambiguous, Failed, Outcome, Refused
from live.alpaca.rest import Rest
from live.answers import Action, Answered, Call
from live.news import Found
from live.reconcile import Snapshot

DAY = 86_400 * SECOND
BEFORE = 7 * DAY  # flows are dated by days, and listed days later
EARLIER = SECOND  # executions are asked for from this long before their order's submission: clocks differ
LISTS = 7  # requests of a snapshot, at least


class Question(NamedTuple):
    """An order that was sent, by the names that the broker may know."""

    number: int
    broker_id: str | None
    client_id: str | None


Fetched: TypeAlias = Snapshot | Failed


def perform(rest: Rest, call: Call) -> Answered:
    """Make one call. Takes at most the deadlines of its requests, and raises nothing for what the broker does."""
    if call.action is Action.SUBMIT:
        assert call.task.request is not None, "a submit without its request"
        return rest.submit(call.task.request)
    if call.action is Action.CANCEL:
        assert call.broker_id is not None, "a cancel of an order without a name"
        return rest.cancel(call.broker_id)
    if call.action is Action.PROBE:
        return rest.clock()
    return look_up(rest, call.broker_id, call.client_id)


def look_up(rest: Rest, broker_id: str | None, client_id: str | None) -> Outcome[Found]:
    """An order, its legs, and the executions of all of them."""
    asked = _order(rest, broker_id, client_id)
    if not isinstance(asked, Accepted):
        return asked
    order = asked.value
    if not any(member.filled_qty for member in (order, *(order.legs or ()))):
        return Accepted(Found(order, ()))
    fills = rest.fills_since(order.submitted_at - EARLIER)
    if not isinstance(fills, Accepted):
        return fills
    ids = {member.id for member in (order, *(order.legs or ()))}
    return Accepted(Found(order, tuple(fill for fill in fills.value if fill.order_id in ids)))


def fetch(rest: Rest, questions: Sequence[Question], since: int, now: int) -> Fetched:
    """The broker's books since `since` (ns UTC), with an answer for each of `questions`; or why there is none."""
    before = rest.positions()
    if not isinstance(before, Accepted):
        return before
    still_open, recent = rest.open_orders(), rest.orders_since(since)
    if not isinstance(still_open, Accepted):
        return still_open
    if not isinstance(recent, Accepted):
        return recent
    orders = {order.id: order for order in (*still_open.value, *recent.value)}
    absent, unasked = _ask(rest, questions, orders)
    fills = rest.fills_since(since)
    if not isinstance(fills, Accepted):
        return fills
    flows = rest.flows_since(since - BEFORE)
    if not isinstance(flows, Accepted):
        return flows
    account, after = rest.account(), rest.positions()
    if not isinstance(account, Accepted):
        return account
    if not isinstance(after, Accepted):
        return after
    positions = _shares(after.value)
    if _shares(before.value) != positions:
        return Ambiguous(LaneFailure.UNPARSEABLE, "positions moved while the books were read")
    listed = tuple(orders.values())
    return Snapshot(now, account.value, listed, tuple(fills.value), positions, absent, unasked, tuple(flows.value))


def _ask(rest: Rest, questions: Sequence[Question], orders: dict[str, Order]) -> tuple[frozenset[int], frozenset[int]]:
    """Ask for each order that no list has shown, and add what is found; returns the absent and the unasked."""
    named = {order.client_order_id for order in orders.values()}
    absent, unasked = set(), set()
    for question in questions:
        if question.broker_id in orders or question.client_id in named:
            continue
        asked = _order(rest, question.broker_id, question.client_id)
        if isinstance(asked, Accepted):
            orders[asked.value.id] = asked.value
        elif isinstance(asked, Refused) and asked.reason == RejectReason.NOT_FOUND:
            absent.add(question.number)
        else:
            unasked.add(question.number)
    return frozenset(absent), frozenset(unasked)


def _order(rest: Rest, broker_id: str | None, client_id: str | None) -> Outcome[Order]:
    if broker_id is not None:
        return rest.order_by_id(broker_id)
    if client_id is None:
        return Refused(RejectReason.NOT_FOUND, 0, None, "an order without any name")
    return rest.order_by_client_id(client_id)


def _shares(positions: Sequence[Position]) -> dict[str, int]:
    return {position.symbol: position.shares for position in positions}
