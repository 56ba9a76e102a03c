"""Orders: send, list, look up, replace, cancel one or all."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from sim.alpaca.broker import Broker
from sim.alpaca.errors import ApiError, invalid, not_found
from sim.alpaca.order import Order
from sim.alpaca.routes.common import At, Body, Json, order_id_of, read_bool, read_int, read_list, read_time
from sim.alpaca.schemas import MultiStatus, OrderObject, OrderRequest, ReplaceRequest, answers, body_of
from sim.alpaca.ticket import read_change, read_ticket

router = APIRouter(prefix="/v2", tags=["orders"])
MOST, USUAL = 500, 50
EVER = 2**62


@router.post(
    "/orders", summary="Send an order", responses=answers(200, OrderObject), openapi_extra=body_of(OrderRequest)
)
async def submit_order(at: At, body: Body) -> Json:
    """Every class but mleg. Numbers may be strings or numbers."""
    order = at.broker.submit(read_ticket(body))
    return Json(at.broker.body(order))


@router.get("/orders", summary="List orders", responses=answers(200, list[OrderObject]))
async def list_orders(
    at: At,
    status: str | None = None,
    limit: str | None = None,
    after: str | None = None,
    until: str | None = None,
    direction: str | None = None,
    nested: str | None = None,
    symbols: str | None = None,
    side: str | None = None,
    asset_class: str | None = None,
    before_order_id: str | None = None,
    after_order_id: str | None = None,
) -> Json:
    """By the time of submission, newest first; `after` and `until` are exclusive, cursors are order ids."""
    if (before_order_id or after_order_id) and (after or until or (before_order_id and after_order_id)):
        raise invalid("before_order_id and after_order_id exclude each other, and after and until")
    broker, deep = at.broker, read_bool("nested", nested)
    found = [order for order in broker.orders if not (deep and order.parent is not None)]
    found = _of_status(found, status or "open", deep)
    first, last = read_time("after", after, -1), read_time("until", until, EVER)
    found = [order for order in found if first < order.created < last]
    wanted, side = read_list(symbols), (side or "").lower()
    if side not in ("", "buy", "sell"):
        raise invalid("invalid side")
    if wanted:
        found = [order for order in found if broker.symbols[order.symbol] in wanted]
    if side:
        found = [order for order in found if order.side == (1 if side == "buy" else -1)]
    if asset_class and "us_equity" not in read_list(asset_class):
        found = []
    found = _around(broker, found, before_order_id, after_order_id)
    if direction not in (None, "", "asc", "desc"):
        raise invalid("invalid direction")
    if direction != "asc":
        found.reverse()
    count = min(read_int("limit", limit, USUAL), MOST)
    return Json([broker.body(order, deep) for order in found[: count if count > 0 else USUAL]])


def _of_status(orders: list[Order], status: str, nested: bool) -> list[Order]:
    """Open: not over, and sleeping legs only under their parent. Closed: over."""
    if status == "all":
        return orders
    if status == "open":
        return [order for order in orders if not order.over and (nested or order.status != "held")]
    if status == "closed":
        return [order for order in orders if order.over]
    raise invalid("invalid status")


def _around(broker: Broker, orders: list[Order], before: str | None, after: str | None) -> list[Order]:
    """The orders sent before one, or after one."""
    cursor = before or after
    if cursor is None:
        return orders
    number = broker.find(order_id_of(cursor)).number
    return [order for order in orders if (order.number < number if before else order.number > number)]


@router.get("/orders:by_client_order_id", summary="Look up by client id", responses=answers(200, OrderObject))
async def order_by_client_id(at: At, client_order_id: str | None = None, nested: str | None = None) -> Json:
    """The order that the client calls this."""
    if not client_order_id:
        raise invalid("client_order_id is missing")
    order = at.broker.by_client.get(client_order_id)
    if order is None:
        raise not_found(f"order not found for {client_order_id}")
    return Json(at.broker.body(order, read_bool("nested", nested)))


@router.get("/orders/{order_id}", summary="Look up by id", responses=answers(200, OrderObject))
async def order_by_id(at: At, order_id: str, nested: str | None = None) -> Json:
    """The order of this id."""
    order = at.broker.find(order_id_of(order_id))
    return Json(at.broker.body(order, read_bool("nested", nested)))


@router.patch(
    "/orders/{order_id}",
    summary="Replace an order",
    responses=answers(200, OrderObject),
    openapi_extra=body_of(ReplaceRequest),
)
async def replace_order(at: At, order_id: str, body: Body) -> Json:
    """The answer is the order that is to take its place; the old one may still fill first."""
    order = at.broker.find(order_id_of(order_id))
    return Json(at.broker.body(at.broker.replace(order, read_change(body, order))))


@router.delete("/orders", status_code=207, summary="Cancel all orders", responses=answers(207, list[MultiStatus]))
async def cancel_orders(at: At) -> Json:
    """One answer an order that is not over."""
    return Json(cancel_all(at.broker), 207)


def cancel_all(broker: Broker, at_once: bool = False) -> list[dict[str, Any]]:
    """Ask for the cancellation of every order that is not over; a group is asked for through its first."""
    results: list[dict[str, Any]] = []
    asked: set[int] = set()
    for order in broker.live:
        head = order.group[0].number
        try:
            if head not in asked:
                broker.cancel(order, at_once)
                asked.add(head)
        except ApiError as error:
            results.append({"id": order.id, "status": error.status, "body": error.body})
        else:
            results.append({"id": order.id, "status": 200})
    return results


@router.delete("/orders/{order_id}", status_code=204, summary="Cancel an order", responses=answers(204, None))
async def cancel_order(at: At, order_id: str) -> Json:
    """A request, not a confirmation: the order may fill first."""
    at.broker.cancel(at.broker.find(order_id_of(order_id)))
    return Json(None, 204)
