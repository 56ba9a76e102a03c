"""How many shares a signal is worth: every factor worked by hand, every cap binding in turn."""

from __future__ import annotations

from typing import Any

import pytest

from core.kernel.kinds import Binding, CashKind, EventKind, Mode, OperatorAct, Refusal
from core.kernel.units import MICRO, NANO
from tests.kernel.desk import Desk, OpenDesk

BARE = {"cost": 0, "observations": 0, "kelly": NANO, "throttle": 0, "trade_risk": NANO, "daily_loss": NANO}
WIDE = {"symbol_cap": 4 * NANO, "gross_cap": 4 * NANO, "net_cap": 4 * NANO, "multiplier": 4, "max_drawdown": NANO}


def nanos(x: float) -> int:
    return round(x * NANO)


def sized(desk: Desk, price: float = 100.0, **signal: Any) -> Any:
    desk.minute(price)
    return desk.decide(**signal)


# -- one factor after another -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "stop", "target", "kelly"),
    [
        (0.55, 100.0, 100.0, 0.55 - 0.45),  # the whole stake against as much again: f* = p - q/b
        (0.60, 1.0, 1.5, 0.6 / 0.01 - 0.4 / 0.015),
        (0.60, 50.0, 100.0, 0.6 / 0.5 - 0.4 / 1.0),
        (0.40, 1.0, 1.5, 0.0),
        (0.30, 1.0, 1.5, 0.3 / 0.01 - 0.7 / 0.015),  # negative: recorded as it is, and no trade
    ],
)
def test_full_kelly(open_desk: OpenDesk, p: float, stop: float, target: float, kelly: float) -> None:
    decision = sized(open_desk(**BARE, **WIDE), p=p, stop=stop, target=target)
    assert decision.kelly_full == pytest.approx(nanos(kelly), abs=2)
    assert (Refusal.NO_EDGE in decision.refused) == (kelly <= 1e-9)


def test_cost_and_gap_make_the_loss_larger_and_the_gain_smaller(open_desk: OpenDesk) -> None:
    """Two basis points of cost and five of gap on $100: a = 1.02 + 0.05, b = 1.50 - 0.02, in percent."""
    decision = sized(open_desk(cost=200_000, gap_loss=500_000))
    assert (decision.loss, decision.gain) == (10_700_000, 14_800_000)
    assert decision.kelly_full == pytest.approx(nanos(0.6 / 0.0107 - 0.4 / 0.0148), abs=2)


@pytest.mark.parametrize(
    ("n", "shrinkage"),
    [
        (400, 0.01 / (0.01 + 4 * 0.55 * 0.45 / 400)),  # 0.80: Baker and McHale's example
        (100, 0.01 / (0.01 + 4 * 0.55 * 0.45 / 100)),
        (0, 1.0),  # off
    ],
)
def test_shrinkage_for_an_uncertain_probability(open_desk: OpenDesk, n: int, shrinkage: float) -> None:
    decision = sized(open_desk(**{**BARE, "observations": n}), p=0.55, stop=100.0, target=100.0)
    assert decision.shrinkage == pytest.approx(nanos(shrinkage), abs=2)
    if n == 400:
        assert round(decision.shrinkage / NANO, 2) == 0.80


def test_shrinkage_is_zero_where_there_is_no_edge(open_desk: OpenDesk) -> None:
    assert sized(open_desk(cost=0), p=0.4, stop=1.0, target=1.5).shrinkage == 0


@pytest.mark.parametrize(
    ("loss", "throttle"),
    [(0.0, 1.0), (0.05, 0.15 / (0.2 * 0.95)), (0.10, 0.1 / (0.2 * 0.9)), (0.19, 0.01 / (0.2 * 0.81))],
)
def test_the_throttle_of_grossman_and_zhou(open_desk: OpenDesk, loss: float, throttle: float) -> None:
    """m(d) = (D - d) / (D (1 - d)) with D = 20 %; the loss is a fee, so that nothing else changes."""
    desk = open_desk(max_drawdown=NANO // 5, daily_loss=NANO // 5, soft=NANO, throttle=1)
    desk.cash(-100_000 * loss, CashKind.FEE)
    assert sized(desk).throttle == pytest.approx(nanos(throttle), abs=10)


def test_the_throttle_is_shut_at_the_limit_and_can_be_off(open_desk: OpenDesk) -> None:
    for throttle, factor in ((1, 0), (0, NANO)):
        desk = open_desk(max_drawdown=NANO // 5, daily_loss=NANO // 5, throttle=throttle)
        desk.cash(-20_000, CashKind.FEE)
        assert sized(desk).throttle == factor


def test_the_mode_scales(open_desk: OpenDesk) -> None:
    desk = open_desk(soft=NANO // 10)
    desk.cash(-1_000, CashKind.FEE)
    decision = sized(desk)
    assert (decision.mode, decision.mode_scale) == (Mode.REDUCED, NANO // 2)
    desk.operator(OperatorAct.HALT)
    decision = desk.decide()
    assert (decision.mode, decision.mode_scale, decision.qty) == (Mode.HALTED, 0, 0)


def test_the_order_of_composition(open_desk: OpenDesk) -> None:
    """f* x shrinkage x Kelly fraction x throttle x mode x calibration, and then shares at the price, floored."""
    config = {"trade_risk": NANO, "daily_loss": NANO, "max_drawdown": NANO // 5, "soft": NANO // 20}
    desk = open_desk(**{**WIDE, **config, "calibration_scale": NANO // 4})
    desk.cash(-6_000, CashKind.FEE)
    d = sized(desk, p=0.52, stop=2.0, target=2.0)
    factors = [d.kelly_full, d.shrinkage, d.kelly_fraction, d.throttle, d.mode_scale, d.calibration_scale]
    fraction = 1.0
    for factor in factors:
        fraction *= factor / NANO
    assert 0 < fraction < d.cap_risk / NANO
    assert all(0 < factor < NANO for factor in factors[1:])
    assert d.qty == int(fraction * 94_000 / 100) * MICRO
    assert (d.binding, d.sized_qty, d.reduced) == (Binding.KELLY, d.qty, set())


def test_open_risk_and_new_risk_share_one_budget(open_desk: OpenDesk) -> None:
    """Stops may lose $150 in all: 100 shares risk $100, so of the second signal 50 remain."""
    desk = open_desk(cost=0, portfolio_risk=1_500_000)
    desk.hold()
    desk.bar(1, 100.0)
    decision = desk.decide(symbol=1)
    assert decision.portfolio_scale < NANO
    assert (decision.qty, decision.binding) == (50 * MICRO, Binding.PORTFOLIO)
    assert Refusal.PORTFOLIO_RISK in decision.reduced


# -- caps -------------------------------------------------------------------------------------------------------

ROOMY = {**WIDE, "trade_risk": NANO, "daily_loss": NANO, "market_collar": 0, "cost": 0, "regime": 1}


@pytest.mark.parametrize(
    ("config", "shares", "binding", "code"),
    [
        ({"trade_risk": NANO // 100}, 1_000, Binding.TRADE_RISK, Refusal.TRADE_RISK),
        ({"symbol_cap": NANO // 4}, 250, Binding.SYMBOL_CAP, Refusal.SYMBOL_CAP),
        ({"gross_cap": NANO // 2}, 500, Binding.GROSS_CAP, Refusal.GROSS_CAP),
        ({"net_cap": NANO // 8}, 125, Binding.NET_CAP, Refusal.NET_CAP),
        ({"adv_share": NANO // 1_000}, 7, Binding.LIQUIDITY, Refusal.ADV_SHARE),
        ({"multiplier": 2, "regime": 1}, 2_000, Binding.BUYING_POWER, Refusal.BUYING_POWER),
        ({"max_order_qty": 321 * MICRO}, 321, Binding.MAX_ORDER, Refusal.MAX_QTY),
        ({"max_order_notional": 12_345 * MICRO}, 123, Binding.MAX_ORDER, Refusal.MAX_NOTIONAL),
    ],
)
def test_each_cap_binds_in_its_turn(
    open_desk: OpenDesk, config: dict[str, int], shares: float, binding: Binding, code: Refusal
) -> None:
    desk = open_desk(**{**ROOMY, **config})
    desk.send(EventKind.ASSET, symbol=0, code=7, qty=7_000 * MICRO)
    decision = sized(desk, p=0.7)
    assert (decision.qty, decision.binding) == (shares * MICRO, binding)
    assert code in decision.reduced
    assert decision.refused == set()
    assert decision.sized_qty > decision.qty


def test_the_smallest_of_several_caps_binds_and_all_that_cut_are_kept(open_desk: OpenDesk) -> None:
    config = {"trade_risk": NANO // 100, "symbol_cap": NANO // 4, "gross_cap": NANO // 2}
    decision = sized(open_desk(**{**ROOMY, **config}), p=0.7)
    assert decision.binding == Binding.SYMBOL_CAP
    assert decision.reduced == {Refusal.TRADE_RISK, Refusal.SYMBOL_CAP}


def test_what_is_held_and_what_works_leaves_less_room(open_desk: OpenDesk) -> None:
    desk = open_desk(gross_cap=15 * NANO // 100, net_cap=15 * NANO // 100)
    desk.enter()
    desk.bar(1, 100.0)
    decision = desk.decide(symbol=1)
    assert (decision.qty, decision.cap_gross) == (50 * MICRO, nanos(0.05))
    assert decision.binding == Binding.GROSS_CAP


def test_the_net_cap_leaves_more_room_the_other_way(open_desk: OpenDesk) -> None:
    desk = open_desk(net_cap=NANO // 10)
    desk.hold()
    desk.bar(1, 100.0)
    assert desk.decide(symbol=1, side=1).cap_net == 0
    assert desk.decide(symbol=1, side=-1).cap_net == nanos(0.2)


@pytest.mark.parametrize(
    ("config", "side"),
    [({"market_collar": NANO // 40}, 1), ({}, -1), ({"entry_limit": 1, "limit_offset": 500_000}, 1)],
)
def test_buying_power_cuts_by_the_price_at_which_the_broker_holds_it(
    open_desk: OpenDesk, config: dict[str, int], side: int
) -> None:
    """A collar on market orders, 1.03 on shorts, the limit of a limit order: cut to fit, never refused."""
    decision = sized(open_desk(**{**ROOMY, "multiplier": 2, **config}), p=0.7, side=side)
    assert decision.binding == Binding.BUYING_POWER
    assert decision.refused == set()
    use = decision.checks[Refusal.BUYING_POWER].use
    assert 0.999 * NANO < use <= NANO


# -- rounding ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lot", "price", "qty"), [(1, 99.0, 101), (10, 99.0, 100), (100, 99.0, 100), (0.001, 99.0, 101.01)]
)
def test_quantities_are_whole_lots_and_never_rounded_up(
    open_desk: OpenDesk, lot: float, price: float, qty: float
) -> None:
    """$10,000 at $99 are 101.0101… shares."""
    decision = sized(open_desk(lot=round(lot * MICRO)), price=price)
    assert decision.qty == round(qty * MICRO)
    assert decision.qty * price <= 10_000 * MICRO


def test_nothing_is_bought_below_one_lot_or_the_least_notional(open_desk: OpenDesk) -> None:
    decision = sized(open_desk(lot=1_000 * MICRO))
    assert (decision.qty, decision.approved) == (0, 0)
    assert {Refusal.ZERO_QTY, Refusal.SYMBOL_CAP} <= decision.refused
    decision = sized(open_desk(min_notional=10_001 * MICRO))
    assert decision.refused == {Refusal.MIN_NOTIONAL}


@pytest.mark.parametrize(
    ("signal", "approved"),
    [
        ({"price": 0.0}, 0),
        ({"stop": 0.0}, 0),
        ({"stop": 0.0, "target": 0.0}, 0),
        ({"p": 0.0}, 0),
        ({"p": 1.0}, 1),
        ({"target": 1e6 - 101}, 1),
        ({"target": 1e5}, 1),
    ],
)
def test_a_senseless_signal_is_refused_or_cut_and_breaks_nothing(
    open_desk: OpenDesk, signal: dict[str, float], approved: int
) -> None:
    decision = sized(open_desk(cost=0), **signal)
    assert decision.approved == approved
    assert decision.qty == (100 * MICRO if approved else 0)
