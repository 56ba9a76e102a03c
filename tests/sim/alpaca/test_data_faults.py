"""Every fault of the data stream, one at a time: what a subscriber gets in place of the bars and quotes that were."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.sim.alpaca.conftest import Caller
from tests.sim.alpaca.test_sockets import data, read


def bars_under(caller: Caller, kind: str, minutes: int = 2, **parameters: float) -> list[tuple[str, dict]]:
    """Types and messages of ALFA's bars over some minutes under a fault that strikes once."""
    with data(caller) as connection:
        connection.send(json.dumps({"action": "subscribe", "bars": ["ALFA"]}))
        read(connection)
        caller.fault(kind, count=1, match={"symbol": "ALFA"}, parameters=parameters)
        found = []
        caller.advance(bars=minutes)
        while True:
            try:
                found += [(m["T"], m) for m in json.loads(connection.recv(0.2))]
            except TimeoutError:
                return found


def minute_before(time: str) -> str:
    return (datetime.fromisoformat(time) - timedelta(minutes=1)).isoformat()


@pytest.mark.parametrize(
    ("kind", "types"),
    [
        ("gap", "b"),
        ("data_mute", "b"),
        ("late_bars", "bb"),
        ("duplicate_bars", "bbb"),
        ("bar_revision", "bub"),
        ("bad_print", "bb"),
        ("zero_volume", "bb"),
        ("missing_symbol", "b"),
        ("reordered_bars", "bb"),
    ],
)
def test_bars_that_are_not_as_they_should_be(caller: Caller, kind: str, types: str) -> None:
    found = bars_under(caller, kind)
    assert "".join(kind for kind, _ in found) == types
    first = found[0][1]
    stored = caller.get("/v2/stocks/ALFA/bars", timeframe="1Min", start=first["t"], end=first["t"])["bars"][0]
    if kind in ("bar_revision", "bad_print"):
        assert first["c"] > stored["c"]
    else:
        assert first["c"] == stored["c"]
    assert (first["v"] == 0) is (kind == "zero_volume")


def test_a_bar_that_is_overtaken_comes_second(caller: Caller) -> None:
    first, second = (bar["t"] for _, bar in bars_under(caller, "reordered_bars"))
    assert first > second


def test_a_frozen_feed_repeats_what_was_right(caller: Caller) -> None:
    with data(caller) as connection:
        connection.send(json.dumps({"action": "subscribe", "bars": ["ALFA"]}))
        read(connection)
        caller.advance(bars=1)
        (right,) = read(connection)
        caller.fault("freeze", count=2)
        caller.advance(bars=2)
        assert [read(connection), read(connection)] == [[right], [right]]


@pytest.mark.parametrize(
    ("kind", "parameters", "changed"),
    [
        ("nan_edge", {"field": "high"}, {"h"}),
        ("clock_skew", {"behind": 120}, {"t"}),
        ("wrong_adjustment", {"ratio": 0.5}, {"o", "h", "l", "c", "v"}),
        ("feed_switch", {"volume": 0.1, "missing": 0}, {"v"}),
    ],
)
def test_a_bar_with_other_contents(caller: Caller, kind: str, parameters: dict, changed: set[str]) -> None:
    (_, wrong), (_, after) = bars_under(caller, kind, **parameters)
    time = minute_before(after["t"])
    stored = caller.get("/v2/stocks/ALFA/bars", timeframe="1Min", start=time, end=time)["bars"][0]
    assert {name for name in stored if wrong[name] != stored[name]} == changed


@pytest.mark.parametrize("form", ["crossed", "zero"])
def test_quotes_that_cannot_be(caller: Caller, form: str) -> None:
    with data(caller) as connection:
        connection.send(json.dumps({"action": "subscribe", "quotes": ["ALFA"]}))
        read(connection)
        caller.fault("bad_quotes", parameters={"form": form}, count=1)
        caller.advance(bars=1)
        (quote,) = read(connection)
        assert quote["bp"] > quote["ap"] if form == "crossed" else quote["bp"] == quote["ap"] == 0


def test_a_feed_that_is_lost(caller: Caller) -> None:
    with data(caller) as connection:
        number = caller.fault("feed_down")
        with pytest.raises(ConnectionClosed):
            connection.recv(5)
    with connect(caller.server.data_stream_url()) as again:
        read(again)
        again.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        with pytest.raises(ConnectionClosed):
            again.recv(5)
    caller.call("DELETE", f"/sim/faults?number={number}")
    caller.fault("refuse_data_socket", count=1)
    with connect(caller.server.data_stream_url()) as refused:
        read(refused)
        refused.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        assert read(refused) == [{"T": "error", "code": 406, "msg": "connection limit exceeded"}]


@pytest.mark.parametrize("kind", ["data_socket_drop", "malformed_data"])
def test_a_data_stream_that_breaks(caller: Caller, kind: str) -> None:
    with data(caller) as connection:
        connection.send(json.dumps({"action": "subscribe", "bars": ["ALFA"]}))
        read(connection)
        caller.fault(kind, count=1)
        caller.advance(bars=2)
        with pytest.raises((ConnectionClosed, json.JSONDecodeError)):
            json.loads(connection.recv(5))
