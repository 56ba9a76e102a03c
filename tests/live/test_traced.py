"""Orders and cancels on their way out: each is a span of its intent's trace, a count and a line."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from alpaca.trading.enums import OrderSide, TimeInForce
from alpaca.trading.requests import MarketOrderRequest

from core.kernel.units import SECOND
from live.alpaca.endpoint import Endpoint
from live.alpaca.outcomes import Accepted, Ambiguous, Refused
from live.clock import VirtualClock
from live.telemetry import intent_context
from live.traced import TracedRest
from tests.live.bottle import KEYS
from tests.live.exchange import Exchange
from tests.live.server import HttpServer
from tests.live.test_telemetry import Heard

INTENT = 0x1234ABCD
NAME = f"st-{INTENT:016x}-00"


@pytest.fixture
def http() -> Iterator[HttpServer]:
    server = HttpServer(Exchange(time.time_ns))
    yield server
    server.close()


def order() -> MarketOrderRequest:
    return MarketOrderRequest(
        symbol="AAA", qty=1, side=OrderSide.BUY, time_in_force=TimeInForce.DAY, client_order_id=NAME
    )


def lines(heard: Heard) -> list[dict[str, str]]:
    heard.lines.close()
    found = [json.loads(line) for line in heard.stream.getvalue().splitlines()]
    return [{name: line[name] for name in ("level", "lane", "order", "outcome")} for line in found]


def test_what_is_sent_is_told(http: HttpServer):
    heard = Heard(VirtualClock(SECOND))
    rest = TracedRest(Endpoint.at(f"http://127.0.0.1:{http.port}", KEYS), heard.telemetry)
    sent = rest.submit(order())
    assert isinstance(sent, Accepted)
    assert isinstance(rest.submit(order()), Refused), "the same order again"
    assert isinstance(rest.cancel(sent.value.id), Accepted)
    http.status = 500
    assert isinstance(rest.cancel(sent.value.id), Ambiguous)
    rest.close()
    told = [("info", "submit", NAME, "accepted"), ("warning", "submit", NAME, "refused")]
    told += [("info", "cancel", sent.value.id, "accepted"), ("warning", "cancel", sent.value.id, "ambiguous")]
    assert [tuple(line.values()) for line in lines(heard)] == told
    assert heard.metrics()["seatrial.requests"] == [1, 1, 1, 1]


def test_the_span_is_in_the_trace_of_its_intent(http: HttpServer):
    heard = Heard(VirtualClock(SECOND))
    rest = TracedRest(Endpoint.at(f"http://127.0.0.1:{http.port}", KEYS), heard.telemetry)
    rest.submit(order())
    rest.close()
    heard.lines.close()
    (span,) = heard.exporter.get_finished_spans()
    with heard.telemetry._tracer.start_as_current_span("x", intent_context(INTENT)) as other:
        assert span.context is not None
        assert span.context.trace_id == other.get_span_context().trace_id
    assert (span.name, dict(span.attributes or {})) == (
        "http",
        {"profile": "alpaca_paper", "lane": "submit", "outcome": "accepted"},
    )
