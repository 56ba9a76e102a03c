"""Reconciliation: asked for, asked for again, and in the end the operator's case."""

from __future__ import annotations

import pytest

from core.kernel.kinds import (
    CashKind,
    CommandKind,
    Condition,
    EventKind,
    Mode,
    NoteKind,
    OperatorAct,
    ReconcileStep,
    Refusal,
)
from core.kernel.reconciliation import ADOPTED, DOUBT
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk, micros


def reconnect(desk: Desk) -> None:
    desk.stream(up=False)
    assert desk.stream(up=True).sent == [CommandKind.RECONCILE]


def test_no_answer_is_asked_for_again_ever_later_and_then_halts(desk: Desk) -> None:
    """After one minute, then two, four, eight and sixteen; after 32 more the operator is called, once."""
    reconnect(desk)
    asked, alerts = [], []
    for minute in range(1, 100):
        step = desk.minute(100.0, 100.0)
        if CommandKind.RECONCILE in step.sent:
            asked.append(minute)
        if NoteKind.RECONCILIATION in step.noted:
            alerts.append(minute)
    assert asked == [1, 3, 7, 15, 31]
    assert alerts == [63]
    assert desk.mode == Mode.HALTED


def test_the_operator_has_it_asked_anew_and_an_answer_ends_it(desk: Desk) -> None:
    reconnect(desk)
    for _ in range(64):
        desk.minute(100.0, 100.0)
    assert desk.mode == Mode.HALTED
    assert desk.operator(OperatorAct.RESUME).sent == [CommandKind.RECONCILE]
    assert desk.mode == Mode.BROKER_DEGRADED
    assert CommandKind.RECONCILE in desk.minute(100.0, 100.0).sent  # and so on
    desk.reconciled()
    assert desk.mode == Mode.NORMAL
    assert desk.minute(100.0, 100.0).sent == []


def test_an_answer_that_begins_and_never_ends_is_no_answer(desk: Desk) -> None:
    reconnect(desk)
    tries = 0
    for _ in range(200):
        if CommandKind.RECONCILE in desk.minute(100.0, 100.0).sent:
            tries += 1
            desk.reconcile(ReconcileStep.STARTED)
    assert tries == 5
    assert desk.mode == Mode.HALTED


def test_nothing_is_asked_while_the_stream_is_down(desk: Desk) -> None:
    reconnect(desk)
    desk.stream(up=False)
    assert all(desk.minute(100.0, 100.0).sent == [] for _ in range(10))


def test_after_a_restart_the_stream_s_return_asks(desk: Desk) -> None:
    desk.send(EventKind.RESTART)
    assert desk.stream(up=True).sent == [CommandKind.RECONCILE]


def test_a_new_account_is_reconciled_by_its_host_or_asked_about_at_the_first_timer(open_desk: OpenDesk) -> None:
    desk = open_desk(live=False)
    assert desk.stream(up=True).sent == []
    desk.open_session()
    assert desk.timer().sent == [CommandKind.RECONCILE]


def test_an_adopted_difference_is_an_adjustment_and_no_fill(desk: Desk) -> None:
    held = desk.hold()
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=70)
    assert Refusal.UNRECONCILED in desk.decide().refused
    cash, unit = desk.account.cash, desk.account.unit_value
    note = desk.operator(OperatorAct.ADOPT_POSITION, symbol=0).note(NoteKind.RECONCILIATION)
    assert (note.action, note.value, note.limit) == (1, -30 * MICRO, 70 * MICRO)
    assert (desk.shares, desk.symbol().executed, desk.symbol().adjusted) == (70, 100 * MICRO, -30 * MICRO)
    assert desk.account.cash == cash
    assert desk.account.flows == -3_000 * MICRO
    desk.timer()
    assert desk.account.unit_value == unit
    assert desk.order(held.entry).filled == 100 * MICRO


def test_nothing_is_adopted_where_no_difference_is_known(desk: Desk) -> None:
    desk.hold()
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=70)
    desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    step = desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    assert NoteKind.RECONCILIATION not in step.noted
    desk.send(EventKind.FOREIGN_FILL, symbol=0, execution=77, qty=-20 * MICRO, price=100 * MICRO)
    assert desk.symbol().unreconciled != 0
    desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    assert desk.shares == 50


def test_symbols_that_agree_trade_on_while_one_does_not(desk: Desk) -> None:
    desk.minute(100.0, 100.0)
    desk.reconcile(ReconcileStep.STARTED)
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=5)
    desk.reconcile(ReconcileStep.SYMBOL_OK, symbol=1)
    desk.reconcile(ReconcileStep.FINISHED)
    assert desk.mode == Mode.NORMAL
    assert desk.decide(symbol=1).approved
    assert desk.decide(symbol=0).refused == {Refusal.UNRECONCILED}


def test_a_difference_is_adopted_whatever_both_have_booked_since(desk: Desk) -> None:
    held = desk.hold()
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=70)
    desk.fill(held.stop, 60)
    desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    assert desk.shares == 10


def test_after_a_split_a_difference_waits_for_a_comparison_in_new_shares(desk: Desk) -> None:
    desk.hold()
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=70)
    desk.send(EventKind.SPLIT, symbol=0, ratio=2 * NANO)
    desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    assert (desk.shares, desk.symbol().unreconciled) == (200, DOUBT)
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=140)
    desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    assert (desk.shares, desk.symbol().unreconciled) == (140, 0)


def test_a_halt_for_cash_is_announced_once_and_cleared(desk: Desk) -> None:
    steps = [desk.reconcile(ReconcileStep.CASH_DIFFERS, amount=-50) for _ in range(2)]
    assert [step.noted.count(NoteKind.RECONCILIATION) for step in steps] == [1, 0]
    assert (steps[0].note(NoteKind.RECONCILIATION).value, desk.mode) == (-50 * MICRO, Mode.HALTED)
    step = desk.operator(OperatorAct.RESUME)
    assert step.note(NoteKind.CLEARED).metric == Condition.UNRECONCILED


@pytest.mark.parametrize("amount", [-2_000, 0.5])
def test_adopted_cash_is_capital_and_no_result(desk: Desk, amount: float) -> None:
    desk.hold()
    cash = desk.account.cash
    desk.reconcile(ReconcileStep.CASH_DIFFERS, amount=amount)
    desk.cash(10, CashKind.INTEREST)  # booked by both
    desk.timer()
    unit = desk.account.unit_value
    desk.operator(OperatorAct.RESUME)
    note = desk.operator(OperatorAct.ADOPT_CASH).note(NoteKind.RECONCILIATION)
    assert (note.action, note.value, note.symbol) == (ADOPTED, micros(amount), -1)
    assert desk.account.cash == cash + micros(amount + 10)
    assert desk.account.flows == micros(amount)
    desk.timer()
    assert abs(desk.account.unit_value - unit) <= 1
    assert NoteKind.RECONCILIATION not in desk.operator(OperatorAct.ADOPT_CASH).noted


def test_adopting_cash_ends_the_halt_unless_a_comparison_is_still_awaited(desk: Desk) -> None:
    desk.reconcile(ReconcileStep.CASH_DIFFERS, amount=7)
    desk.reconcile(ReconcileStep.STARTED)
    desk.operator(OperatorAct.ADOPT_CASH)
    assert desk.active(Condition.UNRECONCILED)
    desk.reconcile(ReconcileStep.CASH_DIFFERS, amount=7)
    desk.reconcile(ReconcileStep.FINISHED)
    desk.operator(OperatorAct.ADOPT_CASH)
    assert desk.mode == Mode.NORMAL


def test_cash_that_agrees_again_is_not_adopted(desk: Desk) -> None:
    cash = desk.account.cash
    desk.reconcile(ReconcileStep.CASH_DIFFERS, amount=7)
    desk.reconcile(ReconcileStep.CASH_OK)
    desk.operator(OperatorAct.ADOPT_CASH)
    assert desk.account.cash == cash
    assert desk.mode == Mode.HALTED, "somebody has to look all the same"
