"""What the second venue refuses, as a list of rules in their order; the first that is broken is the reason."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.kernel.kinds import CommandKind, OrderType, Phase, RejectReason, TimeInForce
from tests.twin.venue_books import valued, worth

if TYPE_CHECKING:
    from tests.twin.venue import TwinVenue
    from tests.twin.venue_orders import Order

MINUTE = 60 * 10**9
SHARE = DOLLAR = 10**6
CENT = 10_000
PLAIN = (OrderType.MARKET, OrderType.LIMIT)
STAYING = (TimeInForce.DAY, TimeInForce.GTC)
BOOK = 12  # live orders of a symbol beyond which no other is taken


def refusal(venue: TwinVenue, c: Any, price: int) -> RejectReason | None:
    """The first rule that a COMMAND breaks at a market of `price`, or None."""
    return next((reason for broken, reason in _rules(venue, c, price) if broken), None)


def _rules(venue: TwinVenue, c: Any, price: int) -> Iterator[tuple[bool, RejectReason]]:
    simple, bracket = c["kind"] == CommandKind.SUBMIT, c["kind"] == CommandKind.SUBMIT_BRACKET
    kind, tif, side, qty = OrderType(c["type"]), TimeInForce(c["tif"]), int(c["side"]), int(c["qty"])
    limit, stop, target, stop_limit = (int(c[name]) for name in ("limit", "stop", "target", "stop_limit"))
    trailing = kind == OrderType.TRAILING_STOP
    yield not venue.tradable, RejectReason.NOT_TRADABLE
    yield venue.halted and bool(venue.rules.halt_reject), RejectReason.HALTED
    yield len(venue.live) > BOOK, RejectReason.ACCOUNT

    whole = qty % SHARE == 0
    yield qty <= 0 or (not whole and not (simple and tif == TimeInForce.DAY and not trailing)), RejectReason.QUANTITY
    yield not _form(c, kind, tif), RejectReason.ORDER_RULE
    yield _shut(venue, tif), RejectReason.SESSION

    prices = [limit] if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) and (simple or bracket) else []
    prices += [stop] if simple and kind in (OrderType.STOP, OrderType.STOP_LIMIT) else []
    prices += [] if simple else [target, stop, *([stop_limit] if stop_limit else [])]
    yield any(p <= 0 or p % (CENT if p >= DOLLAR else CENT // 100) for p in prices), RejectReason.PRICE_INCREMENT

    if simple:
        elected = kind in (OrderType.STOP, OrderType.STOP_LIMIT) and price > 0
        yield elected and side * stop <= side * price, RejectReason.ORDER_RULE
    else:
        base = (limit if kind == OrderType.LIMIT else price) if bracket else target
        out = -side if bracket else side  # an exit's stop lies in the direction of its own side
        wrong = out * stop < out * base + CENT or (price > 0 and out * stop < out * price + CENT)
        wrong = wrong or (bracket and out * target > out * base - CENT)
        yield wrong or bool(stop_limit and out * stop_limit < out * stop), RejectReason.BRACKET_GEOMETRY

    closing, position = venue.books.closes(side), venue.books.position
    if bracket:
        yield position != 0, RejectReason.NOT_ENTRY
    elif not simple:
        yield not closing, RejectReason.NOT_ENTRY
    else:
        against = [o for o in venue._book() if o.side != side and not o.parent and not o.sibling]
        yield any(position == 0 or _crosses(o, kind, side, limit) for o in against), RejectReason.WASH_TRADE
    if closing:
        yield qty > abs(position) - _held(venue, side), RejectReason.QUANTITY
    else:
        yield side < 0 and (not whole or venue.books.multiplier == 1), RejectReason.NOT_SHORTABLE
        cost = worth(qty, valued(kind, side, limit, stop, price))
        yield cost > venue.books.buying_power(venue._book()), RejectReason.BUYING_POWER


def _form(c: Any, kind: OrderType, tif: TimeInForce) -> bool:
    """Whether class, type, time in force and terms go together."""
    if c["kind"] != CommandKind.SUBMIT:
        types = PLAIN if c["kind"] == CommandKind.SUBMIT_BRACKET else (OrderType.LIMIT,)
        return kind in types and tif in STAYING and not c["extended"]
    if c["extended"] and not (kind == OrderType.LIMIT and tif in STAYING):
        return False
    if kind not in PLAIN and tif not in STAYING:
        return False
    if kind == OrderType.TRAILING_STOP:
        trail, part = int(c["stop"]), int(c["target"])
        return not c["limit"] and ((trail > 0 and not part) or (not trail and part >= 10**6))
    return not (kind in (OrderType.MARKET, OrderType.STOP) and c["limit"])


def _shut(venue: TwinVenue, tif: TimeInForce) -> bool:
    """Whether an auction is closed to orders, or the market to those that must fill at once."""
    evening = venue.hours.open + 570 * MINUTE
    if tif == TimeInForce.OPG:
        return venue.hours.open - 2 * MINUTE <= venue.now < evening
    if tif == TimeInForce.CLS:
        return venue.hours.close - 10 * MINUTE <= venue.now < evening
    return tif not in STAYING and venue.phase != Phase.REGULAR


def _crosses(order: Order, kind: OrderType, side: int, limit: int) -> bool:
    """Whether a new order could meet a live one of the other side."""
    if OrderType.TRAILING_STOP in (order.type, kind):
        return False
    free = (OrderType.MARKET, OrderType.STOP)
    return order.type in free or kind in free or side * limit >= side * order.limit


def _held(venue: TwinVenue, side: int) -> int:
    """Shares that exits of one side hold already; a pair holds them once."""
    holds = 0
    for order in venue._book():
        second = order.sibling and order.type != OrderType.LIMIT and order.state != "triggered"
        if order.side == side and order.state != "held" and not second:
            holds += order.rest
    return holds
