"""The venue's refusals in Alpaca's words: which error a RejectReason is, with the facts that stand in its body."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.kernel.kinds import OrderType, RejectReason, TimeInForce
from core.kernel.units import MICRO, PENNY
from sim.alpaca.errors import ApiError, forbidden, unprocessable
from sim.alpaca.order import Order
from sim.alpaca.text import dec
from sim.alpaca.ticket import Ticket

OPG_TEXT = "opg orders must be submitted after 7:00pm and before 9:28am"
CLS_TEXT = "cls orders must be submitted after 7:00pm and before 3:50pm"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the account has to do with an order: price and amounts in micros, its live orders of the symbol."""

    price: int
    buying_power: int
    position: int
    held: int
    live: list[Order]


def explain(reason: int, ticket: Ticket, standing: Standing) -> ApiError:
    """The error that Alpaca would answer with."""
    symbol = ticket.symbol
    if reason == RejectReason.BUYING_POWER:
        cost = ticket.qty * (ticket.limit or ticket.stop or standing.price) // MICRO
        return forbidden(
            "insufficient buying power",
            buying_power=dec(standing.buying_power),
            cost_basis=dec(ticket.notional or cost),
        )
    if reason == RejectReason.QUANTITY:
        return _too_many(ticket, standing)
    if reason == RejectReason.BRACKET_GEOMETRY:
        return _geometry(ticket, standing.price)
    if reason == RejectReason.NOT_TRADABLE:
        return unprocessable(f"asset {symbol} is not tradable")
    if reason == RejectReason.NOT_SHORTABLE:
        if ticket.fractional:
            return unprocessable("fractional orders cannot be sold short")
        return forbidden("account is not allowed to short")
    if reason == RejectReason.WASH_TRADE:
        return _wash(ticket, standing)
    if reason == RejectReason.SESSION:
        return _session(ticket)
    if reason == RejectReason.HALTED:
        return unprocessable(f"asset {symbol} is halted")
    if reason == RejectReason.NOT_ENTRY:
        kind = (
            "oco orders must be exit orders" if ticket.order_class == "oco" else "bracket orders must be entry orders"
        )
        return unprocessable(kind)
    if reason == RejectReason.ACCOUNT:
        return forbidden(f"too many open orders for {symbol}")
    return _rule(ticket, standing.price)


def _too_many(ticket: Ticket, standing: Standing) -> ApiError:
    available = max(abs(standing.position) - standing.held, 0)
    requested = dec(ticket.qty)
    facts: dict[str, Any] = {
        "available": dec(available),
        "existing_qty": dec(abs(standing.position)),
        "held_for_orders": dec(standing.held),
        "related_orders": [order.id for order in standing.live if order.side == ticket.side],
        "symbol": ticket.symbol,
    }
    text = f"insufficient qty available for order (requested: {requested}, available: {dec(available)})"
    return forbidden(text, **facts)


def _geometry(ticket: Ticket, price: int) -> ApiError:
    """The first of the rules of a group's prices that is broken, mirrored for groups that exit a long position."""
    base = price
    if ticket.order_class == "oco":
        base = ticket.target
    elif ticket.type == OrderType.LIMIT:
        base = ticket.limit
    up = ticket.side if ticket.order_class != "oco" else -ticket.side  # the way that the target lies
    above, below = (">", "<") if up > 0 else ("<", ">")
    plus, minus = ("+", "-") if up > 0 else ("-", "+")
    if ticket.target and ticket.loss_stop and up * (ticket.target - ticket.loss_stop) <= 0:
        return unprocessable(f"take_profit.limit_price must be {above} stop_loss.stop_price")
    if ticket.target and up * (ticket.target - base) < PENNY and ticket.order_class != "oco":
        text = f"take_profit.limit_price must be {above}= base_price {plus} 0.01"
        return unprocessable(text, base_price=dec(base))
    if ticket.loss_limit and up * (ticket.loss_limit - ticket.loss_stop) > 0:
        return unprocessable(f"stop_loss.limit_price must be {below}= stop_loss.stop_price")
    nearest = min(base, price or base) if up > 0 else max(base, price)
    text = f"stop_loss.stop_price must be {below}= base_price {minus} 0.01"
    return unprocessable(text, base_price=dec(nearest))


def _wash(ticket: Ticket, standing: Standing) -> ApiError:
    opposite = [order for order in standing.live if order.side != ticket.side and not order.over]
    first = opposite[0] if opposite else None
    unbound = (OrderType.MARKET, OrderType.STOP)
    crossing = [
        order
        for order in opposite
        if ticket.type in unbound or order.type in unbound or ticket.side * (ticket.limit - order.limit) >= 0
    ]
    if not crossing and first is not None:
        words = ("a long buy", "a short sell order") if ticket.side > 0 else ("a short sell", "a long buy order")
        return forbidden(f"cannot open {words[0]} while {words[1]} is open")
    met = crossing[0] if crossing else None
    kind = "market/stop" if met is not None and met.type in unbound else "limit"
    return forbidden(
        "potential wash trade detected. use complex orders",
        existing_order_id=met.id if met is not None else None,
        reject_reason=f"opposite side {kind} order exists",
    )


def _session(ticket: Ticket) -> ApiError:
    if ticket.tif == TimeInForce.OPG:
        return forbidden(OPG_TEXT)
    if ticket.tif == TimeInForce.CLS:
        return forbidden(CLS_TEXT)
    return forbidden(f"{ticket.tif.name.lower()} orders are accepted during market hours only")


def _rule(ticket: Ticket, price: int) -> ApiError:
    if ticket.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        where = "less" if ticket.side < 0 else "greater"
        facts = {"market_price": dec(price), "stop_price": dec(ticket.stop)}
        return unprocessable(f"stop price must be {where} than current price", **facts)
    return unprocessable("the venue does not take this combination of order terms")
