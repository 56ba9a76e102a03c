"""A server on the loopback, and alpaca-py, unmodified, as its client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from typing import Any

import pytest
import requests
from alpaca.trading.client import TradingClient

from core.config import load_settings
from sim.alpaca.exchange import Options
from sim.alpaca.serve import Running

KEYS = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
QUIET = {
    "venue.submit_latency": "0ms",
    "venue.cancel_latency": "0ms",
    "venue.ack_latency": "0ms",
    "venue.fill_latency": "0ms",
    "venue.partial_probability": 0,
}
OPEN = "2025-11-10T14:30:00Z"


class Caller:
    """A server with plain HTTP beside it: paths in, answers out."""

    def __init__(self, server: Running) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.headers.update(KEYS)

    def call(self, method: str, path: str, body: Any = None, **keywords: Any) -> requests.Response:
        keywords.setdefault("timeout", 20)
        return self.session.request(method, self.server.url + path, json=body, **keywords)

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query).json()

    def order(self, symbol: str = "ALFA", side: str = "buy", qty: Any = 10, **terms: Any) -> requests.Response:
        body = {"symbol": symbol, "side": side, "qty": qty, "type": "market", "time_in_force": "day", **terms}
        return self.call("POST", "/v2/orders", {key: value for key, value in body.items() if value is not None})

    def advance(self, until: str | None = None, bars: int | None = None) -> Any:
        body = {"until": until} if until else {"bars": bars}
        answer = self.call("POST", "/sim/advance", body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def fault(self, kind: str, **terms: Any) -> int:
        answer = self.call("POST", "/sim/faults", {"kind": kind, **terms})
        assert answer.status_code == 200, answer.text
        return int(answer.json()["number"])

    def price(self, symbol: str = "ALFA") -> float:
        return float(self.get(f"/v2/stocks/{symbol}/trades/latest")["trade"]["p"])

    def refusal(self, **terms: Any) -> tuple[int, int, str]:
        """Status, code and message of an order that is refused."""
        answer = self.order(**terms)
        body = answer.json()
        return answer.status_code, body.get("code"), body.get("message")


Make = Callable[..., Caller]


@pytest.fixture(scope="module")
def make() -> Iterator[Make]:
    """Starts servers over the first days of the bundled market; keyword arguments are Options."""
    with ExitStack() as stack:

        def start(changes: dict[str, Any] | None = None, **options: Any) -> Caller:
            given = {"data.end": date(2025, 11, 11), "data.symbols": ["ALFA", "BRVO", "CHRL"], **(changes or {})}
            settings = load_settings("breakout-4w", given)
            server = stack.enter_context(Running(settings, Options(**{"rate_limit": 0, **options})))
            return Caller(server)

        yield start


@pytest.fixture(scope="module")
def quiet(make: Make) -> Caller:
    """A server without delays and random fills, half an hour after the open."""
    caller = make(QUIET)
    caller.advance("2025-11-10T15:00:00Z")
    return caller


@pytest.fixture(scope="module")
def trading(quiet: Caller) -> TradingClient:
    """alpaca-py against that server."""
    return TradingClient("key", "secret", paper=True, url_override=quiet.server.url)


@pytest.fixture(autouse=True)
def _whole(request: pytest.FixtureRequest) -> Iterator[None]:
    """Leave a shared server without faults and orders."""
    yield
    if "quiet" in request.fixturenames:
        caller: Caller = request.getfixturevalue("quiet")
        caller.call("DELETE", "/sim/faults")
        caller.call("DELETE", "/v2/positions?cancel_orders=true")
        caller.advance(bars=1)


@pytest.fixture(scope="module")
def shared(make: Make) -> Caller:
    """A server of a test file's own, without delays, half an hour after the open."""
    started = make(QUIET)
    started.advance("2025-11-10T15:00:00Z")
    return started


@pytest.fixture
def caller(shared: Caller) -> Iterator[Caller]:
    """That server, which a test leaves without faults and orders."""
    yield shared
    shared.call("DELETE", "/sim/faults")
    shared.call("DELETE", "/v2/orders")
