"""What a client asks for, read and checked as far as no market and no account is needed: the body of POST and PATCH.

The messages are Alpaca's. What depends on prices, hours, holdings or money is the venue's business (refusals.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.kernel.kinds import OrderType, TimeInForce
from core.kernel.units import MICRO, NANO, PENNY, QTY_LIMIT, SUB_PENNY
from sim.alpaca.errors import invalid, unprocessable
from sim.alpaca.order import TIFS, TYPES, Order
from sim.alpaca.text import dec, parse_bool, parse_micros

CLASSES = ("", "simple", "bracket", "oco", "oto")
LONGEST_ID = 128
SMALLEST_TRAIL = NANO // 1000


@dataclass(slots=True)
class Ticket:
    """An order as asked for; amounts micros, 0 where not given, side +1 or -1."""

    symbol: str
    side: int
    type: OrderType
    tif: TimeInForce
    qty: int = 0
    notional: int = 0
    limit: int = 0
    stop: int = 0
    trail: int = 0
    trail_share: int = 0
    extended: bool = False
    client_order_id: str = ""
    order_class: str = ""
    target: int = 0
    loss_stop: int = 0
    loss_limit: int = 0
    position_intent: str = ""

    @property
    def fractional(self) -> bool:
        """Whether it asks for a part of a share."""
        return self.notional > 0 or self.qty % MICRO != 0


def read_ticket(body: Any) -> Ticket:
    """The ticket in the body of POST /v2/orders. Raises ApiError with Alpaca's message."""
    if not isinstance(body, Mapping):
        raise invalid("request body must be a JSON object")
    order_class = _word(body, "order_class")
    if order_class not in CLASSES:
        raise invalid("invalid order_class")
    if not _word(body, "symbol"):
        raise invalid("symbol is required")
    kind = TYPES.get(_word(body, "type") or ("limit" if order_class == "oco" else ""))
    if kind is None:
        raise invalid("invalid order type")
    side = {"buy": 1, "sell": -1}.get(_word(body, "side"))
    if side is None:
        raise invalid("invalid side")
    tif = TIFS.get(_word(body, "time_in_force"))
    if tif is None:
        raise invalid("invalid time_in_force")
    ticket = Ticket(
        symbol=_word(body, "symbol"),
        side=side,
        type=kind,
        tif=tif,
        qty=_amount(body, "qty", "qty"),
        notional=_amount(body, "notional", "notional"),
        limit=_amount(body, "limit_price", "limit price"),
        stop=_amount(body, "stop_price", "stop price"),
        trail=_amount(body, "trail_price", "trail_price"),
        trail_share=_amount(body, "trail_percent", "trail_percent") * (NANO // MICRO) // 100,
        extended=_flag(body, "extended_hours"),
        client_order_id=_word(body, "client_order_id"),
        order_class="" if order_class == "simple" else order_class,
        position_intent=_word(body, "position_intent"),
    )
    _read_exits(ticket, body)
    _check_size(ticket)
    _check_prices(ticket)
    _check_class(ticket)
    _check_combination(ticket)
    return ticket


def _word(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise invalid(f"{key} must be a string")
    return value


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    try:
        return parse_bool(str(value))
    except ValueError:
        raise invalid(f"{key} must be a boolean") from None


def _amount(body: Mapping[str, Any], key: str, name: str) -> int:
    """Micros of a positive decimal, 0 when it is not given."""
    value = body.get(key)
    if value is None or value == "":
        return 0
    try:
        amount = parse_micros(value)
    except ValueError:
        raise invalid(f"{key} must be a decimal number") from None
    if amount <= 0:
        raise invalid(f"{name} must be > 0")
    return amount


def _part(body: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid(f"{key} must be an object")
    return value


def _read_exits(ticket: Ticket, body: Mapping[str, Any]) -> None:
    target, loss = _part(body, "take_profit"), _part(body, "stop_loss")
    ticket.target = _amount(target, "limit_price", "take_profit.limit_price")
    ticket.loss_stop = _amount(loss, "stop_price", "stop_loss.stop_price")
    ticket.loss_limit = _amount(loss, "limit_price", "stop_loss.limit_price")


def _check_size(ticket: Ticket) -> None:
    if not ticket.qty and not ticket.notional:
        raise invalid("qty or notional is required")
    if ticket.qty and ticket.notional:
        raise invalid("only one of qty or notional is accepted")
    if 0 < ticket.notional < MICRO:
        raise invalid("notional must be >= 1.00")
    if ticket.qty > QTY_LIMIT:
        raise invalid(f"qty must be <= {QTY_LIMIT // MICRO}")
    if len(ticket.client_order_id) > LONGEST_ID:
        raise invalid(f"client_order_id must be no more than {LONGEST_ID} characters")


def _check_prices(ticket: Ticket) -> None:
    """The prices that the type takes, and no other, each on the grid."""
    kind, limit, stop = ticket.type, ticket.limit, ticket.stop
    if kind == OrderType.LIMIT and not limit and not (ticket.order_class == "oco" and ticket.target):
        raise invalid("limit orders require a limit price")
    if kind == OrderType.STOP and not stop:
        raise invalid("stop orders require a stop price")
    if kind == OrderType.STOP_LIMIT and not (limit and stop):
        raise invalid("stop limit orders require both stop and limit price")
    if kind == OrderType.MARKET and (limit or stop):
        raise invalid("market orders require no stop or limit price")
    if kind == OrderType.LIMIT and stop:
        raise invalid("limit orders require no stop price")
    if kind == OrderType.STOP and limit:
        raise invalid("stop orders require no limit price")
    if kind == OrderType.TRAILING_STOP:
        if bool(ticket.trail) == bool(ticket.trail_share):
            raise invalid("trailing stop orders must specify one of trail_price or trail_percent")
        if ticket.trail_share and ticket.trail_share < SMALLEST_TRAIL:
            raise invalid("trail_percent must be >= 0.1")
    elif ticket.trail or ticket.trail_share:
        raise invalid("only trailing stop orders take trail_price or trail_percent")
    for name, price in (
        ("limit_price", limit),
        ("stop_price", stop),
        ("take_profit.limit_price", ticket.target),
        ("stop_loss.stop_price", ticket.loss_stop),
        ("stop_loss.limit_price", ticket.loss_limit),
    ):
        check_increment(name, price)


def check_increment(name: str, price: int) -> None:
    """Two decimals from a dollar up, four below. Raises ApiError."""
    if price % (PENNY if price >= MICRO else SUB_PENNY):
        text = "sub-penny increment does not fulfill minimum pricing criteria"
        raise unprocessable(f"invalid {name} {dec(price)}. {text}")


def _check_class(ticket: Ticket) -> None:
    kind = ticket.order_class
    if kind in ("bracket", "oco"):
        if not ticket.target:
            raise unprocessable(f"{kind} orders require take_profit.limit_price")
        if not ticket.loss_stop:
            raise unprocessable(f"{kind} orders require stop_loss.stop_price")
    if kind == "oto" and bool(ticket.target) == bool(ticket.loss_stop):
        raise unprocessable("oto orders require exactly one of take_profit or stop_loss")
    if kind == "oco" and ticket.type != OrderType.LIMIT:
        raise unprocessable("oco orders must be limit orders")
    if kind and ticket.type not in (OrderType.MARKET, OrderType.LIMIT):
        raise unprocessable(f"{kind} orders must be market or limit orders")
    if kind and ticket.tif not in (TimeInForce.DAY, TimeInForce.GTC):
        raise unprocessable(f"{kind} orders must be DAY or GTC orders")
    if not kind:  # exits without a class are ignored, as Alpaca does
        ticket.target = ticket.loss_stop = ticket.loss_limit = 0


def _check_combination(ticket: Ticket) -> None:
    """Type, time in force, session and fractions must go together."""
    if ticket.extended:
        if ticket.type in (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING_STOP):
            raise unprocessable("stop orders are not eligible for extended hours trading")
        day = ticket.tif in (TimeInForce.DAY, TimeInForce.GTC)
        if ticket.type != OrderType.LIMIT or not day or ticket.order_class:
            raise unprocessable("extended hours order must be DAY or GTC limit orders")
    if ticket.fractional:
        if ticket.tif != TimeInForce.DAY:
            raise unprocessable("fractional orders must be DAY orders")
        if ticket.order_class or ticket.type == OrderType.TRAILING_STOP:
            raise unprocessable("fractional orders must be simple orders")
        if ticket.notional and ticket.type != OrderType.MARKET:
            raise unprocessable("notional orders must be market orders")
    elected = ticket.type >= OrderType.STOP
    if elected and ticket.tif not in (TimeInForce.DAY, TimeInForce.GTC):
        name = ticket.type.name.lower()
        raise unprocessable(f"time_in_force {ticket.tif.name.lower()} is not valid for {name} orders")


@dataclass(slots=True)
class Change:
    """New terms for an order, micros; 0 and None leave what is there."""

    qty: int
    limit: int
    stop: int
    trail: int
    tif: TimeInForce | None
    client_order_id: str


def read_change(body: Any, order: Order) -> Change:
    """The change in the body of PATCH /v2/orders/{id}. Raises ApiError with Alpaca's message."""
    if not isinstance(body, Mapping):
        raise invalid("request body must be a JSON object")
    word = _word(body, "time_in_force")
    if word and word not in TIFS:
        raise invalid("invalid time_in_force")
    change = Change(
        qty=_amount(body, "qty", "qty"),
        limit=_amount(body, "limit_price", "limit price"),
        stop=_amount(body, "stop_price", "stop price"),
        trail=_amount(body, "trail", "trail"),
        tif=TIFS[word] if word else None,
        client_order_id=_word(body, "client_order_id"),
    )
    check_increment("limit_price", change.limit)
    check_increment("stop_price", change.stop)
    _check_change(change, order)
    return change


def _check_change(change: Change, order: Order) -> None:
    if order.status in ("accepted", "pending_new", "pending_cancel", "pending_replace"):
        raise unprocessable(f"cannot replace order in {order.status} status")
    if order.status == "replaced":
        raise unprocessable("order already replaced")
    if order.over:
        raise unprocessable("unable to replace order, order is not open")
    if order.notional or order.qty % MICRO:
        raise unprocessable("notional and fractional orders cannot be replaced")
    if order.order_class == "oto":
        raise unprocessable("oto orders cannot be replaced")
    if change.qty and change.qty % MICRO:
        raise invalid("qty must be a whole number of shares")
    if change.qty and change.qty != order.qty and order.order_class:
        raise unprocessable("qty cannot be changed for advanced orders")
    if change.qty and change.qty <= order.filled:
        raise unprocessable("qty must be > filled_qty")
    limited = order.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    stopped = order.type in (OrderType.STOP, OrderType.STOP_LIMIT)
    if (change.limit and not limited) or (change.stop and not stopped):
        raise invalid(f"{order.type.name.lower()} orders do not take this price")
    if change.trail and order.type != OrderType.TRAILING_STOP:
        raise invalid("only trailing stop orders take trail")
    kept = (
        change.qty in (0, order.qty),
        change.limit in (0, order.limit),
        change.stop in (0, order.stop),
        change.trail in (0, order.trail, order.trail_share * 100 * MICRO // NANO),
        change.tif in (None, order.tif),
    )
    if all(kept):
        raise unprocessable("order parameters are not changed")
    if len(change.client_order_id) > LONGEST_ID:
        raise invalid(f"client_order_id must be no more than {LONGEST_ID} characters")
