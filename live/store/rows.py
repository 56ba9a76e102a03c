"""From the engine's records to rows of the store's tables: pure functions, one a table.

Micros stay micros and times nanoseconds; numbers of enumerations become their names.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from math import isnan
from typing import Any

import numpy as np

from core.kernel import readings
from core.kernel.kinds import (
    Binding,
    Breaker,
    Cause,
    Condition,
    EventKind,
    Lane,
    Mode,
    NoteKind,
    OrderStatus,
    OrderType,
    Refusal,
    RejectReason,
    Result,
    Role,
    Severity,
    TimeInForce,
)
from core.kernel.records import CHECK, DECISION, ORDER, SYMBOL
from core.kernel.units import NANO
from core.risk_notes import Note, read
from live.books import Books, client_id, intent_id
from live.events import Incoming, Outgoing

Row = dict[str, Any]

_NO_INTENT = (Cause.RISK_EXIT, Cause.OPERATOR)


@cache
def names(kind: type[IntEnum]) -> dict[int, str]:
    """Lower-case names of an enumeration by number."""
    return {member.value: member.name.lower() for member in kind}


def order(record: np.void) -> Row:
    """A row of `orders`; `broker_order_id` is not the engine's to know."""
    o = dict(zip(ORDER.names or (), record.item(), strict=True))
    rejected = o["status"] == OrderStatus.REJECTED
    return {
        "number": o["id"],
        "client_order_id": client_id(o["intent"], o["leg"]),
        "intent_id": None if o["intent"] == 0 or o["cause"] in _NO_INTENT else intent_id(o["intent"]),
        "parent": o["parent"],
        "replaces": o["replaces"],
        "side": "buy" if o["side"] > 0 else "sell",
        "role": names(Role)[o["role"]],
        "type": names(OrderType)[o["type"]],
        "tif": names(TimeInForce)[o["tif"]],
        "cause": names(Cause)[o["cause"]],
        "status": names(OrderStatus)[o["status"]],
        "limit_price": o["limit"],
        "stop_price": o["stop"],
        "reason": names(RejectReason)[o["reason"]] if rejected else None,
        **{name: o[name] for name in _ORDER_AS_IS},
    }


_ORDER_AS_IS = ("qty", "filled", "paid", "overfill", "late", "created", "submitted", "accepted", "terminal")


def position(record: np.void, symbol: str, seq: int) -> Row:
    """A row of `positions` from a SYMBOL record."""
    s = dict(zip(SYMBOL.names or (), record.item(), strict=True))
    return {"symbol": symbol, "seq": seq, **{name: s[name] for name in ("qty", "cost", "mark", "value", "realized")}}


def fill(event: Incoming, seq: int, books: Books) -> Row:
    """A row of `fills` for an execution that the engine has just booked."""
    fields = event.fields
    number, symbol, qty = fields.get("order", 0), fields.get("symbol", -1), fields["qty"]
    order = books.order(number)
    side = int(order["side"]) if order is not None else (fields.get("code", 0) or (1 if qty > 0 else -1))
    market = books.state["symbols"][0, symbol] if symbol >= 0 else None
    return {
        "seq": seq,
        "kind": event.kind.name.lower(),
        "execution_id": event.detail.get("execution_id", f"{fields['execution']:016x}"),
        "client_order_id": books.client_id(number),
        "broker_order_id": event.detail.get("broker_order_id"),
        "symbol": books.symbol(symbol),
        "side": "buy" if side > 0 else "sell",
        "qty": abs(qty),
        "price": fields["price"],
        "fee": fields.get("amount", 0),
        "cum_qty": fields.get("cum_qty", -1),
        "time": event.t_market,
        "received": event.t_received,
        "mark": 0 if market is None else int(market["mark"]),
        "half_spread": 0 if market is None else int(market["half_spread"]),
    }


def decision(record: np.void, seq: int, books: Books) -> Row:
    """A row of `decisions`."""
    d = dict(zip(DECISION.names or (), record.item(), strict=True))
    return {
        "seq": seq,
        "intent_id": intent_id(d["intent"]),
        "time": d["time"],
        "bar_time": d["bar_time"],
        "strategy": books.strategies[d["strategy"]],
        "symbol": books.symbols[d["symbol"]],
        "side": "long" if d["side"] > 0 else "short",
        "action": "exit" if d["action"] else "open",
        "qty": d["qty"],
        "price_ref": d["price_ref"],
        "verdict": "approved" if d["approved"] else "refused",
        "refusal_codes": " ".join(code.name.lower() for code in Refusal if d["refused"] >> code & 1),
        "binding": names(Binding)[d["binding"]],
        "mode": names(Mode)[d["mode"]],
        "record": record.tobytes(),
    }


def checks(seq: int, books: Books) -> list[Row]:
    """Rows of `checks` of the last step's decision; the engine keeps those that were half used or did not pass."""
    count = int(books.state["decision"][0]["checks"])
    rows = [dict(zip(CHECK.names or (), row, strict=True)) for row in books.state["checks"][0, :count].tolist()]
    return [
        {
            "seq": seq,
            "check": names(Refusal)[row["check"]],
            "measured": row["measured"],
            "limit": row["limit"],
            "use": row["use"] / NANO,
            "result": names(Result)[row["result"]],
        }
        for row in rows
    ]


def risk_event(values: tuple[int, ...], seq: int, ordinal: int, books: Books) -> Row:
    """A row of `risk_events` from a NOTE's values, with the sentence that a run directory has."""
    note = Note(*values)
    reading = read(note, books.symbol(note.symbol) or "")
    return {
        "seq": seq,
        "ordinal": ordinal,
        "time": note.time,
        "kind": names(NoteKind)[note.kind],
        "severity": names(Severity)[note.severity],
        "symbol": books.symbol(note.symbol),
        "client_order_id": books.client_id(note.order),
        "metric": reading.metric,
        "action": reading.action,
        "detail": reading.detail,
        "value": _number(reading.value),
        "limit": _number(reading.limit),
        "use": _number(reading.use),
    }


def _number(value: float) -> float | None:
    """None for what was not measured: SQLite has no NaN."""
    return None if isnan(value) else value


def equity(books: Books, seq: int, time: int, base: int) -> Row:
    """A row of `equity`; `base` is the equity that the day began with, `time` ns UTC."""
    conditions = books.run("conditions")
    stale = conditions >> Condition.FEED_STALE & 1 | conditions >> Condition.FEED_DOWN & 1
    return {
        "seq": seq,
        "time": time,
        "day_start_equity": base,
        "net": books.account("value"),
        "buying_power": int(readings.buying_power(books.state)),
        "open_orders": books.run("working"),
        "mode": names(Mode)[books.run("mode")],
        "stale": stale,
        **{name: books.account(name) for name in ("cash", "equity", "unit_value", "high_water_mark", "gross")},
    }


def outbox(row: Outgoing, created: int) -> Row:
    """A row of `outbox`."""
    return {
        "number": row.number,
        "epoch": row.epoch,
        "kind": row.kind.name.lower(),
        "verdict": row.verdict.value,
        "symbol": row.symbol,
        "client_order_id": row.client_order_id,
        "target_client_order_id": row.target_client_order_id,
        "stop_client_order_id": row.stop_client_order_id,
        "command": row.command.tobytes(),
        "created": created,
        "answered": None,
        "outcome": None,
    }


def breakers(books: Books, seq: int) -> list[Row]:
    """Rows of `breakers`, one a lane."""
    kept = ("since", "failures", "backoff", "trips")
    return [
        {"lane": names(Lane)[i], "state": names(Breaker)[lane["state"]], "seq": seq, **{k: lane[k] for k in kept}}
        for i, lane in enumerate(books.lanes())
    ]


def mode(books: Books, seq: int) -> Row:
    """A row of `modes`."""
    conditions = " ".join(books.conditions())
    return {"seq": seq, "time": books.run("now"), "mode": names(Mode)[books.run("mode")], "conditions": conditions}


def kind_name(kind: EventKind) -> str:
    """How the journal writes a kind of event."""
    return names(EventKind)[kind]
