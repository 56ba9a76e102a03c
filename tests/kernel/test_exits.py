"""The exit plan: a position gets out, whatever stands in the way."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import (
    CashKind,
    CommandKind,
    EventKind,
    HaltKind,
    NoteKind,
    OperatorAct,
    OrderType,
    Phase,
    Refusal,
)
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from tests.kernel.desk import Desk, OpenDesk

PERCENT = NANO // 100


def lose(desk: Desk, percent: float) -> None:
    """Percent of the first $100,000."""
    desk.cash(-1_000 * percent, CashKind.FEE)


# -- risk exit --------------------------------------------------------------------------------------------------


def flatten(desk: Desk, *legs: int) -> Any:
    """Breach the daily limit for good, and let the broker confirm the legs' end; returns the exit order."""
    lose(desk, 6)
    step = desk.minute(100.0, 100.0)
    assert [c.order for c in step.commands] == [legs[0]]
    return desk.canceled(*legs).command


def test_a_risk_exit_goes_from_touch_through_to_market_and_pages(desk: Desk) -> None:
    held = desk.hold()
    desk.send(EventKind.QUOTE, symbol=0, price=99_980_000, target=100_020_000)
    sent = flatten(desk, held.target, held.stop)
    prices, paged = [], []
    for minute in range(1, 8):
        if sent is not None:
            prices.append((OrderType(sent.type), sent.limit / MICRO))
            desk.accepted(sent.order)
        step = desk.minute(100.0, 100.0)
        sent = desk.canceled(sent.order).command if CommandKind.CANCEL in step.sent else None
        if NoteKind.EXIT_OVERDUE in step.noted:
            paged.append(minute)
    assert prices == [(OrderType.LIMIT, 99.98), (OrderType.LIMIT, 98.98), (OrderType.MARKET, 0.0)]
    assert paged == [5]
    exit_order = desk.symbol().exit_order
    desk.fill(exit_order, 100, price=98.0)
    assert (desk.shares, desk.symbol().entry, desk.symbol().stage) == (0, 0, 0)


@pytest.mark.parametrize(("side", "limits"), [(1, [99.98, 98.98]), (-1, [100.02, 101.02])])
def test_a_partly_filled_exit_goes_on_for_the_rest(desk: Desk, side: int, limits: list[float]) -> None:
    held = desk.hold(side=side)
    desk.send(EventKind.QUOTE, symbol=0, price=99_980_000, target=100_020_000)
    sent = flatten(desk, held.target, held.stop)
    assert (sent.side, sent.qty, sent.limit) == (-side, 100 * MICRO, round(limits[0] * MICRO))
    desk.fill(sent.order, 60)
    desk.minute(100.0, 100.0)
    sent = desk.canceled(sent.order).command
    assert (sent.side, sent.qty, sent.limit) == (-side, 40 * MICRO, round(limits[1] * MICRO))


def test_a_working_entry_is_withdrawn_and_what_it_filled_is_sold(desk: Desk) -> None:
    entry = desk.enter()
    trade = desk.symbol()
    desk.fill(entry, 40)
    sent = flatten(desk, entry, trade.target_order, trade.stop_order)
    assert (sent.kind, sent.side, sent.qty) == (CommandKind.SUBMIT, -1, 40 * MICRO)


def test_an_exit_waits_for_a_halt_to_end(desk: Desk) -> None:
    held = desk.hold()
    desk.send(EventKind.HALT, symbol=0, code=HaltKind.LULD)
    lose(desk, 6)
    desk.minute(None, 100.0)
    assert desk.canceled(held.target, held.stop).sent == []
    assert desk.minute(None, 100.0).sent == []
    desk.send(EventKind.RESUME, symbol=0)
    assert desk.minute(100.0, 100.0).sent == [CommandKind.SUBMIT]


def test_a_refused_exit_is_tried_again_by_the_next_timer(desk: Desk) -> None:
    held = desk.hold()
    sent = flatten(desk, held.target, held.stop)
    assert desk.rejected(sent.order).sent == []
    assert desk.minute(100.0, 100.0).sent == [CommandKind.SUBMIT]


def test_an_urgent_cause_takes_over_an_exit_that_may_wait(desk: Desk) -> None:
    """A position without a stop waits for the regular session; the operator does not."""
    held = desk.hold()
    desk.close_session()
    oco = desk.expired(held.target, held.stop).command
    assert desk.rejected(oco.order).sent == []
    desk.open_session(Phase.PRE)
    assert desk.timer().sent == []
    sent = desk.operator(OperatorAct.FLATTEN).command
    assert (sent.kind, sent.type, sent.extended) == (CommandKind.SUBMIT, OrderType.LIMIT, 1)


def test_on_stale_marks_an_exit_stays_limited_and_follows_the_mark(desk: Desk) -> None:
    desk.hold()
    trade = desk.symbol()
    desk.send(EventKind.FEED, code=0)
    desk.operator(OperatorAct.FLATTEN)
    sent = desk.canceled(trade.target_order, trade.stop_order).command
    types = []
    for _ in range(5):
        types.append(OrderType(sent.type))
        step = desk.minute(100.0, 100.0)
        sent = desk.canceled(step.command.order).command
    assert set(types) == {OrderType.LIMIT}
    desk.send(EventKind.FEED, code=1)
    step = desk.minute(100.0, 100.0)
    assert OrderType(desk.canceled(step.command.order).command.type) == OrderType.MARKET


# -- clocks of a trade ------------------------------------------------------------------------------------------


def test_a_trade_ends_at_its_horizon(desk: Desk) -> None:
    held = desk.hold(horizon=600)
    sent = [desk.minute(100.0, 100.0).sent for _ in range(10)]
    assert sent == [[]] * 9 + [[CommandKind.CANCEL]]
    command = desk.canceled(held.target, held.stop).command
    assert (command.kind, OrderType(command.type)) == (CommandKind.SUBMIT, OrderType.MARKET)


@pytest.mark.parametrize("hours", [23_400, 12_600])
def test_everything_is_closed_before_the_bell_of_the_day_s_own_length(open_desk: OpenDesk, hours: int) -> None:
    desk = open_desk(flat_before_close=5 * MINUTE, live=False)
    desk.stream(up=True)
    desk.reconciled()
    desk.open_session(hours=hours * SECOND)
    held = desk.hold()
    desk.now += (hours - 420) * SECOND
    assert desk.minute(100.0, 100.0).sent == [CommandKind.CANCEL]
    assert desk.canceled(held.target, held.stop).sent == [CommandKind.SUBMIT]
    assert Refusal.SESSION_CLOSED in desk.decide(symbol=1).refused
