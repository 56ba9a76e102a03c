"""Entry, stop and target as a group: what protects a position, and what when nothing does."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import (
    Cause,
    CommandKind,
    EventKind,
    NoteKind,
    OperatorAct,
    OrderStatus,
    OrderType,
    RejectReason,
    Role,
    TimeInForce,
)
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk

FINE, CENT = 100, 10_000  # micros


def exits(desk: Desk) -> tuple[OrderStatus, OrderStatus]:
    trade = desk.symbol()
    return desk.status(trade.target_order), desk.status(trade.stop_order)


def partly_filled(desk: Desk, qty: float = 40) -> Any:
    entry = desk.enter()
    desk.fill(entry, qty)
    return desk.symbol()


# -- prices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "price", "stop", "target", "at_stop", "at_target"),
    [
        (1, 100.0, 1.0, 1.5, 99.0, 101.5),
        (-1, 100.0, 1.0, 1.5, 101.0, 98.5),
        (1, 100.0, 1.004, 1.504, 99.0, 101.51),  # the stop is never further, the target never nearer
        (-1, 100.0, 1.004, 1.504, 101.0, 98.49),
        (1, 100.0, 0.001, 0.5, 99.99, 100.5),  # at least a cent away
        (-1, 100.0, 0.001, 0.5, 100.01, 99.5),
        (1, 0.8, 0.05005, 0.1, 0.75, 0.9),  # four decimals below a dollar
        (1, 0.8, 0.05, 0.30001, 0.75, 1.11),  # and two from a dollar up
    ],
)
def test_legs_lie_on_the_grid(
    open_desk: OpenDesk, side: int, price: float, stop: float, target: float, at_stop: float, at_target: float
) -> None:
    desk = open_desk(cost=0)
    desk.minute(price)
    step = desk.signal(side=side, p=0.9, stop=stop, target=target)
    command = step.command
    assert command.kind == CommandKind.SUBMIT_BRACKET
    assert (command.stop, command.target) == (round(at_stop * MICRO), round(at_target * MICRO))
    for level in (command.stop, command.target):
        assert level % (CENT if level >= MICRO else FINE) == 0


def test_a_bracket_names_its_legs_and_they_name_each_other(desk: Desk) -> None:
    desk.minute(100.0)
    command = desk.signal().command
    entry, target, stop = (desk.order(n) for n in (command.order, command.target_order, command.stop_order))
    assert [o.role for o in (entry, target, stop)] == [Role.ENTRY, Role.TARGET, Role.STOP]
    assert [o.type for o in (entry, target, stop)] == [OrderType.MARKET, OrderType.LIMIT, OrderType.STOP]
    assert [o.side for o in (entry, target, stop)] == [1, -1, -1]
    assert (target.sibling, stop.sibling) == (stop.id, target.id)
    assert (target.parent, stop.parent) == (entry.id, entry.id)
    assert {o.intent for o in (entry, target, stop)} == {command.intent}
    assert [o.leg for o in (entry, target, stop)] == [0, 1, 2]


# -- from sleeping to working -----------------------------------------------------------------------------------


def test_legs_are_known_to_sleep_once_the_entry_is_accepted(desk: Desk) -> None:
    desk.minute(100.0)
    entry = desk.decide().order
    assert exits(desk) == (OrderStatus.SUBMITTED, OrderStatus.SUBMITTED)
    desk.accepted(entry)
    assert exits(desk) == (OrderStatus.HELD, OrderStatus.HELD)


@pytest.mark.parametrize("late", [False, True])
def test_a_fill_that_outruns_the_acceptance_shows_that_the_legs_are_there(desk: Desk, late: bool) -> None:
    """At one instant executions come before acknowledgements."""
    desk.minute(100.0)
    entry = desk.decide().order
    desk.fill(entry, 100)
    if late:
        desk.accepted(entry)
    assert exits(desk) == (OrderStatus.HELD, OrderStatus.HELD)
    assert desk.symbol().unprotected_since == 0


def test_a_complete_entry_is_protected_and_an_incomplete_one_is_not(desk: Desk) -> None:
    entry = desk.enter()
    desk.fill(entry, 99)
    assert desk.symbol().unprotected_since == desk.now
    desk.fill(entry, 1)
    assert desk.symbol().unprotected_since == 0


def test_a_rejected_bracket_takes_its_legs_along(desk: Desk) -> None:
    desk.minute(100.0)
    command = desk.signal().command
    desk.rejected(command.order, RejectReason.BUYING_POWER)
    for order in (command.order, command.target_order, command.stop_order):
        assert desk.status(order) == OrderStatus.REJECTED
        assert desk.order(order).reason == RejectReason.BUYING_POWER
    assert desk.symbol().entry == 0
    assert desk.account.reserved == 0


# -- protection -------------------------------------------------------------------------------------------------


def test_a_partial_entry_is_cut_off_and_protected_by_an_oco(desk: Desk) -> None:
    trade = partly_filled(desk)
    assert desk.timer(59).sent == []
    step = desk.timer(1)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, trade.entry)
    assert step.noted == [NoteKind.UNPROTECTED]
    assert desk.canceled(trade.entry).sent == []  # the group has to be dead first
    assert desk.canceled(trade.target_order).sent == []
    step = desk.canceled(trade.stop_order)
    oco = step.command
    assert oco.kind == CommandKind.SUBMIT_OCO
    assert (oco.qty, oco.side) == (40 * MICRO, -1)
    assert (oco.target, oco.stop) == (101_500_000, 99 * MICRO)
    assert desk.order(oco.order).cause == Cause.PROTECTION
    assert step.noted == []
    assert desk.accepted(oco.order).note(NoteKind.CLEARED).limit == NoteKind.UNPROTECTED
    assert desk.status(oco.stop_order) == OrderStatus.HELD
    assert desk.symbol().unprotected_since == 0
    assert desk.symbol().unprotected_time == 60 * 40


def test_the_exit_after_a_late_fill_has_a_number_that_its_trade_has_not_used(desk: Desk) -> None:
    """Else the broker would know its client order id already, and refuse it."""
    first = partly_filled(desk)
    desk.timer(60)
    desk.canceled(first.entry, first.target_order)
    oco = desk.canceled(first.stop_order).command
    desk.accepted(oco.order)
    desk.fill(oco.order, 40, price=101.5)
    desk.canceled(oco.stop_order)
    second = desk.hold()
    desk.fill(second.target, second.qty, price=101.5)
    desk.canceled(second.stop)
    assert desk.shares == 0
    late = desk.fill(first.entry, 60).command
    assert (late.intent, late.qty) == (oco.intent, 60 * MICRO)
    assert late.leg > max(oco.leg, desk.order(oco.stop_order).leg)


def test_an_entry_that_fills_while_its_cancel_travels_stays_in_its_bracket(desk: Desk) -> None:
    trade = partly_filled(desk)
    desk.timer(60)
    desk.fill(trade.entry, 60)
    step = desk.news(EventKind.CANCEL_REJECTED, trade.entry, code=RejectReason.ALREADY_FILLED)
    assert CommandKind.SUBMIT_OCO not in step.sent
    assert desk.symbol().unprotected_since == 0
    assert desk.timer(60).sent == []


def test_day_legs_that_expire_overnight_are_replaced_at_once(open_desk: OpenDesk) -> None:
    desk = open_desk(tif=TimeInForce.DAY)
    held = desk.hold()
    desk.close_session()
    assert desk.expired(held.target).sent == []
    oco = desk.expired(held.stop).command
    assert (oco.kind, oco.qty, oco.tif) == (CommandKind.SUBMIT_OCO, 100 * MICRO, TimeInForce.GTC)
    assert (oco.target, oco.stop) == (101_500_000, 99 * MICRO)


def test_a_broker_that_takes_no_stop_makes_the_position_go(desk: Desk) -> None:
    held = desk.hold()
    oco = desk.canceled(held.target, held.stop).command
    step = desk.rejected(oco.order, RejectReason.BRACKET_GEOMETRY)
    assert (step.command.kind, step.command.type) == (CommandKind.SUBMIT, OrderType.MARKET)
    assert (step.command.side, step.command.qty) == (-1, 100 * MICRO)


def test_a_position_stays_protected_after_its_entry_s_slot_was_used_again(desk: Desk) -> None:
    held = desk.hold()
    desk.st.orders[held.entry].id += 1024  # as if 1024 orders had come and gone
    assert desk.minute(100.0).sent == []
    assert desk.symbol().unprotected_since == 0


# -- exits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("leg", "other"), [("target", "stop"), ("stop", "target")])
def test_a_leg_closes_the_trade_and_the_sibling_is_awaited(desk: Desk, leg: str, other: str) -> None:
    held = desk.hold()
    desk.fill(getattr(held, leg), 100, price=101.0)
    assert desk.symbol().entry == held.entry  # its sibling is still out
    desk.canceled(getattr(held, other))
    assert (desk.shares, desk.symbol().entry) == (0, 0)
    assert desk.account.realized == 100 * MICRO


def test_a_sibling_that_the_broker_forgets_is_withdrawn(desk: Desk) -> None:
    held = desk.hold()
    desk.fill(held.target, 100, price=101.5)
    assert desk.timer(59).sent == []
    step = desk.timer(1)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, held.stop)


def test_a_partly_filled_target_shrinks_the_stop_without_alarm(desk: Desk) -> None:
    held = desk.hold()
    desk.fill(held.target, 30, price=101.5)
    desk.news(EventKind.ORDER_RESTATED, held.stop, qty=70 * MICRO)
    assert desk.symbol().unprotected_since == 0
    desk.news(EventKind.ORDER_RESTATED, held.stop, qty=60 * MICRO)
    assert desk.symbol().unprotected_since == desk.now


@pytest.mark.parametrize("parts", [[100], [60, 40]])
def test_both_legs_filled_is_a_double_exit_and_is_flattened(desk: Desk, parts: list[int]) -> None:
    held = desk.hold()
    desk.fill(held.target, 100, price=101.5)
    steps = [desk.fill(held.stop, part, price=99.0) for part in parts]
    assert NoteKind.DOUBLE_EXIT in steps[0].noted
    assert desk.shares == -100
    bought = 0.0
    for step in [*steps, *(desk.minute(100.0) for _ in range(3))]:
        for sent in step.commands:
            if sent.kind == CommandKind.SUBMIT:
                assert (sent.side, sent.type) == (1, OrderType.MARKET)
                desk.accepted(sent.order)
                bought += sent.qty / MICRO
                desk.fill(sent.order, sent.qty / MICRO)
    assert (bought, desk.shares, desk.symbol().entry) == (100, 0, 0)


def test_an_exit_that_crosses_zero_is_a_double_exit(desk: Desk) -> None:
    held = desk.hold()
    desk.fill(held.stop, 60, price=99.0)
    step = desk.fill(held.target, 100, price=101.5)
    assert NoteKind.DOUBLE_EXIT in step.noted
    assert desk.shares == -60


def test_protecting_shares_that_lie_flat_asks_for_nothing(desk: Desk) -> None:
    desk.minute(100.0)
    assert desk.operator(OperatorAct.FLATTEN, symbol=0).sent == []


# -- splits -----------------------------------------------------------------------------------------------------


def test_a_split_withdraws_the_legs_and_protects_at_the_new_prices(desk: Desk) -> None:
    held = desk.hold()
    equity = desk.account.equity
    desk.close_session()
    step = desk.send(EventKind.SPLIT, symbol=0, ratio=2 * NANO)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, held.target)
    assert (desk.shares, desk.account.equity) == (200, equity)
    assert desk.symbol().cost == 10_000 * MICRO
    oco = desk.canceled(held.target, held.stop).command
    assert (oco.kind, oco.qty) == (CommandKind.SUBMIT_OCO, 200 * MICRO)
    assert (oco.target, oco.stop) == (50_750_000, 49_500_000)


@pytest.mark.parametrize(
    ("side", "ratio", "target", "stop"),
    [
        (1, 3 * NANO, 33_840_000, 33_000_000),  # 101.50 / 3 and 99.00 / 3: up, the target no nearer
        (-1, 3 * NANO, 32_830_000, 33_660_000),  # 98.50 / 3 and 101.00 / 3: down
        (1, NANO // 10, 1_015 * MICRO, 990 * MICRO),
    ],
)
def test_prices_after_a_split_are_prices_that_an_order_may_have(
    desk: Desk, side: int, ratio: int, target: int, stop: int
) -> None:
    desk.hold(side=side)
    desk.send(EventKind.SPLIT, symbol=0, ratio=ratio)
    assert (desk.symbol().target_price, desk.symbol().stop_price) == (target, stop)


def test_a_split_over_a_working_entry_withdraws_the_group(desk: Desk) -> None:
    entry = desk.enter()
    step = desk.send(EventKind.SPLIT, symbol=0, ratio=2 * NANO)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, entry)


@pytest.mark.parametrize("ratio", [2 * NANO, NANO // 4])
def test_an_exit_from_before_a_split_that_is_told_after_it_closes_all(desk: Desk, ratio: int) -> None:
    """The stream was down when the target filled, and the split comes before the news."""
    held = desk.hold()
    sold = desk.now
    desk.send(EventKind.SPLIT, 60, symbol=0, ratio=ratio)
    cash = desk.account.cash
    desk.fill(held.target, 100, 101.5, after=1, t_market=sold)
    assert desk.shares == 0
    assert desk.account.cash - cash == 10_150 * MICRO
    assert desk.order(held.target).filled == 100 * MICRO


def test_an_execution_after_a_split_counts_as_it_is(desk: Desk) -> None:
    held = desk.hold()
    desk.send(EventKind.SPLIT, 60, symbol=0, ratio=2 * NANO)
    desk.fill(held.target, 100, 50.75)
    assert desk.shares == 100
