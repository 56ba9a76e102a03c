"""Every route of the description, walked by alpaca-py as it is: none is missing here, and none goes another way.

Where the SDK has no method for a route, its own `get`, `post`, `put` and `delete` take the path.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockSnapshotRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from alpaca.trading.requests import (
    CreateWatchlistRequest,
    LimitOrderRequest,
    MarketOrderRequest,
    ReplaceOrderRequest,
    UpdateWatchlistRequest,
)

from tests.sim.alpaca.conftest import Caller

START = datetime(2025, 11, 10, 14, 40, tzinfo=UTC)
LISTS = "/watchlists"


class Desk:
    """Both clients of alpaca-py, and things to ask about."""

    def __init__(self, quiet: Caller, trading: TradingClient) -> None:
        self.quiet = quiet
        self.trading = trading
        self.data = StockHistoricalDataClient("key", "secret", url_override=quiet.server.url)

    def resting(self) -> Any:
        """An order that rests."""
        return self.trading.submit_order(
            LimitOrderRequest(symbol="ALFA", qty=2, side="buy", time_in_force="day", limit_price=100)
        )

    def hold(self) -> None:
        """A position in ALFA."""
        self.trading.submit_order(MarketOrderRequest(symbol="ALFA", qty=3, side="buy", time_in_force="day"))
        self.quiet.advance(bars=1)

    def watchlist(self) -> Any:
        """A fresh watchlist, under its only name."""
        for found in self.trading.get_watchlists():
            self.trading.delete_watchlist_by_id(found.id)
        return self.trading.create_watchlist(CreateWatchlistRequest(name="some", symbols=["ALFA"]))


def named(verb: str, body: dict[str, Any] | None = None) -> Callable[[Desk], Any]:
    """A call of a watchlist by its name; the SDK puts the body of POST and PUT nowhere but in the body."""

    def call(desk: Desk) -> Any:
        desk.watchlist()
        path = f"{LISTS}:by_name"
        if body is None:
            return getattr(desk.trading, verb)(path, {"name": "some"})
        return getattr(desk.trading, verb)(f"{path}?name=some", body)

    return call


def held(call: Callable[[Desk], Any]) -> Callable[[Desk], Any]:
    def with_position(desk: Desk) -> Any:
        desk.hold()
        return call(desk)

    return with_position


CALLS: dict[str, Callable[[Desk], Any]] = {
    "GET /v2/account": lambda d: d.trading.get_account().id,
    "GET /v2/account/configurations": lambda d: d.trading.get_account_configurations().trade_confirm_email,
    "PATCH /v2/account/configurations": lambda d: (
        d.trading.set_account_configurations(d.trading.get_account_configurations()).max_margin_multiplier
    ),
    "GET /v2/account/portfolio/history": lambda d: d.trading.get_portfolio_history().equity,
    "GET /v2/account/activities": held(lambda d: d.trading.get("/account/activities", {"page_size": 1})),
    "GET /v2/account/activities/{activity_type}": held(lambda d: d.trading.get("/account/activities/FILL")),
    "POST /v2/orders": lambda d: d.resting().id,
    "GET /v2/orders": lambda d: [d.resting(), d.trading.get_orders()][1],
    "DELETE /v2/orders": lambda d: [d.resting(), d.trading.cancel_orders()][1],
    "GET /v2/orders:by_client_order_id": lambda d: d.trading.get_order_by_client_id(d.resting().client_order_id).id,
    "GET /v2/orders/{order_id}": lambda d: d.trading.get_order_by_id(d.resting().id).id,
    "PATCH /v2/orders/{order_id}": lambda d: (
        d.trading.replace_order_by_id(d.resting().id, ReplaceOrderRequest(qty=1)).replaces
    ),
    "DELETE /v2/orders/{order_id}": lambda d: d.trading.cancel_order_by_id(d.resting().id),
    "GET /v2/positions": held(lambda d: d.trading.get_all_positions()),
    "DELETE /v2/positions": held(lambda d: d.trading.close_all_positions(cancel_orders=True)),
    "GET /v2/positions/{symbol_or_asset_id}": held(lambda d: d.trading.get_open_position("ALFA").qty),
    "DELETE /v2/positions/{symbol_or_asset_id}": held(lambda d: d.trading.close_position("ALFA").id),
    "GET /v2/assets": lambda d: d.trading.get_all_assets(),
    "GET /v2/assets/{symbol_or_asset_id}": lambda d: d.trading.get_asset("ALFA").id,
    "GET /v2/clock": lambda d: d.trading.get_clock().next_open,
    "GET /v2/calendar": lambda d: d.trading.get_calendar(),
    "GET /v2/watchlists": lambda d: [d.watchlist(), d.trading.get_watchlists()][1],
    "POST /v2/watchlists": lambda d: d.watchlist().id,
    "GET /v2/watchlists:by_name": named("get"),
    "PUT /v2/watchlists:by_name": named("put", {"symbols": ["BRVO"]}),
    "POST /v2/watchlists:by_name": named("post", {"symbol": "BRVO"}),
    "DELETE /v2/watchlists:by_name": named("delete"),
    "GET /v2/watchlists/{watchlist_id}": lambda d: d.trading.get_watchlist_by_id(d.watchlist().id).assets,
    "PUT /v2/watchlists/{watchlist_id}": lambda d: (
        d.trading.update_watchlist_by_id(d.watchlist().id, UpdateWatchlistRequest(symbols=["BRVO"])).assets
    ),
    "POST /v2/watchlists/{watchlist_id}": lambda d: (
        d.trading.add_asset_to_watchlist_by_id(d.watchlist().id, "BRVO").assets
    ),
    "DELETE /v2/watchlists/{watchlist_id}": lambda d: d.trading.delete_watchlist_by_id(d.watchlist().id),
    "DELETE /v2/watchlists/{watchlist_id}/{symbol}": lambda d: (
        d.trading.remove_asset_from_watchlist_by_id(d.watchlist().id, "ALFA").id
    ),
    "GET /v2/stocks/{kind}": lambda d: d.data.get_stock_bars(
        StockBarsRequest(symbol_or_symbols=["ALFA"], timeframe=TimeFrame.Minute, start=START)
    ).data["ALFA"],
    "GET /v2/stocks/{kind}/latest": lambda d: (
        d.data.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="ALFA"))["ALFA"].close
    ),
    "GET /v2/stocks/snapshots": lambda d: (
        d.data.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="ALFA"))["ALFA"].minute_bar
    ),
    "GET /v2/stocks/{symbol}/{kind}": lambda d: d.data.get("/stocks/ALFA/trades", {"limit": 1})["trades"],
    "GET /v2/stocks/{symbol}/{kind}/latest": lambda d: d.data.get("/stocks/ALFA/quotes/latest")["quote"],
    "GET /v2/stocks/{symbol}/snapshot": lambda d: d.data.get("/stocks/ALFA/snapshot")["latestTrade"],
    "GET /v1/corporate-actions": lambda d: d.data.get("/corporate-actions", api_version="v1"),
    "GET /v2/stocks/meta/exchanges": lambda d: d.data.get("/stocks/meta/exchanges"),
    "GET /v2/stocks/meta/conditions/{tick_type}": lambda d: d.data.get("/stocks/meta/conditions/trade", {"tape": "A"}),
}
SILENT = {"DELETE /v2/orders/{order_id}", "DELETE /v2/watchlists:by_name", "DELETE /v2/watchlists/{watchlist_id}"}


@pytest.fixture(scope="module")
def desk(quiet: Caller, trading: TradingClient) -> Desk:
    return Desk(quiet, trading)


def test_the_table_names_every_route_of_the_description(quiet: Caller) -> None:
    paths = quiet.get("/openapi.json")["paths"]
    routes = {f"{verb.upper()} {path}" for path, item in paths.items() for verb in item if not path.startswith("/sim")}
    assert routes == set(CALLS)


@pytest.mark.parametrize("route", CALLS)
def test_alpaca_py_walks_the_route(desk: Desk, route: str) -> None:
    answer = CALLS[route](desk)
    assert answer is None if route in SILENT else answer
    verb, path = route.split(" ")
    form = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
    last = desk.quiet.get("/sim/journal")["requests"][-1]
    assert last["method"] == verb
    assert re.fullmatch(form, last["path"]), last["path"]
    assert last["status"] < 300
