"""The server's connections, with a handle for breaking them: what no ASGI application can do by itself.

A reset needs the socket: lingering is switched off, so that closing sends RST and not FIN.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HANDLE = "seatrial.transport"


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once, by RST."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def http_protocol(refusing: Callable[[], bool]) -> type[HttpToolsProtocol]:
    """A protocol class that hands its transport to the application, and resets connections while `refusing`."""

    class Protocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if refusing():
                reset(transport)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            scope: dict[str, Any] = self.scope  # type: ignore[assignment]
            scope[HANDLE] = self.transport

    return Protocol


class SocketProtocol(WebSocketsSansIOProtocol):
    """A websocket protocol that hands its transport to the application."""

    async def run_asgi(self) -> None:
        """Run the application with the handle in its scope."""
        scope: dict[str, Any] = self.scope  # type: ignore[assignment]
        scope[HANDLE] = self.transport
        await super().run_asgi()
