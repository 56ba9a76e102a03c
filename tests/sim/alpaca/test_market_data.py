"""Market data by alpaca-py's historical client, unmodified, and paging by hand; portfolio history and activities too."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import Adjustment
from alpaca.data.historical import StockHistoricalDataClient
from alpaca.data.requests import (
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestQuoteRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from tests.sim.alpaca.conftest import Caller, Make

BOTH = ["ALFA", "BRVO"]
FROM, TO = datetime(2025, 11, 10, 14, 30, tzinfo=UTC), datetime(2025, 11, 10, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def caller(make: Make) -> Caller:
    started = make()
    started.advance("2025-11-11T15:45:00Z")
    for qty in range(1, 8):
        started.order(qty=qty)
        started.advance(bars=1)
    started.advance("2025-11-11T16:00:00Z")
    return started


@pytest.fixture(scope="module")
def client(caller: Caller) -> StockHistoricalDataClient:
    return StockHistoricalDataClient("key", "secret", url_override=caller.server.url)


def test_minute_bars(caller: Caller, client: StockHistoricalDataClient) -> None:
    request = StockBarsRequest(symbol_or_symbols=BOTH, timeframe=TimeFrame.Minute, start=FROM, end=TO)
    bars = client.get_stock_bars(request)
    assert set(bars.data) == set(BOTH)
    block = caller.server.exchange.world.history[0]
    start, column = int(FROM.timestamp()) * 10**9, 0
    inside = (block.bars.time >= start) & (block.bars.time <= start + 3600 * 10**9)
    expected = block.bars.close[inside, column]
    assert [bar.close for bar in bars["ALFA"]] == [price for price in expected.tolist() if price == price]


def test_longer_bars_hold_shorter_ones(client: StockHistoricalDataClient) -> None:
    def read(amount: int, unit: TimeFrameUnit):
        frame = TimeFrame(amount, unit)
        request = StockBarsRequest(symbol_or_symbols="ALFA", timeframe=frame, start=FROM.replace(hour=0, minute=0))
        return client.get_stock_bars(request)["ALFA"]

    minutes, hours, days = read(1, TimeFrameUnit.Minute), read(1, TimeFrameUnit.Hour), read(1, TimeFrameUnit.Day)
    regular = [
        bar
        for bar in minutes
        if bar.timestamp.day == 10 and 1430 <= bar.timestamp.hour * 100 + bar.timestamp.minute < 2100
    ]
    assert [bar.timestamp.isoformat() for bar in days] == ["2025-11-10T05:00:00+00:00", "2025-11-11T05:00:00+00:00"]
    assert (days[0].open, days[0].close) == (regular[0].open, regular[-1].close)
    assert (days[0].high, days[0].low) == (max(b.high for b in regular), min(b.low for b in regular))
    assert days[0].volume == sum(b.volume for b in regular)
    assert sum(bar.volume for bar in hours) == sum(bar.volume for bar in minutes)
    (week,) = read(1, TimeFrameUnit.Week)
    assert week.volume == sum(day.volume for day in days)


def test_nothing_of_the_future_is_shown(caller: Caller, client: StockHistoricalDataClient) -> None:
    request = StockBarsRequest(symbol_or_symbols="ALFA", timeframe=TimeFrame.Minute, start=FROM)
    last = client.get_stock_bars(request)["ALFA"][-1]
    now = datetime.fromisoformat(caller.get("/sim/clock")["now"])
    assert (now - last.timestamp).total_seconds() >= 60
    for kind in ("trades", "quotes"):
        items = caller.get(f"/v2/stocks/ALFA/{kind}", start="2025-11-11T15:50:00Z", sort="desc", limit=1)[kind]
        assert datetime.fromisoformat(items[0]["t"][:26].rstrip("Z") + "+00:00") <= now


def test_trades_and_quotes(client: StockHistoricalDataClient) -> None:
    bars = client.get_stock_bars(
        StockBarsRequest(symbol_or_symbols="ALFA", timeframe=TimeFrame.Minute, start=FROM, end=TO)
    )["ALFA"]
    end = TO.replace(minute=31)
    trades = client.get_stock_trades(StockTradesRequest(symbol_or_symbols="ALFA", start=FROM, end=end))["ALFA"]
    first = [trade for trade in trades if trade.timestamp < bars[1].timestamp]
    assert (first[0].price, first[-1].price) == (bars[0].open, bars[0].close)
    assert {max(t.price for t in first), min(t.price for t in first)} == {bars[0].high, bars[0].low}
    assert sum(t.size for t in first) == bars[0].volume
    quotes = client.get_stock_quotes(StockQuotesRequest(symbol_or_symbols="ALFA", start=FROM, end=end))["ALFA"]
    assert all(quote.bid_price < quote.ask_price for quote in quotes)


def test_the_newest(client: StockHistoricalDataClient) -> None:
    bar = client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols=BOTH))["ALFA"]
    trade = client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols="ALFA"))["ALFA"]
    quote = client.get_stock_latest_quote(StockLatestQuoteRequest(symbol_or_symbols="ALFA"))["ALFA"]
    assert trade.price == bar.close
    assert quote.bid_price < bar.close < quote.ask_price
    snapshot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols=BOTH))["ALFA"]
    assert snapshot.minute_bar == bar
    assert snapshot.previous_daily_bar.timestamp.day == 10
    assert snapshot.daily_bar.close == bar.close


@pytest.mark.parametrize("sort", ["asc", "desc"])
@pytest.mark.parametrize("kind", ["bars", "trades", "quotes"])
def test_pages_join_to_the_whole(caller: Caller, kind: str, sort: str) -> None:
    query = {"symbols": "BRVO,ALFA,NONE", "start": "2025-11-10T14:30:00Z", "end": "2025-11-10T15:00:00Z", "sort": sort}
    query |= {"timeframe": "1Min"} if kind == "bars" else {}
    whole = caller.get(f"/v2/stocks/{kind}", **query)
    assert whole["next_page_token"] is None
    assert list(whole[kind]) == BOTH
    joined: dict[str, list] = {}
    token, pages = None, 0
    while token is not None or pages == 0:
        page = caller.get(f"/v2/stocks/{kind}", **query, limit=7, **({"page_token": token} if token else {}))
        assert sum(len(items) for items in page[kind].values()) <= 7
        for symbol, items in page[kind].items():
            joined.setdefault(symbol, []).extend(items)
        token, pages = page["next_page_token"], pages + 1
    assert joined == whole[kind]
    assert pages > 5


def test_one_symbol_by_its_path(caller: Caller) -> None:
    query = {"start": "2025-11-10T14:30:00+00:00", "timeframe": "1Min", "limit": 3}
    one, both = caller.get("/v2/stocks/ALFA/bars", **query), caller.get("/v2/stocks/bars", symbols="ALFA", **query)
    assert (one["symbol"], one["bars"]) == ("ALFA", both["bars"]["ALFA"])
    assert caller.get("/v2/stocks/ALFA/bars/latest")["bar"] == caller.get("/v2/stocks/ALFA/snapshot")["minuteBar"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"limit": 10_001}, 400, 40010000),
        ({"limit": 0}, 400, 40010000),
        ({"timeframe": "60Min"}, 422, 40010001),
        ({"timeframe": "5Month"}, 422, 40010001),
        ({"start": "yesterday"}, 422, 40010001),
        ({"page_token": "*"}, 422, 40010001),
        ({"feed": "mine"}, 422, 40010001),
        ({"sort": "up"}, 422, 40010001),
        ({"adjustment": "some"}, 422, 40010001),
        ({"symbols": ""}, 422, 40010001),
    ],
)
def test_questions_that_make_no_sense(caller: Caller, query: dict, status: int, code: int) -> None:
    answer = caller.call("GET", "/v2/stocks/bars", params={"symbols": "ALFA", "timeframe": "1Min", **query})
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_unknown_symbols_are_absent(client: StockHistoricalDataClient) -> None:
    request = StockBarsRequest(symbol_or_symbols="NONE", timeframe=TimeFrame.Day, start=FROM, adjustment=Adjustment.ALL)
    assert client.get_stock_bars(request).data == {}
    with pytest.raises(APIError):
        client.get("/stocks/NONE/snapshot")


def test_activities_by_page(caller: Caller) -> None:
    whole = caller.get("/v2/account/activities", direction="asc")
    assert len(whole) >= 7
    joined, token = [], None
    while True:
        query = {"direction": "asc", "page_size": 2} | ({"page_token": token} if token else {})
        page = caller.get("/v2/account/activities/FILL", **query)
        if not page:
            break
        joined, token = joined + page, page[-1]["id"]
    assert joined == whole
    middle = whole[3]["transaction_time"]
    assert caller.get("/v2/account/activities", after=middle, direction="asc") == whole[4:]
    assert caller.get("/v2/account/activities", until=middle, direction="asc") == whole[:3]
    assert caller.get("/v2/account/activities", date="2025-11-11") == whole[::-1]
    assert caller.get("/v2/account/activities", category="non_trade_activity") == []
    for query in ({"category": "x"}, {"page_token": "x"}, {"date": "x"}, {"page_size": 0}, {"direction": "x"}):
        assert caller.call("GET", "/v2/account/activities", params=query).status_code == 422


def test_orders_by_page(caller: Caller) -> None:
    whole = caller.get("/v2/orders", status="all", direction="asc")
    assert caller.get("/v2/orders", status="all") == whole[::-1]
    assert caller.get("/v2/orders", status="all", after_order_id=whole[2]["id"], direction="asc") == whole[3:]
    assert caller.get("/v2/orders", status="all", before_order_id=whole[2]["id"], direction="asc") == whole[:2]
    assert caller.get("/v2/orders", status="all", until=whole[2]["submitted_at"], direction="asc") == whole[:2]
    assert caller.get("/v2/orders", status="closed", limit=2, direction="asc") == whole[:2]
    assert caller.get("/v2/orders", status="all", symbols="BRVO,CHRL") == []
    assert caller.get("/v2/orders", status="all", side="sell") == []
    for query in ({"status": "x"}, {"direction": "x"}, {"after": "x"}, {"limit": "x"}, {"nested": "x"}, {"side": "x"}):
        assert caller.call("GET", "/v2/orders", params=query).status_code == 422


def test_portfolio_history_questions(caller: Caller) -> None:
    path = "/v2/account/portfolio/history"
    days = caller.get(path, timeframe="1D", period="1M")
    assert (len(days["timestamp"]), days["timeframe"]) == (2, "1D")
    quarter = caller.get(path, timeframe="15Min", start="2025-11-11")
    assert all(b - a == 900 for a, b in zip(quarter["timestamp"], quarter["timestamp"][1:], strict=False))
    assert len(caller.get(path, period="1D", extended_hours="true")["equity"]) > len(
        caller.get(path, period="1D")["equity"]
    )
    for query in ({"timeframe": "2Min"}, {"period": "1X"}, {"period": "3M", "timeframe": "1Min"}, {"pnl_reset": "x"}):
        assert caller.call("GET", path, params=query).status_code == 422
