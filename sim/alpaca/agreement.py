"""Whether a client's books are the broker's, once all is over: what the server knows against what a run recorded.

    same_positions       every symbol's shares, but for those whose difference a person has been called for
    same_cash            the cash, if no position waits for a person
    no_stray_order       every order that the client has sent is in its own books: none is lost, none was sent twice
    every_fill_once      of every order as much was booked as was executed

The server keeps its ledger by other code than the engine, from the venue's own word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from core.kernel.units import decimal
from sim.alpaca.broker import Broker
from sim.alpaca.identity import OWN
from sim.expectations import Tables

NAMES = ("same_positions", "same_cash", "no_stray_order", "every_fill_once")


def agreement(broker: Broker, state: np.ndarray, tables: Tables) -> dict[str, str]:
    """For run.json: `ok` for each of NAMES, or the first witness. `state` is the engine's at the end, STATE (1,)."""
    found: Mapping[str, str | None] = {
        "same_positions": _positions(broker, state),
        "same_cash": _cash(broker, state),
        "no_stray_order": _orders(broker, tables),
        "every_fill_once": _fills(broker, tables),
    }
    return {name: found[name] or "ok" for name in NAMES}


def _waits(state: np.ndarray) -> np.ndarray:
    """Which symbols wait for a person, bool (S,)."""
    waits: np.ndarray = state["symbols"][0]["unreconciled"] != 0
    return waits


def _positions(broker: Broker, state: np.ndarray) -> str | None:
    ours, waits = state["symbols"][0]["qty"], _waits(state)
    for s, symbol in enumerate(broker.symbols):
        theirs = broker.ledger.positions[s].qty
        if int(ours[s]) != theirs and not waits[s]:
            return f"{symbol}: {decimal(int(ours[s]))} shares in our books, {decimal(theirs)} at the broker"
    return None


def _cash(broker: Broker, state: np.ndarray) -> str | None:
    ours, theirs = int(state["account"]["cash"][0]), broker.ledger.cash
    if ours == theirs or _waits(state).any():
        return None
    return f"{decimal(ours)} in our books, {decimal(theirs)} at the broker"


def _orders(broker: Broker, tables: Tables) -> str | None:
    known = set(tables.table("orders", ["client_order_id"])["client_order_id"].to_pylist())
    for order in broker.orders:
        if OWN.fullmatch(order.client_order_id) and order.client_order_id not in known:
            return f"{order.client_order_id} is at the broker, and not in our books"
    return None


def _fills(broker: Broker, tables: Tables) -> str | None:
    orders = tables.table("orders", ["client_order_id", "broker_order_id"]).to_pylist()
    named: dict[str, str] = {row["client_order_id"]: row["broker_order_id"] for row in orders if row["broker_order_id"]}
    booked: Counter[str] = Counter()
    for row in tables.table("fills", ["client_order_id", "qty"]).to_pylist():
        booked[named.get(row["client_order_id"], row["client_order_id"])] += int(row["qty"].scaleb(6))
    executed = {order.id: order.filled for order in broker.orders}
    for broker_id in named.values():
        if booked[broker_id] != executed.get(broker_id, 0):
            ours, theirs = decimal(booked[broker_id]), decimal(executed.get(broker_id, 0))
            return f"order {broker_id}: {ours} shares booked, {theirs} executed"
    return None
