"""Twelve toxics on six calls: every call ends by its deadline, and none claims more than it can know (T7)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from core.kernel.kinds import CommandKind, OrderType, TimeInForce
from core.kernel.records import COMMAND
from core.kernel.units import MICRO
from live.alpaca.endpoint import Endpoint
from live.alpaca.orders import order_request
from live.alpaca.outcomes import Accepted, Ambiguous, Outcome, Refused, Unsent
from live.alpaca.rest import Deadlines, Rest
from tests.live.bottle import KEYS
from tests.live.exchange import Exchange
from tests.live.proxy import TOXICS, Proxy, closed_port
from tests.live.server import HttpServer

DEADLINE = 0.6
NAME = "st-0000000000000001-00"
CALLS = ("submit", "cancel", "order", "positions", "fills", "account")
FINE = {"latency", "twice"}
ACTED = {"latency", "twice", "too_late", "reset_after", "reply_lost", "cut_head", "cut_body", "drip", "half_open"}


@pytest.fixture
def exchange() -> Exchange:
    return Exchange(lambda: 1_790_000_000 * 10**9)


@pytest.fixture
def server(exchange: Exchange) -> Iterator[HttpServer]:
    server = HttpServer(exchange)
    yield server
    server.close()


@pytest.fixture
def proxy(server: HttpServer) -> Iterator[Proxy]:
    proxy = Proxy(server.port)
    yield proxy
    proxy.close()


def rest_at(port: int) -> Rest:
    return Rest(Endpoint.at(f"http://127.0.0.1:{port}", KEYS), Deadlines(DEADLINE, DEADLINE, DEADLINE))


def market_order() -> np.void:
    command = np.zeros(1, COMMAND)[0]
    for name, value in {"kind": CommandKind.SUBMIT, "side": 1, "qty": 10 * MICRO, "type": OrderType.MARKET}.items():
        command[name] = value
    command["tif"] = TimeInForce.DAY
    return command


def make(call: str, rest: Rest, order_id: str) -> Outcome[object]:
    calls = {
        "submit": lambda: rest.submit(order_request(market_order(), "AAA", NAME)),
        "cancel": lambda: rest.cancel(order_id),
        "order": lambda: rest.order_by_id(order_id),
        "positions": rest.positions,
        "fills": lambda: rest.fills_since(0),
        "account": rest.account,
    }
    return calls[call]()  # type: ignore[no-any-return]


@pytest.mark.parametrize("toxic", TOXICS)
@pytest.mark.parametrize("call", CALLS)
def test_a_call_ends_in_time_and_says_what_is_known(exchange, proxy, call, toxic):
    order_id = exchange.place("AAA", "buy", 5)["id"]
    proxy.toxic = toxic
    began = time.monotonic()
    if toxic == "refuse":
        with closed_port() as port:
            outcome = make(call, rest_at(port), order_id)
    else:
        rest = rest_at(proxy.port)
        outcome = make(call, rest, order_id)
        rest.close()
    took = time.monotonic() - began
    assert took < 20 * DEADLINE, "far from for ever; how near to the deadline is a matter for benchmarks"
    bodiless = call == "cancel" and toxic in ("cut_head", "cut_body")  # after "204" there is nothing to miss
    if toxic in FINE:
        assert isinstance(outcome, Accepted)
    elif toxic == "refuse":
        assert isinstance(outcome, Unsent)
    elif toxic == "reset_before":
        assert isinstance(outcome, Unsent | Ambiguous), "as the reset comes during the connection or after it"
    elif not bodiless:
        assert isinstance(outcome, Ambiguous)
    assert (len(exchange.posts) == 1) == (call == "submit" and toxic in ACTED)
    if call == "cancel":
        assert (exchange.orders[order_id]["status"] == "canceled") == (toxic in ACTED)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 302])
def test_a_storm_of_gateway_errors(exchange, server, call, status):
    server.status, server.body = status, b"<html><body>nginx</body></html>"
    outcome = make(call, rest_at(server.port), "x")
    assert type(outcome).__name__ == ("Limited" if status == 429 else "Ambiguous")
    assert len(server.headers) == 1, "one request, and no retry underneath"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"<html>", b'{"id": 7}', b"\xff\xfe", b'{"id":' * 5_000])
@pytest.mark.parametrize("call", ["submit", "order", "positions", "account"])
def test_a_good_status_with_a_body_that_is_none(server, call, body):
    server.status, server.body = 200, body
    outcome = make(call, rest_at(server.port), "x")
    flat = call == "positions" and body == b"[]"
    assert isinstance(outcome, Accepted if flat else Ambiguous)


def test_the_same_connection_serves_again_after_a_deadline(exchange, proxy):
    rest = rest_at(proxy.port)
    proxy.toxic = "reply_lost"
    assert isinstance(rest.positions(), Ambiguous)
    proxy.toxic = ""
    for _ in range(3):
        assert isinstance(rest.positions(), Accepted)
    rest.close()


def test_a_refusal_over_the_wire(exchange, server):
    rest = rest_at(server.port)
    assert isinstance(rest.submit(order_request(market_order(), "AAA", NAME)), Accepted)
    again = rest.submit(order_request(market_order(), "AAA", NAME))
    assert isinstance(again, Refused)
    assert again.reason.name == "DUPLICATE_ID"
    assert exchange.posts == [NAME]
    rest.close()
