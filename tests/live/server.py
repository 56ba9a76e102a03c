"""The scripted exchange on real sockets: its REST routes over HTTP, and its trading stream over a websocket."""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import ServerConnection, serve

from tests.live.exchange import Exchange


class HttpServer:
    """REST on loopback, in threads; `status` and `body` answer everything while they are set."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.status = 0
        self.body = b""
        self.headers: list[dict[str, str]] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                status, body = outer._handle(self)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Request-ID", "0" * 32)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = answer  # noqa: N815

            def log_message(self, *args: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def _handle(self, request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        parts = urlsplit(request.path)
        with self._lock:
            self.headers.append(dict(request.headers))
            if self.status:
                return self.status, self.body
            query = dict(parse_qsl(parts.query))
            status, answer = self.exchange.handle(
                request.command, parts.path, query, json.loads(body) if body else None
            )
        return status, b"" if answer is None else json.dumps(answer).encode()


class TradingSocket:
    """The trading stream: Alpaca's conversation, then whatever frames the exchange has. `mood` spoils it."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.mood = ""
        self.connections = 0
        self.said: list[dict[str, Any]] = []
        self._sockets: set[ServerConnection] = set()

    async def __aenter__(self) -> TradingSocket:
        self._server = await serve(self._converse, "127.0.0.1", 0, process_request=self._handshake)
        self.port: int = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *args: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def drop(self) -> None:
        """Break every connection without a word."""
        for socket in self._sockets:
            socket.transport.abort()

    def _handshake(self, connection: ServerConnection, request: Any) -> Any:
        self.connections += 1
        return connection.respond(int(self.mood), "no\n") if self.mood.isdigit() else None

    async def _converse(self, socket: ServerConnection) -> None:
        self._sockets.add(socket)
        try:
            async for frame in socket:
                message = json.loads(frame)
                self.said.append(message)
                for answer in self._answers(message):
                    await socket.send(answer)
                if message["action"] == "listen" and self.mood != "deaf":
                    await self._tell(socket)
        finally:
            self._sockets.discard(socket)

    def _answers(self, message: dict[str, Any]) -> list[bytes]:
        if message["action"] == "authenticate":
            status = "unauthorized" if self.mood == "unauthorized" else "authorized"
            data = {"status": status, "action": "authenticate"}
            return [] if self.mood == "silent" else [json.dumps({"stream": "authorization", "data": data}).encode()]
        streams = [] if self.mood == "deaf" else message["data"]["streams"]
        return [json.dumps({"stream": "listening", "data": {"streams": streams}}).encode()]

    async def _tell(self, socket: ServerConnection) -> None:
        while socket.close_code is None:
            while self.exchange.frames:
                await socket.send(self.exchange.frames.pop(0).encode())
            await asyncio.sleep(0.005)
