"""The venue's rules for taking an order: what Alpaca would refuse, and why.

`refusal` looks and changes nothing. It answers with a RejectReason, or -1 when the order may stand. The rules are
asked from the order's own form outwards: its terms, the hour, its prices, the market, the account.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import CommandKind, OrderType, Phase, RejectReason, TimeInForce
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Command
from core.kernel.units import MICRO, MINUTE, NANO, PENNY, notional, share, tick
from sim.records import LIVE_ORDERS, Stand
from sim.types import Venue, VenueOrder, VenueSymbol

FINE = -1
OPG_SHUTS = 2 * MINUTE  # before the open: 09:28
CLS_SHUTS = 10 * MINUTE  # before the close: 15:50
AUCTIONS_REOPEN = 570 * MINUTE  # after the open: 19:00, for the next session
SMALLEST_TRAIL = 1_000_000  # share of the price: 0.1 %
SHORT_COLLAR = 30_000_000  # what a short sale is valued at above the price: 3 %


@kernel
def refusal(v: Venue, c: Command, price: int) -> int:
    """Why this order cannot stand, at a current price of the symbol (0 = none yet); -1 if it can."""
    vs = v.symbol[c.symbol]
    if v.orders[c.order % MAX_ORDERS].id == c.order:
        return RejectReason.DUPLICATE_ID.value
    if vs.tradable == 0:
        return RejectReason.NOT_TRADABLE.value
    if vs.halted != 0 and v.profile.halt_reject != 0:
        return RejectReason.HALTED.value
    if vs.live_count > LIVE_ORDERS - 4:
        return RejectReason.ACCOUNT.value
    reason = _form(c)
    if reason == FINE:
        reason = _hours(v, c)
    if reason == FINE:
        reason = _increments(c)
    if reason == FINE:
        reason = _geometry(c, price)
    if reason == FINE:
        reason = _holdings(v, vs, c)
    if reason == FINE:
        reason = _means(v, vs, c, price)
    return reason


@kernel
def _form(c: Command) -> int:
    """Quantity, class, type, time in force and terms must go together (Alpaca's matrix)."""
    simple = c.kind == CommandKind.SUBMIT
    fractions = simple and c.tif == TimeInForce.DAY and c.type != OrderType.TRAILING_STOP
    if c.qty <= 0 or (c.qty % MICRO != 0 and not fractions):
        return RejectReason.QUANTITY.value
    good = c.type <= OrderType.LIMIT or c.tif <= TimeInForce.GTC
    if c.extended != 0:
        good = simple and c.type == OrderType.LIMIT and c.tif <= TimeInForce.GTC
    if not simple:
        good = c.type <= OrderType.LIMIT and c.tif <= TimeInForce.GTC and c.extended == 0
        if c.kind == CommandKind.SUBMIT_OCO:
            good = good and c.type == OrderType.LIMIT
    elif c.type == OrderType.TRAILING_STOP:
        one = (c.stop > 0 and c.target == 0) or (c.stop == 0 and c.target >= SMALLEST_TRAIL)
        good = good and one and c.limit == 0
    elif c.type == OrderType.STOP or c.type == OrderType.MARKET:
        good = good and c.limit == 0
    return FINE if good else RejectReason.ORDER_RULE.value


@kernel
def _hours(v: Venue, c: Command) -> int:
    """Auction orders have their windows, and what must fill at once needs an open market."""
    now = v.now
    reopened = v.session_open + AUCTIONS_REOPEN
    shut = c.tif >= TimeInForce.IOC and v.phase != Phase.REGULAR
    if c.tif == TimeInForce.OPG:
        shut = v.session_open - OPG_SHUTS <= now < reopened
    elif c.tif == TimeInForce.CLS:
        shut = v.session_close - CLS_SHUTS <= now < reopened
    return RejectReason.SESSION.value if shut else FINE


@kernel
def _increments(c: Command) -> int:
    """Every price of the order on the minimum increment."""
    group = c.kind != CommandKind.SUBMIT
    limit = c.type == OrderType.LIMIT or c.type == OrderType.STOP_LIMIT
    stop = c.type == OrderType.STOP or c.type == OrderType.STOP_LIMIT
    bad = limit and c.kind != CommandKind.SUBMIT_OCO and _off_grid(c.limit)
    if group:
        bad = bad or (_has_target(c) and _off_grid(c.target)) or (_has_stop(c) and _off_grid(c.stop))
        bad = bad or (c.stop_limit != 0 and _off_grid(c.stop_limit))
    elif stop:
        bad = bad or _off_grid(c.stop)
    return RejectReason.PRICE_INCREMENT.value if bad else FINE


@kernel
def _has_target(c: Command) -> bool:
    """Whether a group has a target; an entry with one exit (OTO) may have either."""
    return c.kind == CommandKind.SUBMIT_OCO or c.target_order > 0


@kernel
def _has_stop(c: Command) -> bool:
    return c.stop_order > 0


@kernel
def _off_grid(price: int) -> bool:
    return price <= 0 or price % tick(price) != 0


@kernel
def _geometry(c: Command, price: int) -> int:
    """Exits at least a cent to their own side of the entry's price and of the market; stops beyond the market."""
    if c.kind == CommandKind.SUBMIT:
        elected = c.type == OrderType.STOP or c.type == OrderType.STOP_LIMIT
        late = elected and price > 0 and c.side * (c.stop - price) <= 0
        return RejectReason.ORDER_RULE.value if late else FINE
    bracket = c.kind == CommandKind.SUBMIT_BRACKET
    side = -c.side if bracket else c.side
    base = price
    if not bracket:
        base = c.target
    elif c.type == OrderType.LIMIT:
        base = c.limit
    bad = bracket and _has_target(c) and side * (base - c.target) < PENNY
    if _has_stop(c):
        bad = bad or side * (c.stop - base) < PENNY or (price > 0 and side * (c.stop - price) < PENNY)
        bad = bad or (c.stop_limit != 0 and side * (c.stop_limit - c.stop) < 0)
    return RejectReason.BRACKET_GEOMETRY.value if bad else FINE


@kernel
def _holdings(v: Venue, vs: VenueSymbol, c: Command) -> int:
    """A group's place is before or behind a position, and nobody trades with himself."""
    closing = vs.position != 0 and (vs.position > 0) != (c.side > 0)
    if c.kind == CommandKind.SUBMIT_BRACKET:
        return FINE if vs.position == 0 else RejectReason.NOT_ENTRY.value
    if c.kind == CommandKind.SUBMIT_OCO:
        return FINE if closing else RejectReason.NOT_ENTRY.value
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        opposed = o.side != c.side and o.parent == 0 and o.sibling == 0
        if opposed and (_could_cross(o, c) or (vs.position == 0)):
            return RejectReason.WASH_TRADE.value
    return FINE


@kernel
def _could_cross(o: VenueOrder, c: Command) -> bool:
    """Whether a live order and a new one of the other side could trade with each other; trailing stops are exempt."""
    if o.type == OrderType.TRAILING_STOP or c.type == OrderType.TRAILING_STOP:
        return False
    if _unbound(o) or _unbound(c):
        return True
    return c.side * (c.limit - o.limit) >= 0


@kernel
def _unbound(o: VenueOrder) -> bool:
    return o.type == OrderType.MARKET or o.type == OrderType.STOP


@kernel
def _means(v: Venue, vs: VenueSymbol, c: Command, price: int) -> int:
    """Shares to close with, or the right and the money to open; no order crosses through zero."""
    if vs.position != 0 and (vs.position > 0) != (c.side > 0):
        free = abs(vs.position) - held(v, vs, c.side)
        return FINE if c.qty <= free else RejectReason.QUANTITY.value
    if c.side < 0 and (v.multiplier == 1 or c.qty % MICRO != 0):
        return RejectReason.NOT_SHORTABLE.value
    cost = notional(c.qty, valuation(c, price))
    return FINE if cost <= buying_power(v) else RejectReason.BUYING_POWER.value


@kernel
def held(v: Venue, vs: VenueSymbol, side: int) -> int:
    """Quantity that live exits of one side already hold; the two legs of a group hold it once."""
    total = 0
    for i in range(vs.live_count):
        o = v.orders[vs.live[i] % MAX_ORDERS]
        shared = o.sibling != 0 and o.type != OrderType.LIMIT and o.stand != Stand.TRIGGERED
        if o.side == side and o.stand != Stand.HELD and not shared:
            total += o.qty - o.filled
    return total


@kernel
def valuation(o: VenueOrder, price: int) -> int:
    """What a share of an opening order is taken to cost: its limit, else its stop, else the price.

    A short sale counts at 3 % above the price, or at its limit where that is more.
    """
    cost = price
    if o.limit > 0:
        cost = o.limit
    elif o.type == OrderType.STOP:
        cost = o.stop
    if o.side < 0:
        cost = max(cost, price + share(price, SHORT_COLLAR))
    return max(cost, 1)


@kernel
def buying_power(v: Venue) -> int:
    """The broker's own figure: multiplier times equity, less gross exposure and what working entries may cost."""
    equity = v.cash
    gross = 0
    working = 0
    for s in range(v.symbols):
        vs = v.symbol[s]
        if vs.position != 0:
            value = notional(vs.position, vs.last)
            equity += value
            gross += abs(value)
        for i in range(vs.live_count):
            o = v.orders[vs.live[i] % MAX_ORDERS]
            opening = vs.position == 0 or (vs.position > 0) == (o.side > 0)
            if opening and o.stand != Stand.HELD:
                working += notional(o.qty - o.filled, valuation(o, vs.last))
    power = v.cash - working if v.multiplier == 1 else v.multiplier * equity - gross - working
    return share(power, v.power) if v.power != NANO and power > 0 else power
