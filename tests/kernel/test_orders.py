"""Life cycles of orders: two ledgers, and news that comes late, wrong or not at all."""

from __future__ import annotations

import pytest

from core.kernel.kinds import (
    TERMINAL,
    CommandKind,
    Condition,
    EventKind,
    Mode,
    NoteKind,
    OperatorAct,
    OrderStatus,
    Refusal,
    RejectReason,
)
from core.kernel.orders import ILLEGAL, KEEP, TABLE
from core.kernel.records import MAX_ORDERS
from core.kernel.units import MICRO, SECOND
from tests.kernel.desk import Desk, OpenDesk

ENDINGS = {
    EventKind.ORDER_CANCELED: OrderStatus.CANCELED,
    EventKind.ORDER_EXPIRED: OrderStatus.EXPIRED,
    EventKind.ORDER_REJECTED: OrderStatus.REJECTED,
}


# -- the table --------------------------------------------------------------------------------------------------


def test_no_news_leads_out_of_a_terminal_status() -> None:
    ended = [s for s in OrderStatus if TERMINAL[s] and s is not OrderStatus.NONE]
    rows = [kind - EventKind.ORDER_ACCEPTED for kind in EventKind if 30 <= kind <= 45 and kind != 44]
    assert len(ended) == 5
    assert (TABLE[rows][:, ended] == KEEP).all()


def test_an_order_that_does_not_exist_has_no_news() -> None:
    assert (TABLE[:, OrderStatus.NONE] == ILLEGAL).all()


@pytest.mark.parametrize(("kind", "status"), ENDINGS.items())
def test_every_open_status_can_end(kind: EventKind, status: OrderStatus) -> None:
    open_ = [s for s in OrderStatus if not TERMINAL[s]]
    assert (TABLE[kind - EventKind.ORDER_ACCEPTED, open_] == status).all()


# -- quantity and status ----------------------------------------------------------------------------------------


def test_an_entry_goes_from_submitted_to_filled(desk: Desk) -> None:
    desk.minute(100.0)
    order = desk.decide().order
    seen = [desk.status(order)]
    for act in (desk.accepted, desk.working, lambda o: desk.fill(o, 40), lambda o: desk.fill(o, 60)):
        act(order)
        seen.append(desk.status(order))
    assert [s.name for s in seen] == ["SUBMITTED", "ACCEPTED", "WORKING", "PARTIALLY_FILLED", "FILLED"]
    assert desk.order(order).paid == 10_000 * MICRO
    assert desk.shares == 100


@pytest.mark.parametrize("kind", [*ENDINGS, EventKind.ORDER_REPLACED])
def test_a_late_fill_is_booked_and_the_status_stays(desk: Desk, kind: EventKind) -> None:
    order = desk.enter()
    desk.news(kind, order, qty=100 * MICRO)
    ended = desk.order(order)
    step = desk.fill(order, 100)
    after = desk.order(order)
    assert (after.status, after.terminal) == (ended.status, ended.terminal)
    assert (after.filled, after.late) == (100 * MICRO, 1)
    assert desk.shares == 100
    assert desk.account.cash == 90_000 * MICRO
    assert NoteKind.LATE_FILL in step.noted


def test_shares_that_arrive_after_the_trade_is_over_are_sold_again(desk: Desk) -> None:
    order = desk.enter()
    trade = desk.symbol()
    desk.canceled(order, trade.target_order, trade.stop_order)
    assert desk.symbol().entry == 0
    step = desk.fill(order, 30)
    assert (step.command.kind, step.command.side, step.command.qty) == (CommandKind.SUBMIT, -1, 30 * MICRO)
    desk.accepted(step.command.order)
    desk.fill(step.command.order, 30)
    assert desk.shares == 0
    assert desk.symbol().entry == 0


def test_an_ended_order_ignores_every_later_ending(desk: Desk) -> None:
    order = desk.enter()
    desk.canceled(order)
    first = desk.order(order)
    desk.expired(order)
    desk.rejected(order)
    assert desk.order(order) == first


# -- pending requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (EventKind.ORDER_PENDING_CANCEL, EventKind.CANCEL_REJECTED),
        (EventKind.ORDER_PENDING_REPLACE, EventKind.REPLACE_REJECTED),
    ],
)
@pytest.mark.parametrize(
    ("before", "meanwhile", "after"),
    [
        ("working", [], "WORKING"),
        ("accepted", ["working"], "WORKING"),
        ("submitted", [], "ACCEPTED"),
        ("unknown", [], "ACCEPTED"),
        ("working", ["fill"], "PARTIALLY_FILLED"),
        ("working", ["fill", "working"], "PARTIALLY_FILLED"),
        ("working", ["triggered", "working"], "TRIGGERED"),
        ("working", ["suspended"], "SUSPENDED"),
    ],
)
def test_a_refused_request_returns_the_order_to_what_it_is_by_now(
    desk: Desk, request_: EventKind, refusal: EventKind, before: str, meanwhile: list[str], after: str
) -> None:
    desk.minute(100.0)
    order = desk.decide().order
    acts = {
        "accepted": lambda: desk.accepted(order),
        "working": lambda: desk.working(order),
        "fill": lambda: desk.fill(order, 10),
        "triggered": lambda: desk.news(EventKind.ORDER_TRIGGERED, order),
        "suspended": lambda: desk.news(EventKind.ORDER_SUSPENDED, order),
        "unknown": lambda: desk.news(EventKind.SUBMIT_AMBIGUOUS, order),
        "submitted": lambda: None,
    }
    acts[before]()
    desk.news(request_, order)
    for act in meanwhile:
        acts[act]()
    desk.news(refusal, order)
    assert desk.status(order).name == after
    assert desk.st.run.unknown == 0


def test_a_fill_completes_an_order_whose_cancel_is_pending(desk: Desk) -> None:
    order = desk.enter()
    desk.news(EventKind.ORDER_PENDING_CANCEL, order)
    desk.fill(order, 100)
    assert desk.status(order) == OrderStatus.FILLED


@pytest.mark.parametrize("reason", [RejectReason.ALREADY_FILLED, RejectReason.NOT_CANCELABLE])
def test_a_cancel_refused_because_the_order_has_ended_asks_how(desk: Desk, reason: RejectReason) -> None:
    order = desk.enter()
    step = desk.news(EventKind.CANCEL_REJECTED, order, code=reason)
    assert step.sent == [CommandKind.QUERY]


def test_a_cancel_refused_as_not_found_is_a_case_for_reconciliation(desk: Desk) -> None:
    order = desk.enter()
    step = desk.news(EventKind.CANCEL_REJECTED, order, code=RejectReason.NOT_FOUND)
    assert step.sent == [CommandKind.RECONCILE]
    assert desk.status(order) == OrderStatus.ACCEPTED
    assert Refusal.RECONCILING in desk.decide(symbol=1).refused


# -- unknown outcomes -------------------------------------------------------------------------------------------


def test_an_unknown_order_counts_in_full_and_is_asked_for_with_growing_patience(open_desk: OpenDesk) -> None:
    desk = open_desk(query_step=60 * SECOND, query_tries=4)
    desk.minute(100.0)
    order = desk.decide().order
    desk.news(EventKind.SUBMIT_AMBIGUOUS, order)
    assert desk.symbol().reserved == 10_000 * MICRO
    asked = []
    for minute in range(1, 12):
        if CommandKind.QUERY in desk.minute(100.0).sent:
            asked.append(minute)
            desk.news(EventKind.ORDER_NOT_FOUND, order)
    assert asked == [1, 2, 4, 8]
    assert (desk.status(order), desk.order(order).reason) == (OrderStatus.REJECTED, RejectReason.UNCONFIRMED)
    assert desk.symbol().reserved == 0
    assert desk.symbol().entry == 0


def test_not_found_means_nothing_while_the_stream_is_down(desk: Desk) -> None:
    order = desk.enter()
    desk.minute(100.0)
    other = desk.decide(symbol=0).order
    assert other == 0  # one trade at a time in a symbol
    desk.bar(1, 100.0)
    unknown = desk.decide(symbol=1).order
    desk.news(EventKind.SUBMIT_AMBIGUOUS, unknown)
    desk.stream(up=False)
    for _ in range(8):
        desk.news(EventKind.ORDER_NOT_FOUND, unknown)
    assert desk.status(unknown) == OrderStatus.UNKNOWN
    desk.stream(up=True)
    desk.news(EventKind.ORDER_NOT_FOUND, unknown)
    assert desk.status(unknown) == OrderStatus.REJECTED
    assert desk.status(order) == OrderStatus.ACCEPTED


def lost(desk: Desk) -> int:
    """An entry given up as never arrived."""
    desk.minute(100.0)
    order = int(desk.decide().order)
    desk.news(EventKind.SUBMIT_AMBIGUOUS, order)
    for _ in range(5):
        desk.news(EventKind.ORDER_NOT_FOUND, order)
    assert desk.order(order).reason == RejectReason.UNCONFIRMED
    return order


@pytest.mark.parametrize("kind", [EventKind.ORDER_ACCEPTED, EventKind.ORDER_WORKING, EventKind.ORDER_HELD])
def test_an_order_that_was_given_up_and_lives_is_cancelled_once(desk: Desk, kind: EventKind) -> None:
    order = lost(desk)
    step = desk.news(kind, order)
    assert (step.sent, step.command.order) == ([CommandKind.CANCEL], order)
    assert desk.news(kind, order).sent == []
    assert desk.status(order) == OrderStatus.REJECTED


def test_orders_given_up_as_never_arrived_make_no_reject_storm(open_desk: OpenDesk) -> None:
    desk = open_desk(reject_storm=1)
    lost(desk)
    assert not desk.active(Condition.REJECT_STORM)


def test_an_unknown_order_is_found_by_any_sign_of_life(desk: Desk) -> None:
    desk.minute(100.0)
    order = desk.decide().order
    desk.news(EventKind.SUBMIT_AMBIGUOUS, order)
    desk.fill(order, 10)
    assert desk.status(order) == OrderStatus.PARTIALLY_FILLED
    assert desk.st.run.unknown == 0


# -- the broker's other words -----------------------------------------------------------------------------------


def test_a_replaced_order_goes_on_under_a_new_id(desk: Desk) -> None:
    old = desk.enter()
    desk.fill(old, 40)
    desk.news(EventKind.ORDER_REPLACED, old, qty=80 * MICRO, price=101 * MICRO)
    new = desk.symbol().entry
    successor = desk.order(new)
    assert new != old
    assert (successor.replaces, successor.qty, successor.limit) == (old, 40 * MICRO, 101 * MICRO)
    assert (desk.status(old), successor.status) == (OrderStatus.REPLACED, OrderStatus.SUBMITTED)
    assert desk.symbol().working == 40 * MICRO
    desk.fill(new, 40)
    assert desk.shares == 80


def test_a_replacement_without_a_quantity_keeps_what_is_open(desk: Desk) -> None:
    old = desk.enter()
    desk.fill(old, 40)
    desk.news(EventKind.ORDER_REPLACED, old)
    assert desk.order(desk.symbol().entry).qty == 60 * MICRO


def test_an_event_name_that_nobody_knows_pages_and_asks(desk: Desk) -> None:
    order = desk.enter()
    step = desk.news(EventKind.ORDER_UNRECOGNISED, order)
    assert (step.noted, step.sent) == ([NoteKind.UNRECOGNISED_NEWS], [CommandKind.QUERY])
    assert Refusal.UNRECONCILED in desk.decide().refused


def test_news_of_an_order_that_was_never_ours_is_noted_and_changes_nothing(desk: Desk) -> None:
    step = desk.news(EventKind.ORDER_CANCELED, 500)
    assert step.noted == [NoteKind.UNKNOWN_ORDER]
    assert desk.mode == Mode.NORMAL


def test_a_slot_that_is_used_again_does_not_know_its_former_order(open_desk: OpenDesk) -> None:
    desk = open_desk(repeat_limit=10_000, orders_day=10_000, orders_minute=10_000)
    first = desk.enter()
    for _ in range(MAX_ORDERS // 3 + 1):
        trade = desk.symbol()
        desk.canceled(trade.entry, trade.target_order, trade.stop_order)
        desk.enter()
    assert desk.symbol().entry > MAX_ORDERS
    assert desk.fill(first, 10, cum=10).noted[0] == NoteKind.FOREIGN_FILL


def test_a_cancel_that_was_refused_or_had_no_answer_is_asked_again(desk: Desk) -> None:
    order = desk.enter()
    desk.operator(OperatorAct.HALT)
    assert desk.timer(30).sent == []
    assert desk.timer(30).sent == [CommandKind.CANCEL]
    assert desk.news(EventKind.CANCEL_REJECTED, order).sent == []
    assert desk.timer(59).sent == []
    assert [c.order for c in desk.timer(1).commands] == [order]
