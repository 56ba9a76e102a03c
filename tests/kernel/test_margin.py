"""Margin regimes, against the regulator's and the broker's own examples."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import CashKind, EventKind, NoteKind, OperatorAct, Refusal
from core.kernel.units import MICRO, NANO, SECOND
from tests.kernel.desk import Desk, OpenDesk

CASH, LEGACY, INTRADAY = 0, 1, 2
DAY = 86_400 * SECOND


def trade(desk: Desk, qty: float, price: float = 10.0, symbol: int = 0) -> None:
    """An execution in the account."""
    desk.last_execution += 1
    desk.send(
        EventKind.FOREIGN_FILL,
        execution=desk.last_execution,
        symbol=symbol,
        qty=round(qty * MICRO),
        price=round(price * MICRO),
    )


def round_trip(desk: Desk, symbol: int = 0) -> None:
    held = desk.hold(symbol=symbol)
    desk.fill(held.target, held.qty)
    desk.canceled(held.stop)


def day_trades(desk: Desk) -> int:
    return int(desk.st.margin.day_count.sum())


# -- legacy_pdt: what a day trade is ----------------------------------------------------------------------------

# The six examples of FINRA Regulatory Notice 21-13, which Alpaca's page "User Protection" repeats: purchases and
# sales of a day, in order, and the number of day trades that the notice finds in them.
EXAMPLES: dict[str, tuple[list[Any], int]] = {
    "A": ([250, 250, -500], 1),
    "B": ([100, -100, 100, -100], 2),
    "C": ([500, -100, -100, -300], 1),
    "D": ([250, 300, 100, -150, -175], 1),
    "E": ([199, 142, -1, 45, -100, -200], 2),
    "F": ([200, (1, 100), -100, (1, -100)], 2),
}


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.parametrize("side", [1, -1])
def test_the_six_published_examples(open_desk: OpenDesk, example: str, side: int) -> None:
    desk = open_desk(regime=LEGACY)
    orders, count = EXAMPLES[example]
    for order in orders:
        symbol, qty = order if isinstance(order, tuple) else (0, order)
        trade(desk, side * qty, symbol=symbol)
    assert day_trades(desk) == count


@pytest.mark.parametrize(
    ("overnight", "today", "count"),
    [
        (100, [-100], 0),
        (100, [-100, 50], 0),
        (100, [-100, 50, -50], 1),
        (100, [10, -5], 1),  # what was bought today is what is sold
        (100, [-150], 0),  # through zero: closed yesterday's, opened today's
        (100, [-150, 50], 1),
        (0, [50, -80, 30], 2),
    ],
)
def test_a_position_held_overnight_is_closed_without_a_day_trade(
    open_desk: OpenDesk, overnight: float, today: list[float], count: int
) -> None:
    desk = open_desk(regime=LEGACY)
    if overnight:
        trade(desk, overnight)
    desk.next_session()
    for qty in today:
        trade(desk, qty)
    assert day_trades(desk) == count


def test_extended_hours_belong_to_their_day(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=LEGACY)
    desk.send(EventKind.SESSION, code=3, amount=1)
    trade(desk, 10)
    trade(desk, -10)
    desk.send(EventKind.SESSION, code=1, amount=2)
    trade(desk, 10)
    desk.send(EventKind.SESSION, code=2, amount=2)
    trade(desk, -10)
    assert day_trades(desk) == 2


def test_parts_of_one_order_are_one_trade(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=LEGACY)
    entry = desk.enter()
    for _ in range(4):
        desk.fill(entry, 25)
    assert desk.st.margin.trade_count.sum() == 1


def test_the_window_is_five_sessions(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=LEGACY)
    counts = []
    for _ in range(7):
        trade(desk, 10)
        trade(desk, -10)
        counts.append(day_trades(desk))
        desk.next_session()
    assert counts == [1, 2, 3, 4, 5, 5, 5]


# -- legacy_pdt: the block --------------------------------------------------------------------------------------


def small(open_desk: OpenDesk, **config: int) -> Any:
    return open_desk(**{"regime": LEGACY, "cash": 24_000 * MICRO, **config})


def refused(desk: Desk, symbol: int = 0, **signal: Any) -> set[Refusal]:
    desk.bar(symbol, 100.0)
    return set(desk.decide(symbol=symbol, **signal).refused)


def test_the_order_that_could_make_the_fourth_day_trade_is_refused(open_desk: OpenDesk) -> None:
    desk = small(open_desk)
    for _ in range(3):
        round_trip(desk)
    assert refused(desk) == {Refusal.DAY_TRADES}
    check = desk.history[-1].decision.checks[Refusal.DAY_TRADES]
    assert (check.measured, check.limit) == (4 * NANO, 3 * NANO)


def test_what_is_open_today_may_become_a_day_trade_and_counts(open_desk: OpenDesk) -> None:
    desk = small(open_desk, symbols=3)
    for _ in range(2):
        round_trip(desk)
    desk.enter(symbol=1)
    assert refused(desk, symbol=2) == {Refusal.DAY_TRADES}


def test_a_position_of_yesterday_does_not_count(open_desk: OpenDesk) -> None:
    desk = small(open_desk, symbols=3)
    desk.hold(symbol=1)
    desk.next_session()
    for _ in range(2):
        round_trip(desk)
    assert refused(desk, symbol=2) == set()


def test_four_day_trades_among_many_trades_make_no_pattern(open_desk: OpenDesk) -> None:
    """Of 70 trades four are 5.7 %, of 60 they are 6.7 %; each of the sales of long ago is a trade."""
    for others, pattern in ((52, True), (62, False)):
        desk = small(open_desk, symbols=3)
        trade(desk, 1_000, price=1.0, symbol=2)
        desk.next_session()
        desk.operator(OperatorAct.CLEAR_SUSPENSE)
        for _ in range(others):
            trade(desk, -1, price=1.0, symbol=2)
        desk.operator(OperatorAct.CLEAR_SUSPENSE)
        for _ in range(3):
            round_trip(desk)
        assert (Refusal.DAY_TRADES in refused(desk)) == pattern


@pytest.mark.parametrize(("at_close", "now", "blocked"), [(24_999, 26_000, True), (25_000, 24_000, False)])
def test_the_equity_that_counts_is_that_of_the_previous_close(
    open_desk: OpenDesk, at_close: float, now: float, blocked: bool
) -> None:
    desk = small(open_desk, cash=30_000 * MICRO, max_drawdown=NANO // 2, daily_loss=NANO // 2)
    desk.cash(at_close - 30_000, CashKind.WITHDRAWAL)
    desk.next_session()
    desk.cash(now - at_close, CashKind.DEPOSIT)
    for _ in range(3):
        round_trip(desk)
    assert (Refusal.DAY_TRADES in refused(desk)) == blocked


def test_the_house_budget_holds_in_any_regime(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY, day_trade_budget=2)
    for _ in range(2):
        round_trip(desk)
    assert refused(desk) == {Refusal.DAY_TRADE_BUDGET}


# -- intraday_margin --------------------------------------------------------------------------------------------


def deficits(desk: Desk) -> list[tuple[int, int]]:
    """Amount in dollars and state of each deficit that is remembered."""
    return [(int(d["amount"] // MICRO), int(d["state"])) for d in desk.st.margin.deficits if d["state"]]


def fall_short(desk: Desk, dollars: float) -> None:
    """Buy so much that equity lacks `dollars` to the 30 % requirement, and sell it again."""
    qty = (int(desk.account.equity) / MICRO + dollars) / 0.3 / 10
    trade(desk, qty)
    trade(desk, -qty)


def test_the_deficit_of_a_day_is_its_largest_right_after_an_opening(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY)
    for dollars in (2_000, 5_000, 3_000):
        fall_short(desk, dollars)
    assert desk.st.margin.imd == pytest.approx(5_000 * MICRO, abs=10)
    assert NoteKind.MARGIN_DEFICIT in desk.close_session().noted
    assert deficits(desk) == [(5_000, 1)]
    assert desk.st.margin.imd == 0


def test_a_fall_of_prices_alone_makes_no_deficit_but_a_withdrawal_does(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY, max_drawdown=NANO, daily_loss=NANO, plausible_jump=NANO)
    trade(desk, 30_000)
    desk.bar(0, 7.0)
    assert desk.account.maintenance > desk.account.equity
    assert desk.st.margin.imd == 0
    desk.cash(-1_000, CashKind.WITHDRAWAL)
    assert desk.st.margin.imd == 54_000 * MICRO  # 30 % of $210,000 against $9,000


def test_a_sale_that_closes_makes_no_deficit(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY, max_drawdown=NANO, daily_loss=NANO, plausible_jump=NANO)
    trade(desk, 30_000)
    desk.bar(0, 7.0)
    trade(desk, -100, price=7.0)
    assert desk.st.margin.imd == 0


@pytest.mark.parametrize(
    ("equity", "dollars", "kept"),
    [(100_000, 990, False), (100_000, 1_010, True), (10_000, 490, False), (10_000, 510, True)],
)
def test_a_minor_deficit_is_forgiven(open_desk: OpenDesk, equity: float, dollars: float, kept: bool) -> None:
    """Up to the smaller of $1,000 and 5 % of equity."""
    desk = open_desk(regime=INTRADAY, cash=equity * MICRO)
    fall_short(desk, dollars)
    desk.close_session()
    assert bool(deficits(desk)) == kept


def owe(desk: Desk) -> None:
    """A deficit that equity above the requirement does not cover: the account holds as much as it may."""
    fall_short(desk, 5_000)
    trade(desk, 33_000)  # leaves $1,000 above the requirement


def pass_sessions(desk: Desk, sessions: int) -> None:
    for _ in range(sessions):
        desk.next_session()


def test_a_covered_deficit_is_settled(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY)
    fall_short(desk, 5_000)
    desk.next_session()
    assert deficits(desk) == [(5_000, 1)]
    desk.next_session()
    assert deficits(desk) == []


def test_a_first_unmet_deficit_does_not_freeze_and_lapses_after_fifteen_days(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY)
    owe(desk)
    states = []
    for _ in range(18):
        desk.next_session()
        states.append(deficits(desk)[0][1] if deficits(desk) else 0)
    assert states == [1] * 5 + [2] * 11 + [0] * 2
    assert desk.st.margin.freeze_until == 0
    assert desk.st.margin.unmet == 0


def test_a_practice_of_not_covering_freezes_for_ninety_days(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=INTRADAY, symbols=3)
    owe(desk)
    pass_sessions(desk, 6)
    assert desk.st.margin.unmet == 1
    trade(desk, -33_000)
    owe(desk)
    pass_sessions(desk, 5)
    assert desk.st.margin.freeze_until == 0
    step = desk.close_session()
    assert NoteKind.MARGIN_DEFICIT in step.noted
    assert desk.st.margin.freeze_until == step.notes[0].time + 90 * DAY


def test_while_frozen_nothing_is_shorted_or_bought_on_credit(open_desk: OpenDesk) -> None:
    caps = {"symbol_cap": 2 * NANO, "gross_cap": 2 * NANO, "net_cap": 2 * NANO, "trade_risk": NANO // 50}
    desk = open_desk(regime=INTRADAY, **caps)
    desk.minute(100.0)
    desk.st.margin.freeze_until = desk.now + SECOND
    assert Refusal.MARGIN_FREEZE in refused(desk, side=-1)
    assert Refusal.MARGIN_FREEZE in refused(desk, p=0.9)  # 1,960 shares would take a loan
    assert Refusal.MARGIN_FREEZE not in refused(desk, p=0.403)
    desk.timer(1)
    assert Refusal.MARGIN_FREEZE not in refused(desk, side=-1)


def test_an_order_that_would_leave_a_deficit_is_refused(open_desk: OpenDesk) -> None:
    """$1.50 shares are held in full, not at 30 %: 15 % of equity more would pass the line, 10 % does not."""
    for cap, bad in ((15, True), (10, False)):
        desk = open_desk(
            regime=INTRADAY, multiplier=4, gross_cap=9 * NANO, net_cap=9 * NANO, symbol_cap=cap * NANO // 100
        )
        trade(desk, 2_933, price=100.0, symbol=1)
        desk.operator(OperatorAct.CLEAR_SUSPENSE)
        desk.minute(1.5)
        decision = desk.decide(stop=0.05, target=0.1)
        assert (Refusal.MARGIN_DEFICIT in decision.refused) == bad
