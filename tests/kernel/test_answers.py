"""What the engine answers when its surroundings fail: lanes, buying power, lost orders, exits that are refused."""

from __future__ import annotations

import pytest

from core.kernel.kinds import (
    Breaker,
    CashKind,
    CommandKind,
    Condition,
    EventKind,
    Lane,
    LaneFailure,
    Mode,
    NoteKind,
    OperatorAct,
    OrderStatus,
    Phase,
    Refusal,
    RejectReason,
)
from core.kernel.units import MICRO, NANO, SECOND
from tests.kernel.desk import Desk, OpenDesk, micros

# -- lanes ------------------------------------------------------------------------------------------------------


def fail(desk: Desk, why: LaneFailure, wait: float = 0, lane: Lane = Lane.SUBMIT) -> None:
    desk.send(EventKind.LANE_FAILED, code=lane, code2=why, amount=round(wait * SECOND))


def test_a_request_without_authorisation_trips_at_once(desk: Desk) -> None:
    fail(desk, LaneFailure.UNAUTHORISED)
    assert desk.st.lanes[Lane.SUBMIT].state == Breaker.OPEN
    assert desk.mode == Mode.BROKER_DEGRADED


def test_the_broker_s_own_wait_wins_over_our_backoff(desk: Desk) -> None:
    for _ in range(5):
        fail(desk, LaneFailure.RATE_LIMIT, wait=90)
    probes = [CommandKind.PROBE in desk.timer(30).sent for _ in range(4)]
    assert probes == [False, False, True, False]


def test_trips_beyond_the_day_s_number_halt_and_are_said_once(desk: Desk) -> None:
    alerts = 0
    for _ in range(5):
        fail(desk, LaneFailure.UNAUTHORISED)
        for _ in range(3):
            desk.send(EventKind.PROBE_OK, code=Lane.SUBMIT)
        desk.operator(OperatorAct.RESET_BREAKER, lane=Lane.SUBMIT)
    for step in desk.history:
        alerts += sum(n.kind == NoteKind.ALERT and n.metric == Condition.TRIPS for n in step.notes)
    assert alerts == 1
    assert desk.mode == Mode.HALTED


# -- buying power -----------------------------------------------------------------------------------------------


def account(desk: Desk, power: float) -> object:
    return desk.send(EventKind.ACCOUNT, price=0, target=0, stop=micros(power))


def test_the_smaller_buying_power_counts(desk: Desk) -> None:
    """Ours is $200,000; of the broker's $5,000 there are fifty shares."""
    desk.minute(100.0, 100.0)
    account(desk, 5_000)
    d = desk.decide()
    assert (d.qty, d.reduced >= {Refusal.BUYING_POWER}) == (50 * MICRO, True)
    account(desk, 500_000)
    assert desk.account.power_drift == 0
    assert desk.decide(symbol=1).qty == 100 * MICRO


def test_a_drift_is_said_once_and_cleared(desk: Desk) -> None:
    noted = [account(desk, power).noted for power in (199_500, 150_000, 140_000, 200_000, 200_000)]
    drift, cleared = NoteKind.BUYING_POWER_DRIFT, NoteKind.CLEARED
    assert noted == [[], [drift], [], [cleared], []]


# -- orders of unknown fate -------------------------------------------------------------------------------------


def lost(desk: Desk) -> int:
    desk.minute(100.0, 100.0)
    order = int(desk.decide().order)
    desk.news(EventKind.SUBMIT_AMBIGUOUS, order)
    return order


def test_an_order_of_unknown_fate_counts_fully_until_it_is_resolved(desk: Desk) -> None:
    order = lost(desk)
    assert desk.symbol().reserved == 10_000 * MICRO
    assert desk.account.reserved == 10_000 * MICRO
    for _ in range(9):
        desk.minute(100.0, 100.0)
    assert desk.account.reserved == 10_000 * MICRO
    assert desk.status(order) == OrderStatus.UNKNOWN


def test_it_has_a_deadline_an_age_and_one_alert(desk: Desk) -> None:
    order = lost(desk)
    since = desk.order(order).unknown_since
    assert desk.order(order).deadline == since + 300 * SECOND
    alerts = []
    for minute in range(1, 12):
        alerts += [(minute, n.value) for n in desk.minute(100.0, 100.0).notes if n.kind == NoteKind.UNRESOLVED_ORDER]
    assert alerts == [(5, 300 * SECOND)]
    note = desk.accepted(order).note(NoteKind.CLEARED)
    assert (note.order, note.limit, note.value) == (order, NoteKind.UNRESOLVED_ORDER, 660 * SECOND)


def test_one_that_is_found_in_time_alerts_nobody(desk: Desk) -> None:
    order = lost(desk)
    desk.minute(100.0, 100.0)
    assert desk.accepted(order).noted == []


# -- exits that must finish -------------------------------------------------------------------------------------


def closing(desk: Desk) -> int:
    held = desk.hold()
    desk.operator(OperatorAct.FLATTEN)
    return int(desk.canceled(held.target, held.stop).command.order)


def test_an_exit_that_is_always_refused_is_tried_each_minute_and_pages_once(desk: Desk) -> None:
    order = closing(desk)
    sent = pages = 0
    for _ in range(12):
        assert desk.rejected(order, RejectReason.QUANTITY).sent == []
        step = desk.minute(100.0, 100.0)
        pages += NoteKind.EXIT_OVERDUE in step.noted
        order = step.command.order
        sent += 1
    assert (sent, pages) == (12, 1)
    note = desk.fill(order, 100).note(NoteKind.CLEARED)
    assert note.limit == NoteKind.EXIT_OVERDUE


def test_an_exit_that_the_broker_cancels_is_not_sent_again_in_the_same_breath(desk: Desk) -> None:
    order = closing(desk)
    assert desk.canceled(order).sent == []
    assert desk.minute(100.0, 100.0).sent == [CommandKind.SUBMIT]


def test_an_exit_that_begins_at_night_is_late_by_the_session_s_clock(desk: Desk) -> None:
    held = desk.hold()
    desk.close_session()
    desk.expired(held.target, held.stop)
    oco = desk.history[-1].command
    desk.rejected(oco.order)  # no stop is taken, so the position goes when it can
    desk.open_session()
    noted = [NoteKind.EXIT_OVERDUE in desk.minute(100.0, 100.0).noted for _ in range(6)]
    assert noted == [False] * 4 + [True, False]


def test_an_exit_of_unknown_fate_is_waited_for_and_then_sent_again(desk: Desk) -> None:
    order = closing(desk)
    desk.news(EventKind.SUBMIT_AMBIGUOUS, order)
    for _ in range(5):
        assert CommandKind.SUBMIT not in desk.minute(100.0, 100.0).sent
        desk.news(EventKind.ORDER_NOT_FOUND, order)
    assert desk.status(order) == OrderStatus.REJECTED
    assert desk.minute(100.0, 100.0).sent == [CommandKind.SUBMIT]


@pytest.mark.parametrize("late", ["fill", "foreign"])
def test_shares_that_arrive_in_risk_exit_go_too(desk: Desk, late: str) -> None:
    desk.minute(100.0, 100.0)
    order = desk.decide().order
    desk.canceled(order, order + 1, order + 2)
    desk.cash(-7_000, CashKind.FEE)
    desk.timer()
    assert desk.mode == Mode.RISK_EXIT
    if late == "fill":
        desk.fill(order, 30)
    else:
        desk.send(EventKind.FOREIGN_FILL, symbol=0, execution=5, qty=30 * MICRO, price=100 * MICRO)
        desk.operator(OperatorAct.CLEAR_SUSPENSE)
        desk.timer()
    trade = desk.symbol()
    assert desk.order(trade.exit_order).qty == 30 * MICRO


# -- the way back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("obstacle", ["reconciling", "entry"])
def test_re_arming_waits_for_books_and_for_orders_that_may_still_fill(open_desk: OpenDesk, obstacle: str) -> None:
    desk = open_desk(max_drawdown=5 * NANO // 100, daily_loss=NANO)
    entry = desk.enter() if obstacle == "entry" else 0
    desk.cash(-7_000, CashKind.FEE)
    desk.timer()
    assert desk.mode == Mode.RISK_EXIT
    desk.next_session()
    if obstacle == "reconciling":
        desk.stream(up=False)
        desk.stream(up=True)
    assert desk.operator(OperatorAct.REARM).notes[0].action == 0
    if obstacle == "reconciling":
        desk.reconciled()
    else:
        desk.canceled(entry, entry + 1, entry + 2)
    assert desk.operator(OperatorAct.REARM).notes[0].action == 1


def test_a_breach_is_cleared_when_it_is_over(desk: Desk) -> None:
    desk.cash(-7_000, CashKind.FEE)
    desk.timer()
    desk.close_session()
    step = desk.open_session(Phase.REGULAR)
    assert step.note(NoteKind.CLEARED).metric == Condition.DAILY_LOSS
