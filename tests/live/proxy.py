"""A TCP proxy that does to a connection what networks do, one toxic at a time.

It stands between a client and a server on loopback, in threads of its own. Names follow toxiproxy where it has them. A
toxic applies to the answers (downstream) unless it says otherwise. `requests` counts what has reached the server whole,
so a test knows whether a request had an effect before its answer was lost.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

LINGER = struct.pack("ii", 1, 0)  # close with RST
TOXICS = (
    "latency",  # the answer comes late, and in time
    "too_late",  # the answer comes after the deadline
    "refuse",  # nothing listens
    "reset_before",  # RST before a byte of the request is read
    "reset_after",  # RST when the server has the request
    "drop_request",  # the request vanishes, the connection stays
    "reply_lost",  # the server has acted, the connection stays, and nothing comes
    "cut_head",  # closed within the headers
    "cut_body",  # closed within the body
    "drip",  # one byte at a time, for ever
    "half_open",  # the answer stops in the middle, the connection stays
    "twice",  # the answer comes twice on one connection
)


class Proxy:
    """Listens on `port` and passes on to `upstream`; `toxic` may be changed at any time, for new connections."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.toxic = ""
        self.delay = 0.1  # seconds, of "latency"
        self.whole = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._ended = threading.Event()
        self._threads = [self._start(self._accept)]

    def close(self) -> None:
        """End everything, and wait for it."""
        self._ended.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in self._open:
            connection.close()

    def _start(self, target: object, *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        thread.start()
        return thread

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            self._threads.append(self._start(self._serve, client, self.toxic))

    def _serve(self, client: socket.socket, toxic: str) -> None:
        if toxic in ("reset_before", "refuse"):
            return self._reset(client)
        with suppress(OSError):
            while request := _read(client):
                if toxic == "drop_request":
                    self._ended.wait()
                    return None
                with socket.create_connection(("127.0.0.1", self.upstream)) as server:
                    server.sendall(request)
                    self.whole += 1
                    answer = _read(server)
                self._answer(client, toxic, answer)
                if toxic:
                    return None
        return None

    def _answer(self, client: socket.socket, toxic: str, answer: bytes) -> None:
        head = answer.index(b"\r\n\r\n") + 4
        middle = (head + len(answer)) // 2 if len(answer) > head else head - 4
        if toxic == "reset_after":
            return self._reset(client)
        if toxic in ("too_late", "reply_lost"):
            self._ended.wait(None if toxic == "reply_lost" else 3.0)
        if toxic == "latency":
            time.sleep(self.delay)
        if toxic == "drip":
            for byte in answer:
                client.sendall(bytes([byte]))
                if self._ended.wait(0.2):
                    break
            return None
        parts = {
            "cut_head": answer[:20],
            "cut_body": answer[:middle],
            "half_open": answer[:middle],
            "twice": answer * 2,
        }
        if toxic != "reply_lost":
            client.sendall(parts.get(toxic, answer))
        if toxic == "half_open":
            self._ended.wait()
        if toxic in ("cut_head", "cut_body"):
            client.shutdown(socket.SHUT_RDWR)
        return None

    def _reset(self, client: socket.socket) -> None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        client.close()


@contextmanager
def closed_port() -> Iterator[int]:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    yield port


def _read(connection: socket.socket) -> bytes:
    """One HTTP message with a Content-Length, or nothing at the end."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return b""
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = 0
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
