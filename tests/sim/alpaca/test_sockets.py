"""Both websockets: by alpaca-py, unmodified, and frame by frame."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import msgpack
import pytest
from alpaca.data.live import StockDataStream
from alpaca.trading.stream import TradingStream
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.sim.alpaca.conftest import QUIET, Caller, Make

LOGIN = {"action": "authenticate", "data": {"key_id": "key", "secret_key": "secret"}}
LISTEN = {"action": "listen", "data": {"streams": ["trade_updates", "nonsense"]}}
HALT = [{"symbol": "BRVO", "at": "2025-11-10T10:05:00-05:00", "for": "5m", "kind": "luld"}]


@pytest.fixture(scope="module")
def caller(make: Make) -> Caller:
    started = make(QUIET)
    started.advance("2025-11-10T15:00:00Z")
    return started


def talk(socket: ClientConnection, message: Any) -> Any:
    socket.send(json.dumps(message))
    return json.loads(socket.recv(5))


@contextlib.contextmanager
def stream(caller: Caller) -> Iterator[ClientConnection]:
    """A connection to the trading stream that is listening."""
    with connect(caller.server.trade_stream_url) as socket:
        assert talk(socket, LOGIN)["data"]["status"] == "authorized"
        assert talk(socket, LISTEN) == {"stream": "listening", "data": {"streams": ["trade_updates"]}}
        yield socket


@contextlib.contextmanager
def data(caller: Caller, feed: str = "iex", **headers: str) -> Iterator[ClientConnection]:
    """A connection to the data stream that has logged in by message, or by its headers."""
    with connect(caller.server.data_stream_url(feed), additional_headers=headers) as socket:
        assert read(socket) == [{"T": "success", "msg": "connected"}]
        if not headers:
            socket.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        assert read(socket) == [{"T": "success", "msg": "authenticated"}]
        yield socket


def read(socket: ClientConnection) -> Any:
    raw = socket.recv(5)
    return msgpack.unpackb(raw, timestamp=3) if isinstance(raw, bytes) else json.loads(raw)


def wait_for(met: Callable[[], bool]) -> None:
    """Real threads deliver what has been sent: wait until they have."""
    until = time.monotonic() + 20
    while not met():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.01)


def events(socket: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(socket.recv(5))["data"] for _ in range(count)]


# -- alpaca-py ----------------------------------------------------------------------------------------------------


def in_thread(client: Any) -> threading.Thread:
    thread = threading.Thread(target=client.run, daemon=True)
    thread.start()
    return thread


def test_alpaca_py_hears_trade_updates(caller: Caller) -> None:
    heard = []
    client = TradingStream("key", "secret", url_override=caller.server.trade_stream_url)

    async def hear(update: Any) -> None:
        heard.append(update)

    client.subscribe_trade_updates(hear)
    thread = in_thread(client)
    wait_for(lambda: caller.server.exchange.trade_stream.listening)
    order = caller.order(qty=3).json()
    caller.advance(bars=1)
    wait_for(lambda: len(heard) == 3)
    client.stop()
    thread.join(10)
    assert [u.event for u in heard] == ["pending_new", "new", "fill"]
    fill = heard[-1]
    assert (str(fill.order.id), fill.qty, fill.position_qty) == (order["id"], 3, 3)
    wait_for(lambda: not caller.server.exchange.trade_stream.connected)


def test_alpaca_py_hears_the_market(make: Make) -> None:
    caller = make(QUIET | {"halts": HALT})
    caller.advance("2025-11-10T15:00:00Z")
    caller.fault("bar_revision", match={"symbol": "CHRL"}, count=1)
    heard: dict[str, list[Any]] = {"bar": [], "updated": [], "day": [], "quote": [], "trade": [], "status": []}
    client = StockDataStream("key", "secret", url_override=caller.server.data_stream_url())

    def into(name: str) -> Any:
        async def hear(item: Any) -> None:
            heard[name].append(item)

        return hear

    client.subscribe_bars(into("bar"), "*")
    client.subscribe_updated_bars(into("updated"), "*")
    client.subscribe_daily_bars(into("day"), "ALFA")
    client.subscribe_quotes(into("quote"), "ALFA")
    client.subscribe_trades(into("trade"), "ALFA")
    client.subscribe_trading_statuses(into("status"), "*")
    thread = in_thread(client)
    wait_for(lambda: caller.server.exchange.data_stream.subscribed("iex", "statuses"))
    caller.advance("2025-11-10T15:12:00Z")
    wait_for(lambda: len(heard["status"]) == 2 and len(heard["bar"]) > 20)
    client.stop()
    thread.join(10)
    assert {bar.symbol for bar in heard["bar"]} == {"ALFA", "BRVO", "CHRL"}
    assert [status.status_code for status in heard["status"]] == ["P", "T"]
    (updated,) = heard["updated"]
    first = next(bar for bar in heard["bar"] if bar.symbol == "CHRL")
    assert (updated.symbol, updated.timestamp) == ("CHRL", first.timestamp)
    assert first.close == pytest.approx(updated.close * 1.003, abs=0.006)
    alfa = [bar for bar in heard["bar"] if bar.symbol == "ALFA"]
    stored = caller.get("/v2/stocks/ALFA/bars", timeframe="1Min", start=alfa[0].timestamp.isoformat())["bars"]
    assert [(b.open, b.high, b.low, b.close, b.volume) for b in alfa] == [
        tuple(b[k] for k in "ohlcv") for b in stored[: len(alfa)]
    ]
    assert sum(trade.size for trade in heard["trade"]) == sum(bar.volume for bar in alfa)
    assert heard["day"][-1].volume >= alfa[-1].volume


# -- frame by frame -----------------------------------------------------------------------------------------------


def test_login_and_listening(caller: Caller) -> None:
    with connect(caller.server.trade_stream_url) as socket:
        refused = {"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}}
        assert talk(socket, LISTEN) == refused
        wrong = {"action": "authenticate", "data": {"key_id": "key", "secret_key": "guess"}}
        assert talk(socket, wrong)["data"] == {"status": "unauthorized", "action": "authenticate"}
        assert talk(socket, {"action": "auth", "key": "key", "secret": "secret"})["data"]["status"] == "authorized"
        socket.send("no JSON")
        assert json.loads(socket.recv(5))["action"] == "error"
        socket.send(json.dumps(LISTEN))
        assert isinstance(socket.recv(5), bytes), "paper sends binary frames"
        assert talk(socket, {"action": "listen", "data": {"streams": []}})["data"] == {"streams": []}


def test_one_connection_to_the_trading_stream(caller: Caller) -> None:
    with stream(caller), pytest.raises(InvalidStatus) as refused, connect(caller.server.trade_stream_url):
        pass
    assert refused.value.response.status_code == 429
    wait_for(lambda: not caller.server.exchange.trade_stream.connected)
    with stream(caller):
        pass


def test_everything_of_an_order_is_told_before_the_clock_answers(caller: Caller) -> None:
    """What the client could have read when /sim/advance answers is in its socket already."""
    with stream(caller) as socket:
        order = caller.order(type="limit", limit_price=1, time_in_force="gtc").json()
        caller.call("DELETE", f"/v2/orders/{order['id']}")
        assert [e["event"] for e in events(socket, 3)] == ["pending_new", "new", "canceled"]
        caller.advance(bars=1)
        with pytest.raises(TimeoutError):
            socket.recv(0.05)


def test_replacing_is_told_of_both_orders(caller: Caller) -> None:
    with stream(caller) as socket:
        order = caller.order(type="limit", limit_price=1).json()
        new = caller.call("PATCH", f"/v2/orders/{order['id']}", {"limit_price": 2}).json()
        told = events(socket, 5)
        assert [(e["event"], e["order"]["id"]) for e in told[2:]] == [
            ("replaced", order["id"]),
            ("pending_new", new["id"]),
            ("new", new["id"]),
        ]
        assert told[2]["order"]["replaced_by"] == new["id"]


@pytest.mark.parametrize("packed", [False, True])
def test_subscriptions_add_up_and_are_echoed(caller: Caller, packed: bool) -> None:
    headers = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}
    if packed:
        headers["Content-Type"] = "application/msgpack"
    with data(caller, **headers) as socket:

        def ask(**message: Any) -> Any:
            socket.send(msgpack.packb(message) if packed else json.dumps(message))
            return read(socket)[0]

        ask(action="subscribe", bars=["*"], trades=["ALFA"])
        both = ask(action="subscribe", bars=["BRVO"])
        assert both == {
            "T": "subscription",
            "trades": ["ALFA"],
            "bars": ["*", "BRVO"],
            "corrections": ["ALFA"],
            "cancelErrors": ["ALFA"],
            **{name: [] for name in ("quotes", "updatedBars", "dailyBars", "statuses", "lulds")},
        }
        assert ask(action="unsubscribe", bars=["*"], trades=["ALFA"])["bars"] == ["BRVO"]
        assert ask(action="auth", key="key", secret="secret")["code"] == 403
        assert ask(action="dance")["code"] == 400
        ask(action="subscribe", lulds=["BRVO"])
        caller.advance(bars=1)
        bar = next(m for m in read(socket) if m["T"] == "b")
        assert bar["S"] == "BRVO"
        assert not isinstance(bar["t"], str) if packed else bar["t"].endswith("Z")


def test_logins_that_are_refused(caller: Caller) -> None:
    with connect(caller.server.data_stream_url()) as socket:
        read(socket)
        socket.send(json.dumps({"action": "subscribe", "bars": ["*"]}))
        assert read(socket) == [{"T": "error", "code": 401, "msg": "not authenticated"}]
        socket.send(json.dumps({"action": "auth", "key": "key", "secret": "guess"}))
        assert read(socket) == [{"T": "error", "code": 402, "msg": "auth failed"}]
        with pytest.raises(ConnectionClosed):
            socket.recv(5)


def test_one_connection_an_endpoint(caller: Caller) -> None:
    with data(caller), data(caller, "sip"), connect(caller.server.data_stream_url()) as second:
        read(second)
        second.send(json.dumps({"action": "auth", "key": "key", "secret": "secret"}))
        assert read(second)[0]["code"] == 406


def test_fragmented_messages_are_put_together(caller: Caller) -> None:
    with connect(caller.server.data_stream_url("sip")) as socket:
        read(socket)
        text = json.dumps({"action": "auth", "key": "key", "secret": "secret"})
        socket.send(iter([text[:10], text[10:]]))
        assert read(socket)[0]["msg"] == "authenticated"


def test_text_frames_by_option(make: Make) -> None:
    with connect(make(text=True).server.trade_stream_url) as socket:
        socket.send(json.dumps(LOGIN))
        assert isinstance(socket.recv(5), str)


def test_a_speed_moves_the_clock_by_itself(make: Make) -> None:
    caller = make(speed=36_000.0)
    before = caller.get("/sim/clock")
    wait_for(lambda: caller.get("/sim/clock")["now"][:16] >= "2025-11-10T14:35")
    assert before["mode"] == 36_000.0
    caller.order(qty=1)
    wait_for(lambda: len(caller.get("/v2/positions")) == 1)
