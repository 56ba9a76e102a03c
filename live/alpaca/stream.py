"""A websocket that is kept open: connect, converse until the session is ready, hand on what comes, and start again.

How a connection ends that nobody closes: the other side falls silent. So the socket is pinged every ten seconds, and
one that does not answer within ten more is dropped. A server that answers pings and sends nothing cannot be told from
a quiet market here; the engine's silence breaker and the periodic reconciliation are there for it.

Between two attempts we wait by full jitter. The count starts again only when a session was ready and has lasted, so a
server that accepts and drops at once is not hammered. Where the handshake answers 429, our own dead session is still
open on the other side; that takes up to 90 seconds, and is asked for at the slow end of the backoff only. Wrong keys
are a matter for a person, and are tried once a minute.

Nothing is replayed after a gap. Whoever listens is told `ready` and `lost`, and reconciles.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException

from core.kernel.kinds import LaneFailure
from core.kernel.units import SECOND
from live.alpaca.messages import Update
from live.alpaca.session import Refusal, Session
from live.alpaca.wire import MAX_FRAME, Datum, WireError
from live.clock import Clock
from live.pace import Pace, RealPace
from live.pacing import Backoff

PING = 10.0  # seconds, and as many again for the answer
OPENING = 10.0  # seconds for a handshake, and for a session to become ready
LASTED = 30 * SECOND  # a session this old was a success
SLOW = 6  # backoff never starts below this for a refused handshake: up to 32 times its base
REAL = RealPace()
UNREADABLE = 20  # frames in a row that cannot be read before the connection is given up


class Listener(Protocol):
    """Who is told what happens on a stream. Called in the event loop's thread; may not block for long."""

    def ready(self) -> None:
        """Everything asked for is being sent."""

    def lost(self, failure: LaneFailure, detail: str) -> None:
        """Nothing is being sent any more; told once for each `ready`, and for each attempt that came to nothing."""

    def heard(self, news: Sequence[Update | Datum], received: int) -> None:
        """What a frame brought; `received` is wall time in ns UTC."""

    def unreadable(self, problem: str, received: int) -> None:
        """A frame that cannot be read: something has happened, and nobody knows what."""


class Stream:
    """One stream, open for as long as `run` runs."""

    def __init__(
        self,
        url: str,
        session: Callable[[], Session],
        listener: Listener,
        clock: Clock,
        backoff: Backoff,
        pace: Pace = REAL,
    ) -> None:
        self._url = url
        self._session = session
        self._listener = listener
        self._clock = clock
        self._backoff = backoff
        self._pace = pace
        self._attempt = 0
        self.open = False
        self.frames = 0  # that came on this connection; answers to us are among them

    async def run(self) -> None:
        """Keep the stream open until cancelled."""
        with self._pace.busy():
            while True:
                began = self._clock.monotonic()
                failure, detail = await self._converse()
                self.open = False
                self._listener.lost(failure, detail)
                if self._clock.monotonic() - began >= LASTED:
                    self._attempt = 0
                if failure in (LaneFailure.RATE_LIMIT, LaneFailure.UNAUTHORISED):
                    self._attempt = max(self._attempt, SLOW)
                await self._pace.sleep(self._backoff.delay(self._attempt))
                self._attempt += 1

    async def _converse(self) -> tuple[LaneFailure, str]:
        """One connection from its beginning to its end; says how it ended."""
        try:
            async with connect(
                self._url,
                open_timeout=OPENING,
                close_timeout=2.0,
                ping_interval=PING,
                ping_timeout=PING,
                max_size=MAX_FRAME,
                proxy=None if self._url.startswith("ws://") else True,
            ) as socket:
                self.open, self.frames = True, 0
                await self._listen(socket, self._session())
        except Refusal as refusal:
            return refusal.failure, str(refusal)
        except InvalidStatus as refused:
            return _handshake(refused.response.status_code)
        except TimeoutError:
            return LaneFailure.TIMEOUT, "no answer in time"
        except (OSError, WebSocketException) as error:
            return LaneFailure.CONNECTION, type(error).__name__
        return LaneFailure.CONNECTION, "closed"

    async def _listen(self, socket: ClientConnection, session: Session) -> None:
        if (opening := session.begin()) is not None:
            await socket.send(opening)
        async with asyncio.timeout(OPENING):
            while not session.ready:
                await self._frame(socket, session, await socket.recv())
        self._listener.ready()
        unreadable = 0
        with self._pace.resting():
            async for frame in socket:
                unreadable = 0 if await self._frame(socket, session, frame) else unreadable + 1
                if unreadable >= UNREADABLE:
                    raise Refusal(LaneFailure.UNPARSEABLE, "nothing on this stream can be read")

    async def _frame(self, socket: ClientConnection, session: Session, frame: bytes | str) -> bool:
        """Take one frame in; returns whether it could be read."""
        received = self._clock.now()
        self.frames += 1
        try:
            heard = session.hear(frame)
        except WireError as error:
            self._listener.unreadable(str(error), received)
            return False
        if heard.news:
            self._listener.heard(heard.news, received)
        if heard.say is not None:
            await socket.send(heard.say)
        return True


def _handshake(status: int) -> tuple[LaneFailure, str]:
    known = {401: LaneFailure.UNAUTHORISED, 403: LaneFailure.UNAUTHORISED, 429: LaneFailure.RATE_LIMIT}
    return known.get(status, LaneFailure.SERVER_ERROR), f"handshake answered {status}"
