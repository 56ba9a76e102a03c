"""From a command of the engine to alpaca-py's order request, checked first.

What Alpaca is known to refuse is refused here, before a request is spent on it (sections 4.6 and 4.7 of its rules):

    quantity    more than zero; whole shares in every class but simple, and in every time in force but day
    prices      those that the type needs and no others; two decimals from $1 up, four below
    session     extended hours take limit orders, day or gtc, of the simple class
    classes     bracket with both legs, OTO with one, OCO with both and a limit parent; day or gtc
    geometry    long trade: target above stop by a cent at least, target above and stop below the entry's limit;
                the mirror image for a short one

alpaca-py's models hold amounts as floats, which JSON writes with the fewest digits that read back as the same float.
An amount that does not come back from there exactly is refused, too.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from alpaca.trading.enums import OrderClass, OrderSide, TimeInForce
from alpaca.trading.requests import (
    LimitOrderRequest,
    MarketOrderRequest,
    OrderRequest,
    StopLimitOrderRequest,
    StopLossRequest,
    StopOrderRequest,
    TakeProfitRequest,
)

from core.kernel.kinds import CommandKind, OrderType, RejectReason
from core.kernel.kinds import TimeInForce as Tif
from core.kernel.units import MICRO, PENNY, SUB_PENNY, decimal

Request: TypeAlias = OrderRequest

LONGEST_ID = 48
_REQUESTS: dict[int, type[OrderRequest]] = {
    OrderType.MARKET: MarketOrderRequest,
    OrderType.LIMIT: LimitOrderRequest,
    OrderType.STOP: StopOrderRequest,
    OrderType.STOP_LIMIT: StopLimitOrderRequest,
}
_TIFS = {tif: TimeInForce(tif.name.lower()) for tif in Tif}


class UnfitError(Exception):
    """An order that Alpaca would refuse; it has not been sent."""

    def __init__(self, reason: RejectReason, problem: str) -> None:
        super().__init__(problem)
        self.reason = reason


def order_request(command: np.void, symbol: str, client_order_id: str) -> Request:
    """alpaca-py's request for a SUBMIT, SUBMIT_BRACKET or SUBMIT_OCO; raises UnfitError."""
    check(command, client_order_id)
    kind = int(command["kind"])
    terms: dict[str, Any] = {
        "symbol": symbol,
        "qty": _number(int(command["qty"])),
        "side": OrderSide.BUY if command["side"] > 0 else OrderSide.SELL,
        "time_in_force": _TIFS[Tif(int(command["tif"]))],
        "client_order_id": client_order_id,
    }
    if kind == CommandKind.SUBMIT_OCO:
        return LimitOrderRequest(**terms, **_legs(command), order_class=OrderClass.OCO)
    if command["limit"]:
        terms["limit_price"] = _number(int(command["limit"]))
    if kind == CommandKind.SUBMIT_BRACKET:
        both = command["target"] and command["stop"]
        terms |= _legs(command) | {"order_class": OrderClass.BRACKET if both else OrderClass.OTO}
    elif command["stop"]:
        terms["stop_price"] = _number(int(command["stop"]))
    if command["extended"]:
        terms["extended_hours"] = True
    return _REQUESTS[int(command["type"])](**terms)


def _legs(command: np.void) -> dict[str, Any]:
    legs: dict[str, Any] = {}
    if command["target"]:
        legs["take_profit"] = TakeProfitRequest(limit_price=_number(int(command["target"])))
    if command["stop"]:
        limit = int(command["stop_limit"])
        stop = _number(int(command["stop"]))
        legs["stop_loss"] = StopLossRequest(stop_price=stop, limit_price=_number(limit) if limit else None)
    return legs


def _number(amount: int) -> float:
    """Micros as the float that JSON writes back as the same decimal."""
    value = float(decimal(amount))
    if round(value * MICRO) != amount or value == 0.0:
        raise UnfitError(RejectReason.ORDER_RULE, f"{decimal(amount)} has no exact form in alpaca-py's request")
    return value


def check(command: np.void, client_order_id: str) -> None:
    """Refuse what Alpaca is known to refuse; raises UnfitError."""
    _check_size(command, client_order_id)
    _check_prices(command)
    _check_session(command)
    if command["kind"] != CommandKind.SUBMIT:
        _check_group(command)


def _check_size(command: np.void, client_order_id: str) -> None:
    if len(client_order_id) > LONGEST_ID:
        raise UnfitError(RejectReason.ORDER_RULE, f"a client order id of {len(client_order_id)} characters")
    if command["qty"] <= 0:
        raise UnfitError(RejectReason.QUANTITY, "qty must be > 0")
    plain_day = command["kind"] == CommandKind.SUBMIT and command["tif"] == Tif.DAY
    if command["qty"] % MICRO and not plain_day:
        raise UnfitError(RejectReason.QUANTITY, "a fraction of a share must be a simple day order")


def _check_prices(command: np.void) -> None:
    type_, oco = int(command["type"]), command["kind"] == CommandKind.SUBMIT_OCO
    if type_ not in _REQUESTS:
        raise UnfitError(RejectReason.ORDER_RULE, "this order type is not sent from here")
    if command["kind"] == CommandKind.SUBMIT_BRACKET and type_ not in (OrderType.MARKET, OrderType.LIMIT):
        raise UnfitError(RejectReason.ORDER_RULE, "the entry of a bracket is a market or limit order")
    has_limit = type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    if bool(command["limit"]) != has_limit and not oco:
        raise UnfitError(RejectReason.ORDER_RULE, "a limit price belongs to limit orders, and to no others")
    has_stop = type_ in (OrderType.STOP, OrderType.STOP_LIMIT)
    if command["kind"] == CommandKind.SUBMIT and bool(command["stop"]) != has_stop:
        raise UnfitError(RejectReason.ORDER_RULE, "a stop price belongs to stop orders, and to no others")
    for name in ("limit", "stop", "target", "stop_limit"):
        price = int(command[name])
        if price < 0 or price % (PENNY if price >= MICRO else SUB_PENNY):
            raise UnfitError(RejectReason.PRICE_INCREMENT, f"{name} {decimal(price)} is off the price grid")


def _check_session(command: np.void) -> None:
    tif = int(command["tif"])
    long_lived = tif in (Tif.DAY, Tif.GTC)
    if command["type"] in (OrderType.STOP, OrderType.STOP_LIMIT) and not long_lived:
        raise UnfitError(RejectReason.ORDER_RULE, "stop orders are day or gtc")
    if command["kind"] != CommandKind.SUBMIT and not long_lived:
        raise UnfitError(RejectReason.ORDER_RULE, "bracket, OTO and OCO orders are day or gtc")
    simple_limit = command["kind"] == CommandKind.SUBMIT and command["type"] == OrderType.LIMIT and long_lived
    if command["extended"] and not simple_limit:
        raise UnfitError(RejectReason.SESSION, "extended hours take simple day or gtc limit orders")


def _check_group(command: np.void) -> None:
    """Geometry, seen from the trade: an OCO's own side is the exit's, a bracket's the entry's."""
    oco = command["kind"] == CommandKind.SUBMIT_OCO
    long = (command["side"] > 0) != oco
    sign = 1 if long else -1
    target, stop = sign * int(command["target"]), sign * int(command["stop"])
    if (oco and not (target and stop)) or not (target or stop):
        raise UnfitError(RejectReason.BRACKET_GEOMETRY, "an OCO needs both legs, a bracket two, an OTO one")
    if oco and command["type"] != OrderType.LIMIT:
        raise UnfitError(RejectReason.ORDER_RULE, "the parent of an OCO is its target, a limit order")
    if target and stop and target < stop + PENNY:
        raise UnfitError(RejectReason.BRACKET_GEOMETRY, "the target must be beyond the stop by a cent")
    base = 0 if oco else sign * int(command["limit"])
    if base and ((target and target < base + PENNY) or (stop and stop > base - PENNY)):
        raise UnfitError(RejectReason.BRACKET_GEOMETRY, "target and stop must lie a cent on either side of the entry")
    limit = sign * int(command["stop_limit"])
    if limit and limit > stop:
        raise UnfitError(RejectReason.BRACKET_GEOMETRY, "the limit of a stop must not be before the stop")
