"""Buying power and maintenance, by regime, multiplier and price."""

from __future__ import annotations

import pytest

from core.kernel.kinds import EventKind, Refusal
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk

CASH, LEGACY, INTRADAY = 0, 1, 2


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


# -- buying power -----------------------------------------------------------------------------------------------


def power(desk: Desk) -> float:
    """Buying power as the recorded cap says it: a fraction of equity."""
    desk.minute(100.0)
    return float(desk.decide(price=100.0, p=0.1).cap_buying_power / NANO)


@pytest.mark.parametrize(
    ("regime", "multiplier", "held", "expected"),
    [
        (CASH, 1, 0, 1.0),
        (CASH, 1, 60_000, 0.4),
        (INTRADAY, 1, 60_000, 0.4),
        (INTRADAY, 2, 0, 2.0),
        (INTRADAY, 2, 60_000, 1.4),
        (INTRADAY, 2, -60_000, 1.4),
        (INTRADAY, 4, 60_000, 3.4),
        (LEGACY, 2, 60_000, 1.4),
        (LEGACY, 4, 0, 4.0),
    ],
)
def test_buying_power_by_regime_and_multiplier(
    open_desk: OpenDesk, regime: int, multiplier: int, held: float, expected: float
) -> None:
    desk = open_desk(regime=regime, multiplier=multiplier)
    if held:
        trade(desk, held / 100, price=100.0, symbol=1)
    assert power(desk) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("equity", "expected"), [(1_999, 1.0), (2_000, 2.0)])
def test_leverage_needs_two_thousand_dollars(open_desk: OpenDesk, equity: float, expected: float) -> None:
    assert power(open_desk(cash=equity * MICRO)) == pytest.approx(expected)


def test_working_entries_hold_buying_power_until_they_fill_or_end(open_desk: OpenDesk) -> None:
    desk = open_desk(market_collar=NANO // 40)
    entry = desk.enter()
    assert desk.account.reserved == 10_250 * MICRO  # 100 shares at 2.5 % above $100
    desk.fill(entry, 40)
    assert desk.account.reserved == 6_150 * MICRO
    desk.canceled(entry)
    assert desk.account.reserved == 0


def test_a_short_is_held_at_one_point_oh_three(desk: Desk) -> None:
    desk.enter(side=-1)
    assert desk.account.reserved == 10_300 * MICRO
    assert desk.account.reserved_net == -10_300 * MICRO


def test_day_trading_power_is_fixed_at_the_start_of_the_day(open_desk: OpenDesk) -> None:
    """Four times equity less maintenance of the last close: entries take, exits give back, profit gives nothing."""
    desk = open_desk(regime=LEGACY, multiplier=4, cost=0)
    powers = [power(desk)]
    held = desk.hold()
    powers.append(power(desk))
    desk.fill(held.target, 100, price=110.0)
    desk.canceled(held.stop)
    powers.append(power(desk) * 1.01)  # of equity that has grown by a percent
    assert powers == pytest.approx([4.0, 3.9, 4.0])


def test_selling_yesterday_s_position_adds_no_day_trading_power(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=LEGACY, multiplier=4)
    held = desk.hold()
    desk.next_session()
    before = power(desk)
    desk.fill(held.target, 100)
    desk.canceled(held.stop)
    assert before == pytest.approx(4 * (1 - 0.03))
    assert power(desk) == pytest.approx(before)


@pytest.mark.parametrize(
    ("qty", "price", "requirement"),
    [
        (100, 10.0, 300),
        (100, 2.5, 75),
        (100, 2.49, 249),
        (-100, 50.0, 1_500),
        (-100, 10.0, 500),  # at least $5 a share
        (-100, 4.0, 400),
        (-100, 2.0, 250),  # at least $2.50 a share
    ],
)
def test_maintenance_requirement(desk: Desk, qty: float, price: float, requirement: float) -> None:
    trade(desk, qty, price)
    assert desk.account.maintenance == requirement * MICRO


def dollars(desk: Desk) -> int:
    """Buying power, to the dollar."""
    return round(power(desk) * desk.account.equity / MICRO)


def test_in_a_cash_account_a_sale_pays_for_nothing_until_it_settles(open_desk: OpenDesk) -> None:
    """T+1: what unsettled money buys could not be sold again today, and every entry has a stop."""
    desk = open_desk(regime=0, multiplier=1, cash=10_000 * MICRO)
    trade(desk, 1_000, price=5.0)
    assert dollars(desk) == 5_000
    trade(desk, -1_000, price=6.0)
    assert desk.account.cash == 11_000 * MICRO
    assert dollars(desk) == 5_000
    desk.close_session()
    assert dollars(desk) == 5_000
    desk.open_session()
    assert dollars(desk) == 11_000


def test_a_cash_account_sells_nothing_short(open_desk: OpenDesk) -> None:
    desk = open_desk(regime=0, multiplier=1)
    desk.minute(100.0, 100.0)
    assert Refusal.NOT_SHORTABLE in desk.decide(side=-1).refused
