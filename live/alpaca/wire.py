"""Alpaca's bytes as typed messages, and back. No sockets, no clock, no state: what came in decides what comes out.

A frame is JSON, in a text frame or (paper's trading stream) in a binary one, or msgpack on the data stream. It is
decoded in one pass by msgspec into the structs below; amounts become the engine's integers on the way (values.py).
Fields that are not named here are ignored, because Alpaca adds some now and then. A field that is missing, of another
type or out of range raises WireError, which names it; nothing else is raised, whatever the bytes are.

Words that come from a list that may grow (statuses, event names, halt codes) stay text here. Whoever gives them a
meaning (news.py, feed.py) must have an answer for one that it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar, cast

import msgspec

from live.alpaca.messages import Struct, Update
from live.alpaca.values import Instant, Price, Quantity, Word, convert

T = TypeVar("T")

MAX_FRAME = 16 * 1024 * 1024  # bytes; a nested list of 500 orders has one


class WireError(ValueError):
    """Bytes that are not what the protocol allows; the text says where and why, and holds nothing of the rest."""


class Control(Struct, frozen=True):
    """A message of the trading stream that is no order news: `status` and `action`, or the streams listened to."""

    status: str = ""
    action: str = ""
    streams: list[str] | None = None
    error_message: str = ""


_BAR = {"symbol": "S", "start": "t", "open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


class Candle(Struct, frozen=True, rename=_BAR):
    """A bar of history, of any length, named by its start; whose it is stands beside it."""

    start: Instant
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Quantity

    def __post_init__(self) -> None:
        if not 0 < self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise ValueError("the prices of a bar contradict each other")
        if self.volume < 0:
            raise ValueError("a bar with a negative volume")


class _Bar(Candle, frozen=True, rename=_BAR):
    symbol: str


class Bar(_Bar, frozen=True, tag_field="T", tag="b"):
    """A minute bar, named by its start."""


class RevisedBar(_Bar, frozen=True, tag_field="T", tag="u"):
    """A minute bar again, because late trades have changed it."""


class Quote(Struct, frozen=True, tag_field="T", tag="q", rename={"symbol": "S", "time": "t", "bid": "bp", "ask": "ap"}):
    """The best bid and ask; 0 where there is none."""

    symbol: str
    time: Instant
    bid: Price
    ask: Price


class Status(
    Struct, frozen=True, tag_field="T", tag="s", rename={"symbol": "S", "time": "t", "code": "sc", "reason": "rc"}
):
    """A trading status of the tape: halts and resumptions among other things (section 12)."""

    symbol: str
    time: Instant
    code: Word
    reason: Word = ""
    tape: Word = msgspec.field(default="", name="z")


class Bands(Struct, frozen=True, tag_field="T", tag="l", rename={"symbol": "S", "time": "t", "up": "u", "down": "d"}):
    """Limit-up and limit-down prices."""

    symbol: str
    time: Instant
    up: Price
    down: Price


class Success(Struct, frozen=True, tag_field="T", tag="success"):
    """`connected` and `authenticated`."""

    msg: str


class Subscription(Struct, frozen=True, tag_field="T", tag="subscription"):
    """All that is subscribed to now."""

    bars: list[str] = msgspec.field(default_factory=list)
    updatedBars: list[str] = msgspec.field(default_factory=list)  # noqa: N815 - Alpaca's name
    quotes: list[str] = msgspec.field(default_factory=list)
    statuses: list[str] = msgspec.field(default_factory=list)
    lulds: list[str] = msgspec.field(default_factory=list)


class Failure(Struct, frozen=True, tag_field="T", tag="error"):
    """A refusal on the data stream."""

    code: int
    msg: str = ""


class Other(Struct, frozen=True):
    """An item of a kind that nothing here listens to: trades, daily bars, corrections, or one not yet invented."""

    kind: str = msgspec.field(default="", name="T")


class Malformed(Struct, frozen=True):
    """An item that is of a known kind and cannot be read; its neighbours in the frame can."""

    problem: str


Datum: TypeAlias = Bar | RevisedBar | Quote | Status | Bands | Success | Subscription | Failure | Other | Malformed


class _Envelope(Struct, frozen=True):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")
    action: str = ""


@cache
def _decoder(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind, dec_hook=convert, float_hook=Decimal).decode


def _guarded(what: str, decode: Callable[[bytes], T], body: bytes) -> T:
    if len(body) > MAX_FRAME:
        raise WireError(f"{what}: {len(body)} bytes are more than {MAX_FRAME}")
    try:
        return decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeError, OverflowError) as error:
        raise WireError(f"{what}: {str(error)[:200]}") from None


def _bytes(frame: bytes | str) -> bytes:
    try:
        return frame.encode() if isinstance(frame, str) else bytes(frame)
    except UnicodeError:
        raise WireError("frame: not text that can be encoded") from None


def parse(kind: type[T], body: bytes | str) -> T:
    """One message of a REST body, as `kind`."""
    message: T = _guarded(kind.__name__, _decoder(cast(Hashable, kind)), _bytes(body))
    return message


def parse_list(kind: type[T], body: bytes | str) -> list[T]:
    """A list of messages of a REST body."""
    return _guarded(f"list of {kind.__name__}", _decoder(list[kind]), _bytes(body))  # type: ignore[valid-type]


def parse_trading(frame: bytes | str) -> Update | Control:
    """One frame of the trading stream. A heartbeat of one byte is an empty Control."""
    body = _bytes(frame)
    if body == b"\x01":
        return Control()
    envelope: _Envelope = _guarded("trading frame", _decoder(_Envelope), body)
    data = bytes(envelope.data)
    if envelope.stream == "trade_updates":
        return _checked(_guarded("trade update", _decoder(Update), data))
    if not envelope.stream and envelope.action != "error":
        raise WireError("trading frame: neither a stream nor an error")
    control: Control = _guarded("trading frame", _decoder(Control), data)
    return control


def _checked(update: Update) -> Update:
    """An execution must say which, how many and at what price: without that it cannot be booked."""
    if update.event in ("fill", "partial_fill"):
        for name in ("execution_id", "price", "qty"):
            if not getattr(update, name):
                raise WireError(f"trade update: {update.event} without {name}")
        if update.qty is not None and update.qty < 0:
            raise WireError("trade update: an execution of a negative quantity")
    return update


def parse_data(frame: bytes | str) -> list[Datum]:
    """One frame of the data stream, JSON or msgpack, as its items in their order.

    An item that cannot be read is Malformed and takes none of its neighbours with it; a frame that is no list raises
    WireError. A msgpack timestamp is read to the microsecond, text to the nanosecond.
    """
    body = _bytes(frame)
    codec = _JSON if body.lstrip()[:1] in (b"[", b"{", b"") else _MSGPACK
    try:
        return _guarded("data frame", codec.whole, body)
    except WireError:
        return [_item(codec, bytes(raw)) for raw in _guarded("data frame", codec.split, body)]


def _item(codec: _Codec, raw: bytes) -> Datum:
    try:
        kind: Other = _guarded("data item", codec.kind, raw)
        if kind.kind not in _HEARD:
            return kind
        item: Datum = _guarded("data item", codec.item, raw)
        return item
    except WireError as error:
        return Malformed(problem=str(error))


_Heard: TypeAlias = Bar | RevisedBar | Quote | Status | Bands | Success | Subscription | Failure
_HEARD = frozenset({"b", "u", "q", "s", "l", "success", "subscription", "error"})


class _Codec(NamedTuple):
    """The ways to decode a data frame: as a whole, or item by item."""

    whole: Callable[[bytes], list[Datum]]
    split: Callable[[bytes], list[msgspec.Raw]]
    kind: Callable[[bytes], Other]
    item: Callable[[bytes], Any]


_JSON = _Codec(_decoder(list[_Heard]), _decoder(list[msgspec.Raw]), _decoder(Other), _decoder(_Heard))
_MSGPACK = _Codec(
    *(
        msgspec.msgpack.Decoder(kind, dec_hook=convert).decode
        for kind in (list[_Heard], list[msgspec.Raw], Other, _Heard)
    )
)


def encode(message: dict[str, Any]) -> str:
    """A message of ours as JSON text."""
    return msgspec.json.encode(message).decode()
