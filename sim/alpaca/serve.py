"""Running the server: in the foreground, or in a thread beside a test or a rehearsal."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

import uvicorn

from core.errors import InputError
from core.settings.scenario import Settings
from sim.alpaca.app import create_app
from sim.alpaca.exchange import Exchange, Options
from sim.alpaca.transport import SocketProtocol, http_protocol

HOST = "127.0.0.1"
START_PATIENCE = 30.0


def listening_socket(port: int) -> socket.socket:
    """A socket that listens on the loopback; port 0 takes any free one. Raises InputError."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError as error:
        sock.close()
        problem = f"cannot be listened on ({(error.strerror or str(error)).lower()})"
        raise InputError(f"--port {port}", problem, "Choose another port, or 0 for any free one.") from None
    return sock


def server_of(exchange: Exchange) -> uvicorn.Server:
    """A server for an exchange, not yet running."""

    def refusing() -> bool:
        return exchange.faults.standing("refuse", exchange.now) is not None

    config = uvicorn.Config(
        create_app(exchange),
        http=http_protocol(refusing),
        ws=SocketProtocol,
        ws_ping_interval=None,
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=2,
        access_log=False,
        log_level="error",
        server_header=False,
        date_header=False,
    )
    return uvicorn.Server(config)


class Running:
    """A server in a thread of its own: `with Running(settings) as server: ... server.url`."""

    def __init__(self, settings: Settings, options: Options | None = None, port: int = 0) -> None:
        """Raises InputError for data that cannot be used, or a port that is taken."""
        self._socket = listening_socket(port)
        self.port = int(self._socket.getsockname()[1])
        self.exchange = Exchange(settings, options or Options())
        self._server = server_of(self.exchange)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    @property
    def url(self) -> str:
        """The base URL of REST, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    @property
    def trade_stream_url(self) -> str:
        """The trading websocket."""
        return f"ws://{HOST}:{self.port}/stream"

    def data_stream_url(self, feed: str = "iex") -> str:
        """The data websocket of a feed."""
        return f"ws://{HOST}:{self.port}/v2/{feed}"

    def wait(self) -> None:
        """Stay until it ends, or somebody presses ctrl-c, which ends it."""
        with contextlib.suppress(KeyboardInterrupt):
            while self._thread.is_alive():
                self._thread.join(0.5)

    def __enter__(self) -> Self:
        self._thread.start()
        until = time.monotonic() + START_PATIENCE
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended before it had started"
            assert time.monotonic() < until, "the server did not start in time"
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()
        self.exchange.world.close()
