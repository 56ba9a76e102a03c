"""From executions to positions, cost, cash and equity: to the micro, and never rounded in our favour."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from core.kernel.kinds import CashKind, Condition, EventKind, OperatorAct, ReconcileStep
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk

CENT = 10_000


def trade(desk: Desk, qty: float, price: float, fee: float = 0, symbol: int = 0) -> None:
    """An execution in the account, whoever ordered it."""
    desk.last_execution += 1
    desk.send(
        EventKind.FOREIGN_FILL,
        execution=desk.last_execution,
        symbol=symbol,
        qty=round(qty * MICRO),
        price=round(price * MICRO),
        amount=round(fee * MICRO),
    )


@pytest.mark.parametrize(
    ("fills", "qty", "cost", "realized"),
    [
        ([(100, 10.0)], 100, 1_000, 0),
        ([(100, 10.0), (100, 12.0)], 200, 2_200, 0),
        ([(100, 10.0), (100, 12.0), (-50, 15.0)], 150, 1_650, 200),
        ([(100, 10.0), (-100, 9.0)], 0, 0, -100),
        ([(-100, 10.0)], -100, -1_000, 0),
        ([(-100, 10.0), (-100, 8.0), (50, 6.0)], -150, -1_350, 150),
        ([(100, 10.0), (-150, 12.0)], -50, -600, 200),  # through zero: closed at a profit, opened at the price
        ([(-100, 10.0), (150, 12.0)], 50, 600, -200),
    ],
)
def test_average_cost_and_realised_result(
    desk: Desk, fills: list[tuple[float, float]], qty: float, cost: float, realized: float
) -> None:
    for size, price in fills:
        trade(desk, size, price)
    sym = desk.symbol()
    assert (sym.qty, sym.cost, sym.realized) == (qty * MICRO, cost * MICRO, realized * MICRO)
    assert desk.account.realized == realized * MICRO
    spent = sum(size * price for size, price in fills)
    assert desk.account.cash == (100_000 - spent) * MICRO


def test_a_fee_is_paid_in_cash_and_is_no_part_of_cost_or_result(desk: Desk) -> None:
    trade(desk, 100, 10.0, fee=1.25)
    trade(desk, -100, 11.0, fee=0.75)
    assert desk.account.cash == (100_000 + 100 - 2) * MICRO
    assert (desk.account.fees, desk.symbol().realized) == (2 * MICRO, 100 * MICRO)


@pytest.mark.parametrize("side", [1, -1])
def test_rounding_is_never_in_our_favour(desk: Desk, side: int) -> None:
    """A third of a micro here and there: cash at most the exact amount, the result at most the exact result."""
    fills = [(0.333333, 10.000001), (0.1, 10.000003), (-0.2, 10.999999), (-0.100001, 9.999999)]
    cash, exact = desk.account.cash, Fraction(0)
    for size, price in fills:
        trade(desk, side * size, price)
        exact -= side * Fraction(round(size * MICRO)) * round(price * MICRO) / MICRO
    booked = desk.account.cash - cash
    assert exact - 2 * len(fills) <= booked <= exact
    average = Fraction(333333 * 10_000_001 + 100_000 * 10_000_003, 433_333)
    result = side * (200_000 * (10_999_999 - average) + 100_001 * (9_999_999 - average)) / MICRO
    assert result - 2 * len(fills) <= desk.symbol().realized <= result


def test_closing_takes_its_share_of_the_cost_rounded_up(desk: Desk) -> None:
    """Three shares for $10.000001 in all: each leaves with a third of it, rounded against us until nothing is left."""
    trade(desk, 2, 3.333333)
    trade(desk, 1, 3.333335)
    costs = [desk.symbol().cost]
    for _ in range(3):
        trade(desk, -1, 4.0)
        costs.append(desk.symbol().cost)
    assert [a - b for a, b in pairwise(costs)] == [3_333_334, 3_333_334, 3_333_333]


def test_a_short_is_worth_its_mark_against_us(desk: Desk) -> None:
    trade(desk, -100, 10.0)
    desk.bar(0, 10.5)
    assert desk.account.equity == (100_000 - 50) * MICRO
    assert (desk.account.value, desk.account.gross) == (-1_050 * MICRO, 1_050 * MICRO)


@pytest.mark.parametrize(
    ("ratio", "qty", "mark"),
    [(2 * NANO, 200, 50.0), (NANO // 10, 10, 1_000.0), (3 * NANO // 2, 150, 66.666666)],
)
@pytest.mark.parametrize("side", [1, -1])
def test_a_split_moves_shares_and_price_and_no_money(
    desk: Desk, side: int, ratio: int, qty: float, mark: float
) -> None:
    trade(desk, side * 100, 100.0)
    cash, equity = desk.account.cash, desk.account.equity
    desk.send(EventKind.SPLIT, symbol=0, ratio=ratio)
    sym = desk.symbol()
    assert (sym.qty, sym.mark, sym.cost) == (side * qty * MICRO, round(mark * MICRO), side * 10_000 * MICRO)
    assert desk.account.cash == cash
    assert abs(desk.account.equity - equity) <= 150  # a micro a share


@pytest.mark.parametrize("side", [1, -1])
def test_holders_get_a_dividend_and_shorts_pay_it(desk: Desk, side: int) -> None:
    trade(desk, side * 100, 10.0)
    cash = desk.account.cash
    desk.send(EventKind.DIVIDEND, symbol=0, amount=CENT * 25)
    assert desk.account.cash - cash == side * 25 * MICRO
    assert desk.account.dividends == side * 25 * MICRO


def test_who_holds_nothing_gets_no_dividend(desk: Desk) -> None:
    desk.send(EventKind.DIVIDEND, symbol=0, amount=CENT)
    assert desk.account.cash == 100_000 * MICRO


# -- flows of capital -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "kind"), [(50_000, CashKind.DEPOSIT), (-50_000, CashKind.WITHDRAWAL)])
@pytest.mark.parametrize("stale", [False, True])
def test_capital_that_comes_or_goes_is_no_performance(desk: Desk, amount: float, kind: CashKind, stale: bool) -> None:
    trade(desk, 900, 100.0)
    desk.bar(0, 99.0)
    desk.timer(0)
    loss = desk.account.daily_loss
    assert loss == 9_000_000  # $900 of $100,000
    if stale:
        desk.send(EventKind.FEED, code=0)
    desk.cash(amount, kind)
    if stale:
        desk.send(EventKind.FEED, code=1)
    desk.timer(0)
    assert desk.account.equity == (99_100 + amount) * MICRO
    assert abs(desk.account.daily_loss - loss) <= 1
    assert desk.account.flows == amount * MICRO


@pytest.mark.parametrize("kind", [CashKind.INTEREST, CashKind.FEE, CashKind.BORROW_FEE, CashKind.DIVIDEND])
def test_interest_fees_and_dividends_are_performance(desk: Desk, kind: CashKind) -> None:
    desk.cash(-500, kind)
    desk.timer(0)
    assert desk.account.daily_loss == 5_000_000


def test_everything_may_be_withdrawn(desk: Desk) -> None:
    desk.cash(-100_000, CashKind.WITHDRAWAL)
    desk.timer(0)
    assert (desk.account.equity, desk.account.cash) == (0, 0)


def test_adopting_the_broker_s_position_is_an_adjustment_and_no_performance(desk: Desk) -> None:
    desk.minute(100.0)
    trade(desk, 40, 100.0)
    cash = desk.account.cash
    desk.reconcile(ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=100)
    desk.operator(OperatorAct.ADOPT_POSITION, symbol=0)
    desk.timer(0)
    assert (desk.shares, desk.account.cash) == (100, cash)
    assert desk.account.equity == 106_000 * MICRO
    assert abs(desk.account.unit_value - NANO) <= 1
    assert desk.symbol().unreconciled == 0


# -- conservation -----------------------------------------------------------------------------------------------


def random_event(desk: Desk, draw: np.random.Generator) -> Fraction:
    """One event of a random kind; returns what it should do to the cash, exactly, in micros."""
    kind, symbol = draw.integers(6), int(draw.integers(2))
    qty, price = int(draw.integers(-50 * MICRO, 50 * MICRO)), int(draw.integers(1, 500 * MICRO))
    if kind <= 2:
        fee = int(draw.integers(0, MICRO))
        trade(desk, qty / MICRO, price / MICRO, fee / MICRO, symbol)
        return -Fraction(qty) * price / MICRO - fee
    if kind == 3:
        desk.bar(symbol, price / MICRO)
        return Fraction(0)
    if kind == 4:
        held = desk.symbol(symbol).qty
        desk.send(EventKind.DIVIDEND, symbol=symbol, amount=price // 100)
        return Fraction(held) * (price // 100) / MICRO
    desk.cash(qty / MICRO, draw.choice([CashKind.DEPOSIT, CashKind.INTEREST]))
    return Fraction(qty)


@pytest.mark.parametrize("seed", range(6))
def test_money_is_conserved(open_desk: OpenDesk, seed: int) -> None:
    """Cash follows the exact sum with at most two micros lost an event, and equity is cash and marks."""
    desk = open_desk(plausible_jump=NANO * 1000)
    draw = np.random.default_rng(seed)
    exact = Fraction(desk.account.cash)
    for events in range(1, 81):
        exact += random_event(desk, draw)
        account = desk.account
        assert exact - 2 * events <= account.cash <= exact
        value = [Fraction(s.qty) * s.mark / MICRO for s in (desk.symbol(0), desk.symbol(1))]
        assert sum(value) - 2 <= account.equity - account.cash <= sum(value)
        assert account.gross == sum(abs(desk.symbol(i).value) for i in range(2))
    assert desk.active(Condition.SUSPENSE)
