"""What both websockets share: one open connection, its codec, and sending that can be faulted.

The trading stream speaks JSON, by default in binary frames as Alpaca's paper service does; the data stream speaks JSON
in text frames or msgpack in binary ones, as the handshake's Content-Type asks. Times of msgpack are its Timestamp
extension, which alpaca-py demands.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgpack
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from sim.alpaca.text import SECOND, stamp
from sim.alpaca.transport import HANDLE, reset

MSGPACK = "application/msgpack"
SEND_PATIENCE = 10.0  # real seconds that a client may take to make room
ABRUPT = 1006  # no close frame at all


class Stamp(int):
    """A time in ns UTC within a message; each codec writes it in its own way."""


class Connection:
    """An accepted websocket; `binary` is the kind of its JSON frames."""

    def __init__(self, socket: WebSocket, binary: bool) -> None:
        self.socket = socket
        self.packed = socket.headers.get("content-type", "").startswith(MSGPACK)
        self.binary = binary or self.packed
        self.authorized = False
        self.sent = 0  # frames

    @property
    def open(self) -> bool:
        """Whether anything can still be sent."""
        return self.socket.application_state == WebSocketState.CONNECTED

    async def send(self, message: Any) -> None:
        """Send a message; a client that is gone or takes nothing in loses its connection."""
        await self.send_raw(encode(message, self.packed))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        if not self.open:
            return
        try:
            async with asyncio.timeout(SEND_PATIENCE):
                if self.binary:
                    await self.socket.send_bytes(data)
                else:
                    await self.socket.send_text(data.decode())
            self.sent += 1
        except TimeoutError:
            await self.drop(ABRUPT)
        except (WebSocketDisconnect, RuntimeError):
            return  # it closed while we were sending

    async def receive(self) -> Any:
        """The client's next message, None for one that cannot be read. Raises WebSocketDisconnect."""
        message = await self.socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        data = message.get("bytes") if message.get("bytes") is not None else message.get("text")
        return decode(data, self.packed)

    async def drop(self, code: int) -> None:
        """End the connection: with a close frame, or abruptly with code 1006."""
        if not self.open:
            return
        if code == ABRUPT:
            reset(self.socket.scope[HANDLE])
            self.socket.application_state = WebSocketState.DISCONNECTED
        else:
            await self.socket.close(code)


def encode(message: Any, packed: bool) -> bytes:
    """A message in its codec."""
    if packed:
        data: bytes = msgpack.packb(_timestamps(message))
        return data
    return json.dumps(_texts(message), separators=(",", ":")).encode()


def decode(data: str | bytes | None, packed: bool) -> Any:
    """What a client has sent: msgpack if the connection speaks it, else JSON, in text or in bytes; None if neither."""
    if isinstance(data, bytes) and packed:
        try:
            return msgpack.unpackb(data)
        except (ValueError, msgpack.UnpackException):
            pass  # alpaca-py's trading client announces nothing and sends JSON
    try:
        return json.loads(data or "")
    except ValueError:
        return None


def _texts(value: Any) -> Any:
    if isinstance(value, Stamp):
        return stamp(value)
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return {key: _texts(item) for key, item in value.items()} if isinstance(value, dict) else value


def _timestamps(value: Any) -> Any:
    if isinstance(value, Stamp):
        seconds, nanos = divmod(int(value), SECOND)
        return msgpack.Timestamp(seconds, nanos)
    if isinstance(value, list):
        return [_timestamps(item) for item in value]
    return {key: _timestamps(item) for key, item in value.items()} if isinstance(value, dict) else value
