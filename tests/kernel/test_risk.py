"""The checks of the risk agent: one small situation for each refusal, and what a decision keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.kernel.kinds import (
    AssetFlag,
    Binding,
    CashKind,
    CommandKind,
    EventKind,
    HaltKind,
    Lane,
    OperatorAct,
    OrderStatus,
    Phase,
    ReconcileStep,
    Refusal,
    Result,
)
from core.kernel.units import MICRO, MINUTE, NANO, SECOND
from tests.kernel.desk import Desk, OpenDesk

R = Refusal


Act = Callable[[Desk], Any]


def after(*acts: Act, **signal: Any) -> Act:
    """A situation: these acts, a bar at $100, and the decision on a signal."""

    def decide(desk: Desk) -> Any:
        for act in acts:
            act(desk)
        desk.now += MINUTE
        desk.bar(0, 100.0)
        return desk.decide(**signal)

    return decide


def asset(flags: int) -> Act:
    return lambda desk: desk.send(EventKind.ASSET, symbol=0, code=flags)


def operator(act: OperatorAct) -> Act:
    return lambda desk: desk.operator(act)


def lose(amount: float) -> Act:
    return lambda desk: desk.cash(-amount, CashKind.FEE)


def idle(value: float) -> Act:
    """Shares of the other symbol that belong to no trade."""

    def act(desk: Desk) -> None:
        fields = {"symbol": 1, "execution": 1, "qty": round(value / 100 * MICRO), "price": 100 * MICRO}
        desk.send(EventKind.FOREIGN_FILL, **fields)
        desk.operator(OperatorAct.CLEAR_SUSPENSE)

    return act


def day_trades(times: int) -> Act:
    def act(desk: Desk) -> None:
        for _ in range(times):
            held = desk.hold(symbol=1)
            desk.fill(held.target, held.qty, price=101.5)
            desk.canceled(held.stop)

    return act


def frozen(desk: Desk) -> None:
    desk.st.margin.freeze_until = desk.now + 10 * MINUTE


def trip(desk: Desk) -> None:
    for _ in range(5):
        desk.failed(Lane.QUERY)


def busy(symbol: int = 0) -> Act:
    return lambda desk: desk.enter(symbol=symbol)


def crossing(desk: Desk) -> None:
    """Shares of nobody's are being sold when somebody else takes them away: the sale is still out."""
    desk.minute(100.0)
    fields = {"symbol": 0, "price": 100 * MICRO}
    desk.send(EventKind.FOREIGN_FILL, execution=1, qty=10 * MICRO, **fields)
    desk.operator(OperatorAct.FLATTEN, symbol=0)
    desk.send(EventKind.FOREIGN_FILL, execution=2, qty=-10 * MICRO, **fields)


def crowd(desk: Desk) -> None:
    """More live orders than a full desk of symbols could have."""
    desk.st.orders[300:941]["symbol"] = 1
    desk.st.orders[300:941]["status"] = OrderStatus.WORKING
    desk.st.run.working += 641


def volume(shares: float) -> Act:
    return lambda desk: desk.send(EventKind.ASSET, symbol=0, code=7, qty=round(shares * MICRO))


def sent_before(desk: Desk) -> None:
    desk.minute(100.0)
    desk.rejected(desk.decide(intent=4_711).order)


def drift(desk: Desk) -> None:
    desk.send(EventKind.RECONCILE, code=ReconcileStep.SYMBOL_DIFFERS, symbol=0, qty=MICRO)


SITUATIONS: list[tuple[Refusal, dict[str, int], Act]] = [
    (R.MODE, {}, after(operator(OperatorAct.HALT))),
    (R.RECONCILING, {}, after(lambda d: d.reconcile(ReconcileStep.STARTED))),
    (R.BREAKER_OPEN, {}, after(trip)),
    (R.STREAM_DOWN, {}, after(lambda d: d.stream(up=False))),
    (R.SESSION_CLOSED, {}, after(lambda d: d.send(EventKind.SESSION, code=Phase.POST, amount=1))),
    (R.SESSION_CLOSED, {"flat_before_close": 23_400 * SECOND}, after()),
    (R.SYMBOL_HALTED, {}, after(lambda d: d.send(EventKind.HALT, symbol=0, code=HaltKind.LULD))),
    (R.NOT_TRADABLE, {}, after(asset(AssetFlag.SHORTABLE))),
    (R.NOT_SHORTABLE, {}, after(asset(AssetFlag.TRADABLE), side=-1)),
    (R.NOT_SHORTABLE, {"shorting": 0}, after(side=-1)),
    (R.PRICE_COLLAR, {}, after(price=105.01)),
    (R.PRICE_INCREMENT, {}, after(stop=100.0)),
    (R.PRICE_INCREMENT, {"cost": 0}, after(side=-1, stop=1.0, target=100.0)),
    (R.MAX_QTY, {"max_order_qty": MICRO // 2}, after()),
    (R.MAX_NOTIONAL, {"max_order_notional": 99 * MICRO}, after()),
    (R.MIN_NOTIONAL, {"min_notional": 10_001 * MICRO}, after()),
    (R.ADV_SHARE, {"adv_share": NANO // 1_000}, after(volume(900))),
    (R.ADV_UNKNOWN, {"adv_share": NANO // 1_000}, after()),
    (R.SYMBOL_CAP, {"symbol_cap": NANO // 2_000}, after()),
    (R.GROSS_CAP, {"gross_cap": NANO // 10}, after(busy(symbol=1))),
    (R.NET_CAP, {"net_cap": NANO // 10}, after(busy(symbol=1))),
    (R.PORTFOLIO_RISK, {"portfolio_risk": 50_000}, after(busy(symbol=1))),
    (R.TRADE_RISK, {"trade_risk": 1_000}, after()),
    (R.BUYING_POWER, {"regime": 0, "multiplier": 1, "gross_cap": 2 * NANO, "net_cap": 2 * NANO}, after(idle(100_000))),
    (R.DAY_TRADES, {"regime": 1, "cash": 24_999 * MICRO}, after(day_trades(3))),
    (R.DAY_TRADE_BUDGET, {"day_trade_budget": 1}, after(day_trades(1))),
    (R.MARGIN_DEFICIT, {"multiplier": 4, "gross_cap": 5 * NANO, "net_cap": 5 * NANO}, after(idle(330_000))),
    (R.MARGIN_FREEZE, {}, after(frozen, side=-1)),
    (R.EQUITY_MINIMUM, {"cash": 1_999 * MICRO}, after(side=-1)),
    (R.DRAWDOWN, {"max_drawdown": NANO // 20, "throttle": 0}, after(lose(4_950))),
    (R.DAILY_LOSS, {}, after(lose(4_950))),
    (R.WEEKLY_LOSS, {"weekly_loss": NANO // 20, "daily_loss": NANO // 10}, after(lose(4_950))),
    (R.RATE_MINUTE, {"orders_minute": 1}, after(busy(symbol=1))),
    (R.RATE_DAY, {"orders_day": 1}, after(busy(symbol=1))),
    (R.REPEATED, {"repeat_limit": 1}, after(sent_before)),
    (R.DUPLICATE_INTENT, {}, after(sent_before, intent=4_711)),
    (R.SYMBOL_BUSY, {}, after(busy())),
    (R.SELF_CROSS, {}, after(crossing)),
    (R.SIGNAL_STALE, {}, after(age=121)),
    (R.CALIBRATION, {"calibration_scale": 0}, after()),
    (R.STOP_REQUIRED, {}, after(stop=0.0)),
    (R.DATA_STALE, {}, after(lambda d: d.bar(1, 100.0, age=121), symbol=1)),
    (R.UNRECONCILED, {}, after(drift)),
    (R.NO_EDGE, {}, after(p=0.4)),
    (R.NO_EDGE, {"min_edge": NANO // 100}, after()),
    (R.ZERO_QTY, {"lot": 1_000 * MICRO}, after()),
    (R.TABLE_FULL, {}, after(crowd)),
]


@pytest.mark.parametrize(
    ("code", "config", "situation"), SITUATIONS, ids=[f"{code.name}-{i}" for i, (code, *_) in enumerate(SITUATIONS)]
)
def test_each_refusal_has_a_situation(
    open_desk: OpenDesk, code: Refusal, config: dict[str, int], situation: Act
) -> None:
    desk = open_desk(**config)
    decision = situation(desk)
    assert code in decision.refused
    assert (decision.approved, decision.qty, decision.order) == (0, 0, 0)
    assert decision.binding == Binding.CHECK
    assert CommandKind.SUBMIT_BRACKET not in desk.history[-1].sent


def test_every_refusal_is_in_the_table() -> None:
    assert {code for code, *_ in SITUATIONS} == set(Refusal)


def test_nothing_is_refused_on_a_quiet_day(desk: Desk) -> None:
    decision = after()(desk)
    assert (decision.refused, decision.approved) == (set(), 1)
    assert desk.history[-1].command.kind == CommandKind.SUBMIT_BRACKET


# -- what is kept -----------------------------------------------------------------------------------------------


def test_every_check_is_made_and_every_refusal_kept(open_desk: OpenDesk) -> None:
    desk = open_desk(orders_minute=1)
    acts = (busy(symbol=1), operator(OperatorAct.HALT), drift, asset(0))
    decision = after(*acts, side=-1, p=0.3, age=500)(desk)
    assert decision.refused >= {
        R.MODE,
        R.UNRECONCILED,
        R.NOT_TRADABLE,
        R.NOT_SHORTABLE,
        R.NO_EDGE,
        R.SIGNAL_STALE,
        R.RATE_MINUTE,
    }
    assert R.ZERO_QTY not in decision.refused  # there was nothing to size
    assert {code for code, check in decision.checks.items() if check.result == Result.DENY} <= decision.refused


def test_a_check_near_its_limit_is_recorded_with_its_use(open_desk: OpenDesk) -> None:
    desk = open_desk(orders_minute=4, gross_cap=15 * NANO // 100)
    decision = after()(desk)
    assert R.RATE_MINUTE not in decision.checks  # a quarter of the limit
    gross = decision.checks[R.GROSS_CAP]
    assert (gross.measured, gross.limit, gross.result) == (NANO // 10, 15 * NANO // 100, Result.PASS)
    assert gross.use == 666_666_666
    symbol = decision.checks[R.SYMBOL_CAP]
    assert (symbol.use, symbol.result) == (NANO, Result.REDUCE)
    desk.bar(1, 100.0)
    rate = desk.decide(symbol=1).checks[R.RATE_MINUTE]
    assert (rate.measured, rate.limit, rate.use) == (2 * NANO, 4 * NANO, NANO // 2)


def test_use_beyond_all_measure_is_still_a_number(open_desk: OpenDesk) -> None:
    """An age of decades against a limit of a nanosecond is past what an integer of nanos can hold."""
    decision = after(age=1.7e9)(open_desk(signal_max_age=1))
    assert decision.checks[R.SIGNAL_STALE].use == NANO * NANO


def test_a_bankrupt_account_opens_nothing(open_desk: OpenDesk) -> None:
    desk = open_desk(max_drawdown=NANO, daily_loss=NANO)
    desk.cash(-100_001, CashKind.FEE)
    decision = after()(desk)
    assert {R.BUYING_POWER, R.DRAWDOWN, R.DAILY_LOSS} <= decision.refused
    assert decision.equity_ref == 1


def test_a_refused_signal_may_come_again_and_an_approved_one_may_not(desk: Desk) -> None:
    assert after(operator(OperatorAct.HALT), intent=9)(desk).approved == 0
    assert after(operator(OperatorAct.RESUME), intent=9)(desk).approved == 1
    desk.rejected(1)
    assert after(intent=9)(desk).refused == {R.DUPLICATE_INTENT}


# -- reducing orders --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "act",
    [
        operator(OperatorAct.HALT),
        lambda d: d.reconcile(ReconcileStep.STARTED),
        lambda d: d.stream(up=False),
        trip,
        drift,
        frozen,
        asset(0),
        lose(4_990),
        lambda d: d.cash(-99_000, CashKind.WITHDRAWAL),
        crowd,
    ],
)
def test_nothing_of_our_own_can_block_an_exit(open_desk: OpenDesk, act: Act) -> None:
    desk = open_desk(orders_minute=1, orders_day=1, repeat_limit=1, regime=1)
    held = desk.hold()
    act(desk)
    step = desk.send(EventKind.EXIT_SIGNAL, symbol=0, strategy=0)
    assert (step.command.kind, step.command.order) == (CommandKind.CANCEL, held.target)
    sent = desk.canceled(held.target, held.stop).command
    assert (sent.kind, sent.side, sent.qty) == (CommandKind.SUBMIT, -1, 100 * MICRO)


def test_only_the_strategy_that_owns_a_trade_may_end_it(desk: Desk) -> None:
    desk.hold(strategy=3)
    assert desk.send(EventKind.EXIT_SIGNAL, symbol=0, strategy=2).sent == []
    assert desk.send(EventKind.EXIT_SIGNAL, symbol=0, strategy=3).sent == [CommandKind.CANCEL]


def test_what_lessens_an_exposure_beyond_its_cap_passes_that_cap(open_desk: OpenDesk) -> None:
    """Net long 12 % where 10 % are allowed: a short is let through, a long is not."""
    desk = open_desk(net_cap=NANO // 10, symbols=3)
    desk.hold()
    desk.send(EventKind.FOREIGN_FILL, symbol=2, execution=3, qty=40 * MICRO, price=50 * MICRO)
    desk.operator(OperatorAct.CLEAR_SUSPENSE)
    desk.bar(1, 100.0)
    refused = desk.decide(symbol=1, side=1).refused
    assert refused == {R.NET_CAP, R.ZERO_QTY}
    short = desk.decide(symbol=1, side=-1, stop=60.0, target=90.0)
    assert short.approved
    assert 0 < short.qty < 20 * MICRO  # not even back to the cap, and still let through


def test_a_busy_symbol_is_busy_and_nothing_else(desk: Desk) -> None:
    desk.hold()
    assert desk.decide().refused == {R.SYMBOL_BUSY}


def test_caps_are_named_only_if_they_leave_no_lot(open_desk: OpenDesk) -> None:
    """A share of $100 and $40 of room for the trade's risk, at a dollar each; the symbol's cap is 50 cents."""
    desk = open_desk(symbol_cap=NANO // 200_000)
    desk.minute(100.0)
    assert desk.decide().refused == {R.SYMBOL_CAP, R.ZERO_QTY}


def test_a_signal_that_is_worth_less_than_a_lot_blames_no_cap(open_desk: OpenDesk) -> None:
    desk = open_desk(kelly=1)
    desk.minute(100.0)
    assert desk.decide().refused == {R.ZERO_QTY}
