"""The past of the market through alpaca-py's clients, over real sockets, from the bundled server and from a rude one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import numpy as np
import pytest

from core.config import load_settings
from core.kernel.kinds import LaneFailure
from core.kernel.units import MICRO
from live.alpaca.endpoint import Endpoint, Keys
from live.alpaca.market_data import MarketData
from live.alpaca.outcomes import Accepted, Ambiguous, Limited, Outcome, Refused, Unsent
from sim.alpaca.exchange import Exchange, Options
from sim.alpaca.serve import Running

SYMBOLS = ["BRVO", "DLTA"]
SPAN = {"data.start": date(2025, 11, 24), "data.end": date(2025, 11, 24), "data.symbols": SYMBOLS}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """The first minutes of a Monday on which BRVO is split."""
    with Running(load_settings("breakout-4w", SPAN), Options(rate_limit=0)) as running:
        yield running


@pytest.fixture
def data(server: Running) -> Iterator[MarketData]:
    found = MarketData(Endpoint.at(server.url, Keys.of("key", "secret")))
    yield found
    found.close()


def value(outcome: Outcome[Any]) -> Any:
    assert isinstance(outcome, Accepted), outcome
    return outcome.value


def test_bars_are_those_of_the_market_page_after_page(server: Running, data: MarketData):
    exchange: Exchange = server.exchange
    friday = exchange.world.history[-2]
    first = exchange.world.history[0]
    found = value(data.bars(SYMBOLS, int(first.session["pre"]), int(friday.session["post"]) - 1))
    assert sum(map(len, found.values())) > 10_000, "more than a page"
    last = [candle for candle in found["DLTA"] if candle.start >= friday.session["pre"]]
    kept = ~np.isnan(friday.bars.close[:, 1])
    assert [int(candle.start) for candle in last] == friday.bars.time[kept].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert [getattr(c, name) / MICRO for c in last] == getattr(friday.bars, name)[kept, 1].tolist()


def test_a_symbol_without_bars_and_a_span_without_any(data: MarketData, server: Running):
    now = server.exchange.now
    assert value(data.bars(["ZZZ"], now - 10**15, now)) == {}
    assert value(data.bars(SYMBOLS, now, now + 10**12)) == {}


def test_daily_bars_and_splits(data: MarketData, server: Running):
    session = server.exchange.world.session
    daily = value(data.daily(SYMBOLS, int(session["pre"]) - 10 * 86_400 * 10**9, int(session["pre"])))
    assert {len(rows) for rows in daily.values()} <= {5, 6, 7}
    server.exchange.broker.advance(int(session["pre"]) + 1)
    (split,) = value(data.splits(SYMBOLS, date(2025, 11, 1), date(2025, 11, 24)))
    assert (split.symbol, split.ex_date) == ("BRVO", date(2025, 11, 24))
    assert split.new_rate != split.old_rate


def test_wrong_keys(server: Running):
    data = MarketData(Endpoint.at(server.url, Keys.of("key", "wrong-secret")))
    for outcome in (data.bars(SYMBOLS, 0, 1), data.splits(SYMBOLS, date(2025, 1, 1), date(2025, 1, 2))):
        assert isinstance(outcome, Refused)
        assert outcome.unauthorised
    data.close()


@contextmanager
def rude(status: int, body: bytes) -> Iterator[MarketData]:
    """Market data that answers everything in one way."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    data = MarketData(Endpoint.at(f"http://127.0.0.1:{server.server_port}", Keys.of("key", "secret")))
    try:
        yield data
    finally:
        data.close()
        server.shutdown()
        server.server_close()
        thread.join(5)


BAR = {"t": "2025-11-24T14:30:00Z", "o": 1, "h": 2, "l": 1, "c": 1.5, "v": 10}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (429, b'{"message": "too many requests."}', Limited),
        (500, b"<html>500</html>", Ambiguous),
        (403, b'{"code": 40310000, "message": "subscription does not permit querying recent SIP data"}', Refused),
        (200, b"<html>", Ambiguous),
        (200, b"[]", Ambiguous),
        (200, b'{"bars": {"A": [{"t": "x"}]}, "next_page_token": null}', Ambiguous),
        (200, json.dumps({"bars": {"A": [BAR | {"h": 0.5}]}, "next_page_token": None}).encode(), Ambiguous),
        (200, b'{"bars": null, "next_page_token": null}', Ambiguous),
        (200, b'{"bars": {}, "next_page_token": null}', Accepted),
    ],
)
def test_every_answer_is_an_outcome(status: int, body: bytes, expected: type):
    with rude(status, body) as data:
        assert isinstance(data.bars(["A"], 0, 1), expected)


def test_prices_are_exact():
    body = json.dumps({"bars": {"A": [BAR | {"c": 1.123456}]}, "next_page_token": None}).encode()
    with rude(200, body) as data:
        (candle,) = value(data.bars(["A"], 0, 1))["A"]
    assert (candle.close, candle.volume, int(candle.start)) == (1_123_456, 10 * MICRO, 1_763_994_600 * 10**9)


def test_nobody_there():
    outcome = MarketData(Endpoint.at("http://127.0.0.1:9", Keys.of("key", "secret"))).daily(["A"], 0, 1)
    assert isinstance(outcome, Unsent)
    assert outcome.failure is LaneFailure.CONNECTION
