"""alpaca-py's TradingClient, unmodified, against every trading route."""

from __future__ import annotations

import uuid

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AccountStatus,
    OrderClass,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    QueryOrderStatus,
    TimeInForce,
)
from alpaca.trading.requests import (
    ClosePositionRequest,
    CreateWatchlistRequest,
    GetAssetsRequest,
    GetCalendarRequest,
    GetOrderByIdRequest,
    GetOrdersRequest,
    GetPortfolioHistoryRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
    TrailingStopOrderRequest,
    UpdateWatchlistRequest,
)

from tests.sim.alpaca.conftest import Caller

DAY, GTC, BUY, SELL = TimeInForce.DAY, TimeInForce.GTC, OrderSide.BUY, OrderSide.SELL


def market(side=BUY, qty=10, **terms):
    return MarketOrderRequest(symbol="ALFA", qty=qty, side=side, time_in_force=DAY, **terms)


def limit(price, side=BUY, qty=10, **terms):
    terms.setdefault("time_in_force", DAY)
    return LimitOrderRequest(symbol="ALFA", qty=qty, side=side, limit_price=round(price, 2), **terms)


def exits(price, low=0.98, high=1.02):
    target, stop = round(price * high, 2), round(price * low, 2)
    return {
        "take_profit": TakeProfitRequest(limit_price=target),
        "stop_loss": StopLossRequest(stop_price=stop),
    }


def test_account_and_configurations(trading: TradingClient) -> None:
    account = trading.get_account()
    assert account.status == AccountStatus.ACTIVE
    assert float(account.buying_power) == pytest.approx(2 * float(account.equity), rel=1e-3)
    config = trading.get_account_configurations()
    config.no_shorting = True
    assert trading.set_account_configurations(config).no_shorting is True
    config.no_shorting = False
    assert trading.set_account_configurations(config).no_shorting is False


def test_a_market_order_fills_and_makes_a_position(quiet: Caller, trading: TradingClient) -> None:
    order = trading.submit_order(market(client_order_id="first"))
    assert order.status == OrderStatus.PENDING_NEW
    quiet.advance(bars=1)
    found = trading.get_order_by_client_id("first")
    assert (found.id, found.status, float(found.filled_qty)) == (order.id, OrderStatus.FILLED, 10)
    position = trading.get_open_position("ALFA")
    assert (position.side, float(position.qty)) == (PositionSide.LONG, 10)
    assert float(position.avg_entry_price) == float(found.filled_avg_price)
    assert [p.symbol for p in trading.get_all_positions()] == ["ALFA"]
    closed = trading.close_position("ALFA", ClosePositionRequest(percentage="40"))
    assert float(closed.qty) == 4
    quiet.advance(bars=1)
    assert float(trading.get_open_position(position.asset_id).qty) == 6
    trading.close_position("ALFA", ClosePositionRequest(qty="1.5"))
    quiet.advance(bars=1)
    results = trading.close_all_positions(cancel_orders=True)
    assert [(r.symbol, r.status, float(r.body.qty)) for r in results] == [("ALFA", 200, 4.5)]
    quiet.advance(bars=1)
    assert trading.get_all_positions() == []


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        (lambda p: limit(p * 0.9), OrderType.LIMIT),
        (lambda p: limit(p * 0.9, time_in_force=GTC, extended_hours=True), OrderType.LIMIT),
        (
            lambda p: StopOrderRequest(symbol="ALFA", qty=1, side=BUY, time_in_force=DAY, stop_price=round(p * 1.1, 2)),
            OrderType.STOP,
        ),
        (
            lambda p: StopLimitOrderRequest(
                symbol="ALFA",
                qty=1,
                side=BUY,
                time_in_force=GTC,
                stop_price=round(p * 1.1, 2),
                limit_price=round(p * 1.11, 2),
            ),
            OrderType.STOP_LIMIT,
        ),
        (
            lambda p: TrailingStopOrderRequest(symbol="ALFA", qty=1, side=BUY, time_in_force=DAY, trail_percent=5),
            OrderType.TRAILING_STOP,
        ),
        (
            lambda p: TrailingStopOrderRequest(symbol="ALFA", qty=1, side=BUY, time_in_force=DAY, trail_price=9.5),
            OrderType.TRAILING_STOP,
        ),
        (lambda p: limit(p * 0.9, time_in_force=TimeInForce.CLS), OrderType.LIMIT),
    ],
    ids=["limit", "gtc extended", "stop", "stop-limit", "trail percent", "trail price", "on close"],
)
def test_every_resting_type_is_taken_listed_and_cancelled(quiet: Caller, trading: TradingClient, build, kind) -> None:
    order = trading.submit_order(build(quiet.price()))
    assert order.order_type == kind
    assert order.id in [o.id for o in trading.get_orders()]
    trading.cancel_order_by_id(order.id)
    assert trading.get_order_by_id(order.id).status == OrderStatus.CANCELED
    with pytest.raises(APIError) as refused:
        trading.cancel_order_by_id(order.id)
    assert (refused.value.status_code, refused.value.code) == (422, 42210000)


@pytest.mark.parametrize("tif", [TimeInForce.IOC, TimeInForce.FOK])
def test_immediate_orders_that_cannot_fill_are_gone(quiet: Caller, trading: TradingClient, tif) -> None:
    order = trading.submit_order(limit(quiet.price() * 0.9, time_in_force=tif))
    assert trading.get_order_by_id(order.id).status == OrderStatus.CANCELED


def test_a_notional_order(quiet: Caller, trading: TradingClient) -> None:
    order = trading.submit_order(MarketOrderRequest(symbol="BRVO", notional=1000, side=BUY, time_in_force=DAY))
    assert (order.qty, order.notional) == (None, "1000")
    quiet.advance(bars=1)
    filled = trading.get_order_by_id(order.id)
    assert float(filled.filled_qty) * float(filled.filled_avg_price) == pytest.approx(1000, rel=0.01)


def test_a_bracket_lives_as_a_group(quiet: Caller, trading: TradingClient) -> None:
    order = trading.submit_order(market(order_class=OrderClass.BRACKET, **exits(quiet.price())))
    assert [leg.status for leg in order.legs] == [OrderStatus.HELD, OrderStatus.HELD]
    quiet.advance(bars=1)
    group = trading.get_order_by_id(order.id, GetOrderByIdRequest(nested=True))
    assert [group.status, *(leg.status for leg in group.legs)] == [
        OrderStatus.FILLED,
        OrderStatus.NEW,
        OrderStatus.HELD,
    ]
    target, stop = group.legs
    assert [o.id for o in trading.get_orders()] == [target.id], "a sleeping leg is not among the open orders"
    both = trading.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL, nested=True, limit=1))
    assert [leg.id for leg in both[0].legs] == [target.id, stop.id]
    moved = trading.replace_order_by_id(stop.id, ReplaceOrderRequest(stop_price=round(quiet.price() * 0.97, 2)))
    assert trading.get_order_by_id(stop.id).status == OrderStatus.REPLACED
    assert trading.get_order_by_id(moved.id).status == OrderStatus.HELD, "the passive leg sleeps on"
    assert trading.get_order_by_id(target.id).status == OrderStatus.NEW, "its sibling stays"
    trading.cancel_order_by_id(target.id)
    ends = {trading.get_order_by_id(i).status for i in (target.id, moved.id)}
    assert ends == {OrderStatus.CANCELED}


def test_oto_and_oco(quiet: Caller, trading: TradingClient) -> None:
    price = quiet.price()
    stop = StopLossRequest(stop_price=round(price * 0.97, 2))
    parent = trading.submit_order(market(order_class=OrderClass.OTO, stop_loss=stop))
    assert len(parent.legs) == 1
    quiet.advance(bars=1)
    leg = trading.get_order_by_id(parent.legs[0].id)
    assert (leg.status, leg.order_type, leg.side) == (OrderStatus.NEW, OrderType.STOP, SELL)
    trading.cancel_order_by_id(leg.id)
    oco = trading.submit_order(
        LimitOrderRequest(
            symbol="ALFA", qty=10, side=SELL, time_in_force=GTC, order_class=OrderClass.OCO, **exits(quiet.price())
        )
    )
    assert (oco.order_type, [leg.order_type for leg in oco.legs]) == (OrderType.LIMIT, [OrderType.STOP])
    results = trading.cancel_orders()
    assert {r.status for r in results} == {200}
    assert trading.get_orders() == []


def test_replace_mints_a_new_order(quiet: Caller, trading: TradingClient) -> None:
    price = quiet.price()
    order = trading.submit_order(limit(price * 0.9))
    new = trading.replace_order_by_id(
        order.id, ReplaceOrderRequest(qty=7, limit_price=round(price * 0.8, 2), client_order_id="second-thought")
    )
    assert (new.id != order.id, new.replaces, float(new.qty)) == (True, order.id, 7)
    old = trading.get_order_by_id(order.id)
    assert (old.status, old.replaced_by) == (OrderStatus.REPLACED, new.id)
    assert trading.get_order_by_client_id("second-thought").status == OrderStatus.NEW
    with pytest.raises(APIError, match="not changed"):
        trading.replace_order_by_id(new.id, ReplaceOrderRequest(qty=7))


@pytest.mark.parametrize(
    ("terms", "shown"), [({"trail_percent": 1}, "trail_percent"), ({"trail_price": 5}, "trail_price")]
)
def test_the_trail_of_a_working_trailing_stop_is_replaced(quiet: Caller, trading: TradingClient, terms, shown) -> None:
    """Its trigger, which follows the market and fits no price grid, is none of its terms."""
    asked = TrailingStopOrderRequest(symbol="ALFA", qty=3, side=BUY, time_in_force=GTC, **terms)
    order = trading.submit_order(asked)
    quiet.advance(bars=2)
    assert trading.get_order_by_id(order.id).hwm is not None
    new = trading.replace_order_by_id(order.id, ReplaceOrderRequest(trail=7))
    assert (new.stop_price, getattr(new, shown)) == (None, "7"), "where it triggers is not known before it works"
    assert trading.get_order_by_id(order.id).status == OrderStatus.REPLACED
    quiet.advance(bars=1)
    working = trading.get_order_by_id(new.id)
    high, trail = float(working.hwm), 0.07 * float(working.hwm) if shown == "trail_percent" else 7
    assert (working.status, float(working.stop_price)) == (OrderStatus.NEW, pytest.approx(high + trail))


def test_assets_clock_and_calendar(trading: TradingClient) -> None:
    assets = trading.get_all_assets(GetAssetsRequest())
    assert {asset.symbol for asset in assets} == {"ALFA", "BRVO", "CHRL"}
    assert trading.get_asset(assets[0].id) == trading.get_asset(assets[0].symbol)
    clock = trading.get_clock()
    assert clock.is_open
    assert clock.next_close.hour == 16
    days = trading.get_calendar(GetCalendarRequest(start="2025-11-24", end="2025-11-30"))
    assert [(d.date.day, d.close.hour) for d in days] == [(24, 16), (25, 16), (26, 16), (28, 13)]


def test_portfolio_history_and_activities(quiet: Caller, trading: TradingClient) -> None:
    trading.submit_order(market())
    quiet.advance(bars=2)
    history = trading.get_portfolio_history(GetPortfolioHistoryRequest(period="1D", timeframe="1Min"))
    assert len(history.timestamp) == len(history.equity) > 30
    assert history.equity[-1] == pytest.approx(float(trading.get_account().equity))
    fills = trading.get("/account/activities/FILL", {"page_size": 1})
    assert [(f["symbol"], f["side"], f["cum_qty"]) for f in fills] == [("ALFA", "buy", "10")]


def test_watchlists(trading: TradingClient) -> None:
    made = trading.create_watchlist(CreateWatchlistRequest(name="mine", symbols=["ALFA"]))
    assert [w.name for w in trading.get_watchlists()] == ["mine"]
    added = trading.add_asset_to_watchlist_by_id(made.id, "BRVO")
    assert [a.symbol for a in added.assets] == ["ALFA", "BRVO"]
    trading.remove_asset_from_watchlist_by_id(made.id, "ALFA")
    changed = trading.update_watchlist_by_id(made.id, UpdateWatchlistRequest(name="ours"))
    assert ([a.symbol for a in changed.assets], changed.name) == (["BRVO"], "ours")
    trading.delete_watchlist_by_id(made.id)
    with pytest.raises(APIError) as gone:
        trading.get_watchlist_by_id(made.id)
    assert (gone.value.status_code, gone.value.code) == (404, 40410000)


def test_what_is_not_there(trading: TradingClient) -> None:
    for look in (
        lambda: trading.get_order_by_id(uuid.uuid4()),
        lambda: trading.get_order_by_client_id("nobody"),
        lambda: trading.get_open_position("ALFA"),
        lambda: trading.get_asset("NONE"),
    ):
        with pytest.raises(APIError) as missing:
            look()
        assert (missing.value.status_code, missing.value.code) == (404, 40410000)
