"""What went wrong once with orders, executions and the books.

Each case was found by the generator, by the exhaustive sequences or by reading, and stays in its smallest form.
"""

from __future__ import annotations

from core.kernel.kinds import (
    CashKind,
    CommandKind,
    EventKind,
    Mode,
    NoteKind,
    OrderStatus,
    Phase,
    ReconcileStep,
    RejectReason,
)
from core.kernel.records import MAX_ORDERS
from core.kernel.units import MICRO, NANO
from tests.twin.kernel import START, ready, signal
from tests.twin.stories import PRICE, QTY, fill, held, kinds, noted, opened, timer

# orders


def test_a_refused_cancel_of_an_unknown_order_finds_it_accepted() -> None:
    kernel = ready()
    signal(kernel)
    kernel.send(EventKind.SUBMIT_AMBIGUOUS, order=1)
    kernel.send(EventKind.ORDER_PENDING_CANCEL, order=1)
    kernel.send(EventKind.CANCEL_REJECTED, order=1)
    assert kernel.order(1).status == OrderStatus.ACCEPTED
    assert kernel.broken() == 0


def test_old_news_does_not_change_what_a_pending_order_returns_to() -> None:
    kernel = opened()
    fill(kernel, 1, QTY // 2)
    kernel.send(EventKind.ORDER_PENDING_CANCEL, order=1)
    kernel.send(EventKind.ORDER_WORKING, order=1)
    kernel.send(EventKind.CANCEL_REJECTED, order=1)
    assert kernel.order(1).status == OrderStatus.PARTIALLY_FILLED


def test_a_parent_at_work_has_its_legs_known_too() -> None:
    kernel = ready()
    signal(kernel)
    kernel.send(EventKind.ORDER_WORKING, order=1)
    assert [kernel.order(leg).status for leg in (2, 3)] == [OrderStatus.HELD, OrderStatus.HELD]


def test_an_order_that_ends_in_this_step_keeps_its_slot() -> None:
    kernel = opened()
    kernel.st.run.next_order = 1 + MAX_ORDERS
    kernel.send(EventKind.ORDER_REPLACED, order=1, qty=QTY)
    assert kernel.order(1).status == OrderStatus.REPLACED
    assert kernel.st.symbols[0].entry == 4 + MAX_ORDERS


def test_a_replacement_holds_what_it_may_cost() -> None:
    kernel = opened()
    fill(kernel, 1, 30 * MICRO)
    kernel.send(EventKind.ORDER_REPLACED, order=1, price=110 * MICRO)
    assert kernel.order(4).qty == 70 * MICRO
    assert kernel.order(4).hold == 7700 * MICRO
    assert kernel.order(2).parent == 4
    assert kernel.broken() == 0


def test_an_order_that_the_broker_has_lost_is_a_case_for_reconciliation() -> None:
    kernel = opened()
    kernel.send(EventKind.ORDER_NOT_FOUND, order=1)
    assert kinds(kernel) == [CommandKind.RECONCILE]
    kernel.send(EventKind.RECONCILE, code=ReconcileStep.FINISHED)
    kernel.send(EventKind.CANCEL_REJECTED, order=1, code=RejectReason.NOT_FOUND)
    assert kinds(kernel) == [CommandKind.RECONCILE]


# executions


def test_a_void_that_comes_twice_counts_once() -> None:
    kernel = opened()
    fill(kernel, 1, QTY // 2, execution=7)
    for _ in range(2):
        kernel.send(EventKind.FILL_VOIDED, order=1, execution=7, qty=QTY // 2, price=PRICE)
    assert kernel.order(1).filled == 0
    assert NoteKind.DUPLICATE_FILL in noted(kernel)
    fill(kernel, 1, QTY // 2, execution=7)
    assert kernel.order(1).filled == 0, "the execution that was taken back is delivered again"
    assert kernel.broken() == 0


def test_a_void_of_an_execution_never_seen_is_quarantined() -> None:
    kernel = opened()
    kernel.send(EventKind.FILL_VOIDED, order=1, execution=9, qty=QTY, price=PRICE)
    assert kernel.order(1).filled == 0
    assert kernel.st.symbols[0].qty == 0
    assert kernel.st.symbols[0].unreconciled == 1
    assert kinds(kernel) == [CommandKind.QUERY]
    assert kernel.broken() == 0


def test_a_correction_that_comes_twice_counts_once() -> None:
    kernel = opened()
    fill(kernel, 1, QTY // 2, execution=7)
    for _ in range(2):
        kernel.send(
            EventKind.FILL_CORRECTED,
            order=1,
            execution=7,
            qty=QTY // 4,
            price=PRICE,
            target=QTY // 2,
            stop=PRICE,
        )
    assert kernel.order(1).filled == QTY // 4
    assert kernel.st.symbols[0].qty == QTY // 4


def test_a_correction_can_fill_an_order() -> None:
    kernel = opened()
    fill(kernel, 1, QTY // 2, execution=7)
    kernel.send(EventKind.FILL_CORRECTED, order=1, execution=7, qty=QTY, price=PRICE, target=QTY // 2, stop=PRICE)
    assert kernel.order(1).status == OrderStatus.FILLED
    assert kernel.order(1).hold == 0


def test_a_correction_is_judged_by_where_it_leads() -> None:
    kernel = opened()
    fill(kernel, 1, QTY, execution=7)
    fill(kernel, 2, 60 * MICRO)
    kernel.send(EventKind.FILL_CORRECTED, order=1, execution=7, qty=QTY, price=PRICE + MICRO, target=QTY, stop=PRICE)
    assert kernel.st.symbols[0].qty == 40 * MICRO
    assert NoteKind.DOUBLE_EXIT not in noted(kernel)
    assert kinds(kernel) == []


def test_a_void_gives_back_the_day_trading_power_and_is_no_day_trade() -> None:
    kernel = opened()
    fill(kernel, 1, QTY // 2, execution=7)
    kernel.send(EventKind.FILL_VOIDED, order=1, execution=7, qty=QTY // 2, price=PRICE)
    assert kernel.st.account.bought_today == 0
    assert sum(kernel.st.margin.day_count) == 0


def test_an_execution_of_an_unknown_order_counts_once() -> None:
    kernel = ready()
    for _ in range(2):
        fill(kernel, 77, QTY, execution=5, symbol=0, code=1)
    assert kernel.st.symbols[0].qty == QTY
    for _ in range(2):
        kernel.send(EventKind.FOREIGN_FILL, symbol=1, execution=6, qty=-QTY, price=PRICE)
    assert kernel.st.symbols[1].qty == -QTY
    assert kernel.st.account.suspense == 2


def test_an_execution_outside_the_universe_halts_and_is_not_booked() -> None:
    kernel = ready()
    kernel.send(EventKind.FOREIGN_FILL, execution=6, qty=QTY, price=PRICE)
    assert kernel.st.run.mode == Mode.HALTED
    assert kernel.st.account.cash == kernel.st.account.start_cash
    assert kernel.broken() == 0


def test_the_same_cumulative_quantity_under_another_id_is_the_same_fill_even_after_a_gap() -> None:
    kernel = opened()
    fill(kernel, 1, 40 * MICRO, cum=80 * MICRO)
    fill(kernel, 1, 40 * MICRO, cum=80 * MICRO)
    assert kernel.order(1).filled == 40 * MICRO
    fill(kernel, 1, 40 * MICRO, cum=40 * MICRO)
    assert kernel.order(1).filled == 80 * MICRO
    assert kernel.st.symbols[0].gap == 0


def test_a_fill_that_overlaps_what_is_booked_is_quarantined() -> None:
    kernel = opened()
    fill(kernel, 1, 50 * MICRO, cum=50 * MICRO)
    fill(kernel, 1, 50 * MICRO, cum=80 * MICRO)
    assert kernel.order(1).filled == 50 * MICRO
    assert NoteKind.QUARANTINE in noted(kernel)
    assert kernel.st.symbols[0].unreconciled == 1


# positions and cash


def test_the_cost_of_a_closed_part_is_rounded_towards_a_smaller_result() -> None:
    kernel = opened(lot=1)
    fill(kernel, 1, 3, price=PRICE + 1)  # costs 300 micros and a bit, rounded up to 301
    kernel.send(EventKind.ORDER_CANCELED, order=1)
    fill(kernel, 2, 1, price=PRICE)
    assert kernel.st.symbols[0].realized == 100 - 101
    assert kernel.broken() == 0


def test_a_deposit_on_stale_marks_is_no_performance() -> None:
    kernel = held()
    kernel.send(EventKind.FEED, code=0)
    kernel.send(EventKind.CASH_FLOW, code=CashKind.DEPOSIT, amount=100_000 * MICRO)
    kernel.send(EventKind.FEED, code=1)
    kernel.send(EventKind.TIMER)
    assert kernel.st.account.drawdown == 0


def test_prices_after_a_split_are_order_prices() -> None:
    kernel = held()
    kernel.send(EventKind.SPLIT, symbol=0, ratio=3 * NANO)
    sym = kernel.st.symbols[0]
    assert (sym.target_price, sym.stop_price) == (33_840_000, 33_000_000)
    assert sym.target_price % 10_000 == sym.stop_price % 10_000 == 0


def test_an_account_below_zero_goes_on() -> None:
    kernel = ready(cash=10_000 * MICRO)
    kernel.send(EventKind.FOREIGN_FILL, symbol=0, execution=1, qty=1000 * MICRO, price=PRICE)
    for second in range(2):
        kernel.send(EventKind.BAR, symbol=0, price=10 * MICRO, qty=MICRO, t_visible=START + second)
    kernel.send(EventKind.SESSION, code=Phase.POST, amount=1)
    timer(kernel)
    timer(kernel)
    assert kernel.st.account.equity < 0
    assert kernel.st.run.mode == Mode.HALTED
