"""Every fault of the edge, one at a time: what the client sees, and what has happened behind it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import requests
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from sim.alpaca.faults.kinds import KINDS
from tests.sim.alpaca.conftest import Caller, Make
from tests.sim.alpaca.test_sockets import events, stream, wait_for

REST = {"method": "POST", "path": "/v2/orders"}


def sent(caller: Caller, name: str) -> bool:
    """Whether the server has an order of this name."""
    return caller.call("GET", f"/v2/orders:by_client_order_id?client_order_id={name}").status_code == 200


# -- requests -----------------------------------------------------------------------------------------------------

ANSWERED = [
    ("html_502", {}, 502, False),
    ("html_502", {"apply": True, "status": 504}, 504, True),
    ("reply", {}, 500, False),
    ("reply", {"apply": True, "status": 503, "body": {"message": "later"}}, 503, True),
    ("outage", {}, 503, False),
    ("accepted_no_answer", {}, 504, True),
    ("rate_limit", {}, 429, False),
    ("reject_storm", {}, 403, False),
    ("unauthorised", {}, 401, False),
]


@pytest.mark.parametrize(("kind", "parameters", "status", "taken"), ANSWERED)
def test_answers_and_what_is_behind_them(caller: Caller, kind: str, parameters: dict, status: int, taken: bool) -> None:
    name = f"{kind}-{status}-{taken}"
    number = caller.fault(kind, match=REST, parameters=parameters)
    answer = caller.order(client_order_id=name, type="limit", limit_price=1)
    assert answer.status_code == status
    assert answer.headers["X-Request-ID"]
    if "html" in answer.headers["Content-Type"]:
        assert "<h1>" in answer.text
    hits = next(f["hits"] for f in caller.get("/sim/faults") if f["number"] == number)
    caller.call("DELETE", f"/sim/faults?number={number}")
    assert hits == 1
    assert sent(caller, name) is taken


BROKEN = [
    ("reset", {}, False),
    ("reset", {"apply": True}, True),
    ("hang", {"timeout": 0.1}, False),
    ("answer_lost", {}, True),
    ("answer_lost", {"failure": "timeout", "timeout": 0.1}, True),
    ("outage", {"failure": "connection"}, False),
    ("truncate", {}, True),
]


@pytest.mark.parametrize(("kind", "parameters", "taken"), BROKEN)
def test_connections_that_break(caller: Caller, kind: str, parameters: dict, taken: bool) -> None:
    name = f"{kind}-{'-'.join(map(str, parameters.values()))}-{taken}"
    caller.fault(kind, match=REST, parameters=parameters, count=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        caller.order(client_order_id=name, type="limit", limit_price=1)
    assert sent(caller, name) is taken
    assert caller.order(client_order_id=name + "-again", type="limit", limit_price=1).status_code == 200


def test_a_hung_server_lets_the_client_give_up(caller: Caller) -> None:
    caller.fault("hang", match=REST, count=1)
    with pytest.raises(requests.Timeout):
        caller.call("POST", "/v2/orders", {"symbol": "ALFA"}, timeout=0.2)
    assert caller.call("GET", "/v2/account").status_code == 200


def test_bodies_that_cannot_be_read(caller: Caller) -> None:
    caller.fault("malformed", match={"path": "/v2/account$"})
    with pytest.raises(requests.JSONDecodeError):
        caller.get("/v2/account")


def test_a_changed_schema(caller: Caller) -> None:
    caller.fault(
        "changed_schema",
        match={"path": "/v2/account$"},
        parameters={"drop": ["cash"], "null": ["equity"], "rename": {"status": "state"}, "set": {"currency": 840}},
    )
    body = caller.get("/v2/account")
    assert "cash" not in body
    assert (body["equity"], body["state"], body["currency"]) == (None, "ACTIVE", 840)


def test_answers_that_take_their_time(caller: Caller) -> None:
    for kind, parameters in (("slow", {"delay": 0.3}), ("slow_body", {"bytes_per_second": 500})):
        caller.fault(kind, parameters=parameters, match={"path": "/v2/clock"}, count=1)
        began = time.monotonic()
        assert caller.get("/v2/clock")["is_open"] is True
        assert time.monotonic() - began > 0.15


def test_refused_connections(caller: Caller) -> None:
    number = caller.fault("refuse")
    with pytest.raises(requests.ConnectionError):
        requests.get(caller.server.url + "/v2/clock", timeout=5)
    assert caller.call("DELETE", f"/sim/faults?number={number}").json() == {"removed": 1}, "what is open stays open"
    assert requests.get(caller.server.url + "/sim/clock", timeout=5).status_code == 200


# -- when a fault strikes -----------------------------------------------------------------------------------------


def statuses(caller: Caller, count: int) -> list[int]:
    return [caller.call("GET", "/v2/account").status_code for _ in range(count)]


def test_count_skip_and_window(caller: Caller) -> None:
    caller.fault("html_502", skip=1, count=2)
    assert statuses(caller, 5) == [200, 502, 502, 200, 200]
    now = caller.get("/sim/clock")["now"]
    caller.call("DELETE", "/sim/faults")
    caller.fault("html_502", **{"for": "30s"}, every="1m", times=2, at=now)
    assert statuses(caller, 1) == [502]
    for status in (502, 200, 200):
        caller.advance(bars=1)
        assert statuses(caller, 1) == [status]


def test_chance_is_a_hash(make: Make) -> None:
    def draws() -> list[int]:
        fresh = make()
        fresh.fault("html_502", probability=0.5)
        return statuses(fresh, 20)

    first = draws()
    assert {200, 502} == set(first)
    assert draws() == first


def test_scopes_in_the_words_of_scenarios(caller: Caller) -> None:
    caller.fault("outage", scope={"lanes": ["submit"], "symbols": ["BRVO"]})
    assert caller.order("ALFA", type="limit", limit_price=1).status_code == 200
    assert caller.order("BRVO", type="limit", limit_price=1).status_code == 503
    assert statuses(caller, 1) == [200]


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"kind": "earthquake"},
        {"kind": "hang", "parameters": {"minutes": 5}},
        {"kind": "hang", "parameters": {"timeout": "long"}},
        {"kind": "hang", "for": "5"},
        {"kind": "hang", "match": {"path": "("}},
        {"kind": "hang", "probability": 2},
        {"kind": "hang", "colour": "red"},
        {"kind": "late_fill"},
        {"kind": "bad_quotes", "parameters": {"form": "upside down"}},
        {"kind": "outage", "parameters": {"failure": "earthquake"}},
        {"kind": "hang", "parameters": {"timeout": -1}},
        {"kind": "hang", "parameters": {"apply": 1}},
        {"kind": "slow", "parameters": {"delay": True}},
        {"kind": "slow_body", "parameters": {"bytes_per_second": 0}},
        {"kind": "truncate", "parameters": {"bytes": 1.5}},
        {"kind": "html_502", "parameters": {"status": 99}},
        {"kind": "socket_drop", "parameters": {"code": 7}},
        [],
    ],
    ids=str,
)
def test_entries_that_make_no_sense(caller: Caller, entry: object) -> None:
    answer = caller.call("POST", "/sim/faults", entry)
    assert (answer.status_code, answer.json()["code"]) == (422, 40010001)
    assert caller.get("/sim/faults") == []


def test_the_journal_tells_requests_and_faults(caller: Caller) -> None:
    caller.fault("reset", match=REST, parameters={"apply": True}, count=1)
    with pytest.raises(requests.ConnectionError):
        caller.order(client_order_id="lost-and-found", type="limit", limit_price=1)
    journal = caller.get("/sim/journal")
    row = next(r for r in journal["requests"] if r.get("client_order_id") == "lost-and-found")
    assert (row["method"], row["path"], row["status"], row["fault"]) == ("POST", "/v2/orders", 200, "reset")
    assert "lost-and-found" in [order["client_order_id"] for order in journal["orders"]]
    assert journal["faults"][-1]["kind"] == "reset"


# -- the trading stream -------------------------------------------------------------------------------------------


def rest_and_cancel(caller: Caller) -> None:
    order = caller.order(type="limit", limit_price=1).json()
    caller.call("DELETE", f"/v2/orders/{order['id']}")


def test_a_mute_stream_answers_pings(caller: Caller) -> None:
    with stream(caller) as connection:
        number = caller.fault("stream_mute")
        rest_and_cancel(caller)
        assert connection.ping().wait(5)
        with pytest.raises(TimeoutError):
            connection.recv(0.05)
        caller.call("DELETE", f"/sim/faults?number={number}")
        rest_and_cancel(caller)
        assert events(connection, 1)[0]["event"] == "pending_new"


@pytest.mark.parametrize("code", [1006, 1011])
def test_a_stream_that_drops(caller: Caller, code: int) -> None:
    with stream(caller) as connection:
        caller.fault("socket_drop", match={"event": "new"}, parameters={"code": code}, count=1)
        rest_and_cancel(caller)
        assert events(connection, 1)[0]["event"] == "pending_new"
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(5)
        assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code
    wait_for(lambda: not caller.server.exchange.trade_stream.connected)


def test_a_second_connection_and_a_lost_stream_are_refused(caller: Caller) -> None:
    caller.fault("refuse_socket", count=1)
    with pytest.raises(InvalidStatus) as refused, connect(caller.server.trade_stream_url):
        pass
    assert refused.value.response.status_code == 429
    with stream(caller) as connection:
        number = caller.fault("stream_down")
        with pytest.raises(ConnectionClosed):
            connection.recv(5)
    wait_for(lambda: not caller.server.exchange.trade_stream.connected)
    with pytest.raises(InvalidStatus), connect(caller.server.trade_stream_url):
        pass
    caller.call("DELETE", f"/sim/faults?number={number}")
    with stream(caller):
        pass


def test_frames_that_cannot_be_read(caller: Caller) -> None:
    with stream(caller) as connection:
        caller.fault("malformed_frame", count=1)
        caller.fault("null_frame", count=1)
        caller.fault("changed_frame", count=1, parameters={"set": {"status": "dreaming"}})
        rest_and_cancel(caller)
        with pytest.raises(json.JSONDecodeError):
            json.loads(connection.recv(5))
        assert json.loads(connection.recv(5)) == {"stream": "trade_updates", "data": None}
        assert events(connection, 1)[0]["order"]["status"] == "dreaming"


EXECUTIONS = [
    ("duplicate_executions", ["pending_new", "new", "fill", "fill", "pending_new"]),
    ("dropped_executions", ["pending_new", "new", "pending_new", "new", "canceled"]),
    ("reordered_executions", ["pending_new", "new", "pending_new", "fill", "new"]),
]


@pytest.mark.parametrize(("kind", "expected"), EXECUTIONS)
def test_executions_that_go_astray(caller: Caller, kind: str, expected: list[str]) -> None:
    with stream(caller) as connection:
        caller.fault(kind, count=1)
        order = caller.order(qty=1).json()
        caller.advance(bars=1)
        assert caller.get(f"/v2/orders/{order['id']}")["status"] == "filled"
        rest_and_cancel(caller)
        assert [e["event"] for e in events(connection, 5)] == expected


def test_revoked_keys_end_the_streams(caller: Caller) -> None:
    with stream(caller) as connection:
        number = caller.fault("unauthorised")
        with pytest.raises(ConnectionClosed):
            connection.recv(5)
        assert statuses(caller, 1) == [401]
        caller.call("DELETE", f"/sim/faults?number={number}")
    wait_for(lambda: not caller.server.exchange.trade_stream.connected)


def test_every_kind_is_tried_here() -> None:
    """A kind that neither this file nor its neighbour names has not been seen to work."""
    files = (Path(__file__), Path(__file__).with_name("test_data_faults.py"))
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    assert [kind for kind in KINDS if f'"{kind}"' not in text] == []
