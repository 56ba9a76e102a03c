"""Requests as Alpaca takes them, what is refused before it is sent, and what answers mean."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from core.errors import InputError
from core.kernel.kinds import CommandKind, LaneFailure, OrderType, RejectReason
from core.kernel.kinds import TimeInForce as Tif
from core.kernel.records import COMMAND
from core.kernel.units import MICRO
from live.alpaca.endpoint import Endpoint, Keys
from live.alpaca.messages import Clock
from live.alpaca.orders import UnfitError, order_request
from live.alpaca.outcomes import Accepted, Ambiguous, Limited, Refused, Unsent, judge
from live.alpaca.rest import Rest
from live.alpaca.transport import Reply, TransportError

NAME = "st-00000000000000ff-00"
SUBMIT, BRACKET, OCO = CommandKind.SUBMIT, CommandKind.SUBMIT_BRACKET, CommandKind.SUBMIT_OCO
MARKET, LIMIT, STOP, STOP_LIMIT = OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT


def command(kind: CommandKind = SUBMIT, **terms: Any) -> np.void:
    """Prices and quantities in dollars and shares."""
    record = np.zeros(1, COMMAND)[0]
    plain = {"kind": kind, "side": 1, "qty": 10, "type": MARKET, "tif": Tif.DAY} | terms
    for name, value in plain.items():
        scaled = name in ("qty", "limit", "stop", "target", "stop_limit")
        record[name] = round(value * MICRO) if scaled else value
    return record


def body(record: np.void) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(json.dumps(order_request(record, "AAPL", NAME).to_request_fields()))
    return fields


PLAIN = {"symbol": "AAPL", "qty": 10.0, "side": "buy", "time_in_force": "day", "client_order_id": NAME}


@pytest.mark.parametrize(
    ("record", "more"),
    [
        (command(), {"type": "market"}),
        (command(side=-1, tif=Tif.GTC), {"type": "market", "side": "sell", "time_in_force": "gtc"}),
        (command(type=LIMIT, limit=150.12), {"type": "limit", "limit_price": 150.12}),
        (command(type=LIMIT, limit=0.1234), {"type": "limit", "limit_price": 0.1234}),
        (command(type=LIMIT, limit=9, extended=1), {"type": "limit", "limit_price": 9.0, "extended_hours": True}),
        (command(type=STOP, stop=9.5), {"type": "stop", "stop_price": 9.5}),
        (command(type=STOP_LIMIT, stop=9.5, limit=9.4), {"type": "stop_limit", "stop_price": 9.5, "limit_price": 9.4}),
        (command(qty=0.123456), {"type": "market", "qty": 0.123456}),
        (
            command(BRACKET, target=11, stop=9),
            {"type": "market", "order_class": "bracket", "take_profit": {"limit_price": 11.0}, "stop_loss": {"stop_price": 9.0}},
        ),
        (
            command(BRACKET, type=LIMIT, limit=10, target=11, stop=9, stop_limit=8.9),
            {
                "type": "limit", "limit_price": 10.0, "order_class": "bracket",
                "take_profit": {"limit_price": 11.0}, "stop_loss": {"stop_price": 9.0, "limit_price": 8.9},
            },
        ),
        (command(BRACKET, stop=9), {"type": "market", "order_class": "oto", "stop_loss": {"stop_price": 9.0}}),
        (command(BRACKET, target=11), {"type": "market", "order_class": "oto", "take_profit": {"limit_price": 11.0}}),
        (
            command(OCO, side=-1, type=LIMIT, limit=11, target=11, stop=9),
            {
                "type": "limit", "side": "sell", "order_class": "oco",
                "take_profit": {"limit_price": 11.0}, "stop_loss": {"stop_price": 9.0},
            },
        ),
    ],
)  # fmt: skip
def test_requests(record, more):
    assert body(record) == PLAIN | more


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (command(qty=0), RejectReason.QUANTITY),
        (command(qty=1.5, tif=Tif.GTC), RejectReason.QUANTITY),
        (command(BRACKET, qty=1.5, target=11, stop=9), RejectReason.QUANTITY),
        (command(limit=10), RejectReason.ORDER_RULE),
        (command(type=LIMIT), RejectReason.ORDER_RULE),
        (command(stop=10), RejectReason.ORDER_RULE),
        (command(type=OrderType.TRAILING_STOP), RejectReason.ORDER_RULE),
        (command(type=LIMIT, limit=10.123), RejectReason.PRICE_INCREMENT),
        (command(type=LIMIT, limit=0.12345), RejectReason.PRICE_INCREMENT),
        (command(type=STOP, stop=9, tif=Tif.IOC), RejectReason.ORDER_RULE),
        (command(extended=1), RejectReason.SESSION),
        (command(BRACKET, target=11, stop=9, extended=1), RejectReason.SESSION),
        (command(BRACKET, target=11, stop=9, tif=Tif.OPG), RejectReason.ORDER_RULE),
        (command(BRACKET, type=STOP, target=11, stop=9), RejectReason.ORDER_RULE),
        (command(BRACKET), RejectReason.BRACKET_GEOMETRY),
        (command(BRACKET, target=9, stop=11), RejectReason.BRACKET_GEOMETRY),
        (command(BRACKET, side=-1, target=11, stop=9), RejectReason.BRACKET_GEOMETRY),
        (command(BRACKET, type=LIMIT, limit=11, target=11, stop=9), RejectReason.BRACKET_GEOMETRY),
        (command(BRACKET, type=LIMIT, limit=9, target=11, stop=9), RejectReason.BRACKET_GEOMETRY),
        (command(BRACKET, target=11, stop=9, stop_limit=9.5), RejectReason.BRACKET_GEOMETRY),
        (command(OCO, side=-1, type=LIMIT, limit=11, target=11), RejectReason.BRACKET_GEOMETRY),
        (command(OCO, side=-1, type=MARKET, target=11, stop=9), RejectReason.ORDER_RULE),
        (command(OCO, side=1, type=LIMIT, limit=11, target=11, stop=9), RejectReason.BRACKET_GEOMETRY),
    ],
)
def test_what_alpaca_would_refuse_is_not_sent(record, reason):
    with pytest.raises(UnfitError) as refused:
        order_request(record, "AAPL", NAME)
    assert refused.value.reason == reason


def test_the_mirror_image_of_a_long_bracket_is_a_short_one():
    assert body(command(BRACKET, side=-1, type=LIMIT, limit=10, target=9, stop=11))["stop_loss"] == {"stop_price": 11.0}


def test_a_client_order_id_that_is_too_long():
    with pytest.raises(UnfitError):
        order_request(command(), "AAPL", "x" * 49)


def problem(message: str, code: int = 40310000, **more: str) -> bytes:
    return json.dumps({"code": code, "message": message, **more}).encode()


REFUSALS = [
    (422, problem("client_order_id must be unique", 40010001), RejectReason.DUPLICATE_ID),
    (403, problem("insufficient buying power", buying_power="0", cost_basis="1"), RejectReason.BUYING_POWER),
    (403, problem("reworded", buying_power="0"), RejectReason.BUYING_POWER),
    (403, problem("reworded", available="0"), RejectReason.QUANTITY),
    (403, problem("potential wash trade detected. use complex orders", reject_reason="x"), RejectReason.WASH_TRADE),
    (403, problem("trade denied", 40310100), RejectReason.ACCOUNT),
    (422, problem("reworded", 42210000, base_price="10"), RejectReason.BRACKET_GEOMETRY),
    (422, problem('order is already in "filled" state', 42210000), RejectReason.ALREADY_FILLED),
    (422, problem("order is not cancelable", 42210000), RejectReason.NOT_CANCELABLE),
    (422, problem('asset "X" cannot be sold short', 42210000), RejectReason.NOT_SHORTABLE),
    (422, problem("invalid limit_price 1.001. sub-penny increment", 42210000), RejectReason.PRICE_INCREMENT),
    (422, problem("something new", 42210000), RejectReason.ORDER_RULE),
    (404, problem("order not found for x", 40410000), RejectReason.NOT_FOUND),
]


@pytest.mark.parametrize(("status", "answer", "reason"), REFUSALS)
def test_refusals_by_code_and_fields_before_words(status, answer, reason):
    outcome = judge(Reply(status, answer, {}), Clock)
    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.unauthorised) == (reason, False)


@pytest.mark.parametrize(
    ("status", "answer"),
    [(401, b'{"message": "unauthorized."}'), (403, b'{"message": "forbidden."}'), (401, b"<html>"), (403, b"")],
)
def test_the_keys_are_refused_in_several_forms(status, answer):
    outcome = judge(Reply(status, answer, {}), Clock)
    assert isinstance(outcome, Refused)
    assert outcome.unauthorised


def test_the_other_classes():
    assert judge(Reply(429, b"", {"x-ratelimit-reset": "1795186800"}), Clock) == Limited(1795186800)
    assert judge(Reply(429, b"", {"x-ratelimit-reset": "soon"}), Clock) == Limited(None)
    assert judge(Reply(429, b"", {"retry-after": "7"}), Clock) == Limited(None, 7)
    for status in (300, 302, 404, 418, 500, 502, 503, 504):
        assert isinstance(judge(Reply(status, b"<html>", {}), Clock), Ambiguous), status
    gone = TransportError(LaneFailure.CONNECTION, left=False, detail="x")
    assert isinstance(judge(gone, Clock), Unsent)
    assert isinstance(judge(TransportError(LaneFailure.TIMEOUT, left=True, detail="x"), Clock), Ambiguous)
    assert judge(Reply(204, b"", {}), None) == Accepted(None)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets", "https://paper-api.alpaca.markets.example.org", "http://paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets@evil.example", "http://10.0.0.1:8080", "http://127.0.0.1", "http://localhost:99999",
        "http://user:hunter22@127.0.0.1:80", "http://127.0.0.1:80/x", "https://127.0.0.1:80", "ftp://127.0.0.1:80", "",
        "http://[::1", "https://data.alpaca.markets",
    ],
)  # fmt: skip
def test_nothing_but_paper_and_this_machine(url):
    with pytest.raises(InputError, match="paper") as refused:
        Endpoint.at(url, Keys.of("k", "s"))
    assert "hunter22" not in str(refused.value)


def test_addresses():
    paper = Endpoint.at("https://paper-api.alpaca.markets/v2/", Keys.of("k", "s"))
    assert (paper.trading, paper.trading_stream) == (
        "https://paper-api.alpaca.markets",
        "wss://paper-api.alpaca.markets/stream",
    )
    local = Endpoint.at("http://[::1]:8080", Keys.of("k", "s"), "sip")
    assert (local.trading_stream, local.data_stream) == ("ws://[::1]:8080/stream", "ws://[::1]:8080/v2/sip")
    with pytest.raises(InputError, match="feed"):
        Endpoint.at("http://127.0.0.1:1", Keys.of("k", "s"), "otc")


@pytest.mark.parametrize(("key", "secret"), [("", "s"), ("k", ""), ("k\n", "s"), ("k", "s s"), ("k", "sécret")])
def test_keys_that_are_none_are_refused_unseen(key, secret):
    with pytest.raises(InputError) as refused:
        Keys.of(key, secret)
    for part in (key, secret):
        assert len(part) < 2 or part not in str(refused.value)


def test_keys_are_in_the_headers_and_nowhere_else():
    keys = Keys.of("canary-key-0123456789", "canary-secret-0123456789")
    endpoint = Endpoint.at("http://127.0.0.1:1", keys)
    outcome = Rest(endpoint).account()
    assert isinstance(outcome, Unsent)
    assert "canary" not in repr((endpoint, outcome, keys)) + str(outcome)
