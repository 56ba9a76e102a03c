"""Alpaca's bytes: exact, complete, and refused by name when they are not what the protocol allows (T10)."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernel.units import MICRO, NANO
from live.alpaca import messages, wire
from live.alpaca.messages import Account, Activity, Order, Position, Update
from live.alpaca.values import Instant, Price, convert, exact, instant
from live.alpaca.wire import Bar, Control, Malformed, Other, WireError
from tests.doses import NIGHTLY

DOSES = max(100 * NIGHTLY, 1)  # of a commit

ORDER: dict[str, Any] = {
    "id": "61e69015-8549-4bfd-b9c3-01e75843f47d", "client_order_id": "st-0000000000000001-00", "symbol": "AAPL",
    "created_at": "2026-11-20T15:00:00.123456789Z", "updated_at": "2026-11-20T15:00:00.130102Z",
    "submitted_at": "2026-11-20T15:00:00.122Z", "filled_at": None, "qty": "2", "filled_qty": "0",
    "filled_avg_price": None, "order_class": "", "order_type": "limit", "type": "limit", "side": "buy",
    "time_in_force": "day", "limit_price": "150.12", "stop_price": None, "status": "new", "extended_hours": False,
    "legs": None, "replaced_by": None, "replaces": None,
}  # fmt: skip
UPDATE: dict[str, Any] = {
    "event": "partial_fill", "event_id": "01K", "timestamp": "2026-11-20T15:00:01Z", "price": "150.12", "qty": "1",
    "execution_id": "8f0a3c5e-0000-4000-8000-000000000000", "position_qty": "1",
    "order": ORDER | {"status": "partially_filled", "filled_qty": "1", "filled_avg_price": "150.12"},
}  # fmt: skip
BAR: dict[str, Any] = {
    "T": "b",
    "S": "AAPL",
    "t": "2026-11-20T15:00:00Z",
    "o": 150.1,
    "h": 150.3,
    "l": 150,
    "c": 150.12,
    "v": 1200,
}


def frame(update: dict[str, Any]) -> bytes:
    return json.dumps({"stream": "trade_updates", "data": update}).encode()


def test_an_update_is_read_to_the_last_digit():
    update = wire.parse_trading(frame(UPDATE))
    assert isinstance(update, Update)
    assert (update.price, update.qty, update.order.filled_qty) == (150_120_000, MICRO, MICRO)
    assert update.order.submitted_at == 1_795_186_800 * NANO + 122_000_000
    assert wire.parse_trading(frame(UPDATE).decode()) == update, "text or binary"


@pytest.mark.parametrize("text", ["0.1", "150.12", "123456.789012", "1e2", "-0", "999999.999999"])
def test_json_numbers_never_pass_through_a_binary_float(text):
    parsed = wire.parse(Order, json.dumps(ORDER).replace('"150.12"', text))
    assert parsed.limit_price == Decimal(text) * MICRO


@pytest.mark.parametrize(
    ("value", "micros"),
    [("1.123456789", 1_123_456), ("-1.9999999", -1_999_999), ("0.000000999", 0), (3, 3_000_000), (0.5, 500_000)],
)
def test_a_quantity_finer_than_the_engine_counts_is_cut_towards_zero(value, micros):
    assert (
        wire.parse(Position, json.dumps({"symbol": "A", "side": "long", "qty": value, "avg_entry_price": "1"})).qty
        == micros
    )


def test_an_average_price_finer_than_a_micro_is_rounded():
    order = wire.parse(Order, json.dumps(ORDER | {"filled_avg_price": "150.1233333333333"}))
    assert order.filled_avg_price == 150_123_333


@pytest.mark.parametrize(
    "value", ["NaN", "inf", "-Infinity", "1_0", " 1", "١٢", "0x10", "1e999", "", "1" * 65, True, [], {}]
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(WireError, match="qty"):
        wire.parse(Order, json.dumps(ORDER | {"qty": value}))


@pytest.mark.parametrize("value", ["1000000.01", "-0.01", 1e309])
def test_a_price_out_of_range_is_refused(value):
    with pytest.raises(WireError):
        wire.parse(Order, json.dumps(ORDER | {"limit_price": value}))


@pytest.mark.parametrize(
    ("text", "nanos"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-20T15:00:00.123456789Z", 1_795_186_800_123_456_789),
        ("2026-11-20T10:00:00.5-05:00", 1_795_186_800_500_000_000),
        ("2026-11-20 15:00:00+0000", 1_795_186_800_000_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
    ],
)
def test_times(text, nanos):
    assert instant(text) == nanos


@pytest.mark.parametrize(
    "text", ["2026-11-20", "2026-11-20T15:00:00", "2026-13-01T00:00:00Z", "9999-01-01T00:00:00Z", "٢٠٢٦", 5, None]
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"time|month|between"):
        instant(text)


def test_an_execution_that_does_not_say_what_it_is_cannot_be_booked():
    for name in ("execution_id", "price", "qty"):
        with pytest.raises(WireError, match=name):
            wire.parse_trading(frame(UPDATE | {name: None}))
    with pytest.raises(WireError, match="negative"):
        wire.parse_trading(frame(UPDATE | {"qty": "-1"}))


def test_unknown_words_are_not_errors_here():
    order = ORDER | {"status": "levitating", "future": {"deep": [1]}}
    update = wire.parse_trading(frame(UPDATE | {"event": "levitated", "order": order}))
    assert isinstance(update, Update)
    assert (update.event, update.order.status) == ("levitated", "levitating")


@pytest.mark.parametrize(
    "body", [b'{"stream":"trade_updates","data":null}', b"{}", b"[]", b"", b"\xff", b"nul", b'{"stream":5}']
)
def test_a_trading_frame_that_is_none(body):
    with pytest.raises(WireError):
        wire.parse_trading(body)


def test_controls():
    assert wire.parse_trading(b"\x01") == Control()
    refused = wire.parse_trading(b'{"stream":"authorization","data":{"status":"unauthorized","action":"listen"}}')
    assert refused == Control(status="unauthorized", action="listen")
    error = wire.parse_trading(b'{"action":"error","data":{"error_message":"internal server error"}}')
    assert error == Control(error_message="internal server error")


def test_one_bad_item_takes_no_other_with_it():
    items = [
        BAR,
        BAR | {"o": 200},
        BAR | {"v": -1},
        {"T": "b"},
        {"T": "t", "S": "A", "c": ["@"]},
        7,
        {"x": 1},
        BAR | {"S": "MSFT"},
    ]
    for encoded in (json.dumps(items), msgpack.packb(items)):
        parsed = wire.parse_data(encoded)
        assert [type(item) for item in parsed] == [Bar, Malformed, Malformed, Malformed, Other, Malformed, Other, Bar]


def test_msgpack_says_the_same_as_json():
    when = datetime(2026, 11, 20, 15, tzinfo=UTC)
    packed = msgpack.packb([BAR | {"t": when}], datetime=True)
    assert wire.parse_data(packed) == wire.parse_data(json.dumps([BAR]))


def test_depth_and_size_are_bounded():
    deep = b'{"stream":"trade_updates","data":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    for parse in (wire.parse_trading, wire.parse_data):
        with pytest.raises(WireError):
            parse(deep)
        with pytest.raises(WireError, match="more than"):
            parse(b" " * (wire.MAX_FRAME + 1))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.decimals().map(str),
    st.sampled_from(["1e309", "NaN", "-0", "٣", "\ud800", "2026-11-20T15:00:00Z", "buy", "filled", 1e309, 10**400, "9" * 70]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@st.composite
def mutants(draw: st.DrawFn, shape: dict[str, Any]) -> dict[str, Any]:
    """A recorded message with some fields taken away, renamed, replaced or swapped."""
    message = copy.deepcopy(shape)
    for _ in range(draw(st.integers(1, 4))):
        place = message["order"] if isinstance(message.get("order"), dict) and draw(st.booleans()) else message
        if not place:
            break
        name = draw(st.sampled_from(sorted(place)))
        act = draw(st.sampled_from(["drop", "rename", "replace", "swap"]))
        value = place.pop(name)
        if act == "rename":
            place[draw(st.text(max_size=6))] = value
        elif act == "replace":
            place[name] = draw(VALUES)
        elif act == "swap" and place:
            other = draw(st.sampled_from(sorted(place)))
            place[name], place[other] = place[other], value
    return message


def in_range(update: Update) -> bool:
    order = update.order
    prices = (update.price, order.limit_price, order.stop_price, order.filled_avg_price)
    return all(price is None or 0 <= price <= 10**12 for price in prices) and isinstance(order.submitted_at, int)


@settings(max_examples=400 * DOSES, deadline=None)
@given(mutants(UPDATE))
def test_hostile_updates_are_read_or_refused(message):
    try:
        update = wire.parse_trading(json.dumps({"stream": "trade_updates", "data": message}))
    except WireError:
        return
    assert isinstance(update, Update)
    assert in_range(update)


@settings(max_examples=300 * DOSES, deadline=None)
@given(mutants(BAR))
def test_hostile_bars_are_read_or_refused(message):
    for encoded in (json.dumps([message]), _packed([message])):
        if encoded is None:
            continue
        try:
            items = wire.parse_data(encoded)
        except WireError:
            continue
        for item in items:
            if isinstance(item, Bar):
                assert 0 < item.low <= item.open <= item.high <= 10**12
                assert item.low <= item.close <= item.high
                assert item.volume >= 0


def _packed(items: list[dict[str, Any]]) -> bytes | None:
    try:
        return bytes(msgpack.packb(items))
    except (OverflowError, ValueError, TypeError):
        return None


@settings(max_examples=300 * DOSES, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100), st.integers(0, 250), st.integers(0, 255))
def test_any_bytes_at_all(noise, place, byte):
    spoiled = bytearray(frame(UPDATE))
    spoiled[place % len(spoiled)] = byte
    for parse in (wire.parse_trading, wire.parse_data):
        for body in (noise, bytes(spoiled)):
            try:
                parse(body)
            except WireError:
                continue


@pytest.mark.parametrize("kind", [Account, Activity, messages.Clock, messages.Asset, messages.Problem, Position, Order])
@given(body=st.binary(max_size=60))
@settings(max_examples=40 * DOSES, deadline=None)
def test_bodies_that_are_none(kind, body):
    with pytest.raises(WireError):
        wire.parse(kind, b"!" + body)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=0, max_value=999_999))
def test_every_order_price_survives(price):
    assert convert(Price, str(price)) == price * MICRO
    assert exact(str(price)) == price
    assert isinstance(convert(Instant, "2026-11-20T15:00:00Z"), Instant)
