"""Executions: each booked once, whatever the delivery, and taken back when the broker says so."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import (
    CommandKind,
    Condition,
    EventKind,
    Mode,
    NoteKind,
    OrderStatus,
    Refusal,
)
from core.kernel.units import MICRO
from tests.kernel.desk import Desk

# -- duplicates and contradictions ------------------------------------------------------------------------------


def test_the_same_execution_id_counts_once(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, cum=40, execution=7)
    step = desk.fill(order, 40, cum=40, execution=7)
    assert step.noted == [NoteKind.DUPLICATE_FILL]
    assert desk.shares == 40


def test_one_fill_under_two_ids_counts_once_by_its_cumulative_quantity(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, cum=40)
    desk.fill(order, 60, cum=100)
    assert desk.fill(order, 40, cum=40).noted == [NoteKind.DUPLICATE_FILL]
    assert desk.fill(order, 60, cum=100).noted == [NoteKind.DUPLICATE_FILL]
    assert desk.shares == 100


def test_a_contradictory_duplicate_is_quarantined_and_the_broker_is_asked(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, price=100.0, cum=40, execution=7)
    step = desk.fill(order, 40, price=100.5, cum=40, execution=7)
    assert step.noted == [NoteKind.QUARANTINE]
    assert step.sent == [CommandKind.QUERY]
    assert desk.shares == 40
    assert desk.symbol().unreconciled == 1


def test_a_quantity_that_contradicts_its_cumulative_quantity_is_quarantined(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, cum=40)
    step = desk.fill(order, 40, cum=60)
    assert step.noted == [NoteKind.QUARANTINE]
    assert step.sent == [CommandKind.QUERY]
    assert desk.shares == 40


def test_a_jump_asks_the_broker_and_the_missing_fill_closes_the_gap(desk: Desk) -> None:
    order = desk.enter()
    assert desk.fill(order, 30, cum=50).sent == [CommandKind.QUERY]
    assert (desk.shares, desk.symbol().gap) == (30, 20 * MICRO)
    desk.fill(order, 20, cum=20)
    assert (desk.shares, desk.symbol().gap) == (50, 0)


def test_while_a_fill_is_missing_a_smaller_one_is_not_taken_twice(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 10, cum=30)
    desk.fill(order, 10, cum=40)
    for cum in (30, 40):
        assert desk.fill(order, 10, cum=cum).noted == [NoteKind.DUPLICATE_FILL]
    desk.fill(order, 20, cum=20)
    assert desk.shares == 40


@pytest.mark.parametrize("known", [True, False])
def test_an_execution_of_nobody_s_order_is_booked_once_and_halts(desk: Desk, known: bool) -> None:
    desk.minute(50.0)
    fields = {"execution": 9, "qty": 10 * MICRO, "price": 50 * MICRO, "symbol": 0, "code": 1}
    kind = EventKind.FILL if known else EventKind.FOREIGN_FILL
    step = desk.send(kind, order=777 if known else 0, **fields)
    assert step.noted[0] == NoteKind.FOREIGN_FILL
    desk.send(kind, order=777 if known else 0, **fields)
    assert desk.shares == 10
    assert desk.account.suspense == 1
    assert desk.active(Condition.SUSPENSE)
    assert desk.mode == Mode.HALTED
    assert {Refusal.MODE, Refusal.UNRECONCILED} <= desk.decide().refused


def test_nobody_s_shares_are_not_traded_by_themselves(desk: Desk) -> None:
    desk.minute(50.0)
    desk.send(EventKind.FOREIGN_FILL, execution=9, qty=10 * MICRO, price=50 * MICRO, symbol=0)
    assert [desk.minute(50.0).sent for _ in range(3)] == [[], [], []]


def test_more_than_was_ordered_is_taken_and_stops_the_symbol(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 100)
    step = desk.fill(order, 20, cum=120)
    assert NoteKind.OVERFILL in step.noted
    assert NoteKind.LATE_FILL not in step.noted
    assert (desk.shares, desk.order(order).overfill) == (120, 20 * MICRO)
    assert Refusal.UNRECONCILED in desk.decide().refused


# -- voids and corrections --------------------------------------------------------------------------------------


def void(desk: Desk, order: int, qty: float, price: float = 100.0, execution: int = 7, fee: float = 0) -> Any:
    fields = {"qty": round(qty * MICRO), "price": round(price * MICRO), "amount": round(fee * MICRO)}
    return desk.news(EventKind.FILL_VOIDED, order, execution=execution, **fields)


def test_a_void_is_as_if_the_fill_had_not_been(desk: Desk) -> None:
    order = desk.enter()
    cash = desk.account.cash
    desk.fill(order, 40, price=100.25, execution=7, fee=1.5)
    void(desk, order, 40, price=100.25, fee=1.5)
    assert (desk.shares, desk.account.cash) == (0, cash)
    assert desk.order(order).filled == 0
    assert desk.status(order) == OrderStatus.WORKING
    assert desk.symbol().reserved == 10_000 * MICRO


def test_a_void_counts_once_and_is_no_day_trade(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, execution=7)
    void(desk, order, 40)
    void(desk, order, 40)
    assert (desk.shares, desk.order(order).filled) == (0, 0)
    assert desk.st.margin.day_count.sum() == 0


def test_a_void_of_more_than_was_filled_is_quarantined(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, execution=7)
    step = void(desk, order, 50, execution=8)
    assert step.noted == [NoteKind.QUARANTINE]
    assert step.sent == [CommandKind.QUERY]
    assert desk.shares == 40
    assert desk.symbol().unreconciled == 1


def test_the_fill_that_follows_a_void_may_reach_the_same_cumulative_quantity(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, cum=40, execution=7)
    void(desk, order, 40)
    desk.fill(order, 40, cum=40, execution=8)
    assert desk.shares == 40


def test_a_correction_puts_price_and_quantity_right(desk: Desk) -> None:
    order = desk.enter()
    desk.fill(order, 40, price=100.0, execution=7)
    new = {"qty": 100 * MICRO, "price": 99 * MICRO}
    desk.news(EventKind.FILL_CORRECTED, order, execution=7, target=40 * MICRO, stop=100 * MICRO, **new)
    assert (desk.shares, desk.account.cash) == (100, (100_000 - 9_900) * MICRO)
    assert desk.order(order).paid == 9_900 * MICRO
    assert desk.status(order) == OrderStatus.FILLED
    assert desk.st.margin.day_count.sum() == 0
