"""The market data websocket, /v2/{feed}: login, subscriptions, and what the market does.

Bars come when their minute is over and seen; a day's bar follows after each minute; statuses come with halts and
resumptions; trades and quotes are those of the tape, a minute's worth at its end. LULD bands follow the mean price of
the last five minutes, 5 % either way, and are told when the reference has moved by a hundredth. Each endpoint takes
one connection; the next gets error 406 after its login.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from core.kernel.kinds import HaltKind, Phase
from sim.alpaca.faults.messages import Tampering
from sim.alpaca.faults.table import Case
from sim.alpaca.news import Halted, Minute
from sim.alpaca.sockets import Connection, Stamp
from sim.alpaca.tape import LOT, quote_body, trades_of
from sim.alpaca.text import number

if TYPE_CHECKING:
    from sim.alpaca.exchange import Exchange

CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")
FOLLOWING = ("corrections", "cancelErrors")  # they follow the trades
FEEDS = ("iex", "sip", "delayed_sip")
PATIENCE = 10.0  # real seconds for the login
BAND, REFERENCE_BARS, BAND_STEP = 0.05, 5, 0.01
ERRORS = {
    400: "invalid syntax",
    401: "not authenticated",
    402: "auth failed",
    403: "already authenticated",
    404: "auth timeout",
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    409: "insufficient subscription",
    410: "invalid subscribe action for this feed",
}
HALTS = {
    HaltKind.REGULATORY: ("H", "Trading Halt", "T1", "Halt News Pending"),
    HaltKind.LULD: ("P", "Volatility Trading Pause", "LUDP", "Volatility Trading Pause"),
    HaltKind.MARKET_WIDE: ("H", "Trading Halt", "MWC1", "Market Wide Circuit Breaker Halt Level 1"),
}


class Subscriber(Connection):
    """A connection with its subscriptions, a set of symbols (or "*") a channel."""

    def __init__(self, socket: WebSocket) -> None:
        super().__init__(socket, binary=False)
        self.wanted: dict[str, set[str]] = {channel: set() for channel in CHANNELS}
        self.tampering = Tampering()

    def wants(self, channel: str, symbol: str) -> bool:
        """Whether it has subscribed to this."""
        wanted = self.wanted[channel]
        return bool(wanted) and (symbol in wanted or "*" in wanted)

    @property
    def subscription(self) -> dict[str, Any]:
        """The message with the full current state."""
        state = {channel: sorted(symbols) for channel, symbols in self.wanted.items()}
        return {"T": "subscription", **state, **dict.fromkeys(FOLLOWING, state["trades"])}


class DataStream:
    """Every connection to the data stream, one an endpoint."""

    def __init__(self, exchange: Exchange, symbol_limit: int = 0) -> None:
        self._exchange = exchange
        self._symbol_limit = symbol_limit
        self._subscribers: dict[str, Subscriber] = {}
        self._days: dict[int, list[Any]] = {}
        self._closes: dict[int, deque[float]] = {}
        self._references: dict[int, float] = {}
        self._day = 0

    def subscribed(self, feed: str, channel: str) -> bool:
        """Whether somebody has subscribed to a channel of this endpoint."""
        subscriber = self._subscribers.get(feed)
        return subscriber is not None and bool(subscriber.wanted[channel])

    def sent(self) -> dict[str, int]:
        """Frames sent on each endpoint's connection that is open."""
        return {feed: subscriber.sent for feed, subscriber in self._subscribers.items() if subscriber.open}

    async def serve(self, socket: WebSocket, feed: str) -> None:
        """Serve one connection to its end."""
        await socket.accept()
        connection = Subscriber(socket)
        try:
            await connection.send([{"T": "success", "msg": "connected"}])
            if not await self._log_in(connection, feed):
                await connection.drop(1008)
                return
            while True:
                await self._answer(connection, await connection.receive())
        except WebSocketDisconnect:
            return
        finally:
            if self._subscribers.get(feed) is connection:
                del self._subscribers[feed]

    async def _log_in(self, connection: Subscriber, feed: str) -> bool:
        """Wait for the login, in the handshake's headers or in a message; False when there is none."""
        allowed = self._exchange.allows(dict(connection.socket.headers))
        try:
            async with asyncio.timeout(PATIENCE):
                while not allowed:
                    message = await connection.receive()
                    if not isinstance(message, dict):
                        await self._refuse(connection, 400)
                    elif message.get("action") != "auth":
                        await self._refuse(connection, 401)
                    else:
                        pair = {"apca-api-key-id": str(message.get("key"))}
                        allowed = self._exchange.allows(pair | {"apca-api-secret-key": str(message.get("secret"))})
                        if not allowed:
                            await self._refuse(connection, 402)
                            return False
        except TimeoutError:
            await self._refuse(connection, 404)
            return False
        return await self._admit(connection, feed)

    async def _admit(self, connection: Subscriber, feed: str) -> bool:
        """Give the endpoint to this connection, if nobody has it."""
        fault = self._exchange.faults.strike(Case("data_socket", path=f"/v2/{feed}"), self._exchange.now)
        if fault is not None and fault.kind == "refuse_data_socket":
            await connection.send([{"T": "error", "code": fault.parameters["code"], "msg": fault.parameters["msg"]}])
            return False
        if fault is not None:
            await connection.drop(fault.parameters["code"])
            return False
        holder = self._subscribers.get(feed)
        if (holder is not None and holder.open) or feed not in FEEDS:
            await self._refuse(connection, 406 if feed in FEEDS else 409)
            return False
        connection.authorized = True
        self._subscribers[feed] = connection
        await connection.send([{"T": "success", "msg": "authenticated"}])
        return True

    @staticmethod
    async def _refuse(connection: Subscriber, code: int) -> None:
        await connection.send([{"T": "error", "code": code, "msg": ERRORS[code]}])

    async def _answer(self, connection: Subscriber, message: Any) -> None:
        action = message.get("action") if isinstance(message, dict) else None
        if action == "auth":
            await self._refuse(connection, 403)
        elif action not in ("subscribe", "unsubscribe"):
            await self._refuse(connection, 400)
        else:
            lists = {channel: message.get(channel) or [] for channel in CHANNELS}
            if not all(isinstance(wanted, list) for wanted in lists.values()):
                await self._refuse(connection, 400)
                return
            new = {
                channel: connection.wanted[channel] | {str(s) for s in wanted}
                if action == "subscribe"
                else connection.wanted[channel] - {str(s) for s in wanted}
                for channel, wanted in lists.items()
            }
            if self._symbol_limit and len(set().union(*new.values())) > self._symbol_limit:
                await self._refuse(connection, 405)
                return
            connection.wanted = new
            await connection.send([connection.subscription])

    # -- what the market does -----------------------------------------------------------------------------------------

    async def publish(self, market: list[Minute | Halted]) -> None:
        """Tell every subscriber what it wants to know."""
        for news in market:
            messages = self._minute(news) if isinstance(news, Minute) else [self._status(news)]
            for subscriber in list(self._subscribers.values()):
                await self._send(subscriber, messages)

    async def _send(self, subscriber: Subscriber, messages: list[tuple[str, dict[str, Any]]]) -> None:
        wanted = [message for channel, message in messages if subscriber.wants(channel, message["S"])]
        if not wanted or not subscriber.open:
            return
        kept = subscriber.tampering.overdue()
        for message in wanted:
            case = Case("data", channel=message["T"], symbol=message["S"])
            fault = self._exchange.faults.strike(case, self._exchange.now)
            if fault is None:
                kept += subscriber.tampering.untouched(message)
            elif fault.kind == "data_socket_drop":
                await subscriber.drop(fault.parameters["code"])
                return
            elif fault.kind == "malformed_data":
                await subscriber.send_raw(b'[{"T":"b","S":')
            else:
                kept += subscriber.tampering.struck(fault, message)
        if kept:
            await subscriber.send(kept)

    def _minute(self, minute: Minute) -> list[tuple[str, dict[str, Any]]]:
        """Every message of a minute, each with its channel."""
        if not any(subscriber.open for subscriber in self._subscribers.values()):
            wanted = dict.fromkeys(CHANNELS, False)
        else:
            wanted = {c: any(s.wanted[c] for s in self._subscribers.values()) for c in CHANNELS}
        symbols, found = self._exchange.broker.symbols, []
        for bar in minute.bars:
            s = int(bar["symbol"])
            name = symbols[s]
            if wanted["trades"] or wanted["quotes"]:
                found += self._prints(s, name, minute.start)
            if wanted["bars"]:
                found.append(("bars", {"T": "b", "S": name, **_bar(bar), "t": Stamp(minute.start)}))
            self._follow_day(s, bar, minute)
            if wanted["dailyBars"] and s in self._days:
                found.append(("dailyBars", self._day_bar(s, name)))
            if minute.phase == Phase.REGULAR:
                found += self._band(s, name, bar, minute.visible)
        return found

    def _prints(self, s: int, name: str, start: int) -> list[tuple[str, dict[str, Any]]]:
        tape = self._exchange.tape
        rows = tape.bars(s, start, start)
        if not len(rows):
            return []
        prints = [
            ("trades", {"T": "t", "S": name, **body, "t": Stamp(t)}) for t, body in trades_of(rows, 0, tape.bar_length)
        ]
        half, close, end = self._exchange.broker.world.half_spread(), float(rows.close[0]), start + tape.bar_length - 1
        quote = quote_body(end, close * (1 - half), close * (1 + half))
        return [*prints, ("quotes", {"T": "q", "S": name, **quote, "t": Stamp(end)})]

    def _follow_day(self, s: int, bar: Any, minute: Minute) -> None:
        """Take a bar into its day's, regular hours only."""
        day = int(self._exchange.broker.world.session["date"])
        if day != self._day:
            self._day, self._days, self._references = day, {}, {}
        if minute.phase != Phase.REGULAR:
            return
        o, h, low, c, v = (number(bar[name]) for name in ("amount", "target", "stop", "price", "qty"))
        kept = self._days.get(s)
        self._days[s] = (
            [o, h, low, c, v] if kept is None else [kept[0], max(kept[1], h), min(kept[2], low), c, kept[4] + v]
        )

    def _day_bar(self, s: int, name: str) -> dict[str, Any]:
        o, h, low, c, v = self._days[s]
        midnight = Stamp(self._exchange.midnight())
        mean = round((o + h + low + c) / 4, 6)
        body = {"o": o, "h": h, "l": low, "c": c, "v": int(v), "n": max(int(v) // LOT, 1), "vw": mean}
        return {"T": "d", "S": name, **body, "t": midnight}

    def _band(self, s: int, name: str, bar: Any, time: int) -> list[tuple[str, dict[str, Any]]]:
        closes = self._closes.setdefault(s, deque(maxlen=REFERENCE_BARS))
        closes.append(number(bar["price"]))
        reference = sum(closes) / len(closes)
        known = self._references.get(s)
        if known is not None and abs(reference / known - 1) < BAND_STEP:
            return []
        self._references[s] = reference
        up, down = round(reference * (1 + BAND), 2), round(reference * (1 - BAND), 2)
        return [("lulds", {"T": "l", "S": name, "u": up, "d": down, "i": "B", "t": Stamp(time), "z": "C"})]

    def _status(self, news: Halted) -> tuple[str, dict[str, Any]]:
        code = HALTS[HaltKind(news.kind)] if news.halted else ("T", "Trading Resumption", "R4", "Qualifications Met")
        body = dict(zip(("sc", "sm", "rc", "rm"), code, strict=True))
        name = self._exchange.broker.symbols[news.symbol]
        return "statuses", {"T": "s", "S": name, **body, "t": Stamp(news.time), "z": "C"}

    async def enforce(self) -> None:
        """End the connections when a fault says that the feed is lost, or that the keys are revoked."""
        now, faults = self._exchange.now, self._exchange.faults
        lost = faults.standing("feed_down", now)
        code = lost.parameters["code"] if lost is not None else 1008
        if lost is not None or faults.standing("unauthorised", now) is not None:
            for subscriber in list(self._subscribers.values()):
                await subscriber.drop(code)


def _bar(bar: Any) -> dict[str, Any]:
    """The numbers of an EVENT row of a bar."""
    o, h, low, c = (number(bar[name]) for name in ("amount", "target", "stop", "price"))
    volume = int(bar["qty"]) // 1_000_000
    return {
        "o": o,
        "h": h,
        "l": low,
        "c": c,
        "v": volume,
        "n": max(volume // LOT, 1),
        "vw": round((o + h + low + c) / 4, 6),
    }
