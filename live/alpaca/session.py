"""The two conversations that open a stream, without the sockets: what is said when, and what has come of it.

    trading   we say `authenticate`, the server `authorized`; we say `listen`, the server which streams it listens to
    data      the server says `connected`, we `auth`, the server `authenticated`; we `subscribe`, and it repeats all
              that we are subscribed to

A session is `ready` only when the last answer holds everything that was asked for: being connected, or authorised and
not listening, is not enough. Every frame goes through `hear`, which returns what it brought and what is to be said
next. A frame that cannot be read raises WireError and leaves the session as it was; whether that ends it is the
caller's to say. Refusals end it by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from core.kernel.kinds import LaneFailure
from live.alpaca import wire
from live.alpaca.endpoint import Keys
from live.alpaca.messages import Update
from live.alpaca.wire import Control, Datum, Failure, Subscription, Success

UNAUTHORISED = frozenset({401, 402, 409, 411})  # data stream: only a person can change these
BUSY = 406  # another connection is open, or the server has not yet noticed that it is not


class Refusal(Exception):  # noqa: N818 - it is one, of the server's
    """The server does not want this session."""

    def __init__(self, failure: LaneFailure, message: str) -> None:
        super().__init__(message[:200])
        self.failure = failure


class Heard(NamedTuple):
    """What a frame brought, and what to say in answer."""

    news: Sequence[Update | Datum] = ()
    say: str | None = None


class Session(Protocol):
    """A conversation on one socket."""

    @property
    def ready(self) -> bool:
        """Whether everything asked for is being sent."""

    def begin(self) -> str | None:
        """What to say before the server has said anything."""

    def hear(self, frame: bytes | str) -> Heard:
        """Take a frame in. Raises WireError or Refusal."""


class TradingSession:
    """The trading stream."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._listening = False

    @property
    def ready(self) -> bool:
        """Whether order news is being sent."""
        return self._listening

    def begin(self) -> str | None:
        """The key, first of all."""
        data = {"key_id": self._keys.key.reveal(), "secret_key": self._keys.secret.reveal()}
        return wire.encode({"action": "authenticate", "data": data})

    def hear(self, frame: bytes | str) -> Heard:
        """An answer to us, or order news."""
        message = wire.parse_trading(frame)
        if isinstance(message, Update):
            return Heard((message,))
        return self._answer(message)

    def _answer(self, control: Control) -> Heard:
        if control.status == "unauthorized":
            raise Refusal(LaneFailure.UNAUTHORISED, "the trading stream does not accept the key")
        if control.error_message:
            raise Refusal(LaneFailure.SERVER_ERROR, control.error_message)
        if control.status == "authorized":
            return Heard(say=wire.encode({"action": "listen", "data": {"streams": ["trade_updates"]}}))
        if control.streams is not None:
            self._listening = "trade_updates" in control.streams
            if not self._listening:
                raise Refusal(LaneFailure.SERVER_ERROR, "the trading stream does not listen to trade_updates")
        return Heard()


class DataSession:
    """The market data stream: bars with their revisions, quotes, statuses and price bands of some symbols."""

    def __init__(self, keys: Keys, symbols: Sequence[str], quotes: bool) -> None:
        self._keys = keys
        every = list(symbols)
        self._wanted: dict[str, list[str]] = {"bars": every, "updatedBars": every, "statuses": every, "lulds": every}
        if quotes:
            self._wanted["quotes"] = every
        self._subscribed = False

    @property
    def ready(self) -> bool:
        """Whether all of it is subscribed to."""
        return self._subscribed

    def begin(self) -> str | None:
        """Nothing: the server speaks first."""
        return None

    def hear(self, frame: bytes | str) -> Heard:
        """Answers to us, or market data."""
        news, say = [], None
        for item in wire.parse_data(frame):
            if isinstance(item, Success | Subscription | Failure):
                say = self._answer(item) or say
            else:
                news.append(item)
        return Heard(news, say)

    def _answer(self, item: Success | Subscription | Failure) -> str | None:
        if isinstance(item, Failure):
            raise Refusal(_failure(item.code), f"{item.code} {item.msg}")
        if isinstance(item, Subscription):
            self._subscribed = all(set(symbols) <= self._held(item, name) for name, symbols in self._wanted.items())
            return None
        if item.msg == "connected":
            key, secret = self._keys.key.reveal(), self._keys.secret.reveal()
            return wire.encode({"action": "auth", "key": key, "secret": secret})
        if item.msg == "authenticated":
            return wire.encode({"action": "subscribe", **self._wanted})
        return None

    def _held(self, item: Subscription, name: str) -> set[str]:
        held: list[str] = getattr(item, name)
        return set(self._wanted[name]) if "*" in held else set(held)


def _failure(code: int) -> LaneFailure:
    if code in UNAUTHORISED:
        return LaneFailure.UNAUTHORISED
    return LaneFailure.RATE_LIMIT if code == BUSY else LaneFailure.SERVER_ERROR
