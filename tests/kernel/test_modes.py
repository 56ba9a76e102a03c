"""Feeds, marks and safe modes: what each lets pass, and how it is left."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import (
    CommandKind,
    EventKind,
    HaltKind,
    Lane,
    Mode,
    NoteKind,
    OperatorAct,
    ReconcileStep,
    Refusal,
)
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk

# -- feeds ------------------------------------------------------------------------------------------------------


def test_a_feed_is_stale_when_too_many_symbols_are_and_healthy_only_after_a_while(open_desk: OpenDesk) -> None:
    """Of three symbols two stop: older than three minutes at two of three timers, healthy for nine."""
    desk = open_desk(symbols=3)
    desk.minute(10.0, 10.0, 10.0)
    modes = []
    for minute in range(18):
        fresh = None if minute < 6 else 10.0
        step = desk.minute(10.0, fresh, fresh)
        modes.append(desk.mode)
        if NoteKind.STALE_DATA in step.noted:
            assert minute == 3
            assert (step.note(NoteKind.STALE_DATA).value, step.note(NoteKind.STALE_DATA).limit) == (2, 3)
    degraded = [minute for minute, mode in enumerate(modes) if mode == Mode.DATA_DEGRADED]
    assert degraded == list(range(3, 15))


def test_a_symbol_that_has_not_traded_today_or_is_halted_makes_no_feed_stale(open_desk: OpenDesk) -> None:
    desk = open_desk(symbols=4)
    desk.minute(10.0, 10.0, 10.0, None)
    for symbol in (1, 2):
        desk.send(EventKind.HALT, symbol=symbol, code=HaltKind.REGULATORY)
    for _ in range(8):
        desk.minute(10.0)
        assert desk.mode == Mode.NORMAL


def test_a_session_without_any_bar_is_stale(desk: Desk) -> None:
    modes = []
    for _ in range(6):
        desk.minute()
        modes.append(desk.mode)
    assert modes == [Mode.NORMAL] * 4 + [Mode.DATA_DEGRADED] * 2


def test_while_marks_are_stale_the_guards_assume_a_shock(desk: Desk) -> None:
    """Two percent of the $10,000 held."""
    desk.hold()
    desk.send(EventKind.FEED, code=0)
    assert desk.mode == Mode.DATA_DEGRADED
    desk.timer()
    assert desk.account.daily_loss == 2_000_000
    assert desk.account.equity == 100_000 * MICRO
    desk.close_session()
    assert desk.account.day_start_unit == NANO  # the shock is not booked
    desk.send(EventKind.FEED, code=1)
    desk.timer()
    assert desk.account.drawdown == 0


def test_a_jump_is_believed_when_a_second_bar_says_so(desk: Desk) -> None:
    desk.hold()
    step = desk.bar(0, 80.0)
    assert step.noted == [NoteKind.SUSPECT_MARK]
    assert desk.symbol().mark == 100 * MICRO
    assert desk.bar(0, 80.0).noted == []  # the same bar told again confirms nothing
    assert desk.symbol().mark == 100 * MICRO
    assert desk.bar(0, 81.0, age=0).noted == []
    assert desk.symbol().mark == 81 * MICRO
    assert desk.account.equity == 98_100 * MICRO


def test_a_jump_and_back_moves_nothing(desk: Desk) -> None:
    desk.hold()
    for price in (80.0, 100.0, 120.0, 100.5):
        desk.bar(0, price)
    assert desk.symbol().mark == 100_500_000


def test_a_bar_that_comes_late_does_not_move_the_mark_back(desk: Desk) -> None:
    desk.minute(100.0)
    desk.minute(101.0)
    desk.bar(0, 100.0, age=120)
    assert desk.symbol().mark == 101 * MICRO


# -- strict modes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        lambda d: d.operator(OperatorAct.HALT),
        lambda d: d.stream(up=False),
        lambda d: d.send(EventKind.FEED, code=0),
        lambda d: [d.failed(Lane.SUBMIT) for _ in range(5)][-1],
    ],
)
def test_strict_modes_withdraw_entries_and_keep_exits(desk: Desk, act: Any) -> None:
    desk.hold(symbol=1)
    entry = desk.enter(symbol=0)
    step = act(desk)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, entry)


def test_a_reconciliation_alone_withdraws_nothing(desk: Desk) -> None:
    desk.enter()
    assert desk.reconciled().sent == []
    assert desk.timer().sent == []


def test_nothing_opens_between_a_reconnection_and_the_reconciliation(desk: Desk) -> None:
    desk.minute(100.0)
    desk.stream(up=False)
    assert desk.stream(up=True).sent == [CommandKind.RECONCILE]
    assert Refusal.RECONCILING in desk.decide().refused
    desk.reconciled()
    assert desk.decide().approved


def test_the_strictest_condition_decides_and_each_leaves_by_itself(desk: Desk) -> None:
    modes = []
    for act in (
        lambda: desk.send(EventKind.FEED, code=0),
        lambda: desk.stream(up=False),
        lambda: desk.operator(OperatorAct.HALT),
        lambda: desk.stream(up=True),
        lambda: desk.reconciled(),
        lambda: desk.operator(OperatorAct.RESUME),
        lambda: desk.send(EventKind.FEED, code=1),
    ):
        act()
        modes.append(desk.mode)
    data, broker, halted = Mode.DATA_DEGRADED, Mode.BROKER_DEGRADED, Mode.HALTED
    assert modes == [data, broker, halted, halted, halted, data, Mode.NORMAL]


def test_cash_that_differs_halts_until_the_operator_resumes(desk: Desk) -> None:
    desk.reconcile(ReconcileStep.CASH_DIFFERS, amount=7)
    assert desk.mode == Mode.HALTED
    desk.reconciled()
    assert desk.mode == Mode.HALTED
    desk.operator(OperatorAct.RESUME)
    assert desk.mode == Mode.NORMAL


def test_a_restart_trusts_nothing_until_stream_and_books_are_back(desk: Desk) -> None:
    desk.send(EventKind.RESTART)
    assert desk.mode == Mode.BROKER_DEGRADED
    desk.stream(up=True)
    assert desk.mode == Mode.BROKER_DEGRADED
    desk.reconciled()
    assert desk.mode == Mode.NORMAL


def test_a_storm_of_rejects_stops_until_the_operator_resumes(open_desk: OpenDesk) -> None:
    desk = open_desk(reject_storm=3)
    desk.minute(100.0)
    for _ in range(3):
        step = desk.rejected(desk.decide().order)
    assert NoteKind.REJECT_STORM in step.noted
    assert desk.mode == Mode.BROKER_DEGRADED
    desk.timer()
    assert desk.mode == Mode.BROKER_DEGRADED
    desk.operator(OperatorAct.RESUME)
    assert desk.mode == Mode.NORMAL


def test_a_withdrawal_is_insisted_on_when_its_reason_has_gone(desk: Desk) -> None:
    """A broker, or what stands before it, may confirm a cancellation and never make it."""
    entry = desk.enter()
    desk.operator(OperatorAct.HALT)
    desk.news(EventKind.ORDER_PENDING_CANCEL, entry)
    desk.operator(OperatorAct.RESUME)
    assert desk.mode == Mode.NORMAL
    sent = [command for minute in range(3) for command in desk.minute(100.0, 100.0).sent]
    assert sent.count(CommandKind.CANCEL) >= 2
    desk.news(EventKind.ORDER_CANCELED, entry)
    assert entry not in [command.order for command in desk.minute(100.0, 100.0).commands]
