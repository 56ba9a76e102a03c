"""The venue's book: orders enter it, begin to work, and leave it, and the engine is told.

Orders live in a ring of slots by their number, and each symbol keeps a short list of those that are alive. A bracket
is an entry with two sleeping exits, which name it as their parent and each other as siblings; an OCO is two such
exits without a parent. A trailing stop's command carries its distance in `stop`, or its share of the price (nanos) in
`target`.
"""

from __future__ import annotations

from core.kernel.compiled import kernel
from core.kernel.kinds import CommandKind, EventKind, OrderType, Phase, Role, TimeInForce
from core.kernel.records import MAX_ORDERS
from core.kernel.types import Command
from sim import messages, script
from sim.fills import collar_limit
from sim.latency import delay, identity
from sim.paths import price_at
from sim.records import TAPE, Stand, To
from sim.types import Queue, Venue, VenueOrder, VenueSymbol


@kernel
def heard_at(v: Venue, symbol: int, wait: int) -> int:
    """When news that takes `wait` is heard: on one stream, so never before older news of the same symbol."""
    vs = v.symbol[symbol]
    vs.told = max(vs.told, v.now + wait)
    return vs.told


@kernel
def tell(v: Venue, q: Queue, o: VenueOrder, kind: int, base: int, code: int) -> int:
    """Send news of an order to the engine; returns the message's slot."""
    wait = delay(v.profile, base, identity(o.intent, o.leg), 16 * kind + o.fills)
    if kind == EventKind.ORDER_ACCEPTED:
        wait = script.accept_wait(v, o, wait)
    slot = messages.post_event(q, heard_at(v, o.symbol, wait), To.ENGINE.value)
    e = q.events[slot]
    e.kind = kind
    e.t_market = v.now
    e.order = o.id
    e.symbol = o.symbol
    e.intent = o.intent
    e.code = code
    e.qty = o.qty
    messages.send(q, slot)
    return slot


@kernel
def tell_execution(v: Venue, q: Queue, o: VenueOrder, number: int) -> int:
    """Send an execution to the engine by its place on the tape; returns the message's slot."""
    x = v.tape[number % TAPE]
    wait = delay(v.profile, v.profile.fill_latency, identity(o.intent, o.leg), 7 + o.fills)
    wait = script.fill_wait(v, o, wait)
    slot = messages.post_event(q, heard_at(v, o.symbol, wait), To.ENGINE.value)
    e = q.events[slot]
    e.kind = EventKind.FILL
    e.t_market = x.time
    e.order = o.id
    e.symbol = o.symbol
    e.intent = o.intent
    e.execution = x.id
    e.qty = x.qty
    e.price = x.price
    e.cum_qty = x.cum
    e.amount = x.fee
    messages.send(q, slot)
    return slot


@kernel
def current_price(v: Venue, vs: VenueSymbol) -> int:
    """The price an arriving order is judged by: the path where there is one, else the last trade."""
    if vs.points > 0:
        return price_at(vs, v.now)
    return vs.last


@kernel
def enter(v: Venue, c: Command, number: int, leg: VenueOrder, role: int, type_: int, side: int, mid: int) -> VenueOrder:
    """Enter an order into the book's ring, with the terms that all orders of a command share."""
    o = v.orders[number % MAX_ORDERS]
    assert o.stand == Stand.NONE or o.stand == Stand.DONE, "the slot's order is still alive"
    o.id = number
    o.intent = c.intent
    o.leg = leg
    o.symbol = c.symbol
    o.side = side
    o.role = role
    o.type = type_
    o.tif = c.tif
    o.extended = c.extended
    o.qty = c.qty
    o.filled = o.paid = o.limit = o.stop = o.trail = o.trail_share = o.high = o.parent = o.sibling = o.reason = 0
    o.accepted = o.activated = o.triggered = o.first_fill = o.filled_at = 0
    o.canceled = o.expired = o.rejected = o.terminal = o.fills = o.next_try = 0
    o.unanswered = 0
    o.arrived = v.now
    o.decided = c.created
    o.mid_decision = mid
    o.mid_arrival = 0
    o.session = v.session
    o.stand = Stand.QUEUED
    return o


@kernel
def enter_order(v: Venue, c: Command, mid: int) -> VenueOrder:
    """Enter the order that a command is for: a plain one, a bracket's entry, or an OCO's target."""
    o = enter(v, c, c.order, c.leg, c.role, c.type, c.side, mid)
    o.limit = c.limit
    if c.kind == CommandKind.SUBMIT_OCO:
        o.limit = c.target
        o.sibling = c.stop_order
    elif c.kind == CommandKind.SUBMIT:
        if c.type == OrderType.TRAILING_STOP:
            o.trail = c.stop
            o.trail_share = c.target
        else:
            o.stop = c.stop
    return o


@kernel
def enter_leg(v: Venue, c: Command, role: int, mid: int) -> VenueOrder:
    """Enter a sleeping exit of a group."""
    bracket = c.kind == CommandKind.SUBMIT_BRACKET
    side = -c.side if bracket else c.side
    if role == Role.TARGET:
        o = enter(v, c, c.target_order, c.leg + 1, role, OrderType.LIMIT.value, side, mid)
        o.limit = c.target
        o.sibling = c.stop_order
    else:
        type_ = OrderType.STOP_LIMIT.value if c.stop_limit > 0 else OrderType.STOP.value
        o = enter(v, c, c.stop_order, c.leg + (2 if bracket else 1), role, type_, side, mid)
        o.stop = c.stop
        o.limit = c.stop_limit
        o.sibling = c.target_order if bracket else c.order
    o.parent = c.order if bracket else 0
    o.stand = Stand.HELD
    o.accepted = v.now
    return o


@kernel
def enlist(v: Venue, o: VenueOrder) -> None:
    """Add an order to its symbol's live list."""
    vs = v.symbol[o.symbol]
    vs.live[vs.live_count] = o.id
    vs.live_count += 1


@kernel
def can_work(v: Venue, vs: VenueSymbol, o: VenueOrder) -> int:
    """Whether an accepted order may start: trading goes on, in hours that it takes part in, and not by auction."""
    hours = v.phase == Phase.REGULAR or (o.extended != 0 and v.phase != Phase.CLOSED)
    return hours and vs.halted == 0 and vs.stuck <= v.now and o.tif != TimeInForce.OPG and o.tif != TimeInForce.CLS


@kernel
def activate(v: Venue, q: Queue, vs: VenueSymbol, o: VenueOrder) -> None:
    """An order begins to work, and with the target of a group its stop: silently, as Alpaca's passive leg does."""
    _begin(v, vs, o)
    if o.type != OrderType.MARKET:
        tell(v, q, o, EventKind.ORDER_WORKING.value, v.profile.ack_latency, 0)
    slot = alive(v, o.sibling)
    if slot >= 0:
        _begin(v, vs, v.orders[slot])


@kernel
def _begin(v: Venue, vs: VenueSymbol, o: VenueOrder) -> None:
    o.stand = Stand.WORKING
    o.activated = v.now
    o.arrived = v.now
    o.high = o.mid_arrival = current_price(v, vs)
    if o.type == OrderType.STOP and o.side > 0 and v.profile.collar != 0:
        o.limit = collar_limit(o.stop)


@kernel
def refuse(v: Venue, o: VenueOrder, reason: int) -> None:
    """An order that was never taken; it is kept for the record."""
    o.stand = Stand.DONE
    o.reason = reason
    o.accepted = 0
    o.rejected = o.terminal = v.now


@kernel
def end(v: Venue, q: Queue, o: VenueOrder, kind: int) -> None:
    """A live order ends without (further) execution."""
    delist(v, o)
    o.stand = Stand.DONE
    o.terminal = v.now
    if kind == EventKind.ORDER_CANCELED:
        o.canceled = v.now
    else:
        o.expired = v.now
    tell(v, q, o, kind, v.profile.ack_latency, 0)


@kernel
def delist(v: Venue, o: VenueOrder) -> None:
    """Take an order out of its symbol's live list."""
    vs = v.symbol[o.symbol]
    n = vs.live_count
    for i in range(n):
        if vs.live[i] == o.id:
            for k in range(i, n - 1):
                vs.live[k] = vs.live[k + 1]
            vs.live_count = n - 1
            return
    raise AssertionError("the order is not in its symbol's live list")


@kernel
def alive(v: Venue, number: int) -> int:
    """Slot of a live order, or -1."""
    slot = number % MAX_ORDERS
    o = v.orders[slot]
    return slot if number > 0 and o.id == number and o.stand != Stand.DONE else -1
