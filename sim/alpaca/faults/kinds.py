"""Every fault that the edge of the protocol knows: one table, from which entries are checked and docs are written.

A kind names whom it meets: `rest` requests, frames of the trading stream (`trade`) or messages of the data stream
(`data`), `connect` a new connection, `socket` a socket that is open. Scenario kinds of the broker and the feed have the
names that they have in scenario files and the effect that they have on the wire; what only the venue can do (late
fills, a leg that is lost) belongs into the scenario itself. Waits of the wire are real time, in seconds, because the
clients' patience is; see `parameters`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

LANES = ("submit", "cancel", "query", "stream")
Meets = Literal["rest", "trade", "data", "connect", "trade_socket", "data_socket"]


CHOICES = {
    "field": ("open", "high", "low", "close", "volume"),
    "form": ("crossed", "zero"),
    "failure": ("timeout", "server_error", "connection", "unparseable"),
}
"""What a parameter of text may be, where not everything will do."""

HOUR = 3600.0
BOUNDS: dict[str, tuple[float, float]] = {
    "status": (200, 599),
    "code": (1000, 4999),  # of a socket's close
    "refuse_data_socket.code": (400, 599),  # of an error on the data stream
    "timeout": (0, HOUR),
    "delay": (0, HOUR),
    "behind": (0, 24 * HOUR),
    "bytes": (0, 2**31),
    "bytes_per_second": (1, 10**9),
    "size": (-0.99, 10),
    "ratio": (0.001, 1000),
    "volume": (0, 1),
    "missing": (0, 1),
}
"""From where to where a number goes, both included; by `kind.name` where kinds differ."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind: what it meets, what it does, its parameters with their defaults."""

    meets: Meets
    does: str
    parameters: dict[str, Any] = field(default_factory=dict)
    submits_only: bool = False


KINDS: dict[str, Kind] = {
    # requests: the names of scenarios
    "outage": Kind("rest", "Requests fail without effect.", {"failure": "server_error", "timeout": 30.0}),
    "accepted_no_answer": Kind(
        "rest", "The order is taken, and the answer is an error.", {"status": 504}, submits_only=True
    ),
    "answer_lost": Kind(
        "rest",
        "The request takes effect, and the answer never arrives.",
        {"failure": "connection", "timeout": 30.0},
    ),
    "slow": Kind("rest", "The answer takes so many real seconds longer.", {"delay": 0.5}),
    "rate_limit": Kind("rest", "429 without effect.", {"send_headers": True, "message": "too many requests"}),
    "reject_storm": Kind(
        "rest", "Every order is refused.", {"message": "insufficient buying power"}, submits_only=True
    ),
    "unauthorised": Kind("rest", "The keys are revoked.", {"status": 401}),
    # requests: the wire
    "reply": Kind(
        "rest",
        "A given answer, before the request takes effect or after.",
        {"status": 500, "body": {"code": 50010000, "message": "internal server error occurred"}, "apply": False},
    ),
    "html_502": Kind("rest", "A gateway's HTML page.", {"status": 502, "apply": False}),
    "reset": Kind("rest", "The connection is reset.", {"apply": False}),
    "hang": Kind(
        "rest", "No byte ever comes; after so many real seconds the connection ends.", {"timeout": 30.0, "apply": False}
    ),
    "slow_body": Kind("rest", "The body trickles.", {"bytes_per_second": 200}),
    "truncate": Kind("rest", "The body ends in the middle.", {"bytes": 20}),
    "malformed": Kind("rest", "The body is not JSON.", {"bytes": 20}),
    "changed_schema": Kind(
        "rest",
        "Fields are gone, null, renamed or new.",
        {"drop": [], "null": [], "rename": {}, "set": {}},
    ),
    # connections
    "refuse": Kind("connect", "New connections are reset before a byte is read."),
    "refuse_socket": Kind("trade_socket", "The handshake of the trading stream is refused.", {"status": 429}),
    "refuse_data_socket": Kind(
        "data_socket", "The data stream refuses after the login.", {"code": 406, "msg": "connection limit exceeded"}
    ),
    "stream_down": Kind("trade_socket", "The trading stream is lost and stays so.", {"status": 503, "code": 1006}),
    "feed_down": Kind("data_socket", "The data stream is lost and stays so.", {"code": 1006}),
    "socket_drop": Kind(
        "trade", "The trading stream drops instead of sending; what it had to say is lost.", {"code": 1006}
    ),
    "data_socket_drop": Kind("data", "The data stream drops instead of sending.", {"code": 1006}),
    # the trading stream
    "stream_mute": Kind("trade", "The stream stays open, answers pings and says nothing."),
    "malformed_frame": Kind("trade", "A frame that is not JSON.", {"text": '{"stream":"trade_updates","da'}),
    "null_frame": Kind("trade", "A frame whose data is null."),
    "changed_frame": Kind(
        "trade",
        "Fields of the order are gone, null, renamed or new.",
        {"drop": [], "null": [], "rename": {}, "set": {}},
    ),
    "duplicate_executions": Kind("trade", "Executions are told twice."),
    "dropped_executions": Kind("trade", "Executions are not told."),
    "reordered_executions": Kind("trade", "An execution is told after the next frame."),
    # the data stream
    "data_mute": Kind("data", "The data stream stays open and says nothing."),
    "malformed_data": Kind("data", "A message that nobody can read."),
    "gap": Kind("data", "Bars do not arrive."),
    "late_bars": Kind("data", "A bar arrives one minute late."),
    "duplicate_bars": Kind("data", "Every bar arrives twice."),
    "bar_revision": Kind("data", "A bar is wrong at first; the right one follows as an updated bar.", {"size": 0.003}),
    "bad_print": Kind("data", "A bar closes far from the market.", {"size": 0.25}),
    "zero_volume": Kind("data", "Bars come without volume."),
    "freeze": Kind("data", "The last bar that was right is repeated, with its old time."),
    "reordered_bars": Kind("data", "A bar arrives after the next one of its symbol."),
    "missing_symbol": Kind("data", "Bars of a symbol do not arrive."),
    "nan_edge": Kind("data", "One number of a bar is null.", {"field": "close"}),
    "clock_skew": Kind("data", "Bars are stamped with a time that is behind.", {"behind": 300.0}),
    "wrong_adjustment": Kind("data", "Bars are adjusted for a split that was not.", {"ratio": 0.25}),
    "feed_switch": Kind("data", "A part of the volume, and minutes without trades.", {"volume": 0.025, "missing": 0.3}),
    "bad_quotes": Kind("data", "Quotes are crossed, or zero on both sides.", {"form": "crossed"}),
}
"""By name."""
