"""A broker in Alpaca's words, small and scripted: requests in, JSON out, news as frames, all of it by hand.

It keeps orders, groups, executions, positions and cash, and does nothing by itself: a test says `fill`, `expire` or
`reject`, on what order, and when. Its ids come from counters, so a story told twice reads the same. `lost` drops the
news of what happens while it is set, as a socket that is down does.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OPEN = ("new", "partially_filled", "held", "accepted", "pending_new")
CLOSE = {"buy": "sell", "sell": "buy"}


def text(nanos: int) -> str:
    return f"{EPOCH + timedelta(seconds=nanos // 10**9):%Y-%m-%dT%H:%M:%S}.{nanos % 10**9:09d}Z"


class Exchange:
    """Alpaca's side of an account."""

    def __init__(self, now: Callable[[], int], cash: int = 100_000) -> None:
        self.now = now
        self.account = "11111111-2222-4333-8444-555555555555"
        self.cash = Decimal(cash)
        self.orders: dict[str, dict[str, Any]] = {}
        self.positions: dict[str, Decimal] = {}
        self.fills: list[dict[str, Any]] = []
        self.flows: list[dict[str, Any]] = []
        self.frames: list[str] = []  # the trading stream's news that nobody has read
        self.posts: list[str] = []  # client order ids of every POST that took effect
        self.lost = False
        self._count = 0

    def handle(self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None) -> tuple[int, Any]:
        """Status and JSON body of a request; None for an empty body."""
        route = path.removeprefix("/v2")
        if route == "/orders":
            return self._post(body or {}) if method == "POST" else (200, self._list(query))
        if route == "/orders:by_client_order_id":
            found = [o for o in self.orders.values() if o["client_order_id"] == query.get("client_order_id")]
            return (200, self._shown(found[0])) if found else self._missing(query.get("client_order_id", ""))
        if route.startswith("/orders/"):
            order = self.orders.get(route.removeprefix("/orders/"))
            if order is None:
                return self._missing(route)
            return self._delete(order) if method == "DELETE" else (200, self._shown(order, nested=True))
        if route == "/positions":
            return 200, [self._position(symbol, qty) for symbol, qty in sorted(self.positions.items()) if qty]
        if route == "/account/activities/FILL":
            return 200, self._activities(self.fills, query)
        if route == "/account/activities" and query.get("category") == "non_trade_activity":
            return 200, self._activities(self.flows, query)
        if route == "/account":
            cash = str(self.cash)
            return 200, {"id": self.account, "status": "ACTIVE", "cash": cash, "equity": cash, "buying_power": cash}
        if route == "/clock":
            now = text(self.now())
            return 200, {"timestamp": now, "is_open": True, "next_open": now, "next_close": now}
        return 404, {"code": 40410000, "message": "endpoint not found."}

    # what tests make happen

    def fill(self, order_id: str, qty: int | str | None = None, price: str = "100", event: str = "") -> dict[str, Any]:
        """Execute an order, in whole or in part, with all that follows from it in its group."""
        order = self.orders[order_id]
        left = Decimal(order["qty"]) - Decimal(order["filled_qty"])
        size = left if qty is None else Decimal(qty)
        filled = Decimal(order["filled_qty"]) + size
        spent = Decimal(order["filled_avg_price"] or 0) * Decimal(order["filled_qty"]) + size * Decimal(price)
        whole = filled >= Decimal(order["qty"])
        status = "filled" if whole else "partially_filled"
        if order["status"] in ("canceled", "expired"):
            status = order["status"]  # a late fill
        order |= {"filled_qty": str(filled), "filled_avg_price": str(spent / filled), "status": status}
        sign = 1 if order["side"] == "buy" else -1
        self.positions[order["symbol"]] = self.positions.get(order["symbol"], Decimal(0)) + sign * size
        self.cash -= sign * size * Decimal(price)
        execution = self._id(2)
        self.fills.append({
            "id": f"{self.now()}::{execution}", "activity_type": "FILL", "transaction_time": text(self.now()),
            "type": "fill" if whole else "partial_fill", "price": price, "qty": str(size), "side": order["side"],
            "symbol": order["symbol"], "leaves_qty": str(left - size), "cum_qty": str(filled), "order_id": order_id,
            "order_status": status,
        })  # fmt: skip
        name = event or ("fill" if whole else "partial_fill")
        self.tell(order, name, execution_id=execution, price=price, qty=str(size), position_qty=str(size))
        if whole:
            self._follow(order)
        return order

    def end(self, order_id: str, event: str) -> None:
        """Cancel, expire or reject an order, and its group with it."""
        order = self.orders[order_id]
        for member in [order, *self._relatives(order)]:
            if member["status"] in OPEN:
                member["status"] = event
                self.tell(member, event)

    def move(self, kind: str, amount: str, status: str = "executed", counted: bool = True) -> None:
        """Cash moves without a trade; not `counted`: it had done so before anybody looked."""
        self.cash += Decimal(amount) if counted else 0
        self.flows.append({
            "id": f"{self.now()}::{self._id(4)}", "activity_type": kind, "date": text(self.now())[:10],
            "net_amount": amount, "status": status, "created_at": text(self.now()),
        })  # fmt: skip

    def place(self, symbol: str, side: str, qty: int, client_order_id: str = "by-hand") -> dict[str, Any]:
        """An order that somebody else sends."""
        body = {"symbol": symbol, "side": side, "qty": qty, "type": "market", "client_order_id": client_order_id}
        return self._enter(body)

    def tell(self, order: dict[str, Any], event: str, **more: Any) -> None:
        """News on the trading stream, unless it is lost."""
        data = {"event": event, "timestamp": text(self.now()), "order": self._shown(order), **more}
        if not self.lost:
            self.frames.append(json.dumps({"stream": "trade_updates", "data": data}))

    # requests

    def _post(self, body: dict[str, Any]) -> tuple[int, Any]:
        if any(order["client_order_id"] == body["client_order_id"] for order in self.orders.values()):
            return 422, {"code": 40010001, "message": "client_order_id must be unique"}
        order = self._enter(body)
        self.posts.append(body["client_order_id"])
        self.tell(order, "new")
        return 200, self._shown(order, nested=True)

    def _enter(self, body: dict[str, Any]) -> dict[str, Any]:
        group = body.get("order_class", "")
        limit = body.get("limit_price")
        if group == "oco":
            limit = body["take_profit"]["limit_price"]
        order = self._order(body, body["type"], body["side"], "new", limit=limit, client=body["client_order_id"])
        order["order_class"] = group
        exit_side = body["side"] if group == "oco" else CLOSE[body["side"]]
        if "take_profit" in body and group != "oco":
            target = body["take_profit"]["limit_price"]
            self._order(body, "limit", exit_side, "held", limit=target, parent=order["id"])
        if "stop_loss" in body:
            stop = body["stop_loss"]["stop_price"]
            self._order(body, "stop", exit_side, "held", stop=stop, parent=order["id"])
        return order

    def _order(self, body: dict[str, Any], kind: str, side: str, status: str, **terms: Any) -> dict[str, Any]:
        now, name = text(self.now()), self._id(1)
        prices = {f"{k}_price": None if terms.get(k) is None else str(terms[k]) for k in ("limit", "stop")}
        order = {
            "id": name, "client_order_id": terms.get("client") or self._id(3), "symbol": body["symbol"], "side": side,
            "type": kind, "order_type": kind, "status": status, "qty": str(Decimal(str(body["qty"]))), "legs": None,
            "filled_qty": "0", "filled_avg_price": None, "submitted_at": now, "created_at": now, "updated_at": now,
            "time_in_force": body.get("time_in_force", "day"), "order_class": "", "parent": terms.get("parent"), **prices,
        }  # fmt: skip
        self.orders[name] = order
        return order

    def _delete(self, order: dict[str, Any]) -> tuple[int, Any]:
        if order["status"] not in OPEN:
            return 422, {"code": 42210000, "message": f'order is already in "{order["status"]}" state'}
        self.end(order["id"], "canceled")
        return 204, None

    def _list(self, query: dict[str, str]) -> list[dict[str, Any]]:
        heads = [order for order in self.orders.values() if order["parent"] is None]
        if query.get("status", "open") == "open":
            heads = [o for o in heads if o["status"] in OPEN or any(x["status"] in OPEN for x in self._legs(o))]
        if "after" in query:
            heads = [order for order in heads if order["submitted_at"][:26] > query["after"][:26]]
        return [self._shown(order, nested=True) for order in heads[: int(query.get("limit", 50))]]

    def _activities(self, found: list[dict[str, Any]], query: dict[str, str]) -> list[dict[str, Any]]:
        if "page_token" in query:
            found = found[[fill["id"] for fill in found].index(query["page_token"]) + 1 :]
        return found[: int(query.get("page_size", 100))]

    def _missing(self, name: str) -> tuple[int, Any]:
        return 404, {"code": 40410000, "message": f"order not found for {name}"}

    # groups

    def _legs(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        return [leg for leg in self.orders.values() if leg["parent"] == order["id"]]

    def _relatives(self, order: dict[str, Any]) -> list[dict[str, Any]]:
        head = self.orders[order["parent"]] if order["parent"] else order
        return [member for member in [head, *self._legs(head)] if member is not order]

    def _follow(self, order: dict[str, Any]) -> None:
        """A filled entry wakes its legs; a filled exit cancels its sibling."""
        for other in self._relatives(order):
            if order["parent"] is None and order["order_class"] != "oco":
                if other["status"] == "held" and other["type"] == "limit":
                    other["status"] = "new"
                    self.tell(other, "new")
            elif other["status"] in OPEN:
                other["status"] = "canceled"
                self.tell(other, "canceled")

    def _shown(self, order: dict[str, Any], nested: bool = False) -> dict[str, Any]:
        shown = {name: value for name, value in order.items() if name != "parent"}
        legs = [self._shown(leg) for leg in self._legs(order)] if nested else []
        return shown | {"legs": legs or None}

    def _position(self, symbol: str, qty: Decimal) -> dict[str, Any]:
        side = "long" if qty > 0 else "short"
        return {"symbol": symbol, "side": side, "qty": str(qty), "avg_entry_price": "100", "cost_basis": "0"}

    def _id(self, kind: int) -> str:
        self._count += 1
        return str(UUID(int=(kind << 112) + self._count, version=4))
