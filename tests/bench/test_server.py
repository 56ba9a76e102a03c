"""How many requests one client gets answered: orders sent and cancelled over one connection.

    pytest tests/bench/test_server.py --benchmark-enable -n 0

The client is alpaca-py's own transport, `requests`, or bare sockets, which cost next to nothing; the difference is the
client's. Client and server share the machine's cores.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import requests

ORDER = {"symbol": "ALFA", "qty": 1, "side": "buy", "type": "limit", "limit_price": 10, "time_in_force": "day"}
PAIRS = 100
Call = Callable[[str, str, Any], tuple[int, bytes]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server in a process of its own."""
    quiet = ("data.end=2025-11-10", "venue.submit_latency=0ms", "venue.cancel_latency=0ms")
    options = ["breakout-4w", "--port", "0", "--rate-limit", "0", "--json", *(f"--set={change}" for change in quiet)]
    command = [sys.executable, "-c", "from seatrial.cli import main; main()", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = "".join(iter(process.stdout.readline, "}\n")) + "}"
        place: str = json.loads(text)["rest"]
        requests.post(place + "/sim/advance", json={"until": "2025-11-10T15:00:00Z"}, timeout=60)
        yield place
        process.send_signal(signal.SIGINT)


@contextmanager
def by_requests(url: str) -> Iterator[Call]:
    session = requests.Session()
    session.headers.update({"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"})

    def call(method: str, path: str, body: Any) -> tuple[int, bytes]:
        answer = session.request(method, url + path, json=body, timeout=60)
        return answer.status_code, answer.content

    yield call
    session.close()


@contextmanager
def by_socket(url: str) -> Iterator[Call]:
    line = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1])))
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
def test_order_round_trips(benchmark, url: str, client: Callable[[str], AbstractContextManager[Call]]) -> None:
    """PAIRS orders and their cancels; divide by 2 * PAIRS for a round trip."""
    with client(url) as call:

        def trade() -> None:
            for _ in range(PAIRS):
                status, body = call("POST", "/v2/orders", ORDER)
                assert status == 200
                status, _ = call("DELETE", f"/v2/orders/{json.loads(body)['id']}", None)
                assert status == 204
            call("POST", "/sim/advance", {"bars": 1})

        benchmark(trade)
        assert call("GET", "/v2/orders", None) == (200, b"[]")
