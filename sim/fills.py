"""Fill rules on bars: when an order next does something along its symbol's path, and at what price.

    market          at the first moment it is there: the path's price, half the spread and the slippage against us
    limit, arriving marketable   min(limit, ask); the rest stays
    limit, resting  `touch` profiles (Alpaca paper): when ask <= limit, at the ask but never worse than the limit;
                    others: when the path goes *through* the limit, at the limit, or at the price it opened beyond it
    stop            when the path reaches it, at the stop; opened beyond it: at that open. Then spread and slippage
    buy stop        with `collar` it is Alpaca's stop-limit: 4 % above below $50, 2.5 % from there; a wider gap rests
    stop-limit      from its trigger on a limit, on the rest of the path only
    trailing stop   its high-water mark starts at the price on arrival and follows prices already visited

Limits are never worsened. A bar without volume fills nothing. All orders of a symbol together take at most
`participation` of a bar's volume, in whole shares. Where a quote of the minute's start is known, whatever takes the
market at that moment takes the quote. Buying and selling are mirrored through `side` (+1, -1): a limit price times
side is an upper bound for either.
"""

from __future__ import annotations

import numpy as np

from core.kernel.compiled import kernel
from core.kernel.digest import mix, unit
from core.kernel.kinds import OrderType, Phase, TimeInForce
from core.kernel.units import MICRO, NANO, share, tick_down
from sim import script
from sim.latency import identity
from sim.paths import price_at, reach_time
from sim.records import Rule, Stand
from sim.types import Venue, VenueOrder, VenueSymbol

NEVER = 2**62
RETRY = 1_000_000_000  # the rest of a random partial fill is looked at again after a second
COLLAR_LOW = 40_000_000
COLLAR_HIGH = 25_000_000
COLLAR_EDGE = 50 * MICRO


@kernel
def acts_as_market(o: VenueOrder) -> bool:
    """A market order, or a stop that has triggered and is not bound by a limit."""
    if o.type == OrderType.MARKET:
        return True
    return o.stand == Stand.TRIGGERED and o.limit == 0


@kernel
def acts_as_limit(o: VenueOrder) -> bool:
    """A limit order, or a triggered stop-limit."""
    return o.type == OrderType.LIMIT or (o.stand == Stand.TRIGGERED and o.limit > 0)


@kernel
def collar_limit(stop: int) -> int:
    """Limit of a buy stop at Alpaca, rounded down to the price increment."""
    return tick_down(stop + share(stop, COLLAR_LOW if stop < COLLAR_EDGE else COLLAR_HIGH))


@kernel
def due_time(v: Venue, vs: VenueSymbol, o: VenueOrder) -> int:
    """When the order next fills or triggers within the minute's path; NEVER if it does not."""
    if o.stand != Stand.WORKING and o.stand != Stand.TRIGGERED:
        return NEVER
    row = script.next_fill(v, o)
    if row != script.UNKNOWN:
        when = script.due(v, o, row, max(vs.cursor, o.arrived), vs.time[vs.points - 1])
        return when if when >= 0 else NEVER
    if v.phase != Phase.REGULAR and o.extended == 0:
        return NEVER
    if available(v, vs, o) <= 0:
        return NEVER
    start = max(vs.cursor, o.next_try, o.arrived)
    if start > vs.time[vs.points - 1]:
        return NEVER
    if acts_as_market(o):
        return start
    if acts_as_limit(o):
        return _limit_due(v, vs, o, start)
    if o.type == OrderType.TRAILING_STOP:
        return _trailing_due(vs, o, start)
    return _crossing(vs, start, o.stop, o.side, 0)


@kernel
def _crossing(vs: VenueSymbol, start: int, level: int, side: int, strict: int) -> int:
    """First time from `start` at which side * price >= side * level (strict: >)."""
    if side * (price_at(vs, start) - level) >= strict:
        return start
    for k in range(vs.points - 1):
        if vs.time[k + 1] > start and side * (vs.price[k + 1] - level) >= strict:
            return max(reach_time(vs, k, level), start)
    return NEVER


@kernel
def _limit_due(v: Venue, vs: VenueSymbol, o: VenueOrder, start: int) -> int:
    """A buy waits for the path to fall to its level: for the ask to meet it, or to be gone through."""
    touch = v.profile.touch != 0
    if (touch or _arriving(o, start)) and meets(vs, o, start):
        return start
    if touch:
        return _crossing(vs, start, o.limit - o.side * vs.half, -o.side, 0)
    return _crossing(vs, start, o.limit, -o.side, 1)


@kernel
def _arriving(o: VenueOrder, time: int) -> bool:
    """Whether an order meets the market for the first time: it arrives there, or has just triggered."""
    return o.fills == 0 and (time == o.arrived or time == o.triggered)


@kernel
def base_price(vs: VenueSymbol, time: int) -> int:
    """The middle of the quote at the path's first moment, where it is known; else the path's price."""
    return vs.mid if vs.mid > 0 and time == vs.time[0] else price_at(vs, time)


@kernel
def meets(vs: VenueSymbol, o: VenueOrder, time: int) -> bool:
    """Whether the far side of the market at `time` is within the order's limit."""
    return o.side * (base_price(vs, time) + o.side * vs.half - o.limit) <= 0


@kernel
def _trailing_due(vs: VenueSymbol, o: VenueOrder, start: int) -> int:
    """Walk the path with the high-water mark of a sell (low of a buy) until it gives back the trail."""
    p = price_at(vs, start)
    best = _better(o, o.high, p)
    if o.side * (p - trigger_level(o, best)) >= 0:
        return start
    for k in range(1, vs.points):
        if vs.time[k] > start:
            level = trigger_level(o, best)
            if o.side * (vs.price[k] - level) >= 0:
                return max(reach_time(vs, k - 1, level), start)
            best = _better(o, best, vs.price[k])
    return NEVER


@kernel
def _better(o: VenueOrder, a: int, b: int) -> int:
    """The more favourable of two prices for a trailing stop: the higher for a sell."""
    return min(a, b) if o.side > 0 else max(a, b)


@kernel
def trigger_level(o: VenueOrder, best: int) -> int:
    """Where a trailing stop triggers whose best price so far is `best`."""
    return best + o.side * (o.trail + share(best, o.trail_share))


@kernel
def follow(vs: VenueSymbol, o: VenueOrder, until: int) -> None:
    """Move a trailing stop's high-water mark over the prices visited since it last was, or arrived, up to `until`."""
    since = max(vs.cursor, o.arrived)
    if until < since:
        return
    o.high = _better(o, o.high, price_at(vs, since))
    for k in range(vs.points):
        if since < vs.time[k] <= until:
            o.high = _better(o, o.high, vs.price[k])
    o.high = _better(o, o.high, price_at(vs, until))


@kernel
def slip(v: Venue, vs: VenueSymbol, price: int, qty: int) -> int:
    """Slippage a share in micros: fixed share of the price plus square-root impact Y * sigma * sqrt(q / ADV)."""
    g = share(price, v.profile.slippage)
    if v.profile.impact > 0 and vs.adv > 0 and vs.sigma > 0:
        root = np.sqrt(float(qty) / float(vs.adv))
        g += int(float(price) * (v.profile.impact / NANO) * (vs.sigma / NANO) * root)
    return g


@kernel
def available(v: Venue, vs: VenueSymbol, o: VenueOrder) -> int:
    """Quantity that may execute now: the rest of the order within the participation cap, capped to whole shares."""
    rest = o.qty - o.filled
    if v.profile.participation > 0 and rest > vs.room:
        rest = vs.room - vs.room % MICRO
    return rest


@kernel
def partial(v: Venue, o: VenueOrder, qty: int) -> int:
    """Random partial fills: with the profile's probability, or a fault's, a drawn part of the shares."""
    chance = max(v.profile.partial, v.symbol[o.symbol].partial)
    if chance == 0 or qty < 2 * MICRO or o.tif == TimeInForce.FOK:
        return qty
    h = mix(mix(v.profile.seed, identity(o.intent, o.leg)), o.fills)
    if unit(h) * NANO >= chance:
        return qty
    shares = qty // MICRO
    return (1 + int(unit(mix(h, 1)) * (shares - 1))) * MICRO


@kernel
def market_price(v: Venue, vs: VenueSymbol, o: VenueOrder, time: int, qty: int) -> tuple[int, int, int]:
    """Price before costs, price, and rule of an order that takes what there is at `time`; a collar still binds it."""
    side = o.side
    raw = base_price(vs, time)
    if o.type >= OrderType.STOP:
        jumped = time == o.triggered and side * (price_at(vs, time) - o.stop) > 0
        rule = Rule.STOP_GAP.value if jumped else Rule.STOP.value
    elif time == vs.time[0]:
        rule = Rule.NBBO.value if vs.mid > 0 else Rule.OPEN.value
    else:
        rule = Rule.PATH.value
    price = max(raw + side * (vs.half + slip(v, vs, raw, qty)), 1)
    if o.limit > 0:
        price = min(price, o.limit) if side > 0 else max(price, o.limit)
    return raw, price, rule


@kernel
def limit_price(v: Venue, vs: VenueSymbol, o: VenueOrder, time: int) -> tuple[int, int, int]:
    """Price before costs, price, and rule of a limit that is due at `time`."""
    side = o.side
    raw = base_price(vs, time)
    price = o.limit
    if v.profile.touch != 0 or _arriving(o, time):
        price = raw + side * vs.half
    elif time == vs.time[0] or time == vs.resumed:
        raw = price_at(vs, time)
        price = raw
    price = min(o.limit, price) if side > 0 else max(o.limit, price)
    return raw, price, Rule.LIMIT_TOUCH.value if price == o.limit else Rule.LIMIT_IMPROVED.value
