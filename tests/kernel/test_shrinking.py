"""A leg is never larger than its position for long."""

from __future__ import annotations

import pytest

from core.kernel.kinds import CommandKind, EventKind, NoteKind, OperatorAct, ReconcileStep
from core.kernel.units import MICRO
from tests.kernel.desk import Desk


def foreign(desk: Desk, qty: float) -> object:
    return desk.send(EventKind.FOREIGN_FILL, symbol=0, execution=77, qty=round(qty * MICRO), price=100 * MICRO)


def test_a_sale_elsewhere_makes_the_legs_smaller(desk: Desk) -> None:
    held = desk.hold()
    step = foreign(desk, -30)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, held.target)
    oco = desk.canceled(held.target, held.stop).command
    assert (oco.kind, oco.qty, oco.target, oco.stop) == (CommandKind.SUBMIT_OCO, 70 * MICRO, 101_500_000, 99 * MICRO)


def test_an_adopted_loss_of_shares_does_too(desk: Desk) -> None:
    held = desk.hold()
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=40)
    step = desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    assert step.command.kind == CommandKind.CANCEL
    assert desk.canceled(held.target, held.stop).command.qty == 40 * MICRO


def test_a_void_does_too_after_a_while(desk: Desk) -> None:
    order = desk.enter()
    trade = desk.symbol()
    desk.fill(order, 60, execution=7)
    desk.fill(order, 40)
    desk.working(trade.stop_order)
    desk.news(EventKind.FILL_VOIDED, order, execution=7, qty=60 * MICRO, price=100 * MICRO)
    assert desk.timer(59).sent == []
    assert desk.timer(1).command.order == trade.target_order
    assert desk.canceled(trade.target_order, trade.stop_order).command.qty == 40 * MICRO


def test_the_broker_has_time_to_shrink_the_sibling_of_a_partly_filled_target(desk: Desk) -> None:
    held = desk.hold()
    desk.fill(held.target, 60, price=101.5)
    desk.news(EventKind.ORDER_RESTATED, held.stop, qty=40 * MICRO)
    assert [desk.minute(101.0, 100.0).sent for _ in range(4)] == [[]] * 4


def test_a_broker_that_does_not_is_helped(desk: Desk) -> None:
    held = desk.hold()
    desk.fill(held.target, 60, price=101.5)
    assert desk.timer(59).sent == []
    assert desk.timer(1).command.order == held.target
    assert desk.canceled(held.target, held.stop).command.qty == 40 * MICRO


def test_a_sale_of_everything_withdraws_both(desk: Desk) -> None:
    held = desk.hold()
    assert [c.order for c in foreign(desk, -100).commands] == [held.target, held.stop]
    desk.canceled(held.target, held.stop)
    assert desk.symbol().entry == 0


def test_a_sale_beyond_everything_is_turned_back(desk: Desk) -> None:
    held = desk.hold()
    step = foreign(desk, -130)
    assert step.command.kind == CommandKind.CANCEL
    sent = desk.canceled(held.target, held.stop).command
    assert (sent.kind, sent.side, sent.qty) == (CommandKind.SUBMIT, 1, 30 * MICRO)


@pytest.mark.parametrize("answered", [True, False])
def test_what_has_no_stop_is_alerted_once_and_cleared(desk: Desk, answered: bool) -> None:
    """The cancel lane is dead: nothing can be done, but it is said; the spell's share-seconds come with its end."""
    order = desk.enter()
    trade = desk.symbol()
    desk.fill(order, 40)
    alerts = [desk.minute(100.0, 100.0).noted.count(NoteKind.UNPROTECTED) for _ in range(6)]
    assert alerts == [1, 0, 0, 0, 0, 0]
    if answered:
        desk.canceled(order, trade.target_order, trade.stop_order)
        step = desk.accepted(desk.symbol().target_order)
    else:
        step = desk.fill(order, 60)
    note = step.note(NoteKind.CLEARED)
    assert (note.limit, note.value) == (NoteKind.UNPROTECTED, 360 * 40)
