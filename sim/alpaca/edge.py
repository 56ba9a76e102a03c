"""The outermost layer: request ids, faults, keys, the rate limit, taking turns, and the journal of requests.

It reads a request whole, decides what becomes of it, lets the routes answer when its turn has come, and sends the
answer in the way that a fault may want. Routes below it know nothing of all that. The control plane passes untouched,
but for the turn, so that whatever is broken can be mended.
"""

from __future__ import annotations

import asyncio
import json
import logging
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sim.alpaca.errors import TOO_MANY, unauthorized
from sim.alpaca.exchange import Exchange
from sim.alpaca.faults.actions import ACTIONS, Action, Reply, html_page, json_reply
from sim.alpaca.faults.table import Case
from sim.alpaca.identity import drawn_uuid
from sim.alpaca.text import stamp
from sim.alpaca.transport import HANDLE, reset

CONTROL = ("/sim", "/docs", "/openapi.json")
PAGES = ("/v2/clock", "/v2/calendar")  # without credentials these answer with a gateway's page
CHALLENGE = [(b"www-authenticate", b'Bearer realm="alpaca", Basic realm="alpaca"')]
NO_CHANGE = Action()
LOG = logging.getLogger("seatrial.server")


@dataclass(slots=True)
class _Answer:
    """What the routes have said."""

    status: int = 500
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    @classmethod
    def of(cls, reply: Reply) -> _Answer:
        return cls(reply.status, [(b"content-type", reply.kind)], reply.body)


class Edge:
    """ASGI middleware around the routes of one exchange."""

    def __init__(self, app: ASGIApp, exchange: Exchange) -> None:
        self._app = app
        self._exchange = exchange
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; sockets and the server's own messages pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].startswith(CONTROL):
            async with self._exchange.turn:
                await self._exchange.settle()
                await self._app(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._count += 1
        number = self._count
        body = await _whole_body(receive)
        exchange = self._exchange
        async with exchange.turn:
            await exchange.settle()
            case = _case_of(scope, body)
            fault = exchange.faults.strike(case, exchange.now)
            action = ACTIONS[fault.kind](fault.parameters) if fault is not None else NO_CHANGE
            answer = _Answer()
            if action.apply:
                answer = await self._carry_out(scope, body)
                await exchange.settle()
            if action.reply is not None:
                answer = _Answer.of(action.reply)
            headers = self._headers(number, scope["path"], answer, action)
            self._note(case, body, answer, fault.kind if fault is not None else None)
        if action.change is not None:
            answer.body = action.change(answer.body)
        await _send(answer, headers, action, scope, receive, send)

    async def _carry_out(self, scope: Scope, body: bytes) -> _Answer:
        """Keys, rate limit, and then the routes."""
        exchange = self._exchange
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        if not exchange.allows(headers):
            bare = not {"apca-api-key-id", "authorization"} & headers.keys()
            if bare and scope["path"] in PAGES:
                return _Answer.of(html_page(401))
            answer = _Answer.of(json_reply(401, unauthorized().body))
            answer.headers += CHALLENGE
            return answer
        if not exchange.buckets[_family(scope["path"])].take(exchange.now):
            return _Answer.of(json_reply(429, {"code": TOO_MANY, "message": "too many requests"}))
        answer = _Answer()
        given = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def again() -> Message:
            return next(given, {"type": "http.disconnect"})

        try:
            await self._app(scope, again, answer.take)
        except Exception:
            if not answer.body:
                raise
            LOG.exception("%s %s failed", scope["method"], scope["path"])  # the client gets the 500 that was written
        return answer

    def _headers(self, number: int, path: str, answer: _Answer, action: Action) -> list[tuple[bytes, bytes]]:
        """The answer's headers, with request id, rate limit and the length of the body."""
        exchange = self._exchange
        own = [(name, value) for name, value in answer.headers if name.lower() != b"content-length"]
        identity = drawn_uuid("request", exchange.settings.seed, number).replace("-", "")
        own.append((b"x-request-id", identity.encode()))
        if action.rate_headers:
            own += exchange.buckets[_family(path)].headers(exchange.now)
        return own

    def _note(self, case: Case, body: bytes, answer: _Answer, fault: str | None) -> None:
        """One row of the journal: the request and what became of it."""
        entry: dict[str, Any] = {
            "time": stamp(self._exchange.now),
            "method": case.method,
            "path": case.path,
            "status": answer.status,
            "fault": fault,
        }
        if case.client_order_id:
            entry["client_order_id"] = case.client_order_id
        if answer.status >= 400:
            entry["answer"] = answer.body.decode(errors="replace")[:500]
        self._exchange.broker.journal.append(entry)


def _family(path: str) -> str:
    return "data" if path.startswith("/v2/stocks") else "trading"


def _case_of(scope: Scope, body: bytes) -> Case:
    """What a fault may look at."""
    symbol = client_order_id = ""
    if body and scope["method"] in ("POST", "PATCH"):
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if isinstance(document, dict):
            symbol, client_order_id = str(document.get("symbol", "")), str(document.get("client_order_id", ""))
    return Case("rest", scope["method"], scope["path"], symbol=symbol, client_order_id=client_order_id)


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts)


async def _send(
    answer: _Answer,
    headers: list[tuple[bytes, bytes]],
    action: Action,
    scope: Scope,
    receive: Receive,
    send: Send,
) -> None:
    """Send an answer, or what an action makes of it."""
    if action.delay:
        await asyncio.sleep(action.delay)
    if action.ending == "reset":
        reset(scope[HANDLE])
        return
    if action.ending == "hang":
        await _wait_for_end(receive, action.amount)
        reset(scope[HANDLE])
        return
    if answer.status != 204:
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if action.ending == "trickle":
        for i in range(len(answer.body)):
            await send({"type": "http.response.body", "body": answer.body[i : i + 1], "more_body": True})
            await asyncio.sleep(1 / action.amount)
        await send({"type": "http.response.body", "body": b""})
    elif action.ending == "truncate" and len(answer.body) > action.amount:
        await send({"type": "http.response.body", "body": answer.body[: int(action.amount)], "more_body": True})
        scope[HANDLE].close()
    else:
        await send({"type": "http.response.body", "body": answer.body})


async def _wait_for_end(receive: Receive, seconds: float) -> None:
    """Wait until the client gives up, or so many real seconds."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return
