"""How many requests one client gets answered: orders sent and cancelled over one connection.

    pytest tests/bench/test_server.py --benchmark-enable

The client is alpaca-py's own transport, `requests`, or bare sockets, which cost next to nothing; the difference is the
client's. Client and server share the machine's cores.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from typing import Any

import pytest
import requests

from core.config import load_settings
from sim.alpaca.exchange import Options
from sim.alpaca.serve import Running

ORDER = {"symbol": "ALFA", "qty": 1, "side": "buy", "type": "limit", "limit_price": 10, "time_in_force": "day"}
PAIRS = 100
Call = Callable[[str, str, Any], tuple[int, bytes]]


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    quiet = {"data.end": date(2025, 11, 10), "venue.submit_latency": "0ms", "venue.cancel_latency": "0ms"}
    with Running(load_settings("breakout-4w", quiet), Options(rate_limit=0)) as running:
        requests.post(running.url + "/sim/advance", json={"until": "2025-11-10T15:00:00Z"}, timeout=60)
        yield running


@contextmanager
def by_requests(server: Running) -> Iterator[Call]:
    session = requests.Session()
    session.headers.update({"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"})

    def call(method: str, path: str, body: Any) -> tuple[int, bytes]:
        answer = session.request(method, server.url + path, json=body, timeout=60)
        return answer.status_code, answer.content

    yield call
    session.close()


@contextmanager
def by_socket(server: Running) -> Iterator[Call]:
    line = socket.create_connection(("127.0.0.1", server.port))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    keys = "APCA-API-KEY-ID: key\r\nAPCA-API-SECRET-KEY: secret\r\n"

    def call(method: str, path: str, body: Any) -> tuple[int, bytes]:
        content = json.dumps(body).encode() if body is not None else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\n{keys}Content-Length: {len(content)}\r\n\r\n"
        line.sendall(head.encode() + content)
        got = b""
        while b"\r\n\r\n" not in got:
            got += line.recv(65_536)
        lines, _, rest = got.partition(b"\r\n\r\n")
        length = next((int(x[15:]) for x in lines.lower().split(b"\r\n") if x.startswith(b"content-length:")), 0)
        while len(rest) < length:
            rest += line.recv(65_536)
        return int(lines.split()[1]), rest

    yield call
    line.close()


@pytest.mark.parametrize("client", [by_requests, by_socket])
def test_order_round_trips(
    benchmark, server: Running, client: Callable[[Running], AbstractContextManager[Call]]
) -> None:
    """PAIRS orders and their cancels; divide by 2 * PAIRS for a round trip."""
    with client(server) as call:

        def trade() -> None:
            for _ in range(PAIRS):
                status, body = call("POST", "/v2/orders", ORDER)
                assert status == 200
                status, _ = call("DELETE", f"/v2/orders/{json.loads(body)['id']}", None)
                assert status == 204
            call("POST", "/sim/advance", {"bars": 1})

        benchmark(trade)
    assert server.exchange.broker.live == []
