"""The trading websocket, /stream: login, the list of streams, and trade_updates.

One connection an account: the next handshake is refused with 429 until the first one has ended. Nothing is replayed,
and what happens while nobody listens is gone, as at Alpaca.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from sim.alpaca.faults.actions import change_document
from sim.alpaca.faults.table import Case
from sim.alpaca.sockets import Connection, encode

if TYPE_CHECKING:
    from sim.alpaca.exchange import Exchange

STREAMS = ("trade_updates",)


class TradeStream:
    """The account's one connection to the trading stream."""

    def __init__(self, exchange: Exchange, binary: bool = True) -> None:
        self._exchange = exchange
        self._binary = binary
        self._connection: Connection | None = None
        self._listening: list[str] = []
        self._held: bytes | None = None

    @property
    def connected(self) -> bool:
        """Whether somebody is connected."""
        return self._connection is not None

    @property
    def sent(self) -> int | None:
        """Frames sent on the connection that is open; None when there is none."""
        connection = self._connection
        return connection.sent if connection is not None and connection.open else None

    @property
    def listening(self) -> bool:
        """Whether somebody is connected and listens."""
        return bool(self._listening)

    async def serve(self, socket: WebSocket) -> None:
        """Serve one connection to its end."""
        refused = self._refusal()
        if refused:
            await socket.send_denial_response(Response("too many requests" if refused == 429 else "", refused))
            return
        connection = self._connection = Connection(socket, self._binary)
        try:
            await socket.accept()
            while True:
                await self._answer(connection, await connection.receive())
        except WebSocketDisconnect:
            return
        finally:
            if self._connection is connection:
                self._connection, self._listening, self._held = None, [], None

    def _refusal(self) -> int:
        """The status that a handshake is refused with now, or 0."""
        if self._connection is not None and self._connection.open:
            return 429
        fault = self._exchange.faults.strike(Case("trade_socket", path="/stream"), self._exchange.now)
        return int(fault.parameters["status"]) if fault is not None else 0

    async def _answer(self, connection: Connection, message: Any) -> None:
        if not isinstance(message, dict):
            text = "invalid syntax"
            await connection.send({"action": "error", "data": {"error_message": text}})
            return
        action, data = message.get("action"), message.get("data")
        if action in ("authenticate", "auth"):
            await self._log_in(connection, message, data if isinstance(data, dict) else {})
        elif action == "listen":
            await self._listen(connection, data if isinstance(data, dict) else {})
        else:
            await connection.send({"action": "error", "data": {"error_message": f"unknown action {action!r}"}})

    async def _log_in(self, connection: Connection, message: dict[str, Any], data: dict[str, Any]) -> None:
        key, secret = data.get("key_id", message.get("key")), data.get("secret_key", message.get("secret"))
        if isinstance(data.get("oauth_token"), str):
            connection.authorized = self._exchange.allows({"authorization": f"Bearer {data['oauth_token']}"})
        else:
            pair = {"apca-api-key-id": str(key), "apca-api-secret-key": str(secret)}
            connection.authorized = self._exchange.allows(pair)
        status = "authorized" if connection.authorized else "unauthorized"
        await connection.send({"stream": "authorization", "data": {"status": status, "action": "authenticate"}})

    async def _listen(self, connection: Connection, data: dict[str, Any]) -> None:
        if not connection.authorized:
            await connection.send({"stream": "authorization", "data": {"status": "unauthorized", "action": "listen"}})
            return
        wanted = data.get("streams")
        self._listening = [name for name in wanted or () if name in STREAMS] if isinstance(wanted, list) else []
        await connection.send({"stream": "listening", "data": {"streams": self._listening}})

    async def publish(self, frames: list[dict[str, Any]]) -> None:
        """Send frames to whoever listens."""
        connection = self._connection
        if connection is None or not self._listening:
            return
        for frame in frames:
            if not connection.open:
                return
            await self._publish(connection, frame)

    async def _publish(self, connection: Connection, frame: dict[str, Any]) -> None:
        """One frame, with whatever fault strikes it."""
        data = frame["data"]
        order = data["order"]
        case = Case(
            "trade",
            path="/stream",
            event=data["event"],
            symbol=order["symbol"],
            client_order_id=order["client_order_id"],
        )
        fault = self._exchange.faults.strike(case, self._exchange.now)
        kind = fault.kind if fault is not None else ""
        parameters = fault.parameters if fault is not None else {}
        if kind == "socket_drop":
            await connection.drop(parameters["code"])
            return
        if kind in ("stream_mute", "dropped_executions"):
            return
        raw = encode(frame, connection.packed)
        if kind == "malformed_frame":
            raw = str(parameters["text"]).encode()
        elif kind == "null_frame":
            raw = encode(frame | {"data": None}, connection.packed)
        elif kind == "changed_frame":
            raw = encode(frame | {"data": data | {"order": change_document(parameters, order)}}, connection.packed)
        if kind == "reordered_executions" and self._held is None:
            self._held = raw
            return
        await connection.send_raw(raw)
        if kind == "duplicate_executions":
            await connection.send_raw(raw)
        if self._held is not None:
            await connection.send_raw(self._held)
            self._held = None

    async def drop(self) -> None:
        """End the connection, which may be made again at once."""
        if self._connection is not None:
            await self._connection.drop(1006)

    async def enforce(self) -> None:
        """End the connection when a fault says that the stream is lost, or that the keys are revoked."""
        now, faults = self._exchange.now, self._exchange.faults
        if self._connection is None:
            return
        lost = faults.standing("stream_down", now)
        if lost is not None:
            await self._connection.drop(lost.parameters["code"])
        elif faults.standing("unauthorised", now) is not None:
            await self._connection.drop(1008)
