"""What went wrong once with trades, exits and guards.

Each case was found by the generator, by the exhaustive sequences or by reading, and stays in its smallest form.
"""

from __future__ import annotations

import pytest

from core.kernel.kinds import (
    CommandKind,
    Condition,
    EventKind,
    Lane,
    Mode,
    NoteKind,
    OperatorAct,
    OrderType,
    Phase,
    ReconcileStep,
    Refusal,
    RejectReason,
)
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from tests.twin.kernel import HOUR, START, ready, signal
from tests.twin.stories import PRICE, QTY, fill, held, kinds, noted, opened, timer

# trades and exits


def test_foreign_shares_are_left_alone() -> None:
    kernel = ready()
    kernel.send(EventKind.FOREIGN_FILL, symbol=0, execution=1, qty=QTY, price=PRICE)
    for _ in range(3):
        timer(kernel)
        assert kinds(kernel) == []
    kernel.send(EventKind.EXIT_SIGNAL, symbol=0, strategy=0)
    assert kinds(kernel) == []


def test_exits_of_shares_without_a_trade_have_identities_of_their_own() -> None:
    kernel = ready()
    for symbol in (0, 1):
        kernel.send(EventKind.FOREIGN_FILL, symbol=symbol, execution=1 + symbol, qty=QTY, price=PRICE)
    kernel.send(EventKind.OPERATOR, code=OperatorAct.FLATTEN)
    first, second = kernel.commands
    assert (first.kind, second.kind) == (CommandKind.SUBMIT, CommandKind.SUBMIT)
    assert (first.intent, first.leg) != (second.intent, second.leg)
    assert first.intent > 0
    assert second.intent > 0


def test_a_sibling_clock_stops_when_the_position_returns() -> None:
    kernel = held()
    fill(kernel, 2, QTY, execution=8)
    kernel.send(EventKind.FILL_VOIDED, order=2, execution=8, qty=QTY, price=PRICE)
    assert kernel.st.symbols[0].qty == QTY
    timer(kernel)
    assert CommandKind.CANCEL not in kinds(kernel)


@pytest.mark.parametrize("shares", [3, -3])
def test_what_a_split_leaves_of_some_micro_shares_has_no_cost(shares: int) -> None:
    kernel = ready()
    kernel.send(EventKind.FOREIGN_FILL, symbol=0, execution=1, qty=shares, price=PRICE)
    cash = kernel.st.account.cash
    kernel.send(EventKind.SPLIT, symbol=0, ratio=NANO // 10)
    assert (kernel.st.symbols[0].qty, kernel.st.symbols[0].cost, kernel.st.account.cash) == (0, 0, cash)
    assert kernel.broken() == 0


def test_legs_of_an_adopted_flat_position_are_withdrawn() -> None:
    kernel = held(daily_loss=NANO // 2, max_drawdown=NANO // 2)
    kernel.send(EventKind.RECONCILE, code=ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=0)
    kernel.send(EventKind.OPERATOR, code=OperatorAct.ADOPT_POSITION, symbol=0)
    assert [c.order for c in kernel.commands if c.kind == CommandKind.CANCEL] == [2, 3]


def test_an_entry_corrected_after_its_exit_leaves_a_position_that_goes() -> None:
    kernel = opened()
    fill(kernel, 1, QTY, execution=7)
    fill(kernel, 3, QTY)
    kernel.send(EventKind.FILL_VOIDED, order=1, execution=7, qty=QTY, price=PRICE)
    assert NoteKind.DOUBLE_EXIT in noted(kernel)
    assert kernel.st.symbols[0].stage > 0


def test_a_position_adopted_against_its_trade_goes() -> None:
    kernel = held(daily_loss=NANO // 2, max_drawdown=NANO // 2)
    kernel.send(EventKind.RECONCILE, code=ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=-QTY)
    kernel.send(EventKind.OPERATOR, code=OperatorAct.ADOPT_POSITION, symbol=0)
    assert [(c.kind, c.order) for c in kernel.commands] == [(CommandKind.CANCEL, 2)]


def test_a_flat_exit_plan_withdraws_the_leg_that_lives_on() -> None:
    kernel = held()
    kernel.send(EventKind.EXIT_SIGNAL, symbol=0, strategy=0)
    assert [c.order for c in kernel.commands] == [2]
    fill(kernel, 2, QTY)
    timer(kernel)
    assert [c.order for c in kernel.commands if c.kind == CommandKind.CANCEL] == [3]


def test_the_second_leg_is_withdrawn_when_timers_insist() -> None:
    kernel = held()
    kernel.send(EventKind.EXIT_SIGNAL, symbol=0, strategy=0)
    timer(kernel, MINUTE // 2)
    assert [c.order for c in kernel.commands if c.kind == CommandKind.CANCEL] == [3]


def test_a_protected_limit_at_the_last_stage_is_priced_again() -> None:
    kernel = ready()
    kernel.send(EventKind.FOREIGN_FILL, symbol=0, execution=1, qty=QTY, price=PRICE)
    kernel.send(EventKind.FEED, code=0)
    kernel.send(EventKind.OPERATOR, code=OperatorAct.FLATTEN, symbol=0)
    sent = [c for c in kernel.commands if c.kind == CommandKind.SUBMIT]
    for _ in range(6):
        timer(kernel)
        for c in kernel.commands:
            if c.kind == CommandKind.CANCEL:
                kernel.send(EventKind.ORDER_CANCELED, order=c.order)
                sent += [x for x in kernel.commands if x.kind == CommandKind.SUBMIT]
    assert {c.type for c in sent} == {OrderType.LIMIT}
    kernel.send(EventKind.FEED, code=1)
    for _ in range(2):
        timer(kernel)
        for c in kernel.commands:
            if c.kind == CommandKind.CANCEL:
                kernel.send(EventKind.ORDER_CANCELED, order=c.order)
                sent += [x for x in kernel.commands if x.kind == CommandKind.SUBMIT]
    assert sent[-1].type == OrderType.MARKET


def test_cancel_all_withdraws_a_partly_filled_entry_and_protects_what_is_held() -> None:
    kernel = opened()
    fill(kernel, 1, 30 * MICRO)
    kernel.send(EventKind.OPERATOR, code=OperatorAct.CANCEL_ALL)
    assert [(c.kind, c.order) for c in kernel.commands] == [(CommandKind.CANCEL, 1)]
    for order in (3, 2, 1):
        kernel.send(EventKind.ORDER_CANCELED, order=order)
    assert kinds(kernel) == [CommandKind.SUBMIT_OCO]


@pytest.mark.parametrize("act", [OperatorAct.HALT, OperatorAct.CANCEL_ALL])
def test_strict_modes_withdraw_entries(act: OperatorAct) -> None:
    kernel = opened()
    kernel.send(EventKind.OPERATOR, code=act)
    assert [(c.kind, c.order) for c in kernel.commands] == [(CommandKind.CANCEL, 1)]


def test_unprotected_share_seconds_count_the_shares_that_were_held() -> None:
    kernel = opened()
    fill(kernel, 1, QTY // 2)
    fill(kernel, 1, QTY // 4, t_visible=int(kernel.st.run.now) + 10 * SECOND)
    kernel.send(EventKind.ORDER_CANCELED, order=1, t_visible=int(kernel.st.run.now) + 2 * SECOND)
    fill(kernel, 2, 3 * QTY // 4)
    assert kernel.st.symbols[0].unprotected_time == 10 * 50 + 2 * 75


def test_risk_at_the_stops_counts_what_is_held_and_what_works() -> None:
    kernel = opened()
    fill(kernel, 1, 40 * MICRO)
    signal(kernel, symbol=1)
    assert kernel.st.account.open_risk == 100 * MICRO


# guards


def test_a_repeated_session_event_is_no_new_session() -> None:
    kernel = ready()
    kernel.st.conditions[Condition.REENTRY].active = 1
    kernel.send(EventKind.SESSION, code=Phase.REGULAR, amount=1, qty=6 * HOUR)
    assert kernel.st.run.clean_sessions == 0


def test_a_close_without_a_timer_is_booked_when_the_next_day_begins() -> None:
    kernel = ready()
    kernel.send(EventKind.FOREIGN_FILL, symbol=0, execution=1, qty=QTY, price=PRICE)
    kernel.send(EventKind.BAR, symbol=0, price=101 * MICRO, qty=MICRO)
    kernel.send(EventKind.SESSION, code=Phase.REGULAR, amount=2, t_visible=START + 24 * HOUR, qty=6 * HOUR)
    assert kernel.st.account.high_water_mark == NANO + NANO // 1000
    assert kernel.st.account.last_equity == kernel.st.account.equity
    assert kernel.st.run.closing == 0


def test_trips_by_slowness_halt_too() -> None:
    kernel = ready(trips_day=1, slow_after=SECOND, breaker_window=SECOND, silence=30 * SECOND)
    signal(kernel)
    for minute in range(1, 8):
        for _ in range(3):
            kernel.send(EventKind.LANE_OK, t_visible=START + minute * MINUTE, code=Lane.QUERY, amount=2 * SECOND)
    timer(kernel)
    assert kernel.st.lanes["trips"].sum() == 2
    assert kernel.st.conditions[Condition.TRIPS].active == 1


def test_the_operator_can_resume_after_a_difference_of_cash() -> None:
    kernel = ready()
    kernel.send(EventKind.RECONCILE, code=ReconcileStep.CASH_DIFFERS, amount=MICRO)
    assert kernel.st.run.mode == Mode.HALTED
    kernel.send(EventKind.OPERATOR, code=OperatorAct.RESUME)
    assert kernel.st.run.mode == Mode.NORMAL


def test_a_late_bar_moves_no_mark() -> None:
    kernel = ready()
    kernel.send(EventKind.BAR, symbol=0, price=99 * MICRO, t_market=START - MINUTE)
    assert kernel.st.symbols[0].mark == PRICE
    assert kernel.st.symbols[0].last_bar == START


@pytest.mark.parametrize("stop", [0, -MICRO])
def test_a_signal_without_a_stop_is_refused(stop: int) -> None:
    kernel = ready(cost=0)
    signal(kernel, stop=stop)
    assert kernel.st.decision.refused >> Refusal.STOP_REQUIRED & 1
    assert kernel.commands == []


def test_a_protection_that_is_refused_becomes_an_exit() -> None:
    kernel = opened()
    fill(kernel, 1, 30 * MICRO)
    for order in (3, 2, 1):
        kernel.send(EventKind.ORDER_CANCELED, order=order)
    assert kinds(kernel) == [CommandKind.SUBMIT_OCO]
    kernel.send(EventKind.ORDER_REJECTED, order=4, code=RejectReason.BRACKET_GEOMETRY)
    assert [(c.kind, c.type) for c in kernel.commands] == [(CommandKind.SUBMIT, OrderType.MARKET)]
